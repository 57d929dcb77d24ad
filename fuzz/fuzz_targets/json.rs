//! JSON bodies: decoded, checked against a schema, and said what is wrong with them.
#![no_main]

use api::Kind;
use libfuzzer_sys::fuzz_target;
use machinery::{decode, strict};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut decoded) = decode::json(bytes) {
        let _ = strict::check(&Kind::known("batch", "v1", "Job"), &mut decoded.value);
    }
    let _ = decode::decode_as(&Kind::known("batch", "v1", "Job"), bytes, None);
});
