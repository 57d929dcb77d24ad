//! A pod's volumes and sandbox, made ready on disk before a container starts.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use api::k8s::api::core::v1::{Container, Pod, PodSpec, Volume, VolumeMount};

use super::Shared;
use super::access;
use super::entry::PodEntry;
use super::images::{self, Ready};
use super::prepare::{self, Refusal};
use crate::environment::{self, Host, References, Sources};
use crate::runtime::sandbox::{Mount, Sandbox};
use crate::volumes::{self, Files, Found, Kind, Wants, disk};
use crate::{sandbox, security};

/// Below a pod's own directory.
const VOLUMES: &str = "volumes";
const NAME: &str = "etc-hostname";
/// What a group may do with the files of its volumes.
const READ_WRITE: u32 = 0o660;
const READ_ONLY: u32 = 0o440;
const WORDS: &str = "termination";
/// Where client libraries look for what a pod may do.
const CREDENTIALS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where pods have files in memory.
const MEMORY: &str = "/dev/shm";

/// Makes a container's volumes ready and describes its sandbox.
pub(super) async fn sandbox_of(
    shared: &Shared,
    pod: &PodEntry,
    (container, ready): (&Container, Option<&Ready>),
    env: &BTreeMap<String, String>,
    run: u32,
) -> Result<Sandbox, Refusal> {
    let spec = pod.pod.spec.as_ref().ok_or_else(|| Refusal::Runtime("the pod has no spec".to_owned()))?;
    let mut sources = BTreeMap::new();
    for volume in volumes::mounted(&pod.pod, container) {
        let made = set_up(shared, pod, &pod.pod, volume).await;
        let path = made.map_err(|text| {
            Refusal::Mount(format!("MountVolume.SetUp failed for volume \"{}\" : {text}", volume.name))
        })?;
        sources.insert(volume.name.as_str(), path);
    }
    let mut mounts = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let source = sources.get(mount.name.as_str());
        let source = source.ok_or_else(|| Refusal::Config(format!("volume {:?} is not there", mount.name)))?;
        mounts.push(mount_of(mount, source, env)?);
    }
    let failed = |error: io::Error| Refusal::Runtime(format!("prepare the sandbox: {error}"));
    mounts.extend(super::names::files(shared, pod).await?);
    let mut sandbox = security_of(spec, container, ready);
    mounts.extend(own_files(shared, pod, container, (&sandbox, run)).map_err(failed)?);
    if let Some(ready) = ready {
        files_beside_an_image(shared, pod, &mut mounts).map_err(failed)?;
        sandbox.root = Some(images::private_root(shared, pod, &container.name, ready).await?);
    }
    mounts.sort_by_key(|mount| sandbox::depth(&mount.target));
    let hostname = crate::names::own(&pod.pod).map_err(Refusal::Config)?.system;
    let own_network = sandbox::is_isolated(&pod.pod).map_err(Refusal::Config)?;
    let shares_processes = ready.is_none() && !sandbox::needs_own_processes(spec, container);
    Ok(Sandbox { hostname, own_network, shares_processes, mounts, ..sandbox })
}

/// Who a container runs as, and what it may do.
fn security_of(spec: &PodSpec, container: &Container, ready: Option<&Ready>) -> Sandbox {
    let identity = ready.map(|ready| &ready.identity);
    let mut groups = sandbox::groups(spec);
    groups.extend(identity.iter().flat_map(|identity| identity.groups.iter().copied()));
    groups.sort_unstable();
    groups.dedup();
    Sandbox {
        user: sandbox::user(spec, container).or(identity.map(|identity| identity.user)),
        group: sandbox::group(spec, container).or(identity.map(|identity| identity.group)),
        groups,
        capabilities: security::capabilities(container, ready.is_some()),
        no_new_privileges: security::no_new_privileges(container),
        read_only_root: is_read_only(container),
        ..Sandbox::default()
    }
}

/// What an image lacks of its machine: who answers for names, and what it is called.
fn files_beside_an_image(shared: &Shared, pod: &PodEntry, mounts: &mut Vec<Mount>) -> io::Result<()> {
    let scratch = shared.scratch(pod.uid.as_str());
    let resolver = || fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    for (target, file) in
        [("/etc/hosts", super::names::HOSTS), ("/etc/resolv.conf", super::names::RESOLVER), ("/etc/hostname", NAME)]
    {
        if mounts.iter().any(|mount| mount.target == Path::new(target)) {
            continue;
        }
        let source = scratch.join(file);
        match file {
            NAME => fs::write(&source, format!("{}\n", environment::hostname(&pod.pod)))?,
            super::names::RESOLVER => fs::write(&source, resolver())?,
            // It is there already.
            _ => {}
        }
        mounts.push(Mount { target: target.into(), source, ..Mount::default() });
    }
    Ok(())
}

fn is_read_only(container: &Container) -> bool {
    container.security_context.as_ref().is_some_and(|context| context.read_only_root_filesystem == Some(true))
}

/// One mount of a container. A sub-path that is missing is made, as upstream does.
fn mount_of(mount: &VolumeMount, source: &Path, env: &BTreeMap<String, String>) -> Result<Mount, Refusal> {
    let sub_path = match &mount.sub_path_expr {
        Some(expression) => environment::expand(expression, env),
        None => mount.sub_path.clone().unwrap_or_default(),
    };
    if !sub_path.is_empty() {
        let made = disk::make_beneath(source, Path::new(&sub_path));
        made.map_err(|error| {
            Refusal::Config(format!("failed to prepare subPath for volumeMount {:?}: {error}", mount.name))
        })?;
    }
    Ok(Mount {
        target: sandbox::absolute(&mount.mount_path),
        source: source.to_owned(),
        sub_path: sub_path.into(),
        read_only: mount.read_only == Some(true),
    })
}

/// The files that a kubelet gives every container: its credentials, and where its last words go.
fn own_files(
    shared: &Shared,
    pod: &PodEntry,
    container: &Container,
    (sandbox, run): (&Sandbox, u32),
) -> io::Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    let mut file = |target: PathBuf, source: PathBuf, read_only: bool| {
        mounts.push(Mount { target, source, sub_path: PathBuf::new(), read_only });
    };
    let credentials = shared.credentials(pod.uid.as_str());
    let taken = |path: &str| container.volume_mounts.iter().flatten().any(|mount| mount.mount_path == path);
    if credentials.is_dir() && !taken(CREDENTIALS) {
        hand_over(&credentials, sandbox.user)?;
        file(CREDENTIALS.into(), credentials, true);
    }
    let words = words_path(shared, pod, &container.name, run);
    if let Some(parent) = words.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&words, "")?;
    // Whoever the container runs as may write it, as upstream's kubelet has it.
    fs::set_permissions(&words, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    let target = container.termination_message_path.as_deref().filter(|path| !path.is_empty());
    file(sandbox::absolute(target.unwrap_or(sandbox::TERMINATION_PATH)), words, false);
    Ok(mounts)
}

/// Gives a directory and its files to the user that a container runs as, where this server may.
fn hand_over(directory: &Path, user: Option<u32>) -> io::Result<()> {
    if user.is_none() || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    std::os::unix::fs::chown(directory, user, None)?;
    for entry in fs::read_dir(directory)? {
        std::os::unix::fs::chown(entry?.path(), user, None)?;
    }
    Ok(())
}

/// The file of the host that holds what a run of a container says last.
pub(super) fn words_path(shared: &Shared, pod: &PodEntry, container: &str, run: u32) -> PathBuf {
    shared.scratch(pod.uid.as_str()).join(WORDS).join(format!("{container}.{run}"))
}

/// Makes one volume ready, or brings its files up to date with the pod as it is now; where it is on this host.
pub(super) async fn set_up(shared: &Shared, pod: &PodEntry, current: &Pod, volume: &Volume) -> Result<PathBuf, String> {
    let text = |error: io::Error| error.to_string();
    let own = shared.scratch(pod.uid.as_str()).join(VOLUMES).join(&volume.name);
    // Only root gives files to groups that it is not in; others say so (`unsupported`). The policy says nothing of
    // volumes that live and die with their pod, as all of these do.
    let spec = pod.pod.spec.as_ref().filter(|_| rustix::process::geteuid().is_root());
    let group = spec.and_then(sandbox::volume_group);
    match volumes::kind(volume) {
        Kind::Empty { memory } => {
            let path = if memory { memory_of(pod, &own, &volume.name).map_err(text)? } else { own };
            match group {
                // What is there was given already, and belongs to whoever made it since.
                Some(_) if path.exists() => {}
                Some(group) => {
                    disk::make_shared(&path).map_err(text)?;
                    disk::give_to_group(&path, group, READ_WRITE).map_err(text)?;
                }
                None => disk::make_shared(&path).map_err(text)?,
            }
            Ok(path)
        }
        Kind::Host { path, check } => {
            let check = volumes::check(path, check)?;
            disk::make_host_path(Path::new(path), check).map_err(text)?;
            Ok(PathBuf::from(path))
        }
        Kind::Files(projections) => {
            let wants: Vec<Wants<'_>> = projections.iter().map(volumes::Projection::wants).collect();
            let (sources, tokens) = fetch(shared, pod, &wants).await?;
            let host: Host = super::node::host(shared, pod);
            let found = Found { pod: current, host: &host, sources: &sources, tokens: &tokens };
            let mut files = Files::default();
            for projection in &projections {
                projection.write(&found, &mut files)?;
            }
            let moment = shared.clock.now().as_nanosecond().to_string();
            if group.is_some() {
                files.0.values_mut().for_each(|file| file.mode |= READ_ONLY);
            }
            let changed = disk::write(&own, &files, &moment).map_err(text)?;
            if let Some(group) = group.filter(|_| changed) {
                disk::give_to_group(&own, group, READ_ONLY).map_err(text)?;
            }
            Ok(own)
        }
        Kind::Unsupported(field) => Err(format!("{field}: a local process cannot have such a volume")),
    }
}

/// A directory in memory that goes with the pod: a link beside its volumes says where.
fn memory_of(pod: &PodEntry, own: &Path, name: &str) -> io::Result<PathBuf> {
    let path = Path::new(MEMORY).join(format!("kubectl-job-{}-{name}", pod.uid));
    if !Path::new(MEMORY).is_dir() {
        return Ok(own.to_owned());
    }
    if let Some(parent) = own.parent() {
        fs::create_dir_all(parent)?;
    }
    match std::os::unix::fs::symlink(&path, own) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(path),
    }
}

/// Removes what a pod's volumes have outside its own directory. Call before that directory is removed.
pub(super) fn clean_up(scratch: &Path) {
    let entries = fs::read_dir(scratch.join(VOLUMES)).into_iter().flatten().flatten();
    for target in entries.filter_map(|entry| fs::read_link(entry.path()).ok()) {
        if target.starts_with(MEMORY)
            && let Err(error) = fs::remove_dir_all(&target)
        {
            tracing::warn!(directory = %target.display(), %error, "a volume in memory stays behind");
        }
    }
}

type Tokens = BTreeMap<(String, i64), String>;

async fn fetch(shared: &Shared, pod: &PodEntry, wants: &[Wants<'_>]) -> Result<(Sources, Tokens), String> {
    let (mut references, mut tokens) = (References::default(), Tokens::new());
    for want in wants {
        match want {
            Wants::ConfigMap(name) => references.config_maps.push((*name).to_owned()),
            Wants::Secret(name) => references.secrets.push((*name).to_owned()),
            Wants::Token(audience, seconds) => {
                let token = access::token(shared, pod, audience, *seconds).await.map_err(Refusal::into_text)?;
                tokens.insert(((*audience).to_owned(), *seconds), token);
            }
            Wants::Nothing => {}
        }
    }
    let sources = prepare::fetch(shared, pod, &references).await;
    Ok((sources.map_err(Refusal::into_text)?, tokens))
}
