//! What the cluster's objects allow, with upstream's messages.

use std::sync::Arc;

use api::{Gvr, Object};
use serde_json::{Value, json};

use super::quota::{charges, usage};
use super::{Attempt, awaited, mutate, validate};
use crate::fixtures::{created, pod, with};
use crate::limit_range::LimitRangeStrategy;
use crate::pod::PodStrategy;
use crate::strategy::Strategy;
use crate::surroundings::Surroundings;

const PODS: Gvr = Gvr::known("", "v1", "pods");

/// The cluster's objects by kind.
struct Cluster(Vec<Value>);

impl Cluster {
    fn with(objects: &[Value]) -> Self {
        let account = json!({"kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}});
        Self(std::iter::once(account).chain(objects.iter().cloned()).collect())
    }
}

impl Surroundings for Cluster {
    fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Arc<Object>> {
        self.list(resource, namespace).into_iter().find(|object| object.meta().name == name)
    }

    fn list(&self, resource: &Gvr, _: Option<&str>) -> Vec<Arc<Object>> {
        let plural = |kind: &str| match kind {
            "PriorityClass" | "RuntimeClass" => format!("{}es", kind.to_lowercase()),
            kind => format!("{}s", kind.to_lowercase()),
        };
        let of_kind =
            self.0.iter().filter(|object| plural(object["kind"].as_str().unwrap_or_default()) == *resource.plural);
        of_kind.map(|object| Arc::new(Object::from_value(object).expect("an object"))).collect()
    }

    fn draw(&self, _: u32) -> u32 {
        0
    }
}

fn attempt(resource: &Gvr) -> Attempt<'_> {
    Attempt { resource, namespace: Some("default"), name: "one", subresource: None, old: None }
}

/// A pod as it would be stored.
fn admit(patch: &Value, objects: &[Value]) -> Result<Value, String> {
    let cluster = Cluster::with(objects);
    let mut object = with(pod(), patch);
    PodStrategy.default(&mut object);
    mutate(&attempt(&PODS), &mut object, &cluster).map_err(|status| status.message)?;
    let object = created(&PodStrategy, object);
    validate(&attempt(&PODS), &object, &cluster).map_err(|status| status.message)?;
    assert!(PodStrategy.validate_create(&object).is_empty(), "{object}");
    Ok(object)
}

fn container(resources: &Value) -> Value {
    json!({"spec": {"containers": [{"name": "main", "image": "busybox", "resources": resources}]}})
}

#[test]
fn a_pod_gets_account_priority_and_tolerations() {
    let spec = admit(&json!({}), &[]).expect("admitted")["spec"].clone();
    assert_eq!((&spec["serviceAccountName"], &spec["serviceAccount"]), (&json!("default"), &json!("default")));
    assert_eq!((&spec["priority"], &spec["preemptionPolicy"]), (&json!(0), &json!("PreemptLowerPriority")));
    let toleration =
        |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    let both = json!([toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")]);
    assert_eq!(spec["tolerations"], both);
    let all = json!({"spec": {"tolerations": [{"operator": "Exists"}]}});
    assert_eq!(admit(&all, &[]).expect("admitted")["spec"]["tolerations"], json!([{"operator": "Exists"}]));
}

#[test]
fn a_pod_runs_as_an_account_that_exists() {
    let missing = json!({"spec": {"serviceAccountName": "robot"}});
    assert_eq!(
        admit(&missing, &[]).expect_err("refused"),
        "pods \"one\" is forbidden: error looking up service account default/robot: serviceaccount \"robot\" not found"
    );
    let robot = json!({
        "kind": "ServiceAccount", "metadata": {"name": "robot", "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}},
        "imagePullSecrets": [{"name": "pull"}], "secrets": [{"name": "mine"}],
    });
    let admitted = admit(&missing, std::slice::from_ref(&robot)).expect("admitted");
    assert_eq!(admitted["spec"]["imagePullSecrets"], json!([{"name": "pull"}]));
    let other = with(missing, &json!({"spec": {"volumes": [{"name": "v", "secret": {"secretName": "other"}}]}}));
    assert_eq!(
        admit(&other, &[robot]).expect_err("refused"),
        "pods \"one\" is forbidden: volume with secret.secretName=\"other\" is not allowed because service account robot does not reference that secret"
    );
    assert!(awaited(&PODS, &pod()).is_some());
    assert!(awaited(&PODS, &json!({"spec": {"serviceAccountName": "robot"}})).is_none());
}

#[test]
fn a_priority_class_gives_its_number() {
    let class = |name: &str, value: i64, default: bool| json!({"kind": "PriorityClass", "metadata": {"name": name}, "value": value, "globalDefault": default, "preemptionPolicy": "Never"});
    let high = [class("high", 7, false), class("usual", 3, true)];
    let named = admit(&json!({"spec": {"priorityClassName": "high"}}), &high).expect("admitted");
    assert_eq!((&named["spec"]["priority"], &named["spec"]["preemptionPolicy"]), (&json!(7), &json!("Never")));
    let plain = admit(&json!({}), &high).expect("admitted");
    assert_eq!((&plain["spec"]["priority"], &plain["spec"]["priorityClassName"]), (&json!(3), &json!("usual")));
    assert_eq!(
        admit(&json!({"spec": {"priorityClassName": "none"}}), &high).expect_err("refused"),
        "pods \"one\" is forbidden: no PriorityClass with name none was found"
    );
    assert!(admit(&json!({"spec": {"priority": 9}}), &[]).expect_err("refused").ends_with(
        "the integer value of priority (9) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name"
    ));
    let classes = Gvr::known("scheduling.k8s.io", "v1", "priorityclasses");
    let second = validate(&attempt(&classes), &class("one", 1, true), &Cluster::with(&high)).expect_err("refused");
    assert!(second.message.ends_with("PriorityClass usual is already marked as default. Only one default can exist"));
}

#[test]
fn a_runtime_class_adds_to_its_pods() {
    let class = json!({
        "kind": "RuntimeClass", "metadata": {"name": "r"}, "handler": "h", "overhead": {"podFixed": {"cpu": "1"}},
        "scheduling": {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists"}]},
    });
    let wanted = json!({"spec": {"runtimeClassName": "r"}});
    let spec = admit(&wanted, std::slice::from_ref(&class)).expect("admitted")["spec"].clone();
    assert_eq!((&spec["overhead"], &spec["nodeSelector"]), (&json!({"cpu": "1"}), &json!({"a": "b"})));
    assert_eq!(spec["tolerations"][2]["key"], "k");
    let conflict = with(wanted.clone(), &json!({"spec": {"nodeSelector": {"a": "c"}}}));
    assert!(
        admit(&conflict, &[class])
            .expect_err("refused")
            .ends_with("conflict: runtimeClass.scheduling.nodeSelector[a] = b; pod.spec.nodeSelector[a] = c")
    );
    assert_eq!(
        admit(&wanted, &[]).expect_err("refused"),
        "pods \"one\" is forbidden: pod rejected: RuntimeClass \"r\" not found"
    );
}

fn range(limit: Value) -> Value {
    let mut range = json!({"kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [limit]}});
    LimitRangeStrategy.default(&mut range);
    range
}

#[test]
fn limit_ranges_fill_in_and_say_so() {
    let limit =
        json!({"type": "Container", "default": {"cpu": "500m", "memory": "1Gi"}, "defaultRequest": {"cpu": "250m"}});
    let admitted = admit(&container(&json!({"limits": {"cpu": "1"}})), &[range(limit)]).expect("admitted");
    let resources = &admitted["spec"]["containers"][0]["resources"];
    assert_eq!(resources["limits"], json!({"cpu": "1", "memory": "1Gi"}));
    assert_eq!(resources["requests"], json!({"cpu": "1", "memory": "1Gi"}));
    assert_eq!(
        admitted["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: memory request for container main; memory limit for container main"
    );
}

#[test]
fn limit_ranges_refuse_what_is_too_much_or_too_little() {
    let limit = json!({
        "type": "Container", "min": {"cpu": "100m"}, "max": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "2"},
    });
    let resources = json!({"requests": {"cpu": "50m"}, "limits": {"cpu": "2"}});
    assert_eq!(
        admit(&container(&resources), &[range(limit)]).expect_err("refused"),
        "pods \"one\" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, \
         maximum cpu usage per Container is 1, but limit is 2, \
         cpu max limit to request ratio per Container is 2, but provided ratio is 40.000000]"
    );
    let whole = json!({"type": "Pod", "max": {"memory": "1Gi"}});
    let big = container(&json!({"limits": {"memory": "2Gi"}}));
    assert_eq!(
        admit(&big, &[range(whole)]).expect_err("refused"),
        "pods \"one\" is forbidden: maximum memory usage per Pod is 1Gi, but limit is 2Gi"
    );
}

fn quota(hard: &Value, used: &Value, spec: &Value) -> Value {
    let quota = json!({
        "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": hard},
        "status": {"hard": hard, "used": used},
    });
    with(quota, &json!({ "spec": spec }))
}

fn charged(resource: &Gvr, object: &Value, quota: Value) -> Result<Option<Value>, String> {
    let charges = charges(&attempt(resource), object, &Cluster::with(&[quota])).map_err(|status| status.message)?;
    Ok(charges.into_iter().next().map(|charge| charge.after["status"]["used"].clone()))
}

#[test]
fn quotas_count_until_they_are_full() {
    let none = json!({});
    let pod = admit(&container(&json!({"requests": {"cpu": "500m"}})), &[]).expect("admitted");
    let hard = json!({"pods": "2", "requests.cpu": "1"});
    let used = charged(&PODS, &pod, quota(&hard, &json!({"pods": "1", "requests.cpu": "500m"}), &none));
    assert_eq!(used, Ok(Some(json!({"pods": "2", "requests.cpu": "1"}))));
    assert_eq!(
        charged(&PODS, &pod, quota(&hard, &json!({"pods": "2", "requests.cpu": "0"}), &none)),
        Err("pods \"one\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2".to_owned())
    );
    assert_eq!(
        charged(&PODS, &pod, quota(&hard, &json!({"pods": "1"}), &none)),
        Err("pods \"one\" is forbidden: status unknown for quota: q, resources: pods,requests.cpu".to_owned())
    );
    let bare = admit(&json!({}), &[]).expect("admitted");
    assert_eq!(
        charged(&PODS, &bare, quota(&hard, &json!({"pods": "0", "requests.cpu": "0"}), &none)),
        Err("pods \"one\" is forbidden: failed quota: q: must specify requests.cpu for: main".to_owned())
    );
    let jobs = Gvr::known("batch", "v1", "jobs");
    let hard = json!({"count/jobs.batch": "1"});
    assert_eq!(
        charged(&jobs, &json!({}), quota(&hard, &json!({"count/jobs.batch": "0"}), &none)),
        Ok(Some(hard.clone()))
    );
    assert!(charged(&jobs, &json!({}), quota(&hard, &hard, &none)).is_err());
    assert_eq!(charged(&PODS, &bare, quota(&hard, &hard, &none)), Ok(None));
}

#[test]
fn scopes_choose_the_pods_that_count() {
    let (hard, none) = (json!({"pods": "1"}), json!({"pods": "0"}));
    let bare = admit(&json!({}), &[]).expect("admitted");
    let counted = |spec: Value| charged(&PODS, &bare, quota(&hard, &none, &spec)).expect("allowed").is_some();
    assert!(counted(json!({"scopes": ["BestEffort"]})) && !counted(json!({"scopes": ["NotBestEffort"]})));
    assert!(counted(json!({"scopes": ["NotTerminating"]})) && !counted(json!({"scopes": ["Terminating"]})));
    let classes = |operator: &str, values: Value| json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}});
    assert!(!counted(classes("In", json!(["high"]))) && counted(classes("NotIn", json!(["high"]))));
    assert!(!counted(classes("Exists", json!([]))));
}

#[test]
fn services_cost_ports_and_balancers_and_updates_what_they_add() {
    let services = Gvr::known("", "v1", "services");
    let service = |kind: &str| json!({"spec": {"type": kind, "ports": [{"port": 80}, {"port": 81}]}});
    let cost = usage::of(&services, &service("LoadBalancer"));
    let expected =
        json!({"count/services": "1", "services": "1", "services.loadbalancers": "1", "services.nodeports": "2"});
    assert_eq!(cost.to_value(), expected);
    let hard = json!({"services": "1", "services.nodeports": "2"});
    let full = quota(&hard, &json!({"services": "1", "services.nodeports": "0"}), &json!({}));
    let old = service("ClusterIP");
    let update = Attempt { old: Some(&old), ..attempt(&services) };
    let charge = charges(&update, &service("NodePort"), &Cluster::with(&[full])).expect("allowed").remove(0);
    assert_eq!(charge.after["status"]["used"], hard);
}

#[test]
fn ended_pods_cost_their_place_only() {
    let pod = with(pod(), &json!({"status": {"phase": "Succeeded"}}));
    assert_eq!(usage::of(&PODS, &pod).to_value(), json!({"count/pods": "1"}));
    let quota = json!({"spec": {"hard": {"pods": "5", "count/pods": "5", "secrets": "1"}}});
    let running = with(pod.clone(), &json!({"status": null}));
    let total = usage::total(&quota, [(&PODS, &pod), (&PODS, &running)].into_iter());
    assert_eq!(total.to_value(), json!({"count/pods": "2", "pods": "1", "secrets": "0"}));
}
