//! The settings that the services and the store share.

use std::{path::PathBuf, thread};

use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use super::{
    cors_origins::CorsOrigins, database::DatabaseSettings, limits::Limits, old_names, public_url::page_url,
    startup_error::StartupError, trusted_proxies::TrustedProxies,
};

/// What `--help` says after the flags.
const AFTER_HELP: &str = "\
Variables without a flag:
  RUST_LOG                     Level of the log, such as warn [default: info]
  OTEL_EXPORTER_OTLP_ENDPOINT  Collector that spans are sent to, such as
                               http://127.0.0.1:4318 [default: none]
  Standard OpenTelemetry variables:
    OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_PROPAGATORS,
    OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
    OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
    OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_EXPORTER_OTLP_COMPRESSION,
    OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_KEY,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
    and the OTLP variables above with OTLP_TRACES instead of OTLP,
    OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_EXPORT_TIMEOUT,
    OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE
  SSL_CERT_FILE, SSL_CERT_DIR  CA certificates to use instead of the system's,
                               for https:// addresses

Signals:
  TERM, INT, QUIT  Stop, after requests in flight finish. Closing the
                   terminal does the same, unless run with nohup
  HUP              Reread the token files
  USR1 and others  Ignored and logged";

/// The settings of every service.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Folder for the database files
    #[arg(long, env = "DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub data_dir: PathBuf,

    /// Format of log lines
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// Threads that handle requests [default: half the cores, rounded up]
    #[arg(long, env = "WORKER_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    worker_threads: Option<u16>,

    /// Origins whose pages may call the service from a browser: comma-separated, or * [default: none]
    #[arg(long, env, value_name = "ORIGINS", value_parser = CorsOrigins::parse)]
    pub cors_origins: Option<CorsOrigins>,

    /// Respond with an example from the OpenAPI document to requests with `Prefer: code=404` or the like; for development only
    #[arg(long, env = "PREFER_EXAMPLES")]
    pub prefer_examples: bool,

    /// Proxies whose Forwarded and X-Forwarded-* headers are trusted: comma-separated addresses or networks [default: none]
    #[arg(long, env, value_name = "NETWORKS", value_parser = TrustedProxies::parse)]
    pub trusted_proxies: Option<TrustedProxies>,

    /// URL of the start page, to which `/docs` links; the store program sets it itself
    #[arg(long, env = "STORE_URL", value_name = "URL", value_parser = page_url)]
    pub store_url: Option<String>,

    /// Stop when standard input is closed, as it is when the parent process exits
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,

    /// The PostgreSQL, if there is one.
    #[command(flatten)]
    pub database: DatabaseSettings,

    /// The limits.
    #[command(flatten)]
    pub limits: Limits,
}

impl Common {
    /// Adds the arguments to `command`. Set its description afterwards, since this replaces it.
    pub fn add_to(command: Command) -> Command {
        Self::augment_args(command).args(old_names::args()).after_help(AFTER_HELP)
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// A duration was set by its old name and its new name, to different values.
    pub fn read(matches: &ArgMatches) -> Result<Self, StartupError> {
        let mut common = Self::from_arg_matches(matches)?;
        old_names::adopt(&mut common.limits, matches)?;
        Ok(common)
    }

    /// How many threads handle requests. One for each core would leave no core to the writer and to the other services, and
    /// moving a request from core to core is expensive: a request that calls an upstream took a sixth longer.
    pub(crate) fn worker_threads(&self) -> usize {
        let half = || thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        self.worker_threads.map_or_else(half, usize::from)
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object per line
    Json,
}
