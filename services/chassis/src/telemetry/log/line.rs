//! Log lines. `tracing-subscriber` formats events; this module adds the service and the ids of the current request.
//!
//! The access line is formatted here, in the same shape: as an event of `tracing`, it would make a read a tenth slower.

use std::{
    fmt::{self, Display, Write},
    sync::OnceLock,
    time::Duration,
};

use poem::http::{Method, StatusCode};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, Format, Full, Json, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};
use uuid::Uuid;

use crate::{
    context::RequestContext,
    settings::{LogFormat, StartupError},
};

/// The target of access lines, which `RUST_LOG` may name.
const TARGET: &str = "chassis::telemetry::log";

/// The lines of this process, once its log is started.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Formats the lines of a service.
pub(super) struct Lines {
    service: &'static str,
    format: LogFormat,
    has_colour: bool,
    text: Format<Full, ()>,
    json: Format<Json>,
}

impl Lines {
    /// Says how the lines of this process look from now on.
    pub(super) fn start(service: &'static str, format: LogFormat, has_colour: bool) -> &'static Self {
        LINES.get_or_init(|| Self { service, format, has_colour, text: text(), json: json() })
    }

    /// Begins a line for people.
    fn begin_text(&self, line: &mut impl Write, level: Level) -> fmt::Result {
        let (start, end) = if self.has_colour { (colour(level), "\x1b[0m") } else { ("", "") };
        write!(line, "{:<9}{Now} {start}{level:>5}{end} ", self.service)
    }

    /// Begins a line for machines.
    fn begin_json(&self, line: &mut impl Write) -> fmt::Result {
        write!(line, r#"{{"service":"{}","#, self.service)
    }

    /// Ends a line, after the ids of the current request if there is one.
    fn end(&self, line: &mut impl Write) -> fmt::Result {
        let ids = |request: &RequestContext| {
            let mut buffer = Uuid::encode_buffer();
            let trace_id = request.trace.trace_id().encode_lower(&mut buffer);
            match (request.request_id(), self.format) {
                (request_id, LogFormat::Text) if request_id == trace_id => {
                    write!(line, " trace_id={trace_id}")
                }
                (request_id, LogFormat::Json) if request_id == trace_id => {
                    write!(line, r#","trace_id":"{trace_id}""#)
                }
                (request_id, LogFormat::Text) => write!(line, " request_id={request_id} trace_id={trace_id}"),
                (request_id, LogFormat::Json) => {
                    write!(line, r#","request_id":"{request_id}","trace_id":"{trace_id}""#)
                }
            }
        };
        RequestContext::with(ids).transpose()?;
        line.write_str(match self.format {
            LogFormat::Text => "\n",
            LogFormat::Json => "}\n",
        })
    }
}

impl<S, N> FormatEvent<S, N> for &'static Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        match self.format {
            LogFormat::Text => {
                self.text.format_event(context, Writer::new(&mut line), event)?;
                self.begin_text(&mut writer, *event.metadata().level())?;
                // The library leaves control characters in some fields, where they could forge a line or control a terminal.
                line.trim_end().chars().try_for_each(|char| match char.is_control() {
                    true => write!(writer, "{}", char.escape_default()),
                    false => writer.write_char(char),
                })?;
            }
            LogFormat::Json => {
                self.json.format_event(context, Writer::new(&mut line), event)?;
                let fields = line.trim_end().strip_prefix('{').and_then(|line| line.strip_suffix('}'));
                self.begin_json(&mut writer)?;
                writer.write_str(fields.ok_or(fmt::Error)?)?;
            }
        }
        self.end(&mut writer)
    }
}

/// The access line of a request, if such lines are logged.
pub(super) fn access(
    method: &Method,
    route: &str,
    is_probe: bool,
    status: StatusCode,
    latency: Duration,
    is_aborted: bool,
) -> Option<String> {
    let (level, is_enabled) = match is_probe {
        true => (Level::DEBUG, tracing::enabled!(target: TARGET, Level::DEBUG)),
        false => (Level::INFO, tracing::enabled!(target: TARGET, Level::INFO)),
    };
    let lines = LINES.get().filter(|_| is_enabled)?;
    let message = if is_aborted { "broke off" } else { "answered" };
    let (status, ms) = (status.as_u16(), (latency.as_secs_f64() * 1e5).round() / 1e2);
    let mut line = String::with_capacity(256);
    // A method is a token and a route a template of the document, so neither has to be escaped.
    let start = match lines.format {
        LogFormat::Text => lines.begin_text(&mut line, level).and_then(|()| {
            write!(line, r#"{message} method={method} route="{route}" status={status} ms={ms}"#)
        }),
        LogFormat::Json => lines.begin_json(&mut line).and_then(|()| {
            write!(
                line,
                r#""timestamp":"{Now}","level":"{level}","target":"{TARGET}","message":"{message}","#
            )?;
            write!(line, r#""method":"{method}","route":"{route}","status":{status},"ms":{ms}"#)
        }),
    };
    start.and_then(|()| lines.end(&mut line)).ok()?;
    Some(line)
}

/// The line for machines that says why `program` ends with a failure.
pub(super) fn failure(program: &str, error: &StartupError) -> String {
    let error = serde_json::Value::from(error.to_string());
    let ids = r#""level":"ERROR","message":"failed","error""#;
    format!(r#"{{"service":"{program}","timestamp":"{Now}",{ids}:{error}}}"#) + "\n"
}

/// The part of a text line that the library formats: the message and the fields.
fn text() -> Format<Full, ()> {
    format::format().without_time().with_level(false).with_target(false).with_ansi(false)
}

/// The part of a JSON line that the library formats: everything except the service and the ids.
fn json() -> Format<Json> {
    format::format().json().flatten_event(true).with_current_span(false).with_span_list(false)
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}

/// The time, as the library writes it.
struct Now;

impl Display for Now {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        SystemTime.format_time(&mut Writer::new(formatter))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines of an event whose message and field hold control characters.
    fn lines(format: LogFormat) -> String {
        let lines = Lines { service: "things", format, has_colour: false, text: text(), json: json() };
        let (output, lines): (_, &'static Lines) = (Output::default(), Box::leak(Box::new(lines)));
        let writer = output.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).event_format(lines);
        tracing::subscriber::with_default(subscriber.finish(), || {
            tracing::warn!(shown = %"a\nb\x1b[2J", quoted = "c\nd", "e\r\n{}", '\u{9b}');
        });
        String::from_utf8(output.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_control_character_forges_no_line_and_controls_no_terminal() {
        let line = lines(LogFormat::Text);
        let expected = r#"  WARN e\r\n\u{9b} shown=a\nb\u{1b}[2J quoted="c\nd""#;
        assert!(line.starts_with("things   2") && line.trim_end().ends_with(expected), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }

    #[test]
    fn a_line_of_json_is_one_object() {
        let line: serde_json::Value = serde_json::from_str(&lines(LogFormat::Json)).unwrap();
        assert_eq!(line["service"], "things");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "e\r\n\u{9b}");
        assert_eq!(line["shown"], "a\nb\x1b[2J");
        assert_eq!(line["quoted"], "c\nd");
    }
}
