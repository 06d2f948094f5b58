//! Parts of URIs that callers and proxies send in header fields.

use std::net::Ipv6Addr;

/// Whether `host` is `uri-host [ ":" port ]` (RFC 9110, section 7.2), with a non-empty host.
pub(crate) fn is_host(host: &[u8]) -> bool {
    let (is_name, port) = match host.strip_prefix(b"[") {
        Some(literal) => {
            let Some(end) = literal.iter().position(|byte| *byte == b']') else { return false };
            let address = str::from_utf8(&literal[..end]).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
            (address.is_some(), &literal[end + 1..])
        }
        None => {
            let end = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
            (end > 0 && is_encoded(&host[..end], b""), &host[end..])
        }
    };
    is_name && is_port(port)
}

/// Empty, or a colon and an optional number (RFC 3986, section 3.2.3).
fn is_port(text: &[u8]) -> bool {
    match text {
        [] | [b':'] => true,
        [b':', digits @ ..] => {
            let is_number = digits.iter().all(u8::is_ascii_digit);
            is_number && str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}

/// `path` as the prefix of other paths: without a slash at its end, so that `/` is an empty prefix. None if it is not an
/// absolute path, or one that a browser would resolve to something else: `//host` is another host, `/a/..` another path.
pub(crate) fn path_prefix(path: &str) -> Option<&str> {
    let is_segment = |segment: &str| {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        !matches!(&*dots, "" | "." | "..") && is_encoded(segment.as_bytes(), b":@")
    };
    if path == "/" {
        return Some("");
    }
    let prefix = path.strip_suffix('/').unwrap_or(path);
    prefix.strip_prefix('/')?.split('/').all(is_segment).then_some(prefix)
}

/// Whether `text` is made of unreserved characters, sub-delimiters, percent-encoded bytes (RFC 3986, sections 2 and 3.2.2) and
/// `more`.
fn is_encoded(mut text: &[u8], more: &[u8]) -> bool {
    while let [byte, rest @ ..] = text {
        text = match (byte, rest) {
            (b'%', [high, low, rest @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            (byte, rest) if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) => rest,
            (byte, rest) if more.contains(byte) => rest,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_an_absolute_path_on_the_same_host() {
        for (path, prefix) in [
            ("/", Some("")),
            ("/things-api", Some("/things-api")),
            ("/a/b:c@d/", Some("/a/b:c@d")),
            ("/%7Ea", Some("/%7Ea")),
        ] {
            assert_eq!(path_prefix(path), prefix, "{path}");
        }
        for path in [
            "",
            "a",
            "//evil.example",
            "/a//b",
            "/a//",
            "/..",
            "/a/%2E%2e/b",
            "/.",
            "/a b",
            "/a\"",
            "/<a>",
            "/a\\b",
            "/a?b",
            "/a#b",
            "/%zz",
            "/%7z",
            "/%z7",
            "http://evil.example",
        ] {
            assert_eq!(path_prefix(path), None, "{path}");
        }
    }
}
