//! Pages of other origins: what a response tells a browser about who may read it (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::collections::BTreeSet;

use contract_tests::{
    engine::{
        contract::CONTRACT,
        deployment::SERVICES,
        exchange::{Delivery, Request, Response},
        replay::{case, situations},
        session::Session,
    },
    harness::{caller::Caller, store::Store, waiting},
};

use crate::{PROGRAM, start};

const ALLOWED: &str = "http://shop.example";
const OTHER: &str = "http://other.example";

/// The setting, and one that keeps the log small.
const LISTED: [(&str, &str); 2] =
    [("CORS_ORIGINS", "http://localhost:3000, http://shop.example"), ("RUST_LOG", "warn")];

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";

/// Which origin may read the response, and which header it depends on.
fn told(response: &Response) -> (Option<&str>, Option<&str>) {
    (response.header(ALLOW_ORIGIN), response.header("Vary"))
}

/// The response can be read by pages of the allowed origin, with the headers that matter.
#[track_caller]
fn is_open(response: &Response) {
    assert_eq!(told(response), (Some(ALLOWED), Some("Origin")), "{response}");
    let exposed = response.header("Access-Control-Expose-Headers").unwrap_or_default();
    for name in [
        "location",
        "link",
        "etag",
        "retry-after",
        "x-request-id",
        "www-authenticate",
        "idempotency-replayed",
        "allow",
    ] {
        assert!(exposed.split(", ").any(|known| known == name), "{name} is not in {exposed}");
    }
}

/// A request to `service` for each kind of response.
fn requests(session: &Session, service: &'static str) -> Vec<Request> {
    let open = ["/", "/docs", "/livez", "/readyz", "/metrics", "/nowhere"];
    let mut requests: Vec<Request> = open.map(|path| Request::new(service, "GET", path)).into();
    requests
        .extend(["/", "/livez", &format!("/{service}")].map(|path| Request::new(service, "OPTIONS", path)));
    requests.push(Request::new(service, "PUT", "/livez"));
    for operation in CONTRACT.operations().filter(|operation| operation.service == service) {
        let valid = case::valid_request(operation, &session.deployment);
        requests.push(Request { method: "DELETE".into(), ..valid.clone() });
        requests.push(Request { headers: Vec::new(), ..valid.clone() });
        requests.push(valid.clone().token("wrong"));
        requests.push(valid.clone().header("X-Request-Timeout-Ms", "0"));
        if operation.method == "GET" {
            requests.push(Request { method: "HEAD".into(), ..valid.clone() });
            requests.push(session.request(service, "GET", format!("/{service}/9999")));
        }
        if operation.method == "POST" {
            requests.push(valid.clone().raw_json("{}"));
            requests.push(valid.clone().raw_json("["));
            requests.push(valid.clone().raw_json(vec![b' '; 70_000]));
            requests.push(valid.clone().header("Content-Type", "text/plain"));
            requests.push(Request { delivery: Delivery::Half, ..valid.clone() });
            requests.push(valid.clone().header("Idempotency-Key", "a"));
            requests.push(valid.clone().header("Idempotency-Key", "a"));
        }
        requests.push(valid);
    }
    requests
}

#[test]
fn every_response_can_be_read_by_pages_of_a_listed_origin_only() {
    let (_store, session) = start(&LISTED);
    let mut statuses = BTreeSet::new();
    for &service in SERVICES.iter() {
        for request in requests(&session, service) {
            let response = session.send(&request.clone().header("Origin", ALLOWED)).unwrap();
            is_open(&response);
            statuses.insert(response.status);
            for other in
                [OTHER, "null", "http://shop.example:80", "HTTP://SHOP.EXAMPLE", "http://shop.example.evil"]
            {
                if request.delivery == Delivery::Half {
                    continue;
                }
                let response = session.send(&request.clone().header("Origin", other)).unwrap();
                assert_eq!(told(&response), (None, Some("Origin")), "{other}: {response}");
            }
            let response = session.send(&request).unwrap();
            assert_eq!(told(&response), (None, Some("Origin")), "no origin: {response}");
        }
    }
    for status in [200, 201, 204, 307, 400, 401, 404, 405, 408, 413, 415, 503] {
        assert!(statuses.contains(&status), "{status} is not among {statuses:?}");
    }
}

#[test]
fn several_origins_in_one_request_are_none() {
    let (_store, session) = start(&LISTED);
    let mut request = Request::new("products", "GET", "/livez").header("Origin", ALLOWED);
    request.headers.push(("Origin".into(), OTHER.into()));
    assert_eq!(told(&session.send(&request).unwrap()), (None, Some("Origin")));
}

#[test]
fn a_preflight_is_granted_at_every_path_without_a_token() {
    let (_store, session) = start(&LISTED);
    for &service in SERVICES.iter() {
        for path in ["/", "/livez", "/nowhere", &format!("/{service}"), &format!("/{service}/1")] {
            let preflight = Request::new(service, "OPTIONS", path)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization,content-type");
            let response = session.send(&preflight.clone().header("Origin", ALLOWED)).unwrap();
            assert_eq!((response.status, response.body.len()), (204, 0), "{path}: {response}");
            assert_eq!(told(&response), (Some(ALLOWED), Some("Origin")), "{path}: {response}");
            for (name, values) in [
                ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
                (
                    "Access-Control-Allow-Headers",
                    "authorization, baggage, content-type, idempotency-key, if-match, if-none-match, prefer, \
                     traceparent, tracestate, x-request-id, x-request-timeout-ms",
                ),
                ("Access-Control-Max-Age", "7200"),
            ] {
                assert_eq!(response.header(name), Some(values), "{path}: {response}");
            }
            assert_eq!(response.header("Access-Control-Allow-Credentials"), None, "{path}: {response}");

            let refused = session.send(&preflight.header("Origin", OTHER)).unwrap();
            assert_eq!(told(&refused), (None, Some("Origin")), "{path}: {refused}");
            assert_eq!(refused.header("Access-Control-Allow-Methods"), None, "{path}: {refused}");
            assert_eq!(refused.status == 404, path == "/nowhere", "as without CORS: {refused}");
        }
    }
}

#[test]
fn the_document_can_be_read_by_pages_of_any_origin() {
    for settings in [&[][..], &LISTED] {
        let (_store, session) = start(settings);
        for &service in SERVICES.iter() {
            let get = Request::new(service, "GET", "/openapi.json");
            let preflight = Request::new(service, "OPTIONS", "/openapi.json")
                .header("Access-Control-Request-Method", "GET");
            for (request, status) in
                [(get.clone(), 200), (Request { method: "PUT".into(), ..get }, 405), (preflight, 204)]
            {
                let response = session.expect(&request.header("Origin", OTHER), status, None).unwrap();
                assert_eq!(told(&response), (Some("*"), None), "{response}");
            }
        }
    }
}

#[test]
fn without_the_setting_no_page_can_read_responses() {
    let (_store, session) = start(&[]);
    for &service in SERVICES.iter() {
        let preflight = Request::new(service, "OPTIONS", format!("/{service}"))
            .header("Access-Control-Request-Method", "POST");
        for request in requests(&session, service).into_iter().chain([preflight]) {
            let response = session.send(&request.header("Origin", ALLOWED)).unwrap();
            let is_cors = |name: &str| name.to_lowercase().starts_with("access-control-") || name == "vary";
            assert!(!response.headers.iter().any(|(name, _)| is_cors(name)), "{response}");
        }
    }
}

#[test]
fn with_a_star_pages_of_every_origin_can_read_every_response() {
    let (_store, session) = start(&[("CORS_ORIGINS", "*")]);
    for &service in SERVICES.iter() {
        for request in requests(&session, service) {
            let response = session.send(&request.header("Origin", "null")).unwrap();
            assert_eq!(told(&response), (Some("*"), None), "{response}");
        }
    }
}

#[test]
fn a_list_that_is_streamed_can_be_read() {
    let (store, session) = start(&LISTED);
    store.fill(2000);
    let list = session.request("products", "GET", "/products").header("Origin", ALLOWED);
    let mut response = Response::default();
    waiting::until("all products to be seen", || {
        response = session.expect(&list, 200, None).unwrap();
        response.json().as_array().map(Vec::len) == Some(2001)
    })
    .unwrap();
    is_open(&response);
    assert_eq!(response.header("Content-Length"), None, "it is streamed");
}

#[test]
fn an_internal_error_can_be_read() {
    let (store, session) = start(&LISTED);
    for &service in SERVICES.iter() {
        let _table = store.take_table(service);
        let request = session.request(service, "GET", format!("/{service}/1")).header("Origin", ALLOWED);
        let mut response = Response::default();
        waiting::until("the table to be missed", || {
            response = session.send(&request).unwrap();
            response.status == 500
        })
        .unwrap();
        is_open(&response);
    }
}

#[test]
fn a_full_service_still_grants_preflights_and_its_errors_can_be_read() {
    let settings = [LISTED[0], ("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "60s")];
    let (_store, session) = Store::start_with_session(PROGRAM, &settings);
    for document in &CONTRACT.documents {
        let operation = document.operations.iter().find(|operation| operation.body.is_some()).unwrap();
        let endless = case::valid_request(operation, &session.deployment);
        let read = session.request(document.service, "GET", format!("/{}/9", document.service));
        let _occupiers = situations::occupy(&endless, &read, &session).unwrap();
        let refused = session.expect(&read.header("Origin", ALLOWED), 503, None).unwrap();
        is_open(&refused);
        let preflight = Request::new(document.service, "OPTIONS", "/nowhere").header("Origin", ALLOWED);
        let granted = session.send(&preflight.header("Access-Control-Request-Method", "GET")).unwrap();
        assert_eq!((granted.status, granted.header(ALLOW_ORIGIN)), (204, Some(ALLOWED)), "{granted}");
    }
}

/// What hyper rejects by itself, and the status.
fn unparsable(origin: &str) -> [(String, u16); 3] {
    [
        (format!("GET / HTTP/1.1\r\n{origin}not a field\r\n\r\n"), 400),
        (format!("GET / HTTP/1.1\r\n{origin}Host: x\r\nX-Large: {}\r\n\r\n", "x".repeat(70_000)), 431),
        (format!("GET /{} HTTP/1.1\r\n{origin}\r\n", "x".repeat(70_000)), 414),
    ]
}

#[test]
fn a_parse_error_can_be_read_if_its_origin_was_parsed() {
    let (_store, session) = start(&LISTED);
    let (_open_store, open) = start(&[("CORS_ORIGINS", "*")]);
    for &service in SERVICES.iter() {
        let response = |session: &Session, request: &str| {
            let mut caller = Caller::connect(session, service);
            // The state of the connection before must not show in what comes after.
            assert!(caller.goes_on());
            caller.send(request);
            caller.response().expect("a response")
        };
        for (request, status) in unparsable(&format!("Origin: {ALLOWED}\r\n")) {
            let from_listed = response(&session, &request);
            assert_eq!(from_listed.status, status, "{from_listed}");
            // The line alone is too long, so that the origin behind it is not read.
            match status {
                414 => assert_eq!(told(&from_listed), (None, Some("Origin")), "{from_listed}"),
                _ => is_open(&from_listed),
            }
            assert_eq!(told(&response(&open, &request)), (Some("*"), None), "{status}");
        }
        for (request, status) in unparsable(&format!("Origin: {OTHER}\r\n")) {
            let from_other = response(&session, &request);
            assert_eq!(
                (from_other.status, told(&from_other)),
                (status, (None, Some("Origin"))),
                "{from_other}"
            );
        }
    }
}
