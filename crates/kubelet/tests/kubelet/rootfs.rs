//! A root file system made for a test: programs of this machine with the libraries that they need, and an OCI image
//! layout around it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PROGRAMS: [&str; 9] = ["sh", "cat", "ls", "id", "touch", "sleep", "mkdir", "readlink", "chmod"];

/// Fills a directory with a shell and a few tools.
pub(crate) fn fill(root: &Path) {
    for directory in ["bin", "etc", "tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let mut files = BTreeSet::new();
    for name in PROGRAMS {
        let program = ["/bin", "/usr/bin"].iter().map(|folder| Path::new(folder).join(name));
        let program = program.into_iter().find(|program| program.exists()).unwrap();
        fs::copy(&program, root.join("bin").join(name)).unwrap();
        files.extend(libraries(&program));
    }
    for file in files {
        let target = root.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:7:8::/srv/app:/bin/sh\n").unwrap();
}

/// What the dynamic linker loads for a program; nothing for a static one.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let said = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// An OCI image layout with one layer, and this `config`.
pub(crate) fn layout(layout: &Path, root: &Path, config: Value) {
    let mut builder = tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all(".", root).unwrap();
    let layer = builder.into_inner().unwrap();
    let put = |bytes: &[u8]| {
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(&hex), bytes).unwrap();
        json!({"digest": format!("sha256:{hex}"), "size": bytes.len()})
    };
    let layer = put(&layer);
    let config = json!({"config": config, "rootfs": {"diff_ids": [layer["digest"]]}}).to_string();
    let manifest = json!({"schemaVersion": 2, "config": put(config.as_bytes()), "layers": [layer]}).to_string();
    let index = json!({"schemaVersion": 2, "manifests": [put(manifest.as_bytes())]});
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
}
