//! One purchase is one trace over three services: its id is in every log line, and its spans are exported to a collector, which
//! sees no secret and delays no response.

mod exporting;
mod propagation;
mod spans;
mod variables;
pub(crate) mod collector;

use contract_tests::{
    engine::{exchange::Request, session::Session},
    harness::store::Store,
};
use serde_json::json;

use self::collector::Collector;
use crate::PROGRAM;

pub(crate) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// The spans in which a client orders and pays.
const ORDERING: &str = "b7ad6b7169203331";
const PAYING: &str = "00f067aa0ba902b7";

impl Collector {
    /// A store that exports to this collector.
    fn store(&self, settings: &[(&str, &str)]) -> (Store, Session) {
        let exporting = [(ENDPOINT, self.url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
        Store::start_with_session(PROGRAM, &[&exporting, settings].concat())
    }
}

/// Sells one computer; the order and the payment are made in [`TRACE`].
fn sell(session: &Session) {
    let product = json!({ "name": "Quantum computer", "price": 200, "stock": 20 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 3 }));
    session.expect(&in_trace(order, ORDERING), 201, None).unwrap();
    let payment = json!({ "order_id": 1, "amount": 200, "method": "secret-card" });
    let payment = session.request("payments", "POST", "/payments").json(&payment);
    session.expect(&in_trace(payment, PAYING), 201, None).unwrap();
}

fn in_trace(request: Request, parent: &str) -> Request {
    request.header("traceparent", format!("00-{TRACE}-{parent}-01"))
}

/// The services that take part in a purchase.
const SELLERS: [&str; 3] = ["products", "orders", "payments"];

/// What these services have logged, after they were let finish, which is when the last spans are exported.
fn logs(store: &mut Store) -> [String; 3] {
    SELLERS.map(|service| store.service(service).whole_log())
}
