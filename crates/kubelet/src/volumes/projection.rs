//! Files made of ConfigMaps, Secrets, the pod itself and tokens.

use api::k8s::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Secret, ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use super::{Files, Found};
use crate::environment;

/// The mode of files when neither volume nor item gives one.
const DEFAULT_MODE: i32 = 0o644;
/// Lifetime of a projected token when none is asked for, in seconds.
const DEFAULT_EXPIRATION_SECONDS: i64 = 3600;

/// One source of a volume's files.
#[derive(Debug, PartialEq)]
pub(crate) enum Projection<'a> {
    ConfigMap { name: &'a str, items: &'a [KeyToPath], optional: bool, mode: i32 },
    Secret { name: &'a str, items: &'a [KeyToPath], optional: bool, mode: i32 },
    Downward { items: &'a [DownwardAPIVolumeFile], mode: i32 },
    Token { token: &'a ServiceAccountTokenProjection, mode: i32 },
    Unsupported(&'static str),
}

/// What has to be fetched for a projection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wants<'a> {
    ConfigMap(&'a str),
    Secret(&'a str),
    /// A token for an audience, empty for the API itself, for so many seconds.
    Token(&'a str, i64),
    Nothing,
}

/// The sources of a volume that holds files; `None` for any other.
pub(crate) fn projections(volume: &Volume) -> Option<Vec<Projection<'_>>> {
    if let Some(map) = &volume.config_map {
        let (items, optional) = (map.items.as_deref().unwrap_or_default(), map.optional == Some(true));
        let mode = map.default_mode.unwrap_or(DEFAULT_MODE);
        return Some(vec![Projection::ConfigMap { name: &map.name, items, optional, mode }]);
    }
    if let Some(secret) = &volume.secret {
        let (items, optional) = (secret.items.as_deref().unwrap_or_default(), secret.optional == Some(true));
        let mode = secret.default_mode.unwrap_or(DEFAULT_MODE);
        let name = secret.secret_name.as_deref().unwrap_or_default();
        return Some(vec![Projection::Secret { name, items, optional, mode }]);
    }
    if let Some(downward) = &volume.downward_api {
        let mode = downward.default_mode.unwrap_or(DEFAULT_MODE);
        return Some(vec![Projection::Downward { items: downward.items.as_deref().unwrap_or_default(), mode }]);
    }
    let projected = volume.projected.as_ref()?;
    let mode = projected.default_mode.unwrap_or(DEFAULT_MODE);
    Some(projected.sources.iter().flatten().map(|source| projection(source, mode)).collect())
}

fn projection(source: &VolumeProjection, mode: i32) -> Projection<'_> {
    if let Some(map) = &source.config_map {
        let (items, optional) = (map.items.as_deref().unwrap_or_default(), map.optional == Some(true));
        Projection::ConfigMap { name: &map.name, items, optional, mode }
    } else if let Some(secret) = &source.secret {
        let (items, optional) = (secret.items.as_deref().unwrap_or_default(), secret.optional == Some(true));
        Projection::Secret { name: &secret.name, items, optional, mode }
    } else if let Some(downward) = &source.downward_api {
        Projection::Downward { items: downward.items.as_deref().unwrap_or_default(), mode }
    } else if let Some(token) = &source.service_account_token {
        Projection::Token { token, mode }
    } else {
        Projection::Unsupported("projected.sources")
    }
}

impl Projection<'_> {
    /// What has to be fetched before [`Projection::write`].
    pub(crate) fn wants(&self) -> Wants<'_> {
        match self {
            Self::ConfigMap { name, .. } => Wants::ConfigMap(name),
            Self::Secret { name, .. } => Wants::Secret(name),
            Self::Token { token, .. } => {
                let seconds = token.expiration_seconds.unwrap_or(DEFAULT_EXPIRATION_SECONDS);
                Wants::Token(token.audience.as_deref().unwrap_or_default(), seconds)
            }
            Self::Downward { .. } | Self::Unsupported(_) => Wants::Nothing,
        }
    }

    /// Adds the files of this source.
    ///
    /// # Errors
    /// Upstream's words when an object or a key is missing that is not optional.
    pub(crate) fn write(&self, found: &Found<'_>, files: &mut Files) -> Result<(), String> {
        match self {
            Self::ConfigMap { name, items, optional, mode } => {
                let object = found.sources.config_maps.get(*name);
                let Some(object) = object else { return missing("configmap", name, *optional) };
                let keys =
                    select(items, *optional, "configmap", |key| value_of_map(object, key), || keys_of_map(object))?;
                put(files, keys, *mode);
            }
            Self::Secret { name, items, optional, mode } => {
                let object = found.sources.secrets.get(*name);
                let Some(object) = object else { return missing("secret", name, *optional) };
                let keys =
                    select(items, *optional, "secret", |key| value_of_secret(object, key), || keys_of_secret(object))?;
                put(files, keys, *mode);
            }
            Self::Downward { items, mode } => {
                for item in *items {
                    let text =
                        environment::downward_file(found.pod, found.host, item).map_err(|error| error.to_string())?;
                    files.add(&item.path, text.into_bytes(), bits(item.mode.unwrap_or(*mode)));
                }
            }
            Self::Token { token, mode } => {
                let Wants::Token(audience, seconds) = self.wants() else { return Ok(()) };
                let text = found.tokens.get(&(audience.to_owned(), seconds));
                let text = text.ok_or_else(|| "failed to fetch token: there is none".to_owned())?;
                files.add(&token.path, text.clone().into_bytes(), bits(*mode));
            }
            Self::Unsupported(field) => return Err(format!("{field}: a local process cannot honour this source")),
        }
        Ok(())
    }
}

/// A key with the path and the mode of its file.
type Selected<'a> = Vec<(&'a str, Vec<u8>, Option<i32>)>;

fn missing(resource: &str, name: &str, optional: bool) -> Result<(), String> {
    if optional { Ok(()) } else { Err(format!("{resource} \"{name}\" not found")) }
}

/// The listed keys, or all of them if none is listed.
fn select<'a>(
    items: &'a [KeyToPath],
    optional: bool,
    resource: &str,
    value: impl Fn(&str) -> Option<Vec<u8>>,
    keys: impl Fn() -> Vec<&'a str>,
) -> Result<Selected<'a>, String> {
    if items.is_empty() {
        return Ok(keys().into_iter().filter_map(|key| Some((key, value(key)?, None))).collect());
    }
    let mut selected = Vec::with_capacity(items.len());
    for item in items {
        match value(&item.key) {
            Some(bytes) => selected.push((item.path.as_str(), bytes, item.mode)),
            None if optional => {}
            None => return Err(format!("{resource} references non-existent {resource} key: {}", item.key)),
        }
    }
    Ok(selected)
}

fn put(files: &mut Files, selected: Selected<'_>, mode: i32) {
    for (path, bytes, own) in selected {
        files.add(path, bytes, bits(own.unwrap_or(mode)));
    }
}

/// Validation keeps modes between 0 and 0777.
fn bits(mode: i32) -> u32 {
    u32::try_from(mode).unwrap_or_default() & 0o777
}

fn value_of_map(map: &ConfigMap, key: &str) -> Option<Vec<u8>> {
    let text = map.data.as_ref().and_then(|data| data.get(key)).map(|text| text.clone().into_bytes());
    text.or_else(|| map.binary_data.as_ref()?.get(key).map(|bytes| bytes.0.clone()))
}

fn keys_of_map(map: &ConfigMap) -> Vec<&str> {
    let texts = map.data.iter().flatten().map(|(key, _)| key.as_str());
    texts.chain(map.binary_data.iter().flatten().map(|(key, _)| key.as_str())).collect()
}

fn value_of_secret(secret: &Secret, key: &str) -> Option<Vec<u8>> {
    secret.data.as_ref()?.get(key).map(|bytes| bytes.0.clone())
}

fn keys_of_secret(secret: &Secret) -> Vec<&str> {
    secret.data.iter().flatten().map(|(key, _)| key.as_str()).collect()
}

#[cfg(test)]
mod tests;
