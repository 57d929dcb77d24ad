//! The kinds that a cluster has besides its workloads: bounds, budgets, classes, roles, leases and endpoints.

use serde_json::{Value, json};

use super::{cells, check_create, check_update, sample, strategy};
use crate::catalogue::Catalogue;
use crate::fixtures::{created, updated, with};

fn made(kind: &str, patch: &Value) -> Value {
    let catalogue = Catalogue::default();
    let object = with(sample(kind), patch);
    created(strategy(&catalogue, &object), object)
}

#[test]
fn priorities_of_people_stay_below_the_systems() {
    let class = sample("PriorityClass");
    assert_eq!(made("PriorityClass", &json!({}))["preemptionPolicy"], "PreemptLowerPriority");
    check_create(
        &class,
        json!({"value": 1_000_000_001}),
        &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    );
    let prefix = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";
    check_create(
        &class,
        json!({"metadata": {"name": "system-mine"}}),
        &[&format!("{prefix}system-mine is not a known system priority class")],
    );
    check_create(
        &class,
        json!({"metadata": {"name": "system-node-critical"}}),
        &[&format!("{prefix}value of system-node-critical PriorityClass must be 2000001000")],
    );
    for class in crate::priority_class::system_classes() {
        check_create(&class, json!({}), &[]);
    }
    check_update(
        &class,
        None,
        json!({"value": 6, "preemptionPolicy": "Never"}),
        &[
            "value: Forbidden: may not be changed in an update.",
            "preemptionPolicy: Invalid value: \"Never\": field is immutable",
        ],
    );
    let row = json!(["a", 5, false, "100s", "PreemptLowerPriority"]);
    assert_eq!(Value::from(cells(&class, &json!({}))), row);
}

#[test]
fn runtime_classes_keep_their_handler() {
    let class = sample("RuntimeClass");
    check_create(&class, json!({"handler": null}), &["handler: Required value"]);
    check_update(&class, None, json!({"handler": "other"}), &["handler: Invalid value: \"other\": field is immutable"]);
    let selector = json!({"scheduling": {"nodeSelector": {"beta.kubernetes.io/os": "linux"}}});
    let catalogue = Catalogue::default();
    assert_eq!(
        strategy(&catalogue, &class).warnings(&with(class.clone(), &selector), None),
        ["scheduling.nodeSelector: deprecated since v1.14; use \"kubernetes.io/os\" instead"]
    );
}

#[test]
fn leases_last_some_time() {
    let lease = sample("Lease");
    check_create(
        &lease,
        json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
        &[
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        ],
    );
    assert_eq!(cells(&lease, &json!({}))[1], "me");
}

#[test]
fn roles_say_what_they_allow_and_that_nobody_asks() {
    let catalogue = Catalogue::default();
    for kind in ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"] {
        let object = sample(kind);
        let warnings = strategy(&catalogue, &object).warnings(&object, None);
        assert!(warnings[0].contains("does not enforce"), "{kind}");
        assert_eq!(strategy(&catalogue, &object).name_errors("system:a"), Vec::<String>::new());
        assert_eq!(strategy(&catalogue, &object).name_errors("a/b"), ["may not contain '/'"]);
    }
    check_create(
        &sample("Role"),
        json!({"rules": [{"nonResourceURLs": ["/x"]}]}),
        &[
            "rules[0].verbs: Required value: verbs must contain at least one value",
            "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
        ],
    );
    check_create(
        &sample("ClusterRole"),
        json!({"rules": [{"verbs": ["get"]}], "aggregationRule": {}}),
        &[
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[0].resources: Required value: resource rules must supply at least one resource",
            "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
        ],
    );
    assert_eq!(cells(&sample("Role"), &json!({})), [json!("a"), json!("2024-01-01T00:00:00Z")]);
}

#[test]
fn bindings_keep_their_role() {
    let binding = sample("RoleBinding");
    let object = made("RoleBinding", &json!({}));
    assert_eq!(object["subjects"][0]["apiGroup"], "rbac.authorization.k8s.io");
    assert_eq!(object["subjects"][1].get("apiGroup"), None);
    check_update(
        &binding,
        None,
        json!({"roleRef": {"name": "other"}}),
        &[
            "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"other\"}: cannot change roleRef",
        ],
    );
    check_create(
        &sample("ClusterRoleBinding"),
        json!({"roleRef": {"kind": "Role"}, "subjects": [{"kind": "ServiceAccount", "name": "s"}, {"kind": "x"}]}),
        &[
            "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
            "subjects[0].namespace: Required value",
            "subjects[1].name: Required value",
            "subjects[1].kind: Unsupported value: \"x\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
        ],
    );
    let row = json!(["a", "ClusterRole/r", "100s", "u", "", "n/s"]);
    assert_eq!(Value::from(cells(&binding, &json!({}))), row);
}

#[test]
fn budgets_bound_one_side() {
    let budget = sample("PodDisruptionBudget");
    check_create(
        &budget,
        json!({"spec": {"maxUnavailable": "101%"}}),
        &[
            "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":null,\"MaxUnavailable\":\"101%\",\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
            "spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
        ],
    );
    let object = made("PodDisruptionBudget", &json!({"status": {"disruptionsAllowed": 7}}));
    let zero = json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0});
    assert_eq!((&object["status"], &object["metadata"]["generation"]), (&zero, &json!(1)));
    let catalogue = Catalogue::default();
    let strategy = strategy(&catalogue, &budget);
    let changed = updated(strategy, with(object.clone(), &json!({"spec": {"minAvailable": 2}})), &object, None);
    assert_eq!(changed["metadata"]["generation"], 2);
    check_update(
        &budget,
        Some("status"),
        json!({"status": {"disruptionsAllowed": -1, "conditions": [{"type": "A", "status": "True", "reason": "1"}]}}),
        &[
            "status.conditions[0].lastTransitionTime: Required value",
            "status.conditions[0].reason: Invalid value: \"1\": a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
            "status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0",
        ],
    );
    let row = json!(["a", "1", "N/A", 0, "100s"]);
    assert_eq!(Value::from(cells(&budget, &json!({}))), row);
}

#[test]
fn quotas_bound_what_is_known() {
    let quota = sample("ResourceQuota");
    assert_eq!(made("ResourceQuota", &json!({}))["spec"]["hard"]["limits.cpu"], "2");
    check_create(
        &quota,
        json!({"spec": {"hard": {"bananas": "1", "pods": "1.5", "cpu": "-1", "limits.cpu": null}}}),
        &[
            "spec.hard[bananas]: Invalid value: \"bananas\": must be a standard resource type or fully qualified",
            "spec.hard[bananas]: Invalid value: \"bananas\": must be a standard resource for quota",
            "spec.hard[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
            "spec.hard[pods]: Invalid value: \"1500m\": must be an integer",
        ],
    );
    check_create(
        &quota,
        json!({"spec": {"scopes": ["BestEffort", "NotBestEffort"], "hard": {"limits.cpu": null, "pods": "1"}}}),
        &["spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes"],
    );
    check_create(
        &quota,
        json!({"spec": {"scopes": ["BestEffort"]}}),
        &["spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource"],
    );
    check_update(
        &quota,
        None,
        json!({"spec": {"scopes": ["Terminating"]}}),
        &["spec.scopes: Invalid value: [\"Terminating\"]: field is immutable"],
    );
    let catalogue = Catalogue::default();
    let odd = with(quota.clone(), &json!({"spec": {"hard": {"cpu": "3"}}}));
    assert_eq!(
        strategy(&catalogue, &quota).warnings(&odd, None),
        ["ResourceQuota cpu (3) should be less than limits.cpu (2)"]
    );
    let status = json!({"hard": {"pods": "2", "limits.cpu": "2"}, "used": {"pods": "1"}});
    let shown = with(made("ResourceQuota", &json!({})), &json!({"status": status}));
    let row = strategy(&catalogue, &quota).row(&shown, jiff::Timestamp::UNIX_EPOCH).cells;
    assert_eq!(row[1..3], [json!("pods: 1/2"), json!("limits.cpu: 0/2")]);
}

#[test]
fn limit_ranges_fill_in_what_follows_and_refuse_what_cannot_be() {
    let range = sample("LimitRange");
    let limit = made("LimitRange", &json!({}))["spec"]["limits"][0].clone();
    let two = json!({"cpu": "2"});
    assert_eq!((&limit["max"], &limit["default"], &limit["defaultRequest"]), (&two, &two, &two));
    let limits = json!([
        {"type": "Pod", "default": {"cpu": "1"}, "min": {"cpu": "2"}, "max": {"cpu": "1"}},
        {"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}},
        {"type": "Nothing"},
    ]);
    check_create(
        &range,
        json!({"spec": {"limits": limits}}),
        &[
            "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
            "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
            "spec.limits[1].type: Duplicate value: \"Pod\"",
            "spec.limits[1].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than 1",
            "spec.limits[2].type: Invalid value: \"Nothing\": must be a standard limit type or fully qualified",
        ],
    );
}

#[test]
fn endpoints_can_be_reached() {
    let endpoints = sample("Endpoints");
    assert_eq!(made("Endpoints", &json!({}))["subsets"][0]["ports"][0]["protocol"], "TCP");
    check_create(
        &endpoints,
        json!({"subsets": [{"addresses": [{"ip": "169.254.0.1"}, {"ip": "127.0.0.1"}], "ports": [{"port": 0}]}, {}]}),
        &[
            "subsets[0].addresses[0].ip: Invalid value: \"169.254.0.1\": may not be in the link-local range (169.254.0.0/16, fe80::/10)",
            "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "subsets[1]: Required value: must specify `addresses` or `notReadyAddresses`",
        ],
    );
    assert_eq!(cells(&endpoints, &json!({}))[1], "10.0.0.1:80");
    let four = json!({"subsets": [{"addresses": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.2"}, {"ip": "1.1.1.3"}, {"ip": "1.1.1.4"}]}]});
    assert_eq!(cells(&endpoints, &four)[1], "1.1.1.1,1.1.1.2,1.1.1.3 + 1 more...");
}

#[test]
fn slices_are_of_one_address_type() {
    let slice = sample("EndpointSlice");
    let object = made("EndpointSlice", &json!({}));
    assert_eq!(object["ports"][0], json!({"name": "", "port": 80, "protocol": "TCP"}));
    assert_eq!(object["endpoints"][0], json!({"addresses": ["10.0.0.1"], "conditions": {}}));
    check_update(
        &slice,
        None,
        json!({"addressType": "IPv6"}),
        &["addressType: Invalid value: \"IPv6\": field is immutable"],
    );
    check_create(
        &slice,
        json!({"addressType": "IPv6"}),
        &["endpoints[0].addresses: Invalid value: \"10.0.0.1\": must be an IPv6 address"],
    );
    check_create(
        &slice,
        json!({"addressType": "IPX"}),
        &["addressType: Unsupported value: \"IPX\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""],
    );
    let row = json!(["a", "IPv4", "80", "10.0.0.1", "100s"]);
    assert_eq!(Value::from(cells(&slice, &json!({}))), row);
    let empty = json!({"endpoints": null, "ports": null});
    assert_eq!(cells(&slice, &empty)[2..4], [json!("<unset>"), json!("<unset>")]);
}
