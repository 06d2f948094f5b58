//! The URLs that a service gives for itself: in its document, and in the headers with links.

use contract_tests::{
    engine::{
        deployment::SERVICES,
        exchange::{Request, Response},
        replay::situations,
        session::Session,
    },
    harness::{caller::Caller, store::Store},
};

use crate::PROGRAM;

const TRUSTED: (&str, &str) = ("TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1");

/// The response to a request for this target with these header fields.
fn get(session: &Session, service: &str, target: &str, fields: &str) -> Response {
    let mut caller = Caller::connect(session, service);
    caller.send(format!("GET {target}\r\n{fields}\r\n"));
    caller.response().expect("a response")
}

/// The address in the document that is served to a request with these header fields.
fn address(session: &Session, service: &str, fields: &str) -> String {
    let response = get(session, service, "/openapi.json HTTP/1.1", fields);
    assert_eq!((response.status, response.header("Cache-Control")), (200, Some("no-store")), "{response}");
    response.json()["servers"][0]["url"].as_str().expect("an address").to_owned()
}

#[test]
fn the_document_names_the_host_that_was_asked() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for &service in SERVICES.iter() {
        for host in ["127.0.0.1:1", "shop.example", "[::1]:5001", "a_b-c.~d%41!$&'()*+,;="] {
            assert_eq!(address(&session, service, &format!("Host: {host}\r\n")), format!("http://{host}"));
        }
        let url = |target: &str, fields: &str| {
            get(&session, service, target, fields).json()["servers"][0]["url"].clone()
        };
        let absolute = "http://shop.example:8080/openapi.json HTTP/1.1";
        assert_eq!(url(absolute, "Host: other.example\r\n"), "http://shop.example:8080");
        assert_eq!(url("/openapi.json HTTP/1.0", "Connection: keep-alive\r\n"), "/");
    }
}

#[test]
fn the_document_has_the_same_length_for_head() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for &service in SERVICES.iter() {
        let [get, head] = ["GET", "HEAD"].map(|method| {
            session.expect(&Request::new(service, method, "/openapi.json"), 200, None).unwrap()
        });
        let length = get.body.len().to_string();
        assert_eq!(get.header("Content-Length"), Some(length.as_str()));
        assert_eq!((head.header("Content-Length"), head.body.len()), (Some(length.as_str()), 0));
    }
}

#[test]
fn a_host_that_lies_puts_nothing_into_the_page() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[TRUSTED]);
    for &service in SERVICES.iter() {
        let page = |fields: &str| get(&session, service, "/docs HTTP/1.1", fields);
        let honest = page("Host: 127.0.0.1\r\n");
        for fields in [
            "Host: evil.example\r\n",
            "Host: x';alert(1);'\r\n",
            "Host: x\r\nForwarded: host=evil.example;proto=https\r\n",
            "Host: x\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Prefix: /</script><script>alert(1)</script>\r\n",
        ] {
            let other = page(fields);
            assert_eq!(other.header("Cache-Control"), Some("no-store"));
            assert!(other.body == honest.body, "{fields} changes the page");
            assert_eq!(
                other.header("Content-Security-Policy"),
                honest.header("Content-Security-Policy"),
                "{fields}"
            );
        }
        for host in ["a\"b", "a<b", "a b", "user@evil.example", "evil.example/path"] {
            assert_eq!(page(&format!("Host: {host}\r\n")).status, 400, "{host}");
        }
    }
}

/// Creates what the other services need, and checks every header that leads somewhere.
fn check_prefix(session: &Session, service: &str, fields: &[(&str, &str)], prefix: &str) {
    let with =
        |request: Request| fields.iter().fold(request, |request, (name, value)| request.header(name, *value));
    let leads = |method: &str, path: &str, name: &str, key: &str| {
        let mut request = with(session.request(service, method, path));
        if method == "POST" {
            let body = contract_tests::engine::contract::CONTRACT
                .document(service)
                .find("POST", path)
                .unwrap()
                .example();
            request = request.json(&body.unwrap()).header("Idempotency-Key", key);
        }
        // The path is unknown to the document of the suite, which has no prefix.
        let url = &session.deployment.service(service).url;
        let mut caller = Caller::at(url).unwrap();
        let head: String =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let body = String::from_utf8(request.body.clone()).unwrap();
        caller.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let response = caller.response().expect("a response");
        response.header(name).unwrap_or_else(|| panic!("no {name}: {response}")).to_owned()
    };
    let things = format!("/{service}");
    let created = leads("POST", &things, "Location", "key");
    assert!(created.starts_with(&format!("{prefix}{things}/")), "{created}");
    assert_eq!(leads("POST", &things, "Location", "key"), created, "a replay leads to the same place");
    assert_eq!(leads("GET", "/", "Location", ""), format!("{prefix}/docs"));
    if service == "products" {
        let next = leads("GET", "/products?limit=1", "Link", "");
        assert!(next.starts_with(&format!("<{prefix}/products?limit=1&after=")), "{next}");
    }
}

/// A store with two things of each kind, so that a page of one has a next.
fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    let (store, session) = Store::start_with_session(PROGRAM, settings);
    // The suite's own judgment knows no prefix.
    let session = Session::with_scope(session.deployment, contract_tests::engine::session::Scope::Common);
    for _ in 0..2 {
        situations::prepare(&session).unwrap();
    }
    (store, session)
}

#[test]
fn a_public_url_is_in_every_address() {
    let settings = [
        ("PRODUCTS_PUBLIC_URL", "https://shop.example/products-api/"),
        ("ORDERS_PUBLIC_URL", "https://shop.example/orders-api"),
        ("PAYMENTS_PUBLIC_URL", "http://payments.example:8080"),
        TRUSTED,
    ];
    let (_store, session) = start(&settings);
    let lies = [
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "host=evil.example"),
    ];
    for (service, url, prefix) in [
        ("products", "https://shop.example/products-api", "/products-api"),
        ("orders", "https://shop.example/orders-api", "/orders-api"),
        ("payments", "http://payments.example:8080", ""),
    ] {
        let fields: String = lies.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        assert_eq!(address(&session, service, &format!("Host: x\r\n{fields}")), url);
        check_prefix(&session, service, &lies, prefix);
    }
}

#[test]
fn only_trusted_proxies_set_the_public_url() {
    let said = [
        ("X-Forwarded-Prefix", "/api"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
    ];
    let fields: String = said.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    for (settings, url, prefix) in [
        (vec![], "http://x", ""),
        (vec![("TRUSTED_PROXIES", "10.0.0.0/8")], "http://x", ""),
        (vec![TRUSTED], "https://shop.example/api", "/api"),
    ] {
        let (_store, session) = start(&settings);
        for &service in SERVICES.iter() {
            assert_eq!(address(&session, service, &format!("Host: x\r\n{fields}")), url, "{settings:?}");
            check_prefix(&session, service, &said, prefix);
        }
    }
}
