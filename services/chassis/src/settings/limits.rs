//! The limits of a service: how many requests it takes on, and how long it waits.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches, builder::Resettable};

use super::duration::{duration, positive_duration};

/// How long the responses after the drain timeout may take to be sent.
const LAST_RESPONSES: Duration = Duration::from_millis(200);

/// How long the last writes, spans and log lines may take after that.
const LAST_OUTPUT: Duration = Duration::from_millis(300);

/// The limits of a service.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Open connections; beyond that, a new connection replaces an idle one
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Requests in flight; beyond that, the response is 503
    #[arg(long, env = "MAX_REQUESTS", default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests: u32,

    /// Requests that wait for another service; beyond that, the response is 503 [default: half of MAX_REQUESTS]
    #[arg(long, env = "MAX_UPSTREAM_REQUESTS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_upstream_requests: Option<u32>,

    /// Time for the headers of a request to arrive; on a new connection, it starts when the connection is accepted
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub header_read_timeout: Duration,

    // The default is longer than that of common load balancers, so that they are the ones to close the connection.
    /// Time that a connection may be idle between requests; responses announce it with Keep-Alive
    #[arg(long, env, default_value = "80s", value_name = "DURATION", value_parser = positive_duration)]
    pub idle_timeout: Duration,

    /// Time for the body of a request to arrive; after that, the response is 408
    #[arg(long, env, default_value = "5s", value_name = "DURATION", value_parser = positive_duration)]
    pub body_timeout: Duration,

    /// Time that a write may wait for the client to read; after that, the connection is closed
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub write_timeout: Duration,

    /// Time for the service to respond to a request; after that, the response is 503
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub request_timeout: Duration,

    /// Minimum time to keep the response to a request with an Idempotency-Key
    #[arg(long, env, default_value = "24h", value_name = "DURATION", value_parser = duration)]
    pub key_lifetime: Duration,

    /// Time between announcing the stop at /readyz and closing the listener
    #[arg(long, env, default_value = "200ms", value_name = "DURATION", value_parser = duration)]
    pub stop_delay: Duration,

    /// Time for in-flight requests to finish after that; the process exits within another 500ms
    #[arg(long, env, default_value = "4s", value_name = "DURATION", value_parser = duration)]
    pub drain_timeout: Duration,
}

impl Limits {
    /// How many requests may wait for an upstream at once, so that the others still find a permit.
    pub(crate) fn max_upstream_requests(&self) -> usize {
        self.max_upstream_requests.unwrap_or_else(|| self.max_requests.div_ceil(2)) as usize
    }

    /// The limits without any setting.
    #[expect(clippy::expect_used, reason = "each limit has a default, or need not be there")]
    pub(crate) fn defaults() -> Self {
        let without_variables =
            Self::augment_args(Command::new("defaults")).mut_args(|argument| argument.env(Resettable::Reset));
        Self::from_arg_matches(&without_variables.get_matches_from([""])).expect("limits")
    }

    /// How long a service may take to stop: until it closes its listener, for its requests, and for its last output.
    pub fn stop_timeout(&self) -> Duration {
        self.last_responses() + LAST_OUTPUT
    }

    /// When the last responses have to be sent, from the beginning of the stop.
    pub(crate) fn last_responses(&self) -> Duration {
        self.stop_delay + self.drain_timeout + LAST_RESPONSES
    }

    /// The limits that differ from their defaults, by their variables, such as `MAX_REQUESTS=8`. None if there are none.
    pub(crate) fn changed(&self) -> Option<String> {
        let pairs = self.values().into_iter().zip(Self::defaults().values());
        let changed =
            pairs.filter(|(own, default)| own != default).map(|((name, value), _)| format!("{name}={value}"));
        Some(changed.collect::<Vec<_>>().join(" ")).filter(|changed| !changed.is_empty())
    }

    /// All limits, by their variables.
    fn values(&self) -> [(&'static str, String); 11] {
        let time = |duration| humantime::format_duration(duration).to_string().replace(' ', "");
        [
            ("MAX_CONNECTIONS", self.max_connections.to_string()),
            ("MAX_REQUESTS", self.max_requests.to_string()),
            (
                "MAX_UPSTREAM_REQUESTS",
                self.max_upstream_requests.map_or_else(String::new, |limit| limit.to_string()),
            ),
            ("HEADER_READ_TIMEOUT", time(self.header_read_timeout)),
            ("IDLE_TIMEOUT", time(self.idle_timeout)),
            ("BODY_TIMEOUT", time(self.body_timeout)),
            ("WRITE_TIMEOUT", time(self.write_timeout)),
            ("REQUEST_TIMEOUT", time(self.request_timeout)),
            ("KEY_LIFETIME", time(self.key_lifetime)),
            ("STOP_DELAY", time(self.stop_delay)),
            ("DRAIN_TIMEOUT", time(self.drain_timeout)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Limits::augment_args(Command::new("test"))
    }

    fn changed(arguments: &[&str]) -> Option<String> {
        let matches = command().get_matches_from([&["test"], arguments].concat());
        Limits::from_arg_matches(&matches).unwrap().changed()
    }

    #[test]
    fn only_limits_that_differ_are_listed() {
        assert_eq!(changed(&[]), None);
        assert_eq!(changed(&["--max-requests=512", "--idle-timeout=80000ms"]), None);
        let some = changed(&["--max-requests=8", "--body-timeout=1500ms", "--max-upstream-requests=2"]);
        assert_eq!(some.unwrap(), "MAX_REQUESTS=8 MAX_UPSTREAM_REQUESTS=2 BODY_TIMEOUT=1s500ms");
    }

    #[test]
    fn every_limit_can_be_listed() {
        let limits = Limits::from_arg_matches(&command().get_matches_from(["test"])).unwrap();
        let listed = limits.values().map(|(name, _)| name.to_owned());
        let variables = command()
            .get_arguments()
            .map(|argument| argument.get_env().unwrap().to_str().unwrap().to_owned())
            .collect::<Vec<_>>();
        assert_eq!(variables, listed);
    }
}
