//! The log, on standard error: text for people or JSON for machines. Each line has the name of its program, the trace id, and the
//! request id if it differs from the trace id.
//!
//! `line` formats lines, and `output` writes them in batches, so that no request waits for the log.

mod line;
mod output;

use std::{
    env,
    io::{self, IsTerminal},
    time::Duration,
};

use poem::http::{Method, StatusCode};
use tracing_subscriber::{EnvFilter, fmt::format::DefaultFields};

use self::line::Lines;
pub use self::output::flush;
use crate::{
    output::stderr,
    settings::{LogFormat, StartupError},
};

/// Says how much is logged (<https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html>).
const FILTER: &str = "RUST_LOG";

/// Sends everything that this process logs to standard error. `RUST_LOG` says how much; by default, `info` and above.
///
/// # Errors
/// `RUST_LOG` cannot be read.
pub fn to_standard_error(program: &'static str, format: LogFormat) -> Result<(), StartupError> {
    let filter = filter()?;
    output::start();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| output::Output)
        // A failed write of the log cannot be logged, and it must not fail the request.
        .log_internal_errors(false)
        .fmt_fields(DefaultFields::new())
        .event_format(Lines::start(program, format, io::stderr().is_terminal()))
        .init();
    Ok(())
}

/// Logs why `program` ends with a failure, at any level of `RUST_LOG`: in a sentence for people, or in a line for machines.
pub fn failure(program: &'static str, format: LogFormat, error: &StartupError) {
    stderr(match format {
        LogFormat::Text => format!("{program}: {error}\n"),
        LogFormat::Json => line::failure(program, error),
    });
}

fn filter() -> Result<EnvFilter, StartupError> {
    let given = env::var_os(FILTER).filter(|directives| !directives.is_empty());
    let Some(directives) = given else { return Ok(EnvFilter::new("info")) };
    let wrong = |reason: &str| {
        let directives = directives.to_string_lossy();
        StartupError::new(format!(
            "{FILTER} is `{}`, which cannot be used ({reason}): set it to a level such as info, or unset it.",
            directives.escape_debug()
        ))
    };
    let text = directives.to_str().ok_or_else(|| wrong("it is not UTF-8"))?;
    EnvFilter::builder().parse(text).map_err(|error| wrong(&error.to_string()))
}

/// Writes the access line of a request. Those of probes, which come all the time, are for debugging.
pub(crate) fn log_request(
    method: &Method,
    route: &str,
    is_probe: bool,
    status: StatusCode,
    latency: Duration,
    is_aborted: bool,
) {
    if let Some(line) = line::access(method, route, is_probe, status, latency, is_aborted) {
        output::write(line.as_bytes());
    }
}
