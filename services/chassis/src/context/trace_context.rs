//! The place of a request in its trace, and the headers that carry it (<https://www.w3.org/TR/trace-context-1/>).
//!
//! OpenTelemetry's `TraceContextPropagator` reads the same headers, but breaks their rules: it accepts ids and flags of any length
//! and with a sign, a trailing dash, and the first of several `traceparent` headers; it keeps only the first of several
//! `tracestate` headers, and does not limit its length.

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{Uuid, fmt::Simple};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// How many bytes of `tracestate` are passed on (section 3.3.1.5).
const STATE_LIMIT: usize = 512;

/// How many bytes of `baggage` are passed on (<https://www.w3.org/TR/baggage/>, section 3.3.2).
const BAGGAGE_LIMIT: usize = 8192;

/// The flag of a span that may have been recorded.
const SAMPLED: u8 = 1;

/// A place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace_id: u128,
    /// The parent of spans that start here.
    pub(crate) span_id: u64,
    pub(crate) is_sampled: bool,
    /// The `tracestate` of others, passed on as it is.
    pub(crate) state: Option<HeaderValue>,
    /// The baggage of the caller, if it is propagated.
    pub(crate) baggage: Option<HeaderValue>,
}

impl TraceContext {
    /// A new trace that is not recorded.
    pub(crate) fn new_root() -> Self {
        let (trace_id, span_id) = rand::random();
        Self { trace_id, span_id, is_sampled: false, state: None, baggage: None }
    }

    /// The place of the caller, if its headers are valid.
    pub(crate) fn extract(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (given.next(), given.next()) else { return None };
        let (trace_id, span_id, is_sampled) = parse(parent.to_str().ok()?)?;
        let state = joined(headers, &TRACESTATE, STATE_LIMIT);
        Some(Self { trace_id, span_id, is_sampled, state, baggage: None })
    }

    /// The baggage of the caller.
    pub(crate) fn extract_baggage(headers: &HeaderMap) -> Option<HeaderValue> {
        joined(headers, &BAGGAGE, BAGGAGE_LIMIT)
    }

    /// The same trace, with a new parent.
    pub(crate) fn child(&self) -> Self {
        Self { span_id: rand::random(), ..self.clone() }
    }

    /// Adds the headers that carry it; without its place in the trace if not `with_trace`.
    #[expect(clippy::expect_used, reason = "a header may have hexadecimal digits and dashes")]
    pub(crate) fn inject(&self, headers: &mut HeaderMap, with_trace: bool) {
        let Self { trace_id, span_id, is_sampled, state, baggage } = self;
        headers.extend(baggage.clone().map(|baggage| (BAGGAGE, baggage)));
        if !with_trace {
            return;
        }
        let flags = if *is_sampled { SAMPLED } else { 0 };
        let parent = format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}");
        headers.insert(TRACEPARENT, HeaderValue::try_from(parent).expect("hexadecimal digits and dashes"));
        headers.extend(state.clone().map(|state| (TRACESTATE, state)));
    }

    /// The id of the trace, for log lines.
    pub(crate) fn trace_id(&self) -> Simple {
        Uuid::from_u128(self.trace_id).simple()
    }
}

/// The trace, the span, and whether it was sampled. A later version may say more behind these (section 4.3).
fn parse(parent: &str) -> Option<(u128, u64, bool)> {
    let (version, rest) = parent.split_once('-')?;
    let (trace_id, rest) = rest.split_once('-')?;
    let (span_id, rest) = rest.split_once('-')?;
    let (flags, more) = rest.split_once('-').map_or((rest, None), |(flags, more)| (flags, Some(more)));
    let version = hexadecimal(version, 2)?;
    let trace_id = hexadecimal(trace_id, 32)?;
    let span_id = hexadecimal(span_id, 16)? as u64;
    let flags = hexadecimal(flags, 2)? as u8;
    let is_known = version < 0xff && (version > 0 || more.is_none());
    (is_known && trace_id != 0 && span_id != 0).then_some((trace_id, span_id, flags & SAMPLED != 0))
}

fn hexadecimal(text: &str, length: usize) -> Option<u128> {
    // The standard library would take capital letters and a sign, too.
    let is_lower_case = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == length && is_lower_case).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// All headers called `name` in one, unless that is more than `limit` or no visible ASCII.
fn joined(headers: &HeaderMap, name: &HeaderName, limit: usize) -> Option<HeaderValue> {
    let texts: Result<Vec<&str>, _> = headers.get_all(name).iter().map(HeaderValue::to_str).collect();
    let all = texts.ok()?.join(",");
    (1..=limit).contains(&all.len()).then(|| HeaderValue::try_from(all).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(parent: &str) -> HeaderMap {
        HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_str(parent).unwrap())])
    }

    fn is_taken(parent: &str) -> bool {
        TraceContext::extract(&headers(parent)).is_some()
    }

    #[test]
    fn an_extracted_context_is_injected_unchanged() {
        for parent in [PARENT, "00-00000000000000000000000000000001-0000000000000001-00"] {
            let mut written = HeaderMap::new();
            TraceContext::extract(&headers(parent)).unwrap().inject(&mut written, true);
            assert_eq!(written, headers(parent));
        }
    }

    #[test]
    fn unknown_flags_are_not_passed_on() {
        let mut written = HeaderMap::new();
        TraceContext::extract(&headers(&PARENT.replace("-01", "-fe"))).unwrap().inject(&mut written, true);
        assert_eq!(written, headers(&PARENT.replace("-01", "-00")));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        assert!(is_taken(&PARENT.replacen("00-", "01-", 1)));
        assert!(is_taken(&(PARENT.replacen("00-", "cc-", 1) + "-what-the-future-will-be-like")));
        assert!(!is_taken(&(PARENT.replacen("00-", "cc-", 1) + ".what")));
        assert!(!is_taken(&PARENT.replacen("00-", "ff-", 1)));
    }

    #[test]
    fn a_malformed_traceparent_is_rejected() {
        let wrong = [
            String::new(),
            "00".into(),
            PARENT.to_uppercase(),
            PARENT.replacen("00-", "0-", 1),
            PARENT.replacen("00-0", "00-", 1),
            PARENT.replacen("00-0a", "00-+a", 1),
            PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            PARENT.replace("b7ad6b7169203331", &"0".repeat(16)),
            PARENT.replace("-01", "-1"),
            PARENT.replace("-01", "-001"),
            PARENT.replace("-01", "-0g"),
            PARENT.replace("-01", ""),
            format!("{PARENT}-"),
            format!("{PARENT}-more"),
        ];
        for parent in wrong {
            assert!(!is_taken(&parent), "{parent}");
        }
        let mut twice = headers(PARENT);
        twice.append(TRACEPARENT, HeaderValue::from_static(PARENT));
        assert_eq!(TraceContext::extract(&twice), None);
    }

    #[test]
    fn a_sane_state_is_passed_on_with_its_trace() {
        let passed_on = |states: &[&str]| {
            let mut given = headers(PARENT);
            for state in states {
                given.append(TRACESTATE, HeaderValue::from_bytes(state.as_bytes()).unwrap());
            }
            TraceContext::extract(&given).unwrap().state
        };
        assert_eq!(passed_on(&[]), None);
        assert_eq!(passed_on(&["congo=t61,rojo=00f0"]).unwrap(), "congo=t61,rojo=00f0");
        assert_eq!(passed_on(&["congo=t61", "rojo=00f0"]).unwrap(), "congo=t61,rojo=00f0");
        assert_eq!(passed_on(&["congo=ü"]), None);
        assert_eq!(passed_on(&["x".repeat(513).as_str()]), None);
    }
}
