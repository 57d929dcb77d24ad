//! Who asks: what authentication found, and what reviews of subjects answer with (`authentication.k8s.io/v1 UserInfo`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The group of everyone who authenticated.
pub const AUTHENTICATED_GROUP: &str = "system:authenticated";
/// The group that upstream lets do everything.
pub const MASTERS_GROUP: &str = "system:masters";

/// A user: a person, a component or a service account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// The name, such as `system:serviceaccount:default:builder`.
    #[serde(rename = "username", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What tells apart two users who had the same name, one after the other.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What the authenticator adds, such as the pod that a token is bound to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user of these groups, and of that of all authenticated users.
    pub fn authenticated(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().chain(&[AUTHENTICATED_GROUP]).map(|group| (*group).to_owned()).collect();
        Self { name: name.to_owned(), groups, ..Self::default() }
    }

    /// A component of the server's own process, as upstream's loopback client is.
    pub fn server() -> Self {
        Self::authenticated("system:apiserver", &[MASTERS_GROUP])
    }
}
