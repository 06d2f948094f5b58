//! The HTTP server: an accept loop on hyper, in front of operations that poem runs.
//!
//! `poem::Server` has no timeouts for headers and bodies, spins when file descriptors run out, and exits at once on SIGTERM.
//! The accept loop in `connections` handles all of these. Every request goes through one function, in `handler`.

mod connections;
mod handler;
mod target;
mod open_paths;
mod preferences;
mod readiness;
mod routes;
mod addresses;
mod head;
mod keep_alive;
mod request_id;
mod body;
mod drain;
mod stream;
mod parse_errors;
mod cors;
mod admission;
mod connection;
mod timeouts;

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
};

use poem_openapi::OpenApi;
use tokio::sync::Semaphore;

use self::{
    addresses::Addresses, cors::Cors, handler::RequestHandler, preferences::Examples, routes::Routes,
};
pub(crate) use self::{admission::RESERVE, connections::Stopped};
use crate::{
    api::document::Document,
    context::ServiceContext,
    output,
    settings::{CorsOrigins, CurrentToken, Limits, PublicUrl, ServiceInfo, StartupError, TrustedProxies},
    storage::Database,
};

/// A service, ready to be run.
pub struct Service<A> {
    /// Its name, in log lines and as the realm of its tokens, and its default port.
    pub info: ServiceInfo,
    /// The address that it listens at.
    pub listen: SocketAddr,
    /// The token that it requires.
    pub(crate) token: Arc<CurrentToken>,
    /// Its URL as callers see it, if it was set.
    pub public_url: Option<PublicUrl>,
    /// The proxies that may say where callers see it.
    pub trusted_proxies: TrustedProxies,
    /// The origins whose pages may call it.
    pub cors_origins: Option<CorsOrigins>,
    /// Whether callers may prefer an example of the document to what an operation would do.
    pub prefer_examples: bool,
    /// The limits that it works within.
    pub limits: Limits,
    /// Its database, which `/readyz` checks.
    pub database: Database,
    /// Its document.
    pub document: Document,
    /// Its operations.
    pub api: A,
    /// Its background task.
    pub work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<A: OpenApi + 'static> Service<A> {
    /// Serves until `stop` resolves to the reason, then lets requests in flight finish.
    ///
    /// Prints `<name> is ready at http://<address>` to standard output when it is ready.
    ///
    /// # Errors
    /// Its database cannot be used, or it cannot listen at its address.
    pub(crate) async fn run(self, stop: impl Future<Output = &'static str>) -> Result<Stopped, StartupError> {
        let mut stop = pin!(stop);
        // Another instance may be migrating the database.
        tokio::select! {
            biased;
            started = self.database.start() => started?,
            reason = &mut stop => return Ok(Stopped::before_the_start(reason, &self.limits)),
        }
        let listener = connections::listen(self.listen).map_err(|error| {
            let (address, variable) = (self.listen, self.info.listen_variable());
            StartupError::new(format!(
                "{address} cannot be bound ({error}): stop what uses it, or set {variable} to another address."
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
        tracing::info!(
            version = %env!("CARGO_PKG_VERSION"),
            %address,
            database = %self.database.place(),
            limits = limits.changed(),
            "started"
        );
        let addresses = Addresses::new(self.public_url, self.trusted_proxies);
        let cors = Cors::new(self.cors_origins);
        let routes = Routes::new(self.api);
        let examples = self.prefer_examples.then(|| Examples::of(&self.document));
        if examples.is_some() {
            tracing::warn!(
                "PREFER_EXAMPLES is on: callers choose their responses, so use this for development only"
            );
        }
        let handler =
            RequestHandler::new(service, routes, self.document, self.database, addresses, cors, examples);
        output::stdout(format!("{name} is ready at http://{address}\n"));
        let work = tokio::spawn(self.work);
        let end = connections::serve(listener, &limits, Arc::new(handler), stop).await;
        work.abort();
        Ok(end)
    }
}
