//! `$(VAR)` in values, commands and arguments, by upstream's rules (`third_party/forked/golang/expansion`):
//! `$$` is a dollar sign, a reference to nothing known stays as it is, and so does anything else after a dollar.

use std::collections::BTreeMap;

/// Replaces references to the given variables.
pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match variables.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_expand_as_upstream_expands_them() {
        let variables =
            [("A", "a"), ("B", "$(A)"), ("", "empty")].map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
        let cases = [
            ("$(A)", "a"),
            ("x$(A)y$(A)", "xaya"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$a"),
            ("$$$$(A)", "$$(A)"),
            ("$(NO)", "$(NO)"),
            ("$A $ {A} $", "$A $ {A} $"),
            ("$(A", "$(A"),
            ("$(B)", "$(A)"),
            ("$()", "empty"),
            ("$(A$(A)", "$(A$(A)"),
            ("plain", "plain"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
