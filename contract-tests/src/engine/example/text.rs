//! Texts that have a format, or match a pattern.

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::Value;

/// The longest text that is made.
const LONGEST: usize = 100_000;

/// How many more repetitions than it must have a part of a pattern gets, until the text is long enough.
const MOST_REPETITIONS: u32 = 200;

/// A text for a schema, which need not fit where several of its keywords hold at once.
pub(super) fn of(schema: &Value) -> String {
    let length = |name: &str| schema[name].as_u64().map(|length| length as usize);
    let (least, most) = (length("minLength"), length("maxLength").unwrap_or(usize::MAX));
    let matches = |least: usize| matching(schema["pattern"].as_str()?, least, most);
    // An empty text is the last choice.
    if let Some(text) = matches(least.unwrap_or(1)).or_else(|| matches(least.unwrap_or(0))) {
        return text;
    }
    match schema["format"].as_str().and_then(of_format) {
        Some(text) => text.to_owned(),
        None => "x".repeat(least.unwrap_or(1).max(1).min(most).min(LONGEST)),
    }
}

fn of_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "2020-01-31",
        "date-time" => "2020-01-31T12:00:00Z",
        "time" => "12:00:00Z",
        "duration" => "P1D",
        "uuid" => "6f1c1f6e-5b0a-4a43-9c3e-0f1d6d3f2a11",
        "email" | "idn-email" => "someone@example.org",
        "hostname" | "idn-hostname" => "example.org",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "url" | "uri-reference" | "iri" | "iri-reference" => "https://example.org/",
        "uri-template" => "https://example.org/{id}",
        "json-pointer" => "/a",
        "relative-json-pointer" => "0",
        "regex" => "a",
        "byte" => "eA==",
        _ => return None,
    })
}

/// A text of such a length that matches a pattern, as few repetitions in it as will do.
fn matching(pattern: &str, least: usize, most: usize) -> Option<String> {
    let regex = Regex::new(pattern).ok()?;
    let hir = regex_syntax::parse(pattern).ok()?;
    let texts = (0..MOST_REPETITIONS).map(|more| {
        let mut text = String::new();
        write(&hir, more, &mut text);
        text
    });
    let fits = |text: &String| (least..=most).contains(&text.chars().count()) && regex.is_match(text);
    // A text that is too long gets no shorter.
    texts.take_while(|text| text.len() <= LONGEST).find(fits)
}

/// Appends what matches a part of a pattern, with so many repetitions more than it must have.
fn write(hir: &Hir, more: u32, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => *text += &String::from_utf8_lossy(&literal.0),
        HirKind::Class(class) => text.extend(letter(class)),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.saturating_add(more).min(most) {
                if text.len() > LONGEST {
                    return;
                }
                write(&repetition.sub, more, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, more, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, more, text)),
        HirKind::Alternation(parts) => parts.first().into_iter().for_each(|part| write(part, more, text)),
    }
}

/// A letter of a class: a plain one if it has any.
fn letter(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let has = |letter: &char| ranges.iter().any(|(first, last)| (first..=last).contains(&letter));
    "aA1-_ .".chars().find(has).or(ranges.first().map(|(first, _)| *first))
}
