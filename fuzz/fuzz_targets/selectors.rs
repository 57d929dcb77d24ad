//! Label and field selectors.
#![no_main]

use api::selector::{FieldSelector, LabelSelector};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(selector) = LabelSelector::parse(text) {
        let _ = selector.matches(&Default::default());
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        let _ = selector.matches(|_| String::new());
    }
});
