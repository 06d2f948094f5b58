//! Checks the address and the token of a service, and connects its client.

use std::{error, fmt};

use reqwest::{Url, header::HeaderValue, redirect};

use crate::{
    deadline::{CALL_TIMEOUT, CONNECT_TIMEOUT},
    tls,
    transport::Transport,
};

/// The address or the token is invalid.
#[derive(Debug)]
pub struct InvalidConnection(String);

impl fmt::Display for InvalidConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl error::Error for InvalidConnection {}

/// The base URL, the builder of requests, and the transport of a generated client.
pub(crate) fn connect(
    url: &str,
    token: &str,
) -> Result<(String, reqwest::Client, Transport), InvalidConnection> {
    let invalid = || InvalidConnection(format!("`{url}` is not an address like http://127.0.0.1:5001"));
    let base = Url::parse(url).ok().filter(is_base).ok_or_else(invalid)?;
    let tls = tls::config(&base).map_err(InvalidConnection)?;
    let authorization = authorization(token)?;
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tls_backend_preconfigured(tls.clone())
        .build()
        .map_err(|error| InvalidConnection(format!("the HTTP client cannot be built: {error}")))?;
    // The generated clients append paths that start with a slash.
    Ok((url.trim_end_matches('/').to_owned(), client, Transport::new(authorization, tls)))
}

/// The header that carries `token`.
pub(crate) fn authorization(token: &str) -> Result<HeaderValue, InvalidConnection> {
    if token.trim().is_empty() {
        return Err(InvalidConnection("the token is empty".into()));
    }
    let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| InvalidConnection("the token has characters that a header cannot carry".into()))?;
    authorization.set_sensitive(true);
    Ok(authorization)
}

fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_client_never_shows_its_token() {
        let client = crate::products("http://127.0.0.1:1", "4711-token").unwrap();
        assert!(!format!("{client:?}").contains("4711"), "{client:?}");
    }

    #[test]
    fn invalid_addresses_and_tokens_are_errors() {
        for (url, token, reason) in [
            ("127.0.0.1:1", "token", "is not an address"),
            ("http://127.0.0.1:1", "", "the token is empty"),
            ("http://127.0.0.1:1", "two\nlines", "a header cannot carry"),
        ] {
            let error = crate::orders(url, token).err().unwrap().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
