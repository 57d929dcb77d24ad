//! A container's environment, command and arguments from its spec and the objects it refers to. Pure.
//!
//! The rules are upstream's `makeEnvironmentVariables` (`pkg/kubelet/kubelet_pods.go`): `envFrom` first, `env` over
//! it, each value expanded with what was defined before it.

mod expansion;
mod fields;
mod services;

use std::collections::BTreeMap;

use api::k8s::api::core::v1::{ConfigMap, Container, DownwardAPIVolumeFile, EnvVar, EnvVarSource, Pod, Secret};

pub use expansion::expand;
pub use fields::Host;
pub(crate) use fields::memory_limit;
pub use services::{API_SERVICE, API_SERVICE_NAMESPACE, ApiAddress, variables as service_variables};

/// The variables of this host that containers get, besides what their spec gives them.
///
/// Differs: upstream's come from the image. A program needs these to be found, and to find its home, its language and
/// a place for temporary files; everything else, tokens above all, stays with the host.
pub const HOST_VARIABLES: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// What a container's environment refers to: fetch these, then call [`environment`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Names of ConfigMaps.
    pub config_maps: Vec<String>,
    /// Names of Secrets.
    pub secrets: Vec<String>,
}

/// The objects that were found.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// By name.
    pub config_maps: BTreeMap<String, ConfigMap>,
    /// By name.
    pub secrets: BTreeMap<String, Secret>,
    /// Variables that tell of Services and credentials. The spec's go before them, and may refer to them.
    pub around: BTreeMap<String, String>,
}

/// Why the environment cannot be made; the container waits with `CreateContainerConfigError` and this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An object that is not optional does not exist.
    #[error("{resource} {name:?} not found")]
    ObjectNotFound {
        /// `configmap` or `secret`.
        resource: &'static str,
        /// Its name.
        name: String,
    },
    /// The object exists, but has no such key.
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    KeyNotFound {
        /// The key.
        key: String,
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// Where it lives.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The downward API has no such field.
    #[error("unsupported fieldPath: {0}")]
    Field(String),
    /// The resource reference cannot be answered.
    #[error("unsupported container resource: {0}")]
    Resource(String),
}

/// What to fetch before the environment can be made.
pub fn references(container: &Container) -> References {
    let mut references = References::default();
    for source in container.env_from.iter().flatten() {
        references.config_maps.extend(source.config_map_ref.as_ref().map(|reference| reference.name.clone()));
        references.secrets.extend(source.secret_ref.as_ref().map(|reference| reference.name.clone()));
    }
    for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
        references.config_maps.extend(source.config_map_key_ref.as_ref().map(|reference| reference.name.clone()));
        references.secrets.extend(source.secret_key_ref.as_ref().map(|reference| reference.name.clone()));
    }
    for names in [&mut references.config_maps, &mut references.secrets] {
        names.sort();
        names.dedup();
    }
    references
}

/// The variables that the spec and what is around it give a container, with `HOSTNAME`.
///
/// # Errors
/// When something it refers to, and that is not optional, is missing.
pub fn environment(
    pod: &Pod,
    container: &Container,
    host: &Host,
    sources: &Sources,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut variables = BTreeMap::from([("HOSTNAME".to_owned(), hostname(pod))]);
    add_whole_objects(pod, container, sources, &mut variables)?;
    let mut defined = sources.around.clone();
    defined.extend(variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (_, Some(source)) => value_from(pod, container, host, sources, source)?,
            (value, None) => Some(expand(value.as_deref().unwrap_or_default(), &defined)),
        };
        // An optional source that is missing leaves the variable unset.
        if let Some(value) = value {
            defined.insert(variable.name.clone(), value.clone());
            variables.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in &sources.around {
        variables.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Ok(variables)
}

/// The text of a file of a `downwardAPI` volume.
///
/// # Errors
/// When the pod has no such field, or no such container or resource.
pub fn downward_file(pod: &Pod, host: &Host, item: &DownwardAPIVolumeFile) -> Result<String, ConfigError> {
    match (&item.field_ref, &item.resource_field_ref) {
        (Some(reference), _) => fields::file(pod, host, &reference.field_path),
        (None, Some(reference)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let name = reference.container_name.as_deref().unwrap_or_default();
            let mut of_name = containers.filter(|container| name.is_empty() || container.name == name);
            let none = || ConfigError::Resource(reference.resource.clone());
            // A sidecar is found by the reference itself; any container of the pod is as good to start from.
            let first = pod.spec.as_ref().and_then(|spec| spec.containers.first());
            fields::resource(pod, of_name.next().or(first).ok_or_else(none)?, host, reference)
        }
        (None, None) => Ok(String::new()),
    }
}

/// `spec.hostname`, or the pod's name, cut to the 63 characters of a host name.
pub(crate) fn hostname(pod: &Pod) -> String {
    let given = pod.spec.as_ref().and_then(|spec| spec.hostname.clone()).filter(|name| !name.is_empty());
    let name = given.or_else(|| pod.metadata.name.clone()).unwrap_or_default();
    name.chars().take(63).collect::<String>().trim_end_matches(['-', '.']).to_owned()
}

fn add_whole_objects(
    pod: &Pod,
    container: &Container,
    sources: &Sources,
    variables: &mut BTreeMap<String, String>,
) -> Result<(), ConfigError> {
    let _ = pod;
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &from.config_map_ref {
            match sources.config_maps.get(&reference.name) {
                Some(map) => add_all(variables, prefix, map.data.iter().flatten().map(|(k, v)| (k, v.clone()))),
                None => not_found_unless(reference.optional, "configmap", &reference.name)?,
            }
        }
        if let Some(reference) = &from.secret_ref {
            match sources.secrets.get(&reference.name) {
                Some(secret) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    add_all(variables, prefix, secret.data.iter().flatten().map(|(k, v)| (k, text(&v.0))));
                }
                None => not_found_unless(reference.optional, "secret", &reference.name)?,
            }
        }
    }
    Ok(())
}

fn add_all<'a>(
    variables: &mut BTreeMap<String, String>,
    prefix: &str,
    entries: impl Iterator<Item = (&'a String, String)>,
) {
    // A name with `=` or a zero byte cannot be a variable; upstream skips names that break its rules as well.
    let valid = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    variables.extend(entries.map(|(key, value)| (format!("{prefix}{key}"), value)).filter(|(name, _)| valid(name)));
}

fn not_found_unless(optional: Option<bool>, resource: &'static str, name: &str) -> Result<(), ConfigError> {
    if optional == Some(true) { Ok(()) } else { Err(ConfigError::ObjectNotFound { resource, name: name.to_owned() }) }
}

fn value_from(
    pod: &Pod,
    container: &Container,
    host: &Host,
    sources: &Sources,
    source: &EnvVarSource,
) -> Result<Option<String>, ConfigError> {
    if let Some(reference) = &source.field_ref {
        return fields::field(pod, host, &reference.field_path).map(Some);
    }
    if let Some(reference) = &source.resource_field_ref {
        return fields::resource(pod, container, host, reference).map(Some);
    }
    let namespace = || pod.metadata.namespace.clone().unwrap_or_default();
    let key_not_found = |kind, key: &str, name: &str| ConfigError::KeyNotFound {
        key: key.to_owned(),
        kind,
        namespace: namespace(),
        name: name.to_owned(),
    };
    if let Some(reference) = &source.config_map_key_ref {
        let Some(map) = sources.config_maps.get(&reference.name) else {
            return not_found_unless(reference.optional, "configmap", &reference.name).map(|()| None);
        };
        return match map.data.as_ref().and_then(|data| data.get(&reference.key)) {
            None if reference.optional != Some(true) => {
                Err(key_not_found("ConfigMap", &reference.key, &reference.name))
            }
            value => Ok(value.cloned()),
        };
    }
    if let Some(reference) = &source.secret_key_ref {
        let Some(secret) = sources.secrets.get(&reference.name) else {
            return not_found_unless(reference.optional, "secret", &reference.name).map(|()| None);
        };
        return match secret.data.as_ref().and_then(|data| data.get(&reference.key)) {
            None if reference.optional != Some(true) => Err(key_not_found("Secret", &reference.key, &reference.name)),
            value => Ok(value.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned())),
        };
    }
    Ok(None)
}

/// Command and arguments with `$(VAR)` expanded. Upstream expands with the container's own variables only.
pub fn expand_words(words: &[String], variables: &BTreeMap<String, String>) -> Vec<String> {
    words.iter().map(|word| expand(word, variables)).collect()
}

/// Whether a spec names a variable, so that the host's is not used.
pub fn names_variable(container: &Container, name: &str) -> bool {
    container.env.iter().flatten().any(|variable: &EnvVar| variable.name == name)
}

#[cfg(test)]
mod tests;
