//! Server-side apply of a Pod: a list of an object's spec, a configuration's spec, and `managedFields`.
#![no_main]

use api::Kind;
use fields::Managers;
use libfuzzer_sys::fuzz_target;
use machinery::apply::{self, Reset, Writer};
use machinery::{decode, schema};
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = decode::json(bytes) else { return };
    let kind = Kind::known("", "v1", "Pod");
    let st = schema::of_kind(&kind).expect("a Pod has a schema");
    let pod = |spec: &Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
    let (live, config) = (pod(&decoded.value[0]), pod(&decoded.value[1]));
    let managers = apply::conform(st, &Managers::from_value(&decoded.value[2]).unwrap_or_default());
    let (reset, now) = (Reset::new(&["status"]), Default::default());
    let writer = Writer { st, kind: &kind, name: "one", subresource: "", reset: &reset, now };
    let _ = apply::applied(&writer, &live, &config, &managers, false);
    let _ = apply::applied(&writer, &live, &config, &managers, true);
    apply::updated(&writer, &live, &config, &managers);
});
