//! CronJobs: defaults, validation in upstream's words, warnings, table.

use serde_json::{Value, json};

use super::CronJobStrategy;
use crate::fixtures::{create_errors, created, pi_job, texts, update_errors, updated, with};
use crate::strategy::Strategy;

const STRATEGY: CronJobStrategy = CronJobStrategy::V1;

fn hello() -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "hello", "namespace": "default", "uid": "uid-1"},
        "spec": {"schedule": "*/1 * * * *", "jobTemplate": {"spec": pi_job()["spec"]}},
    })
}

fn spec(patch: &Value) -> Vec<String> {
    create_errors(&STRATEGY, with(hello(), &json!({"spec": patch})))
}

#[test]
fn defaults_are_upstreams_and_the_job_template_keeps_its_gaps() {
    let object = created(&STRATEGY, hello());
    let spec = &object["spec"];
    assert_eq!((&spec["concurrencyPolicy"], &spec["suspend"]), (&json!("Allow"), &json!(false)));
    assert_eq!((&spec["successfulJobsHistoryLimit"], &spec["failedJobsHistoryLimit"]), (&json!(3), &json!(1)));
    assert_eq!((&object["metadata"]["generation"], &object["status"]), (&json!(1), &json!({})));
    let template = &spec["jobTemplate"];
    assert_eq!(template["metadata"], json!({}));
    // A Job's own defaults are given when a Job is made of it.
    assert_eq!(template["spec"].as_object().unwrap().keys().collect::<Vec<_>>(), ["template"]);
    assert_eq!(template["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 30);
}

#[test]
fn schedules_are_refused_in_upstreams_words() {
    let cases = [
        ("", "spec.schedule: Required value"),
        ("* * * *", "spec.schedule: Invalid value: \"* * * *\": expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "spec.schedule: Invalid value: \"60 * * * *\": end of range (60) above maximum (59): 60"),
        ("@never", "spec.schedule: Invalid value: \"@never\": unrecognized descriptor: @never"),
        (
            "TZ=UTC 0 * * * *",
            "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        ),
    ];
    for (schedule, expected) in cases {
        assert_eq!(spec(&json!({"schedule": schedule})), [expected]);
    }
    for schedule in ["@hourly", "@every 1h30m", "0 0 30 2 *", "? ? ? ? ?", "0 9-17/2 1,15 JAN-jun sun"] {
        assert_eq!(spec(&json!({"schedule": schedule})), Vec::<String>::new(), "{schedule}");
    }
}

#[test]
fn time_zones_must_be_known_by_their_names() {
    let unknown = |zone: &str| vec![format!("spec.timeZone: Invalid value: {zone:?}: unknown time zone {zone}")];
    for zone in
        ["Nowhere/City", "europe/berlin", "/Europe", "Europe//Berlin", "..", "-UTC", "a\u{e9}", "Averyverylongpart"]
    {
        assert_eq!(spec(&json!({"timeZone": zone})), unknown(zone));
    }
    assert_eq!(
        spec(&json!({"timeZone": ""})),
        ["spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty string"]
    );
    assert_eq!(
        spec(&json!({"timeZone": "Local"})),
        [
            "spec.timeZone: Invalid value: \"Local\": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        ]
    );
    for zone in ["Europe/Berlin", "UTC", "Etc/GMT+12"] {
        assert_eq!(spec(&json!({"timeZone": zone})), Vec::<String>::new());
    }
}

#[test]
fn policies_numbers_and_the_job_template_are_checked() {
    assert_eq!(
        spec(&json!({"concurrencyPolicy": "Sometimes", "startingDeadlineSeconds": -1, "failedJobsHistoryLimit": -1})),
        [
            "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.concurrencyPolicy: Unsupported value: \"Sometimes\": supported values: \"Allow\", \"Forbid\", \"Replace\"",
            "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ]
    );
    let job = json!({"jobTemplate": {"spec": {
        "parallelism": -1,
        "manualSelector": true,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"spec": {"restartPolicy": "Always"}},
    }}});
    let path = "spec.jobTemplate.spec";
    assert_eq!(
        spec(&job),
        [
            format!("{path}.parallelism: Invalid value: -1: must be greater than or equal to 0"),
            format!("{path}.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""),
            format!(
                "{path}.selector: Invalid value: {{\"matchLabels\":{{\"a\":\"b\"}}}}: `selector` will be auto-generated"
            ),
            format!("{path}.manualSelector: Unsupported value: \"true\": supported values: \"nil\", \"false\""),
        ]
    );
}

#[test]
fn names_leave_room_for_the_jobs_suffix_but_old_ones_may_stay() {
    let long = json!({"metadata": {"name": "a".repeat(53)}});
    let expected = format!("metadata.name: Invalid value: \"{}\": must be no more than 52 characters", "a".repeat(53));
    assert_eq!(create_errors(&STRATEGY, with(hello(), &long)), [expected]);
    let old = created(&STRATEGY, with(hello(), &long));
    assert_eq!(update_errors(&STRATEGY, old.clone(), &old, None), Vec::<String>::new());
}

#[test]
fn a_schedule_with_a_zone_stays_where_it_was_and_is_warned_of() {
    let old = created(&STRATEGY, with(hello(), &json!({"spec": {"schedule": "TZ=UTC 0 * * * *"}})));
    let same = with(old.clone(), &json!({"spec": {"schedule": "CRON_TZ=UTC 1 * * * *"}}));
    assert_eq!(update_errors(&STRATEGY, same.clone(), &old, None), Vec::<String>::new());
    let both = with(same.clone(), &json!({"spec": {"timeZone": "UTC"}}));
    assert_eq!(
        update_errors(&STRATEGY, both, &old, None),
        [
            "spec.schedule: Invalid value: \"CRON_TZ=UTC 1 * * * *\": cannot use both timeZone field and TZ or CRON_TZ in schedule"
        ]
    );
    let warnings = STRATEGY.warnings(&same, Some(&old));
    assert!(warnings.len() == 1 && warnings[0].starts_with("cannot use TZ or CRON_TZ in spec.spec.schedule"));
    let named = with(hello(), &json!({"metadata": {"name": "a.b"}}));
    assert!(STRATEGY.warnings(&named, None)[0].starts_with("metadata.name: this is used in Pod names"));
}

#[test]
fn a_change_of_the_spec_is_a_new_generation_and_a_status_is_not() {
    let old = created(&STRATEGY, hello());
    let changed = updated(&STRATEGY, with(old.clone(), &json!({"spec": {"suspend": true}})), &old, None);
    assert_eq!(changed["metadata"]["generation"], 2);
    let status = json!({"spec": null, "status": {"lastScheduleTime": "2024-01-01T00:00:00Z", "active": []}});
    let written = updated(&STRATEGY, with(old.clone(), &status), &old, Some("status"));
    assert_eq!((&written["spec"], &written["metadata"]["generation"]), (&old["spec"], &json!(1)));
    assert_eq!(written["status"], json!({"lastScheduleTime": "2024-01-01T00:00:00Z"}));
    assert!(texts(STRATEGY.validate_update(&written, &old, Some("status"))).is_empty());
}

#[test]
fn rows_show_when_it_ran_last() {
    let mut object = created(&STRATEGY, hello());
    object["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    let now = "2024-01-01T00:01:40Z".parse().unwrap();
    let expected =
        json!(["hello", "*/1 * * * *", "<none>", "False", 0, "<none>", "100s", "pi", "perl:5.34.0", "<none>"]);
    assert_eq!(json!(STRATEGY.row(&object, now).cells), expected);
    object["spec"]["timeZone"] = json!("Europe/Berlin");
    object["spec"]["suspend"] = json!(true);
    object["status"] = json!({"active": [{"name": "a"}], "lastScheduleTime": "2024-01-01T00:01:30Z"});
    let cells = STRATEGY.row(&object, now).cells;
    assert_eq!(json!(cells[2..6]), json!(["Europe/Berlin", "True", 1, "10s"]));
}
