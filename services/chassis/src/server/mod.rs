//! The HTTP server: connections are accepted by a loop of our own, requests are answered by poem.
//!
//! `poem::Server` has no deadline for heads and bodies, spins when file descriptors run out, and dies at once on SIGTERM;
//! the loop in `connections` has limits for all of these. `answer` is the one function that every request goes through.

mod admission;
mod answer;
mod bare;
mod body;
mod bulkhead;
mod connections;
mod drain;
mod exchange;
mod head;
mod in_flight;
mod open_paths;
mod routes;
mod stream;

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use self::admission::RESERVE;

use poem::{
    FromRequest, Request, RequestBody,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use poem_openapi::OpenApi;

use self::bulkhead::Bulkhead;
use crate::{
    document::Document,
    refusal::Refused,
    say,
    settings::{Fatal, Limits},
    sqlite::{Database, Ticket},
    token::Token,
    trace::Position,
};

/// Says how many milliseconds the caller waits for the answer.
const TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The header that a request is known by.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A service, ready to be run.
pub struct Service<A> {
    /// Its name: the realm of its tokens, and what log lines call it.
    pub name: &'static str,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The flag and the variable that set where it listens, for whoever finds the address taken.
    pub listen_variable: &'static str,
    /// The token that it asks for.
    pub token: Token,
    /// The limits that it works within.
    pub limits: Limits,
    /// Its database, which `/readyz` asks.
    pub database: Database,
    /// Its document.
    pub document: Document,
    /// Its operations.
    pub api: A,
}

impl<A: OpenApi + 'static> Service<A> {
    /// Serves until the process is told to stop, then lets requests under way finish.
    ///
    /// When it is ready it prints one line to standard output, `<name> is ready at http://<address>`. Returns when the process
    /// has to be gone.
    ///
    /// # Errors
    /// It cannot listen at its address.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Instant, Fatal> {
        let listener = connections::listen(self.listen).map_err(|error| {
            let (address, variable) = (self.listen, self.listen_variable);
            Fatal::new(format!(
                "{address} cannot be listened at ({error}): stop what uses it, or set {variable} to another address."
            ))
        })?;
        let address = listener.local_addr().map_err(|error| Fatal::new(error.to_string()))?;
        let limits = self.limits.clone();
        let name = self.name;
        let answerer = Arc::new(answer::Answerer::new(self));
        // Nobody may be listening to that; the service serves all the same.
        say::out(format!("{name} is ready at http://{address}\n"));
        Ok(connections::serve(listener, &limits, answerer, stop).await)
    }
}

/// What a request needs to know of the service it came to, and is known by. Whoever works on the request finds it without
/// being handed it.
pub(crate) struct Context {
    identity: Arc<Identity>,
    request_id: HeaderValue,
    position: Position,
    /// Until when somebody waits for the answer.
    deadline: Instant,
    /// What stands in the path in place of the parameters of its template.
    path_values: Vec<String>,
    /// Whether nothing of the request is left on the connection.
    is_read: Cell<bool>,
    /// Whether the caller has shown the service's token.
    has_shown_token: Cell<bool>,
    /// What the request has queued last to be written.
    write: RefCell<Option<Ticket>>,
}

/// What the body of a response needs of the context while it is sent, on whatever thread.
struct BodyContext {
    identity: Arc<Identity>,
    request_id: HeaderValue,
    position: Position,
    deadline: Instant,
}

impl BodyContext {
    /// Calls `work` as part of the request.
    fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let context = Context {
            identity: self.identity.clone(),
            request_id: self.request_id.clone(),
            position: self.position.clone(),
            deadline: self.deadline,
            path_values: Vec::new(),
            is_read: Cell::new(true),
            has_shown_token: Cell::new(true),
            write: RefCell::default(),
        };
        CONTEXT.sync_scope(context, work)
    }
}

/// What does not change from request to request.
struct Identity {
    name: &'static str,
    token: Token,
    limits: Limits,
    bulkhead: Bulkhead,
}

tokio::task_local! {
    static CONTEXT: Context;
}

impl Context {
    /// Hands the context of the request that is worked on to `take`, if one is.
    pub(crate) fn with<T>(take: impl FnOnce(&Self) -> T) -> Option<T> {
        CONTEXT.try_with(take).ok()
    }

    /// What `take` makes of the context of the request that is worked on.
    ///
    /// # Errors
    /// None is: an operation was called by somebody else than this server.
    pub(crate) fn get<T>(take: impl FnOnce(&Self) -> T) -> Result<T, Refused> {
        Self::with(take).ok_or_else(|| Refused::internal("no request is worked on"))
    }

    pub(crate) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// Says in `headers` what is sent on behalf of this request.
    pub(crate) fn write_request_id(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request_id.clone());
    }

    /// Where in a trace the request stands.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn path_value(&self, index: usize) -> Option<&str> {
        self.path_values.get(index).map(String::as_str)
    }

    /// The body was read to its end.
    pub(crate) fn note_read(&self) {
        self.is_read.set(true);
    }

    /// What is left of it when the body of the response is sent.
    fn of_body(&self) -> BodyContext {
        BodyContext {
            identity: self.identity.clone(),
            request_id: self.request_id.clone(),
            position: self.position.clone(),
            deadline: self.deadline,
        }
    }

    /// The caller has shown the service's token.
    pub(crate) fn note_token(&self) {
        self.has_shown_token.set(true);
    }

    /// A write was queued.
    pub(crate) fn note_write(&self, ticket: Ticket) {
        self.write.replace(Some(ticket));
    }

    /// Whether nothing of the request is written, nor will be. A write that has begun cannot be cancelled.
    pub(crate) fn cancel_write(&self) -> bool {
        self.write.borrow().as_ref().is_none_or(Ticket::cancel)
    }

    pub(crate) fn realm(&self) -> &'static str {
        self.identity.name
    }

    pub(crate) fn token(&self) -> &Token {
        &self.identity.token
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.identity.limits
    }
}

/// Until when somebody waits for the answer: the service's own deadline, or the caller's if that is earlier.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

impl<'a> FromRequest<'a> for Deadline {
    async fn from_request(_request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(Context::get(Context::deadline)?))
    }
}

/// How long the caller waits for the answer, if it says so: the least that it says. Less than nothing is over as well, and what is
/// no number says nothing.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let milliseconds = |value: &HeaderValue| {
        let text = value.to_str().ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let magnitude = is_number.then(|| digits.parse().unwrap_or(u64::MAX))?;
        Some(if digits.len() < text.len() { 0 } else { magnitude })
    };
    headers.get_all(TIMEOUT).iter().filter_map(milliseconds).min().map(Duration::from_millis)
}
