//! Field paths and `FieldsV1`: what is read is written so that it reads as the same set.
#![no_main]

use fields::{Managers, Set};
use libfuzzer_sys::fuzz_target;
use machinery::decode;

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = decode::json(bytes) else { return };
    if let Ok(set) = Set::from_json(&decoded.value) {
        let text = set.to_json();
        let written = decode::json(text.as_bytes()).expect("FieldsV1 is JSON").value;
        assert_eq!(Set::from_json(&written).expect("what is written can be read").to_json(), text);
        assert!(set.is_subset(&set.union(&set)) && set.difference(&set).is_empty());
        set.paths().iter().for_each(|path| assert!(set.has(path), "{}", fields::show(path)));
    }
    if let Ok(managers) = Managers::from_value(&decoded.value) {
        managers.to_value();
    }
});
