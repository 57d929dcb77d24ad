//! How GitHub calls a file: by its path from the root of the repository, wherever the command runs.

use std::path::{Path, PathBuf};

/// A file's path from `$GITHUB_WORKSPACE`, else from the repository that it is in; as it is when it is in neither.
pub(super) fn from_root(file: &str) -> String {
    let Some(absolute) = std::fs::canonicalize(file).ok() else { return file.to_owned() };
    let workspace = std::env::var_os("GITHUB_WORKSPACE").filter(|path| !path.is_empty()).map(PathBuf::from);
    relative(&absolute, workspace.as_deref()).unwrap_or_else(|| file.to_owned())
}

/// The path below the workspace, else below the nearest folder that holds `.git`.
fn relative(absolute: &Path, workspace: Option<&Path>) -> Option<String> {
    let workspace = workspace.and_then(|path| std::fs::canonicalize(path).ok());
    let below = |root: &Path| Some(absolute.strip_prefix(root).ok()?.display().to_string());
    workspace.as_deref().and_then(below).or_else(|| {
        // A work tree has a file of that name.
        let root = absolute.ancestors().skip(1).find(|folder| folder.join(".git").exists())?;
        below(root)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_from_the_workspace_else_from_its_repository() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = std::fs::canonicalize(folder.path()).expect("it is there");
        let file = root.join("jobs/ci/a.yaml");
        std::fs::create_dir_all(root.join("jobs/ci")).expect("it can be made");
        std::fs::write(&file, "").expect("it can be written");
        assert_eq!(relative(&file, Some(&root)).as_deref(), Some("jobs/ci/a.yaml"));
        std::fs::create_dir(root.join("jobs/.git")).expect("it can be made");
        assert_eq!(relative(&file, None).as_deref(), Some("ci/a.yaml"));
        assert_eq!(relative(&file, Some(Path::new("/proc"))).as_deref(), Some("ci/a.yaml"));
        assert_eq!(from_root("no/such/file"), "no/such/file");
    }
}
