//! `--as`: acting as somebody else (`k8s.io/apiserver/pkg/endpoints/filters/impersonation`). Whoever holds a token may
//! do everything, and so be everybody.

use std::sync::Arc;

use api::user::AUTHENTICATED_GROUP;
use api::{Status, User};
use http::header::{HeaderMap, HeaderValue};

use super::target::hex;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA_PREFIX: &str = "impersonate-extra-";

/// The user to act as: the one that the headers name, or else the one who sent them.
///
/// # Errors
/// When the headers say more of a user whom they do not name.
pub(super) fn acting_user(headers: &HeaderMap, sender: Arc<User>) -> Result<Arc<User>, Status> {
    // The usual request has none of these headers, and must not pay for them.
    let named = |name: &str| name.starts_with("impersonate-");
    if !headers.keys().any(|name| named(name.as_str())) {
        return Ok(sender);
    }
    let name = text(headers.get(USER));
    let groups: Vec<String> = headers.get_all(GROUP).iter().map(|value| text(Some(value))).collect();
    let uid = text(headers.get(UID));
    let mut user = User { name, uid, groups, ..User::default() };
    for (header, value) in headers {
        if let Some(key) = header.as_str().strip_prefix(EXTRA_PREFIX) {
            user.extra.entry(unescape(key)).or_default().push(text(Some(value)));
        }
    }
    if user.name.is_empty() {
        return Err(Status::internal(format!("requested {:?} without impersonating a user", user.groups)));
    }
    add_groups(&mut user);
    Ok(Arc::new(user))
}

fn text(value: Option<&HeaderValue>) -> String {
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// Keys are escaped since header names have no slashes; what is no escape stays as it is.
fn unescape(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A service account is in its groups unless others are named; everybody but the anonymous user is authenticated.
fn add_groups(user: &mut User) {
    if user.groups.is_empty()
        && let Some(account) = user.name.strip_prefix("system:serviceaccount:")
        && let Some((namespace, _)) = account.split_once(':')
    {
        user.groups = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
    }
    let group = if user.name == "system:anonymous" { "system:unauthenticated" } else { AUTHENTICATED_GROUP };
    if !user.groups.iter().any(|known| known == AUTHENTICATED_GROUP || known == group) {
        user.groups.push(group.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acting(pairs: &[(&'static str, &str)]) -> Result<User, Status> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        acting_user(&headers, Arc::new(User::server())).map(Arc::unwrap_or_clone)
    }

    #[test]
    fn without_headers_the_sender_acts() {
        assert_eq!(acting(&[("accept", "*/*")]), Ok(User::server()));
    }

    #[test]
    fn headers_name_user_groups_and_extra() {
        let user = acting(&[
            ("impersonate-user", "jane"),
            ("impersonate-group", "dev"),
            ("impersonate-group", "ops"),
            ("impersonate-uid", "u1"),
            ("impersonate-extra-acme.com%2fproject", "p"),
        ])
        .unwrap();
        assert_eq!((user.name.as_str(), user.uid.as_str()), ("jane", "u1"));
        assert_eq!(user.groups, ["dev", "ops", "system:authenticated"]);
        assert_eq!(user.extra["acme.com/project"], ["p"]);
    }

    #[test]
    fn service_accounts_come_with_their_groups() {
        let user = acting(&[("impersonate-user", "system:serviceaccount:ns:sa")]).unwrap();
        assert_eq!(user.groups, ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]);
        let user = acting(&[("impersonate-user", "system:anonymous")]).unwrap();
        assert_eq!(user.groups, ["system:unauthenticated"]);
    }

    #[test]
    fn groups_without_a_user_are_refused() {
        assert_eq!(acting(&[("impersonate-group", "dev")]).unwrap_err().code, 500);
    }
}
