//! How the clients connect: deadlines, one retry, a token that no log shows, a trace that calls belong to.

use std::{
    error, fmt,
    time::{Duration, Instant},
};

use reqwest::{
    Method, Request, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};

use crate::{
    context,
    deadline::{self, CALL_TIMEOUT, CONNECT_TIMEOUT},
    pool::{KEPT, Pool},
    response::{retry_after, whole},
    spare::Spare,
};

/// How long a 503 is left alone that does not say how long.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a client cannot be made.
#[derive(Debug)]
pub struct InvalidConnection(String);

impl fmt::Display for InvalidConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl error::Error for InvalidConnection {}

/// How reads are sent. Clones share it.
#[derive(Clone, Debug)]
pub struct Transport {
    pool: Pool,
    /// What did not go well is sent again with this.
    spare: Spare,
}

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
    let builder = || {
        reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization.clone())]))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
    };
    let none = |error| InvalidConnection(format!("no HTTP client: {error}"));
    let client = builder().pool_idle_timeout(KEPT).build().map_err(none)?;
    let spare = Spare::new(builder()).map_err(none)?;
    let pool = Pool::new(&base, authorization.clone()).ok_or_else(no_base)?;
    // They append paths that start with a slash.
    Ok((url.trim_end_matches('/').to_owned(), client, Transport { pool, spare }))
}

fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// Sends `request` and reads the whole answer. A request that changes nothing is sent a second time if the connection
/// failed or the answer is a 503, within the same [`CALL_TIMEOUT`] (RFC 9110, section 9.2.2), and not before the 503 says that it
/// may be.
pub(crate) async fn send(
    client: &reqwest::Client,
    transport: &Transport,
    mut request: Request,
) -> reqwest::Result<Response> {
    let deadline = deadline::of_call(request.headers());
    let deadline = context::apply(request.headers_mut(), deadline);
    if request.method() != Method::GET {
        *request.timeout_mut() = Some(deadline::announce(request.headers_mut(), deadline));
        let url = request.url().clone();
        return whole(client.execute(request).await?.into(), &url).await;
    }

    let url = request.url().clone();
    let take = |answer| async { whole(answer, &url).await.ok() };
    let pause = match transport.pool.get(&url, request.headers_mut(), deadline, take).await {
        Ok(Some(answer)) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
            let pause = retry_after(answer.headers()).unwrap_or(PAUSE);
            if deadline.saturating_duration_since(Instant::now()) <= pause {
                return Ok(answer);
            }
            pause
        }
        Ok(Some(answer)) => return Ok(answer),
        Ok(None) => Duration::ZERO,
        Err(_) => return transport.spare.time_out(&url).await,
    };
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    *request.timeout_mut() = Some(deadline::announce(request.headers_mut(), deadline));
    whole(transport.spare.execute(request).await?.into(), &url).await
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
