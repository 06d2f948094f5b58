//! TLS, with rustls and the certificates that the system trusts.

use std::sync::Arc;

use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How connections to `base` are encrypted, if it is an `https://` address. `SSL_CERT_FILE` and `SSL_CERT_DIR` name other
/// certificates than the system's.
///
/// # Errors
/// There are no certificates.
pub(crate) fn config(base: &Url) -> Result<ClientConfig, String> {
    let mut trusted = RootCertStore::empty();
    // Reading them takes milliseconds, and keeping them a megabyte.
    if base.scheme() == "https" {
        trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if trusted.is_empty() {
            return Err(format!(
                "`{base}` needs trusted certificates, and there are none: install ca-certificates, or set SSL_CERT_FILE"
            ));
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(trusted).with_no_client_auth())
}
