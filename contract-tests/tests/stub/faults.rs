//! Faults of a stub, as a consumer sees them.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use contract_tests::engine::exchange::{Request, http_client};
use serde_json::json;

use crate::Stub;

/// Longer than a service takes that says something.
const SHORTLY: Duration = Duration::from_secs(2);
/// Longer than anything takes that happens at all, on a machine that has other work.
const TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn a_fault_of_the_table_comes_about_and_nothing_else() {
    let stub = Stub::start(&["--fault", "creating a product returns 200", "--fault", "the_stock_is_ignored"]);
    let session = stub.session();
    let product = json!({ "name": "Mouse", "price": 19.99, "stock": 1 });
    let create = session.request("products", "POST", "/products").json(&product);
    assert!(session.send(&create).is_err(), "200 is not documented");
    // What orders sees of a product is altered, and what others see is not.
    let order = json!({ "product_id": 2, "quantity": 1000 });
    let request = session.request("orders", "POST", "/orders").json(&order);
    session.expect(&request, 201, None).unwrap();
    let read = session.expect(&session.request("products", "GET", "/products/2"), 200, None).unwrap();
    assert_eq!(read.json()["stock"], 1);
    session.expect(&session.request("payments", "GET", "/payments/1"), 200, None).unwrap();
}

#[test]
fn a_preference_goes_through_a_fault() {
    let stub = Stub::start(&["products", "--fault", "an unknown product is 410"]);
    let url = format!("{}/products/1", stub.url("products"));
    let http = http_client(TIMEOUT);
    let send = |code: &str| {
        let request = http.get(&url).header("Prefer", code).header("Origin", "http://shop.example");
        request.send().unwrap()
    };
    assert_eq!(send("code=404").status(), 410);
    let unavailable = send("code=503");
    assert_eq!(
        (unavailable.status().as_u16(), &unavailable.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert_eq!(unavailable.headers()["access-control-allow-origin"], "*");
}

/// What comes of a request.
#[derive(Debug, PartialEq)]
enum Seen {
    Refused,
    /// The connection ended after so much, or was reset.
    Ended(String),
    Reset,
    /// So much had come after a while, and the connection was still open.
    Open(String),
}

/// What comes of a request until it ends, or until enough has come, or nothing for this time.
fn see(url: &str, path: &str, time: Duration, is_enough: impl Fn(&[u8]) -> bool) -> Seen {
    let address = url.strip_prefix("http://").unwrap();
    let Ok(mut stream) = TcpStream::connect(address) else { return Seen::Refused };
    stream.set_read_timeout(Some(time)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    while !is_enough(&bytes) {
        match stream.read(&mut part) {
            Ok(0) => return Seen::Ended(String::from_utf8(bytes).unwrap()),
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Seen::Reset,
            Err(_) => break,
        }
    }
    Seen::Open(String::from_utf8(bytes).unwrap())
}

/// All that comes of a request.
fn see_whole(url: &str, path: &str) -> Seen {
    see(url, path, TIMEOUT, |_| false)
}

/// The stub in which each service fails in another way.
fn failing(products: &str, orders: &str, payments: &str) -> Stub {
    let faults = [format!("products {products}"), format!("orders {orders}"), format!("payments {payments}")];
    let arguments: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    Stub::start(&arguments)
}

#[test]
fn a_service_can_be_silent_or_gone() {
    let stub = failing("refuses connections", "says nothing", "hangs up");
    assert_eq!(see_whole(stub.url("products"), "/livez"), Seen::Refused);
    assert_eq!(see(stub.url("orders"), "/livez", SHORTLY, |_| false), Seen::Open(String::new()));
    assert_eq!(see_whole(stub.url("payments"), "/livez"), Seen::Ended(String::new()));
}

#[test]
fn a_response_can_drip_or_stop_short() {
    let stub = failing("resets connections", "drips the head", "breaks off");
    assert_eq!(see_whole(stub.url("products"), "/livez"), Seen::Reset);
    let Seen::Open(head) = see(stub.url("orders"), "/livez", TIMEOUT, |bytes| bytes.len() > 3) else {
        panic!("all of it came")
    };
    assert!(head.starts_with("HTTP") && head.len() < 100, "{head}");
    let body = r#"{"status":"live"}"#;
    let Seen::Ended(half) = see_whole(stub.url("payments"), "/livez") else { panic!("it does not end") };
    assert!(half.contains("content-length: 17\r\n") && half.ends_with(&body[..body.len() / 2]), "{half}");
}

#[test]
fn a_response_can_be_late_or_without_end() {
    let stub = failing("drips the body", "never ends", "takes a second");
    let has_body = |bytes: &[u8]| bytes.windows(6).any(|part| part.starts_with(b"\r\n\r\n"));
    let Seen::Open(some) = see(stub.url("products"), "/openapi.json", TIMEOUT, has_body) else {
        panic!("all of it came")
    };
    let (_, some) = some.split_once("\r\n\r\n").unwrap();
    assert!(some.len() < 1000, "{some}");
    let Seen::Open(blanks) = see(stub.url("orders"), "/livez", TIMEOUT, |bytes| bytes.len() > 200_000) else {
        panic!("it ends")
    };
    assert!(blanks.ends_with("    "), "{} bytes", blanks.len());
    let began = Instant::now();
    let Seen::Ended(whole) = see_whole(stub.url("payments"), "/livez") else { panic!("it does not come") };
    assert!(whole.ends_with(r#"{"status":"live"}"#) && began.elapsed() >= Duration::from_secs(1), "{whole}");
}

#[test]
fn responses_fail_in_every_way() {
    let stub = failing("responds with 502 in HTML", "is full once", "responds with strings for numbers");
    let session = stub.session();
    let http = http_client(TIMEOUT);
    let get = |service: &str, path: &str| {
        let Request { headers, .. } = session.request(service, "GET", path);
        let request =
            http.get(format!("{}{path}", stub.url(service))).header("Origin", "http://shop.example");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let response = request.send().unwrap();
        // A page sees each of them.
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        (response.status().as_u16(), response.text().unwrap())
    };
    assert_eq!(get("products", "/products/1"), (502, "<h1>Bad gateway</h1>".into()));
    let payment = r#"{"id":"1","order_id":"1","amount":"600","method":"bank-transfer","status":"SUCCESS"}"#;
    assert_eq!(get("payments", "/payments/1"), (200, payment.into()));
    assert_eq!(get("orders", "/orders/1"), (503, r#"{"error":"Service unavailable"}"#.into()));
    let order = r#"{"id":1,"product_id":1,"quantity":3,"status":"PENDING"}"#;
    assert_eq!(get("orders", "/orders/1"), (200, order.into()));
}
