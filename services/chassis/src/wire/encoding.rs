//! The text of a body: UTF-8 as a whole, without half characters in its escapes (RFC 8259, section 8). A JSON reader that skips
//! what it is not asked for finds these faults in some places only, and says little of them.

/// `body` as text.
///
/// # Errors
/// It is none. What is wrong, where, and what to send, in words for the caller.
pub(crate) fn text(body: &[u8]) -> Result<&str, String> {
    if let Some(encoding) = other_encoding(body) {
        return Err(format!("the body begins with {encoding}: send UTF-8 without a byte order mark"));
    }
    let text = str::from_utf8(body).map_err(|error| {
        let at = place(body, error.valid_up_to());
        format!("the body is not UTF-8 {at}: send it in UTF-8")
    })?;
    match body.contains(&b'\\').then(|| half_character(body)).flatten() {
        None => Ok(text),
        Some((half, at)) => {
            let at = place(body, at);
            Err(format!(
                "{half} {at} is half a surrogate pair and no character: send both halves, or neither"
            ))
        }
    }
}

/// What another encoding begins with: its mark (<https://www.unicode.org/faq/utf_bom.html>), or the zeros in its first character,
/// which JSON has in ASCII.
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

/// The first escape that is half of a surrogate pair without the other, and where it is.
fn half_character(body: &[u8]) -> Option<(&str, usize)> {
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

/// What `\uXXXX` at this place stands for.
fn code_unit(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    is_hexadecimal.then(|| u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()).flatten()
}

/// A place as people and editors count, and as the JSON reader says it.
fn place(body: &[u8], at: usize) -> String {
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
    fn utf8_is_text_and_its_escapes_may_be_any_character() {
        for body in ["", "{}", "{\"é\": \"\\ud83d\\uDE00 \\\\ud800 \\\" \\u0000\"}", "\\", "\\u", "\\ud80"] {
            assert_eq!(text(body.as_bytes()), Ok(body));
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_found_wherever_it_is() {
        is_refused(br#"{"a": "\ud800"}"#, r"\ud800 at line 1 column 8 is half");
        is_refused(b"{\n \"a\\uDfFf\": 1}", r"\uDfFf at line 2 column 4 is half");
        is_refused(br#"["\ud800\ud800\udc00"]"#, r"\ud800 at line 1 column 3 is half");
        is_refused(br#"["\ud800\udc00\udc00"]"#, r"\udc00 at line 1 column 15 is half");
        is_refused(br#"["\\\ud800\n"]"#, r"\ud800 at line 1 column 5 is half");
    }

    #[test]
    fn another_encoding_is_called_by_its_name() {
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
