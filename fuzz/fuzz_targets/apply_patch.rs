//! The bodies of server-side apply: JSON, or else YAML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use machinery::decode;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode::json(bytes).or_else(|_| decode::yaml(bytes));
});
