//! Which manifest a Job was run from: kept by the Job's UID in the state directory, so that lines can be named later.
//!
//! Neither the object nor the server is told: an annotation would change what people see of their own Job, and would
//! not work where they may not be told. The text is kept with the name, since the file may change after the run.

use std::fs;
use std::path::PathBuf;

use explain::Manifest;

use crate::server::state::StateDir;

/// Most manifests kept; the oldest go first.
const MAX_MANIFESTS: usize = 200;
/// The longest text kept.
const MAX_TEXT: usize = 256 * 1024;

fn folder(state: &StateDir) -> PathBuf {
    state.root().join("manifests")
}

fn file(state: &StateDir, uid: &str) -> Option<PathBuf> {
    let is_plain = !uid.is_empty() && uid.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    is_plain.then(|| folder(state).join(format!("{uid}.json")))
}

/// Keeps the manifest of a Job. One that cannot be kept is no reason to fail: only line numbers are lost.
pub(crate) fn keep(state: &StateDir, uid: &str, manifest: &Manifest) {
    let Some(path) = file(state, uid).filter(|_| manifest.text.len() <= MAX_TEXT) else { return };
    let Ok(text) = serde_json::to_vec(manifest) else { return };
    if let Err(error) = fs::create_dir_all(folder(state)).and_then(|()| fs::write(&path, text)) {
        tracing::debug!(%error, "the manifest is not remembered");
    }
    forget_oldest(state);
}

/// The manifest that a Job was run from, if it is known here.
pub(crate) fn find(state: &StateDir, uid: &str) -> Option<Manifest> {
    serde_json::from_slice(&fs::read(file(state, uid)?).ok()?).ok()
}

fn forget_oldest(state: &StateDir) {
    let Ok(entries) = fs::read_dir(folder(state)) else { return };
    let age = |entry: fs::DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
    let mut files: Vec<_> = entries.flatten().filter_map(age).collect();
    files.sort();
    let beyond = files.len().saturating_sub(MAX_MANIFESTS);
    for (_, path) in files.into_iter().take(beyond) {
        // Another command may have been here before.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_found_by_uid_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(Some(folder.path())).expect("it is ours");
        let manifest = |number: usize| Manifest { file: format!("{number}.yaml"), text: "kind: Job".to_owned() };
        for number in 0..=MAX_MANIFESTS {
            keep(&state, &format!("u-{number:03}"), &manifest(number));
        }
        assert_eq!(fs::read_dir(super::folder(&state)).expect("a folder").count(), MAX_MANIFESTS);
        assert_eq!(find(&state, &format!("u-{MAX_MANIFESTS}")), Some(manifest(MAX_MANIFESTS)));
        assert_eq!(find(&state, "../server"), None);
    }
}
