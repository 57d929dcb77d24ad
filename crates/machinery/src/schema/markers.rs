//! Reads `markers.txt` and `implicit.txt`: what the JSON schemas do not say. The tables are part of the program, so a
//! line that cannot be read is a bug and not an error.

use std::collections::HashMap;

use serde_json::Value;

use super::{ListType, MergeKey};

const TABLE: &str = include_str!("markers.txt");
const IMPLICIT: &str = include_str!("implicit.txt");

/// What the table says of one field.
#[derive(Clone, Debug, Default)]
pub(super) struct Markers {
    pub(super) list: Option<ListType>,
    pub(super) merge: Option<MergeKey>,
    pub(super) retain_keys: bool,
    pub(super) atomic: bool,
    pub(super) patch_strategy: Option<&'static str>,
    pub(super) go_type: Option<&'static str>,
}

/// What the table says of one type.
#[derive(Debug, Default)]
pub(super) struct TypeMarkers {
    pub(super) atomic: bool,
    pub(super) fields: HashMap<&'static str, Markers>,
}

/// The table by short type name, such as `batch.v1.JobSpec`.
pub(super) fn table() -> HashMap<&'static str, TypeMarkers> {
    let mut types: HashMap<&str, TypeMarkers> = HashMap::new();
    let mut current = "";
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        if line.starts_with(' ') {
            let of = types.get_mut(current).expect("a field line follows a type line");
            of.fields.insert(name, read(words));
        } else {
            current = name;
            types.insert(name, TypeMarkers { atomic: words.next() == Some("atomic"), ..TypeMarkers::default() });
        }
    }
    types
}

fn read(words: impl Iterator<Item = &'static str>) -> Markers {
    let mut markers = Markers::default();
    let (mut list, mut keys, mut by) = (None, Vec::new(), None);
    for word in words {
        match word.split_once('=').expect("a marker is NAME=VALUE") {
            ("list", kind) => list = Some(kind),
            ("keys", names) => keys = names.split(',').map(Box::from).collect(),
            ("map", _) => markers.atomic = true,
            ("patch", strategy) => markers.patch_strategy = Some(strategy),
            ("by", key) => by = Some(key),
            ("go", name) => markers.go_type = Some(name),
            (other, _) => unreachable!("no marker is called {other}"),
        }
    }
    markers.list = list.map(|kind| match kind {
        "map" => ListType::Map(keys),
        "set" => ListType::Set,
        _ => ListType::Atomic,
    });
    let strategies = markers.patch_strategy.unwrap_or_default();
    markers.retain_keys = strategies.split(',').any(|strategy| strategy == "retainKeys");
    if strategies.split(',').any(|strategy| strategy == "merge") {
        markers.merge = Some(by.map_or(MergeKey::Primitive, |key| MergeKey::Field(key.into())));
    }
    markers
}

/// `implicit.txt`: by short type name, the fields that Go objects have when the JSON lacks them.
pub(super) fn implicit() -> HashMap<&'static str, Vec<(&'static str, Value)>> {
    let of = |line: &'static str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let field = |word: &'static str| {
            let (field, value) = word.split_once('=').expect("a field is NAME=JSON");
            (field, serde_json::from_str(value).expect("the table holds JSON"))
        };
        Some((name, words.map(field).collect()))
    };
    IMPLICIT.lines().filter(|line| !line.starts_with('#')).filter_map(of).collect()
}

/// The name of a definition in the table: `io.k8s.api.batch.v1.Job` is `batch.v1.Job`.
pub(crate) fn short_name(definition: &str) -> &str {
    ["io.k8s.apimachinery.pkg.apis.", "io.k8s.api."]
        .iter()
        .find_map(|prefix| definition.strip_prefix(prefix))
        .unwrap_or(definition)
}
