//! Resource quantities (`k8s.io/apimachinery/pkg/api/resource`): parsing, comparing and the canonical form in which
//! upstream writes them. Holds billionths exactly; whatever is smaller is rounded up, as upstream does.

use std::fmt;

const NANO: i128 = 1_000_000_000;
const MAX: i128 = i64::MAX as i128 * NANO;

/// A quantity such as `500m` or `1Gi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// The text does not have the form of a number and a suffix.
    Format,
    /// The suffix is unknown.
    Suffix,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => {
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            Self::Suffix => "unable to parse quantity's suffix",
        })
    }
}

impl std::error::Error for QuantityError {}

impl Quantity {
    /// Parses a quantity.
    ///
    /// # Errors
    /// When the text is no quantity.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let text = text.trim();
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (digits, suffix) = rest.split_at(end);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return Err(QuantityError::Format);
        }
        let (scale, format) = parse_suffix(suffix)?;
        let nanos = scaled(whole, fraction, scale).min(MAX);
        Ok(Self { nanos: if negative { -nanos } else { nanos }, format })
    }

    /// Reads a quantity from JSON, where it may stand as text or as a number.
    ///
    /// # Errors
    /// When the value is no quantity.
    pub fn of(value: &serde_json::Value) -> Result<Self, QuantityError> {
        match value {
            serde_json::Value::String(text) => Self::parse(text),
            serde_json::Value::Number(number) => Self::parse(&number.to_string()),
            _ => Err(QuantityError::Format),
        }
    }

    /// The quantity in billionths.
    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// Rounds up to whole thousandths, as upstream does with resource lists.
    #[must_use]
    pub fn rounded_up_to_milli(self) -> Self {
        const STEP: i128 = NANO / 1000;
        Self { nanos: divide_up(self.nanos, STEP) * STEP, ..self }
    }

    /// Rounds up to a whole number, as upstream's `Value` does.
    #[must_use]
    pub fn rounded_up_to_integer(self) -> Self {
        Self { nanos: divide_up(self.nanos, NANO) * NANO, ..self }
    }

    /// The sum, in this one's format unless this is nothing.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let format = if self.nanos == 0 { other.format } else { self.format };
        Self { nanos: self.nanos.saturating_add(other.nanos).clamp(-MAX, MAX), format }
    }

    /// A whole number.
    pub fn whole(number: i64) -> Self {
        Self { nanos: i128::from(number) * NANO, format: Format::Decimal }
    }

    /// The difference, or nothing when the other one is greater.
    #[must_use]
    pub fn minus_down_to_zero(self, other: Self) -> Self {
        Self { nanos: (self.nanos - other.nanos).max(0), ..self }
    }

    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        self.nanos % NANO == 0
    }
}

enum Scale {
    Ten(i32),
    Two(u32),
}

fn parse_suffix(suffix: &str) -> Result<(Scale, Format), QuantityError> {
    let two = |power| Ok((Scale::Two(power), Format::Binary));
    let ten = |power| Ok((Scale::Ten(power), Format::Decimal));
    match suffix {
        "Ki" => two(10),
        "Mi" => two(20),
        "Gi" => two(30),
        "Ti" => two(40),
        "Pi" => two(50),
        "Ei" => two(60),
        "n" => ten(-9),
        "u" => ten(-6),
        "m" => ten(-3),
        "" => ten(0),
        "k" => ten(3),
        "M" => ten(6),
        "G" => ten(9),
        "T" => ten(12),
        "P" => ten(15),
        "E" => ten(18),
        _ => {
            let known = |letter: char| "eEinumkKMGTP+-0123456789".contains(letter);
            let exponent = suffix.strip_prefix(['e', 'E']).and_then(|digits| digits.parse::<i32>().ok());
            match exponent {
                Some(power) => Ok((Scale::Ten(power), Format::Exponent)),
                None if suffix.chars().all(known) => Err(QuantityError::Suffix),
                None => Err(QuantityError::Format),
            }
        }
    }
}

/// The number in billionths, rounded up; saturates far above what is allowed.
fn scaled(whole: &str, fraction: &str, scale: Scale) -> i128 {
    let mut mantissa = 0_i128;
    let mut dropped = false;
    let mut point = fraction.len() as i32;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let next = mantissa.checked_mul(10).and_then(|sum| sum.checked_add(i128::from(digit - b'0')));
        match next.filter(|sum| *sum < i128::MAX / 1024) {
            Some(sum) if point > -40 => mantissa = sum,
            _ => {
                dropped |= digit != b'0';
                point -= 1;
            }
        }
    }
    let (factor, power) = match scale {
        Scale::Two(power) => (1_i128 << power, 9 - point),
        Scale::Ten(power) => (1, power.saturating_add(9 - point)),
    };
    let value = mantissa.saturating_mul(factor);
    if power >= 0 {
        let tens = 10_i128.checked_pow(power.unsigned_abs());
        return if mantissa == 0 { 0 } else { tens.map_or(i128::MAX, |tens| value.saturating_mul(tens)) };
    }
    match 10_i128.checked_pow(power.unsigned_abs()) {
        Some(tens) => divide_up(value, tens) + i128::from(dropped && value % tens == 0),
        None => i128::from(mantissa != 0),
    }
}

fn divide_up(value: i128, step: i128) -> i128 {
    let quotient = value / step;
    let away = value % step != 0;
    if !away {
        quotient
    } else if value > 0 {
        quotient + 1
    } else {
        quotient - 1
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix that keeps the number whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::Binary && self.nanos.abs() >= 1024 * NANO {
            let (mut number, mut step) = (divide_up(self.nanos, NANO), 0);
            while number % 1024 == 0 && step < 6 {
                (number, step) = (number / 1024, step + 1);
            }
            return write!(f, "{number}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][step]);
        }
        let (mut number, mut power) = (self.nanos, -9);
        while number % 1000 == 0 && power < 18 {
            (number, power) = (number / 1000, power + 3);
        }
        if self.format == Format::Exponent {
            return if power == 0 { write!(f, "{number}") } else { write!(f, "{number}e{power}") };
        }
        let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        write!(f, "{number}{}", suffixes[((power + 9) / 3) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_written_in_canonical_form() {
        let cases = [
            ("0", "0"),
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1"),
            ("100m", "100m"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("512Ki", "512Ki"),
            ("0.5Ki", "512"),
            ("1000Ki", "1000Ki"),
            ("1e3", "1e3"),
            ("12e6", "12e6"),
            ("1E", "1E"),
            ("1000k", "1M"),
            ("123456", "123456"),
            ("128000", "128k"),
            ("-1", "-1"),
            ("+2", "2"),
            ("0.0000000001", "1n"),
            ("100E", "9223372036854775807"),
            ("64Mi", "64Mi"),
        ];
        for (text, canonical) in cases {
            assert_eq!(Quantity::parse(text).expect(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn broken_quantities_are_refused_with_upstreams_reason() {
        for text in ["", "x", "1.2.3", "1 Gi", "--1", "Mi"] {
            assert_eq!(Quantity::parse(text), Err(QuantityError::Format), "{text}");
        }
        for text in ["1mi", "1iK", "1e", "1kk"] {
            assert_eq!(Quantity::parse(text), Err(QuantityError::Suffix), "{text}");
        }
    }

    #[test]
    fn resource_lists_are_rounded_up_to_thousandths() {
        assert_eq!(Quantity::parse("0.0001").expect("parses").rounded_up_to_milli().to_string(), "1m");
    }

    proptest! {
        #[test]
        fn canonical_form_keeps_the_value(number in 0_i64..1_000_000_000, suffix in 0_usize..11) {
            let suffix = ["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "n", "u", "e3"][suffix];
            let quantity = Quantity::parse(&format!("{number}{suffix}")).expect("parses");
            let again = Quantity::parse(&quantity.to_string()).expect("canonical form parses");
            prop_assert_eq!(quantity.nanos(), again.nanos());
            prop_assert_eq!(again.to_string(), quantity.to_string());
        }
    }
}
