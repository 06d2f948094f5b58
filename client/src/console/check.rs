//! Shows the state, version and latency of each service.

use std::time::{Duration, Instant};

use client::RESPONSE_LIMIT;
use progenitor_client::ClientInfo;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::{
    code::{Code, Kind},
    error_message::ErrorMessage,
    failure::Failure,
    record::{Record, record},
    service::Service,
    show::{self, List},
    store::{Store, Upstream},
    waiting,
};

const FIELDS: &[&str] = &["service", "state", "version", "ms", "url"];

/// The number of requests from which the latency is taken.
const SAMPLES: usize = 5;

/// Prints a line for each service, then the failures.
pub(super) async fn run(store: &Store, json: bool) -> Result<(), Failure> {
    // The order or the payment need not exist: a 404 shows that the service works.
    let inspections = async {
        tokio::join!(
            inspect(&store.products, async || store.products(Some(1), None).next(1).await.map(drop)),
            inspect(&store.orders, async || store.order(1).await.map(drop)),
            inspect(&store.payments, async || store.payment(1).await.map(drop)),
        )
    };
    let reports: [Report; 3] = waiting::shown("the services", inspections).await.into();
    let mut list = List::new(FIELDS, json);
    list.page(&reports.each_ref().map(Report::record))?;
    list.end()?;
    let is_known = |name: &str| Service::ALL.iter().any(|service| service.name() == name);
    for name in client::SERVICES.iter().filter(|name| !json && !is_known(name)) {
        show::aside(&format!("{name} is not checked: the console has no commands for it."));
    }

    let mut failures: Vec<Failure> = reports.into_iter().filter_map(|report| report.failure).collect();
    failures.sort_by_key(|failure| failure.kind as u8);
    let Some(worst) = failures.pop() else { return Ok(()) };
    failures.iter().for_each(|failure| show::failure(failure, json));
    Err(worst)
}

/// The state of a service.
struct Report {
    service: Service,
    url: String,
    state: &'static str,
    version: Option<String>,
    /// The median of the samples.
    latency: Option<Duration>,
    failure: Option<Failure>,
}

impl Report {
    fn record(&self) -> Record {
        let milliseconds = self.latency.map(|latency| (latency.as_secs_f64() * 1e5).round() / 1e2);
        record([
            ("service", self.service.name().into()),
            ("state", self.state.into()),
            ("version", self.version.clone().into()),
            ("ms", milliseconds.into()),
            ("url", self.url.clone().into()),
        ])
    }
}

/// Inspects `service`. `ask` sends a request that needs its token.
async fn inspect<C: ClientInfo<I>, I>(
    upstream: &Upstream<C>,
    ask: impl AsyncFn() -> Result<(), Failure>,
) -> Report {
    let Upstream { service, url, client } = upstream;
    let mut report = Report {
        service: *service,
        url: url.clone(),
        state: "ready",
        version: None,
        latency: None,
        failure: None,
    };
    match get(client.client(), client.baseurl(), "/readyz").await {
        Err(error) => {
            let failure = Failure::of_connection(*service, url, &error);
            report.state = match failure.code {
                Code::TimedOut => "silent",
                _ => "unreachable",
            };
            report.failure = Some(failure);
            return report;
        }
        Ok((StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR, _)) => {
            report.state = "not ready";
            report.failure = Some(Failure::new(
                Code::NotReady,
                format!("{service} at {url} is not ready."),
                "It is stopping, or its database does not respond. Its log has the cause.",
            ));
        }
        // Another implementation may not have this path. It is ready if it responds to `ask`.
        Ok(_) => {}
    }
    report.version = version(client.client(), client.baseurl()).await;

    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let asked = Instant::now();
        match ask().await {
            Err(failure) if !failure.message().is_some_and(ErrorMessage::is_not_found) => {
                if report.failure.is_none() {
                    let (state, kind) = match failure.code {
                        Code::Response(ErrorMessage::Unauthorized) => ("wrong token", Kind::Failed),
                        Code::Response(_) => ("failing", Kind::Unreachable),
                        Code::TimedOut => ("silent", Kind::Unreachable),
                        _ => ("unknown", Kind::Unreachable),
                    };
                    report.state = state;
                    report.failure = Some(Failure { kind, ..failure });
                }
                return report;
            }
            _ => samples.push(asked.elapsed()),
        }
    }
    samples.sort();
    report.latency = Some(samples[SAMPLES / 2]);
    report
}

/// The version in the document of the service, if it serves one.
async fn version(client: &Client, url: &str) -> Option<String> {
    let (_, body) = get(client, url, "/openapi.json").await.ok()?;
    let document: Value = serde_json::from_slice(&body).ok()?;
    document["info"]["version"].as_str().map(ToOwned::to_owned)
}

/// The status and the body, up to a limit, of a path that needs no token.
async fn get(client: &Client, url: &str, path: &str) -> reqwest::Result<(StatusCode, Vec<u8>)> {
    let mut response = client.get(format!("{url}{path}")).send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await?.filter(|_| body.len() <= RESPONSE_LIMIT) {
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}
