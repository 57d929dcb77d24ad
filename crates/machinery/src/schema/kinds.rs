//! The list of kinds whose schema is compiled. To serve one more kind is one more line here.

use std::sync::OnceLock;

use api::Kind;
use k8s_openapi::Resource;
use k8s_openapi::api::{authentication, authorization, autoscaling, batch, coordination, core, discovery, events};
use k8s_openapi::api::{node, policy, rbac, scheduling};
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
    former: Option<&'static Former>,
}

/// What references begin with.
const PREFIX: &str = "#/components/schemas/";

fn resource<T: Resource + JsonSchema>() -> Served {
    plain::<T>(Kind::known(T::GROUP, T::VERSION, T::KIND))
}

fn plain<T: JsonSchema>(kind: Kind) -> Served {
    let add = |generator: &mut SchemaGenerator| drop(generator.subschema_for::<T>());
    Served { kind, definition: T::schema_name().into_owned(), add, former: None }
}

/// A version that `k8s-openapi` does not have any more, and whose types have the fields of a newer version's.
#[derive(Debug)]
struct Former {
    kind: Kind,
    /// The prefix of the names of its definitions.
    package: &'static str,
    /// The prefix of the newer version's.
    newer: &'static str,
    /// The types that each version has of its own; all others are shared.
    types: &'static [&'static str],
}

/// What kubectl before 1.21 asks for.
static CRON_JOB_V1BETA1: Former = Former {
    kind: Kind::known("batch", "v1beta1", "CronJob"),
    package: "io.k8s.api.batch.v1beta1.",
    newer: "io.k8s.api.batch.v1.",
    types: &["CronJob", "CronJobSpec", "CronJobStatus", "JobTemplateSpec"],
};

fn former<T: JsonSchema>(former: &'static Former) -> Served {
    let definition = format!("{}{}", former.package, former.kind.kind);
    Served { definition, former: Some(former), ..plain::<T>(former.kind.clone()) }
}

impl Former {
    /// Adds the definitions of this version.
    fn define(&self, definitions: &mut Map<String, Value>) {
        for name in self.types {
            let mut definition = definitions[&format!("{}{name}", self.newer)].clone();
            self.rename(&mut definition);
            definitions.insert(format!("{}{name}", self.package), definition);
        }
    }

    /// Makes references to the newer version's own types lead to this one's.
    fn rename(&self, schema: &mut Value) {
        match schema {
            Value::Object(map) => map.values_mut().for_each(|value| self.rename(value)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item)),
            Value::String(text) => {
                let name = text.strip_prefix(PREFIX).and_then(|name| name.strip_prefix(self.newer));
                if let Some(name) = name.filter(|name| self.types.contains(name)) {
                    *text = format!("{PREFIX}{}{name}", self.package);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
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
        resource::<core::v1::PodTemplate>(),
        resource::<core::v1::ReplicationController>(),
        resource::<autoscaling::v1::Scale>(),
        resource::<batch::v1::Job>(),
        resource::<batch::v1::CronJob>(),
        former::<batch::v1::CronJob>(&CRON_JOB_V1BETA1),
        resource::<events::v1::Event>(),
        resource::<authentication::v1::SelfSubjectReview>(),
        resource::<authentication::v1::TokenRequest>(),
        resource::<authentication::v1::TokenReview>(),
        resource::<authorization::v1::LocalSubjectAccessReview>(),
        resource::<authorization::v1::SelfSubjectAccessReview>(),
        resource::<authorization::v1::SelfSubjectRulesReview>(),
        resource::<authorization::v1::SubjectAccessReview>(),
        resource::<policy::v1::Eviction>(),
        resource::<core::v1::Endpoints>(),
        resource::<core::v1::LimitRange>(),
        resource::<core::v1::ResourceQuota>(),
        resource::<core::v1::Service>(),
        resource::<coordination::v1::Lease>(),
        resource::<discovery::v1::EndpointSlice>(),
        resource::<node::v1::RuntimeClass>(),
        resource::<policy::v1::PodDisruptionBudget>(),
        resource::<rbac::v1::ClusterRole>(),
        resource::<rbac::v1::ClusterRoleBinding>(),
        resource::<rbac::v1::Role>(),
        resource::<rbac::v1::RoleBinding>(),
        resource::<scheduling::v1::PriorityClass>(),
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
    let mut definitions = generator.take_definitions(true);
    for former in served().iter().filter_map(|served| served.former) {
        former.define(&mut definitions);
    }
    definitions
}
