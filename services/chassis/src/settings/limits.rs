//! The limits that a service works within.

use std::time::Duration;

use clap::Args;

use super::duration::{duration, positive_duration};

/// How much a service takes on, and how long it waits.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Connections open at once; a further one takes the place of one that is idle
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Requests worked on at once; further ones are answered 503
    #[arg(long, env = "MAX_REQUESTS", default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests: u32,

    /// Requests that wait for another service at once; further ones are answered 503. By default, half of MAX_REQUESTS
    #[arg(long, env = "MAX_UPSTREAM_REQUESTS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_upstream_requests: Option<u32>,

    /// Time for a request's header to arrive, also on a new connection
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub header_read_timeout: Duration,

    // The default is longer than that of common load balancers, so that they are the ones to close the connection.
    /// Time that a connection may be idle between two requests; responses announce it
    #[arg(long, env, default_value = "80s", value_name = "DURATION", value_parser = positive_duration)]
    pub idle_timeout: Duration,

    /// Time for a request's body to arrive; after it, the answer is 408
    #[arg(long, env, default_value = "5s", value_name = "DURATION", value_parser = positive_duration)]
    pub body_timeout: Duration,

    /// Time that a write may wait for the client to read; after it, the connection is closed
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub write_timeout: Duration,

    /// Time for a request to be answered; after it, the answer is 503
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub request_timeout: Duration,

    /// Time that the response to a request with an Idempotency-Key is kept at least
    #[arg(long, env, default_value = "24h", value_name = "DURATION", value_parser = duration)]
    pub key_lifetime: Duration,

    /// Time between the moment /readyz reports the stop and the moment the service accepts no more connections
    #[arg(long, env, default_value = "200ms", value_name = "DURATION", value_parser = duration)]
    pub stop_delay: Duration,

    /// Time for in-flight requests to finish after that; the process exits at most 500ms later
    #[arg(long, env, default_value = "4s", value_name = "DURATION", value_parser = duration)]
    pub drain_timeout: Duration,
}

impl Limits {
    /// How many requests may wait for an upstream at once. The other places are for those that need none.
    pub(crate) fn max_upstream_requests(&self) -> usize {
        self.max_upstream_requests.unwrap_or_else(|| self.max_requests.div_ceil(2)) as usize
    }
}
