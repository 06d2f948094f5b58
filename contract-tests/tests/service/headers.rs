//! Singleton headers with several values, and timeouts of callers, at every service.

use std::{
    env,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        deployment::SERVICES,
        exchange::{Delivery, Request, Response},
        replay::{case, situations},
        session::Session,
    },
    harness::{
        store::Store,
        upstream::{FakeUpstream, FaultMode},
    },
    suite::truer::{self, TRUER},
};

use crate::{PROGRAM, start};

/// A valid request with these values of a header, in this order, and how it is answered.
fn send(session: &Session, operation: &Operation, name: &str, values: &[&str]) -> (Request, Response) {
    let mut request = case::valid_request(operation, &session.deployment);
    request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    request.headers.extend(values.iter().map(|value| (name.into(), (*value).into())));
    let response = session.send(&request).unwrap();
    (request, response)
}

#[test]
fn credentials_that_differ_are_all_refused() {
    let (mut store, session) = start(&[]);
    for operation in CONTRACT.operations() {
        let right = format!("Bearer {}", session.deployment.service(operation.service).token);
        let right = right.as_str();
        let error = ", error=\"invalid_token\"";
        let cases: [(&[&str], Option<&str>); 9] = [
            (&[right, "Bearer wrong"], Some(error)),
            (&["Bearer wrong", right], Some(error)),
            (&[right, right, "Bearer wrong"], Some(error)),
            (&["Basic YTpi", right], Some(error)),
            (&[right, "Basic YTpi"], Some(error)),
            (&["Basic YTpi", "Digest a=b"], Some("")),
            (&["", right], Some(error)),
            (&[&format!("{right}, {right}")], Some(error)),
            (&[right, right], None),
        ];
        for (values, expected) in cases {
            let (request, response) = send(&session, operation, "Authorization", values);
            assert_eq!(response.status == 401, expected.is_some(), "{request}\n{response}");
            let challenge = expected.map(|error| format!("Bearer realm=\"{}\"{error}", operation.service));
            assert_eq!(response.header("WWW-Authenticate"), challenge.as_deref(), "{request}");
        }
    }
    for &service in SERVICES.iter() {
        store.service(service).wait_for_log("several Authorization headers that differ");
    }
}

#[test]
fn the_log_says_why_a_token_is_refused() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    let invalid = ", error=\"invalid_token\"";
    for &service in SERVICES.iter() {
        let token = session.deployment.service(service).token.clone();
        let cases = [
            (None, "no token", ""),
            (Some("Basic YTpi".to_owned()), "not a bearer token", ""),
            (Some(token.clone()), "not a bearer token", ""),
            (Some("Bearer".into()), "an empty token", ""),
            (Some("bearer   ".into()), "an empty token", ""),
            (Some(format!("Bearer Bearer {token}")), "Bearer twice before the token", invalid),
            (Some(format!("BEARER bearer {token}")), "Bearer twice before the token", invalid),
            (Some("Bearer wrong".into()), "wrong token", invalid),
        ];
        for (index, (value, reason, error)) in cases.into_iter().enumerate() {
            let id = format!("reason-{index}");
            let mut request =
                Request::new(service, "GET", format!("/{service}/1")).header("X-Request-Id", &id);
            request.headers.extend(value.map(|value| ("Authorization".into(), value)));
            let response = session.expect(&request, 401, Some("Unauthorized")).unwrap();
            let challenge = format!("Bearer realm=\"{service}\"{error}");
            assert_eq!(response.header("WWW-Authenticate"), Some(challenge.as_str()), "{request}");
            let process = store.service(service);
            process.wait_for_log(&id);
            let log = process.log();
            let line = log.lines().find(|line| line.contains(&id) && line.contains("request failed"));
            assert!(line.is_some_and(|line| line.contains(reason)), "{reason}: {line:?}");
        }
    }
}

#[test]
fn content_types_that_differ_are_malformed() {
    let (store, session) = start(&[]);
    for operation in CONTRACT.operations().filter(|operation| operation.body.is_some()) {
        let before = store.rows(operation.service);
        for values in [["application/json", "text/plain"], ["text/plain", "application/json"]] {
            let (request, response) = send(&session, operation, "Content-Type", &values);
            assert_eq!(
                (response.status, response.error().as_deref()),
                (400, Some("Malformed request")),
                "{request}"
            );
        }
        assert_eq!(store.rows(operation.service), before);
        let (request, response) = send(&session, operation, "Content-Type", &["application/json"; 2]);
        assert!(response.status < 300, "{request}\n{response}");
    }
}

#[test]
fn idempotency_keys_that_differ_are_malformed() {
    let (store, session) = start(&[]);
    for operation in CONTRACT.operations().filter(|operation| operation.accepts_key) {
        for values in [["one", "other"], ["other", "one"]] {
            let (request, response) = send(&session, operation, "Idempotency-Key", &values);
            assert_eq!(
                (response.status, response.error().as_deref()),
                (400, Some("Malformed request")),
                "{request}"
            );
        }
        let before = store.rows(operation.service);
        for _ in 0..2 {
            let (request, response) = send(&session, operation, "Idempotency-Key", &["same", "same"]);
            assert_eq!(response.status, 201, "{request}\n{response}");
        }
        assert_eq!(store.rows(operation.service), before + 1);
    }
}

#[test]
fn a_more_accurate_schema_describes_what_the_services_accept() {
    schemas_are_true_of(PROGRAM);
}

#[test]
#[ignore = "STORE_BEFORE names the store-under-test of the version before"]
fn a_more_accurate_schema_describes_what_the_services_accepted_before() {
    schemas_are_true_of(&env::var("STORE_BEFORE").expect("STORE_BEFORE"));
}

/// Each schema that became truer refuses what this program's services refuse, and nothing else.
#[track_caller]
fn schemas_are_true_of(program: &str) {
    let (_store, session) = Store::start_with_session(program, &[]);
    situations::prepare(&session).unwrap();
    for truer in TRUER.iter() {
        for operation in CONTRACT.operations().filter(|operation| operation.accepts_key) {
            let samples = truer::samples();
            let taken = samples.iter().filter(|sample| {
                let valid = case::valid_request(operation, &session.deployment);
                let response = session.send(&valid.header(&truer.parameter, sample.as_str())).unwrap();
                let is_accepted = response.status == 201;
                assert_eq!(is_accepted, truer.accepts(sample), "{}: {sample:?}\n{response}", operation.id);
                is_accepted
            });
            let taken = taken.count();
            assert!(taken > 100 && samples.len() - taken > 100, "{taken} of {}", samples.len());
        }
    }
}

#[test]
fn request_ids_and_traces_that_differ_are_ignored() {
    let (_store, session) = start(&[]);
    let traces = ["0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c"];
    let parents = traces.map(|trace| format!("00-{trace}-b7ad6b7169203331-01"));
    for operation in CONTRACT.operations() {
        for values in [["one", "other"], ["other", "one"]] {
            let (request, response) = send(&session, operation, "X-Request-Id", &values);
            let id = response.header("X-Request-Id").unwrap();
            assert!(!values.contains(&id) && id.len() == 32, "{request}\n{response}");
        }
        let (_, response) = send(&session, operation, "X-Request-Id", &["same", "same"]);
        assert_eq!(response.header("X-Request-Id"), Some("same"));
        let (request, response) = send(&session, operation, "traceparent", &[&parents[0], &parents[1]]);
        let id = response.header("X-Request-Id").unwrap();
        assert!(!traces.contains(&id), "{request}\n{response}");
    }
}

#[test]
fn an_expired_timeout_is_503_at_every_operation_and_stores_nothing() {
    let (store, session) = start(&[]);
    for operation in CONTRACT.operations() {
        let before = store.rows(operation.service);
        let over: [&[&str]; 5] = [&["0"], &["00"], &["-1"], &["0", "0"], &["-99999999999999999999"]];
        for values in over {
            let (request, response) = send(&session, operation, "X-Request-Timeout-Ms", values);
            assert_eq!(
                (response.status, response.error().as_deref()),
                (503, Some("Service unavailable")),
                "{request}"
            );
            assert!(response.header("Retry-After").is_some(), "{request}");
        }
        for values in [["0", "5000"], ["5000", "0"]] {
            let (request, response) = send(&session, operation, "X-Request-Timeout-Ms", &values);
            assert_eq!(response.error().as_deref(), Some("Malformed request"), "{request}");
        }
        assert_eq!(store.rows(operation.service), before, "{}", operation.id);
        let time_left: [&[&str]; 6] =
            [&["5000"], &["99999999999999999999999"], &["soon"], &["1.5"], &[""], &["5000", "5000"]];
        for values in time_left {
            let (request, response) = send(&session, operation, "X-Request-Timeout-Ms", values);
            // A `DELETE` names what is not there.
            let is_done = response.status < 300 || (operation.method == "DELETE" && response.status == 404);
            assert!(is_done, "{request}\n{response}");
        }
    }
}

#[test]
fn a_timeout_while_waiting_for_a_body_is_503() {
    let (store, session) = Store::start_with_session(PROGRAM, &[("BODY_TIMEOUT", "5s")]);
    for operation in CONTRACT.operations().filter(|operation| operation.body.is_some()) {
        let valid = case::valid_request(operation, &session.deployment);
        let request = Request { delivery: Delivery::Half, ..valid }.header("X-Request-Timeout-Ms", "100");
        let began = Instant::now();
        session.expect(&request, 503, Some("Service unavailable")).unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(store.rows(operation.service), 0);
    }
}

/// The other service says nothing, or says that it has no time: both look the same to a caller whose time is over.
#[test]
fn a_timeout_while_waiting_for_an_upstream_is_503() {
    for mode in [FaultMode::SaysNothing, FaultMode::DripsTheBody] {
        for (service, variable, body) in [
            ("orders", "PRODUCTS_URL", r#"{"product_id":1,"quantity":3}"#),
            ("payments", "ORDERS_URL", r#"{"order_id":1,"amount":200,"method":"fake-card"}"#),
        ] {
            let upstream = FakeUpstream::start("{}", mode);
            let url = upstream.url();
            let (store, session) = Store::start_with_session(PROGRAM, &[(variable, &url)]);
            for milliseconds in [1, 2, 5, 100, 300] {
                let request = session.request(service, "POST", format!("/{service}")).raw_json(body);
                let request = request.header("X-Request-Timeout-Ms", milliseconds.to_string());
                let began = Instant::now();
                let response = session.expect(&request, 503, Some("Service unavailable")).unwrap();
                assert!(response.header("Retry-After").is_some());
                assert!(
                    began.elapsed() < Duration::from_millis(milliseconds + 1000),
                    "{:?}",
                    began.elapsed()
                );
            }
            assert_eq!(store.rows(service), 0);
        }
    }
}

/// The timeout is a parameter of the generated client, and wins over the client's own.
#[test]
fn the_client_waits_no_longer_than_its_caller() {
    let upstream = FakeUpstream::start("{}", FaultMode::SaysNothing);
    let products = client::products(&upstream.url(), "token").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let began = Instant::now();
    let outcome = runtime.block_on(products.get_product().id(1_u64).x_request_timeout_ms(100_u64).send());
    assert!(outcome.is_err() && began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn the_client_sends_no_invalid_key() {
    let products = client::products("http://127.0.0.1:1", "token").unwrap();
    let product = || client::products::types::NewProduct::builder().name("a").price(1.0).stock(1_u64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (key, is_sent) in
        [("monday-1", true), ("\"monday-1\"", true), ("two words", false), ("", false), ("clé", false)]
    {
        let create = products.create_product().idempotency_key(key).body(product()).send();
        let error = runtime.block_on(create).expect_err("no service is there");
        assert_eq!(
            matches!(error, client::Error::InvalidRequest(_)),
            !is_sent,
            "{key}: {}",
            client::cause(&error)
        );
    }
}

/// Products gives up when orders does, and is not asked again for nothing.
#[test]
fn a_short_timeout_is_never_reported_as_an_unavailable_product() {
    let (_store, session) = start(&[]);
    for _ in 0..300 {
        let order = session.request("orders", "POST", "/orders").raw_json(r#"{"product_id":1,"quantity":3}"#);
        let response = session.send(&order.header("X-Request-Timeout-Ms", "1")).unwrap();
        assert!([201, 503].contains(&response.status), "{response}");
    }
}
