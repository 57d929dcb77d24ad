//! What a member's manifest says: versions stand in the root manifest alone, and every member keeps the workspace's
//! lints. Reads the few shapes that this workspace writes, line by line; it is no TOML parser.

use super::{Finding, Text};

/// One dependency of a manifest.
pub(super) struct Dependency {
    /// Its name as written left of the `=` or the dot.
    pub(super) name: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// The whole line.
    text: String,
}

/// The dependencies of all kinds that a manifest names.
pub(super) fn dependencies(content: &str) -> Vec<Dependency> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in content.lines().enumerate() {
        let text = line.trim();
        if text.starts_with('[') {
            inside = text.trim_end_matches(']').ends_with("dependencies");
        } else if inside && !text.is_empty() && !text.starts_with('#') {
            let name = text.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push(Dependency { name: name.to_owned(), line: index + 1, text: text.to_owned() });
        }
    }
    found
}

/// Dependencies of a member whose version does not come from the root manifest.
pub(super) fn versions(text: &Text) -> Vec<Finding> {
    let own = dependencies(&text.content).into_iter().filter(|dependency| !is_inherited(&dependency.text));
    own.map(|dependency| {
        let why = format!(
            "`{}` does not say `workspace = true`: versions stand in the root Cargo.toml alone",
            dependency.name
        );
        Finding::new(&text.path, dependency.line, why)
    })
    .collect()
}

fn is_inherited(line: &str) -> bool {
    let squeezed: String = line.chars().filter(|character| !character.is_whitespace()).collect();
    let inherits = squeezed.contains(".workspace=true")
        || squeezed.contains("{workspace=true")
        || squeezed.contains(",workspace=true");
    inherits && !squeezed.contains("version=")
}

/// A member that does not keep the workspace's lints.
pub(super) fn lints(text: &Text) -> Option<Finding> {
    let squeezed: String = text.content.chars().filter(|character| !character.is_whitespace()).collect();
    let kept = squeezed.contains("[lints]workspace=true");
    (!kept).then(|| {
        Finding::new(
            &text.path,
            1,
            "the member does not keep the workspace's lints: add `[lints]` with `workspace = true`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> Text {
        Text { path: "crates/x/Cargo.toml".to_owned(), content: content.to_owned() }
    }

    #[test]
    fn a_version_in_a_member_is_found() {
        let manifest = text(
            "[package]\nversion = \"1\"\n[dependencies]\na = \"1\"\nb = { workspace = true, features = [\"c\"] }\n\
             d.workspace = true\n# note\ne = { version = \"2\" }\n[target.'cfg(unix)'.dependencies]\nf = \"3\"\n",
        );
        let found = versions(&manifest);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [4, 8, 10]);
    }

    #[test]
    fn a_member_without_the_lints_is_found() {
        assert!(lints(&text("[package]\nname = \"x\"\n")).is_some());
        assert!(lints(&text("[lints]\nworkspace = true\n")).is_none());
    }
}
