//! The encoding of a body: UTF-8, without unpaired surrogates in its escapes (RFC 8259, section 8). A JSON parser that skips
//! unknown fields would find such errors only in some places.

/// `body` as text.
///
/// # Errors
/// The body is not text. The message tells the caller what is wrong, where, and what to send instead.
pub(crate) fn text(body: &[u8]) -> Result<&str, String> {
    if let Some(encoding) = other_encoding(body) {
        return Err(format!("the body begins with {encoding}: send UTF-8 without a byte order mark"));
    }
    let text = str::from_utf8(body).map_err(|error| {
        let at = position(body, error.valid_up_to());
        format!("the body is not UTF-8 {at}: send it in UTF-8")
    })?;
    match body.contains(&b'\\').then(|| unpaired_surrogate(body)).flatten() {
        None => Ok(text),
        Some((half, at)) => {
            let at = position(body, at);
            Err(format!("{half} {at} is an unpaired surrogate: send both halves of the pair, or neither"))
        }
    }
}

/// The name of another encoding or mark that the body begins with. UTF-16 and UTF-32 have a byte order mark
/// (<https://www.unicode.org/faq/utf_bom.html>) or zeros in the first character, which is ASCII in JSON.
fn other_encoding(body: &[u8]) -> Option<&'static str> {
    match body {
        [0xef, 0xbb, 0xbf, ..] => Some("a byte order mark"),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => {
            Some("UTF-32")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// The first unpaired surrogate in an escape, and its position.
fn unpaired_surrogate(body: &[u8]) -> Option<(&str, usize)> {
    let mut at = 0;
    while let Some(found) = body.get(at..)?.iter().position(|byte| *byte == b'\\') {
        at += found;
        let length = match (code_unit(body, at), code_unit(body, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => return Some((str::from_utf8(body.get(at..at + 6)?).ok()?, at)),
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        at += length;
    }
    None
}

/// The code unit of `\uXXXX` at this position.
fn code_unit(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    is_hexadecimal.then(|| u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()).flatten()
}

/// A position as editors count, in the words of the JSON parser.
fn position(body: &[u8], at: usize) -> String {
    let before = &body[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("at line {line} column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_refused(body: &[u8], says: &str) {
        let detail = text(body).unwrap_err();
        assert!(detail.contains(says), "{detail}");
    }

    #[test]
    fn utf8_with_any_escapes_is_text() {
        for body in ["", "{}", "{\"é\": \"\\ud83d\\uDE00 \\\\ud800 \\\" \\u0000\"}", "\\", "\\u", "\\ud80"] {
            assert_eq!(text(body.as_bytes()), Ok(body));
        }
    }

    #[test]
    fn an_unpaired_surrogate_is_found_anywhere() {
        is_refused(br#"{"a": "\ud800"}"#, r"\ud800 at line 1 column 8 is an unpaired surrogate");
        is_refused(b"{\n \"a\\uDfFf\": 1}", r"\uDfFf at line 2 column 4 is an unpaired surrogate");
        is_refused(br#"["\ud800\ud800\udc00"]"#, r"\ud800 at line 1 column 3 is an unpaired surrogate");
        is_refused(br#"["\ud800\udc00\udc00"]"#, r"\udc00 at line 1 column 15 is an unpaired surrogate");
        is_refused(br#"["\\\ud800\n"]"#, r"\ud800 at line 1 column 5 is an unpaired surrogate");
    }

    #[test]
    fn another_encoding_is_named() {
        let utf16 =
            |bytes: fn(u16) -> [u8; 2]| "{\"a\":1}".encode_utf16().flat_map(bytes).collect::<Vec<_>>();
        for body in
            [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), b"\xff\xfe{\0".into(), b"\xfe\xff\0{".into()]
        {
            is_refused(&body, "the body begins with UTF-16: send UTF-8");
        }
        for body in [b"{\0\0\0".as_slice(), b"\0\0\0{", b"\xff\xfe\0\0{\0\0\0", b"\0\0\xfe\xff\0\0\0{"] {
            is_refused(body, "the body begins with UTF-32: send UTF-8");
        }
        is_refused(b"\xef\xbb\xbf{}", "the body begins with a byte order mark: send UTF-8 without");
        is_refused(b"{\n\"a\": \"caf\xe9\"}", "the body is not UTF-8 at line 2 column 10: send it in UTF-8");
    }
}
