//! Faults of a stub, as a consumer sees them.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use contract_tests::engine::exchange::Request;
use serde_json::json;

use crate::Stub;

/// Longer than a byte takes that drips, and shorter than anybody waits for a response.
const SHORTLY: Duration = Duration::from_secs(2);

#[test]
fn a_fault_of_the_table_comes_about_and_nothing_else() {
    let stub =
        Stub::start(&["--fault", "a created product is answered 200", "--fault", "the_stock_is_ignored"]);
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
    let http = reqwest::blocking::Client::new();
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

fn see(url: &str) -> Seen {
    let address = url.strip_prefix("http://").unwrap();
    let Ok(mut stream) = TcpStream::connect(address) else { return Seen::Refused };
    stream.set_read_timeout(Some(SHORTLY)).unwrap();
    let request = "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let (began, mut bytes) = (Instant::now(), Vec::new());
    let mut part = [0; 4096];
    while began.elapsed() < SHORTLY {
        match stream.read(&mut part) {
            Ok(0) => return Seen::Ended(String::from_utf8(bytes).unwrap()),
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Seen::Reset,
            Err(_) => break,
        }
    }
    Seen::Open(String::from_utf8(bytes).unwrap())
}

#[test]
fn connections_fail_in_every_way() {
    let body = r#"{"status":"live"}"#;
    let stub = Stub::start(&[
        "--fault",
        "products refuses connections",
        "--fault",
        "orders says nothing",
        "--fault",
        "payments hangs up",
    ]);
    assert_eq!(see(stub.url("products")), Seen::Refused);
    assert_eq!(see(stub.url("orders")), Seen::Open(String::new()));
    assert_eq!(see(stub.url("payments")), Seen::Ended(String::new()));

    let stub = Stub::start(&[
        "--fault",
        "products resets connections",
        "--fault",
        "orders drips the head",
        "--fault",
        "payments breaks off",
    ]);
    assert_eq!(see(stub.url("products")), Seen::Reset);
    let Seen::Open(head) = see(stub.url("orders")) else { panic!("all of it came") };
    assert!(head.starts_with("HTT") && head.len() < 20, "{head}");
    let Seen::Ended(half) = see(stub.url("payments")) else { panic!("it does not break off") };
    assert!(half.contains("content-length: 17\r\n") && half.ends_with(&body[..body.len() / 2]), "{half}");

    let stub = Stub::start(&[
        "--fault",
        "products drips the body",
        "--fault",
        "orders never ends",
        "--fault",
        "payments takes a second",
    ]);
    let Seen::Open(some) = see(stub.url("products")) else { panic!("all of it came") };
    let (_, some) = some.split_once("\r\n\r\n").unwrap();
    assert!(!some.is_empty() && some.len() < body.len() && body.starts_with(some), "{some}");
    let Seen::Open(blanks) = see(stub.url("orders")) else { panic!("it ends") };
    assert!(blanks.len() > 100_000, "{}", blanks.len());
    let began = Instant::now();
    let Seen::Ended(whole) = see(stub.url("payments")) else { panic!("it does not come") };
    assert!(whole.ends_with(body) && began.elapsed() >= Duration::from_secs(1), "{whole}");
}

#[test]
fn answers_fail_in_every_way() {
    let stub = Stub::start(&[
        "--fault",
        "products answers 502 in HTML",
        "--fault",
        "orders is full once",
        "--fault",
        "payments answers texts for numbers",
    ]);
    let session = stub.session();
    let http = reqwest::blocking::Client::new();
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
