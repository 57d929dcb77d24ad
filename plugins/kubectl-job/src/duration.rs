//! Durations as people type them (`90s`, `5m3s`, `1h30m`, `1.5h`, `250ms`, or bare seconds).

use std::str::FromStr;

use jiff::SignedDuration;

pub(crate) use explain::duration::show;

/// A duration from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) SignedDuration);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration {0:?}: write it like 90s, 5m, 1h30m or 1.5h")]
pub(crate) struct InvalidDuration(String);

/// Units by name, in nanoseconds: Go's `time.ParseDuration`, and `d` for days.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12), ("d", 8.64e13)];

impl FromStr for Span {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDuration(text.to_owned());
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let nanoseconds = match unsigned.parse::<u32>() {
            Ok(seconds) => f64::from(seconds) * 1e9,
            Err(_) => sum(unsigned).ok_or_else(invalid)?,
        };
        // A century bounds what later additions to a timestamp can reach.
        if nanoseconds > 3.16e18 {
            return Err(invalid());
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        let duration = SignedDuration::from_nanos(nanoseconds.round() as i64);
        Ok(Self(if negative { -duration } else { duration }))
    }
}

/// The sum of `NUMBER UNIT` pairs, in nanoseconds.
fn sum(mut text: &str) -> Option<f64> {
    let mut total = 0.0;
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = text[..digits].parse().ok()?;
        text = &text[digits..];
        let length = text.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(text.len());
        let unit = UNITS.iter().find(|(name, _)| *name == &text[..length])?;
        total += number * unit.1;
        text = &text[length..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("0", 0),
            ("30", 30_000),
            ("90s", 90_000),
            ("5m3s", 303_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("2d", 172_800_000),
            ("-1s", -1_000),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(text.parse(), Ok(Span(SignedDuration::from_millis(milliseconds))), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "s", "5x", "5m3", "1h-3m", "1e3s", "999999999h", ".s"] {
            let error = text.parse::<Span>().expect_err(text).to_string();
            assert!(error.contains("1h30m"), "{error}");
        }
    }
}
