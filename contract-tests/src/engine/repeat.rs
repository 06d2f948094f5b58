//! How to repeat a failure.

use super::exchange::{Delivery, Request, quoted};

/// The longest body that stands in a line for a shell.
const LONGEST: usize = 8 * 1024;

/// A line for a shell that sends a request once more, to the service at `url`, or what does where no line can.
pub(crate) fn how(request: &Request, url: &str) -> String {
    line(request, url).unwrap_or_else(|| {
        let place = format!("{} {url}{}", request.method, request.path);
        format!("{place} with `contract again FILE`; `contract replay --out` writes the file")
    })
}

/// None if the body is long, is not text, or never ends.
fn line(request: &Request, url: &str) -> Option<String> {
    let body = str::from_utf8(&request.body).ok();
    let body = body.filter(|body| body.len() <= LONGEST && !body.contains('\0'))?;
    let mut line = format!("curl -i -X {} {}", request.method, quoted(&format!("{url}{}", request.path)));
    for (name, value) in &request.headers {
        line += &format!(" -H {}", quoted(&format!("{name}: {value}")));
    }
    match request.delivery {
        Delivery::Whole => {}
        Delivery::Chunked => line += " -H 'Transfer-Encoding: chunked'",
        Delivery::Half => return None,
    }
    if !body.is_empty() {
        line += &format!(" --data-binary {}", quoted(body));
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_a_shell_sends_the_whole_body_or_is_none() {
        let of = |body: &[u8], delivery| {
            let request = Request { body: body.into(), delivery, ..Request::new("a", "POST", "/a") };
            line(&request, "http://host:1")
        };
        let start = "curl -i -X POST 'http://host:1/a'";
        let long = "é".repeat(LONGEST / 2);
        for (body, delivery, expected) in [
            ("", Delivery::Whole, Some(start.to_owned())),
            ("it's", Delivery::Whole, Some(format!(r"{start} --data-binary 'it'\''s'"))),
            (&long, Delivery::Whole, Some(format!("{start} --data-binary '{long}'"))),
            (&format!("{long}x"), Delivery::Whole, None),
            ("a\0b", Delivery::Whole, None),
            (
                "a",
                Delivery::Chunked,
                Some(format!("{start} -H 'Transfer-Encoding: chunked' --data-binary 'a'")),
            ),
            ("a", Delivery::Half, None),
        ] {
            assert_eq!(of(body.as_bytes(), delivery), expected, "{body:?} {delivery:?}");
        }
        assert_eq!(of(b"\xff", Delivery::Whole), None);
        let endless = Request { delivery: Delivery::Half, ..Request::new("a", "POST", "/a") };
        assert!(how(&endless, "http://host:1").starts_with("POST http://host:1/a with "));
    }
}
