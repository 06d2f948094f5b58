//! The limits that a service works within.

use std::time::Duration;

use clap::Args;

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

    /// Milliseconds for a request's head to arrive, also on a new connection
    #[arg(long, env = "HEAD_TIMEOUT_MS", default_value_t = 10_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub header_read_timeout_ms: u64,

    /// Milliseconds that a connection is kept between an answer and the next request, which answers announce
    #[arg(long, env = "IDLE_TIMEOUT_MS", default_value_t = 80_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub idle_timeout_ms: u64,

    /// Milliseconds for a request's body to arrive; later it is answered 408
    #[arg(long, env = "BODY_TIMEOUT_MS", default_value_t = 5_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub body_timeout_ms: u64,

    /// Milliseconds that an answer may wait for its caller to read on; then the connection is closed
    #[arg(long, env = "WRITE_TIMEOUT_MS", default_value_t = 10_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub write_timeout_ms: u64,

    /// Milliseconds for a request to be answered; later it is answered 503
    #[arg(long, env = "ANSWER_TIMEOUT_MS", default_value_t = 10_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub request_timeout_ms: u64,

    /// Seconds that the answer to a request with an Idempotency-Key is kept at least
    #[arg(long, env = "KEY_LIFETIME_S", default_value_t = 86_400, value_name = "S")]
    pub key_lifetime_s: u64,

    /// Milliseconds between saying at /readyz that the service stops and taking nothing new
    #[arg(long, env = "STOP_DELAY_MS", default_value_t = 200, value_name = "MS")]
    pub stop_delay_ms: u64,

    /// Milliseconds that requests under way are given after that; 500 later the service is gone, whoever is stuck
    #[arg(long, env = "DRAIN_TIMEOUT_MS", default_value_t = 4_000, value_name = "MS")]
    pub drain_timeout_ms: u64,
}

impl Limits {
    /// How many requests may wait for another service, while the rest of the places is for those that need none.
    pub(crate) fn max_upstream_requests(&self) -> usize {
        self.max_upstream_requests.unwrap_or_else(|| self.max_requests.div_ceil(2)) as usize
    }

    pub(crate) fn header_read_timeout(&self) -> Duration {
        Duration::from_millis(self.header_read_timeout_ms)
    }

    /// How long an idle connection is kept: longer than the usual balancers keep theirs, so that it is they who end it.
    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(crate) fn stop_delay(&self) -> Duration {
        Duration::from_millis(self.stop_delay_ms)
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// How long the answer to a request with an `Idempotency-Key` is kept at least.
    pub fn key_lifetime(&self) -> Duration {
        Duration::from_secs(self.key_lifetime_s)
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}
