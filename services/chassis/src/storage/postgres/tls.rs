//! TLS, as `sslmode` requires it (<https://www.postgresql.org/docs/current/libpq-ssl.html>).

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::storage::client::Tls;

/// The `sslrootcert` that stands for the authorities of the system.
const SYSTEM: &str = "system";

/// How the server's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing: the connection is encrypted, but the server is not verified.
    Nothing,
    /// That an authority has signed it.
    Authority,
    /// That, and the name of the server.
    Name,
}

/// Whether TLS is used, and what is checked, with these options of a URL. `roots` is as in [`connector`].
///
/// # Errors
/// The reason why they cannot be used.
pub(super) fn mode(mode: Option<&str>, roots: Option<&str>) -> Result<(SslMode, Check), String> {
    if roots == Some(SYSTEM) && !matches!(mode, None | Some("verify-full")) {
        return Err("sslrootcert is system, with which sslmode has to be verify-full".to_owned());
    }
    // As in libpq: if root certificates are named, the server is verified against them.
    let at_least = if roots.is_some() { Check::Authority } else { Check::Nothing };
    match mode {
        None if roots == Some(SYSTEM) => Ok((SslMode::Require, Check::Name)),
        Some("disable") => Ok((SslMode::Disable, Check::Nothing)),
        None | Some("prefer" | "allow") => Ok((SslMode::Prefer, at_least)),
        Some("require") => Ok((SslMode::Require, at_least)),
        Some("verify-ca") => Ok((SslMode::Require, Check::Authority)),
        Some("verify-full") => Ok((SslMode::Require, Check::Name)),
        Some(_) => {
            Err("sslmode must be one of disable, prefer, require, verify-ca and verify-full".to_owned())
        }
    }
}

/// The TLS connector. `roots` is a file with the certificates of authorities; without it, the system's are used.
///
/// # Errors
/// There are no certificates of authorities, and they are needed.
pub(super) fn connector(check: Check, roots: Option<&str>) -> Result<Tls, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let verifier: Arc<dyn ServerCertVerifier> = match check {
        Check::Nothing => Arc::new(Lenient { provider, authorities: None }),
        Check::Authority | Check::Name => {
            let roots = Arc::new(authorities(roots)?);
            let authorities = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| error.to_string())?;
            match check {
                Check::Authority => Arc::new(Lenient { provider, authorities: Some(authorities) }),
                _ => authorities,
            }
        }
    };
    let config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    Ok(Tls(MakeRustlsConnect::new(config)))
}

fn authorities(file: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = match file.filter(|file| *file != SYSTEM) {
        None => rustls_native_certs::load_native_certs().certs,
        Some(file) => {
            let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            read.map_err(|error| format!("sslrootcert is {file}, which cannot be read ({error})"))?
        }
    };
    roots.add_parsable_certificates(certificates);
    match roots.is_empty() {
        true => Err("sslmode asks for a verified server, and there are no certificates of authorities: set sslrootcert \
                     to a file with them"
            .to_owned()),
        false => Ok(roots),
    }
}

/// Looks at less of the certificate than TLS usually asks for, since `sslmode` does.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// None if anybody may have signed it.
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_authorities_are_checked_in_every_mode_with_tls() {
        for (sent, file, expected) in [
            (None, None, (SslMode::Prefer, Check::Nothing)),
            (None, Some("ca.pem"), (SslMode::Prefer, Check::Authority)),
            (Some("prefer"), Some("ca.pem"), (SslMode::Prefer, Check::Authority)),
            (Some("require"), None, (SslMode::Require, Check::Nothing)),
            (Some("require"), Some("ca.pem"), (SslMode::Require, Check::Authority)),
            (Some("verify-ca"), Some("ca.pem"), (SslMode::Require, Check::Authority)),
            (Some("verify-full"), None, (SslMode::Require, Check::Name)),
            (Some("disable"), Some("ca.pem"), (SslMode::Disable, Check::Nothing)),
            (None, Some("system"), (SslMode::Require, Check::Name)),
            (Some("verify-full"), Some("system"), (SslMode::Require, Check::Name)),
        ] {
            assert_eq!(mode(sent, file), Ok(expected), "{sent:?} {file:?}");
        }
        for weak in ["disable", "prefer", "require", "verify-ca"] {
            let refused = "sslrootcert is system, with which sslmode has to be verify-full";
            assert_eq!(mode(Some(weak), Some("system")), Err(refused.to_owned()), "{weak}");
        }
    }
}
