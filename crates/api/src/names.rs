//! Name rules (`k8s.io/apimachinery/pkg/util/validation/validation.go`) and generated names
//! (`k8s.io/apiserver/pkg/storage/names/generate.go`).

/// The letters of generated suffixes: no vowels and no look-alikes, so that no words come about.
pub const SUFFIX_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many letters a generated suffix has.
pub const SUFFIX_LENGTH: usize = 5;
/// The longest generated name; the base is cut so that the suffix fits.
pub const MAX_GENERATED_LENGTH: usize = 63;

const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const UNDERSCORE_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY_RULE: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    is_lower_alphanumeric(*first)
        && is_lower_alphanumeric(*last)
        && bytes.iter().all(|byte| is_lower_alphanumeric(*byte) || *byte == b'-')
}

/// What is wrong with a DNS-1123 label, at most 63 bytes. Empty when it is right.
pub fn dns_label_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 63 {
        errors.push("must be no more than 63 characters".to_owned());
    }
    if !is_label_text(text) {
        let is_subdomain = text.split('.').all(is_label_text);
        errors.push(if is_subdomain { "must not contain dots".to_owned() } else { LABEL_RULE.to_owned() });
    }
    errors
}

/// What is wrong with a DNS-1123 subdomain, at most 253 bytes. Empty when it is right.
pub fn dns_subdomain_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push("must be no more than 253 characters".to_owned());
    }
    if !text.split('.').all(is_label_text) {
        errors.push(SUBDOMAIN_RULE.to_owned());
    }
    errors
}

/// What is wrong with a DNS-1123 subdomain that may have underscores, such as a search path. Empty when it is right.
pub fn dns_subdomain_with_underscore_errors(text: &str) -> Vec<String> {
    let is_label = |label: &str| {
        let bytes = label.strip_prefix('_').unwrap_or(label).as_bytes();
        let known = |byte: &u8| is_lower_alphanumeric(*byte) || matches!(byte, b'-' | b'_');
        let ends = bytes.first().zip(bytes.last());
        ends.is_some_and(|(first, last)| is_lower_alphanumeric(*first) && is_lower_alphanumeric(*last))
            && bytes.iter().all(known)
    };
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push("must be no more than 253 characters".to_owned());
    }
    if !text.split('.').all(is_label) {
        errors.push(UNDERSCORE_RULE.to_owned());
    }
    errors
}

fn is_qualified_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// What is wrong with a qualified name such as a label key: `[prefix/]name`. Empty when it is right.
pub fn qualified_name_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            } else {
                errors.extend(dns_subdomain_errors(prefix).into_iter().map(|error| format!("prefix part {error}")));
            }
            name
        }
        _ => {
            let rule = QUALIFIED_RULE.trim_start_matches("name part must consist");
            return vec![format!(
                "a valid label key must consist{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        errors.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_qualified_text(name) {
        errors.push(QUALIFIED_RULE.to_owned());
    }
    errors
}

/// What is wrong with a label value, at most 63 bytes. Empty when it is right.
pub fn label_value_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 63 {
        errors.push("must be no more than 63 bytes".to_owned());
    }
    if !text.is_empty() && !is_qualified_text(text) {
        errors.push(LABEL_VALUE_RULE.to_owned());
    }
    errors
}

/// What is wrong with a key of a ConfigMap or Secret, at most 253 bytes. Empty when it is right.
pub fn config_key_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push("must be no more than 253 characters".to_owned());
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        errors.push(CONFIG_KEY_RULE.to_owned());
    }
    match text {
        "." => errors.push("must not be '.'".to_owned()),
        ".." => errors.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => errors.push("must not start with '..'".to_owned()),
        _ => {}
    }
    errors
}

/// Joins `generateName` and a suffix of [`SUFFIX_LENGTH`] letters drawn by the caller: each of `draws` picks a letter.
pub fn generated(base: &str, draws: [u32; SUFFIX_LENGTH]) -> String {
    let mut room = MAX_GENERATED_LENGTH - SUFFIX_LENGTH;
    room = room.min(base.len());
    while !base.is_char_boundary(room) {
        room -= 1;
    }
    let mut name = String::with_capacity(room + SUFFIX_LENGTH);
    name.push_str(&base[..room]);
    for draw in draws {
        name.push(SUFFIX_ALPHABET[draw as usize % SUFFIX_ALPHABET.len()] as char);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_upstreams_rules() {
        assert!(dns_label_errors("pi-1").is_empty());
        assert_eq!(dns_label_errors("-pi"), [LABEL_RULE]);
        assert_eq!(dns_label_errors(&"a".repeat(64)), ["must be no more than 63 characters"]);
        assert_eq!(dns_label_errors("a.b"), ["must not contain dots"]);
        assert!(dns_subdomain_errors("a.b-c.d").is_empty());
        assert_eq!(dns_subdomain_errors("a..b"), [SUBDOMAIN_RULE]);
        assert!(qualified_name_errors("batch.kubernetes.io/job-name").is_empty());
        assert_eq!(qualified_name_errors("/x"), ["prefix part must be non-empty"]);
        assert!(qualified_name_errors("a/b/c")[0].starts_with("a valid label key must consist of alphanumeric"));
        assert!(label_value_errors("").is_empty());
        assert_eq!(label_value_errors("a b"), [LABEL_VALUE_RULE]);
        assert_eq!(config_key_errors("..")[0], "must not be '..'");
    }

    #[test]
    fn generated_names_fit_into_a_label() {
        let name = generated(&"x".repeat(80), [0, 1, 2, 26, 27]);
        assert_eq!(name.len(), 63);
        assert!(name.ends_with("bcd9b"));
    }
}
