//! How the clients connect: deadlines, one retry, a token that no log shows, a trace that calls belong to.

use std::{
    error, fmt,
    time::{Duration, Instant, SystemTime},
};

use reqwest::{
    Method, Request, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};

use crate::{
    answer::whole,
    pool::{KEPT, Pool},
    spare::Spare,
};

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take in all, from connecting to the last byte of the answer, a retry included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a 503 is left alone that does not say how long.
const PAUSE: Duration = Duration::from_millis(100);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Says which trace a call belongs to (<https://www.w3.org/TR/trace-context-1/>).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Tells the service how many milliseconds we wait for its answer.
const TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// What calls are made for.
struct Origin {
    headers: HeaderMap,
    deadline: Option<Instant>,
}

tokio::task_local! {
    static ORIGIN: Origin;
}

/// Why a client cannot be made.
#[derive(Debug)]
pub struct InvalidConnection(String);

impl fmt::Display for InvalidConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl error::Error for InvalidConnection {}

/// Does `work` on behalf of a request: its calls carry `headers`, which say whose they are, so that the logs of all services
/// can be joined, and take no longer than until its `deadline`, since nobody waits for them any more then.
pub fn on_behalf_of<T>(
    headers: HeaderMap,
    deadline: Instant,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    ORIGIN.scope(Origin { headers, deadline: Some(deadline) }, work)
}

/// Does `work` as one trace, and says the trace's id beside what came of it: 32 digits that are in the log lines of all
/// services that its calls have reached, also as the id of the request. Without this, or [`on_behalf_of`], each call is a
/// trace of its own.
pub async fn traced<T>(work: impl Future<Output = T>) -> (String, T) {
    let trace_id = new_trace_id();
    let mut headers = HeaderMap::from_iter([(TRACEPARENT, traceparent(&trace_id))]);
    headers.extend(HeaderValue::try_from(&trace_id).map(|id| (REQUEST_ID, id)));
    (trace_id, ORIGIN.scope(Origin { headers, deadline: None }, work).await)
}

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
    // Whoever calls may have said in the request how long it waits.
    let said = request.headers().get(TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut deadline =
        Instant::now() + said.map_or(CALL_TIMEOUT, |said| CALL_TIMEOUT.min(Duration::from_millis(said)));
    let _ = ORIGIN.try_with(|origin| {
        deadline = origin.deadline.map_or(deadline, |theirs| deadline.min(theirs));
        for (name, value) in &origin.headers {
            request.headers_mut().insert(name, value.clone());
        }
    });
    if request.method() != Method::GET {
        *request.timeout_mut() = Some(say_how_long_is_left(request.headers_mut(), deadline));
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
    *request.timeout_mut() = Some(say_how_long_is_left(request.headers_mut(), deadline));
    whole(transport.spare.execute(request).await?.into(), &url).await
}

/// How long a service asks to be left alone (RFC 9110, section 10.2.3), if it does.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(SystemTime::now()).unwrap_or_default())
}

fn new_trace_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A span that is new, in the trace `trace_id`. Nobody records it, so it does not claim to be sampled
/// (<https://www.w3.org/TR/trace-context-1/#sampled-flag>).
fn traceparent(trace_id: &str) -> HeaderValue {
    let text = format!("00-{trace_id}-{:016x}-00", rand::random::<u64>());
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

pub(crate) fn say_how_long_is_left(headers: &mut HeaderMap, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up: a service that gives up before we do would look like one that has too much to do.
    let milliseconds = left.as_micros().div_ceil(1000) as u64;
    headers.insert(TIMEOUT, HeaderValue::from(milliseconds));
    left
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
