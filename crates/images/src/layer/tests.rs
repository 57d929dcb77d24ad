//! Layers, honest ones and others.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

/// An archive under construction; names go in as they are, also those that no tool writes.
#[derive(Default)]
pub(crate) struct Archive(Vec<u8>);

impl Archive {
    fn entry(mut self, kind: EntryType, name: &str, link: &str, mode: u32, bytes: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.entry(EntryType::Regular, name, "", 0o644, text.as_bytes())
    }

    pub(crate) fn program(self, name: &str, bytes: &[u8]) -> Self {
        self.entry(EntryType::Regular, name, "", 0o4755, bytes)
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", 0o755, b"")
    }

    pub(crate) fn link(self, name: &str, to: &str) -> Self {
        self.entry(EntryType::Symlink, name, to, 0o777, b"")
    }

    fn hard_link(self, name: &str, to: &str) -> Self {
        self.entry(EntryType::Link, name, to, 0o644, b"")
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("root")).expect("a folder");
        fs::create_dir(folder.path().join("host")).expect("a folder");
        fs::write(folder.path().join("host/secret"), "host").expect("a file");
        Self { folder }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn apply(&self, archive: Archive) -> io::Result<String> {
        apply(&Tree::open(&self.at("root")).expect("it is there"), &archive.bytes()[..])
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at("root").join(path)).unwrap_or_else(|error| error.to_string())
    }

    fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.at("root").join(path)).is_ok()
    }

    /// The host's files are as they were.
    fn host_is_whole(&self) -> bool {
        let names = fs::read_dir(self.at("host")).expect("it is there").count();
        names == 1
            && fs::read_to_string(self.at("host/secret")).expect("it is there") == "host"
            && fs::read_dir(self.folder.path()).expect("it is there").count() == 2
    }
}

#[test]
fn files_directories_and_links_are_made() {
    let bench = Bench::new();
    let layer = Archive::default()
        .directory("./")
        .directory("bin/")
        .program("bin/app", b"#!/bin/sh\n")
        .link("bin/sh", "app")
        .hard_link("bin/again", "bin/app")
        .file("no/parents/listed", "text");
    bench.apply(layer).expect("applied");
    assert_eq!((bench.read("bin/sh").as_str(), bench.read("no/parents/listed").as_str()), ("#!/bin/sh\n", "text"));
    let metadata = fs::metadata(bench.at("root/bin/again")).expect("it is there");
    assert_eq!((metadata.nlink(), metadata.mtime()), (2, 1_000_000));
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o755, "no bit lends another's rights");
}

#[test]
fn a_later_layer_replaces_and_takes_away() {
    let bench = Bench::new();
    let lower = Archive::default()
        .file("keep", "1")
        .file("gone", "1")
        .file("dir/a", "1")
        .file("dir/deep/b", "1")
        .file("opaque/old", "1")
        .file("opaque/sub/old", "1")
        .file("was-file", "1")
        .file("was-dir/x", "1")
        .link("was-link", "keep");
    bench.apply(lower).expect("applied");
    let upper = Archive::default()
        .file(".wh.gone", "")
        .file("dir/.wh.deep", "")
        .file("opaque/new", "2")
        .file("opaque/sub/new", "2")
        .file("opaque/.wh..wh..opq", "")
        .directory("was-file/")
        .file("was-dir", "2")
        .file("was-link", "2");
    bench.apply(upper).expect("applied");
    assert!(bench.has("keep") && bench.has("dir/a") && bench.has("opaque/new") && bench.has("opaque/sub/new"));
    assert!(!bench.has("gone") && !bench.has("dir/deep") && !bench.has("opaque/old") && !bench.has("opaque/sub/old"));
    assert!(bench.at("root/was-file").is_dir());
    assert_eq!(
        (bench.read("was-dir").as_str(), bench.read("was-link").as_str(), bench.read("keep").as_str()),
        ("2", "2", "1")
    );
}

#[test]
fn nothing_leaves_the_root_by_its_name() {
    for name in ["../host/made", "a/../../host/made", "../../../../../../tmp/made-by-a-layer"] {
        let bench = Bench::new();
        let error = bench.apply(Archive::default().file(name, "evil")).expect_err("refused");
        assert!(error.to_string().contains("leaves the image"), "{error}");
        assert!(bench.host_is_whole());
    }
    let bench = Bench::new();
    bench.apply(Archive::default().file("/absolute", "own")).expect("applied");
    assert_eq!(bench.read("absolute"), "own");
}

#[test]
fn nothing_leaves_the_root_through_a_link() {
    let bench = Bench::new();
    let host = bench.at("host").display().to_string();
    let ups = "../../../../../../../../../..";
    for (link, target) in [("abs", host.clone()), ("up", "../host".to_owned()), ("far", format!("{ups}{host}"))] {
        for layer in [
            Archive::default().link(link, &target).file(&format!("{link}/made"), "evil"),
            Archive::default().link(link, &target).file(&format!("{link}/secret"), "evil"),
            Archive::default().link(link, &target).file(&format!("{link}/.wh.secret"), ""),
            Archive::default().link(link, &target).file(&format!("{link}/.wh..wh..opq"), ""),
            Archive::default().link(link, &target).directory(&format!("{link}/made/")),
            Archive::default().link("dir", &target).link("file", "dir/secret").file("file", "evil"),
        ] {
            // Some are refused, others end within: either is fine.
            let _ = bench.apply(layer);
            assert!(bench.host_is_whole(), "{link} to {target}");
        }
    }
}

#[test]
fn nothing_of_the_host_comes_in_through_a_hard_link() {
    let bench = Bench::new();
    let host = bench.at("host/secret").display().to_string();
    for target in [host.clone(), "../host/secret".to_owned()] {
        assert!(bench.apply(Archive::default().hard_link("stolen", &target)).is_err(), "{target}");
    }
    let layer =
        Archive::default().link("out", &bench.at("host").display().to_string()).hard_link("stolen", "out/secret");
    assert!(bench.apply(layer).is_err());
    // A link's other name is that of the link, not of what it leads to.
    let layer = Archive::default().link("way", &host).hard_link("stolen", "way");
    bench.apply(layer).expect("applied");
    assert!(fs::symlink_metadata(bench.at("root/stolen")).expect("it is there").is_symlink());
    assert_eq!(fs::metadata(bench.at("host/secret")).expect("it is there").nlink(), 1);
    assert!(bench.host_is_whole());
}

#[test]
fn a_name_that_hides_its_own_directory_is_refused() {
    for name in [".wh.", ".wh..", ".wh...", "dir/.wh..."] {
        let bench = Bench::new();
        let hidden = bench.apply(Archive::default().directory("dir/").file(name, ""));
        assert!(hidden.is_err(), "{name}");
        assert!(bench.host_is_whole());
    }
}

#[test]
fn devices_are_left_out() {
    let bench = Bench::new();
    let layer = Archive::default().entry(EntryType::Block, "disk", "", 0o666, b"").file("after", "1");
    bench.apply(layer).expect("applied");
    assert!(!bench.has("disk") && bench.has("after"));
}

#[test]
fn layers_may_be_compressed() {
    let plain = Archive::default().file("file", "text").bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("written");
    let zstd = ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest);
    let digests: Vec<String> = [plain, gzip.finish().expect("written"), zstd]
        .iter()
        .map(|packed| {
            let bench = Bench::new();
            let digest = apply(&Tree::open(&bench.at("root")).expect("it is there"), &packed[..]).expect("applied");
            assert_eq!(bench.read("file"), "text");
            digest
        })
        .collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn what_is_cut_short_is_refused() {
    let bytes = Archive::default().file("file", &"x".repeat(4096)).bytes();
    let bench = Bench::new();
    let tree = Tree::open(&bench.at("root")).expect("it is there");
    assert!(apply(&tree, &bytes[..1024]).is_err());
    assert!(apply(&tree, &[0x1f, 0x8b, 0][..]).is_err());
}
