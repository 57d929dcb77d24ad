//! The manifests to look at: files, directories, standard input.

use std::path::{Path, PathBuf};

use crate::cli::lint::LintArgs;
use crate::exit::Failure;
use crate::manifest::{self, Document};
use crate::verbs::run;

/// Endings of manifests, as kubectl takes them from a directory.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// The most files of one call.
const MOST_FILES: usize = 10_000;

/// All documents, file by file.
///
/// # Errors
/// What cannot be read or is no YAML.
pub(super) fn documents(args: &LintArgs) -> Result<Vec<Document>, Failure> {
    let mut files = Vec::new();
    for file in &args.files {
        if Path::new(file).is_dir() {
            collect(Path::new(file), args.recursive, &mut files)?;
        } else {
            files.push(file.clone());
        }
    }
    if files.is_empty() {
        return Err(Failure::usage(format!("error: no manifest in {}", args.files.join(", "))));
    }
    let mut documents = Vec::new();
    for file in files {
        let shown = if file == "-" { "STDIN" } else { &file };
        documents.extend(manifest::parse(shown, &run::read(&file)?)?);
    }
    Ok(documents)
}

fn collect(folder: &Path, recursive: bool, files: &mut Vec<String>) -> Result<(), Failure> {
    let broken = |error: std::io::Error| Failure::usage(format!("error: read {}: {error}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(broken)?;
    let mut paths: Vec<PathBuf> =
        entries.collect::<Result<Vec<_>, _>>().map_err(broken)?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        // A link to a directory may lead back here.
        if path.is_dir() && recursive && !path.is_symlink() {
            collect(&path, recursive, files)?;
        } else if path.is_file() && ENDINGS.contains(&ending) {
            files.push(path.display().to_string());
        }
        if files.len() > MOST_FILES {
            return Err(Failure::usage(format!("error: more than {MOST_FILES} files: look at less at a time")));
        }
    }
    Ok(())
}

/// `Job migrate`.
pub(super) fn object(document: &Document) -> String {
    let text = |pointer: &str| document.value.pointer(pointer).and_then(serde_json::Value::as_str);
    let name = text("/metadata/name").or_else(|| text("/metadata/generateName")).unwrap_or("without a name");
    format!("{} {name}", text("/kind").unwrap_or_default())
}
