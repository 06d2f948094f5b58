//! Log lines, on standard error: for people or for machines, each with the name of the service that wrote it.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Format, Full, Json, JsonFields, Writer},
    },
    registry::LookupSpan,
};

use crate::settings::LogFormat;

/// Sends everything that this process logs to standard error. `RUST_LOG` says how much; by default, `info` and above.
pub(crate) fn to_standard_error(service: &'static str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Nobody could read the complaint that the log cannot be written, and it would take the request along.
        .log_internal_errors(false)
        .with_ansi(ansi);
    match format {
        LogFormat::Text => {
            let lines = TextLines { service, format: Format::default().with_target(false) };
            log.fmt_fields(DefaultFields::new()).event_format(lines).init();
        }
        LogFormat::Json => {
            let lines = JsonLines { service, format: Format::default().json().flatten_event(true) };
            log.fmt_fields(JsonFields::new()).event_format(lines).init();
        }
    }
}

/// `<service> 2026-01-31T12:00:00Z INFO answered ...`
struct TextLines {
    service: &'static str,
    format: Format<Full>,
}

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(line, "{:<8} ", self.service)?;
        self.format.format_event(context, line, event)
    }
}

/// `{"service":"<service>","timestamp":"2026-01-31T12:00:00Z", ...}`
struct JsonLines {
    service: &'static str,
    format: Format<Json>,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut object = String::new();
        self.format.format_event(context, Writer::new(&mut object), event)?;
        let rest = object.strip_prefix('{').ok_or(fmt::Error)?;
        write!(line, "{{\"service\":\"{}\",{rest}", self.service)
    }
}
