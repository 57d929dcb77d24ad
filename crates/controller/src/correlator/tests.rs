//! The correlator's rules; each names what upstream's `events_cache_test.go` expects of the same input.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn correlator() -> Correlator {
    Correlator::new(Source { component: "job-controller".to_owned(), host: None })
}

fn note(reason: &str, message: &str, second: i64) -> Note {
    let about = Reference {
        api_version: "batch/v1".to_owned(),
        kind: "Job".to_owned(),
        namespace: Some("default".to_owned()),
        name: "pi".to_owned(),
        uid: "u1".into(),
        revision: api::Revision(second.unsigned_abs() + 1),
        field_path: None,
    };
    Note { about, severity: Severity::Normal, reason: reason.to_owned(), message: message.to_owned(), at: at(second) }
}

#[test]
fn a_first_event_is_created_with_every_field_readers_ask_for() {
    let Verdict::Create { namespace, event } = correlator().correlate(note("SuccessfulCreate", "Created pod: a", 0))
    else {
        panic!("a first event is created")
    };
    assert_eq!(namespace, "default");
    let name = event["metadata"]["name"].as_str().expect("a name").to_owned();
    let hex = name.strip_prefix("pi.").expect("the object's name comes first");
    assert!(i128::from_str_radix(hex, 16).is_ok(), "{hex}");
    let mut rest = event.clone();
    rest["metadata"]["name"] = "pi.x".into();
    assert_eq!(
        rest,
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": "pi.x", "namespace": "default" },
            "involvedObject": {
                "apiVersion": "batch/v1", "kind": "Job", "name": "pi", "namespace": "default",
                "uid": "u1", "resourceVersion": "1"
            },
            "reason": "SuccessfulCreate", "message": "Created pod: a", "type": "Normal",
            "source": { "component": "job-controller" },
            "firstTimestamp": "2023-11-14T22:13:20Z", "lastTimestamp": "2023-11-14T22:13:20Z", "count": 1,
            "eventTime": null, "reportingComponent": "job-controller", "reportingInstance": ""
        })
    );
}

#[test]
fn an_exact_repeat_raises_count_and_last_timestamp_of_the_first() {
    let mut correlator = correlator();
    let Verdict::Create { event: first, .. } = correlator.correlate(note("FailedCreate", "no", 0)) else {
        panic!("a first event is created")
    };
    let Verdict::Patch { name, patch, event, .. } = correlator.correlate(note("FailedCreate", "no", 60)) else {
        panic!("a repeat is a patch, though the object's revision has changed")
    };
    assert_eq!(first["metadata"]["name"], name);
    assert_eq!(patch, json!({ "count": 2, "lastTimestamp": "2023-11-14T22:14:20Z", "message": "no" }));
    assert_eq!(event["firstTimestamp"], first["firstTimestamp"]);
}

#[test]
fn from_the_tenth_different_message_on_events_are_combined() {
    let mut correlator = correlator();
    let verdicts: Vec<Verdict> =
        (0..12).map(|n| correlator.correlate(note("SuccessfulCreate", &format!("Created pod: {n}"), n))).collect();
    assert!(verdicts[..9].iter().all(|verdict| matches!(verdict, Verdict::Create { .. })));
    let Verdict::Create { event, .. } = &verdicts[9] else { panic!("the combined event is a new one") };
    assert_eq!(event["message"], "(combined from similar events): Created pod: 9");
    let Verdict::Patch { patch, .. } = &verdicts[11] else { panic!("later ones raise its count") };
    assert_eq!(patch["count"], 3);
    assert_eq!(patch["message"], "(combined from similar events): Created pod: 11");
}

#[test]
fn after_ten_quiet_minutes_messages_stand_alone_again() {
    let mut correlator = correlator();
    for n in 0..12 {
        correlator.correlate(note("SuccessfulCreate", &format!("Created pod: {n}"), n));
    }
    let Verdict::Create { event, .. } = correlator.correlate(note("SuccessfulCreate", "Created pod: z", 700)) else {
        panic!("a new event")
    };
    assert_eq!(event["message"], "Created pod: z");
}

#[test]
fn a_flood_of_one_reason_is_cut_at_the_burst_and_spares_other_reasons() {
    let mut correlator = correlator();
    let sent = (0..1_000)
        .filter(|n| correlator.correlate(note("SuccessfulCreate", &format!("Created pod: {n}"), 0)) != Verdict::Drop)
        .count();
    assert_eq!(sent, 25);
    assert_ne!(correlator.correlate(note("Completed", "Job completed", 1)), Verdict::Drop);
    assert_eq!(correlator.correlate(note("SuccessfulCreate", "x", 299)), Verdict::Drop);
    assert_ne!(correlator.correlate(note("SuccessfulCreate", "x", 301)), Verdict::Drop, "one more every five minutes");
}

#[test]
fn events_at_one_instant_have_names_of_their_own() {
    let name = |verdict| match verdict {
        Verdict::Create { event, .. } => event["metadata"]["name"].clone(),
        other => panic!("not created: {other:?}"),
    };
    let mut here = correlator();
    let mut there = Correlator::new(Source { component: "kubelet".to_owned(), host: Some("node".to_owned()) });
    let names = [
        name(here.correlate(note("A", "a", 0))),
        name(here.correlate(note("B", "b", 0))),
        name(there.correlate(note("A", "a", 0))),
    ];
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut recent = Recent::default();
    for key in 0..3 * REMEMBERED {
        recent.entry(&key, || key);
    }
    assert!(recent.young.len() + recent.old.len() <= 2 * REMEMBERED);
    assert_eq!(*recent.entry(&(3 * REMEMBERED - 1), || 0), 3 * REMEMBERED - 1, "the newest are still known");
}
