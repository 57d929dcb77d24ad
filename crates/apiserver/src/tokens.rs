//! Tokens of service accounts: signed when a TokenRequest asks for one, checked when somebody sends one
//! (`pkg/serviceaccount`), and the server's own bearer token.
//!
//! Invariant: keys live for one start of the server, in memory only, and neither keys nor tokens are ever shown, not
//! even by `Debug`.

mod bearer;
mod claims;
mod jwt;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use api::resource::{NODES, PODS, SECRETS, SERVICE_ACCOUNTS};
use api::{Gvr, Meta, Request, Status, User, Verb};
use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use registry::review::Authenticator;

use crate::ApiServer;

pub use bearer::Token;
pub(crate) use claims::{Bound, Claims, Named};
pub(crate) use jwt::SigningKey;

/// Who signs the tokens, and the audience of those that ask for none: what kubeadm sets up.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How far apart clocks may be (go-jose's `DefaultLeeway`).
const LEEWAY: SignedDuration = SignedDuration::from_mins(1);

/// The keys of a server.
#[derive(Default)]
pub(crate) struct Tokens {
    key: OnceLock<SigningKey>,
    /// The bearer token that the kubeconfig holds, once the server is served.
    own: RwLock<Option<Token>>,
    administrator: OnceLock<Arc<User>>,
}

impl Tokens {
    /// The signing key, made when it is first needed.
    pub(crate) fn key(&self) -> Result<&SigningKey, Status> {
        if self.key.get().is_none() {
            // Of two that are made at once, one is kept.
            let _ = self.key.set(SigningKey::generate().map_err(Status::internal)?);
        }
        self.key.get().ok_or_else(|| Status::internal("the signing key could not be made"))
    }

    /// Takes the token that stands for the server's owner.
    pub(crate) fn set_own(&self, token: Token) {
        *self.own.write() = Some(token);
    }

    /// The user whom the server's own token stands for.
    fn administrator(&self) -> &Arc<User> {
        let user = || Arc::new(User::authenticated("kubernetes-admin", &[api::user::MASTERS_GROUP]));
        self.administrator.get_or_init(user)
    }

    fn is_own(&self, token: &[u8]) -> bool {
        self.own.read().as_ref().is_some_and(|own| own.matches(token))
    }
}

impl ApiServer {
    /// The user of a bearer token, if it is good for this server.
    pub(crate) fn bearer(&self, token: &[u8]) -> Option<Arc<User>> {
        if self.tokens.is_own(token) {
            return Some(self.tokens.administrator().clone());
        }
        let token = std::str::from_utf8(token).ok()?;
        match self.authenticate(token, &[]) {
            Ok(user) => user.map(|(user, _)| Arc::new(user)),
            Err(why) => {
                tracing::debug!(why, "a bearer token was refused");
                None
            }
        }
    }

    /// The metadata of what a token is bound to.
    pub(crate) fn meta_of(&self, resource: Gvr, namespace: Option<&str>, name: &str) -> Result<Meta, Status> {
        let request = Request::new(Verb::Get, resource, namespace, Some(name));
        let object = self.call(request)?.into_object().ok_or_else(|| Status::internal("a get answers an object"))?;
        Ok(object.meta().clone())
    }

    /// Checks that the service account and what the token is bound to are still there
    /// (`pkg/serviceaccount/claims.go`).
    fn check_bound(&self, bound: &Bound, now: Timestamp) -> Result<(), String> {
        let deleted = |meta: &Meta| {
            let limit = now.saturating_sub(LEEWAY).expect("a minute keeps its unit");
            meta.deletion_timestamp.is_some_and(|due| due < limit)
        };
        let (namespace, account) = (bound.namespace.as_str(), &bound.serviceaccount);
        let meta = self.meta_of(SERVICE_ACCOUNTS, Some(namespace), &account.name);
        let meta = meta.map_err(|status| status.message)?;
        if meta.uid.as_str() != account.uid {
            return Err(format!("service account UID ({}) does not match claim ({})", meta.uid, account.uid));
        }
        if deleted(&meta) {
            return Err(format!("service account {namespace}/{} has been deleted", account.name));
        }
        // A node beside a pod only tells where the pod runs.
        let node = bound.node.as_ref().filter(|_| bound.pod.is_none());
        let references = [
            ("pod", "service account pod", PODS, Some(namespace), bound.pod.as_ref()),
            ("secret", "service account secret", SECRETS, Some(namespace), bound.secret.as_ref()),
            ("node", "service account node", NODES, None, node),
        ];
        for (kind, claim, resource, namespace, named) in references {
            let Some(named) = named else { continue };
            let invalidated = "service account token has been invalidated";
            let meta = self.meta_of(resource, namespace, &named.name).map_err(|_| invalidated.to_owned())?;
            if meta.uid.as_str() != named.uid {
                let title = if kind == "pod" { "pod".to_owned() } else { kind.to_owned() };
                return Err(format!("{title} UID ({}) does not match {claim} ref claim ({})", meta.uid, named.uid));
            }
            if deleted(&meta) {
                return Err(invalidated.to_owned());
            }
        }
        Ok(())
    }
}

impl Authenticator for ApiServer {
    fn authenticate(&self, token: &str, audiences: &[String]) -> Result<Option<(User, Vec<String>)>, String> {
        let own = [ISSUER.to_owned()];
        let wanted = if audiences.is_empty() { &own } else { audiences };
        if self.tokens.is_own(token.as_bytes()) {
            // The server's own token is for the server alone.
            let good = wanted.iter().any(|audience| audience == ISSUER);
            return Ok(good.then(|| (User::clone(self.tokens.administrator()), own.to_vec())));
        }
        // No key yet means that no token was ever signed.
        let Some(key) = self.tokens.key.get() else { return Ok(None) };
        let Some(claims) = key.verify(token)? else { return Ok(None) };
        let matching: Vec<String> = claims.aud.iter().filter(|audience| wanted.contains(audience)).cloned().collect();
        if matching.is_empty() {
            let quoted = |list: &[String]| {
                format!("[{}]", list.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(" "))
            };
            return Err(format!(
                "token audiences {} is invalid for the target audiences {}",
                quoted(&claims.aud),
                quoted(wanted)
            ));
        }
        let now = self.now();
        claims.check_times(now, LEEWAY)?;
        self.check_bound(&claims.bound, now)?;
        Ok(Some((claims.user(), matching)))
    }
}
