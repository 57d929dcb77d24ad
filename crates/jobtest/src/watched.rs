//! Which files and folders to keep an eye on, so that tests run again when what they are made of changes. They are named
//! by the files as they lie there, also by such as cannot be read as tests: whoever mends a manifest wants to see it pass.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::format::plain_path;
use crate::node::documents;
use crate::suite;

/// A test file, and the files that it names; as far as it can be read.
pub fn files_named(file: &Path) -> Vec<PathBuf> {
    let mut files = vec![file.to_owned()];
    let Ok(text) = std::fs::read_to_string(file) else { return files };
    let folder = file.parent().unwrap_or(Path::new(""));
    for node in documents(&text).unwrap_or_default() {
        let spec = &node.to_value()["spec"];
        let mut names = Vec::new();
        texts(&spec["manifests"], &mut names);
        for action in spec["do"].as_array().into_iter().flatten() {
            texts(&action["create"], &mut names);
            texts(&action["apply"], &mut names);
        }
        files.extend(names.into_iter().map(|name| plain_path(&folder.join(name))));
    }
    files
}

/// A text, or those of a list.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => into.extend(items.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
}

/// The test files of paths, and the folders in which more may come.
pub fn folders(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            // What cannot be read is told when the tests are read.
            let _ = suite::find(path, 0, &mut files, &mut folders);
        } else {
            files.push(path.clone());
        }
    }
    (files, folders)
}
