//! How the clients connect: deadlines, one retry, a token that no log shows, a trace that calls belong to.

use std::{error, fmt};

use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};

use crate::{
    deadline::{CALL_TIMEOUT, CONNECT_TIMEOUT},
    transport::Transport,
};

/// Why a client cannot be made.
#[derive(Debug)]
pub struct InvalidConnection(String);

impl fmt::Display for InvalidConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl error::Error for InvalidConnection {}

/// Where the generated clients send requests, and with what.
pub(crate) fn connect(
    url: &str,
    token: &str,
) -> Result<(String, reqwest::Client, Transport), InvalidConnection> {
    let no_base = || InvalidConnection(format!("`{url}` is no address like http://127.0.0.1:5001"));
    let base = Url::parse(url).ok().filter(is_base).ok_or_else(no_base)?;
    if base.scheme() == "https" {
        return Err(InvalidConnection(format!(
            "`{url}` asks for TLS, which is not built in: use http:// and let a proxy beside it speak TLS"
        )));
    }
    if token.trim().is_empty() {
        return Err(InvalidConnection("the token is empty".into()));
    }
    let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| InvalidConnection("the token has characters that no header can carry".into()))?;
    authorization.set_sensitive(true);
    let client = reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization.clone())]))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| InvalidConnection(format!("no HTTP client: {error}")))?;
    // They append paths that start with a slash.
    Ok((url.trim_end_matches('/').to_owned(), client, Transport::new(authorization)))
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
    fn a_client_does_not_show_its_token() {
        let client = crate::products("http://127.0.0.1:1", "4711-token").unwrap();
        assert!(!format!("{client:?}").contains("4711"), "{client:?}");
    }

    #[test]
    fn what_cannot_be_connected_to_is_refused() {
        for (url, token, reason) in [
            ("127.0.0.1:1", "token", "is no address"),
            ("https://127.0.0.1:1", "token", "asks for TLS"),
            ("http://127.0.0.1:1", "", "the token is empty"),
            ("http://127.0.0.1:1", "two\nlines", "no header can carry"),
        ] {
            let refused = crate::orders(url, token).err().unwrap().to_string();
            assert!(refused.contains(reason), "{url}: {refused}");
        }
    }
}
