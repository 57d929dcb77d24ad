//! Affinity, topology spread, tolerations, and what a pod asks for.

use serde_json::{Value, json};

use super::{C, check, check_container};

#[test]
fn node_affinity_is_well_formed() {
    let required = |requirement: Value, kind: &str| {
        let terms = json!({"nodeSelectorTerms": [{kind: [requirement]}]});
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
    };
    let path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]";
    let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    let invalid = json!({"key": "a", "operator": "In", "values": ["b c"]});
    check(
        required(invalid.clone(), "matchExpressions"),
        &[&format!("{path}.matchExpressions[0].values[0]: Invalid value: \"b c\": {rule}")],
    );
    let preferred = json!([{"weight": 1, "preference": {"matchExpressions": [invalid]}}]);
    check(json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}}), &[]);
    let fields = |key: &str, operator: &str, values: Value| {
        required(json!({"key": key, "operator": operator, "values": values}), "matchFields")
    };
    check(fields("metadata.name", "In", json!(["n"])), &[]);
    check(
        fields("metadata.name", "In", json!(["n", "m"])),
        &[&format!(
            "{path}.matchFields[0].values: Required value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        )],
    );
    check(
        fields("spec.x", "Exists", json!([])),
        &[
            &format!("{path}.matchFields[0].operator: Invalid value: \"Exists\": not a valid selector operator"),
            &format!("{path}.matchFields[0].key: Invalid value: \"spec.x\": not a valid field selector key"),
        ],
    );
}

#[test]
fn affinity_between_pods_is_well_formed() {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let path = format!("spec.affinity.podAffinity.{required}[0]");
    let term = |term: Value| json!({"affinity": {"podAffinity": {required: [term]}}});
    let selector = json!({"matchLabels": {"a": "b"}});
    check(term(json!({"topologyKey": "zone", "labelSelector": selector, "namespaces": ["ns"]})), &[]);
    let empty = "name part must be non-empty";
    let rule = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    check(
        term(json!({})),
        &[
            &format!("{path}.topologyKey: Required value: can not be empty"),
            &format!("{path}.topologyKey: Invalid value: \"\": {empty}"),
            &format!("{path}.topologyKey: Invalid value: \"\": {rule}"),
        ],
    );
    check(
        term(json!({"topologyKey": "zone", "matchLabelKeys": ["a"]})),
        &[&format!("{path}.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set")],
    );
    check(
        term(json!({"topologyKey": "zone", "labelSelector": {}, "matchLabelKeys": ["a"], "mismatchLabelKeys": ["a"]})),
        &[&format!(
            "{path}.matchLabelKeys[0]: Invalid value: \"a\": exists in both matchLabelKeys and mismatchLabelKeys"
        )],
    );
    let expressions = json!([{"key": "a", "operator": "In", "values": ["b"]}]);
    check(
        term(json!({"topologyKey": "zone", "matchLabelKeys": ["a"],
            "labelSelector": {"matchLabels": {"a": "b"}, "matchExpressions": expressions}})),
        &[&format!("{path}[0]: Invalid value: \"a\": exists in both matchLabelKeys and labelSelector")],
    );
    let preferred = json!([{"weight": 0, "podAffinityTerm": {"topologyKey": "zone"}}]);
    check(
        json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}}),
        &[
            "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
        ],
    );
}

#[test]
fn topology_spread_is_well_formed() {
    let path = "spec.topologySpreadConstraints[0]";
    let constraint = |more: Value| {
        let mut constraint = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
        crate::fixtures::merge(&mut constraint, &more);
        json!({"topologySpreadConstraints": [constraint]})
    };
    check(constraint(json!({"minDomains": 2, "nodeTaintsPolicy": "Honor"})), &[]);
    check(
        constraint(json!({"maxSkew": 0})),
        &[&format!("{path}.maxSkew: Invalid value: 0: must be greater than zero")],
    );
    check(constraint(json!({"topologyKey": ""})), &[&format!("{path}.topologyKey: Required value: can not be empty")]);
    check(
        constraint(json!({"whenUnsatisfiable": "X"})),
        &[&format!(
            "{path}.whenUnsatisfiable: Unsupported value: \"X\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\""
        )],
    );
    check(
        constraint(json!({"whenUnsatisfiable": "ScheduleAnyway", "minDomains": 1})),
        &[&format!(
            "{path}.minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway"
        )],
    );
    check(
        constraint(json!({"nodeAffinityPolicy": "X"})),
        &[&format!("{path}.nodeAffinityPolicy: Unsupported value: \"X\": supported values: \"Honor\", \"Ignore\"")],
    );
    let one = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
    check(
        json!({"topologySpreadConstraints": [one, one]}),
        &[&format!("{path}.{{topologyKey, whenUnsatisfiable}}: Duplicate value: \"{{zone, DoNotSchedule}}\"")],
    );
}

#[test]
fn comparing_tolerations_are_not_enabled() {
    check(
        json!({"tolerations": [{"key": "a", "operator": "Gt", "value": "1"}]}),
        &[
            "spec.tolerations[0].operator: Unsupported value: \"Gt\": supported values: \"Equal\", \"Exists\", \"Lt\", \"Gt\"",
        ],
    );
}

#[test]
fn claims_are_declared_and_used_once() {
    let shown = "{\"Name\":\"a\",\"ResourceClaimName\":null,\"ResourceClaimTemplateName\":null}";
    check(
        json!({"resourceClaims": [{"name": "a"}]}),
        &[&format!(
            "spec.resourceClaims[0]: Invalid value: {shown}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
        )],
    );
    let claim = json!({"name": "a", "resourceClaimName": "c"});
    check(json!({"resourceClaims": [claim, claim]}), &["spec.resourceClaims[1].name: Duplicate value: \"a\""]);
    check_container(
        json!({"resources": {"claims": [{"name": "x"}]}}),
        &[&format!(
            "{C}.resources.claims[0]: Not found: \"x\": must be one of the names in pod.spec.resourceClaims which is empty"
        )],
    );
    let with_claims = |claims: Value| {
        let container = json!({"name": "main", "image": "busybox", "resources": {"claims": claims}});
        json!({"resourceClaims": [claim], "containers": [container]})
    };
    check(with_claims(json!([{"name": "a", "request": "r"}, {"name": "a", "request": "s"}])), &[]);
    check(
        with_claims(json!([{"name": "a", "request": "r"}, {"name": "a", "request": "r"}])),
        &[&format!("{C}.resources.claims[1]: Duplicate value: \"a/r\"")],
    );
    check(
        with_claims(json!([{"name": "a", "request": "r"}, {"name": "a"}])),
        &[&format!("{C}.resources.claims[1]: Duplicate value: \"a\"")],
    );
}

#[test]
fn huge_pages_are_whole_pages() {
    let limits = |size: &str| json!({"resources": {"limits": {"cpu": "1", "hugepages-2Mi": size}}});
    check_container(limits("4Mi"), &[]);
    let detail = "3Mi is not positive integer multiple of hugepages-2Mi";
    check_container(
        limits("3Mi"),
        &[
            &format!("{C}.resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": {detail}"),
            &format!("{C}.resources.requests[hugepages-2Mi]: Invalid value: \"3Mi\": {detail}"),
        ],
    );
}

#[test]
fn resources_of_a_pod_cover_those_of_its_containers() {
    let pod = |of_pod: Value, requests: &str, limits: &str| {
        let resources = json!({"requests": {"cpu": requests}, "limits": {"cpu": limits}});
        json!({"resources": of_pod, "containers": [{"name": "main", "image": "i", "resources": resources}]})
    };
    check(pod(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}), "500m", "1"), &[]);
    check(
        pod(json!({"requests": {"cpu": "100m"}}), "500m", "1"),
        &[
            "spec.resources.requests[cpu]: Invalid value: \"100m\": must be greater than or equal to aggregate container requests of 500m",
        ],
    );
    check(
        pod(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}), "500m", "2"),
        &[
            "spec.resources.containers[0][cpu].limits: Invalid value: \"2\": must be less than or equal to pod limits of 1",
        ],
    );
    check(
        json!({"resources": {"limits": {"storage": "1"}}}),
        &[
            "spec.resources.limits[storage]: Unsupported value: \"storage\": supported values: \"cpu\", \"hugepages-\", \"memory\"",
        ],
    );
}

#[test]
fn a_pod_asks_for_what_its_containers_ask_for_or_for_its_limits() {
    let requests = json!({"requests": {"cpu": "250m"}});
    let spec = json!({
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
        "containers": [
            {"name": "a", "image": "i", "resources": requests}, {"name": "b", "image": "i", "resources": requests},
        ],
    });
    let pod = crate::fixtures::with(crate::fixtures::pod(), &json!({ "spec": spec }));
    let pod = crate::fixtures::created(&crate::pod::PodStrategy, pod);
    let expected = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}});
    assert_eq!(pod["spec"]["resources"], expected);
}

#[test]
fn overhead_is_a_list_of_resources() {
    check(
        json!({"overhead": {"x": "1"}}),
        &[
            "spec.overhead.limits[x]: Invalid value: \"x\": must be a standard resource type or fully qualified",
            "spec.overhead.limits[x]: Invalid value: \"x\": must be a standard resource for containers",
        ],
    );
}
