//! Objects in, addresses out.

use serde_json::{Value, json};

use super::*;

fn object(value: Value) -> Object {
    let mut value = value;
    value["metadata"]["namespace"] = json!("default");
    value["metadata"]["uid"] = json!("u");
    Object::from_value(&value).unwrap()
}

fn service(name: &str, spec: Value) -> Object {
    object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}))
}

fn slice(name: &str, service: &str, ports: Value, endpoints: Value) -> Object {
    object(json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}},
        "ports": ports, "endpoints": endpoints,
    }))
}

fn shown(state: &State) -> Vec<String> {
    let line = |(address, front): (SocketAddr, Front)| {
        let backends: Vec<String> = front.backends.iter().map(ToString::to_string).collect();
        format!("{address} {} -> {}", front.service.name, backends.join(" "))
    };
    state.table().into_iter().map(line).collect()
}

fn endpoint(ip: &str, conditions: Value) -> Value {
    json!({"addresses": [ip], "conditions": conditions})
}

#[test]
fn ports_of_a_service_lead_to_the_ready_endpoints_of_the_port_of_that_name() {
    let mut state = State::default();
    let ports =
        json!([{"name": "a", "port": 80}, {"name": "b", "port": 81}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    state.apply(Source::Services, &service("web", json!({"clusterIP": "127.96.0.7", "ports": ports})));
    let served = json!([{"name": "a", "port": 8080, "protocol": "TCP"}, {"name": "b", "port": 8081}]);
    let endpoints = json!([
        endpoint("127.64.0.2", json!({"ready": true})),
        endpoint("127.64.0.1", json!({})),
        endpoint("127.64.0.3", json!({"ready": false})),
    ]);
    state.apply(Source::Slices, &slice("web-1", "web", served, endpoints));
    state.apply(
        Source::Slices,
        &slice(
            "web-2",
            "web",
            json!([{"name": "a", "port": 9090}]),
            json!([endpoint("127.64.0.9", json!({"ready": true}))]),
        ),
    );
    let expected = [
        "127.96.0.7:80 web -> 127.64.0.1:8080 127.64.0.2:8080 127.64.0.9:9090",
        "127.96.0.7:81 web -> 127.64.0.1:8081 127.64.0.2:8081",
    ];
    assert_eq!(shown(&state), expected);
}

#[test]
fn a_service_without_ready_endpoints_falls_back_to_those_that_still_serve() {
    let mut state = State::default();
    state.apply(Source::Services, &service("web", json!({"clusterIP": "127.96.0.7", "ports": [{"port": 80}]})));
    assert_eq!(shown(&state), ["127.96.0.7:80 web -> "]);
    let ending = json!({"ready": false, "serving": true, "terminating": true});
    let endpoints = json!([
        endpoint("127.64.0.1", ending),
        endpoint("127.64.0.2", json!({"ready": false, "serving": false, "terminating": true}))
    ]);
    let slice = slice("web-1", "web", json!([{"port": 80}]), endpoints);
    state.apply(Source::Slices, &slice);
    assert_eq!(shown(&state), ["127.96.0.7:80 web -> 127.64.0.1:80"]);
    state.remove(Source::Slices, &slice);
    assert_eq!(shown(&state), ["127.96.0.7:80 web -> "]);
}

#[test]
fn endpoints_count_where_there_are_no_slices() {
    let mut state = State::default();
    state.apply(Source::Services, &service("db", json!({"clusterIP": "127.96.0.7", "ports": [{"port": 80}]})));
    let endpoints = object(json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "db"},
        "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "notReadyAddresses": [{"ip": "10.0.0.2"}], "ports": [{"port": 5432}]}],
    }));
    state.apply(Source::Endpoints, &endpoints);
    assert_eq!(shown(&state), ["127.96.0.7:80 db -> 10.0.0.1:5432"]);
    let slice = slice("db-1", "db", json!([{"port": 1}]), json!([]));
    state.apply(Source::Slices, &slice);
    assert_eq!(shown(&state), ["127.96.0.7:80 db -> "]);
}

#[test]
fn node_ports_are_at_the_nodes_address() {
    let mut state = State::default();
    let ports = json!([{"port": 80, "nodePort": 30080}]);
    state.apply(
        Source::Services,
        &service("web", json!({"type": "NodePort", "clusterIP": "127.96.0.7", "ports": ports})),
    );
    assert_eq!(shown(&state), ["127.0.0.1:30080 web -> ", "127.96.0.7:80 web -> "]);
}

#[test]
fn what_has_no_address_of_this_machine_has_no_entry() {
    let mut state = State::default();
    let ports = json!([{"port": 80}]);
    let cases = [
        ("headless", json!({"clusterIP": "None", "ports": ports})),
        ("elsewhere", json!({"clusterIP": "10.96.0.7", "ports": ports})),
        ("external", json!({"type": "ExternalName", "externalName": "example.com", "ports": ports})),
        ("kubernetes", json!({"clusterIP": "127.96.0.1", "ports": [{"port": 443}]})),
    ];
    for (name, spec) in cases {
        state.apply(Source::Services, &service(name, spec));
    }
    assert_eq!(shown(&state), Vec::<String>::new());
}

#[test]
fn an_affinity_lasts_three_hours_unless_the_service_says() {
    let seconds = |spec: Value| affinity(&serde_json::from_value(spec).unwrap()).map(|it| it.as_secs());
    assert_eq!(seconds(json!({"sessionAffinity": "None"})), None);
    assert_eq!(seconds(json!({"sessionAffinity": "ClientIP"})), Some(10_800));
    let config = json!({"clientIP": {"timeoutSeconds": 5}});
    assert_eq!(seconds(json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": config})), Some(5));
}

#[test]
fn what_has_no_effect_is_named() {
    let notes = |spec: Value| unhonoured(&serde_json::from_value(spec).unwrap());
    let ports = json!([{"port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 9, "protocol": "SCTP"}]);
    let expected = ["spec.ports[1].protocol: UDP is not forwarded", "spec.ports[2].protocol: SCTP is not forwarded"];
    assert_eq!(notes(json!({"clusterIP": "127.96.0.7", "ports": ports})), expected);
    assert_eq!(notes(json!({"clusterIP": "None", "ports": ports})), Vec::<String>::new(), "names need no proxy");
    let all = notes(json!({"type": "LoadBalancer", "externalIPs": ["1.2.3.4"], "ports": [{"port": 80}]}));
    assert_eq!(all, ["spec.type: there is no load balancer; the node port is bound", "spec.externalIPs: not bound"]);
    assert!(notes(json!({"type": "ExternalName", "externalName": "a.b"}))[0].starts_with("spec.externalName:"));
}
