//! Durations with units, such as `10s`, `200ms` or `24h`.

use std::time::Duration;

/// The longest duration allowed: added to the present time it does not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// humantime 2.4 panics when seconds and milliseconds together overflow, which takes a longer text.
const LONGEST_TEXT: usize = 24;

/// Reads a duration, which may be zero.
///
/// # Errors
/// The reason why it cannot be used.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text.len() > LONGEST_TEXT {
        return Err(format!("it has more than {LONGEST_TEXT} characters"));
    }
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; a duration looks like 10s, 200ms or 24h"))?;
    match duration > LONGEST {
        true => Err("it is longer than 100 years".to_owned()),
        false => Ok(duration),
    }
}

/// Reads a duration that is not zero.
///
/// # Errors
/// The reason why it cannot be used.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it is zero".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        for (text, milliseconds) in
            [("200ms", 200), ("10s", 10_000), ("1.5s", 1_500), ("1m 30s", 90_000), ("24h", 86_400_000)]
        {
            assert_eq!(positive_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn zero_is_a_duration_but_not_a_positive_one() {
        for text in ["0", "0s", "0ms"] {
            assert_eq!(duration(text), Ok(Duration::ZERO), "{text}");
            assert_eq!(positive_duration(text), Err("it is zero".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_reason_says_what_a_duration_looks_like() {
        for text in ["10", "ten seconds", "-1s", "10 parsecs", "1e3s", "9999999999999999999999s", ""] {
            let reason = duration(text).unwrap_err();
            assert!(reason.ends_with("; a duration looks like 10s, 200ms or 24h"), "{text}: {reason}");
        }
        let overflow = "18446744073709551615s1000ms";
        assert_eq!(duration(overflow), Err("it has more than 24 characters".to_owned()));
        assert_eq!(duration("101years"), Err("it is longer than 100 years".to_owned()));
    }
}
