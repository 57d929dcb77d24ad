//! Which files a volume holds.

use std::collections::BTreeMap;

use api::k8s::api::core::v1::{Pod, Volume};
use serde_json::{Value, json};

use super::super::{Kind, kind};
use super::*;
use crate::environment::{Host, Sources};

fn files(volume: Value) -> Result<Vec<(String, String, u32)>, String> {
    let volume: Volume = serde_json::from_value(volume).unwrap();
    let map = json!({"metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}, "binaryData": {"raw": "AAE="}});
    let secret = json!({"metadata": {"name": "keys"}, "data": {"password": "aHVudGVyMg=="}});
    let pod = json!({"metadata": {"name": "p", "namespace": "n", "labels": {"x": "1", "app": "a\"b"}}, "spec": {
        "containers": [{"name": "c", "resources": {"limits": {"memory": "64Mi"}}}]}});
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let sources = Sources {
        config_maps: BTreeMap::from([("settings".to_owned(), serde_json::from_value(map).unwrap())]),
        secrets: BTreeMap::from([("keys".to_owned(), serde_json::from_value(secret).unwrap())]),
        ..Sources::default()
    };
    let host = Host { ip: "127.0.0.1".to_owned(), pod_ip: "127.64.0.7".to_owned(), cpus: 2, memory_bytes: 1 << 30 };
    let tokens = BTreeMap::from([((String::new(), 3607), "token".to_owned())]);
    let found = Found { pod: &pod, host: &host, sources: &sources, tokens: &tokens };
    let Kind::Files(projections) = kind(&volume) else { panic!("not a volume of files: {volume:?}") };
    let mut files = Files::default();
    for projection in &projections {
        projection.write(&found, &mut files)?;
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(files.0.into_iter().map(|(path, file)| (path, text(file.bytes), file.mode)).collect())
}

fn file(path: &str, text: &str, mode: u32) -> (String, String, u32) {
    (path.to_owned(), text.to_owned(), mode)
}

#[test]
fn all_keys_of_a_config_map_become_files() {
    let expected = [file("a", "1", 0o644), file("b", "2", 0o644), file("raw", "\0\u{1}", 0o644)];
    assert_eq!(files(json!({"name": "v", "configMap": {"name": "settings"}})).unwrap(), expected);
}

#[test]
fn items_choose_keys_paths_and_modes() {
    let items = json!([{"key": "b", "path": "deep/b.txt"}, {"key": "a", "path": "a.sh", "mode": 0o500}]);
    let volume = json!({"name": "v", "configMap": {"name": "settings", "defaultMode": 0o600, "items": items}});
    assert_eq!(files(volume).unwrap(), [file("a.sh", "1", 0o500), file("deep/b.txt", "2", 0o600)]);
}

#[test]
fn what_is_missing_and_not_optional_is_named_in_upstreams_words() {
    let none = json!({"name": "v", "configMap": {"name": "none"}});
    assert_eq!(files(none).unwrap_err(), "configmap \"none\" not found");
    let none = json!({"name": "v", "secret": {"secretName": "none", "optional": true}});
    assert_eq!(files(none).unwrap(), []);
    let items = json!([{"key": "user", "path": "user"}]);
    let key = json!({"name": "v", "secret": {"secretName": "keys", "items": items}});
    assert_eq!(files(key).unwrap_err(), "secret references non-existent secret key: user");
    let key = json!({"name": "v", "secret": {"secretName": "keys", "items": items, "optional": true}});
    assert_eq!(files(key).unwrap(), []);
}

#[test]
fn a_projected_volume_joins_its_sources() {
    let downward = json!([
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "limit", "mode": 0o400, "resourceFieldRef": {"containerName": "c", "resource": "limits.memory", "divisor": "1Mi"}},
    ]);
    let volume = json!({"name": "v", "projected": {"sources": [
        {"secret": {"name": "keys"}},
        {"configMap": {"name": "settings", "items": [{"key": "a", "path": "password"}]}},
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"downwardAPI": {"items": downward}},
    ]}});
    let expected = [
        file("labels", "app=\"a\\\"b\"\nx=\"1\"", 0o644),
        file("limit", "64", 0o400),
        file("password", "1", 0o644),
        file("token", "token", 0o644),
    ];
    assert_eq!(files(volume).unwrap(), expected);
}

#[test]
fn a_volume_of_another_kind_is_named_by_its_field() {
    let volume = json!({"name": "v", "persistentVolumeClaim": {"claimName": "c"}});
    let volume: Volume = serde_json::from_value(volume).unwrap();
    assert_eq!(kind(&volume), Kind::Unsupported("persistentVolumeClaim"));
}
