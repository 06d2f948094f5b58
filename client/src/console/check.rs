//! Tells what is up, which version, and how fast it answers.

use std::time::{Duration, Instant};

use client::{Error, RESPONSE_LIMIT};
use progenitor_client::ClientInfo;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::{
    failure::{Failure, Kind},
    record::{Record, record},
    show::{self, List},
    store::{Service, Store},
};

/// How often a service is asked to find out how fast it is.
const SAMPLES: usize = 5;

/// Prints a line for each service, and then what is wrong with those that are not well.
pub(super) async fn run(store: &Store, json: bool) -> Result<(), Failure> {
    // There need not be an order or a payment: that it is not found is an answer, too.
    let (products, orders, payments) = tokio::join!(
        look(&store.products, async || store.products(Some(1), None).next(1).await.map(drop)),
        look(&store.orders, async || store.order(1).await.map(drop)),
        look(&store.payments, async || store.payment(1).await.map(drop)),
    );
    let found = [products, orders, payments];
    let mut list = List::new(json);
    list.page(&found.each_ref().map(Found::record))?;
    list.end()?;

    let mut failures: Vec<Failure> = found.into_iter().filter_map(|found| found.failure).collect();
    failures.sort_by_key(|failure| failure.kind as u8);
    let Some(worst) = failures.pop() else { return Ok(()) };
    failures.iter().for_each(|failure| show::failure(failure, json));
    Err(worst)
}

/// What is found where a service should be.
struct Found {
    service: &'static str,
    url: String,
    state: &'static str,
    version: Option<String>,
    /// How long an answer takes; the median of some.
    takes: Option<Duration>,
    failure: Option<Failure>,
}

impl Found {
    fn record(&self) -> Record {
        let milliseconds = self.takes.map(|takes| (takes.as_secs_f64() * 1e5).round() / 1e2);
        record([
            ("service", self.service.into()),
            ("state", self.state.into()),
            ("version", self.version.clone().into()),
            ("ms", milliseconds.into()),
            ("url", self.url.clone().into()),
        ])
    }
}

/// Looks at `service`, which answers what `ask` asks only to whoever has its token.
async fn look<C: ClientInfo<I>, I>(
    service: &Service<C>,
    ask: impl AsyncFn() -> Result<(), Failure>,
) -> Found {
    let Service { name, url, client } = service;
    let mut found =
        Found { service: name, url: url.clone(), state: "ready", version: None, takes: None, failure: None };
    match get(client.client(), client.baseurl(), "/readyz").await {
        Err(error) => {
            found.state = "out of reach";
            // Asking whether it is ready is part of no trace.
            let failure = Failure::of_call(name, url, "", Error::<()>::CommunicationError(error));
            found.failure = Some(Failure { trace_id: None, ..failure });
            return found;
        }
        Ok((StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR, _)) => {
            found.state = "not ready";
            found.failure = Some(Failure::new(
                Kind::OutOfReach,
                format!("{name} at {url} is not ready."),
                "It is there, but it is stopping, or its database does not answer. Its log has the cause.",
            ));
        }
        // Another implementation may have no such path; it is ready if it answers what is asked below.
        Ok(_) => {}
    }
    found.version = version(client.client(), client.baseurl()).await;

    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let asked = Instant::now();
        match ask().await {
            Err(failure) if !is_answer(&failure) => {
                if found.failure.is_none() {
                    let (state, kind) = match failure.refusal.as_deref() {
                        Some("Unauthorized") => ("wrong token", Kind::Refused),
                        Some(_) => ("failing", Kind::OutOfReach),
                        None => ("strange", Kind::OutOfReach),
                    };
                    found.state = state;
                    found.failure = Some(Failure { kind, ..failure });
                }
                return found;
            }
            _ => samples.push(asked.elapsed()),
        }
    }
    samples.sort();
    found.takes = Some(samples[SAMPLES / 2]);
    found
}

/// Whether a refusal shows that the service does its work.
fn is_answer(failure: &Failure) -> bool {
    failure.refusal.as_deref().is_some_and(|text| text.ends_with("not found"))
}

/// The version that the service's document names, if it shows one.
async fn version(client: &Client, url: &str) -> Option<String> {
    let (_, body) = get(client, url, "/openapi.json").await.ok()?;
    let document: Value = serde_json::from_slice(&body).ok()?;
    document["info"]["version"].as_str().map(ToOwned::to_owned)
}

/// The status and the beginning of the body of what is open to everybody.
async fn get(client: &Client, url: &str, path: &str) -> reqwest::Result<(StatusCode, Vec<u8>)> {
    let mut answer = client.get(format!("{url}{path}")).send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await?.filter(|_| body.len() <= RESPONSE_LIMIT) {
        body.extend_from_slice(&chunk);
    }
    Ok((answer.status(), body))
}
