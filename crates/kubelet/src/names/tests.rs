//! Objects in, lines out.

use serde_json::{Value, json};

use super::*;

fn object(value: Value) -> Object {
    let mut value = value;
    value["metadata"]["uid"] = json!("u");
    Object::from_value(&value).unwrap()
}

fn service(namespace: &str, name: &str, spec: Value) -> Object {
    object(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}),
    )
}

fn slice(service: &str, endpoints: Value) -> Object {
    object(json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": endpoints,
        "metadata": {"name": format!("{service}-x"), "namespace": "default", "labels": {"kubernetes.io/service-name": service}},
    }))
}

fn pod(spec: Value) -> Pod {
    let mut spec = spec;
    spec["containers"] = json!([]);
    serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "default"}, "spec": spec})).unwrap()
}

#[test]
fn services_have_short_names_in_their_namespace_and_long_ones_elsewhere() {
    let mut directory = Directory::default();
    directory.apply(Source::Services, &service("other", "db", json!({"clusterIP": "127.96.0.8"})));
    directory.apply(Source::Services, &service("default", "redis", json!({"clusterIP": "127.96.0.7"})));
    directory.apply(Source::Services, &service("default", "kubernetes", json!({"clusterIP": "127.96.0.1"})));
    directory
        .apply(Source::Services, &service("default", "out", json!({"type": "ExternalName", "externalName": "a.b"})));
    let expected = [
        "127.96.0.7\tredis.default.svc.cluster.local\tredis\tredis.default\tredis.default.svc",
        "127.96.0.8\tdb.other.svc.cluster.local\tdb.other\tdb.other.svc",
    ];
    assert_eq!(directory.lines("default"), expected);
    let changed = service("default", "redis", json!({"type": "ExternalName", "externalName": "a.b"}));
    directory.apply(Source::Services, &changed);
    assert_eq!(directory.lines("default"), expected[1..]);
    directory.clear(Source::Services);
    assert!(directory.lines("default").is_empty());
}

#[test]
fn a_headless_service_has_the_addresses_of_its_ready_pods_and_their_names() {
    let mut directory = Directory::default();
    directory.apply(Source::Services, &service("default", "svc", json!({"clusterIP": "None"})));
    let endpoints = json!([
        {"addresses": ["127.64.0.2"], "hostname": "pi-1", "conditions": {"ready": true}},
        {"addresses": ["127.64.0.1"], "hostname": "pi-0", "conditions": {}},
        {"addresses": ["127.64.0.3"], "hostname": "pi-2", "conditions": {"ready": false}},
        {"addresses": ["127.64.0.4"]},
    ]);
    let slice = slice("svc", endpoints);
    directory.apply(Source::Slices, &slice);
    let of_all = "svc.default.svc.cluster.local\tsvc\tsvc.default\tsvc.default.svc";
    let of_one = |host: &str| {
        format!("{host}.svc.default.svc.cluster.local\t{host}.svc\t{host}.svc.default\t{host}.svc.default.svc")
    };
    let expected = [
        format!("127.64.0.1\t{of_all}"),
        format!("127.64.0.2\t{of_all}"),
        format!("127.64.0.4\t{of_all}"),
        format!("127.64.0.1\t{}", of_one("pi-0")),
        format!("127.64.0.2\t{}", of_one("pi-1")),
    ];
    assert_eq!(directory.lines("default"), expected);
    directory.remove(Source::Slices, &slice);
    assert!(directory.lines("default").is_empty());
}

#[test]
fn a_hosts_file_is_bounded() {
    let mut directory = Directory::default();
    for number in 0..LINES_MAX + 2 {
        directory
            .apply(Source::Services, &service("default", &format!("s{number}"), json!({"clusterIP": "127.96.0.8"})));
    }
    let lines = directory.lines("default");
    assert_eq!((lines.len(), lines[LINES_MAX].as_str()), (LINES_MAX + 1, "# 2 more are left out."));
}

#[test]
fn names_are_for_pods_that_ask_the_clusters_name_server() {
    let wanted = |spec: Value| are_wanted(&pod(spec).spec.unwrap());
    assert!(wanted(json!({})) && wanted(json!({"dnsPolicy": "ClusterFirst"})));
    assert!(!wanted(json!({"dnsPolicy": "Default"})) && !wanted(json!({"dnsPolicy": "None"})));
    assert!(!wanted(json!({"hostNetwork": true, "dnsPolicy": "ClusterFirst"})), "falls back to the host's");
    assert!(wanted(json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"})));
}

#[test]
fn a_pod_below_a_service_has_a_long_name() {
    let name = |spec: Value| own(&pod(spec));
    let plain = OwnName { host: "p".to_owned(), domain: None, system: "p".to_owned() };
    assert_eq!(name(json!({"setHostnameAsFQDN": true})), Ok(plain));
    let domain = "svc.default.svc.cluster.local";
    let below =
        |system: &str| OwnName { host: "pi-0".to_owned(), domain: Some(domain.to_owned()), system: system.to_owned() };
    assert_eq!(name(json!({"hostname": "pi-0", "subdomain": "svc"})), Ok(below("pi-0")));
    let spec = json!({"hostname": "pi-0", "subdomain": "svc", "setHostnameAsFQDN": true});
    assert_eq!(name(spec), Ok(below("pi-0.svc.default.svc.cluster.local")));
    let long = json!({"hostname": "h".repeat(40), "subdomain": "svc", "setHostnameAsFQDN": true});
    assert!(name(long).unwrap_err().ends_with("is too long (64 characters is the max, 70 characters requested)"));
    let other = name(json!({"hostname": "h", "subdomain": "s", "hostnameOverride": "a.b.c"})).unwrap();
    assert_eq!((other.host.as_str(), other.system.as_str(), other.domain), ("a.b.c", "a.b.c", None));
}

#[test]
fn the_hosts_file_has_the_pod_its_aliases_and_services() {
    let spec =
        json!({"hostname": "pi-0", "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["foo.remote", "bar.remote"]}]});
    let text = |spec: &Value, services: &[String]| {
        let pod = pod(spec.clone());
        hosts(&pod, &own(&pod).unwrap(), "127.0.0.1 localhost", "127.64.0.1", services)
    };
    let expected = "# Kubernetes-managed hosts file.\n127.0.0.1 localhost\n127.64.0.1\tpi-0\n\n\
        # Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n\n# Names of Services.\n1.2.3.4\tdb\n";
    assert_eq!(text(&spec, &["1.2.3.4\tdb".to_owned()]), expected);
    let spec = json!({"hostNetwork": true, "hostname": "pi-0", "subdomain": "s"});
    let expected = "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n\
        127.64.0.1\tpi-0.s.default.svc.cluster.local\tpi-0\n";
    assert_eq!(text(&spec, &[]), expected);
}
