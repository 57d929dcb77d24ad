//! The list of kinds whose schema is compiled. To serve one more kind is one more line here.

use std::sync::OnceLock;

use api::Kind;
use k8s_openapi::Resource;
use k8s_openapi::api::{batch, core};
use k8s_openapi::apimachinery::pkg::apis::meta;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// A kind and the definition its schema starts from.
#[derive(Clone, Debug)]
pub struct Served {
    /// The kind.
    pub kind: Kind,
    /// The name of its definition, such as `io.k8s.api.batch.v1.Job`.
    pub definition: String,
    add: fn(&mut SchemaGenerator),
}

fn resource<T: Resource + JsonSchema>() -> Served {
    plain::<T>(Kind::known(T::GROUP, T::VERSION, T::KIND))
}

fn plain<T: JsonSchema>(kind: Kind) -> Served {
    let add = |generator: &mut SchemaGenerator| drop(generator.subschema_for::<T>());
    Served { kind, definition: T::schema_name().into_owned(), add }
}

fn list() -> Vec<Served> {
    vec![
        resource::<core::v1::Namespace>(),
        resource::<core::v1::Node>(),
        resource::<core::v1::Pod>(),
        resource::<core::v1::Event>(),
        resource::<core::v1::ConfigMap>(),
        resource::<core::v1::Secret>(),
        resource::<core::v1::ServiceAccount>(),
        resource::<core::v1::Binding>(),
        resource::<batch::v1::Job>(),
        resource::<meta::v1::Status>(),
        plain::<meta::v1::DeleteOptions>(Kind::known("meta.k8s.io", "v1", "DeleteOptions")),
    ]
}

/// The kinds in the schema.
pub fn served() -> &'static [Served] {
    static SERVED: OnceLock<Vec<Served>> = OnceLock::new();
    SERVED.get_or_init(list)
}

/// The JSON schema of every type reachable from the served kinds, by definition name; references read
/// `#/components/schemas/NAME`. Made anew on every call (a few milliseconds): the descriptions are not worth keeping.
pub fn definitions() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    for served in served() {
        (served.add)(&mut generator);
    }
    generator.take_definitions(true)
}
