//! The metrics of a service, as Prometheus reads them.

use std::collections::BTreeMap;

use crate::engine::{exchange::Request, failure::Failure, session::Session};

/// The content of `/metrics`: the value of each sample, by its name and labels as written there.
#[derive(Debug)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// The metrics of the service called `service`.
    ///
    /// # Errors
    /// It does not say it in the text format.
    pub fn of(session: &Session, service: &str) -> Result<Self, Failure> {
        let request = Request::new(service, "GET", "/metrics");
        let response = session.expect(&request, 200, None)?;
        Self::read(&String::from_utf8_lossy(&response.body))
            .map_err(|line| session.failure(&request, &response, &format!("samples, and not `{line}`")))
    }

    /// Reads the text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>), as far as services write it.
    ///
    /// # Errors
    /// The line that is none of it.
    pub fn read(text: &str) -> Result<Self, String> {
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| sample(line).ok_or_else(|| line.to_owned()));
        Ok(Self(samples.collect::<Result<_, _>>()?))
    }

    /// The sum of the samples called `name` that have all these labels, such as `method="GET"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let has = |sample: &str| {
            let (known, rest) = sample.split_once('{').unwrap_or((sample, ""));
            known == name && labels.iter().all(|label| rest.contains(label))
        };
        self.0.iter().filter(|(sample, _)| has(sample)).map(|(_, value)| value).sum()
    }

    /// The names of all samples.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|sample| sample.split('{').next().unwrap_or_default())
    }
}
