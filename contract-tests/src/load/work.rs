//! The workloads that are measured: requests to a service, and the share of the limit that each must reach.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::engine::deployment::{Address, Deployment};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};

use super::drive::{Question, some};

/// How many products, orders and payments there are.
pub const ROWS: u64 = 1000;

/// One kind of request.
pub struct Work {
    /// What it is called in tables.
    pub name: &'static str,
    /// The service.
    pub service: &'static str,
    /// The services that work at it.
    pub involved: &'static [&'static str],
    /// What it has to reach: as a ratio to bare hyper if it reads, to the barest service if it writes.
    pub target: f64,
    method: Method,
    path: fn(u64) -> String,
    body: Option<fn(u64) -> String>,
}

/// Everything that is measured with many callers.
pub const WORKS: [Work; 7] = [
    GET_PRODUCT,
    Work {
        name: "GET /orders/{id}",
        service: "orders",
        involved: &["orders"],
        target: 0.80,
        method: Method::GET,
        path: |number| format!("/orders/{}", some_id(number)),
        body: None,
    },
    CREATE_PRODUCT,
    CREATE_ORDER,
    Work {
        name: "POST /orders, one product",
        target: 1.0,
        body: Some(|_| r#"{"product_id": 1, "quantity": 3}"#.into()),
        ..CREATE_ORDER
    },
    Work {
        name: "POST /payments",
        service: "payments",
        involved: &["payments", "orders"],
        target: 0.85,
        method: Method::POST,
        path: |_| "/payments".into(),
        body: Some(|number| {
            let id = some_id(number);
            format!(r#"{{"order_id": {id}, "amount": 600, "method": "fake-card"}}"#)
        }),
    },
    Work {
        name: "GET /payments/{id}",
        service: "payments",
        involved: &["payments"],
        target: 0.80,
        method: Method::GET,
        path: |number| format!("/payments/{}", some_id(number)),
        body: None,
    },
];

/// Reads one row.
pub const GET_PRODUCT: Work = Work {
    name: "GET /products/{id}",
    service: "products",
    involved: &["products"],
    target: 0.80,
    method: Method::GET,
    path: |number| format!("/products/{}", some_id(number)),
    body: None,
};

/// Writes one row, durably.
pub const CREATE_PRODUCT: Work = Work {
    name: "POST /products",
    service: "products",
    involved: &["products"],
    target: 0.95,
    method: Method::POST,
    path: |_| "/products".into(),
    body: Some(|number| format!(r#"{{"name": "Computer {number}", "price": 199.99, "stock": 9000000000}}"#)),
};

/// Asks products and writes one row, durably. A thousand products in turns, so that few orders share a read.
pub const CREATE_ORDER: Work = Work {
    name: "POST /orders",
    service: "orders",
    involved: &["orders", "products"],
    target: 0.85,
    method: Method::POST,
    path: |_| "/orders".into(),
    body: Some(|number| format!(r#"{{"product_id": {}, "quantity": 3}}"#, some_id(number))),
};

/// An id from 1 to [`ROWS`], in an order that no cache likes.
fn some_id(number: u64) -> u64 {
    number.wrapping_mul(7919) % ROWS + 1
}

impl Work {
    /// Whether it writes.
    pub fn writes(&self) -> bool {
        self.body.is_some()
    }

    /// What is asked of `deployment`.
    pub fn question(&self, deployment: &Deployment) -> &'static Question {
        self.question_at(deployment.service(self.service))
    }

    /// What is asked of the service at `address`.
    pub fn question_at(&self, address: &Address) -> &'static Question {
        let (server, host) = server(&address.url);
        let authorization = format!("Bearer {}", address.token);
        let (method, path, body) = (self.method.clone(), self.path, self.body);
        let status = if body.is_some() { StatusCode::CREATED } else { StatusCode::OK };
        let request = move |number| {
            let request = Request::builder()
                .method(method.clone())
                .uri(path(number))
                .header(HOST, &*host)
                .header(AUTHORIZATION, &*authorization);
            let request = match body {
                Some(body) => request
                    .header(CONTENT_TYPE, "application/json")
                    .body(Full::new(Bytes::from(body(number)))),
                None => request.body(Full::default()),
            };
            request.expect("a request")
        };
        Box::leak(Box::new(Question { server, status, request: Box::new(request) }))
    }
}

/// A GET of `path` from the server at `address`.
pub fn get(address: &Address, path: &'static str) -> &'static Question {
    let work = Work { method: Method::GET, path: |_| "/".into(), body: None, ..CREATE_PRODUCT };
    let question = work.question_at(address);
    let request = move |number| {
        let mut request = (question.request)(number);
        *request.uri_mut() = path.parse().expect("a path");
        request
    };
    Box::leak(Box::new(Question { request: Box::new(request), ..*question }))
}

fn server(url: &str) -> (SocketAddr, String) {
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let server = host.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    (server.unwrap_or_else(|| panic!("{url} is not an address like http://127.0.0.1:5001")), host)
}

/// Gives a store that is empty [`ROWS`] products, orders and payments.
pub fn prepare(deployment: &Deployment) {
    for work in WORKS.iter().filter(|work| work.writes()) {
        some(work.question(deployment), ROWS);
    }
}
