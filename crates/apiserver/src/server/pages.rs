//! Pages of a collection: continue tokens in upstream's form (`k8s.io/apiserver/pkg/storage/continue.go`), and the
//! snapshots of the lists that were begun last, so that a page costs no look into history.

use std::collections::VecDeque;

use api::{ObjectKey, Revision, Status};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use machinery::decode::{self, DecodeError};
use parking_lot::Mutex;
use serde_json::{Value, json};
use store::Snapshot;

/// How many snapshots are kept. Beyond them a page's snapshot is made from the log, as far as that reaches back.
const KEPT: usize = 32;

/// The version of the tokens' form.
const FORMAT: &str = "meta.k8s.io/v1";

/// Snapshots that continue tokens refer to.
#[derive(Default)]
pub(crate) struct Pages {
    kept: Mutex<VecDeque<(Revision, Snapshot)>>,
}

/// Where a page ended: what a continue token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The snapshot's revision; `None` in a token that goes on with the state of now.
    pub(crate) revision: Option<Revision>,
    /// The last key delivered.
    pub(crate) last: ObjectKey,
}

impl Page {
    /// The token. The key is relative to the collection that was listed.
    pub(crate) fn encode(&self, namespace: Option<&str>) -> String {
        let start = match (&self.last.namespace, namespace) {
            (Some(of_object), None) => format!("{of_object}/{}\0", self.last.name),
            _ => format!("{}\0", self.last.name),
        };
        let revision = self.revision.map_or(json!(-1), |revision| revision.0.into());
        URL_SAFE_NO_PAD.encode(json!({"v": FORMAT, "rv": revision, "start": start}).to_string())
    }

    /// Reads the token of a list of one namespace, or of all when there is none.
    ///
    /// # Errors
    /// 400 for whatever is not such a token, in upstream's words. A token never leads out of the namespace listed.
    pub(crate) fn decode(token: &str, namespaced: bool, namespace: Option<&str>) -> Result<Self, Status> {
        read(token, namespaced, namespace)
            .map_err(|why| Status::bad_request(format!("invalid continue token: continue key is not valid{why}")))
    }
}

fn read(token: &str, namespaced: bool, namespace: Option<&str>) -> Result<Page, String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|error| format!(": {}", base64_error(&error)))?;
    let value = decode::json(&bytes).map_err(|error| match error {
        DecodeError::Json(why) => format!(": {why}"),
        error => format!(": {error}"),
    })?;
    let Value::Object(fields) = &value.value else {
        return Err(": json: cannot unmarshal into a continue token".into());
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("v") != FORMAT {
        return Err(format!(": server does not recognize this encoded version {}", text("v")));
    }
    let revision = match fields.get("rv").and_then(Value::as_i64).unwrap_or_default() {
        0 => return Err(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)".to_owned()),
        ..0 => None,
        revision => Some(Revision(revision.unsigned_abs())),
    };
    let start = text("start");
    if start.is_empty() {
        return Err(": encoded start key empty (version meta.k8s.io/v1)".to_owned());
    }
    let path = start.strip_prefix('/').unwrap_or(start);
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(format!(": {start}"));
    }
    let path = path.strip_suffix('\0').unwrap_or(path);
    let last = match (namespace, path.split_once('/')) {
        (Some(namespace), _) => ObjectKey::namespaced(namespace, path),
        (None, Some((namespace, name))) if namespaced => ObjectKey::namespaced(namespace, name),
        // Nothing of that namespace was delivered.
        (None, None) if namespaced => ObjectKey::namespaced(path, ""),
        (None, _) => ObjectKey::cluster(path),
    };
    Ok(Page { revision, last })
}

fn base64_error(error: &base64::DecodeError) -> String {
    use base64::DecodeError::{InvalidByte, InvalidLastSymbol, InvalidLength, InvalidPadding};
    let at = match error {
        InvalidByte(at, _) | InvalidLastSymbol(at, _) | InvalidLength(at) => *at,
        InvalidPadding => 0,
    };
    format!("illegal base64 data at input byte {at}")
}

impl Pages {
    /// Keeps a snapshot for later pages.
    pub(crate) fn keep(&self, revision: Revision, snapshot: &Snapshot) {
        let mut kept = self.kept.lock();
        if kept.iter().any(|(at, _)| *at == revision) {
            return;
        }
        kept.push_back((revision, snapshot.clone()));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// The snapshot of a revision, while it is kept.
    pub(crate) fn find(&self, revision: Revision) -> Option<Snapshot> {
        self.kept.lock().iter().find(|(at, _)| *at == revision).map(|(_, snapshot)| snapshot.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn a_token_round_trips_and_stays_in_its_namespace() {
        let page = Page { revision: Some(Revision(7)), last: ObjectKey::namespaced("a", "b") };
        for namespace in [None, Some("a")] {
            assert_eq!(Page::decode(&page.encode(namespace), true, namespace), Ok(page.clone()));
        }
        let cluster = Page { revision: None, last: ObjectKey::cluster("n") };
        assert_eq!(Page::decode(&cluster.encode(None), false, None), Ok(cluster));
        let elsewhere = Page::decode(&page.encode(None), true, Some("other")).expect("a key below the namespace");
        assert_eq!(elsewhere.last.namespace.as_deref(), Some("other"));
    }

    #[test]
    fn what_is_no_token_is_refused_in_upstreams_words() {
        let cases = [
            ("!".to_owned(), ": illegal base64 data at input byte 0"),
            (token("x"), ": invalid character 'x' looking for beginning of value"),
            (token("{}"), ": server does not recognize this encoded version "),
            (token(r#"{"v":"v2"}"#), ": server does not recognize this encoded version v2"),
            (
                token(r#"{"v":"meta.k8s.io/v1","start":"a"}"#),
                ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            (token(r#"{"v":"meta.k8s.io/v1","rv":1}"#), ": encoded start key empty (version meta.k8s.io/v1)"),
            (token(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../x"}"#), ": ../x"),
            (token(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"a//x"}"#), ": a//x"),
        ];
        for (token, why) in cases {
            let status = Page::decode(&token, true, Some("a")).unwrap_err();
            let expected = format!("invalid continue token: continue key is not valid{why}");
            assert_eq!((status.code, status.message), (400, expected));
        }
    }

    proptest! {
        #[test]
        fn a_changed_token_never_leads_out_of_its_namespace(at in 0_usize..80, byte in any::<u8>()) {
            let page = Page { revision: Some(Revision(7)), last: ObjectKey::namespaced("a", "b") };
            let mut bytes = page.encode(Some("a")).into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(page) = Page::decode(&String::from_utf8_lossy(&bytes), true, Some("a")) {
                prop_assert_eq!(page.last.namespace.as_deref(), Some("a"));
            }
        }
    }
}
