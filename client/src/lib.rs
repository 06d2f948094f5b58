//! Clients of the store's three services.
//!
//! Everything about the wire is generated from `openapi/*.json`: operations, bodies, answers, and for each operation an enum
//! of the exact texts that it can refuse with. What is written by hand is how to connect: [`products()`], [`orders()`] and
//! [`payments()`] give clients that send the token, follow no redirects, and wait no longer than [`CALL_TIMEOUT`].
//!
//! ```toml
//! [dependencies]
//! # Its default feature is the console.
//! client = { git = "<where this repository is>", default-features = false }
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! # Buying something
//!
//! This is `client/examples/buy.rs`. While the store runs, `cargo run -p client --example buy` runs it.
//!
#![doc = concat!("```no_run\n", include_str!("../examples/buy.rs"), "```")]
//!
//! # What can go wrong
//!
//! | an operation gives | which means |
//! |---|---|
//! | [`Error::ErrorResponse`] | the service refused, with one of the texts that its document lists for the operation, such as [`orders::types::CreateOrderErrorMessage`] |
//! | [`Error::InvalidRequest`] | nothing was sent, since the document rules it out |
//! | [`Error::CommunicationError`] | nobody was there, or there was no whole answer within [`CALL_TIMEOUT`] |
//! | anything else | there was an answer, but not one that is in the document |
//!
//! [`cause()`] tells each of them in one line for a log. `client/examples/errors.rs` handles all of them, so that a text that
//! is new in a document has to be thought of before it compiles.
//!
//! # Once, however often it is sent
//!
//! Whoever got no answer to a create does not know whether it was done. With an idempotency key, which is made before the
//! first try and sent with each, the first answer comes again and nothing is created twice: `client/examples/retries.rs`.
//! Reads need no key; they are sent again by themselves, once, if nobody was there or the answer was a 503, and not before its `Retry-After` is over: [`retry_after()`] reads that.
//!
//! # In a service
//!
//! A service that calls another while it answers a request does so with [`on_behalf_of()`]: the calls carry the request's id,
//! and take no longer than whoever waits for it.

// The console uses the clients as any program does.
#[cfg(feature = "console")]
extern crate self as client;

#[cfg(feature = "console")]
pub mod console;

mod answer;
mod connection;
mod pool;
mod spare;

pub use answer::{ANSWER_LIMIT, cause};
pub use connection::{CALL_TIMEOUT, CONNECT_TIMEOUT, InvalidConnection, on_behalf_of, retry_after, traced};
pub use progenitor_client::{Error, ResponseValue};

macro_rules! service {
    ($service:ident, $document:literal) => {
        #[doc = concat!("The ", stringify!($service), " service, as `openapi/", stringify!($service), ".json` describes it.")]
        #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::unwrap_used, reason = "generated")]
        pub mod $service {
            progenitor::generate_api!(
                spec = $document,
                interface = Builder,
                hooks = Expected,
                inner_type = crate::connection::Transport,
            );

            impl progenitor_client::ClientHooks<crate::connection::Transport> for Client {
                async fn exec(
                    &self,
                    request: reqwest::Request,
                    _operation: &progenitor_client::OperationInfo,
                ) -> reqwest::Result<reqwest::Response> {
                    // What waits for an answer is large, and would be copied with everything that waits for it.
                    Box::pin(crate::connection::send(&self.client, &self.inner, request)).await
                }
            }
        }

        #[doc = concat!("A client of the ", stringify!($service), " service at `url`, which sends it `token`.")]
        ///
        /// # Errors
        /// `url` is no address of an HTTP service, or `token` cannot be sent in a header.
        pub fn $service(url: &str, token: &str) -> Result<$service::Client, InvalidConnection> {
            let (base_url, client, transport) = connection::connect(url, token)?;
            Ok($service::Client::new_with_client(&base_url, client, transport))
        }
    };
}

service!(products, "../openapi/products.json");
service!(orders, "../openapi/orders.json");
service!(payments, "../openapi/payments.json");
