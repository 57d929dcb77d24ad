//! YAML bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use machinery::decode;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode::yaml(bytes);
});
