//! Clients of the store's three services.
//!
//! The clients are generated from `openapi/*.json` by `build.rs`: operations, request and response bodies, and an enum of the
//! error messages of each operation. Only the transport is written by hand: [`products()`], [`orders()`] and [`payments()`]
//! return clients that send the token, follow no redirects, and wait at most [`CALL_TIMEOUT`], or as long as [`traced_within`]
//! says.
//!
//! ```toml
//! [dependencies]
//! # The default feature is the console.
//! client = { git = "<URL of this repository>", default-features = false }
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! # A purchase
//!
//! This is `client/examples/buy.rs`. Run it with `cargo run -p client --example buy` while the store is running.
//!
#![doc = concat!("```no_run\n", include_str!("../examples/buy.rs"), "```")]
//!
//! # Errors
//!
//! | error | meaning |
//! |---|---|
//! | [`Error::ErrorResponse`] | the service responded with a status and an error message, such as [`orders::types::CreateOrderErrorMessage`] |
//! | [`Error::InvalidRequest`] | the document does not allow the request, and nothing was sent |
//! | [`Error::CommunicationError`] | the service is unreachable, or did not send a complete response within [`CALL_TIMEOUT`] |
//! | any other | the response is not documented |
//!
//! [`cause()`] describes an error in one line for a log. `client/examples/errors.rs` matches on every error message, so after
//! a document gets a new message, it does not compile until it handles that message. A message from a later version of the service
//! is `Unknown`, with its text: handle it by the status of the response. [`ErrorBody`] has the fields that all error bodies share.
//!
//! All other enums are closed: an order with an unknown `status` is an undocumented response, since nothing says what it means.
//!
//! # Retries
//!
//! A caller that gets no response to a create cannot know whether it was done. Send the same idempotency key with every try:
//! the service repeats its first response and creates nothing twice. `client/examples/retries.rs` shows it. [`retry_after()`]
//! returns how long the service asks its callers to wait.
//!
//! Reads need no key. A client retries a read once if the connection failed or the response was a 503, after its `Retry-After`.
//!
//! # In a consumer's unit tests
//!
//! With the feature `mocks`, each client has a module `mocks`: servers that respond as a test says, in the types of the document.
//! `client/examples/mocks.rs` shows it.
//!
//! # In a service
//!
//! A service calls another with [`on_behalf_of()`]: the calls carry the id of the request that it handles, and end by the deadline
//! of that request.

// The console uses the clients as any program does.
#[cfg(feature = "console")]
extern crate self as client;

#[cfg(feature = "console")]
pub mod console;

mod connection;
mod transport;
mod tls;
mod response;
mod error_body;
mod context;
mod deadline;

pub use connection::InvalidConnection;
pub use context::{on_behalf_of, traced, traced_within};
pub use deadline::{CALL_TIMEOUT, CONNECT_TIMEOUT};
pub use error_body::ErrorBody;
#[cfg(feature = "mocks")]
pub use httpmock;
pub use progenitor_client::{Error, ResponseValue};
pub use response::{RESPONSE_LIMIT, cause, retry_after};

macro_rules! service {
    ($service:ident) => {
        #[doc = concat!("The ", stringify!($service), " service, as `openapi/", stringify!($service), ".json` describes it.")]
        #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::unwrap_used, reason = "generated")]
        pub mod $service {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($service), ".rs"));

            /// Mocks of the service for [`httpmock`](crate::httpmock), in the types of its document.
            #[cfg(feature = "mocks")]
            pub mod mocks {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($service), "_mocks.rs"));
            }

            impl Client {
                /// Sends `token` with each further request, as do all clones of this client.
                ///
                /// # Errors
                /// If `token` cannot be sent in a header.
                pub fn set_token(&self, token: &str) -> Result<(), crate::InvalidConnection> {
                    self.inner.set_authorization(crate::connection::authorization(token)?);
                    Ok(())
                }
            }

            impl progenitor_client::ClientHooks<crate::transport::Transport> for Client {
                async fn exec(
                    &self,
                    request: reqwest::Request,
                    _operation: &progenitor_client::OperationInfo,
                ) -> reqwest::Result<reqwest::Response> {
                    // The future is large, and would be copied with every future around it.
                    Box::pin(self.inner.send(request)).await
                }

                async fn post<E>(
                    &self,
                    result: &reqwest::Result<reqwest::Response>,
                    _operation: &progenitor_client::OperationInfo,
                ) -> Result<(), Error<E>> {
                    result.as_ref().ok().and_then(crate::response::undocumented).map_or(Ok(()), Err)
                }
            }
        }

        #[doc = concat!("Returns a client of the ", stringify!($service), " service at `url` that sends `token`.")]
        ///
        /// # Errors
        /// If `url` is not an `http://` or `https://` address, or `token` cannot be sent in a header.
        pub fn $service(url: &str, token: &str) -> Result<$service::Client, InvalidConnection> {
            let (base_url, client, transport) = connection::connect(url, token)?;
            Ok($service::Client::new_with_client(&base_url, client, transport))
        }
    };
}

// One for each service of the contract.
include!(concat!(env!("OUT_DIR"), "/services.rs"));
