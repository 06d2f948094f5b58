//! Header fields: `Host`, codings, singleton fields, and `Upgrade`.

use contract_tests::{
    engine::deployment::SERVICES,
    harness::caller::{CREATE, Caller, fill},
};

use super::{CREATED, Expected, FINE, MALFORMED, check};
use crate::start;

#[test]
fn host_is_required_once_and_well_formed() {
    let cases = [
        ("Host: localhost\r\n{json}", CREATED),
        ("Host: localhost:5001\r\n{json}", CREATED),
        ("Host: localhost:\r\n{json}", CREATED),
        ("host:127.0.0.1:1\r\n{json}", CREATED),
        ("Host: [::1]:5001\r\n{json}", CREATED),
        ("Host: a_b-c.~d%41!$&'()*+,;=\r\n{json}", CREATED),
        ("{json}", MALFORMED),
        ("Host:\r\n{json}", MALFORMED),
        ("Host: a\r\nHost: a\r\n{json}", MALFORMED),
        ("Host: a\r\nHost: b\r\n{json}", MALFORMED),
        ("Host: a b\r\n{json}", MALFORMED),
        ("Host: a, b\r\n{json}", MALFORMED),
        ("Host: a/b\r\n{json}", MALFORMED),
        ("Host: user@a\r\n{json}", MALFORMED),
        ("Host: http://a\r\n{json}", MALFORMED),
        ("Host: a:b\r\n{json}", MALFORMED),
        ("Host: a:1:2\r\n{json}", MALFORMED),
        ("Host: a:65536\r\n{json}", MALFORMED),
        ("Host: :80\r\n{json}", MALFORMED),
        ("Host: a%4\r\n{json}", MALFORMED),
        ("Host: [::1\r\n{json}", MALFORMED),
        ("Host: [::g]\r\n{json}", MALFORMED),
        ("Host: [::1]x\r\n{json}", MALFORMED),
        ("Host: \u{e9}\r\n{json}", MALFORMED),
    ];
    check(CREATE, &cases);
}

#[test]
fn every_path_requires_host_except_over_http_1_0() {
    let cases = [
        ("GET /livez HTTP/1.1\r\n\r\n", MALFORMED),
        ("GET /docs HTTP/1.1\r\nHost: a b\r\n\r\n", MALFORMED),
        ("GET /nowhere HTTP/1.1\r\n\r\n", MALFORMED),
        ("DELETE /livez HTTP/1.1\r\n\r\n", MALFORMED),
        ("GET /{service}/1 HTTP/1.1\r\n\r\n", MALFORMED),
        ("GET http://localhost/{service}/1 HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n", MALFORMED),
        (
            "GET http://localhost/{service}/1 HTTP/1.1\r\nHost: other\r\nAuthorization: Bearer {token}\r\n\r\n",
            FINE,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer {token}\r\n\r\n",
            FINE,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n",
            FINE,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\nHost: b\r\nAuthorization: Bearer {token}\r\n\r\n",
            MALFORMED,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nHost: a b\r\nAuthorization: Bearer {token}\r\n\r\n",
            MALFORMED,
        ),
    ];
    check("", &cases);
}

#[test]
fn the_only_transfer_coding_is_chunked_once() {
    let cases = [
        ("Host: x\r\nTransfer-Encoding: chunked\r\n{chunks}", CREATED),
        ("Host: x\r\nTransfer-Encoding: Chunked\r\n{chunks}", CREATED),
        ("Host: x\r\nTransfer-Encoding: gzip, chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: chunked, chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: identity, chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: , chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: chunked, gzip\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: gzip\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: identity\r\n{json}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: xchunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding:\r\n{json}", MALFORMED),
        // Both are a way to hide a request in another: the coding counts, and the connection ends (RFC 9112, section 6.1).
        ("Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n{chunks}", (201, "", false)),
        ("Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n{chunks}", (201, "", false)),
    ];
    check(CREATE, &cases);
    let cases = [("Host: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n{chunks}", MALFORMED)];
    check(&CREATE.replace("HTTP/1.1", "HTTP/1.0"), &cases);
}

#[test]
fn the_only_content_coding_is_identity() {
    const REFUSED: Expected = (415, "Unsupported media type", false);
    let cases = [
        ("Host: x\r\nContent-Encoding: identity\r\n{json}", CREATED),
        ("Host: x\r\nContent-Encoding: Identity, identity\r\n{json}", CREATED),
        ("Host: x\r\nContent-Encoding:\r\n{json}", CREATED),
        ("Host: x\r\nContent-Encoding: gzip\r\n{json}", REFUSED),
        ("Host: x\r\nContent-Encoding: identity, br\r\n{json}", REFUSED),
        ("Host: x\r\nContent-Encoding: identity\r\nContent-Encoding: x-own\r\n{json}", REFUSED),
    ];
    check(CREATE, &cases);
    let (_store, session) = start(&[]);
    for &service in SERVICES.iter() {
        let mut caller = Caller::connect(&session, service);
        let head = format!("{CREATE}Host: x\r\nContent-Encoding: gzip\r\n{{json}}");
        caller.send(fill(&head, &session, service));
        assert_eq!(caller.response().unwrap().header("Accept-Encoding"), Some("identity"));
        let mut caller = Caller::connect(&session, service);
        caller.send(fill(&head.replace("{token}", "wrong"), &session, service));
        assert_eq!(caller.response().unwrap().status, 401, "the token comes first");
    }
}

#[test]
fn a_singleton_field_with_two_values_is_malformed() {
    let cases = [
        ("Host: x\r\nContent-Type: application/json\r\n{json}", CREATED),
        ("Host: x\r\nContent-Type: text/plain\r\n{json}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json;charset=utf-8\r\n{json}", MALFORMED),
        ("Host: x\r\nContent-Length: {length}\r\n{json}", CREATED),
        ("Host: x\r\nContent-Length: 1\r\n{json}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length: 2, 2\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length: +2\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length: -2\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length:\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nIdempotency-Key: one\r\nIdempotency-Key: two\r\n{json}", MALFORMED),
        ("Host: x\r\nIdempotency-Key: once\r\nIdempotency-Key: once\r\n{json}", CREATED),
        ("Host: x\r\nX-Request-Timeout-Ms: 5000\r\nX-Request-Timeout-Ms: 6000\r\n{json}", MALFORMED),
        ("Host: x\r\nX-Request-Timeout-Ms: 5000\r\nX-Request-Timeout-Ms: 5000\r\n{json}", CREATED),
        // Fields that may be repeated, and those that only name the request, refuse nothing.
        ("Host: x\r\nAccept: a/b\r\nAccept: c/d\r\nCookie: a\r\nCookie: b\r\n{json}", CREATED),
        ("Host: x\r\nX-Request-Id: one\r\nX-Request-Id: two\r\n{json}", CREATED),
        ("Host: x\r\nTraceparent: one\r\nTraceparent: two\r\n{json}", CREATED),
    ];
    check(CREATE, &cases);
}

#[test]
fn an_upgrade_is_ignored() {
    let upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n";
    check(CREATE, &[(&format!("{upgrade}{{json}}"), CREATED)]);
}
