//! One layer laid over a tree: an archive, with `.wh.` names for what it takes away.
//!
//! The rules are those of the OCI image specification (layer.md) and of containerd where that leaves a choice.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use sha2::{Digest as _, Sha256};
use tar::EntryType;

use crate::tree::{self, Attributes, Tree};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Files of one layer, at most.
const ENTRIES_MAX: u64 = 4_000_000;
/// Bytes of one layer without compression, at most.
const BYTES_MAX: u64 = 256 << 30;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Lays a layer over a tree; the digest of the archive without compression.
pub(crate) fn apply(tree: &Tree, packed: impl Read) -> io::Result<String> {
    let mut hashed = Hashed { inner: unpacked(packed)?, hasher: Sha256::new(), bytes: 0 };
    let mut layer = Layer::new(tree);
    {
        let mut archive = tar::Archive::new(&mut hashed);
        for (count, entry) in archive.entries()?.enumerate() {
            if count as u64 >= ENTRIES_MAX {
                return Err(refusal("too many files"));
            }
            layer.put(&mut entry?)?;
        }
    }
    // Archives end before their bytes do.
    io::copy(&mut hashed, &mut io::sink())?;
    Ok(digest_text(hashed.hasher))
}

/// A digest as images write it.
pub(crate) fn digest_text(hasher: Sha256) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The archive, whatever it is compressed with.
pub(crate) fn unpacked<'a>(packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut packed = BufReader::with_capacity(1 << 16, packed);
    let mut magic = [0; 4];
    let mut length = 0;
    while length < magic.len() {
        match packed.read(&mut magic[length..])? {
            0 => break,
            read => length += read,
        }
    }
    let whole = io::Cursor::new(magic).take(length as u64).chain(packed);
    if magic.starts_with(&GZIP) {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, flate2::read::MultiGzDecoder::new(whole))));
    }
    if magic == ZSTD {
        let decoder = ruzstd::decoding::StreamingDecoder::new(whole).map_err(io::Error::other)?;
        return Ok(Box::new(BufReader::with_capacity(1 << 16, decoder)));
    }
    Ok(Box::new(whole))
}

/// Counts and digests what passes.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        if self.bytes > BYTES_MAX {
            return Err(refusal("too many bytes"));
        }
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

fn refusal(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

struct Layer<'a> {
    tree: &'a Tree,
    /// What this layer has put: an opaque directory hides only what lower layers have.
    own: HashSet<PathBuf>,
    /// The directory of the last file, until something may have moved it.
    last: Option<(PathBuf, OwnedFd)>,
    is_root: bool,
}

impl<'a> Layer<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self { tree, own: HashSet::new(), last: None, is_root: rustix::process::geteuid().is_root() }
    }

    fn put<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> io::Result<()> {
        let given = entry.path_bytes().into_owned();
        let named = || format!("{:?}", String::from_utf8_lossy(&given));
        let path = tree::normalize(&given).ok_or_else(|| refusal(&format!("{} leaves the image", named())))?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let placed = self.place(entry, &path, parent, name);
        placed.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", named())))
    }

    fn place<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        path: &Path,
        parent: &Path,
        name: &OsStr,
    ) -> io::Result<()> {
        if name.as_bytes() == OPAQUE {
            return self.clear(parent);
        }
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            return self.hide(parent, OsStr::from_bytes(hidden));
        }
        let kind = entry.header().entry_type();
        let Some(directory) = self.room(path, parent, name, kind)? else { return Ok(()) };
        let made = match kind {
            EntryType::Directory => {
                tree::make_directory(&directory, name)?;
                FileType::Directory
            }
            EntryType::Symlink => {
                tree::make_link(&directory, name, &link_name(entry)?)?;
                FileType::Symlink
            }
            EntryType::Fifo => {
                tree::make_fifo(&directory, name)?;
                FileType::Fifo
            }
            EntryType::Link => {
                self.link(&directory, name, &link_name(entry)?)?;
                self.keep(path, parent, directory, false);
                return Ok(());
            }
            _ => {
                io::copy(entry, &mut tree::create(&directory, name)?)?;
                FileType::RegularFile
            }
        };
        tree::dress(&directory, name, made, self.attributes(entry.header(), made)?)?;
        self.keep(path, parent, directory, made == FileType::RegularFile);
        Ok(())
    }

    /// The directory in which an entry is made, with nothing under its name but what it may join. `None` for what is
    /// left out.
    fn room(&mut self, path: &Path, parent: &Path, name: &OsStr, kind: EntryType) -> io::Result<Option<OwnedFd>> {
        let known = kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_hard_link() || kind.is_fifo();
        // Devices are nobody's to make but root's, and none of an image's business.
        if !known && kind != EntryType::Continuous && kind != EntryType::GNUSparse {
            return Ok(None);
        }
        let directory = match self.last.take() {
            Some((last, directory)) if last == parent => directory,
            _ => self.tree.directory(parent)?,
        };
        let found = tree::kind(&directory, name)?;
        let joins = kind == EntryType::Directory && found == Some(FileType::Directory);
        if found.is_some() && !joins {
            tree::remove(&directory, name)?;
            self.own.retain(|own| !own.starts_with(path));
        }
        Ok(Some(directory))
    }

    fn keep(&mut self, path: &Path, parent: &Path, directory: OwnedFd, moved_nothing: bool) {
        // With the directories that it lies in, listed or not: they hold something of this layer.
        for part in path.ancestors().filter(|part| !part.as_os_str().is_empty()) {
            if !self.own.insert(part.to_owned()) {
                break;
            }
        }
        if moved_nothing {
            self.last = Some((parent.to_owned(), directory));
        }
    }

    /// A second name of a file of the image.
    fn link(&self, directory: &OwnedFd, name: &OsStr, target: &[u8]) -> io::Result<()> {
        let target = tree::normalize(target).ok_or_else(|| refusal("a link leaves the image"))?;
        let (Some(parent), Some(old_name)) = (target.parent(), target.file_name()) else {
            return Err(refusal("a link to nothing"));
        };
        tree::make_hard_link(self.tree.directory(parent)?, old_name, directory, name)
    }

    /// Takes a lower layer's file away.
    fn hide(&mut self, parent: &Path, name: &OsStr) -> io::Result<()> {
        if name.is_empty() || name == "." || name == ".." {
            return Err(refusal("a name that hides its directory"));
        }
        self.last = None;
        let directory = self.tree.directory(parent)?;
        if self.own.contains(&parent.join(name)) {
            return Ok(());
        }
        tree::remove(directory, name)
    }

    /// Takes away all that lower layers have in a directory.
    fn clear(&mut self, parent: &Path) -> io::Result<()> {
        self.last = None;
        let directory = self.tree.directory(parent)?;
        for name in tree::names(&directory)? {
            let path = parent.join(&name);
            match self.own.contains(&path) {
                true if tree::kind(&directory, &name)? == Some(FileType::Directory) => self.clear(&path)?,
                true => {}
                false => tree::remove(&directory, &name)?,
            }
        }
        Ok(())
    }

    fn attributes(&self, header: &tar::Header, kind: FileType) -> io::Result<Attributes> {
        let id = |id: u64| u32::try_from(id).map_err(|_| refusal("an owner out of range"));
        let owner = if self.is_root { Some((id(header.uid()?)?, id(header.gid()?)?)) } else { None };
        let modified = header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or_default();
        Ok(Attributes { mode: permissions(header.mode()?, kind, self.is_root), owner, modified })
    }
}

/// The bits that are kept: none that lends a program another's rights. Without root the owner can always read, so that
/// files can be copied, and enter directories, so that they can be removed.
pub(crate) fn permissions(mode: u32, kind: FileType, is_root: bool) -> u32 {
    let is_directory = kind == FileType::Directory;
    let kept = mode & if is_directory { 0o3777 } else { 0o777 };
    match (is_root, is_directory) {
        (true, _) => kept,
        (false, true) => kept | 0o700,
        (false, false) => kept | 0o400,
    }
}

fn link_name<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<Vec<u8>> {
    let name = entry.link_name_bytes().ok_or_else(|| refusal("a link to nothing"))?;
    Ok(name.into_owned())
}

/// Unpacks an archive of an image as it is, such as `docker save` writes it: no names are special.
pub(crate) fn unpack_archive(tree: &Tree, packed: impl Read) -> io::Result<()> {
    apply(tree, packed).map(drop)
}

#[cfg(test)]
pub(crate) mod tests;
