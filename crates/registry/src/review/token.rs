//! `authentication.k8s.io/v1 TokenReview`: whose token is this? (`pkg/registry/authentication/tokenreview`)

use api::{Kind, Status};
use serde_json::{Value, json};

use super::{Asked, Review};
use crate::fields::{at, items, map_of, text};
use crate::strategy::Descriptor;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("authentication.k8s.io", "v1", "TokenReview"),
    plural: "tokenreviews",
    singular: "tokenreview",
    short_names: &[],
    categories: &[],
    namespaced: false,
    subresources: &[],
};

/// Whose token is this?
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenReview;

impl Review for TokenReview {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn answer(&self, mut object: Value, asked: &Asked<'_>) -> Result<Value, Status> {
        let spec = at(&object, &["spec"]).unwrap_or(&Value::Null);
        let token = text(spec, "token");
        if token.is_empty() {
            return Err(Status::bad_request("token is required for TokenReview in authentication"));
        }
        let audiences: Vec<String> =
            items(spec, "audiences").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let status = match asked.authenticator.authenticate(token, &audiences) {
            Ok(Some((user, audiences))) => json!({"authenticated": true, "audiences": audiences, "user": user}),
            Ok(None) => json!({"user": {}, "error": "invalid bearer token"}),
            Err(why) => json!({"user": {}, "error": format!("[invalid bearer token, {why}]")}),
        };
        let map = map_of(&mut object);
        map.entry("metadata").or_insert_with(|| json!({}));
        map.insert("status".to_owned(), status);
        Ok(object)
    }
}
