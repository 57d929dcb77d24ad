//! Query strings, `Accept` headers and paths.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    apiserver::fuzzing::query(text);
    apiserver::fuzzing::head(text);
});
