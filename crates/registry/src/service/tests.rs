//! Services: what they are given, what they may say and what stays.

use std::sync::Arc;

use api::{Gvr, Object};
use serde_json::{Value, json};

use super::{ServiceRange, ServiceStrategy};
use crate::fixtures::{created, texts, updated, with};
use crate::strategy::Strategy;
use crate::surroundings::Surroundings;

/// Other Services, and draws that always give the lowest number.
#[derive(Default)]
struct Others(Vec<Value>);

impl Surroundings for Others {
    fn get(&self, _: &Gvr, _: Option<&str>, _: &str) -> Option<Arc<Object>> {
        None
    }

    fn list(&self, _: &Gvr, _: Option<&str>) -> Vec<Arc<Object>> {
        self.0.iter().map(|value| Arc::new(Object::from_value(value).expect("an object"))).collect()
    }

    fn draw(&self, _: u32) -> u32 {
        0
    }
}

fn service(spec: &Value) -> Value {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "default"},
        "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]},
    });
    with(service, &json!({ "spec": spec }))
}

fn create(spec: &Value, others: &dyn Surroundings) -> Result<Value, Vec<String>> {
    let mut object = service(spec);
    ServiceStrategy.default(&mut object);
    ServiceStrategy.allocate(&mut object, None, others).map_err(|status| vec![status.message])?;
    let object = created(&ServiceStrategy, object);
    let errors = texts(ServiceStrategy.validate_create(&object));
    if errors.is_empty() { Ok(object) } else { Err(errors) }
}

fn update(old: &Value, patch: &Value) -> Result<Value, Vec<String>> {
    let mut new = with(old.clone(), patch);
    ServiceStrategy.default(&mut new);
    ServiceStrategy.allocate(&mut new, Some(old), &Others::default()).map_err(|status| vec![status.message])?;
    let new = updated(&ServiceStrategy, new, old, None);
    let errors = texts(ServiceStrategy.validate_update(&new, old, None));
    if errors.is_empty() { Ok(new) } else { Err(errors) }
}

fn made(spec: &Value) -> Value {
    create(spec, &Others::default()).expect("valid")
}

fn errors(spec: &Value) -> Vec<String> {
    create(spec, &Others::default()).expect_err("refused")
}

/// A cluster whose Services have addresses of the loopback network.
struct OnLoopback;

impl Surroundings for OnLoopback {
    fn get(&self, _: &Gvr, _: Option<&str>, _: &str) -> Option<Arc<Object>> {
        None
    }

    fn list(&self, _: &Gvr, _: Option<&str>) -> Vec<Arc<Object>> {
        Vec::new()
    }

    fn service_range(&self) -> ServiceRange {
        ServiceRange::of_16_bits(127, 96)
    }

    fn draw(&self, _: u32) -> u32 {
        0
    }
}

#[test]
fn an_address_is_of_the_clusters_range() {
    let given = create(&json!({}), &OnLoopback).expect("valid");
    assert_eq!(given["spec"]["clusterIP"], "127.96.0.2");
    assert_eq!(OnLoopback.service_range().api_server().to_string(), "127.96.0.1");
    for asked in ["127.96.0.1", "127.96.255.254"] {
        assert_eq!(create(&json!({"clusterIP": asked}), &OnLoopback).expect("valid")["spec"]["clusterIP"], asked);
    }
    for outside in ["127.96.0.0", "127.96.255.255", "127.97.0.1", "10.96.0.2"] {
        let refused = create(&json!({"clusterIP": outside}), &OnLoopback).expect_err("refused");
        assert!(refused[0].ends_with("the provided network does not match the current range"), "{refused:?}");
    }
}

#[test]
fn a_service_gets_an_address_of_its_own() {
    let first = made(&json!({}));
    let expected = json!({
        "clusterIP": "10.96.0.2", "clusterIPs": ["10.96.0.2"], "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "selector": {"app": "a"}, "sessionAffinity": "None",
        "type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
    });
    assert_eq!((&first["spec"], &first["status"]), (&expected, &json!({"loadBalancer": {}})));
    let other = with(first, &json!({"metadata": {"name": "other"}}));
    let second = create(&json!({}), &Others(vec![other.clone()])).expect("valid");
    assert_eq!(second["spec"]["clusterIP"], "10.96.0.3");
    let taken = create(&json!({"clusterIP": "10.96.0.2"}), &Others(vec![other])).expect_err("refused");
    assert_eq!(
        taken,
        [
            "Service \"a\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.2\"]: failed to allocate IP 10.96.0.2: provided IP is already allocated"
        ]
    );
    assert!(
        errors(&json!({"clusterIP": "1.2.3.4"}))[0].ends_with("the provided network does not match the current range")
    );
    assert!(
        errors(&json!({"clusterIP": "x"}))[0].contains("spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP")
    );
    assert!(
        errors(&json!({"ipFamilies": ["IPv6"]}))[0]
            .contains("spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured")
    );
}

#[test]
fn node_ports_are_given_once() {
    let ports = json!([
        {"name": "a", "port": 80}, {"name": "b", "port": 80, "protocol": "UDP"}, {"name": "c", "port": 81}
    ]);
    let first = made(&json!({"type": "NodePort", "ports": ports}));
    let given: Vec<&Value> =
        first["spec"]["ports"].as_array().expect("ports").iter().map(|port| &port["nodePort"]).collect();
    assert_eq!(given, [&json!(30000), &json!(30000), &json!(30001)]);
    assert_eq!(first["spec"]["externalTrafficPolicy"], "Cluster");
    let other = with(first, &json!({"metadata": {"name": "other"}}));
    let wanted = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30000}]});
    let refused = create(&wanted, &Others(vec![other])).expect_err("refused");
    assert!(refused[0].ends_with("spec.ports[0].nodePort: Invalid value: 30000: provided port is already allocated"));
    let outside = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]});
    assert!(
        errors(&outside)[0]
            .ends_with("provided port is not in the valid range. The range of valid ports is 30000-32767")
    );
}

#[test]
fn headless_and_external_services_have_no_address() {
    let headless = made(&json!({"clusterIP": "None", "ports": null}));
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let bare = made(&json!({"clusterIP": "None", "selector": null}));
    let dual = (&json!("RequireDualStack"), &json!(["IPv4", "IPv6"]));
    assert_eq!((&bare["spec"]["ipFamilyPolicy"], &bare["spec"]["ipFamilies"]), dual);
    let external = made(&json!({"type": "ExternalName", "externalName": "example.com.", "ports": null}));
    let spec = json!({
        "type": "ExternalName", "externalName": "example.com.", "selector": {"app": "a"}, "sessionAffinity": "None",
    });
    assert_eq!(external["spec"], spec);
    assert_eq!(errors(&json!({"type": "ExternalName", "ports": null})), ["spec.externalName: Required value"]);
    assert_eq!(errors(&json!({"ports": null})), ["spec.ports: Required value"]);
}

#[test]
fn an_address_stays_until_the_service_needs_none() {
    let old = made(&json!({}));
    let kept = update(&old, &json!({"spec": {"clusterIP": null, "clusterIPs": null, "ports": [{"port": 81}]}}));
    assert_eq!(kept.expect("valid")["spec"]["clusterIP"], "10.96.0.2");
    assert_eq!(
        update(&old, &json!({"spec": {"clusterIP": "10.96.0.9"}})).expect_err("refused"),
        ["spec.clusterIPs[0]: Invalid value: [\"10.96.0.9\"]: may not change once set"]
    );
    let external = json!({"spec": {"type": "ExternalName", "externalName": "x.example"}});
    let released = update(&old, &external).expect("valid");
    assert_eq!(released["spec"].get("clusterIP"), None);
    let back = update(&released, &json!({"spec": {"type": "ClusterIP", "externalName": null}})).expect("valid");
    assert_eq!(back["spec"]["clusterIP"], "10.96.0.2");
}

#[test]
fn node_ports_stay_and_go_with_the_type() {
    let old = made(&json!({"type": "NodePort"}));
    let kept = update(&old, &json!({"spec": {"ports": [{"port": 90}]}})).expect("valid");
    assert_eq!(kept["spec"]["ports"][0]["nodePort"], 30000);
    let plain = update(&old, &json!({"spec": {"type": "ClusterIP"}})).expect("valid");
    assert_eq!((plain["spec"]["ports"][0].get("nodePort"), plain["spec"].get("externalTrafficPolicy")), (None, None));
}

#[test]
fn fields_belong_to_their_type() {
    assert_eq!(
        errors(&json!({
            "loadBalancerSourceRanges": ["10.0.0.1/8"], "loadBalancerClass": "x", "externalTrafficPolicy": "Local",
            "sessionAffinity": "x", "ports": [{"port": 80, "nodePort": 30000, "targetPort": "UP"}],
        })),
        [
            "spec.ports[0].targetPort: Invalid value: \"UP\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            "spec.ports[0].targetPort: Invalid value: \"UP\": must contain at least one letter (a-z)",
            "spec.sessionAffinity: Unsupported value: \"x\": supported values: \"ClientIP\", \"None\"",
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.LoadBalancerSourceRanges[0]: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length",
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
        ]
    );
    assert_eq!(
        errors(&json!({"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 80}]})),
        [
            "spec.ports[1].name: Duplicate value: \"a\"",
            "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
        ]
    );
}

#[test]
fn rows_show_addresses_and_ports() {
    let row = |object: &Value| ServiceStrategy.row(object, jiff::Timestamp::UNIX_EPOCH).cells;
    let cells = row(&made(&json!({"type": "LoadBalancer"})));
    assert_eq!(cells[1..5], [json!("LoadBalancer"), json!("10.96.0.2"), json!("<pending>"), json!("80:30000/TCP")]);
    assert_eq!(cells[6], "app=a");
    let external = made(&json!({"type": "ExternalName", "externalName": "a.b", "ports": null, "selector": null}));
    let cells = row(&external);
    assert_eq!(cells[2..5], [json!("<none>"), json!("a.b"), json!("<none>")]);
}
