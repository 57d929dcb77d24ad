//! Defaults and preparation.

use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use serde_json::{Value, json};

use crate::fixtures::{created, pi_job, texts, updated, with};
use crate::job::JobStrategy;
use crate::strategy::{DefaultPropagation, Strategy};

fn defaulted(patch: &Value) -> Value {
    let mut job = with(pi_job(), patch);
    JobStrategy.default(&mut job);
    job
}

#[test]
fn the_documented_job_gets_upstreams_defaults() {
    let job = created(&JobStrategy, pi_job());
    let labels = json!({
        "batch.kubernetes.io/controller-uid": "uid-1",
        "batch.kubernetes.io/job-name": "pi",
        "controller-uid": "uid-1",
        "job-name": "pi",
    });
    assert_eq!(
        job,
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": "pi", "namespace": "default", "uid": "uid-1", "generation": 1, "labels": labels,
            },
            "spec": {
                "backoffLimit": 6,
                "completionMode": "NonIndexed",
                "completions": 1,
                "manualSelector": false,
                "parallelism": 1,
                "podReplacementPolicy": "TerminatingOrFailed",
                "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-1"}},
                "suspend": false,
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [{
                            "command": ["perl", "-Mbignum=bpi", "-wle", "print bpi(2000)"],
                            "image": "perl:5.34.0",
                            "imagePullPolicy": "IfNotPresent",
                            "name": "pi",
                            "resources": {},
                            "terminationMessagePath": "/dev/termination-log",
                            "terminationMessagePolicy": "File",
                        }],
                        "dnsPolicy": "ClusterFirst",
                        "restartPolicy": "Never",
                        "schedulerName": "default-scheduler",
                        "securityContext": {},
                        "terminationGracePeriodSeconds": 30,
                    },
                },
            },
            "status": {},
        })
    );
    assert!(JobStrategy.validate_create(&job).is_empty());
}

#[test]
fn completions_stay_absent_when_only_parallelism_is_given() {
    let spec = &defaulted(&json!({"spec": {"parallelism": 3}}))["spec"];
    assert_eq!((spec.get("completions"), &spec["parallelism"]), (None, &json!(3)));
    let spec = &defaulted(&json!({"spec": {"completions": 5}}))["spec"];
    assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(5), &json!(1)));
}

#[test]
fn backoff_limit_is_unlimited_beside_a_limit_per_index() {
    let job = defaulted(&json!({"spec": {"backoffLimitPerIndex": 1, "completionMode": "Indexed", "completions": 2}}));
    assert_eq!(job["spec"]["backoffLimit"], 2_147_483_647);
    assert_eq!(defaulted(&json!({"spec": {"backoffLimit": 0}}))["spec"]["backoffLimit"], 0);
}

#[test]
fn replacement_policy_follows_the_failure_policy() {
    let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]});
    let job = defaulted(&json!({"spec": {"podFailurePolicy": {"rules": [rule]}}}));
    assert_eq!(job["spec"]["podReplacementPolicy"], "Failed");
    assert_eq!(job["spec"]["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"], "True");
}

#[test]
fn template_gets_no_pod_only_defaults() {
    let limits = json!({"limits": {"cpu": "1000m"}});
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "resources": limits}]}}}});
    let spec = &defaulted(&patch)["spec"]["template"]["spec"];
    assert_eq!(spec.get("enableServiceLinks"), None);
    assert_eq!(spec["containers"][0]["resources"], json!({"limits": {"cpu": "1"}}));
}

#[test]
fn absent_restart_policy_becomes_always_and_is_refused() {
    let job = created(&JobStrategy, with(pi_job(), &json!({"spec": {"template": {"spec": {"restartPolicy": null}}}})));
    assert_eq!(job["spec"]["template"]["spec"]["restartPolicy"], "Always");
    assert_eq!(
        texts(JobStrategy.validate_create(&job)),
        ["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""]
    );
}

#[test]
fn unlabelled_job_takes_the_labels_of_its_template() {
    let template = json!({"spec": {"template": {"metadata": {"labels": {"app": "x"}}}}});
    let job = created(&JobStrategy, with(pi_job(), &template));
    assert_eq!(job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(job["metadata"]["labels"].as_object().expect("labels").len(), 5);
    let own = with(pi_job(), &json!({"metadata": {"labels": {"app": "x"}}}));
    let job = created(&JobStrategy, with(own, &template));
    assert_eq!(job["metadata"]["labels"], json!({"app": "x"}));
    let bare = updated(&JobStrategy, with(job.clone(), &json!({"metadata": {"labels": null}})), &job, None);
    assert_eq!(bare["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]);
}

#[test]
fn manual_selector_generates_nothing() {
    let patch = json!({"spec": {
        "manualSelector": true,
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"metadata": {"labels": {"app": "x"}}},
    }});
    let job = created(&JobStrategy, with(pi_job(), &patch));
    assert_eq!(job["spec"]["selector"], json!({"matchLabels": {"app": "x"}}));
    assert_eq!(job["spec"]["template"]["metadata"]["labels"], json!({"app": "x"}));
    assert!(JobStrategy.validate_create(&job).is_empty());
}

#[test]
fn status_of_a_new_job_is_cleared_and_generation_is_one() {
    let patch = json!({"status": {"succeeded": 3}, "metadata": {"generation": 7}});
    let job = created(&JobStrategy, with(pi_job(), &patch));
    assert_eq!((&job["status"], &job["metadata"]["generation"]), (&json!({}), &json!(1)));
}

#[test]
fn generation_grows_only_with_the_spec() {
    let old = with(created(&JobStrategy, pi_job()), &json!({"status": {"active": 1}}));
    let annotated = with(old.clone(), &json!({"metadata": {"annotations": {"a": "b"}}, "status": {"active": 9}}));
    let same = updated(&JobStrategy, annotated, &old, None);
    assert_eq!((&same["metadata"]["generation"], &same["status"]["active"]), (&json!(1), &json!(1)));
    let changed = updated(&JobStrategy, with(old.clone(), &json!({"spec": {"parallelism": 2}})), &old, None);
    assert_eq!(changed["metadata"]["generation"], 2);
}

#[test]
fn status_update_keeps_the_spec_and_takes_annotations() {
    let old = created(&JobStrategy, pi_job());
    let patch = json!({
        "metadata": {"annotations": {"patched": "yes"}, "generation": 9},
        "spec": {"parallelism": 7},
        "status": {"active": 1, "ready": 0},
    });
    let new = updated(&JobStrategy, with(old.clone(), &patch), &old, Some("status"));
    assert_eq!(new["spec"], old["spec"]);
    assert_eq!(new["metadata"]["annotations"], json!({"patched": "yes"}));
    assert_eq!(new["metadata"]["generation"], 1);
    assert_eq!(new["status"], json!({"active": 1, "ready": 0}));
}

#[test]
fn status_is_written_as_upstream_writes_it() {
    let old = created(&JobStrategy, pi_job());
    let mut new = old.clone();
    new["status"] = json!({
        "active": 0, "failed": 0, "succeeded": 2, "ready": 0, "terminating": 0, "conditions": [],
        "completedIndexes": "", "uncountedTerminatedPods": {"succeeded": [], "failed": null}, "startTime": null,
    });
    JobStrategy.prepare_for_update(&mut new, &old, Some("status"));
    assert_eq!(new["status"], json!({"succeeded": 2, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}));
}

#[test]
fn bare_delete_orphans_the_pods() {
    let DefaultPropagation::Orphan { warning } = JobStrategy.default_propagation() else { panic!("orphans") };
    assert_eq!(
        warning,
        Some(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"
        )
    );
}

#[test]
fn long_and_dotted_names_are_warned_of() {
    let job = created(&JobStrategy, with(pi_job(), &json!({"metadata": {"name": "a.b"}})));
    let warnings = JobStrategy.warnings(&job, None);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with(
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: ["
    ));
    let crowd = json!({"spec": {"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001}});
    let crowd = created(&JobStrategy, with(pi_job(), &crowd));
    assert_eq!(JobStrategy.warnings(&crowd, None).len(), 1);
    assert!(JobStrategy.warnings(&crowd, Some(&crowd)).is_empty());
}

fn optional<T: Clone + std::fmt::Debug + Into<Value> + 'static>(
    values: impl Generator<Value = T> + 'static,
) -> BoxedStrategy<Option<Value>> {
    proptest::option::of(values.prop_map(Into::into)).boxed()
}

prop_compose! {
    fn any_spec()(
        parallelism in optional(-1_i64..4),
        completions in optional(-1_i64..4),
        backoff in optional(0_i64..3),
        per_index in optional(0_i64..2),
        mode in optional(prop_oneof![Just("Indexed"), Just("NonIndexed")]),
        suspend in optional(any::<bool>()),
        image in prop_oneof![Just(""), Just("perl"), Just("perl:1"), Just("Bad Image")],
        policy in optional(prop_oneof![Just(""), Just("Never"), Just("OnFailure"), Just("Always")]),
        cpu in optional(prop_oneof![Just("1000m"), Just("0.5"), Just("x")]),
        probe in any::<bool>(),
        volume in any::<bool>(),
    ) -> Value {
        let mut spec = json!({"template": {"spec": {"containers": [{"name": "a", "image": image, "env": []}]}}});
        for (name, value) in [
            ("parallelism", parallelism), ("completions", completions), ("backoffLimit", backoff),
            ("backoffLimitPerIndex", per_index), ("completionMode", mode), ("suspend", suspend),
        ] {
            if let Some(value) = value { spec[name] = value; }
        }
        let pod = &mut spec["template"]["spec"];
        if let Some(policy) = policy { pod["restartPolicy"] = policy; }
        if let Some(cpu) = cpu { pod["containers"][0]["resources"] = json!({"limits": {"cpu": cpu}}); }
        if probe { pod["containers"][0]["livenessProbe"] = json!({"httpGet": {"port": 80}, "periodSeconds": 0}); }
        if volume { pod["volumes"] = json!([{"name": "v"}, {"name": "w", "configMap": {"name": "c"}}]); }
        spec
    }
}

proptest! {
    #[test]
    fn default_twice_is_default_once(spec in any_spec()) {
        let mut once = with(pi_job(), &json!({}));
        once["spec"] = spec;
        JobStrategy.default(&mut once);
        let mut twice = once.clone();
        JobStrategy.default(&mut twice);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn what_is_valid_on_create_is_valid_as_an_update_that_changes_nothing(spec in any_spec()) {
        let mut job = pi_job();
        job["spec"] = spec;
        let job = created(&JobStrategy, job);
        if JobStrategy.validate_create(&job).is_empty() {
            let again = updated(&JobStrategy, job.clone(), &job, None);
            prop_assert_eq!(&again, &job);
            prop_assert!(JobStrategy.validate_update(&again, &job, None).is_empty());
            let again = updated(&JobStrategy, job.clone(), &job, Some("status"));
            prop_assert_eq!(&again, &job);
            prop_assert!(JobStrategy.validate_update(&again, &job, Some("status")).is_empty());
        }
    }
}
