//! Settings: flags and environment, read once and refused early. What only one service knows, its own settings add.

pub mod command_line;
mod startup_error;
mod token;

use std::{
    borrow::Cow,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::{Args, ValueEnum};

pub use self::{
    startup_error::StartupError,
    token::{Secret, Token},
};

/// What every service can be told.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Folder of the database file
    #[arg(long, env = "DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub data_dir: PathBuf,

    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// Threads that work on requests; by default, one for every two cores
    #[arg(long, env = "WORKER_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    worker_threads: Option<u16>,

    /// Stop when standard input ends, as it does when the program that started this one is gone
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,

    /// The limits to work within.
    #[command(flatten)]
    pub limits: Limits,
}

impl Common {
    /// How many threads work on requests. A core for each would leave none to the writer and to the other services, and a
    /// request that goes from core to core costs more than it gains: one that asks another service took a sixth more.
    pub(crate) fn worker_threads(&self) -> usize {
        let half = || thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        self.worker_threads.map_or_else(half, usize::from)
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: a JSON object a line.
    Json,
}

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

/// A token as it was set, and where: not yet known to be one that may be used.
pub struct TokenSetting<'a> {
    variable: &'a str,
    value: &'a Secret,
    file: Option<&'a Path>,
    development: &'a str,
}

impl<'a> TokenSetting<'a> {
    /// The `value` of `variable`, or what is in `file` if there is one. `development` is the value that everybody knows, which
    /// serves development only.
    pub fn new(
        variable: &'a str,
        value: &'a Secret,
        file: Option<&'a PathBuf>,
        development: &'a str,
    ) -> Self {
        Self { variable, value, file: file.map(PathBuf::as_path), development }
    }

    /// The token, if a service that listens at `listen` may use it.
    ///
    /// # Errors
    /// It is empty, has characters that no token has, is the development default beyond loopback, or its file cannot be read.
    pub fn check(&self, listen: SocketAddr) -> Result<Token, StartupError> {
        let variable = self.variable;
        let value = match self.file {
            None => Cow::Borrowed(self.value.expose()),
            Some(file) => Cow::Owned(fs::read_to_string(file).map_err(|error| {
                let file = file.display();
                StartupError::new(format!(
                    "{file} cannot be read ({error}): set {variable}_FILE to a file with the token, or set {variable}."
                ))
            })?),
        };
        if value.trim().is_empty() {
            return Err(StartupError::new(format!("{variable} is empty: set it to the token.")));
        }
        if !listen.ip().is_loopback()
            && value.split([',', '\n']).any(|token| token.trim() == self.development)
        {
            return Err(StartupError::new(format!(
                "{variable} is the development default, which everybody knows, and {listen} can be reached from \
                 other machines: set {variable} to a secret, or listen on 127.0.0.1."
            )));
        }
        Token::new(&value).ok_or_else(|| {
            StartupError::new(format!(
                "{variable} has characters that no bearer token has, or more than two tokens: use letters, digits and \
                 -._~+/= only, and a comma between the new token and the old one."
            ))
        })
    }
}
