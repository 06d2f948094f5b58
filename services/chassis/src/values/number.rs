//! JSON numbers as written (RFC 8259, section 6), compared digit by digit and never as rounded doubles.

use std::iter;

/// How many significant digits a double always preserves (C's `DBL_DIG`).
pub(crate) const SAFE_DIGITS: usize = 15;

/// The number `0.d1 d2 d3 … × 10^exponent`. It is zero if it has no digits.
struct Decimal<'a> {
    is_negative: bool,
    /// The digits before and after the decimal point.
    parts: [&'a [u8]; 2],
    /// The number of leading zeros in both parts together.
    skipped: usize,
    /// The number of digits that follow, up to the last one that is not zero.
    digits: usize,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads valid JSON. None if it is not a number.
    fn parse(json: &'a str) -> Option<Self> {
        let (is_negative, unsigned) = match json.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, json),
        };
        if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let parts = [whole.as_bytes(), fraction.as_bytes()];
        let length = whole.len() + fraction.len();
        let is_zero = |digit: &&u8| **digit == b'0';
        let skipped = parts.into_iter().flatten().take_while(is_zero).count();
        if skipped == length {
            return Some(Self { is_negative: false, parts, skipped, digits: 0, exponent: 0 });
        }
        let trailing = parts.into_iter().flatten().rev().take_while(is_zero).count();
        // No text is as long as the exponents that are clamped here.
        let exponent = clamped(exponent) + whole.len() as i64 - skipped as i64;
        Some(Self { is_negative, parts, skipped, digits: length - skipped - trailing, exponent })
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.parts.into_iter().flatten().copied().skip(self.skipped).take(self.digits)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.is_negative == other.is_negative
            && self.exponent == other.exponent
            && self.digits().eq(other.digits())
    }

    /// The number, if it is an integer in range.
    fn integer(&self) -> Option<i64> {
        let length = usize::try_from(self.exponent).ok().filter(|length| *length >= self.digits)?;
        let mut digits = self.digits().chain(iter::repeat(b'0')).take(length);
        // A longer integer overflows at its twentieth digit, which ends the loop.
        let magnitude = digits
            .try_fold(0_i64, |number, digit| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
        Some(if self.is_negative { -magnitude } else { magnitude })
    }
}

/// The exponent, clamped to a range that no number in range leaves.
fn clamped(exponent: &str) -> i64 {
    const FAR: i64 = 1 << 40;
    let beyond = if exponent.starts_with('-') { -FAR } else { FAR };
    exponent.parse().map_or(beyond, |exponent: i64| exponent.clamp(-FAR, FAR))
}

/// The integer that a JSON number stands for: `3`, `3.0` and `30e-1` are 3, and `0.99999999999999999999` is not an integer.
pub(crate) fn integer(json: &str) -> Option<i64> {
    json.parse().ok().or_else(|| Decimal::parse(json)?.integer())
}

/// The double whose shortest decimal form is exactly this JSON number, so that it can be written again. None if there is no such
/// double, or if it is not a number.
pub(crate) fn double(json: &str) -> Option<f64> {
    let is_short =
        json.len() <= SAFE_DIGITS && json.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_short {
        return json.parse().ok();
    }
    let written = Decimal::parse(json)?;
    let double: f64 = json.parse().ok().filter(|double: &f64| double.is_finite())?;
    let mut shortest = zmij::Buffer::new();
    Decimal::parse(shortest.format_finite(double))?.is_same(&written).then_some(double)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow way: all digits of the number as an integer, and how many of them are after the point, without leading or trailing
    /// zeros.
    fn model(json: &str) -> (bool, String, i64) {
        let (mantissa, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
        let unsigned = mantissa.trim_start_matches('-');
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let behind =
            fraction.len() as i64 - exponent.parse::<i64>().unwrap() - (all.len() - digits.len()) as i64;
        let digits = digits.trim_start_matches('0');
        match digits {
            "" => (false, String::new(), 0),
            digits => (mantissa.starts_with('-'), digits.to_owned(), behind),
        }
    }

    fn model_integer(json: &str) -> Option<i64> {
        let (is_negative, digits, behind) = model(json);
        let sign = if is_negative { "-" } else { "" };
        let zeros = usize::try_from(-behind).ok()?;
        match digits.as_str() {
            "" => Some(0),
            digits => format!("{sign}{digits}{}", "0".repeat(zeros)).parse().ok(),
        }
    }

    /// Whether it is written as it was read. Of two decimals that are equally short and near, a response has the one that
    /// `serde_json` writes.
    fn model_double(json: &str) -> Option<f64> {
        let double: f64 = json.parse().unwrap();
        let is_preserved = || model(&serde_json::to_string(&double).unwrap()) == model(json);
        (double.is_finite() && is_preserved()).then_some(double)
    }

    /// Numbers as JSON has them, many of them near integers and near doubles.
    fn any_number() -> impl Strategy<Value = String> {
        let exponent = prop_oneof![3 => Just(String::new()), 1 => "[eE][+-]?[0-9]{1,3}"];
        prop_oneof![
            ("-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?", exponent)
                .prop_map(|(number, exponent)| number + &exponent),
            ("-?[1-9][0-9]{0,18}", 0_usize..40)
                .prop_map(|(number, zeros)| format!("{number}.{}", "0".repeat(zeros) + "0")),
            ("[1-9][0-9]{0,18}", 1_usize..40)
                .prop_map(|(number, nines)| format!("{number}.{}", "9".repeat(nines))),
            ("-?[1-9][0-9]{0,5}", 0_usize..40)
                .prop_map(|(number, zeros)| format!("{number}{0}e-{zeros}", "0".repeat(zeros))),
            any::<f64>()
                .prop_filter("finite", |number| number.is_finite())
                .prop_map(|number| format!("{number:e}")),
            (any::<u32>(), any::<u32>())
                .prop_map(|(one, other)| format!("{:.40}", f64::from(one) / f64::from(other.max(1)))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn numbers_are_read_exactly(json in any_number()) {
            prop_assert_eq!(integer(&json), model_integer(&json));
            prop_assert_eq!(double(&json), model_double(&json));
        }
    }

    #[test]
    fn an_integer_may_have_a_fraction_or_an_exponent() {
        for json in ["3", "3.0", "3e0", "30e-1", "0.3E+1", "3000e-3", "0.0000000003e10"] {
            assert_eq!(integer(json), Some(3), "{json}");
        }
        for json in ["0", "-0", "0.000", "0e5", "-0e-5", "0e999999999", "0.0e-99999999999999999999"] {
            assert_eq!(integer(json), Some(0), "{json}");
        }
        for json in [
            "9007199254740991.4",
            "1.0000000000000000000001",
            "0.99999999999999999999",
            "1e-1",
            "1e400",
            "1e999999999",
            "1e99999999999999999999",
            "1e-999999999",
            "9223372036854775808",
            "true",
            "null",
            "\"3\"",
            "[3]",
        ] {
            assert_eq!(integer(json), None, "{json}");
        }
    }

    #[test]
    fn a_double_is_exact_or_refused() {
        for json in [
            "19.99",
            "0.1",
            "1e12",
            "200.0",
            "1000000000000",
            "0.30000000000000004",
            "5e-324",
            "-0.5",
            "600000000000000.2",
        ] {
            assert_eq!(double(json), Some(json.parse().unwrap()), "{json}");
        }
        for json in [
            "999999999999.12345",
            "0.1000000000000000055511151231257827",
            "1000000000000.00001",
            "-1e-400",
            "1e-400",
            "1e400",
            "1e999999999",
            "4.9406564584124654e-324",
            "\"1\"",
            "false",
        ] {
            assert_eq!(double(json), None, "{json}");
        }
    }

    #[test]
    fn huge_numbers_are_cheap() {
        let digits = "9".repeat(60_000);
        let began = std::time::Instant::now();
        for json in [
            "1e999999999",
            "0e999999999",
            "1e-999999999",
            &digits,
            &format!("0.{digits}"),
            &format!("1e{digits}"),
        ] {
            let (_, _) = (integer(json), double(json));
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
