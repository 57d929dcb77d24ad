//! The scalars that have a decoder of their own upstream. Their errors end the decoding, as upstream's do.

use api::time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, DecodeSliceError};
use serde_json::{Number, Value};

use super::{describe, gotime};

/// Whether Go's `int32` can take a number; a float cannot be one, even when it is whole.
pub(super) fn is_int32(number: &Number) -> bool {
    number.as_i64().is_some_and(|value| i32::try_from(value).is_ok())
}

/// What is wrong with base64, in Go's words; line breaks are allowed.
pub(super) fn base64_error(text: &str) -> Option<String> {
    let clean: Vec<u8>;
    let bytes = if text.contains(['\r', '\n']) {
        clean = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        &clean
    } else {
        text.as_bytes()
    };
    let mut buffer = [0; 512];
    let offset = if base64::decoded_len_estimate(bytes.len()) <= buffer.len() {
        match STANDARD.decode_slice(bytes, &mut buffer) {
            Ok(_) | Err(DecodeSliceError::OutputSliceTooSmall) => return None,
            Err(DecodeSliceError::DecodeError(error)) => error_offset(&error, bytes.len()),
        }
    } else {
        error_offset(&STANDARD.decode(bytes).err()?, bytes.len())
    };
    Some(format!("illegal base64 data at input byte {offset}"))
}

fn error_offset(error: &DecodeError, length: usize) -> usize {
    match error {
        DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol(offset, _) => *offset,
        DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => length / 4 * 4,
    }
}

/// `resource.Quantity`: text is checked, a number becomes text.
pub(super) fn quantity(value: &mut Value) -> Result<(), String> {
    match value {
        Value::String(text) => check_quantity(text),
        Value::Number(number) => {
            let text = number.to_string();
            check_quantity(&text)?;
            *value = Value::String(text);
            Ok(())
        }
        _ => Err(QUANTITY_FORMAT.to_owned()),
    }
}

const QUANTITY_FORMAT: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const QUANTITY_NUMBER: &str = "unable to parse numeric part of quantity";
const QUANTITY_SUFFIX: &str = "unable to parse quantity's suffix";

/// `resource.ParseQuantity`: sign, digits with at most one point, suffix.
fn check_quantity(text: &str) -> Result<(), String> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits_end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (whole, rest) = unsigned.split_at(digits_end);
    let fraction = rest.strip_prefix('.').map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.split_at(end)
    });
    let (fraction, suffix) = fraction.unwrap_or(("", rest));
    if whole.is_empty() && fraction.is_empty() {
        let error = if unsigned.starts_with('.') { QUANTITY_NUMBER } else { QUANTITY_FORMAT };
        return Err(error.to_owned());
    }
    if !suffix.chars().all(|c| c.is_ascii_digit() || "eEinumkKMGTP+-".contains(c)) {
        return Err(QUANTITY_FORMAT.to_owned());
    }
    let known = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|power| power.parse::<i32>().is_ok());
    if known.contains(&suffix) || exponent { Ok(()) } else { Err(QUANTITY_SUFFIX.to_owned()) }
}

/// `intstr.IntOrString`: text or an `int32`; the error describes another value.
pub(super) fn int_or_string(value: &Value) -> Result<(), String> {
    match value {
        Value::String(_) => Ok(()),
        Value::Number(number) if is_int32(number) => Ok(()),
        Value::Number(number) => Err(format!("number {number}")),
        other => Err(describe(other).to_owned()),
    }
}

/// `metav1.Time` and `MicroTime`: RFC 3339, rewritten in UTC with the digits that upstream keeps.
pub(super) fn time(text: &mut String, micro: bool) -> Result<(), String> {
    let parsed = gotime::parse(text, micro)?;
    let canonical = if micro { time::rfc3339_micro(parsed) } else { time::rfc3339(parsed) };
    if *text != canonical {
        *text = canonical;
    }
    Ok(())
}
