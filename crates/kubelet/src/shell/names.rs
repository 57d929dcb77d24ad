//! Keeps the hosts files of sandboxed pods: written before a container starts, and again, in place, whenever a Service or
//! its endpoints change while the pod runs.
//!
//! Services and slices are followed from the first pod that has such a file; before that, nobody pays for it. A file is
//! made from a list of its own, so that a Service that was there before the pod is in it from the start, and written
//! under the lock under which changes are taken in: none is missed, and none is undone.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use api::k8s::api::core::v1::Pod;
use api::{Gvr, Options, Uid};
use client::{Observation, Selection, observe};
use clock::Pull;
use controller::Severity;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

use super::Shared;
use super::entry::PodEntry;
use super::prepare::Refusal;
use crate::names::{self, Directory, OwnName, Source};
use crate::resolver;
use crate::runtime::sandbox::Mount;

const SERVICES: Gvr = Gvr::known("", "v1", "services");
const SLICES: Gvr = Gvr::known("discovery.k8s.io", "v1", "endpointslices");
const SOURCES: [(Gvr, Source); 2] = [(SERVICES, Source::Services), (SLICES, Source::Slices)];
/// Below a pod's own directory.
pub(super) const HOSTS: &str = "etc-hosts";
pub(super) const RESOLVER: &str = "etc-resolv.conf";
/// After files were written, further changes gather for so long.
const GATHER: SignedDuration = SignedDuration::from_millis(20);
/// How often a list is made anew because something changed meanwhile.
const TRIES: u32 = 3;

/// What is known of names, and which files tell of them.
#[derive(Default)]
pub(super) struct Names {
    state: Mutex<State>,
    /// Somebody has a file.
    wanted: Notify,
    /// A file may be out of date.
    stale: Notify,
}

#[derive(Default)]
struct State {
    directory: Directory,
    /// Whether the first list of each source is in.
    listed: [bool; 2],
    /// Grows with each observation.
    version: u64,
    files: BTreeMap<Uid, HostsFile>,
}

/// The file of one pod.
struct HostsFile {
    path: PathBuf,
    pod: Arc<Pod>,
    own: OwnName,
    ip: String,
    of_host: String,
    /// Of the names that are in it; `None` before it is written.
    hash: Option<u64>,
}

/// The names for one namespace.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    hash: u64,
}

impl Lines {
    fn of(directory: &Directory, namespace: &str) -> Self {
        let lines = directory.lines(namespace);
        let mut hasher = DefaultHasher::new();
        lines.hash(&mut hasher);
        Self { lines, hash: hasher.finish() }
    }
}

impl HostsFile {
    fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn wants_names(&self) -> bool {
        self.pod.spec.as_ref().is_some_and(names::are_wanted)
    }

    /// Brings the file up to date. Its inode stays, since that is what is mounted.
    fn write(&mut self, names: &Lines) -> io::Result<()> {
        if self.hash != Some(names.hash) {
            let text = names::hosts(&self.pod, &self.own, &self.of_host, &self.ip, &names.lines);
            put(&self.path, &text)?;
            self.hash = Some(names.hash);
        }
        Ok(())
    }
}

/// Writes a file over its old text, which is cut last: a reader never finds it empty.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// The files of a container that say who is who, to be mounted.
pub(super) async fn files(shared: &Shared, pod: &PodEntry) -> Result<Vec<Mount>, Refusal> {
    let failed = |error: io::Error| Refusal::Runtime(format!("write the pod's names: {error}"));
    let scratch = shared.scratch(pod.uid.as_str());
    std::fs::create_dir_all(&scratch).map_err(failed)?;
    let mut mounts = Vec::new();
    let mut mount = |target: &str, source: PathBuf| {
        // What a host does not have, its pods do without.
        if Path::new(target).exists() {
            mounts.push(Mount { target: target.into(), source, sub_path: PathBuf::new(), read_only: false });
        }
    };
    let spec = pod.pod.spec.clone().unwrap_or_default();
    let path = scratch.join(HOSTS);
    write_hosts(shared, pod, &path).await?;
    mount("/etc/hosts", path);
    if resolver::is_needed(&spec) {
        let path = scratch.join(RESOLVER);
        let of_host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        put(&path, &resolver::text(&spec, &of_host)).map_err(failed)?;
        mount("/etc/resolv.conf", path);
    }
    Ok(mounts)
}

async fn write_hosts(shared: &Shared, pod: &PodEntry, path: &Path) -> Result<(), Refusal> {
    let failed = |error: io::Error| Refusal::Runtime(format!("write {}: {error}", path.display()));
    let mut file = HostsFile {
        path: path.to_owned(),
        pod: Arc::clone(&pod.pod),
        own: names::own(&pod.pod).map_err(Refusal::Config)?,
        ip: pod.facts.ip(&shared.node).to_owned(),
        of_host: std::fs::read_to_string("/etc/hosts").unwrap_or_default(),
        hash: None,
    };
    shared.names.wanted.notify_one();
    // Without Services of its own, a pod's names are other namespaces' only: those that are known by now do.
    let lists = pod.has_services.load(Ordering::Relaxed);
    for attempt in 1.. {
        let before = shared.names.state.lock().version;
        let listed = if lists { Some(list(shared).await?) } else { None };
        let mut state = shared.names.state.lock();
        if listed.is_some() && state.version != before && attempt < TRIES {
            continue;
        }
        let names = match file.wants_names() {
            true => Lines::of(listed.as_ref().unwrap_or(&state.directory), file.namespace()),
            false => Lines::default(),
        };
        file.write(&names).map_err(failed)?;
        state.files.insert(pod.uid.clone(), file);
        if state.version != before {
            shared.names.stale.notify_one();
        }
        break;
    }
    Ok(())
}

async fn list(shared: &Shared) -> Result<Directory, Refusal> {
    let mut directory = Directory::default();
    for (resource, source) in SOURCES {
        let list = shared.client.list(&resource, None, Options::default()).await;
        let list = list.map_err(|error| Refusal::Config(format!("list {}: {error}", resource.plural)))?;
        list.items.iter().for_each(|object| directory.apply(source, object));
    }
    Ok(directory)
}

/// Forgets a pod's file. Call before its directory is removed.
pub(super) fn forget(shared: &Shared, uid: &Uid) {
    shared.names.state.lock().files.remove(uid);
}

/// Says once that a pod does without names, on a machine that gives no sandboxes.
pub(super) fn tell_missing(shared: &Shared, pod: &PodEntry) {
    let wanted = pod.pod.spec.as_ref().is_some_and(names::are_wanted);
    if wanted && pod.has_services.swap(false, Ordering::Relaxed) {
        let message = "A local process without a sandbox finds Services by its environment alone, not by their names";
        shared.recorder.event(&pod.meta, Severity::Warning, "NotHonoured", message);
    }
}

/// Follows Services and slices, once somebody has a file, and keeps all files up to date. Does not end.
pub(super) async fn follow(shared: Arc<Shared>) {
    shared.names.wanted.notified().await;
    let follow = |(resource, source): (Gvr, Source)| {
        let observations = observe(shared.client.clone(), Arc::clone(&shared.clock), resource, Selection::default());
        observations.map(move |observation| (source, observation)).boxed()
    };
    let mut observations = futures::stream::select_all(SOURCES.map(follow));
    loop {
        tokio::select! {
            biased;
            Some((source, observation)) = observations.next() => take_in(&shared, source, observation),
            () = shared.names.stale.notified() => {}
        }
        while let Some(Some((source, observation))) = observations.next().now_or_never() {
            take_in(&shared, source, observation);
        }
        let begun = shared.clock.now();
        write_all(&shared);
        let now = shared.clock.now();
        // Many files take long: most of the time is left to others.
        let rest = now.duration_since(begun).saturating_mul(4).max(GATHER);
        shared.clock.wait_until(now.saturating_add(rest).unwrap_or(Timestamp::MAX), Pull::No).await;
    }
}

fn take_in(shared: &Shared, source: Source, observation: Observation) {
    let mut state = shared.names.state.lock();
    state.version += 1;
    match observation {
        Observation::Restarted { objects, .. } => {
            state.listed[source as usize] = true;
            state.directory.clear(source);
            objects.iter().for_each(|object| state.directory.apply(source, object));
        }
        Observation::Applied(object) => state.directory.apply(source, &object),
        Observation::Deleted(object) => state.directory.remove(source, &object),
        Observation::Reached(_) => {}
    }
}

fn write_all(shared: &Shared) {
    let State { directory, listed, files, .. } = &mut *shared.names.state.lock();
    if *listed != [true; 2] {
        return;
    }
    // Once for all pods of a namespace: they are many where the names are.
    let mut by_namespace: HashMap<String, Lines> = HashMap::new();
    for file in files.values_mut().filter(|file| file.wants_names()) {
        let namespace = file.namespace();
        if !by_namespace.contains_key(namespace) {
            by_namespace.insert(namespace.to_owned(), Lines::of(directory, namespace));
        }
        let Some(names) = by_namespace.get(namespace) else { continue };
        if let Err(error) = file.write(names) {
            warn!(path = %file.path.display(), %error, "the names of a pod are out of date");
        }
    }
}
