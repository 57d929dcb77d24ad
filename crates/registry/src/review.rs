//! Kinds that are answered and not stored: reviews of access and of subjects, and the `bindings` resource. They take
//! POST only, and nothing of them remains.
//!
//! Differs: authorization allows everything to whoever authenticated, and every answer says so.

mod access;
mod binding;
mod metadata;
mod rules;
mod subject;
#[cfg(test)]
mod tests;
mod token;

use api::{Gvr, Status, User};
use jiff::Timestamp;
use serde_json::Value;

use crate::strategy::Descriptor;

pub use access::{LocalSubjectAccessReview, SelfSubjectAccessReview, SubjectAccessReview};
pub use binding::Bindings;
pub use rules::SelfSubjectRulesReview;
pub use subject::SelfSubjectReview;
pub use token::TokenReview;

/// The verbs of every such resource.
pub const VERBS: &[&str] = &["create"];

/// What a review is asked in.
pub struct Asked<'a> {
    /// The namespace of the URL.
    pub namespace: Option<&'a str>,
    /// Who asks.
    pub user: &'a User,
    /// The server's time.
    pub now: Timestamp,
    /// Knows whose token is whose.
    pub authenticator: &'a dyn Authenticator,
}

/// Knows whose token is whose.
pub trait Authenticator {
    /// The user of a token and those of the wanted audiences that the token is for. No audiences mean the server's
    /// own. `Ok(None)` when the token is none that this server knows.
    ///
    /// # Errors
    /// Why a token of this server is not good (any more).
    fn authenticate(&self, token: &str, audiences: &[String]) -> Result<Option<(User, Vec<String>)>, String>;
}

/// A kind that is answered and not stored.
pub trait Review: Send + Sync + 'static {
    /// The fixed facts.
    fn descriptor(&self) -> &'static Descriptor;

    /// Answers. The object has the right kind, and the types of its fields were checked.
    ///
    /// # Errors
    /// What upstream refuses.
    fn answer(&self, object: Value, asked: &Asked<'_>) -> Result<Value, Status>;

    /// The resource and subresource that a POST to this one stands for; it then goes to the object that the body
    /// names, and [`Review::answer`] is not asked.
    fn stands_for(&self) -> Option<(Gvr, &'static str)> {
        None
    }
}

/// All of them, in discovery's order.
pub(crate) fn all() -> Vec<Box<dyn Review>> {
    vec![
        Box::new(Bindings),
        Box::new(SelfSubjectReview),
        Box::new(TokenReview),
        Box::new(LocalSubjectAccessReview),
        Box::new(SelfSubjectAccessReview),
        Box::new(SelfSubjectRulesReview),
        Box::new(SubjectAccessReview),
    ]
}
