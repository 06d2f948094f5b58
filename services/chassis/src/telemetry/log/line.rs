//! One log line, as text or as a JSON object.

use std::{
    cell::RefCell,
    fmt::{self, Write},
    iter::repeat_n,
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::{
    Level,
    field::{Field, Visit},
};
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime as Rfc3339},
};

/// The field that an event's words are in.
const MESSAGE: &str = "message";

/// A line that grows field by field.
pub(super) struct Line {
    text: String,
    is_json: bool,
}

impl Line {
    /// `<service> 2026-01-31T12:00:00.000000Z INFO answered method=GET …`
    pub(super) fn text(service: &str, level: Level, colour: bool) -> Self {
        let mut text = String::with_capacity(256);
        text.push_str(service);
        text.extend(repeat_n(' ', 9_usize.saturating_sub(service.len())));
        write_now(&mut text);
        let (start, end) = if colour { (colour_of(level), "\x1b[0m") } else { ("", "") };
        let margin = if level.as_str().len() == 4 { "  " } else { " " };
        text.extend([margin, start, level.as_str(), end]);
        Self { text, is_json: false }
    }

    /// `{"service":"<service>","timestamp":"2026-01-31T12:00:00.000000Z","level":"INFO","target":"…","message":"answered",…}`
    pub(super) fn json(service: &str, level: Level, target: &str) -> Self {
        let mut text = String::with_capacity(256);
        text.push_str("{\"service\":\"");
        text.push_str(service);
        text.push_str("\",\"timestamp\":\"");
        write_now(&mut text);
        text.push('"');
        let mut line = Self { text, is_json: true };
        line.json_text("level", level.as_str());
        line.json_text("target", target);
        line
    }

    /// The words of the line.
    pub(super) fn message(&mut self, text: &str) {
        if self.is_json {
            return self.json_text(MESSAGE, text);
        }
        self.text.push(' ');
        self.escaped(text);
    }

    /// A field whose value is known to have no characters that need care.
    pub(super) fn id(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.name(name);
        let quotes = if self.is_json { "\"" } else { "" };
        self.text.extend([quotes, value, quotes]);
    }

    /// A text, in quotes.
    pub(super) fn quoted(&mut self, name: &str, value: &str) {
        if self.is_json {
            return self.json_text(name, value);
        }
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        self.name(name);
        if value.bytes().all(is_plain) {
            self.text.extend(["\"", value, "\""]);
        } else {
            let _ = write!(self.text, "{value:?}");
        }
    }

    pub(super) fn integer(&mut self, name: &str, value: impl itoa::Integer) {
        self.name(name);
        self.text.push_str(itoa::Buffer::new().format(value));
    }

    pub(super) fn decimal(&mut self, name: &str, value: f64) {
        self.name(name);
        self.text.push_str(zmij::Buffer::new().format(value));
    }

    /// The whole line.
    pub(super) fn end(mut self) -> String {
        self.text.push_str(if self.is_json { "}\n" } else { "\n" });
        self.text
    }

    fn name(&mut self, name: &str) {
        let (before, after) = if self.is_json { (",\"", "\":") } else { (" ", "=") };
        self.text.extend([before, name, after]);
    }

    fn json_text(&mut self, name: &str, value: &str) {
        self.name(name);
        // A string can always be written as JSON.
        self.text.push_str(&serde_json::to_string(value).unwrap_or_default());
    }

    /// Control characters are escaped, so that nobody can write lines of their own or move a terminal.
    fn escaped(&mut self, text: &str) {
        if !text.bytes().any(|byte| byte.is_ascii_control() || !byte.is_ascii()) {
            return self.text.push_str(text);
        }
        for char in text.chars() {
            match char.is_control() {
                true => self.text.extend(char.escape_default()),
                false => self.text.push(char),
            }
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        match field.name() {
            MESSAGE => self.message(&value),
            name if self.is_json => self.json_text(name, &value),
            name => {
                self.name(name);
                self.escaped(&value);
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            MESSAGE => self.message(value),
            name => self.quoted(name, value),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.integer(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.integer(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.decimal(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field.name());
        self.text.push_str(if value { "true" } else { "false" });
    }
}

/// Writes the time. All of it but the fraction is the same for a second, and is made once in it by each thread.
fn write_now(text: &mut String) {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, written)| {
        if *second != now.as_secs() {
            written.clear();
            let _ = Rfc3339.format_time(&mut Writer::new(written));
            written.truncate("2026-01-31T12:00:00".len());
            *second = now.as_secs();
        }
        text.push_str(written);
    });
    // A one before the digits keeps the zeros at their beginning.
    let fraction = 1_000_000 + now.subsec_micros();
    text.extend([".", &itoa::Buffer::new().format(fraction)[1..], "Z"]);
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}
