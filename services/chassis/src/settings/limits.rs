//! The limits of a service: how many requests it takes on, and how long it waits.

use std::time::Duration;

use clap::Args;

use super::duration::{duration, positive_duration};

/// The limits of a service.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Open connections; beyond that, a new connection replaces an idle one
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Requests in flight; beyond that, the answer is 503
    #[arg(long, env = "MAX_REQUESTS", default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests: u32,

    /// Requests that wait for another service; beyond that, the answer is 503 [default: half of MAX_REQUESTS]
    #[arg(long, env = "MAX_UPSTREAM_REQUESTS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_upstream_requests: Option<u32>,

    /// Time for the header of a request to arrive, also on a new connection
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub header_read_timeout: Duration,

    // The default is longer than that of common load balancers, so that they are the ones to close the connection.
    /// Time that a connection may be idle between requests; responses announce it
    #[arg(long, env, default_value = "80s", value_name = "DURATION", value_parser = positive_duration)]
    pub idle_timeout: Duration,

    /// Time for the body of a request to arrive; after that, the answer is 408
    #[arg(long, env, default_value = "5s", value_name = "DURATION", value_parser = positive_duration)]
    pub body_timeout: Duration,

    /// Time that a write may wait for the client to read; after that, the connection is closed
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub write_timeout: Duration,

    /// Time for the service to answer a request; after that, the answer is 503
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

    /// The limits by default.
    #[cfg(test)]
    pub(crate) fn of_test() -> Self {
        #[derive(clap::Parser)]
        struct Arguments {
            #[command(flatten)]
            limits: Limits,
        }
        <Arguments as clap::Parser>::parse_from(["test"]).limits
    }
}
