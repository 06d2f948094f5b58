//! An `https://` address for a server that speaks plain HTTP.

use std::{fs, net::TcpListener, path::PathBuf, sync::Arc, thread};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;
use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{accepting, folders::new_folder};

/// Decrypts what comes, and sends it on to another server. It lives as long as the test's process.
pub struct TlsFrontEnd {
    /// Its address: `https://localhost:…`.
    pub url: String,
    folder: TempDir,
}

impl TlsFrontEnd {
    /// In front of the server at `target`, such as `127.0.0.1:5001`, with a certificate of its own for `localhost`.
    pub fn start(target: &str) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let folder = new_folder();
        fs::write(folder.path().join("certificate.pem"), cert.pem()).expect("a file");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a certificate with its key");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let target = target.to_owned();
        thread::spawn(move || serve(listener, target, TlsAcceptor::from(Arc::new(config))));
        Self { url: format!("https://localhost:{port}"), folder }
    }

    /// The certificate, for those who shall trust it.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve(listener: TcpListener, target: String, acceptor: TlsAcceptor) {
    let take = |encrypted| {
        let (acceptor, target) = (acceptor.clone(), target.clone());
        tokio::spawn(async move {
            // A caller that does not trust the certificate hangs up.
            let Ok(mut caller) = acceptor.accept(encrypted).await else { return };
            let Ok(mut server) = TcpStream::connect(target).await else { return };
            let _ = copy_bidirectional(&mut caller, &mut server).await;
        });
    };
    accepting::each(listener, take).await;
}
