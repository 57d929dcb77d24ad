//! What a service account's token says (`pkg/serviceaccount/claims.go`), and the user it stands for.

use api::User;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The claims of one token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Whom the token is for.
    pub(crate) aud: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub(crate) exp: i64,
    /// When it was made.
    pub(crate) iat: i64,
    /// Who made it.
    pub(crate) iss: String,
    /// The token's own identifier.
    pub(crate) jti: String,
    /// What it is bound to.
    #[serde(rename = "kubernetes.io")]
    pub(crate) bound: Bound,
    /// From when on it is good.
    pub(crate) nbf: i64,
    /// The user's name.
    pub(crate) sub: String,
}

/// What a token is bound to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bound {
    /// The namespace of the account, and of the pod or secret.
    pub(crate) namespace: String,
    /// The node, alone or as the pod's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<Named>,
    /// The pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<Named>,
    /// The secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Named>,
    /// The account.
    pub(crate) serviceaccount: Named,
}

/// An object by name and UID. The UID of a pod's node may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Named {
    /// The name.
    pub(crate) name: String,
    /// The UID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) uid: String,
}

impl Claims {
    /// Refuses a token outside its time.
    ///
    /// # Errors
    /// Upstream's words.
    pub(crate) fn check_times(&self, now: Timestamp, leeway: SignedDuration) -> Result<(), String> {
        let (now, leeway) = (now.as_second(), leeway.as_secs());
        if now + leeway < self.nbf {
            return Err("service account token is not valid yet".to_owned());
        }
        if now - leeway > self.exp {
            return Err("service account token has expired".to_owned());
        }
        if now + leeway < self.iat {
            return Err("service account token is issued in the future".to_owned());
        }
        Ok(())
    }

    /// The user whom the token stands for.
    pub(crate) fn user(&self) -> User {
        let Bound { namespace, node, pod, serviceaccount, .. } = &self.bound;
        let own_group = format!("system:serviceaccounts:{namespace}");
        let mut user =
            User::authenticated(&username(namespace, &serviceaccount.name), &["system:serviceaccounts", &own_group]);
        user.uid.clone_from(&serviceaccount.uid);
        let mut add = |key: &str, value: &str| {
            if !value.is_empty() {
                user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
            }
        };
        add("credential-id", &format!("JTI={}", self.jti));
        for (kind, named) in [("node", node), ("pod", pod)] {
            if let Some(named) = named {
                add(&format!("{kind}-name"), &named.name);
                add(&format!("{kind}-uid"), &named.uid);
            }
        }
        user
    }
}

/// The name of a service account as a user.
pub(crate) fn username(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}
