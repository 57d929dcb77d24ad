//! Merge patches of a Pod.
#![no_main]

use api::{Kind, PatchType};
use libfuzzer_sys::fuzz_target;
use machinery::{decode, patch, schema};
use serde_json::Value;

const POD: &str = include_str!("../../crates/registry/samples/pod.json");

fuzz_target!(|bytes: &[u8]| {
    if let Ok(decoded) = decode::json(bytes) {
        let mut pod: Value = serde_json::from_str(POD).expect("the sample is JSON");
        let schema = schema::of_kind(&Kind::known("", "v1", "Pod"));
        let _ = patch::apply(&mut pod, PatchType::Merge, decoded.value, schema);
    }
});
