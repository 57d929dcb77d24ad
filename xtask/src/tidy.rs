//! The rules that the compiler cannot check. Each rule is a function from files to findings; this file only gathers the
//! files and prints what the rules found. `ARCHITECTURE.md` names the invariants that these rules hold.

mod arrows;
mod coverage;
mod documents;
mod functions;
mod layout;
mod manifest;
mod purity;
mod source;
mod words;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::workspace;
use source::Source;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file, relative to the checkout.
    path: String,
    /// The line, counted from 1.
    line: usize,
    /// What is wrong and what to do instead.
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

/// A file that is not Rust, as the rules see it.
pub(crate) struct Text {
    /// The path, relative to the checkout, with `/`.
    path: String,
    /// The content.
    content: String,
}

/// Checks the checkout and prints what it finds.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let findings = check(workspace::root())?;
    for finding in &findings {
        println!("{}:{}: {}", finding.path, finding.line, finding.message);
    }
    match findings.len() {
        0 => Ok(ExitCode::SUCCESS),
        count => {
            println!("tidy: {count} broken rule{}", if count == 1 { "" } else { "s" });
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Everything that is wrong below `root`, by file and line.
fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let (mut sources, mut texts) = (Vec::new(), Vec::new());
    for file in workspace::files(root)? {
        let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let Ok(content) = String::from_utf8(bytes) else { continue };
        let path = relative(root, &file);
        if path.ends_with(".rs") {
            sources.push(Source::new(&path, &content));
        }
        texts.push(Text { path, content });
    }
    let mut findings = Vec::new();
    for source in &sources {
        findings.extend(layout::file(source));
        findings.extend(functions::length(source));
        findings.extend(purity::pure_parts(source));
        findings.extend(arrows::names(source));
        findings.extend(words::unsafe_code(source));
        findings.extend(words::stubs(source));
        findings.extend(words::sleeps(source));
    }
    // The fuzz targets are no member of the workspace, so nothing can be inherited from it.
    let is_member = |text: &&Text| text.path.ends_with("/Cargo.toml") && !text.path.starts_with("fuzz/");
    let manifests: Vec<&Text> = texts.iter().filter(is_member).collect();
    for text in &manifests {
        findings.extend(manifest::versions(text));
        findings.extend(manifest::lints(text));
        findings.extend(arrows::dependencies(text));
    }
    let tests = coverage::Tests::of(&sources);
    for text in &texts {
        findings.extend(coverage::table(text, &tests, |target| root.join(target).exists()));
        findings.extend(documents::links(text, |target| root.join(target).exists()));
        findings.extend(documents::machine_paths(text, &documents::machine(root)));
    }
    findings.sort();
    Ok(findings)
}

fn relative(root: &Path, file: &Path) -> String {
    let path = file.strip_prefix(root).unwrap_or(file);
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_with_broken_rules_is_reported_by_file_and_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("crates/store/src");
        fs::create_dir_all(&source).expect("a crate");
        fs::write(source.join("lib.rs"), "//! Fine.\n\nuse tokio::sync::Mutex;\n").expect("a file");
        fs::write(folder.path().join("README.md"), "See [it](missing.md).\n").expect("a file");
        let found = check(folder.path()).expect("it is readable");
        let places: Vec<(&str, usize)> = found.iter().map(|finding| (finding.path.as_str(), finding.line)).collect();
        assert_eq!(places, [("README.md", 1), ("crates/store/src/lib.rs", 3)]);
    }
}
