//! DefaultTolerationSeconds (`plugin/pkg/admission/defaulttolerationseconds`): pods stay for five minutes on a node that
//! does not answer, unless they say otherwise.

use serde_json::{Value, json};

use crate::fields::{child, items, text};

const KEYS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const SECONDS: i64 = 300;

pub(super) fn add(pod: &mut Value) {
    let spec = child(pod, "spec");
    let tolerates = |spec: &Value, key: &str| {
        let matches = |toleration: &Value| {
            let own = text(toleration, "key");
            (own.is_empty() || own == key) && matches!(text(toleration, "effect"), "" | "NoExecute")
        };
        items(spec, "tolerations").iter().any(matches)
    };
    let missing = KEYS.map(|key| (key, !tolerates(spec, key)));
    for (key, _) in missing.into_iter().filter(|(_, missing)| *missing) {
        let toleration = json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS});
        match child(spec, "tolerations") {
            Value::Array(list) => list.push(toleration),
            none => *none = json!([toleration]),
        }
    }
}
