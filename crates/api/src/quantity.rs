//! Resource quantities as texts (`k8s.io/apimachinery/pkg/api/resource`): which texts are quantities, and the text that
//! upstream writes for one that it read. Numbers of any size keep their value, save that whatever is smaller than a
//! billionth is rounded up, and that what has a binary suffix is capped at `i64::MAX`.

use std::borrow::Cow;

/// Why a text is no quantity, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not have the form of a number and a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number cannot be read.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// The finest part that is kept; what is finer is rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finest {
    /// Billionths, as for every quantity.
    Nano,
    /// Thousandths, as for lists of resources.
    Milli,
}

/// Significant digits that an `i64` holds for certain.
const SAFE_DIGITS: i32 = 18;
const NANO: i32 = -9;
const MILLI: i32 = -3;
const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The text that upstream writes for a quantity: the given one where that is in order already.
///
/// # Errors
/// When the text is no quantity.
pub fn canonical(text: &str, finest: Finest) -> Result<Cow<'_, str>, QuantityError> {
    let text = text.trim();
    let parts = Parts::of(text)?;
    let unit = Unit::of(parts.suffix)?;
    let scale = unit.power_of_ten().saturating_sub(parts.fraction.len() as i32);
    let is_exact = parts.fits_integer(unit, scale);
    if is_exact && parts.is_canonical(unit, scale) && (finest == Finest::Nano || scale >= MILLI) {
        return Ok(Cow::Borrowed(text));
    }
    let mut amount = Amount::of(&parts, unit)?;
    if !is_exact {
        amount.round_up(NANO);
        amount.cap(unit);
    }
    if finest == Finest::Milli {
        amount.round_up(MILLI);
    }
    Ok(Cow::Owned(amount.print(parts.is_negative, unit)))
}

/// A text taken apart; leading zeros of the number are left out.
struct Parts<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    /// `parseQuantityString`: a number without digits counts as zero, if anything follows or precedes it.
    fn of(text: &'a str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let number = unsigned.trim_start_matches('0');
        let (whole, rest) = split_digits(number);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let after_letters = suffix.trim_start_matches(['e', 'E', 'i', 'n', 'u', 'm', 'k', 'K', 'M', 'G', 'T', 'P']);
        let power = after_letters.strip_prefix(['+', '-']).unwrap_or(after_letters);
        if !power.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        Ok(Self { is_negative: text.starts_with('-'), whole, fraction, suffix })
    }

    /// Whether upstream holds the number as an integer and a power of ten.
    fn fits_integer(&self, unit: Unit, scale: i32) -> bool {
        let digits = (self.whole.len() + self.fraction.len()) as i32;
        match unit {
            Unit::Ten { .. } => digits <= SAFE_DIGITS && scale >= NANO,
            Unit::Two(power) => {
                let of_suffix = (power as i32) * 3 / 10;
                self.fraction.is_empty() && digits + of_suffix < 15
            }
        }
    }

    /// Whether upstream keeps the text of such a number.
    fn is_canonical(&self, unit: Unit, scale: i32) -> bool {
        match unit {
            Unit::Two(_) => {
                let last = self.whole.len().saturating_sub(3);
                self.whole.get(last..).and_then(|digits| digits.parse::<u32>().ok()).is_some_and(|tail| tail % 8 != 0)
            }
            Unit::Ten { .. } => {
                let digits = || self.whole.bytes().chain(self.fraction.bytes());
                let zeros = digits().rev().take_while(|digit| *digit == b'0').count();
                scale % 3 == 0 && zeros < 3 && digits().next() != Some(b'0')
            }
        }
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// What a suffix stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A power of two.
    Two(u32),
    /// A power of ten, written as a letter or as an exponent.
    Ten { power: i32, is_exponent: bool },
}

impl Unit {
    fn of(suffix: &str) -> Result<Self, QuantityError> {
        if let Some(index) = DECIMAL_SUFFIXES.iter().position(|known| *known == suffix) {
            return Ok(Self::Ten { power: index as i32 * 3 + NANO, is_exponent: false });
        }
        if let Some(index) = BINARY_SUFFIXES.iter().position(|known| *known == suffix) {
            return Ok(Self::Two(index as u32 * 10));
        }
        let power = suffix.strip_prefix(['e', 'E']).and_then(|power| power.parse::<i32>().ok());
        power.map(|power| Self::Ten { power, is_exponent: true }).ok_or(QuantityError::Suffix)
    }

    fn power_of_ten(self) -> i32 {
        match self {
            Self::Ten { power, .. } => power,
            Self::Two(_) => 0,
        }
    }
}

/// A number that is not negative: decimal digits, the first not zero, and a power of ten. Zero has no digits.
struct Amount {
    digits: Vec<u8>,
    power: i32,
}

impl Amount {
    fn of(parts: &Parts<'_>, unit: Unit) -> Result<Self, QuantityError> {
        let all = || parts.whole.bytes().chain(parts.fraction.bytes()).skip_while(|digit| *digit == b'0');
        let power = unit.power_of_ten().saturating_sub(parts.fraction.len() as i32);
        let digits: Vec<u8> = match unit {
            Unit::Two(shift) if shift > 0 => multiplied(all(), shift),
            _ => all().collect(),
        };
        let amount = Self { digits, power };
        // An exponent beyond all measure would have to be written out on the way.
        if amount.digits.is_empty() || amount.power.abs() < 1_000_000 {
            Ok(amount)
        } else {
            Err(QuantityError::Numeric)
        }
    }

    /// Drops what is finer than a power of ten, and adds one to the rest when anything was dropped.
    fn round_up(&mut self, finest: i32) {
        if self.power >= finest || self.digits.is_empty() {
            return;
        }
        let dropped = (finest - self.power).unsigned_abs() as usize;
        let kept = self.digits.len().saturating_sub(dropped);
        let is_exact = self.digits[kept..].iter().all(|digit| *digit == b'0');
        self.digits.truncate(kept);
        self.power = finest;
        if !is_exact {
            increment(&mut self.digits);
        }
    }

    /// Binary amounts end at `i64::MAX`.
    fn cap(&mut self, unit: Unit) {
        let is_beyond = |max: i64| self.as_integer().is_none_or(|value| value > max as u128);
        if matches!(unit, Unit::Two(_)) && self.power == 0 && is_beyond(i64::MAX) {
            self.digits = i64::MAX.to_string().into_bytes();
        } else if matches!(unit, Unit::Two(_)) && self.magnitude() > 19 {
            *self = Self { digits: i64::MAX.to_string().into_bytes(), power: 0 };
        }
    }

    /// How many digits stand before the point.
    fn magnitude(&self) -> i64 {
        self.digits.len() as i64 + i64::from(self.power)
    }

    /// The value, when it is whole and not too large.
    fn as_integer(&self) -> Option<u128> {
        let (zeros, dropped) = (self.power.max(0) as usize, (-self.power).max(0) as usize);
        let kept = self.digits.len().checked_sub(dropped)?;
        if self.digits[kept..].iter().any(|digit| *digit != b'0') || kept + zeros > 38 {
            return None;
        }
        let digits = self.digits[..kept].iter().copied().chain(std::iter::repeat_n(b'0', zeros));
        digits
            .map(|digit| u128::from(digit - b'0'))
            .try_fold(0_u128, |sum, digit| sum.checked_mul(10)?.checked_add(digit))
    }

    /// The canonical form: no fraction, the largest suffix that keeps the number whole.
    fn print(mut self, is_negative: bool, unit: Unit) -> String {
        let zeros = self.digits.iter().rev().take_while(|digit| **digit == b'0').count();
        if self.digits.len() == zeros {
            return "0".to_owned();
        }
        let sign = if is_negative { "-" } else { "" };
        if let (Unit::Two(_), Some(mut value)) = (unit, self.as_integer().filter(|value| *value >= 1024)) {
            let mut step = 0;
            while value % 1024 == 0 && step + 1 < BINARY_SUFFIXES.len() {
                (value, step) = (value / 1024, step + 1);
            }
            return format!("{sign}{value}{}", BINARY_SUFFIXES[step]);
        }
        self.digits.truncate(self.digits.len() - zeros);
        self.power += zeros as i32;
        let below = self.power.rem_euclid(3);
        self.digits.extend(std::iter::repeat_n(b'0', below as usize));
        self.power -= below;
        let number = String::from_utf8_lossy(&self.digits);
        let suffix = usize::try_from((self.power - NANO) / 3).ok().and_then(|index| DECIMAL_SUFFIXES.get(index));
        match (unit, suffix) {
            (Unit::Ten { is_exponent: true, .. }, _) if self.power == 0 => format!("{sign}{number}"),
            (Unit::Ten { is_exponent: false, .. } | Unit::Two(_), Some(suffix)) => format!("{sign}{number}{suffix}"),
            // Differs: beyond the last letter upstream loses the power; the exponent keeps the value.
            _ => format!("{sign}{number}e{}", self.power),
        }
    }
}

/// A decimal number times a power of two.
fn multiplied(digits: impl Iterator<Item = u8>, shift: u32) -> Vec<u8> {
    let mut reversed: Vec<u32> = digits.map(|digit| u32::from(digit - b'0')).collect();
    reversed.reverse();
    // Ten bits at a time, so that a digit and its carry fit.
    for _ in 0..shift / 10 {
        let mut carry = 0;
        for digit in &mut reversed {
            let product = *digit * 1024 + carry;
            (*digit, carry) = (product % 10, product / 10);
        }
        while carry > 0 {
            reversed.push(carry % 10);
            carry /= 10;
        }
    }
    reversed.iter().rev().map(|digit| *digit as u8 + b'0').collect()
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests;
