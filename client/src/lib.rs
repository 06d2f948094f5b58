//! Clients of the store's three services.
//!
//! Everything about the wire is generated from `openapi/*.json`: operations, bodies, answers, and an enum of the exact
//! texts that each operation can refuse with. What is written by hand is how to connect: [`products()`], [`orders()`]
//! and [`payments()`] give clients that send the token, follow no redirects, and wait no longer than [`PATIENCE`].
//!
//! ```no_run
//! # async fn buy() -> Result<(), client::InvalidConnection> {
//! let orders = client::orders("http://127.0.0.1:5002", "SECRET_ORDERS_TOKEN")?;
//! let order = client::orders::types::NewOrder::builder().product_id(1_u64).quantity(3_u64);
//! match orders.create_order().body(order).idempotency_key("monday-1").send().await {
//!     Ok(order) => println!("order {} is {}", order.id, order.status),
//!     Err(client::Error::ErrorResponse(refusal)) => println!("refused: {}", refusal.error),
//!     Err(other) => println!("out of reach: {other}"),
//! }
//! # Ok(())
//! # }
//! ```

mod connection;

pub use connection::{
    ANSWER_LIMIT, CONNECT_PATIENCE, InvalidConnection, PATIENCE, cause, on_behalf_of, traced,
};
pub use progenitor_client::{Error, ResponseValue};

macro_rules! service {
    ($service:ident, $document:literal) => {
        #[doc = concat!("The ", stringify!($service), " service, as `openapi/", stringify!($service), ".json` describes it.")]
        #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::unwrap_used, reason = "generated")]
        pub mod $service {
            progenitor::generate_api!(spec = $document, interface = Builder, hooks = Expected);

            impl progenitor_client::ClientHooks for Client {
                async fn exec(
                    &self,
                    request: reqwest::Request,
                    _operation: &progenitor_client::OperationInfo,
                ) -> reqwest::Result<reqwest::Response> {
                    crate::connection::send(&self.client, request).await
                }
            }
        }

        #[doc = concat!("A client of the ", stringify!($service), " service at `url`, which sends it `token`.")]
        ///
        /// # Errors
        /// `url` is no address of an HTTP service, or `token` cannot be sent in a header.
        pub fn $service(url: &str, token: &str) -> Result<$service::Client, InvalidConnection> {
            Ok($service::Client::new_with_client(&connection::base_url(url)?, connection::http_client(token)?))
        }
    };
}

service!(products, "../openapi/products.json");
service!(orders, "../openapi/orders.json");
service!(payments, "../openapi/payments.json");
