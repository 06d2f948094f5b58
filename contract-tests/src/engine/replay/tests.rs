//! The cases of a document with features that no service of the store has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    bodies,
    case::{Case, valid_request},
    limits,
};
use crate::engine::{
    contract::{Document, Operation},
    deployment::Deployment,
    exchange::{Request, Response},
    facets, made_up,
};

fn operation<'a>(document: &'a Document, id: &str) -> &'a Operation {
    document.operations.iter().find(|operation| operation.id == id).unwrap()
}

fn valid(operation: &Operation) -> Request {
    valid_request(operation, &Deployment::default())
}

fn by_name(cases: Vec<Case>) -> BTreeMap<String, Case> {
    let short = |case: Case| (case.name.split_once("::").unwrap().1.to_owned(), case);
    cases.into_iter().map(short).collect()
}

#[test]
fn every_part_of_a_body_has_cases() {
    let document = made_up::document();
    let replace = operation(&document, "replace_parcel");
    let cases = by_name(bodies::fields(replace, &valid(replace)));
    for (name, text) in [
        ("without_address", Some("Missing fields")),
        ("without_address.city", Some("Missing fields")),
        ("with_address.city_empty", Some("Missing fields")),
        ("with_address.zip_empty", Some("Invalid fields")),
        ("with_address.zip_too_short", Some("Invalid fields")),
        ("without_address.zip", None),
        ("with_note_null", None),
        ("without_note", None),
        ("with_note_as_long_as_it_may_be", None),
        ("with_shipping_not_in_its_enum", Some("Invalid fields")),
        ("with_shipping_\"STANDARD\"", None),
        ("with_is_gift_true", None),
        ("with_is_gift_as_a_string", Some("Invalid fields")),
        ("with_lines_with_as_many_items_as_it_may_have", None),
        ("with_lines_with_too_many_items", Some("Invalid fields")),
        ("with_lines_as_an_object", Some("Invalid fields")),
        ("with_lines[0]_null", Some("Invalid fields")),
        ("with_lines[0].quantity_above_its_maximum", Some("Invalid fields")),
        ("without_lines[0].quantity", Some("Missing fields")),
        ("with_tags[0]_too_long", Some("Invalid fields")),
    ] {
        let case = cases.get(name).unwrap_or_else(|| panic!("{name} is not among {:#?}", cases.keys()));
        assert_eq!(case.text.as_deref(), text, "{name}");
    }
}

#[test]
fn each_case_fits_the_schema_or_violates_it_as_declared() {
    let document = made_up::document();
    let replace = operation(&document, "replace_parcel");
    // These rules are in the prose of a document, not in its schemas.
    let in_prose = ["with_a_null_character", "_null", "_by_a_hair", "_fraction", "_empty"];
    for (name, case) in by_name(bodies::fields(replace, &valid(replace))) {
        let Ok(body) = serde_json::from_slice::<Value>(&case.request.body) else { continue };
        let is_beyond = case.text.is_some();
        if !in_prose.iter().any(|rule| name.ends_with(rule)) {
            assert_eq!(replace.fits(&body), !is_beyond, "{name}: {body}");
        }
    }
}

#[test]
fn every_parameter_has_cases() {
    let document = made_up::document();
    let delete = operation(&document, "delete_line");
    assert_eq!(valid(delete).path, "/parcels/%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9/lines/9");
    let request = Request { path: "/parcels/xxx/lines/1".into(), ..valid(delete) };
    let names = by_name(limits::names(delete, &request));
    assert_eq!(names["with_a_line_that_is_negative"].request.path, "/parcels/xxx/lines/-1");
    assert!(!names.contains_key("with_a_parcel_id_that_is_negative"));
    // Which of the two texts it is, the document does not say.
    assert_eq!(names["with_a_line_that_is_zero"].text, None);
    let beyond = by_name(limits::limits(delete, &request));
    assert_eq!(beyond["with_parcel_id_too_short"].request.path, "/parcels/xx/lines/1");
    assert_eq!(beyond["with_line_above_its_maximum"].status, Some(404));

    let list = operation(&document, "list_parcels");
    let cases = by_name(limits::limits(list, &valid(list)));
    assert_eq!(cases["with_shipping_not_in_its_enum"].request.path, "/parcels?shipping=SOMETHING_ELSE");
    assert_eq!(cases["with_shipping_not_in_its_enum"].status, Some(400));
    assert_eq!(cases["with_search_too_short"].request.path, "/parcels?search=");
    assert_eq!(cases["with_search_twice"].request.path, "/parcels?search=x&search=x");
}

#[test]
fn the_cases_show_every_facet_of_a_request() {
    let document = made_up::document();
    for operation in &document.operations {
        let valid = valid(operation);
        let mut cases = limits::limits(operation, &valid);
        if operation.body.is_some() {
            cases.extend(bodies::fields(operation, &valid));
        }
        let requests = cases.into_iter().map(|case| case.request).chain([valid]);
        let shown: BTreeSet<String> =
            requests.flat_map(|request| facets::shown(operation, &request, &Response::default())).collect();
        let of_request = |facet: &String| {
            ["path ", "query ", "header ", "body "].iter().any(|place| facet.starts_with(place))
        };
        let unseen: Vec<String> = facets::documented(operation)
            .into_iter()
            .filter(|facet| of_request(facet) && !shown.contains(facet))
            .collect();
        assert_eq!(unseen, Vec::<String>::new(), "{}", operation.id);
    }
}
