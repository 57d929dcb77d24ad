//! Protobuf bodies; what decodes is encoded and decoded again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use machinery::protobuf;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = protobuf::decode(bytes)
        && let Some(again) = protobuf::encode(&value)
    {
        let _ = protobuf::decode(&again);
    }
});
