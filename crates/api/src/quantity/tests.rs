//! Quantities are written as upstream writes them.

use super::*;

#[track_caller]
fn writes(text: &str, expected: &str) {
    assert_eq!(canonical(text, Finest::Nano).as_deref(), Ok(expected), "{text}");
}

#[test]
fn what_is_in_order_is_kept_as_it_is() {
    for text in [
        "1", "100m", "64Mi", "512Ki", "1e3", "12e6", "1E3", "1E", "100E", "123456", "128k", "1001Ki", "+2", "007",
        "1.", "-1", "1.001k",
    ] {
        writes(text, text);
    }
    assert!(matches!(canonical("250m", Finest::Milli), Ok(Cow::Borrowed("250m"))));
}

#[test]
fn everything_else_is_brought_into_canonical_form() {
    for (text, expected) in [
        ("0", "0"),
        ("000", "0"),
        ("-0", "0"),
        ("0Mi", "0"),
        ("1000m", "1"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.5", "1500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Ki", "1Mi"),
        ("1024Mi", "1Gi"),
        ("0.5Ki", "512"),
        ("0.5Mi", "512Ki"),
        ("0.001Ki", "1024m"),
        ("1.1Ki", "1126400m"),
        ("1000Ki", "1000Ki"),
        ("128000", "128k"),
        ("1000k", "1M"),
        ("1e1", "10"),
        ("1000e0", "1e3"),
        ("1e-1", "100e-3"),
        ("1e100", "10e99"),
        ("100000000000000000000", "100E"),
        ("9223372036854775808", "9223372036854775808"),
        (" 1000m ", "1"),
    ] {
        writes(text, expected);
    }
}

#[test]
fn what_is_too_fine_is_rounded_up() {
    writes("0.0000000001", "1n");
    writes("1.0000000001", "1000000001n");
    writes("-0.0000000001", "-1n");
    writes("0.9999999999", "1");
    for (text, expected) in [("0.0001", "1m"), ("1.0001", "1001m"), ("100n", "1m"), ("-100u", "-1m"), ("250m", "250m")]
    {
        assert_eq!(canonical(text, Finest::Milli).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn binary_amounts_end_at_the_largest_integer() {
    writes("7Ei", "7Ei");
    writes("8Ei", "9223372036854775807");
    writes("10000Ei", "9223372036854775807");
    writes("99999999999999999999999999999999999999Ei", "9223372036854775807");
}

#[test]
fn what_is_no_quantity_is_refused_in_upstreams_words() {
    for text in ["", "x", "1.2.3", "1 Gi", "1x", "1e5x", "abc"] {
        assert_eq!(canonical(text, Finest::Nano), Err(QuantityError::Format), "{text}");
    }
    for text in ["--1", "1mi", "1iK", "1e", "1kk", "1i", ".5i", "1Ki5", "1e99999999999"] {
        assert_eq!(canonical(text, Finest::Nano), Err(QuantityError::Suffix), "{text}");
    }
    assert_eq!(QuantityError::Suffix.to_string(), "unable to parse quantity's suffix");
}

#[test]
fn a_number_without_digits_is_zero_as_upstream_reads_it() {
    for text in ["Mi", "m", ".", "-", "+", ".Ki"] {
        writes(text, "0");
    }
}

/// The value in units of ten to the minus 30, for numbers that a test makes up.
fn value(text: &str) -> Option<i128> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let end = unsigned.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (factor, power) = match Unit::of(suffix).ok()? {
        Unit::Two(shift) => (1_i128 << shift, 0),
        Unit::Ten { power, .. } => (1, power),
    };
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let power = 12 + power - fraction.len() as i32;
    let scaled = digits.checked_mul(factor)?.checked_mul(10_i128.checked_pow(u32::try_from(power).ok()?)?)?;
    Some(if negative { -scaled } else { scaled })
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    fn any_quantity() -> impl Strategy<Value = String> {
        let suffix = prop_oneof![
            Just(""),
            Just("m"),
            Just("k"),
            Just("M"),
            Just("G"),
            Just("Ki"),
            Just("Mi"),
            Just("n"),
            Just("u"),
            Just("e3"),
            Just("E2"),
            Just("e-2"),
        ];
        ("-?[0-9]{1,6}(\\.[0-9]{0,3})?", suffix).prop_map(|(number, suffix)| format!("{number}{suffix}"))
    }

    proptest! {
        #[test]
        fn what_was_written_once_stays(text in any_quantity(), milli in any::<bool>()) {
            let finest = if milli { Finest::Milli } else { Finest::Nano };
            let once = canonical(&text, finest).expect("a quantity").into_owned();
            let again = canonical(&once, finest).expect("canonical text is a quantity").into_owned();
            prop_assert_eq!(again, once);
        }

        #[test]
        fn the_value_is_kept_or_rounded_away_from_zero(text in any_quantity()) {
            let written = canonical(&text, Finest::Nano).expect("a quantity").into_owned();
            if let (Some(before), Some(after)) = (value(&text), value(&written)) {
                let step = 1_000;
                if before % step == 0 {
                    prop_assert_eq!(after, before);
                } else {
                    prop_assert!(after.abs() > before.abs() && after.abs() - before.abs() < step);
                }
            }
        }

        #[test]
        fn garbage_is_refused_and_never_panics(text in "[-+]?[0-9.]{0,40}[eEinumkKMGTP]{0,3}[-+]?[0-9]{0,12}") {
            let _ = canonical(&text, Finest::Nano);
            let _ = canonical(&text, Finest::Milli);
        }
    }
}
