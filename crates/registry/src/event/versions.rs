//! The two versions of Events: stored as `v1`, served as `events.k8s.io/v1` as well, which has other names for most
//! fields (`pkg/apis/events/v1/conversion.go`).

use api::resource::EVENTS;
use serde_json::{Value, json};

use crate::fields::{default_to, drop_empty, map_of};
use crate::strategy::View;

/// Names in `v1`, and the names of the same fields in `events.k8s.io/v1`.
const RENAMED: [(&str, &str); 7] = [
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("involvedObject", "regarding"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
];

/// `events.k8s.io/v1 Event`.
pub(super) static EVENTS_V1: View = View { stored: EVENTS, from_stored, to_stored };

fn from_stored(event: &mut Value) {
    let map = map_of(event);
    for (core, events) in RENAMED {
        if let Some(value) = map.remove(core) {
            map.insert(events.to_owned(), value);
        }
    }
    // What this version leaves out when it is empty, and what it writes even then.
    drop_empty(event, &["reportingController", "reportingInstance"]);
    default_to(event, "regarding", json!({}));
    default_to(event, "deprecatedSource", json!({}));
}

fn to_stored(event: &mut Value) {
    let map = map_of(event);
    for (core, events) in RENAMED {
        if let Some(value) = map.remove(events) {
            map.insert(core.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_from_the_other_version_as_it_was() {
        let stored = json!({
            "metadata": {"name": "a"}, "count": 2, "eventTime": null, "firstTimestamp": "2024-01-01T00:00:00Z",
            "lastTimestamp": "2024-01-01T00:00:01Z", "involvedObject": {"kind": "Pod"}, "message": "m", "reason": "r",
            "reportingComponent": "c", "reportingInstance": "i", "source": {"component": "c"}, "type": "Normal",
        });
        let mut event = stored.clone();
        from_stored(&mut event);
        let expected = json!({
            "metadata": {"name": "a"}, "deprecatedCount": 2, "eventTime": null,
            "deprecatedFirstTimestamp": "2024-01-01T00:00:00Z", "deprecatedLastTimestamp": "2024-01-01T00:00:01Z",
            "regarding": {"kind": "Pod"}, "note": "m", "reason": "r", "reportingController": "c",
            "reportingInstance": "i", "deprecatedSource": {"component": "c"}, "type": "Normal",
        });
        assert_eq!(event, expected);
        to_stored(&mut event);
        assert_eq!(event, stored);
    }
}
