//! An HTTP client for services on this machine, without TLS.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};
use rustls::crypto::ring;

/// A client that gives up after `timeout`. It looks for neither a proxy nor the certificates of the system.
pub(crate) fn client(timeout: Duration) -> ClientBuilder {
    // reqwest wants one, though nothing is encrypted. This fails only if there is one already.
    let _ = ring::default_provider().install_default();
    Client::builder().timeout(timeout).no_proxy().tls_certs_only([])
}
