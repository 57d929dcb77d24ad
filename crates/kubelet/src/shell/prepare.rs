//! From a container's spec to one resolved run: program, arguments, environment, directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use api::k8s::api::core::v1::{ConfigMap, Container, Secret};
use client::Error;

use super::Shared;
use super::entry::PodEntry;
use super::images::{self, Ready};
use crate::environment::{self, HOST_VARIABLES, Host, References, Sources};
use crate::image::{self, Entry, ImageSource, POD_IP_VARIABLE, entry, find_program};
use crate::logs::Logs;
use crate::runtime::{ContainerId, ContainerSpec, Sandbox, StartError, Stdin};
use crate::{sandbox, security};

/// Said of an image on a machine that gives no namespaces.
const NO_SANDBOX: &str = "an image needs namespaces, and this machine gives this user none";
/// What a container's PATH is when neither its spec nor the host says.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why there is nothing to run.
pub(super) enum Refusal {
    /// No program stands for the image.
    Image(String),
    /// The image's name is none.
    Name(String),
    /// The image could not be had; another try may help.
    Pull(String),
    /// The image is not there, and may not be pulled.
    NeverPull(String),
    /// The image cannot be made a container of.
    Create(String),
    /// Something that the environment refers to is missing; it may come.
    Config(String),
    /// A volume is not ready; it may become so.
    Mount(String),
    /// The program does not exist or cannot be used: the container has failed.
    Program(String),
    /// This kubelet or its host failed; trying again may help.
    Runtime(String),
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Exec(message) => Self::Program(message),
            StartError::Image(message) => Self::Image(message),
            StartError::Config(message) => Self::Config(message),
            error @ StartError::Sandbox(..) => Self::Program(error.to_string()),
            error @ StartError::Runtime(_) => Self::Runtime(error.to_string()),
        }
    }
}

impl Refusal {
    /// What it says.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Image(text)
            | Self::Name(text)
            | Self::Pull(text)
            | Self::NeverPull(text)
            | Self::Create(text)
            | Self::Config(text)
            | Self::Mount(text)
            | Self::Program(text)
            | Self::Runtime(text) => text,
        }
    }
}

/// A run that can be started.
pub(super) struct Prepared {
    pub(super) spec: ContainerSpec,
    /// Whether people were told how its image came here.
    pub(super) told: bool,
    /// The signal that asks it to end, if its image names one.
    pub(super) stop_signal: Option<i32>,
}

/// Resolves one run.
pub(super) async fn prepare(
    shared: &Shared,
    pod: &PodEntry,
    index: usize,
    id: ContainerId,
) -> Result<Prepared, Refusal> {
    let facts = &pod.facts.containers[index];
    let container = spec_of(pod, index).ok_or_else(|| Refusal::Runtime("the pod has no such container".to_owned()))?;
    let source = image::source(&facts.image, &shared.config.image_rules, shared.config.unmapped_images);
    let program = if let ImageSource::Program(program) = source { Some(program) } else { None };
    // First, as upstream: what is missing besides is told when the image is there.
    let ready = match shared.runtime.runs_programs() {
        true => images::ensure(shared, pod, (index, container), source).await?,
        false => None,
    };
    let mut sources = fetch(shared, pod, &environment::references(container)).await?;
    if shared.runtime.runs_programs() {
        sources.around = super::access::variables(shared, pod).await?;
    }
    let host = super::node::host(shared, pod);
    let given = environment::environment(&pod.pod, container, &host, &sources)
        .map_err(|error| Refusal::Config(error.to_string()))?;
    let (_, run) = id.container().ok_or_else(|| Refusal::Runtime("bad container id".to_owned()))?;
    let log_path = Logs::path(&shared.log_root(), pod.uid.as_str(), &facts.name, run);
    if !shared.runtime.runs_programs() {
        return Ok(Prepared { spec: acted(pod, id, log_path), told: false, stop_signal: None });
    }
    refuse_root(pod, container, ready.as_ref())?;
    let argv = words(container, &facts.image, program, ready.as_ref(), &given)?;
    let mut env = match &ready {
        Some(ready) => with_image_variables(ready, given, container),
        None => with_host_variables(given),
    };
    if program.is_some() && container.command.as_ref().is_none_or(Vec::is_empty) {
        env.entry(POD_IP_VARIABLE.to_owned()).or_insert_with(|| host.pod_ip.clone());
    }
    let tty = container.tty == Some(true);
    if tty {
        let (name, value) = terminal_variable();
        env.entry(name).or_insert(value);
    }
    let sandbox = sandbox_for(shared, pod, (container, ready.as_ref()), &env, run).await?;
    let cwd = match &ready {
        Some(ready) => directory_in_image(container, ready),
        None => directory(shared, pod, container, sandbox.is_some())?,
    };
    let program = program_of(&argv, &env, &cwd, sandbox.is_some())?;
    let (env, pod) = (env.into_iter().collect(), pod.pod.clone());
    let (told, stop_signal) = ready.map_or((false, None), |ready| (ready.told, images::stop_signal(&ready.config)));
    let (stdin, memory_limit) = (stdin(container), environment::memory_limit(container));
    let spec = ContainerSpec { id, pod, program, argv, env, cwd, log_path, stdin, tty, memory_limit, sandbox };
    Ok(Prepared { spec, told, stop_signal })
}

/// The words to run: the container's, or its image's.
fn words(
    container: &Container,
    image: &str,
    program: Option<&Path>,
    ready: Option<&Ready>,
    given: &BTreeMap<String, String>,
) -> Result<Vec<String>, Refusal> {
    let expanded = |words: &Option<Vec<String>>| environment::expand_words(words.as_deref().unwrap_or_default(), given);
    let (command, args) = (expanded(&container.command), expanded(&container.args));
    match ready {
        Some(ready) => image::entry_of_image(&ready.config, &command, &args)
            .ok_or_else(|| Refusal::Create("no command specified".to_owned())),
        None => match entry(image, &command, &args, program) {
            Entry::Words(argv) => Ok(argv),
            Entry::Unmapped(message) => Err(Refusal::Image(message)),
        },
    }
}

/// The program that the first word names.
fn program_of(
    argv: &[String],
    env: &BTreeMap<String, String>,
    cwd: &Path,
    is_sandboxed: bool,
) -> Result<PathBuf, Refusal> {
    let name = argv.first().map(String::as_str).unwrap_or_default();
    if is_sandboxed {
        // What is there is known only from within.
        return Ok(PathBuf::from(name));
    }
    let path = env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    find_program(name, path, cwd).map_err(Refusal::Program)
}

/// The sandbox of a container that needs one.
async fn sandbox_for(
    shared: &Shared,
    pod: &PodEntry,
    (container, ready): (&Container, Option<&Ready>),
    env: &BTreeMap<String, String>,
    run: u32,
) -> Result<Option<Sandbox>, Refusal> {
    let spec = pod.pod.spec.as_ref();
    let named = pod.has_services.load(Ordering::Relaxed) && spec.is_some_and(crate::names::are_wanted);
    let isolated = sandbox::is_isolated(&pod.pod).map_err(Refusal::Config)?;
    let asked = spec.is_some_and(|spec| sandbox::is_needed(spec, container));
    match ready.is_some() || named || isolated || asked {
        true if shared.has_sandboxes().await => {
            super::volumes::sandbox_of(shared, pod, (container, ready), env, run).await.map(Some)
        }
        _ if ready.is_some() => Err(Refusal::Create(NO_SANDBOX.to_owned())),
        // To run it anyway would undo what the user relies on.
        _ if isolated => Err(Refusal::Config(sandbox::ISOLATION_MISSING.to_owned())),
        _ => {
            super::names::tell_missing(shared, pod);
            Ok(None)
        }
    }
}

/// Refuses a container that may not run as root and would.
fn refuse_root(pod: &PodEntry, container: &Container, ready: Option<&Ready>) -> Result<(), Refusal> {
    let user = match ready {
        Some(ready) => ready.config.user.split(':').next().unwrap_or_default().to_owned(),
        None => rustix::process::geteuid().as_raw().to_string(),
    };
    let user = if user.is_empty() { "0" } else { &user };
    let broken = security::breaks_non_root(&pod.pod, &pod.facts.long_name(), container, user);
    broken.map_or(Ok(()), |message| Err(Refusal::Config(message)))
}

/// What an image gives its programs, and the pod's own over it.
fn with_image_variables(
    ready: &Ready,
    mut given: BTreeMap<String, String>,
    container: &Container,
) -> BTreeMap<String, String> {
    let of_image = ready.config.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut env: BTreeMap<String, String> = of_image.collect();
    env.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    let home = ready.identity.home.clone().unwrap_or_else(|| "/".to_owned());
    env.entry("HOME".to_owned()).or_insert(home);
    // It names a file of the host; client libraries find what is mounted where they look.
    if !environment::names_variable(container, "KUBECONFIG") {
        given.remove("KUBECONFIG");
    }
    env.extend(given);
    env
}

/// The working directory in an image: the pod's word, the image's, or the root. What is missing of it is made.
fn directory_in_image(container: &Container, ready: &Ready) -> PathBuf {
    let given = container.working_dir.as_deref().unwrap_or_default();
    let given = if given.is_empty() { &ready.config.working_dir } else { given };
    sandbox::absolute(given)
}

/// A run that needs nothing of this host.
fn acted(pod: &PodEntry, id: ContainerId, log_path: PathBuf) -> ContainerSpec {
    let (program, cwd) = (PathBuf::new(), PathBuf::new());
    let (argv, env, pod) = (Vec::new(), Vec::new(), pod.pod.clone());
    ContainerSpec {
        id,
        pod,
        program,
        argv,
        env,
        cwd,
        log_path,
        stdin: Stdin::None,
        tty: false,
        memory_limit: None,
        sandbox: None,
    }
}

fn stdin(container: &Container) -> Stdin {
    match (container.stdin, container.stdin_once) {
        (Some(true), Some(true)) => Stdin::Once,
        (Some(true), _) => Stdin::Open,
        _ => Stdin::None,
    }
}

/// What a program with a terminal is told of it, unless its spec says so.
pub(super) fn terminal_variable() -> (String, String) {
    ("TERM".to_owned(), "xterm".to_owned())
}

pub(super) fn spec_of(pod: &PodEntry, index: usize) -> Option<&Container> {
    let spec = pod.pod.spec.as_ref()?;
    let inits = spec.init_containers.as_deref().unwrap_or_default();
    inits.iter().chain(&spec.containers).chain(&pod.ephemeral).nth(index)
}

pub(super) async fn fetch(shared: &Shared, pod: &PodEntry, references: &References) -> Result<Sources, Refusal> {
    let mut sources = Sources::default();
    for name in &references.config_maps {
        let object = shared.client.api::<ConfigMap>(Some(pod.namespace())).get(name).await;
        sources.config_maps.extend(found(object)?.map(|object| (name.clone(), object)));
    }
    for name in &references.secrets {
        let object = shared.client.api::<Secret>(Some(pod.namespace())).get(name).await;
        sources.secrets.extend(found(object)?.map(|object| (name.clone(), object)));
    }
    Ok(sources)
}

/// An object that does not exist is for the environment's rules to judge; anything else is worth another try.
fn found<K>(result: Result<K, Error>) -> Result<Option<K>, Refusal> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Refusal::Config(error.to_string())),
    }
}

fn with_host_variables(given: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let host = HOST_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut env: BTreeMap<String, String> = host.collect();
    env.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    env.extend(given);
    env
}

/// The working directory: the spec's, or one of the pod's own.
///
/// Differs: upstream's default is the image's, and a directory that is missing is made; on a host that would leave
/// directories anywhere, so it fails as a program that cannot start.
fn directory(shared: &Shared, pod: &PodEntry, container: &Container, boxed: bool) -> Result<PathBuf, Refusal> {
    match container.working_dir.as_deref().filter(|directory| !directory.is_empty()) {
        Some(given) => {
            let directory = PathBuf::from(given);
            let message = format!("chdir to cwd ({given:?}) set in config.json failed: no such file or directory");
            if boxed || directory.is_dir() { Ok(directory) } else { Err(Refusal::Program(message)) }
        }
        None => {
            let scratch = shared.scratch(pod.uid.as_str());
            let made = std::fs::create_dir_all(&scratch);
            made.map_err(|error| Refusal::Runtime(format!("make {}: {error}", scratch.display())))?;
            Ok(scratch)
        }
    }
}

/// The host as containers see it through the downward API.
pub(super) fn host_of(ip: &str, pod_ip: &str, cpus: u64, memory_bytes: u64) -> Host {
    Host { ip: ip.to_owned(), pod_ip: pod_ip.to_owned(), cpus, memory_bytes }
}
