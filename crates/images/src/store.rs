//! Where unpacked images are kept: by the digest of their config, with a list of the names that stand for them.
//!
//! ```text
//! images/roots/HEX/{config.json,rootfs}   an image, whole: it came here by one rename
//! images/names/HEX.json                   a name (its digest is HEX), and the image that it stands for
//! images/tmp/…                            work in progress; what a server that died has left is swept
//! ```
//! What is asked for twice at a time is brought once. Nothing is made or looked at before the first image is asked for.

use std::collections::HashMap;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use futures::future::Shared;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::config::{ConfigFile, RunConfig};
use crate::layout::{self, Parts};
use crate::registry::{self, Login, Name};
use crate::tree::{Tree, remove_tree};
use crate::{Error, layer};

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The digest of its config.
    pub id: String,
    /// Its root file system, which nobody writes.
    pub root: PathBuf,
    /// What it says of its programs.
    pub config: RunConfig,
    /// `REPOSITORY@DIGEST` of an image that came from a registry.
    pub digest: Option<String>,
    /// Bytes of config and layers as they came.
    pub size: u64,
}

/// An image on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    /// An OCI image layout, and the tag in it.
    Layout(PathBuf, Option<String>),
    /// The same as an archive.
    LayoutArchive(PathBuf, Option<String>),
    /// What `docker save` writes, and the name in it.
    SavedArchive(PathBuf, Option<String>),
}

/// What came of a pull.
pub type Pulled = Result<Arc<Image>, Arc<Error>>;

type Flight = Shared<Pin<Box<dyn Future<Output = Pulled> + Send>>>;

/// The images of one server.
pub struct Store {
    directory: PathBuf,
    /// What is being brought. Bounded by the containers that wait for it.
    flights: Mutex<HashMap<String, Flight>>,
    /// What was found in an archive of that age and size. Bounded by the archives that rules name.
    archives: Mutex<HashMap<Local, (Stamp, Arc<Image>)>>,
    swept: OnceLock<()>,
    closed: Arc<AtomicBool>,
}

/// Tells whether a file is still the same.
type Stamp = (u64, u64, i64, i64);

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    id: String,
    digest: String,
    size: u64,
}

impl Store {
    /// A store in this directory, which need not be there yet.
    pub fn new(directory: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            directory,
            flights: Mutex::default(),
            archives: Mutex::default(),
            swept: OnceLock::new(),
            closed: Arc::default(),
        })
    }

    /// Gives up what is being unpacked.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// The image that a name stands for, if it was pulled.
    pub fn find(&self, name: &Name) -> Option<Image> {
        self.sweep();
        let named: Named = serde_json::from_slice(&fs::read(self.name_path(&name.whole())).ok()?).ok()?;
        let digest = format!("{}@{}", name.repository(), named.digest);
        (named.name == name.whole()).then(|| self.image(&named.id, Some(digest), named.size))?
    }

    /// Brings an image from its registry, whether or not one of that name is there.
    ///
    /// # Errors
    /// Whatever stands between the registry and a whole image here.
    pub async fn pull(self: &Arc<Self>, name: &Name, logins: Vec<Login>) -> Pulled {
        let (store, name) = (Arc::clone(self), name.clone());
        let key = format!("{} {:?}", name.whole(), fingerprint(&logins));
        self.fly(key, async move { store.pull_now(&name, &logins).await }).await
    }

    /// Unpacks an image of this machine, unless that was done.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub async fn import(self: &Arc<Self>, local: &Local) -> Pulled {
        let (store, local) = (Arc::clone(self), local.clone());
        let key = format!("{local:?}");
        self.fly(key, async move { store.blocking(move |store| store.import_now(&local)).await }).await
    }

    /// Joins whoever does the same already. The work goes on when nobody waits any more: it ends by itself.
    async fn fly(
        self: &Arc<Self>,
        key: String,
        work: impl Future<Output = Result<Image, Error>> + Send + 'static,
    ) -> Pulled {
        let flight = {
            let mut flights = self.flights.lock();
            match flights.get(&key) {
                Some(flight) => flight.clone(),
                None => {
                    let (store, own) = (Arc::clone(self), key.clone());
                    let task = tokio::spawn(async move {
                        let outcome = work.await.map(Arc::new).map_err(Arc::new);
                        store.flights.lock().remove(&own);
                        outcome
                    });
                    let joined = task.map(|joined| joined.unwrap_or_else(|_| Err(Arc::new(Error::Interrupted))));
                    let flight = joined.boxed().shared();
                    flights.insert(key, flight.clone());
                    flight
                }
            }
        };
        flight.await
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&store)).await.unwrap_or(Err(Error::Interrupted))
    }

    async fn pull_now(self: &Arc<Self>, name: &Name, logins: &[Login]) -> Result<Image, Error> {
        let found = registry::find(name, logins).await?;
        let (id, size) = (found.id().to_owned(), found.size());
        let whole = layout::blob(&id).is_ok() && self.root(&id).is_some();
        if !whole {
            let folder = self.blocking(Self::folder).await?;
            let parts = found.fetch(folder.path()).await?;
            self.blocking(move |store| store.assemble(folder.path(), parts)).await?;
        }
        let named = Named { name: name.whole(), id, digest: found.digest.clone(), size };
        self.blocking(move |store| store.write_name(&named)).await?;
        self.find(name).ok_or_else(|| Error::NotFound(name.whole()))
    }

    fn import_now(&self, local: &Local) -> Result<Image, Error> {
        let (path, archive) = match local {
            Local::Layout(path, tag) => {
                let tree = Tree::open(path).map_err(Error::file(path))?;
                return self.assemble(path, layout::of_layout(&tree, tag.as_deref())?);
            }
            Local::LayoutArchive(path, _) | Local::SavedArchive(path, _) => (path, File::open(path)),
        };
        let archive = archive.map_err(Error::file(path))?;
        let stamp = stamp(&archive).map_err(Error::file(path))?;
        if let Some((_, image)) = self.archives.lock().get(local).filter(|(known, _)| *known == stamp) {
            return Ok(Image::clone(image));
        }
        let folder = self.folder()?;
        let tree = Tree::open(folder.path()).map_err(Error::file(folder.path()))?;
        layer::unpack_archive(&tree, self.watched(archive)).map_err(Error::file(path))?;
        let parts = match local {
            Local::SavedArchive(_, name) => layout::of_saved(&tree, name.as_deref()),
            Local::Layout(_, tag) | Local::LayoutArchive(_, tag) => layout::of_layout(&tree, tag.as_deref()),
        };
        let image = self.assemble(folder.path(), parts?)?;
        self.archives.lock().insert(local.clone(), (stamp, Arc::new(image.clone())));
        Ok(image)
    }

    /// Unpacks an image's layers, unless it is there.
    fn assemble(&self, parts_directory: &Path, parts: Parts) -> Result<Image, Error> {
        if let Some(image) = self.image(&parts.id, None, parts.size) {
            return Ok(image);
        }
        let diff_ids = ConfigFile::parse(&parts.config)?.rootfs.diff_ids;
        if diff_ids.len() != parts.layers.len() {
            let text = format!("{} layers, and digests of {}", parts.layers.len(), diff_ids.len());
            return Err(Error::malformed("image config", text));
        }
        let folder = self.folder()?;
        let root = folder.path().join("rootfs");
        fs::create_dir(&root).map_err(Error::file(&root))?;
        // The umask has its own idea of it.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&root, mode).map_err(Error::file(&root))?;
        let tree = Tree::open(&root).map_err(Error::file(&root))?;
        let source = Tree::open(parts_directory).map_err(Error::file(parts_directory))?;
        for (path, expected) in parts.layers.iter().zip(diff_ids) {
            let file = source.read(path).map_err(Error::file(path))?;
            let applied = layer::apply(&tree, self.watched(file));
            let actual = applied.map_err(|source| Error::Layer { layer: path.display().to_string(), source })?;
            if actual != expected {
                return Err(Error::Digest { what: path.display().to_string(), expected, actual });
            }
        }
        let config = folder.path().join("config.json");
        fs::write(&config, &parts.config).map_err(Error::file(&config))?;
        self.adopt(folder, &parts.id)?;
        self.image(&parts.id, None, parts.size).ok_or(Error::NotFound(parts.id))
    }

    /// Gives a whole image its place.
    fn adopt(&self, folder: TempDir, id: &str) -> Result<(), Error> {
        let roots = self.directory.join("roots");
        make_private(&roots)?;
        let place = roots.join(hex(id)?);
        // Whoever was quicker has made the same.
        match fs::rename(folder.path(), &place) {
            Ok(()) => drop(folder.keep()),
            Err(_) if place.join("config.json").exists() => remove(folder.path()),
            Err(source) => return Err(Error::File { path: place, source }),
        }
        Ok(())
    }

    /// An image that is there.
    fn image(&self, id: &str, digest: Option<String>, size: u64) -> Option<Image> {
        let root = self.root(id)?;
        let config = ConfigFile::parse(&fs::read(root.join("config.json")).ok()?).ok()?.run();
        Some(Image { id: id.to_owned(), root: root.join("rootfs"), config, digest, size })
    }

    fn root(&self, id: &str) -> Option<PathBuf> {
        let root = self.directory.join("roots").join(hex(id).ok()?);
        root.join("config.json").exists().then_some(root)
    }

    fn name_path(&self, name: &str) -> PathBuf {
        let digest = layout::digest_of(name.as_bytes());
        self.directory.join("names").join(format!("{}.json", digest.trim_start_matches("sha256:")))
    }

    fn write_name(&self, named: &Named) -> Result<(), Error> {
        let path = self.name_path(&named.name);
        let names = self.directory.join("names");
        make_private(&names)?;
        let text = serde_json::to_vec(named).map_err(|error| Error::malformed("name", error))?;
        let file = tempfile::NamedTempFile::new_in(&names).map_err(Error::file(&names))?;
        fs::write(file.path(), text).map_err(Error::file(file.path()))?;
        file.persist(&path).map_err(|error| Error::File { path, source: error.error })?;
        Ok(())
    }

    /// A directory for work in progress.
    fn folder(&self) -> Result<TempDir, Error> {
        self.sweep();
        let tmp = self.directory.join("tmp");
        make_private(&tmp)?;
        tempfile::Builder::new().prefix("").tempdir_in(&tmp).map_err(Error::file(&tmp))
    }

    /// Removes what no server works on any more, once: half of an image, and images that no name stands for.
    fn sweep(&self) {
        self.swept.get_or_init(|| {
            remove(&self.directory.join("tmp"));
            let read = |name: &str| fs::read_dir(self.directory.join(name)).into_iter().flatten().flatten();
            let names = read("names").filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok());
            let kept: Vec<String> = names.filter_map(|named: Named| hex(&named.id).ok()).collect();
            for entry in read("roots").filter(|entry| !kept.iter().any(|kept| entry.file_name() == kept.as_str())) {
                remove(&entry.path());
            }
        });
    }

    /// Reads until the store is closed.
    fn watched(&self, inner: File) -> Watched {
        Watched { inner, closed: Arc::clone(&self.closed) }
    }
}

struct Watched {
    inner: File,
    closed: Arc<AtomicBool>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(io::Error::other("the server ends"));
        }
        self.inner.read(buffer)
    }
}

fn stamp(file: &File) -> io::Result<Stamp> {
    let metadata = file.metadata()?;
    Ok((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Tells logins apart without keeping them.
fn fingerprint(logins: &[Login]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    logins.hash(&mut hasher);
    hasher.finish()
}

/// The digits of a digest.
fn hex(digest: &str) -> Result<String, Error> {
    layout::blob(digest)?;
    Ok(digest.trim_start_matches("sha256:").to_owned())
}

fn make_private(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file(path))
}

fn remove(path: &Path) {
    if let Err(error) = remove_tree(path) {
        tracing::warn!(directory = %path.display(), %error, "a part of an image stays behind");
    }
}

#[cfg(test)]
mod tests;
