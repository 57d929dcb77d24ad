//! The scalars that have a decoder of their own upstream. Their errors end the decoding, as upstream's do.

use std::borrow::Cow;

use api::quantity::{Finest, QuantityError, canonical};
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

/// `resource.Quantity`: text, or a number that becomes text; rewritten as upstream writes it.
pub(super) fn quantity(value: &mut Value) -> Result<(), String> {
    let canonical = match value {
        Value::String(text) => match canonical(text, Finest::Nano).map_err(|error| error.to_string())? {
            Cow::Borrowed(same) if same.len() == text.len() => return Ok(()),
            other => other.into_owned(),
        },
        Value::Number(number) => {
            let text = number.to_string();
            canonical(&text, Finest::Nano).map_err(|error| error.to_string())?.into_owned()
        }
        _ => return Err(QuantityError::Format.to_string()),
    };
    *value = Value::String(canonical);
    Ok(())
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
