//! What the server says of itself: discovery and OpenAPI.

use std::collections::BTreeMap;

use super::*;

/// The facts of one resource or subresource, as discovery has them.
#[derive(Debug, PartialEq)]
struct Facts(BTreeMap<String, String>);

impl Facts {
    /// A line of `discovery.txt` without its group, version and name.
    fn parse(words: &[&str]) -> Self {
        let (kind, scope) = (words[0], words[1]);
        let mut facts: BTreeMap<String, String> = words[2..]
            .iter()
            .map(|word| word.split_once('=').expect("a fact is NAME=VALUE"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        facts.insert("kind".to_owned(), kind.to_owned());
        facts.insert("scope".to_owned(), scope.to_owned());
        Self(facts)
    }

    /// An entry of an `APIResourceList`.
    fn of(resource: &Value) -> Self {
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        let joined = |name: &str| {
            let items = resource[name].as_array().into_iter().flatten().filter_map(Value::as_str);
            items.collect::<Vec<_>>().join(",")
        };
        let kind = [text("group"), text("version"), text("kind")];
        let kind: Vec<&str> = kind.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let scope = if resource["namespaced"] == true { "namespaced" } else { "cluster" };
        let facts = [
            ("kind", kind.join("/")),
            ("scope", scope.to_owned()),
            ("singular", text("singularName")),
            ("short", joined("shortNames")),
            ("categories", joined("categories")),
            ("verbs", joined("verbs")),
        ];
        Self(
            facts
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }
}

/// Upstream's facts by group and version and by name.
fn upstream() -> BTreeMap<(String, String), Facts> {
    let lines = include_str!("discovery.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            ((words[0].to_owned(), words[1].to_owned()), Facts::parse(&words[2..]))
        })
        .collect()
}

#[tokio::test]
async fn discovery_lists_every_resource_as_upstream_does() {
    let upstream = upstream();
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    for case in cases() {
        let kind = &case.descriptor.kind;
        let path = if kind.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", kind.api_version()) };
        let list = client.get(&path).await.json();
        assert_eq!(list["groupVersion"], kind.api_version());
        let ours = case.descriptor.plural;
        let listed = list["resources"].as_array().unwrap();
        assert!(listed.iter().any(|resource| resource["name"] == ours), "{ours}");
        for resource in listed {
            let name = resource["name"].as_str().unwrap();
            if name.split('/').next() != Some(ours) {
                continue;
            }
            // Versions that upstream no longer serves are not in its lists.
            if let Some(expected) = upstream.get(&(kind.api_version(), name.to_owned())) {
                assert_eq!(Facts::of(resource), *expected, "{path} {name}");
            } else {
                assert!(kind.version.contains("beta"), "{path} {name} is nothing that upstream serves");
            }
        }
    }
}

#[tokio::test]
async fn aggregated_discovery_says_what_the_legacy_form_says() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let mut found = 0;
    for index in ["/api", "/apis"] {
        let document = client.get_as(index, accept).await.json();
        for group in document["items"].as_array().unwrap() {
            for version in group["versions"].as_array().unwrap() {
                let name = group["metadata"]["name"].as_str().map(|name| format!("/{name}")).unwrap_or_default();
                let legacy =
                    client.get(&format!("{index}{name}/{}", version["version"].as_str().unwrap())).await.json();
                for resource in version["resources"].as_array().unwrap() {
                    let same = |one: &&Value| one["name"] == resource["resource"];
                    let one = legacy["resources"].as_array().unwrap().iter().find(same).expect("both list it");
                    assert_eq!(resource["responseKind"]["kind"], one["kind"]);
                    assert_eq!(resource["singularResource"], one["singularName"]);
                    for names in ["shortNames", "categories", "verbs"] {
                        assert_eq!(resource.get(names), one.get(names), "{names} of {one}");
                    }
                    found += 1;
                }
            }
        }
    }
    assert!(found >= cases().len());
}

#[tokio::test]
async fn the_preferred_version_comes_first() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let groups = client.get("/apis").await.json();
    for group in groups["groups"].as_array().unwrap() {
        let versions: Vec<&str> =
            group["versions"].as_array().unwrap().iter().map(|version| version["version"].as_str().unwrap()).collect();
        assert_eq!(group["preferredVersion"]["version"], versions[0]);
        let mut stable_first = versions.clone();
        stable_first.sort_by_key(|version| version.contains("beta"));
        assert_eq!(versions, stable_first);
    }
}

#[tokio::test]
async fn openapi_describes_every_resource() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    for case in cases() {
        let Descriptor { kind, plural, namespaced, .. } = case.descriptor;
        let group = if kind.group.is_empty() { "api/v1".to_owned() } else { format!("apis/{}", kind.api_version()) };
        let document = client.get(&format!("/openapi/v3/{group}")).await.json();
        let namespace = if *namespaced { "namespaces/{namespace}/" } else { "" };
        let path = &document["paths"][format!("/{group}/{namespace}{plural}/{{name}}")];
        let gvk = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        for method in ["get", "put", "patch", "delete"] {
            assert_eq!(path[method]["x-kubernetes-group-version-kind"], gvk, "{method} of {plural}");
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let of_kind = |schema: &&Value| {
            schema["x-kubernetes-group-version-kind"].as_array().is_some_and(|kinds| kinds.contains(&gvk))
        };
        let schema = schemas.values().find(of_kind).unwrap_or_else(|| panic!("{} has a schema", kind.qualified()));
        for field in case.object.as_object().unwrap().keys() {
            assert!(schema["properties"].get(field).is_some(), "{}.{field}", kind.kind);
        }
    }
}
