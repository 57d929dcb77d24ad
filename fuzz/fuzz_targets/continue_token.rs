//! Continue tokens: none leads out of the namespace that was listed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| apiserver::fuzzing::continue_token(text));
