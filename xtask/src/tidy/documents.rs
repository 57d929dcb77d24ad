//! What documents and data may not do: link to files that are not there, or name a folder of somebody's machine.

use std::env;
use std::path::Path;

use super::{Finding, Text};

/// The documents whose links are checked.
const LINKED: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Links to files that do not exist. `exists` answers for a path relative to the checkout.
pub(super) fn links(text: &Text, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    if !LINKED.contains(&text.path.as_str()) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in text.content.lines().enumerate() {
        for target in targets(line).filter(|target| !exists(target)) {
            findings.push(Finding::new(&text.path, index + 1, format!("the link's target `{target}` does not exist")));
        }
    }
    findings
}

/// The local files that a line of Markdown links to, without their anchors.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = links.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    local.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty())
}

/// Text that would only be true on the machine it was written on: this checkout's own folder, and people's folders.
pub(super) fn machine(root: &Path) -> Vec<String> {
    let mut paths: Vec<String> = ["home", "Users"].iter().map(|folder| format!("/{folder}/")).collect();
    // A checkout directly below the root of the file system has too plain a name to search for.
    if root.components().count() > 2 {
        paths.push(format!("{}/", root.display()));
    }
    if let Some(home) = env::var("HOME").ok().filter(|home| home.len() > 1) {
        paths.push(format!("{home}/."));
    }
    paths
}

/// Absolute paths of a machine. `tidy: allow-path REASON` in the line permits one.
pub(super) fn machine_paths(text: &Text, paths: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.content.lines().enumerate() {
        let found = paths.iter().find(|path| names(line, path));
        if let Some(path) = found.filter(|_| !line.contains("tidy: allow-path ")) {
            findings.push(Finding::new(&text.path, index + 1, format!("names `{path}`, a folder of one machine")));
        }
    }
    findings
}

/// Whether the line holds the path as an absolute one: `a/home/b` and `https://x/home/` are something else.
fn names(line: &str, path: &str) -> bool {
    let plain = |before: char| !before.is_alphanumeric() && !"._-/}*~)".contains(before);
    line.match_indices(path).any(|(at, _)| line[..at].chars().next_back().is_none_or(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, content: &str) -> Text {
        Text { path: path.to_owned(), content: content.to_owned() }
    }

    #[test]
    fn a_link_to_a_missing_file_is_found() {
        let readme = text("README.md", "[a](LICENSE) [b](https://x.dev/y)\n\n[c](docs/gone.md#part) [d](#here)\n");
        let found = links(&readme, |target| target == "LICENSE");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].message.contains("docs/gone.md")), (3, true));
    }

    #[test]
    fn a_folder_of_one_machine_is_found() {
        let paths = ["/opt/build/tree/".to_owned()];
        let content = "see /opt/build/tree/a\nhttps://x.dev/opt/build/tree/a\n\"/opt/build/tree/\" tidy: allow-path as an example\n";
        let found = machine_paths(&text("a.yaml", content), &paths);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn the_checkouts_own_folder_is_one_of_them() {
        assert!(machine(Path::new("/a/b")).contains(&"/a/b/".to_owned()));
        assert!(!machine(Path::new("/src")).contains(&"/src/".to_owned()));
    }
}
