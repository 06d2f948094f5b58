//! How connections are encrypted: with rustls, ring, and the certificates that the system trusts.

use std::sync::{Arc, LazyLock};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How connections are encrypted. `SSL_CERT_FILE` and `SSL_CERT_DIR` name other certificates than the system's.
pub(crate) fn config() -> Arc<ClientConfig> {
    // Reading the certificates takes milliseconds. Without any, no certificate is trusted.
    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let mut trusted = RootCertStore::empty();
        trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions of TLS");
        Arc::new(builder.with_root_certificates(trusted).with_no_client_auth())
    });
    CONFIG.clone()
}

/// Makes ring the default provider of TLS. The first caller in a process decides.
pub(crate) fn prepare() {
    let _ = ring::default_provider().install_default();
}
