//! Log lines, on standard error: for people or for machines, each with the name of the service that wrote it, and the ids
//! of the request that it is about and of the trace that this belongs to.
//!
//! Every request writes a line, so lines are written without detours: `line` makes the text, `output` takes it to standard
//! error in batches, and no request waits for either.

mod line;
mod output;

use std::{
    fmt,
    io::{self, IsTerminal},
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Writer},
    },
    registry::LookupSpan,
};
use uuid::Uuid;

pub(crate) use self::output::flush;
use crate::{server::Context, settings::LogFormat};

/// Sends everything that this process logs to standard error. `RUST_LOG` says how much; by default, `info` and above.
pub(crate) fn to_standard_error(service: &'static str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    output::start();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| output::Output)
        // Nobody could read the complaint that the log cannot be written, and it would take the request along.
        .log_internal_errors(false)
        .fmt_fields(DefaultFields::new())
        .event_format(Lines { service, format, colour: io::stderr().is_terminal() })
        .init();
}

/// How an event becomes a line.
struct Lines {
    service: &'static str,
    format: LogFormat,
    colour: bool,
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
        let level = event.metadata().level();
        let mut line = match self.format {
            LogFormat::Text => line::Line::text(self.service, *level, self.colour),
            LogFormat::Json => line::Line::json(self.service, *level, event.metadata().target()),
        };
        event.record(&mut line);
        Context::with(|context| {
            line.id("request_id", context.request_id());
            let trace_id = context.position().trace_id();
            line.id("trace_id", trace_id.encode_lower(&mut Uuid::encode_buffer()));
        });
        writer.write_str(&line.end())
    }
}
