//! Credentials as Docker and Kubernetes write them down: `config.json`, or the older list by registry alone.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::registry::{Login, Name};

/// The registry that names without one mean.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Text that holds no credentials.
#[derive(Debug, thiserror::Error)]
#[error("credentials cannot be read")]
pub struct BadCredentials(#[from] serde_json::Error);

#[derive(Deserialize)]
struct File {
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
}

impl Entry {
    fn login(self) -> Option<Login> {
        if !self.username.is_empty() {
            return Some(Login { user: self.username, password: self.password });
        }
        let text = String::from_utf8(STANDARD.decode(self.auth.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Login { user: user.to_owned(), password: password.to_owned() })
    }
}

/// The logins of a file that concern an image, those that name more of it first; `old` is the form of `.dockercfg`.
///
/// # Errors
/// When the text is none of the two.
pub fn logins(text: &[u8], old: bool, name: &Name) -> Result<Vec<Login>, BadCredentials> {
    let entries = match old {
        true => serde_json::from_slice::<BTreeMap<String, Entry>>(text)?,
        false => serde_json::from_slice::<File>(text)?.auths,
    };
    let repository = name.repository();
    let mut fit: Vec<(String, Entry)> = entries.into_iter().filter(|(key, _)| concerns(key, &repository)).collect();
    fit.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
    Ok(fit.into_iter().filter_map(|(_, entry)| entry.login()).collect())
}

/// Whether a registry of a credential is the one of an image: the first words of its name, with `*` for a label.
fn concerns(key: &str, name: &str) -> bool {
    let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let key = key.trim_end_matches("/v1").trim_end_matches("/v2");
    let key = if key == "index.docker.io" { DEFAULT_REGISTRY } else { key };
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let (own_host, own_path) = name.split_once('/').unwrap_or((name, ""));
    let (labels, own) = (host.split('.'), own_host.split('.'));
    host.split('.').count() == own_host.split('.').count()
        && labels.zip(own).all(|(label, own)| label == "*" || label == own)
        && own_path.starts_with(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_for_the_registries_they_name() {
        let cases = [
            ("https://index.docker.io/v1/", "docker.io/library/busybox", true),
            ("127.0.0.1:5000", "127.0.0.1:5000/app", true),
            ("127.0.0.1:5000/team", "127.0.0.1:5000/team/app", true),
            ("127.0.0.1:5000/other", "127.0.0.1:5000/team/app", false),
            ("*.example.com", "eu.example.com/app", true),
            ("*.example.com", "a.eu.example.com/app", false),
            ("example.com", "example.org/app", false),
        ];
        for (key, name, expected) in cases {
            assert_eq!(concerns(key, name), expected, "{key} {name}");
        }
    }

    #[test]
    fn the_closest_login_comes_first() {
        let text = format!(
            r#"{{"auths":{{"r.example":{{"username":"a","password":"1"}},"r.example/team":{{"auth":"{}"}},"other.example":{{}}}}}}"#,
            STANDARD.encode("b:2:3")
        );
        let name = Name::parse("r.example/team/app").expect("a name");
        let login = |user: &str, password: &str| Login { user: user.to_owned(), password: password.to_owned() };
        let found = logins(text.as_bytes(), false, &name).expect("credentials");
        assert_eq!(found, [login("b", "2:3"), login("a", "1")]);
        let old = logins(br#"{"r.example":{"username":"a","password":"1"}}"#, true, &name).expect("credentials");
        assert_eq!(old, [login("a", "1")]);
        assert!(logins(b"x", false, &name).is_err());
    }
}
