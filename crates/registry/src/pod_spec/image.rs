//! The tag of an image reference (`pkg/util/parsers`): all that defaulting asks of an image's name.

/// Whether the reference is well formed and its tag is `latest`, given or implied. A malformed reference has no tag.
pub(crate) fn is_latest(image: &str) -> bool {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (path, tag) = match name[last..].find(':') {
        Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
        None => (name, None),
    };
    if !is_path(path) || tag.is_some_and(|tag| !is_tag(tag)) {
        return false;
    }
    match (tag, digest) {
        (Some(tag), _) => tag == "latest",
        (None, digest) => digest.is_none(),
    }
}

fn is_tag(tag: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !tag.is_empty() && tag.len() <= 128 && !tag.starts_with(['.', '-']) && tag.bytes().all(allowed)
}

fn is_path(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').collect();
    let has_host = parts.len() > 1 && (parts[0].contains(['.', ':']) || parts[0] == "localhost");
    if has_host {
        parts.remove(0);
    }
    parts.iter().all(|part| is_component(part))
}

fn is_component(part: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    let bytes = part.as_bytes();
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|byte| inner(*byte))
}

#[cfg(test)]
mod tests {
    use super::is_latest;

    #[test]
    fn tag_is_latest_when_named_or_absent() {
        for image in ["perl", "perl:latest", "docker.io/library/perl", "localhost:5000/perl", "host/x/y:latest"] {
            assert!(is_latest(image), "{image}");
        }
        for image in ["perl:5.34.0", "perl@sha256:00", "Perl", "perl:", "", " perl", "localhost:5000/perl:1"] {
            assert!(!is_latest(image), "{image}");
        }
    }
}
