//! The load: every kind of request, each at a rate of its own, far below what a service can do. It is about the first thousand of
//! many rows.

use std::time::Duration;

use bytes::Bytes;
use contract_tests::{
    engine::{deployment::Deployment, session::Session},
    harness::{store::Store, waiting},
    load::{
        drive::{Question, open_loop},
        work::{self, WORKS, Work},
    },
};
use hdrhistogram::Histogram;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use rusqlite::Connection;
use uuid::Uuid;

/// How many connections each kind has.
const CONNECTIONS: usize = 4;

/// What each service has at first: enough rows to fill the page caches of SQLite, which would grow for a while otherwise.
const ROWS: [(&str, &str); 3] = [
    ("products", "product (name, price, stock) SELECT printf('%.200c', 'x'), 1.5, 9000000000"),
    ("orders", "purchase_order (product_id, quantity, status) SELECT i, 3, 'PENDING'"),
    ("payments", "payment (order_id, amount, method, status) SELECT i, 4.5, 'fake-card', 'SUCCESS'"),
];

/// Fills the databases, and waits until the services see the rows.
pub(crate) fn fill(store: &Store, session: &Session) {
    for (service, rows) in ROWS {
        let insert = format!(
            "WITH RECURSIVE number (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 20000) INSERT INTO {rows} FROM number"
        );
        Connection::open(store.database(service)).unwrap().execute_batch(&insert).unwrap();
        let last = session.request(service, "GET", format!("/{service}/20000"));
        waiting::until("the rows", || session.send(&last).unwrap().status == 200).unwrap();
    }
}

/// One kind of request.
pub(crate) struct Kind {
    name: &'static str,
    /// How often it is sent in a second.
    rate: f64,
    question: &'static Question,
}

impl Kind {
    /// Sends it for `time`, and says how long the responses took, in microseconds.
    ///
    /// # Panics
    /// A response is not what it should be.
    pub(crate) fn send(self, time: Duration) -> (&'static str, Histogram<u64>) {
        (self.name, open_loop(self.question, CONNECTIONS, time, self.rate).latencies)
    }
}

/// All kinds of requests.
pub(crate) fn kinds(deployment: &Deployment) -> Vec<Kind> {
    let of_work = |work: &Work| match work.writes() {
        true => Kind { name: work.name, rate: 20.0, question: with_keys(work.question(deployment)) },
        false => Kind { name: work.name, rate: 60.0, question: work.question(deployment) },
    };
    let mut kinds: Vec<_> = WORKS.iter().map(of_work).collect();
    let products = deployment.service("products");
    let page = work::get(products, "/products?limit=100&after=5000");
    kinds.push(Kind { name: "GET /products, a page", rate: 10.0, question: page });
    kinds.push(Kind { name: "PUT /products/{id}", rate: 20.0, question: replacement(page) });
    kinds.push(Kind { name: "no token", rate: 10.0, question: without_token(page) });
    kinds.push(Kind { name: "/metrics", rate: 1.0, question: work::get(products, "/metrics") });
    kinds
}

/// The same with unique keys. Each eighth repeats the one before it on its connection, and so gets the same response.
fn with_keys(original: &'static Question) -> &'static Question {
    let prefix = Uuid::now_v7();
    changed(original, original.status, move |number| {
        let number = if number % 8 == 7 { number - CONNECTIONS as u64 } else { number };
        let mut request = (original.request)(number);
        let key = HeaderValue::try_from(format!("{prefix}-{number}")).unwrap();
        request.headers_mut().insert("Idempotency-Key", key);
        request
    })
}

/// Replaces one of a thousand products.
fn replacement(original: &'static Question) -> &'static Question {
    changed(original, StatusCode::OK, |number| {
        let mut request = (original.request)(number);
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = format!("/products/{}", number % 1000 + 1).parse().unwrap();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = format!(r#"{{"name": "Computer", "price": {number}, "stock": 9000000000}}"#);
        request.map(|_| Full::from(body))
    })
}

fn without_token(original: &'static Question) -> &'static Question {
    changed(original, StatusCode::UNAUTHORIZED, |number| {
        let mut request = (original.request)(number);
        request.headers_mut().remove(AUTHORIZATION);
        request
    })
}

fn changed(
    original: &Question,
    status: StatusCode,
    request: impl Fn(u64) -> Request<Full<Bytes>> + Send + Sync + 'static,
) -> &'static Question {
    Box::leak(Box::new(Question { server: original.server, status, request: Box::new(request) }))
}
