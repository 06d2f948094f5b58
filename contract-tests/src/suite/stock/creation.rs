//! A created resource has its own id, can be read immediately, and is on its page of the list; a refused request creates nothing.

use std::{collections::BTreeSet, thread};

use serde_json::json;

use super::requests::*;
use crate::engine::{
    exchange::Request,
    failure::Failure,
    property::Effort,
    replay::case::Finding,
    session::{Scope, Session},
};

/// Between the ids of two orders, with nothing but refused ones between them, there is no order. Another caller may order
/// meanwhile, but hardly every time.
pub(super) fn without_a_trace(session: &Session) -> Result<(), Failure> {
    let product = create_product(session, &unique("trace"), 1.0, 5)?;
    let mut found = None;
    for _ in 0..5 {
        let first = session.expect(&order_request(session, product, 5), 201, None)?.id();
        session.expect(&order_request(session, product, 6), 400, Some(NOT_ENOUGH_STOCK))?;
        session.expect(&order_request(session, UNKNOWN, 1), 400, Some(PRODUCT_UNAVAILABLE))?;
        for incomplete in [json!({ "product_id": product }), json!({ "quantity": 1 }), json!({})] {
            let request = session.request("orders", "POST", "/orders").json(&incomplete);
            session.expect(&request, 400, Some(MISSING_FIELDS))?;
        }
        session.expect(&order_request(session, product, 1).token("wrong"), 401, Some(UNAUTHORIZED))?;
        let second = session.expect(&order_request(session, product, 5), 201, None)?.id();

        found = None;
        for id in (first + 1..second).take(100) {
            let request = session.request("orders", "GET", format!("/orders/{id}"));
            let response = session.send(&request)?;
            if response.status != 404 {
                found = Some(session.failure(
                    &request,
                    &response,
                    "404, since every order before it was refused",
                ));
            }
        }
        if found.is_none() {
            break;
        }
    }
    found.map_or(Ok(()), Err)
}

/// How often the next id is guessed. Another caller may take it once in a while.
const GUESSES: u32 = 5;

/// No service remembers that something was not there. Most stores count their ids, so the next one can be guessed; one that does
/// not cannot be judged, so a store of the whole contract has to count.
pub(super) fn once_it_is_there(session: &Session) -> Result<Finding, Failure> {
    let new_product = || create_product(session, &unique("next"), 1.0, 5);
    let use_product = |id| order(session, id, 1, 5);
    let ask_for_product = |id| order_request(session, id, 1);
    let of_products = once_guessed(session, new_product, ask_for_product, use_product)?;

    let product = create_product(session, &unique("next"), 1.0, 5)?;
    let new_order = || Ok(session.expect(&order_request(session, product, 1), 201, None)?.id());
    let use_order = |id| session.expect(&payment_request(session, id), 201, None).map(drop);
    let ask_for_order = |id| payment_request(session, id);
    let of_orders = once_guessed(session, new_order, ask_for_order, use_order)?;
    Ok(if of_products == Finding::Kept { of_orders } else { of_products })
}

/// Asks for what is not there yet, lets it be created, and uses it.
fn once_guessed(
    session: &Session,
    create: impl Fn() -> Result<u64, Failure>,
    ask: impl Fn(u64) -> Request,
    use_it: impl Fn(u64) -> Result<(), Failure>,
) -> Result<Finding, Failure> {
    let mut last = None;
    for _ in 0..GUESSES {
        let next = create()? + 1;
        let request = ask(next);
        let response = session.send(&request)?;
        if create()? == next {
            return use_it(next).map(|()| Finding::Kept);
        }
        last = Some((request, response));
    }
    match last {
        Some((request, response)) if session.scope == Scope::Whole => {
            Err(session.failure(&request, &response, "ids that are counted, so that the next can be guessed"))
        }
        _ => Ok(Finding::NotJudged("its ids are not counted, so nobody can ask for the next one".into())),
    }
}

fn payment_request(session: &Session, order: u64) -> Request {
    let body = json!({ "order_id": order, "amount": 1, "method": "fake-card" });
    session.request("payments", "POST", "/payments").json(&body)
}

/// Concurrent creates get distinct ids.
pub(super) fn all_at_once(session: &Session, effort: Effort) -> Result<(), Failure> {
    let name = unique("at once");
    let product = create_product(session, &name, 1.0, 5)?;
    let order = session.expect(&order_request(session, product, 1), 201, None)?.id();
    let body = json!({ "name": name, "price": 1, "stock": 5 });
    let requests = [
        session.request("products", "POST", "/products").json(&body),
        order_request(session, product, 1),
        payment_request(session, order),
    ];
    for request in &requests {
        let create =
            || (0..effort.cases).map(|_| session.expect(request, 201, None)).collect::<Result<Vec<_>, _>>();
        let responses = thread::scope(|scope| {
            let callers: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
            callers.into_iter().map(|caller| caller.join().expect("a caller")).collect::<Result<Vec<_>, _>>()
        })?;
        let mut ids = BTreeSet::new();
        for response in responses.iter().flatten() {
            if !ids.insert(response.id()) {
                return Err(session.failure(request, response, "an id that no other response has"));
            }
        }
    }
    Ok(())
}

/// Following the links leads through the whole list, in order.
pub(super) fn in_pages(session: &Session) -> Result<(), Failure> {
    let name = unique("paged");
    let created = (0..7).map(|_| create_product(session, &name, 1.0, 5)).collect::<Result<Vec<_>, _>>()?;
    let mut walked = Vec::new();
    let mut next = Some(format!("/products?limit=3&after={}", created[0]));
    while let Some(path) = next {
        let request = session.request("products", "GET", path);
        let response = session.expect(&request, 200, None)?;
        let page = response.json();
        let ids: Vec<u64> =
            page.as_array().into_iter().flatten().filter_map(|product| product["id"].as_u64()).collect();
        let last = walked.last().copied().unwrap_or(created[0]);
        if ids.len() > 3 || !ids.is_sorted() || ids.first().is_some_and(|first| *first <= last) {
            return Err(session.failure(
                &request,
                &response,
                &format!("3 products at most, that follow {last}"),
            ));
        }
        // The last page is exactly full, and names no next one.
        if ids.is_empty() {
            return Err(session.failure(&request, &response, "no link to a page without products"));
        }
        walked.extend(ids);
        let link =
            response.header("Link").and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
        next = link.map(ToOwned::to_owned);
    }
    let ours: Vec<u64> = walked.into_iter().filter(|id| created.contains(id)).collect();
    if ours != created[1..] {
        let request = session.request("products", "GET", format!("/products?limit=3&after={}", created[0]));
        let response = session.send(&request)?;
        return Err(session.failure(
            &request,
            &response,
            &format!("pages with {:?} and not with {ours:?}", &created[1..]),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{
        engine::deployment::Deployment,
        harness::upstream::{FakeUpstream, FaultMode},
    };

    #[test]
    fn a_store_whose_ids_are_not_counted_is_not_judged_unless_it_has_to_count() {
        let refusal = r#"{"error":"Product not found or unavailable"}"#;
        let upstream = FakeUpstream::start("", FaultMode::RespondsWithStatus(400, Some(refusal)));
        let judged = |scope| {
            let deployment = Deployment::default().with_url("orders", upstream.url());
            let session = Session::with_scope(deployment, scope);
            let last = Cell::new(0);
            let create = || Ok(last.replace(last.get() + 7));
            let ask = |id| order_request(&session, id, 1);
            once_guessed(&session, create, ask, |_| panic!("nothing was guessed"))
        };
        assert!(matches!(judged(Scope::Common), Ok(Finding::NotJudged(why)) if why.contains("not counted")));
        assert!(judged(Scope::Whole).unwrap_err().to_string().contains("ids that are counted"));
    }
}
