//! How the clients connect: deadlines, one retry, a bound on answers, a token that no log shows, a trace that calls belong to.

use std::{
    error, fmt, io, iter,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::{Body, Frame};
use reqwest::{
    Method, Request, Response, ResponseBuilderExt, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
    redirect,
};

use crate::pool::Pool;

/// How long a connection may take to be made.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// How long a call may take in all, from connecting to the last byte of the answer, a retry included.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// How many bytes an answer may have. The longest page of a list has fewer.
pub const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// How many bytes of a body that nobody understands are shown.
const SHOWN: usize = 100;

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

/// Why a call failed, down to the first cause, in one line for a log.
pub fn cause<E: fmt::Debug>(failure: &progenitor_client::Error<E>) -> String {
    match failure {
        progenitor_client::Error::ErrorResponse(answer) => format!("{}: {:?}", answer.status(), **answer),
        progenitor_client::Error::UnexpectedResponse(answer) => {
            format!("{}, which is not documented", answer.status())
        }
        progenitor_client::Error::InvalidResponsePayload(body, error) => {
            let beginning = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
            format!("an answer that is not as documented ({error}): {beginning}")
        }
        _ => {
            // The outermost text repeats its source, where there is one.
            let first = error::Error::source(failure).unwrap_or(failure);
            let causes = iter::successors(Some(first), |cause| cause.source());
            causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        }
    }
}

/// Where the generated clients send requests, and with what.
pub(crate) fn connect(url: &str, token: &str) -> Result<(String, reqwest::Client, Pool), InvalidConnection> {
    let no_base = || InvalidConnection(format!("`{url}` is no address like http://127.0.0.1:5001"));
    let base = Url::parse(url).ok().filter(is_base).ok_or_else(no_base)?;
    let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| InvalidConnection("the token has characters that no header can carry".into()))?;
    authorization.set_sensitive(true);
    let client = reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization.clone())]))
        .connect_timeout(CONNECT_PATIENCE)
        .timeout(PATIENCE)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| InvalidConnection(format!("no HTTP client: {error}")))?;
    let pool = Pool::new(&base, authorization).ok_or_else(no_base)?;
    // They append paths that start with a slash.
    Ok((url.trim_end_matches('/').to_owned(), client, pool))
}

fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// Sends `request` and reads the whole answer. A request that changes nothing is sent a second time if the connection
/// failed or the answer is a 503, within the same [`PATIENCE`] (RFC 9110, section 9.2.2).
pub(crate) async fn send(
    client: &reqwest::Client,
    pool: &Pool,
    mut request: Request,
) -> reqwest::Result<Response> {
    // Whoever calls may have said in the request how long it waits.
    let said = request.headers().get(TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut deadline =
        Instant::now() + said.map_or(PATIENCE, |said| PATIENCE.min(Duration::from_millis(said)));
    let _ = ORIGIN.try_with(|origin| {
        deadline = origin.deadline.map_or(deadline, |theirs| deadline.min(theirs));
        for (name, value) in &origin.headers {
            request.headers_mut().insert(name, value.clone());
        }
    });
    request.headers_mut().entry(TRACEPARENT).or_insert_with(|| traceparent(&new_trace_id()));

    if request.method() == Method::GET {
        say_how_long_is_left(&mut request, deadline);
        let url = request.url();
        let take = |answer| async { whole(answer, url).await.ok() };
        let asked = pool.get(url, request.headers().clone(), take);
        match tokio::time::timeout_at(deadline.into(), asked).await {
            Ok(Some(answer)) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => return Ok(answer),
            Ok(_) => {}
            Err(_) => return too_late().await,
        }
    }
    *request.timeout_mut() = Some(say_how_long_is_left(&mut request, deadline));
    let url = request.url().clone();
    whole(client.execute(request).await?.into(), &url).await
}

fn new_trace_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A span that is new, in the trace `trace_id`, which whoever collects spans is asked to keep.
fn traceparent(trace_id: &str) -> HeaderValue {
    let text = format!("00-{trace_id}-{:016x}-01", rand::random::<u64>());
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// That nobody waits any more. reqwest makes its errors itself, but reading a body that fails is one.
async fn too_late() -> reqwest::Result<Response> {
    struct Late;

    impl Body for Late {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
        }
    }

    let answer = Response::from(http::Response::new(reqwest::Body::wrap(Late)));
    answer.bytes().await.map(|bytes| http::Response::new(bytes).into())
}

fn say_how_long_is_left(request: &mut Request, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up: a service that gives up before we do would look like one that has too much to do.
    let milliseconds = left.as_micros().div_ceil(1000) as u64;
    request.headers_mut().insert(TIMEOUT, HeaderValue::from(milliseconds));
    left
}

/// An answer from `url` with all of its body, which has no more than [`ANSWER_LIMIT`] bytes.
async fn whole<B>(answer: http::Response<B>, url: &Url) -> Result<Response, B::Error>
where
    B: Body<Error: error::Error + Send + Sync + 'static>,
{
    let (head, body) = answer.into_parts();
    let bytes = match Limited::new(body, ANSWER_LIMIT).collect().await.map(Collected::to_bytes) {
        // The JSON reader does not look into fields that it leaves out, but JSON is UTF-8 as a whole (RFC 8259, section 8.1).
        Ok(bytes) if str::from_utf8(&bytes).is_err() => Bytes::from_static(b"(a body that is not UTF-8)"),
        Ok(bytes) => bytes,
        Err(error) => match error.downcast::<B::Error>() {
            Ok(error) => return Err(*error),
            Err(_) => Bytes::from_static(b"(a body that is too long)"),
        },
    };
    // An answer without an address would get one that has to be parsed.
    let mut whole = http::Response::builder().status(head.status).url(url.clone());
    if let Some(headers) = whole.headers_mut() {
        *headers = head.headers;
    }
    Ok(whole.body(bytes).unwrap_or_default().into())
}
