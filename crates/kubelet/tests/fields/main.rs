//! `docs/pods.md` has a row for every field of a pod that there is, so that none is passed over in silence: the fields are
//! those of the types that are decoded, and a release of Kubernetes that adds one breaks this test.

use std::collections::BTreeSet;

use api::k8s::api::core::v1::{
    Capabilities, Container, EnvFromSource, EnvVarSource, Lifecycle, LifecycleHandler, PodDNSConfig,
    PodSecurityContext, PodSpec, Probe, SecurityContext, Volume, VolumeMount,
};
use serde::de::value::Error as Refused;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

/// Takes the names of the fields that a type would be decoded from, and decodes nothing.
struct Names<'a>(&'a mut BTreeSet<&'static str>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused::custom("no struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Refused> {
        self.0.extend(fields);
        Err(Refused::custom("only the names were wanted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn names<T: Deserialize<'static>>() -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    assert!(T::deserialize(Names(&mut names)).is_err());
    names
}

/// The first cells of the rows below a heading: each may name several fields.
fn rows(document: &str, heading: &str) -> BTreeSet<String> {
    let below = document.split("\n## ").find_map(|section| section.strip_prefix(heading)?.strip_prefix('\n'));
    let section = below.unwrap_or_else(|| panic!("no section {heading:?}"));
    let first = |line: &str| line.strip_prefix("| ")?.split(" | ").next().map(str::to_owned);
    let cells = section.lines().filter_map(first);
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_field_of_a_pod_has_a_row() {
    let document = include_str!("../../../../docs/pods.md");
    let sections: [(&str, BTreeSet<&str>); 13] = [
        ("PodSpec", names::<PodSpec>()),
        ("Container", names::<Container>()),
        ("PodSecurityContext", names::<PodSecurityContext>()),
        ("SecurityContext", names::<SecurityContext>()),
        ("Capabilities", names::<Capabilities>()),
        ("Probe", names::<Probe>()),
        ("Lifecycle", names::<Lifecycle>()),
        ("LifecycleHandler", names::<LifecycleHandler>()),
        ("Volume", names::<Volume>()),
        ("VolumeMount", names::<VolumeMount>()),
        ("EnvVarSource", names::<EnvVarSource>()),
        ("EnvFromSource", names::<EnvFromSource>()),
        ("PodDNSConfig", names::<PodDNSConfig>()),
    ];
    for (heading, fields) in sections {
        assert!(!fields.is_empty(), "{heading} has no fields");
        let rows = rows(document, heading);
        let missing: Vec<_> = fields.iter().filter(|field| !rows.contains(**field)).collect();
        assert!(missing.is_empty(), "docs/pods.md, {heading}: no row for {missing:?}");
        let unknown: Vec<_> = rows.iter().filter(|row| !fields.contains(row.as_str())).collect();
        assert!(unknown.is_empty(), "docs/pods.md, {heading}: rows for what is no field: {unknown:?}");
    }
}
