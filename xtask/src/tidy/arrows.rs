//! Which crate may name which. Controllers, kubelet, client and plugin are API clients and nothing more, so they never
//! name the server or its store; only the outermost crates name `cluster`, where everything comes together.

use super::source::{Source, holds};
use super::{Finding, Text, manifest};

/// Folders whose crates are API clients.
const CLIENTS: [&str; 7] = [
    "crates/client/",
    "crates/controller/",
    "crates/job-controller/",
    "crates/kubelet/",
    "crates/service-proxy/",
    "crates/system-controllers/",
    "plugins/kubectl-job/",
];
/// What an API client never names.
const BEHIND_THE_DOOR: [&str; 2] = ["apiserver", "store"];
/// Folders whose crates may name `cluster`.
const OUTERMOST: [&str; 4] = ["crates/cluster/", "crates/testkit/", "plugins/kubectl-job/", "xtask/"];

/// Arrows against the design in a manifest, `dev-dependencies` included.
pub(super) fn dependencies(text: &Text) -> Vec<Finding> {
    let named = manifest::dependencies(&text.content);
    let broken = named.into_iter().filter_map(|dependency| {
        let why = refusal(&text.path, &dependency.name)?;
        Some(Finding::new(&text.path, dependency.line, why))
    });
    broken.collect()
}

/// Arrows against the design in code.
pub(super) fn names(source: &Source) -> Vec<Finding> {
    let crates = BEHIND_THE_DOOR.iter().chain(&["cluster"]);
    let found = crates.flat_map(|name| {
        let why = refusal(&source.path, name);
        let lines = why.iter().flat_map(|_| source.code.iter().enumerate().filter(|(_, line)| uses(line, name)));
        lines
            .map(|(index, _)| Finding::new(&source.path, index + 1, why.clone().unwrap_or_default()))
            .collect::<Vec<_>>()
    });
    found.collect()
}

/// Whether a line of code imports from that crate.
fn uses(line: &str, name: &str) -> bool {
    holds(line, &format!("use {name}"))
        || line.contains(&format!("use ::{name}::"))
        || holds(line, &format!("extern crate {name}"))
}

fn refusal(path: &str, name: &str) -> Option<String> {
    let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    if BEHIND_THE_DOOR.contains(&name) && below(&CLIENTS) {
        return Some(format!("an API client names `{name}`: go through `client` instead"));
    }
    if name == "cluster" && !below(&OUTERMOST) {
        return Some("only the plugin, testkit and xtask may name `cluster`".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest_lines(path: &str, content: &str) -> Vec<usize> {
        let text = Text { path: path.to_owned(), content: content.to_owned() };
        dependencies(&text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_controller_that_depends_on_the_store_is_found() {
        let content = "[dependencies]\napi.workspace = true\nstore.workspace = true\n[dev-dependencies]\napiserver = { workspace = true }\n";
        assert_eq!(manifest_lines("crates/job-controller/Cargo.toml", content), [3, 5]);
        assert_eq!(manifest_lines("crates/cluster/Cargo.toml", content), [0_usize; 0]);
    }

    #[test]
    fn an_inner_crate_that_depends_on_cluster_is_found() {
        let content = "[dependencies]\ncluster.workspace = true\n";
        assert_eq!(manifest_lines("crates/apiserver/Cargo.toml", content), [2]);
        assert_eq!(manifest_lines("plugins/kubectl-job/Cargo.toml", content), [0_usize; 0]);
    }

    #[test]
    fn an_import_from_behind_the_door_is_found() {
        let text = "//! K.\nuse store::Store;\nuse crate::store_of_logs::Log;\n// use apiserver::Server;\n";
        let found = names(&Source::new("crates/kubelet/src/shell.rs", text));
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    }
}
