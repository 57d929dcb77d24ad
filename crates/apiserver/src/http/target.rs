//! What a URL path names: a resource of the API or something else
//! (`k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`).
//!
//! Pure. Borrows from the path; it allocates only when the path has escapes. Invariant: no segment that comes out of
//! here is empty, `.`, `..`, or holds a slash or a control character, whatever went in.

use std::borrow::Cow;

/// A path that is refused before it is looked at, with 400.
///
/// Differs: upstream has no route for most such paths and answers 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetError {
    /// An escape that is not two hex digits, or bytes that are not UTF-8.
    #[error("the path has an invalid escape")]
    Escape,
    /// An escaped slash, which would change where segments end.
    #[error("the path may not contain an escaped slash")]
    EscapedSlash,
    /// A segment that is empty, `.` or `..`.
    #[error("the path may not contain empty, \".\" or \"..\" segments")]
    Segment,
    /// A control character.
    #[error("the path may not contain control characters")]
    Control,
}

/// Decodes the escapes of a path once and checks its segments. One slash at the end is let pass, as upstream does.
pub(super) fn decode(path: &str) -> Result<Cow<'_, str>, TargetError> {
    let decoded = if path.contains('%') { Cow::Owned(unescape(path)?) } else { Cow::Borrowed(path) };
    if decoded.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(TargetError::Control);
    }
    let inner = decoded.strip_prefix('/').ok_or(TargetError::Segment)?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let bad = |segment: &str| matches!(segment, "" | "." | "..");
    if decoded != "/" && inner.split('/').any(bad) {
        return Err(TargetError::Segment);
    }
    Ok(decoded)
}

fn unescape(path: &str) -> Result<String, TargetError> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return Err(TargetError::Escape) };
        rest = tail;
        let byte = hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low).ok_or(TargetError::Escape)?;
        if byte == b'/' {
            return Err(TargetError::EscapedSlash);
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| TargetError::Escape)
}

/// The value of one hex digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A path below `/api/VERSION` or `/apis/GROUP/VERSION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ResourcePath<'a> {
    /// The group; empty for the core group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// The plural resource name.
    pub resource: &'a str,
    /// The namespace in the path. `namespaces/x` names a namespace *and* the object `x`.
    pub namespace: Option<&'a str>,
    /// The name of the object.
    pub name: Option<&'a str>,
    /// The subresource.
    pub subresource: Option<&'a str>,
    /// Whether there are segments after the subresource.
    pub has_rest: bool,
    /// Whether the path has the legacy `/watch/` in front of the resource.
    pub watch: bool,
}

/// Reads a decoded path as a resource path; `None` when it names something else, such as a discovery document.
pub(super) fn resource(path: &str) -> Option<ResourcePath<'_>> {
    let mut segments = path.trim_matches('/').split('/');
    let mut found = ResourcePath::default();
    match segments.next()? {
        "api" => {}
        "apis" => found.group = segments.next()?,
        _ => return None,
    }
    found.version = segments.next()?;
    let mut first = segments.next()?;
    if first == "watch" {
        found.watch = true;
        first = segments.next()?;
    }
    let parts: [Option<&str>; 5] = std::array::from_fn(|_| segments.next());
    found.has_rest = segments.next().is_some();
    if first == "namespaces" && found.group.is_empty() {
        found.namespace = parts[0];
    }
    let in_namespace = first == "namespaces" && parts[1].is_some_and(|part| !is_namespace_subresource(part));
    let (resource, name, subresource, rest) = if in_namespace {
        found.namespace = parts[0];
        (parts[1]?, parts[2], parts[3], parts[4])
    } else {
        (first, parts[0], parts[1], parts[2])
    };
    (found.resource, found.name, found.subresource) = (resource, name, subresource);
    found.has_rest |= rest.is_some();
    Some(found)
}

/// `/api/v1/namespaces/x/status` is a namespace's status, not a resource in it.
fn is_namespace_subresource(part: &str) -> bool {
    matches!(part, "status" | "finalize")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(path: &str) -> String {
        let Some(found) = resource(path) else { return "-".to_owned() };
        let text = |value: Option<&str>| value.unwrap_or("-").to_owned();
        let watch = if found.watch { " watch" } else { "" };
        let rest = if found.has_rest { " +" } else { "" };
        format!(
            "{}/{} {} ns={} name={} sub={}{watch}{rest}",
            found.group,
            found.version,
            found.resource,
            text(found.namespace),
            text(found.name),
            text(found.subresource)
        )
    }

    #[test]
    fn paths_read_as_upstream_reads_them() {
        let cases = [
            ("/api/v1/pods", "/v1 pods ns=- name=- sub=-"),
            ("/api/v1/namespaces/a/pods/", "/v1 pods ns=a name=- sub=-"),
            ("/api/v1/namespaces/a/pods/p", "/v1 pods ns=a name=p sub=-"),
            ("/api/v1/namespaces/a/pods/p/log", "/v1 pods ns=a name=p sub=log"),
            ("/api/v1/namespaces/a/pods/p/proxy/x/y", "/v1 pods ns=a name=p sub=proxy +"),
            ("/api/v1/namespaces", "/v1 namespaces ns=- name=- sub=-"),
            ("/api/v1/namespaces/a", "/v1 namespaces ns=a name=a sub=-"),
            ("/api/v1/namespaces/a/status", "/v1 namespaces ns=a name=a sub=status"),
            ("/api/v1/namespaces/a/finalize", "/v1 namespaces ns=a name=a sub=finalize"),
            ("/apis/batch/v1/namespaces/a/jobs/j/status", "batch/v1 jobs ns=a name=j sub=status"),
            ("/apis/batch/v1/jobs", "batch/v1 jobs ns=- name=- sub=-"),
            ("/apis/batch/v1/watch/namespaces/a/jobs/j", "batch/v1 jobs ns=a name=j sub=- watch"),
            ("/api/v1/watch/pods", "/v1 pods ns=- name=- sub=- watch"),
            ("/api/v1/watch", "-"),
            ("/api/v1", "-"),
            ("/apis/batch/v1", "-"),
            ("/apis", "-"),
            ("/version", "-"),
            ("/", "-"),
        ];
        for (path, expected) in cases {
            assert_eq!(show(path), expected, "{path}");
        }
    }

    #[test]
    fn escapes_are_decoded_once_and_dangerous_paths_refused() {
        assert_eq!(decode("/api/v1/nodes/a%3Ab"), Ok("/api/v1/nodes/a:b".into()));
        assert_eq!(decode("/api/v1/nodes/a%252fb"), Ok("/api/v1/nodes/a%2fb".into()));
        assert_eq!(decode("/"), Ok("/".into()));
        let refused = [
            ("/api/v1//pods", TargetError::Segment),
            ("//", TargetError::Segment),
            ("/api/../x", TargetError::Segment),
            ("/api/%2e%2e/x", TargetError::Segment),
            ("/api/./x", TargetError::Segment),
            ("/api/a%2fb", TargetError::EscapedSlash),
            ("/api/a%2Fb", TargetError::EscapedSlash),
            ("/api/a%00", TargetError::Control),
            ("/api/a%0a", TargetError::Control),
            ("/api/a%", TargetError::Escape),
            ("/api/a%zz", TargetError::Escape),
            ("/api/%ff", TargetError::Escape),
            ("*", TargetError::Segment),
        ];
        for (path, error) in refused {
            assert_eq!(decode(path), Err(error), "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_segment_escapes_its_place(path in "/[a-z./%0-9A-F]{0,40}") {
            if let Ok(decoded) = decode(&path)
                && let Some(found) = resource(&decoded)
            {
                for part in [Some(found.resource), found.namespace, found.name, found.subresource].into_iter().flatten() {
                    proptest::prop_assert!(!part.is_empty() && part != ".." && part != "." && !part.contains('/'));
                }
            }
        }
    }
}
