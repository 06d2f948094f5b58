//! The context of a request, which every part of the service can read while it works on that request.

mod ticket;
mod trace_context;

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Instant,
};

use poem::http::{HeaderName, HeaderValue};
use tokio::sync::Semaphore;

pub(crate) use self::{
    ticket::{CancelOnDrop, Ticket},
    trace_context::TraceContext,
};
use crate::settings::{CurrentToken, Limits};

/// The header with the id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The state of one request. Code that runs as part of the request reads it with [`RequestContext::with`].
pub(crate) struct RequestContext {
    pub(crate) service: Arc<ServiceContext>,
    pub(crate) request_id: HeaderValue,
    pub(crate) trace: TraceContext,
    /// When the caller stops waiting for the response.
    pub(crate) deadline: Instant,
    /// The values of the path's parameters, in the order of its template.
    pub(crate) path_values: Vec<String>,
    /// Whether the whole request was read from the connection.
    pub(crate) is_read: Cell<bool>,
    /// Whether the caller has shown the service's token.
    pub(crate) is_authenticated: Cell<bool>,
    /// The write that the request queued last.
    pub(crate) write: RefCell<Option<Ticket>>,
}

/// The state that all requests to a service share.
pub(crate) struct ServiceContext {
    pub(crate) name: &'static str,
    pub(crate) token: Arc<CurrentToken>,
    pub(crate) limits: Limits,
    /// A permit for each request that may wait for an upstream at the same time.
    pub(crate) upstream_permits: Arc<Semaphore>,
}

/// The part of a request's context that remains while the body of its response is sent, possibly by another thread.
pub(crate) struct BodyContext {
    service: Arc<ServiceContext>,
    request_id: HeaderValue,
    trace: TraceContext,
    deadline: Instant,
}

tokio::task_local! {
    static CONTEXT: RequestContext;
}

impl RequestContext {
    /// Runs `work` as part of the request.
    pub(crate) fn scope<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        CONTEXT.scope(self, work)
    }

    /// Reads the context of the current request, if there is one.
    pub(crate) fn with<T>(read: impl FnOnce(&Self) -> T) -> Option<T> {
        CONTEXT.try_with(read).ok()
    }

    /// The context of a request to a service that lets one request at a time wait for an upstream.
    #[cfg(test)]
    pub(crate) fn of_test(deadline: Instant) -> Self {
        let service = ServiceContext {
            name: "test",
            token: Arc::new(CurrentToken::new(crate::settings::Token::new("secret").unwrap())),
            limits: Limits::defaults(),
            upstream_permits: Arc::new(Semaphore::new(1)),
        };
        Self {
            service: Arc::new(service),
            request_id: HeaderValue::from_static("test"),
            trace: TraceContext::new_root(),
            deadline,
            path_values: Vec::new(),
            is_read: true.into(),
            is_authenticated: true.into(),
            write: None.into(),
        }
    }

    #[expect(clippy::expect_used, reason = "the id is ASCII: the handler made it, or checked the caller's")]
    pub(crate) fn request_id(&self) -> &str {
        self.request_id.to_str().expect("an id that is ASCII")
    }

    pub(crate) fn path_value(&self, index: usize) -> Option<&str> {
        self.path_values.get(index).map(String::as_str)
    }

    /// Cancels the write that the request has queued. False if it has begun and can no longer be cancelled.
    pub(crate) fn cancel_write(&self) -> bool {
        self.write.borrow().as_ref().is_none_or(Ticket::cancel)
    }

    pub(crate) fn body_context(&self) -> BodyContext {
        BodyContext {
            service: self.service.clone(),
            request_id: self.request_id.clone(),
            trace: self.trace.clone(),
            deadline: self.deadline,
        }
    }
}

impl BodyContext {
    /// Runs `work` as part of the request.
    pub(crate) fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let context = RequestContext {
            service: self.service.clone(),
            request_id: self.request_id.clone(),
            trace: self.trace.clone(),
            deadline: self.deadline,
            path_values: Vec::new(),
            is_read: Cell::new(true),
            is_authenticated: Cell::new(true),
            write: RefCell::default(),
        };
        CONTEXT.sync_scope(context, work)
    }
}
