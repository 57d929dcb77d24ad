//! `hostPath`: whether what is there is what the spec expects (`pkg/volume/hostpath`).

use std::path::Path;

/// What has to be made before a path of the host can be mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing.
    Ready,
    /// A directory, mode 0755.
    MakeDirectory,
    /// An empty file, mode 0644; its directory must exist.
    MakeFile,
}

/// Compares a path with the `type` of its volume.
///
/// # Errors
/// Upstream's words when something else is there, or nothing that has to be.
pub(crate) fn check(path: &str, kind: &str) -> Result<Check, String> {
    use std::os::unix::fs::FileTypeExt;
    let found = std::fs::metadata(Path::new(path)).ok().map(|metadata| metadata.file_type());
    let is = |holds: bool, what: &str| {
        if holds { Ok(Check::Ready) } else { Err(format!("hostPath type check failed: {path} is not a {what}")) }
    };
    match (kind, found) {
        ("", Some(_)) => Ok(Check::Ready),
        // Differs: without a type upstream leaves it to the container runtime, which makes a directory.
        ("" | "DirectoryOrCreate", None) => Ok(Check::MakeDirectory),
        ("FileOrCreate", None) => Ok(Check::MakeFile),
        ("Directory" | "DirectoryOrCreate", found) => is(found.is_some_and(|kind| kind.is_dir()), "directory"),
        ("File" | "FileOrCreate", found) => is(found.is_some_and(|kind| kind.is_file()), "file"),
        ("Socket", found) => is(found.is_some_and(|kind| kind.is_socket()), "socket file"),
        ("CharDevice", found) => is(found.is_some_and(|kind| kind.is_char_device()), "character device"),
        ("BlockDevice", found) => is(found.is_some_and(|kind| kind.is_block_device()), "block device"),
        (other, _) => Err(format!("{other} is an invalid volume type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_its_type_says_or_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(path("file"), "").unwrap();
        let here = directory.path().display().to_string();
        assert_eq!(check(&here, "Directory"), Ok(Check::Ready));
        assert_eq!(check(&here, ""), Ok(Check::Ready));
        assert_eq!(check(&path("file"), "FileOrCreate"), Ok(Check::Ready));
        assert_eq!(check(&path("none"), "DirectoryOrCreate"), Ok(Check::MakeDirectory));
        assert_eq!(check(&path("none"), "FileOrCreate"), Ok(Check::MakeFile));
        assert_eq!(check("/dev/null", "CharDevice"), Ok(Check::Ready));
        for (name, kind, what) in
            [("file", "Directory", "directory"), ("none", "File", "file"), ("file", "Socket", "socket file")]
        {
            let message = format!("hostPath type check failed: {} is not a {what}", path(name));
            assert_eq!(check(&path(name), kind), Err(message));
        }
    }
}
