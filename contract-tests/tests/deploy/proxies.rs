//! What the proxies in front of the store do.

use contract_tests::{
    engine::{
        deployment::SERVICES,
        exchange::Request,
        replay::case::create,
        session::{Scope, Session},
    },
    harness::{store::Store, waiting},
};

use crate::{
    PROGRAM,
    proxy::{Kind, Proxy},
    recorder::Recorder,
};

pub(crate) fn forward(kind: Kind) {
    let mut store = Store::start(PROGRAM, &[("RUST_LOG", "warn")]);
    let addresses: Vec<String> =
        store.services.iter().map(|service| service.url().trim_start_matches("http://").to_owned()).collect();
    let proxy = Proxy::start(kind, &addresses);
    let session = Session::new(proxy.deployment());
    for &service in SERVICES.iter() {
        session.expect(&create(&session, service), 201, None).unwrap();
        let read = session.request(service, "GET", format!("/{service}/1"));
        session.expect(&read, 200, None).unwrap();
        session.expect(&session.request(service, "GET", format!("/{service}/2")), 404, None).unwrap();
        let metrics = session.send(&Request::new(service, "GET", "/metrics")).unwrap();
        assert_eq!(metrics.error().as_deref(), Some("Not found"), "metrics are for the inside");
    }

    assert!(store.service("products").stop().success());
    if kind == Kind::HaProxy {
        waiting::until("the probe to fail", || proxy.log().contains("products/products is DOWN")).unwrap();
    }
    let read = session.request("products", "GET", "/products/1");
    // Nothing was sent, so the contract's 503 is true.
    let response = session.expect(&read, 503, Some("Service unavailable")).unwrap();
    assert_eq!(response.header("Retry-After"), Some("1"));
    // The others go on.
    session.expect(&session.request("orders", "GET", "/orders/1"), 200, None).unwrap();
    store.service("products").start_again();
    let is_back = || session.send(&read).is_ok_and(|response| response.status == 200);
    waiting::until("products to be back", is_back).unwrap();
}

pub(crate) fn repeat_what_is_safe(kind: Kind) {
    let recorder = Recorder::start();
    let proxy = Proxy::start(kind, &vec![recorder.address().to_owned(); SERVICES.len()]);
    // Each has a connection of its own, since HAProxy closes one that it has used before without a response.
    let session = || Session::with_scope(proxy.deployment(), Scope::Common);
    let is_bad_gateway = |request| {
        let session = session();
        let sentence = session.send(&request).unwrap_err().to_string();
        assert!(sentence.contains(r#"{"error":"Bad gateway"}"#), "{sentence}");
    };
    is_bad_gateway(create(&session(), "products"));
    assert_eq!(recorder.heads("POST").len(), 1, "a create may have happened");
    is_bad_gateway(session().request("products", "GET", "/products/1"));
    // nginx has no other server to ask.
    let expected = if kind == Kind::HaProxy { 3 } else { 1 };
    assert_eq!(recorder.heads("GET").len(), expected);
    if kind == Kind::HaProxy {
        is_bad_gateway(create(&session(), "products").header("Idempotency-Key", "key"));
        assert_eq!(recorder.heads("POST").len(), 4, "with a key it happens once");
    }
}

pub(crate) fn name_the_caller(kind: Kind) {
    let recorder = Recorder::start();
    let proxy = Proxy::start(kind, &vec![recorder.address().to_owned(); SERVICES.len()]);
    let session = Session::with_scope(proxy.deployment(), Scope::Common);
    let request = create(&session, "orders")
        .header("X-Forwarded-For", "192.0.2.1")
        .header("X-Forwarded-Port", "elsewhere")
        .header("X-Forwarded-Proto", "gopher")
        .header("X-Forwarded-Host", "elsewhere")
        .header("X-Forwarded-Prefix", "/elsewhere")
        .header("Forwarded", "for=192.0.2.1;host=elsewhere;proto=gopher");
    session.send(&request).unwrap_err();
    let head = recorder.heads("POST").remove(0).to_lowercase();
    let host = session.deployment.service("orders").url.trim_start_matches("http://").to_owned();
    for field in [
        "x-forwarded-for: 127.0.0.1".to_owned(),
        "x-forwarded-proto: http".to_owned(),
        format!("x-forwarded-host: {host}"),
        format!("host: {host}"),
        "authorization: bearer ".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{field}")), "{field}: {head}");
    }
    let told = ["192.0.2.1", "gopher", "elsewhere", "\r\nforwarded:", "x-forwarded-prefix:"];
    assert!(!told.iter().any(|told| head.contains(told)), "{head}");
}
