//! Promises about resources that are created and deleted: they can be read, are gone after a delete, and their ids are not reused.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use reqwest::Url;
use serde_json::Value;

use super::case::{Finding, refused_example, valid_request};
use crate::engine::{
    contract::{CONTRACT, Operation},
    exchange::{Request, Response, escaped, written},
    failure::Failure,
    session::Session,
    subject::subject,
};

/// How many things are created and deleted to see an id a second time.
const ROUNDS: usize = 5;

/// How many pages a list may have before it counts as endless.
const PAGES: usize = 10_000;

/// A created resource can be deleted; then it is not found, and is in no list.
pub(super) fn deleted_is_gone(session: &Session, deleting: &Operation) -> Result<(), Failure> {
    let created = create(session, deleting)?;
    let path = &created.path;
    let delete = session.request(deleting.service, "DELETE", path);
    deleted(session, &delete)?;
    let has = |method: &str| {
        CONTRACT
            .document(deleting.service)
            .find(method, path)
            .is_some_and(|it| it.template == deleting.template)
    };
    if has("GET") {
        is_gone(session, &session.request(deleting.service, "GET", path))?;
    }
    // Where a deletion may be repeated, its document has no 404.
    if deleting.documented(404).is_some() {
        is_gone(session, &delete)?;
    }
    let list = path.rsplit_once('/').map_or("", |(list, _)| list);
    if CONTRACT.document(deleting.service).find("GET", list).is_some() {
        is_in_no_list(session, deleting, list, &created)?;
    }
    Ok(())
}

fn is_gone(session: &Session, request: &Request) -> Result<(), Failure> {
    let response = session.send(request)?;
    match response.status {
        404 | 410 => Ok(()),
        _ => Err(session.failure(request, &response, "404, since it was deleted")),
    }
}

/// A created resource can be read, and is as the response to its creation showed it.
pub(super) fn created_can_be_read(session: &Session, creator: &Operation) -> Result<Finding, Failure> {
    let document = CONTRACT.document(creator.service);
    let request = valid_request(creator, &session.deployment);
    let response = session.send(&request)?;
    if matches!(response.status, 400 | 422) {
        return Ok(refused_example(creator, response.status));
    }
    let read = creator.of_item(document, "GET").and_then(|(read, field)| {
        let id = written(response.json().get(field).or(response.json().get("id"))?);
        Some(session.request(creator.service, "GET", read.path(&escaped(&id))))
    });
    // An example that cannot be created twice shows nothing.
    let (true, Some(read)) = (response.status < 300, read) else { return Ok(Finding::Kept) };
    let shown = session.expect(&read, 200, None)?;
    let (created, found) = (response.json(), shown.json());
    let differs = created
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, value)| found.get(name.as_str()).is_some_and(|shown| shown != *value));
    match differs {
        Some((name, value)) => {
            Err(session.failure(&read, &shown, &format!("`{name}` as it was created: {value}")))
        }
        None => Ok(Finding::Kept),
    }
}

/// A created resource is in the list once, and a refused request adds nothing to it.
pub(super) fn created_is_listed_once(session: &Session, creator: &Operation) -> Result<Finding, Failure> {
    let list = session.request(creator.service, "GET", &creator.template);
    let length = |response: &Response| response.json().as_array().map_or(0, Vec::len);
    let before = session.expect(&list, 200, None)?;
    let request = valid_request(creator, &session.deployment);
    let response = session.send(&request)?;
    let after = session.expect(&list, 200, None)?;
    if matches!(response.status, 400 | 422) {
        return Ok(refused_example(creator, response.status));
    }
    // A list that has as many as before may be a page of them. An example that cannot be created twice shows nothing.
    if response.status >= 300 || length(&after) <= length(&before) {
        return Ok(Finding::Kept);
    }
    if length(&after) > length(&before) + 1 {
        return Err(session.failure(&list, &after, "a list with one item more, since one was created"));
    }
    if has_one_twice(&after) {
        return Err(session.failure(&list, &after, "a list in which nothing is twice"));
    }
    let refused = Request { body: b"{}".to_vec(), ..request };
    let response = session.send(&refused)?;
    let then = session.expect(&list, 200, None)?;
    match (400..500).contains(&response.status) && length(&then) != length(&after) {
        true => Err(session.failure(&list, &then, "a list as before, since a body was refused")),
        false => Ok(Finding::Kept),
    }
}

/// Whether something with an id is in a list twice.
fn has_one_twice(list: &Response) -> bool {
    let items = list.json();
    let ids = items.as_array().into_iter().flatten().filter_map(|item| item.get("id")).map(Value::to_string);
    let mut seen = BTreeSet::new();
    ids.into_iter().any(|id| !seen.insert(id))
}

/// Whether there is a list of what an operation creates.
pub(super) fn can_be_listed(creator: &Operation) -> bool {
    let list = CONTRACT.document(creator.service).find("GET", &creator.template);
    creator.creates()
        && list.is_some_and(|list| list.lists() && list.parameters().all(|it| it["required"] != true))
}

/// Whether what an operation creates can be read, by an id in its response.
pub(super) fn can_be_read(creator: &Operation) -> bool {
    creator.creates() && creator.of_item(CONTRACT.document(creator.service), "GET").is_some()
}

fn is_in_no_list(
    session: &Session,
    deleting: &Operation,
    list: &str,
    created: &Created,
) -> Result<(), Failure> {
    let mut next = Some(list.to_owned());
    let mut seen = BTreeSet::new();
    for _ in 0..PAGES {
        // A link back to a page that was seen ends the list.
        let Some(path) = next.filter(|path| seen.insert(path.clone())) else { return Ok(()) };
        let request = session.request(deleting.service, "GET", &path);
        let page = session.expect(&request, 200, None)?;
        let items = page.json();
        let ids = items.as_array().into_iter().flatten().map(|item| &item[created.field.as_str()]);
        if ids.into_iter().any(|id| *id == created.response.json()[created.field.as_str()]) {
            return Err(session.failure(&request, &page, &format!("a list without {}", created.path)));
        }
        let mut links = page.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Link"));
        next = links.find_map(|(_, value)| next_page(value, &request.path));
    }
    Err(session.failure(
        &session.request(deleting.service, "GET", list),
        &created.response,
        &format!("a list that ends within {PAGES} pages"),
    ))
}

/// The path and the query of `<target>; rel="next"` among the links of the page at `path` (RFC 8288).
fn next_page(links: &str, path: &str) -> Option<String> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"<([^>]*)>((?:"[^"]*"|[^,"])*)"#).expect("a pattern"));
    static RELATION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i);\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\s*(?:;|$))"#)
            .expect("a pattern")
    });
    let next = LINK.captures_iter(links).find(|link| RELATION.is_match(&link[2]))?;
    // A relative target is below the page, and of an absolute one the service is known already.
    let page = Url::parse("http://service.invalid").and_then(|service| service.join(path)).ok()?;
    let target = page.join(&next[1]).ok()?;
    let query = target.query().map_or_else(String::new, |query| format!("?{query}"));
    Some(format!("{}{query}", target.path()))
}

/// A resource that is created after a delete has a new id.
pub(super) fn ids_are_not_reused(session: &Session, deleting: &Operation) -> Result<(), Failure> {
    let mut known = BTreeSet::new();
    for _ in 0..ROUNDS {
        let created = create(session, deleting)?;
        if !known.insert(created.path.clone()) {
            let expected = format!("another place than {}, which was deleted", created.path);
            return Err(session.failure(&created.request, &created.response, &expected));
        }
        deleted(session, &session.request(deleting.service, "DELETE", &created.path))?;
    }
    Ok(())
}

struct Created {
    request: Request,
    response: Response,
    path: String,
    /// The field that the path has.
    field: String,
}

fn create(session: &Session, deleting: &Operation) -> Result<Created, Failure> {
    let creator = deleting.creator().expect("an operation that creates");
    let request = valid_request(creator, &session.deployment);
    let response = session.expect(&request, 201, None)?;
    let of_item = creator.of_item(CONTRACT.document(deleting.service), "DELETE");
    let field = of_item.map(|(_, name)| name.to_owned()).unwrap_or_default();
    let body = response.json();
    // Many call the parameter otherwise than the field.
    let field = if body.get(&field).is_none() && body.get("id").is_some() { "id".to_owned() } else { field };
    let id = escaped(&written(&body[&field]));
    let path = match response.header("Location").filter(|_| subject().profile.location) {
        Some(location) => location.to_owned(),
        None => format!("{}/{id}", creator.template),
    };
    Ok(Created { request, response, path, field })
}

fn deleted(session: &Session, delete: &Request) -> Result<(), Failure> {
    let response = session.send(delete)?;
    match response.status {
        200..300 => Ok(()),
        _ => Err(session.failure(delete, &response, "a deletion of what was created")),
    }
}

/// A `HEAD` gets the same response as the `GET`, without the body.
pub(super) fn head_is_like_get(session: &Session, get: &Request) -> Result<(), Failure> {
    let head = Request { method: "HEAD".into(), ..get.clone() };
    let got = session.send(get)?;
    let response = session.send(&head)?;
    let differs = |name: &&&str| response.header(name) != got.header(name);
    if response.status != got.status {
        return Err(session.failure(&head, &response, &format!("{}, as with GET", got.status)));
    }
    match ["Content-Type", "Link", "ETag", "WWW-Authenticate"].iter().find(differs) {
        Some(name) => {
            let expected = format!("the header {name} as with GET: {:?}", got.header(name));
            Err(session.failure(&head, &response, &expected))
        }
        None => Ok(()),
    }
}
