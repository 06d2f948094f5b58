//! The HTTP server: an accept loop on hyper, in front of operations that poem runs.
//!
//! `poem::Server` has no timeouts for headers and bodies, spins when file descriptors run out, and exits at once on SIGTERM.
//! The accept loop in `connections` handles all of these. Every request goes through one function, in `handler`.

mod connections;
mod handler;
mod open_paths;
mod routes;
mod head;
mod keep_alive;
mod request_id;
mod body;
mod drain;
mod stream;
mod parse_errors;
mod admission;
mod connection;

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Instant};

use poem_openapi::OpenApi;
use tokio::sync::Semaphore;

pub(crate) use self::admission::RESERVE;
use self::{handler::RequestHandler, routes::Routes};
use crate::{
    api::document::Document,
    context::ServiceContext,
    output,
    settings::{Limits, ServiceInfo, StartupError, Token},
    storage::sqlite::Database,
    telemetry::metrics,
};

/// A service, ready to be run.
pub struct Service<A> {
    /// Its name, in log lines and as the realm of its tokens, and its default port.
    pub info: ServiceInfo,
    /// The address that it listens at.
    pub listen: SocketAddr,
    /// The token that it requires.
    pub token: Token,
    /// The limits that it works within.
    pub limits: Limits,
    /// Its database, which `/readyz` checks.
    pub database: Database,
    /// Its document.
    pub document: Document,
    /// Its operations.
    pub api: A,
    /// What it does beside the requests.
    pub work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<A: OpenApi + 'static> Service<A> {
    /// Serves until `stop` resolves, then lets requests in flight finish.
    ///
    /// Prints `<name> is ready at http://<address>` to standard output when it is ready. Returns when the process must have
    /// exited.
    ///
    /// # Errors
    /// It cannot listen at its address.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Instant, StartupError> {
        let listener = connections::listen(self.listen).map_err(|error| {
            let (address, variable) = (self.listen, self.info.listen_variable());
            StartupError::new(format!(
                "{address} cannot be listened at ({error}): stop what uses it, or set {variable} to another address."
            ))
        })?;
        let address = listener.local_addr().map_err(|error| StartupError::new(error.to_string()))?;
        let limits = self.limits.clone();
        let name = self.info.name;
        let service = ServiceContext {
            name,
            token: self.token,
            upstream_permits: Arc::new(Semaphore::new(limits.max_upstream_requests())),
            limits: self.limits,
        };
        metrics::set_build_info(name);
        let handler = RequestHandler::new(service, Routes::new(self.api), self.document, self.database);
        output::stdout(format!("{name} is ready at http://{address}\n"));
        let work = tokio::spawn(self.work);
        let end = connections::serve(listener, &limits, Arc::new(handler), stop).await;
        work.abort();
        Ok(end)
    }
}
