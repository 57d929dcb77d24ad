//! A gzipped tar of a folder that depends on nothing but the files in it: sorted, without owners and times.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The modification time of every file: the first moment that FAT file systems know, 1980-01-01.
const TIME: u64 = 315_532_800;

/// Packs a folder under its own name.
///
/// # Errors
/// When a file cannot be read or the archive cannot be written.
pub(super) fn write(root: &Path, path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::best()));
    let parent = root.parent().context("a folder with a parent")?;
    for file in files(root)? {
        let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(if file.file_name().is_some_and(|name| name == "kubectl-job") { 0o755 } else { 0o644 });
        header.set_mtime(TIME);
        archive.append_data(&mut header, file.strip_prefix(parent)?, bytes.as_slice())?;
    }
    archive.into_inner()?.finish()?.sync_all()?;
    Ok(())
}

fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn times_of_files_do_not_matter_and_their_content_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("a");
        fs::create_dir_all(root.join("man")).expect("made");
        fs::write(root.join("man/page.1"), "text").expect("written");
        fs::write(root.join("kubectl-job"), "program").expect("written");
        let packed = |name: &str| {
            let path = folder.path().join(name);
            write(&root, &path).expect("packed");
            fs::read(path).expect("read")
        };
        let first = packed("1");
        let page = File::options().write(true).open(root.join("man/page.1")).expect("opened");
        page.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).expect("set");
        assert_eq!(packed("2"), first);
        fs::write(root.join("man/page.1"), "other").expect("written");
        assert_ne!(packed("3"), first);
    }
}
