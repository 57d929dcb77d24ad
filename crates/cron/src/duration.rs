//! Durations as Go writes them: `1h30m`, `1.5h`, `-300ms` (`time.ParseDuration`).

use jiff::SignedDuration;

/// What is wrong with a duration, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of that form, or too long.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that is not known.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The duration.
        text: String,
    },
}

/// Parses a duration.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let (mut rest, mut nanos) = (unsigned, 0_u64);
    while !rest.is_empty() {
        let (part, after) = part(rest, text)?;
        nanos = nanos.checked_add(part).filter(|nanos| *nanos <= 1 << 63).ok_or_else(invalid)?;
        rest = after;
    }
    // The one value that is in range only with its sign is the most negative one.
    let signed =
        if text.starts_with('-') { Some(nanos.wrapping_neg().cast_signed()) } else { i64::try_from(nanos).ok() };
    signed.map(SignedDuration::from_nanos).ok_or_else(invalid)
}

/// One number with its unit, in nanoseconds, and what follows it.
fn part<'a>(from: &'a str, text: &str) -> Result<(u64, &'a str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (whole, after) = digits(from);
    let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
    let (unit, rest) = after.split_at(end);
    let scale: u64 = match unit {
        "" => return Err(DurationError::MissingUnit(text.to_owned())),
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() }),
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    let nanos =
        whole.checked_mul(scale).ok_or_else(invalid)?.checked_add(part_of(fraction, scale)).ok_or_else(invalid)?;
    Ok((nanos, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// A decimal fraction of a unit; digits beyond what can matter are passed over.
fn part_of(digits: &str, scale: u64) -> u64 {
    let kept = &digits[..digits.len().min(18)];
    let number: u128 = kept.parse().unwrap_or_default();
    (number * u128::from(scale) / 10_u128.pow(kept.len() as u32)) as u64
}
