//! The quality of service class of a pod (`ComputePodQOS`).

use serde_json::Value;

use crate::fields::{entries, get, is_empty_map, items};
use crate::quantity::Quantity;

/// Sums of the positive amounts of cpu and memory; `None` where no container names any.
type Sums = [Option<i128>; 2];

/// `BestEffort`, `Guaranteed` or `Burstable`.
pub(crate) fn class(spec: &Value) -> &'static str {
    let (mut requests, mut limits): (Sums, Sums) = ([None; 2], [None; 2]);
    let mut all_limited = true;
    if let Some(resources) = get(spec, "resources") {
        add(&mut requests, resources, "requests");
        let limited = add(&mut limits, resources, "limits");
        all_limited = limited || is_empty_map(resources, "limits");
    } else {
        for container in ["containers", "initContainers"].iter().flat_map(|list| items(spec, list)) {
            let resources = container.get("resources").unwrap_or(&Value::Null);
            add(&mut requests, resources, "requests");
            all_limited &= add(&mut limits, resources, "limits");
        }
    }
    if requests == [None; 2] && limits == [None; 2] {
        "BestEffort"
    } else if all_limited && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds a list to the sums; says whether it names both cpu and memory.
fn add(sums: &mut Sums, resources: &Value, list: &str) -> bool {
    let mut named = [false; 2];
    for (name, quantity) in entries(resources, list) {
        let slot = match name.as_str() {
            "cpu" => 0,
            "memory" => 1,
            _ => continue,
        };
        let amount = Quantity::of(quantity).map_or(0, |quantity| quantity.nanos());
        if amount > 0 {
            named[slot] = true;
            *sums[slot].get_or_insert(0) += amount;
        }
    }
    named == [true; 2]
}
