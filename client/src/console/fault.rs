//! Explains in words why a connection or the output failed.

use std::{error::Error, io, iter};

use rustls::CertificateError;

/// Describes why a connection failed, without the words of the libraries below.
pub(super) fn of_connection(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".into();
    }
    for cause in causes(error) {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            return of_io(cause, error.is_connect());
        }
        match cause.downcast_ref::<hyper::Error>() {
            Some(cause) if cause.is_incomplete_message() => return CLOSED.into(),
            Some(cause) if cause.is_parse() => return "what arrived is not HTTP".into(),
            _ => {}
        }
    }
    "the connection failed".into()
}

/// Whether `error` says that the response did not arrive in time.
pub(super) fn is_timeout(error: &reqwest::Error) -> bool {
    let mut causes = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    error.is_timeout() || causes.any(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(Some(error as &(dyn Error + 'static)), |&cause| cause.source())
}

const CLOSED: &str = "it was closed before the response was complete";

fn of_io(error: &io::Error, is_connect: bool) -> String {
    if let Some(inner) = error.get_ref() {
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            return of_tls(error).into();
        }
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return of_io(error, is_connect);
        }
    }
    let fault = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there",
        io::ErrorKind::TimedOut => "it took too long",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "the network is unreachable",
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => CLOSED,
        // Only the system's resolver fails without a number.
        _ if is_connect && error.raw_os_error().is_none() => "the host name is not known",
        _ => return of_system(error),
    };
    fault.into()
}

fn of_tls(error: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(error) = error else { return "the server does not speak TLS" };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not signed by an authority that this system trusts; SSL_CERT_FILE can name other authorities"
        }
        _ => "its certificate is not valid",
    }
}

/// What the system says, without its number.
pub(super) fn of_system(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
