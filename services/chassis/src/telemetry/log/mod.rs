//! Log lines, on standard error: for people or for machines, each with the name of the service that wrote it, and the ids
//! of the request that it is about and of the trace that this belongs to.
//!
//! Every request writes a line, so lines are written without detours: `line` makes the text, `output` takes it to standard
//! error in batches, and no request waits for either.

mod line;
mod output;

use std::{
    env, fmt,
    io::{self, IsTerminal},
    sync::OnceLock,
    time::Duration,
};

use poem::http::{Method, StatusCode};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Writer},
    },
    registry::LookupSpan,
};
use uuid::Uuid;

use self::line::Line;
pub(crate) use self::output::flush;
use crate::{
    context::RequestContext,
    settings::{LogFormat, StartupError},
};

/// Says how much is logged (<https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html>).
const FILTER: &str = "RUST_LOG";

/// Sends everything that this process logs to standard error. `RUST_LOG` says how much; by default, `info` and above.
///
/// # Errors
/// `RUST_LOG` cannot be read.
pub(crate) fn to_standard_error(service: &'static str, format: LogFormat) -> Result<(), StartupError> {
    let filter = filter()?;
    output::start();
    let lines = Lines { service, format, colour: io::stderr().is_terminal() };
    let _ = LINES.set(lines);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| output::Output)
        // Nobody could read the complaint that the log cannot be written, and it would take the request along.
        .log_internal_errors(false)
        .fmt_fields(DefaultFields::new())
        .event_format(lines)
        .init();
    Ok(())
}

fn filter() -> Result<EnvFilter, StartupError> {
    let given = env::var_os(FILTER).filter(|directives| !directives.is_empty());
    let Some(directives) = given else { return Ok(EnvFilter::new("info")) };
    let wrong = |reason: &str| {
        let directives = directives.to_string_lossy();
        StartupError::new(format!(
            "{FILTER} is `{}`, which cannot be used ({reason}): set it to a level such as info, or to nothing.",
            directives.escape_debug()
        ))
    };
    let text = directives.to_str().ok_or_else(|| wrong("it is not UTF-8"))?;
    EnvFilter::builder().parse(text).map_err(|error| wrong(&error.to_string()))
}

/// Writes the access line of a request. It is no event of `tracing`: as one, it took a tenth of the time of a read.
pub(crate) fn log_request(
    method: &Method,
    route: &str,
    status: StatusCode,
    latency: Duration,
    is_aborted: bool,
) {
    let Some(lines) = LINES.get().filter(|_| tracing::enabled!(Level::INFO)) else { return };
    let mut line = lines.begin(Level::INFO, module_path!());
    line.message(if is_aborted { "broke off" } else { "answered" });
    line.id("method", method.as_str());
    line.quoted("route", route);
    line.integer("status", status.as_u16());
    line.decimal("ms", (latency.as_secs_f64() * 1e5).round() / 1e2);
    output::write(lines.end(line).as_bytes());
}

static LINES: OnceLock<Lines> = OnceLock::new();

/// How lines look.
#[derive(Clone, Copy)]
struct Lines {
    service: &'static str,
    format: LogFormat,
    colour: bool,
}

impl Lines {
    fn begin(&self, level: Level, target: &str) -> Line {
        match self.format {
            LogFormat::Text => Line::text(self.service, level, self.colour),
            LogFormat::Json => Line::json(self.service, level, target),
        }
    }

    /// The line with the ids of the request that is worked on, if one is.
    fn end(&self, mut line: Line) -> String {
        RequestContext::with(|context| {
            line.id("request_id", context.request_id());
            let trace_id = context.trace.trace_id();
            line.id("trace_id", trace_id.encode_lower(&mut Uuid::encode_buffer()));
        });
        line.end()
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = self.begin(*event.metadata().level(), event.metadata().target());
        event.record(&mut line);
        writer.write_str(&self.end(line))
    }
}
