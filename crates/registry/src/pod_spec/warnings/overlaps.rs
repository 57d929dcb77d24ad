//! Warnings about files of one volume that stand in each other's way (`warningsForOverlappingVirtualPaths`).

use std::collections::BTreeMap;

use api::field::go_quoted;
use serde_json::Value;

use crate::fields::{get, items, text};

/// A path in a volume, and where it comes from when several sources share the volume.
#[derive(Clone, PartialEq)]
struct Place {
    path: String,
    source: String,
}

impl Place {
    fn shown(&self) -> String {
        let path = go_quoted(&self.path);
        if self.source.is_empty() { path } else { format!("{path} ({})", self.source) }
    }
}

/// The paths of one volume, so ordered that those below a path follow it.
#[derive(Default)]
struct Places {
    by_path: BTreeMap<String, Vec<(usize, Place)>>,
    count: usize,
}

/// Collisions that are told of one path at the most: the rest say nothing new.
const MAX_COLLISIONS: usize = 64;

impl Places {
    /// Adds a path; tells of earlier ones that are the same, above it or below it, in the order of their coming.
    fn add(&mut self, path: &str, source: String) -> Vec<String> {
        let path = path.trim_end_matches('/').to_owned();
        let place = Place { path: path.clone(), source };
        let mut found: Vec<(usize, Place)> = Vec::new();
        if !path.is_empty() {
            let above = path.match_indices('/').map(|(end, _)| &path[..end]);
            above.filter_map(|above| self.by_path.get(above)).for_each(|places| found.extend_from_slice(places));
            found.extend(self.by_path.get(&path).into_iter().flatten().cloned());
            let below = format!("{path}/");
            let range = self.by_path.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
            range.take(MAX_COLLISIONS).for_each(|(_, places)| found.extend_from_slice(places));
            found.sort_by_key(|(order, _)| *order);
            found.truncate(MAX_COLLISIONS);
        }
        let texts = found.iter().map(|(_, other)| format!("{} with {}", place.shown(), other.shown())).collect();
        let same = self.by_path.entry(path).or_default();
        if same.len() < MAX_COLLISIONS {
            same.push((self.count, place));
        }
        self.count += 1;
        texts
    }
}

pub(super) fn warnings(warnings: &mut Vec<String>, volumes: &[Value]) {
    for volume in volumes {
        let name = go_quoted(text(volume, "name"));
        for kind in ["configMap", "secret", "downwardAPI"] {
            let Some(source) = get(volume, kind) else { continue };
            let described = described(kind, source);
            let mut places = Places::default();
            for item in items(source, "items") {
                for overlap in places.add(text(item, "path"), String::new()) {
                    warnings.push(format!("volume {name} ({described}): overlapping paths: {overlap}"));
                }
            }
        }
        if let Some(projected) = get(volume, "projected") {
            of_projected(warnings, &name, projected);
        }
    }
}

fn described(kind: &str, source: &Value) -> String {
    match kind {
        "configMap" => format!("ConfigMap {}", go_quoted(text(source, "name"))),
        // A projected secret has a name, the secret of a volume a secret name.
        "secret" => {
            let name = get(source, "secretName").or(get(source, "name")).and_then(Value::as_str).unwrap_or_default();
            format!("Secret {}", go_quoted(name))
        }
        _ => "DownwardAPI".to_owned(),
    }
}

fn of_projected(warnings: &mut Vec<String>, name: &str, projected: &Value) {
    let mut places = Places::default();
    for source in items(projected, "sources") {
        if source.as_object().is_none_or(serde_json::Map::is_empty) {
            warnings.push(format!("volume {name} (Projected) has no sources provided"));
        }
        for (path, source) in paths(source) {
            for overlap in places.add(path, source) {
                warnings.push(format!("volume {name} (Projected): overlapping paths: {overlap}"));
            }
        }
    }
}

/// The paths of one source, each with the source's name.
fn paths(source: &Value) -> Vec<(&str, String)> {
    for kind in ["configMap", "secret", "downwardAPI"] {
        if let Some(source) = get(source, kind).filter(|source| get(source, "items").is_some()) {
            return items(source, "items").iter().map(|item| (text(item, "path"), described(kind, source))).collect();
        }
    }
    if let Some(token) = get(source, "serviceAccountToken") {
        return vec![(text(token, "path"), "ServiceAccountToken".to_owned())];
    }
    if let Some(bundle) = get(source, "clusterTrustBundle") {
        let name = get(bundle, "name").or(get(bundle, "signerName")).and_then(Value::as_str).unwrap_or_default();
        return vec![(text(bundle, "path"), format!("ClusterTrustBundle {}", go_quoted(name)))];
    }
    let Some(certificate) = get(source, "podCertificate") else { return Vec::new() };
    let named = [
        ("certificateChainPath", "PodCertificate chain"),
        ("keyPath", "PodCertificate key"),
        ("credentialBundlePath", "PodCertificate credential bundle"),
    ];
    named
        .into_iter()
        .map(|(field, what)| (text(certificate, field), what.to_owned()))
        .filter(|(path, _)| !path.is_empty())
        .collect()
}
