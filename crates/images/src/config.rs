//! The configuration of an image: what to run in it, and which layers it is made of.

use serde::Deserialize;

use crate::Error;

/// What an image says of the programs that run in it (`config` in the OCI image specification).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RunConfig {
    /// The program and its first arguments.
    #[serde(deserialize_with = "null_is_empty")]
    pub entrypoint: Vec<String>,
    /// Arguments, or without an entry point the program.
    #[serde(deserialize_with = "null_is_empty")]
    pub cmd: Vec<String>,
    /// Variables, each `NAME=VALUE`.
    #[serde(deserialize_with = "null_is_empty")]
    pub env: Vec<String>,
    /// `USER`, `UID`, `USER:GROUP` or `UID:GID`; empty for root.
    pub user: String,
    /// The working directory; empty for the root.
    pub working_dir: String,
    /// The signal that asks it to end, such as `SIGQUIT` or `3`.
    pub stop_signal: Option<String>,
}

impl RunConfig {
    /// The variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env.iter().filter_map(|variable| variable.split_once('=')).filter(|(name, _)| !name.is_empty())
    }
}

/// The whole file.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ConfigFile {
    #[serde(default)]
    config: Option<RunConfig>,
    #[serde(default)]
    pub(crate) rootfs: Layers,
}

/// The digests of the layers without compression.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Layers {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) diff_ids: Vec<String>,
}

impl ConfigFile {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|error| Error::malformed("image config", error))
    }

    pub(crate) fn run(self) -> RunConfig {
        self.config.unwrap_or_default()
    }
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_config_has_to_be_there() {
        let config = ConfigFile::parse(br#"{"config":{"Env":null,"Cmd":["sh"],"User":"7"}}"#).expect("a config").run();
        assert_eq!(config, RunConfig { cmd: vec!["sh".to_owned()], user: "7".to_owned(), ..RunConfig::default() });
        assert_eq!(ConfigFile::parse(b"{}").expect("a config").run(), RunConfig::default());
    }

    #[test]
    fn variables_are_split_at_the_first_sign() {
        let env = ["A=b=c", "none", "=x", "E="].map(str::to_owned).to_vec();
        let config = RunConfig { env, ..RunConfig::default() };
        assert_eq!(config.variables().collect::<Vec<_>>(), [("A", "b=c"), ("E", "")]);
    }
}
