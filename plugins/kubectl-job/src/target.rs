//! Where commands go: the local server, one inside this command, or a real cluster.
//!
//! A real cluster is used only when a flag names it. The user's own kubeconfig is neither read nor written without.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use api::resource::NAMESPACES;
use client::{Client, ConnectOptions};

use crate::cli::connection::Connection;
use crate::cli::run::PlaceFlags;
use crate::cli::verbs::ServeArgs;
use crate::embedded;
use crate::exit::Failure;
use crate::history::Keep;
use crate::history::folder::History;
use crate::narrate::{self, Reach};
use crate::screen::{Screen, Tone};
use crate::server::start::{self, Found};
use crate::server::state::StateDir;
use crate::time;
use crate::verbs::Setting;

/// An API to talk to.
pub(crate) struct Target {
    /// The way there.
    pub(crate) client: Client,
    /// The namespace that commands mean when they name none.
    pub(crate) namespace: String,
    /// What is there.
    pub(crate) place: Place,
    /// Where what pods printed lies once they are gone; `None` where none is kept.
    pub(crate) history: Option<History>,
}

/// What is behind a target.
pub(crate) enum Place {
    /// The background server of this user.
    Local,
    /// A cluster inside this command, and the folder that goes with it.
    Ephemeral(Box<Ephemeral>),
    /// A real cluster, by what names it.
    Remote(String),
}

/// A cluster that ends with this command.
pub(crate) struct Ephemeral {
    cluster: embedded::Server,
    folder: tempfile::TempDir,
}

impl Ephemeral {
    /// The controllers' decision records about an object.
    pub(crate) fn records(&self, uid: &str) -> Vec<explain::Record> {
        self.cluster.records(&api::Uid::from(uid))
    }
}

impl Target {
    /// Whether pods are processes of this machine.
    pub(crate) fn is_local(&self) -> bool {
        !matches!(self.place, Place::Remote(_))
    }

    /// Whether everything ends with this command.
    pub(crate) fn is_ephemeral(&self) -> bool {
        matches!(self.place, Place::Ephemeral(_))
    }

    /// The target in a word or two.
    pub(crate) fn name(&self) -> &str {
        match &self.place {
            Place::Local => "local",
            Place::Ephemeral(_) => "local, ephemeral",
            Place::Remote(name) => name,
        }
    }

    /// Tells where commands go, since they start processes there.
    pub(crate) fn introduce(&self, screen: Screen) {
        let what = match &self.place {
            Place::Local => "local (in-memory server, pods are processes on this machine)".to_owned(),
            Place::Ephemeral(_) => "local, for this command only (pods are processes on this machine)".to_owned(),
            Place::Remote(name) => format!("cluster {name}"),
        };
        let line = format!("{} {what} {} ns {}", screen.arrow(), screen.dot(), self.namespace);
        screen.note(screen.tone(Tone::Faint, &line));
    }

    /// Lets go of the target; a cluster inside this command ends here, with all its pods.
    pub(crate) async fn close(self) {
        if let Place::Ephemeral(ephemeral) = self.place {
            drop(self.client);
            ephemeral.cluster.shutdown().await;
            drop(ephemeral.folder);
        }
    }
}

/// Opens the target of a verb that looks at Jobs or changes them.
///
/// # Errors
/// When there is no way there.
pub(crate) async fn open(connection: &Connection, screen: Screen) -> anyhow::Result<Target> {
    if let Some(flag) = connection.stray_flag() {
        let why = "the local server needs no credentials; name a cluster with --context, --kubeconfig or --server";
        return Err(Failure::usage(format!("error: {flag} is for real clusters: {why}")).into());
    }
    if connection.is_remote() {
        return remote(connection).await;
    }
    local(connection, &ServeArgs::default(), screen).await
}

/// Opens the target of `run`, which may also live inside the command.
///
/// # Errors
/// When there is no way there.
pub(crate) async fn open_for_run(setting: &Setting, place: &PlaceFlags, detach: bool) -> anyhow::Result<Target> {
    let (connection, screen) = (&setting.connection, setting.screen);
    if connection.is_remote() {
        let images = &place.images;
        if place.ephemeral || !images.is_none() {
            let text = "error: --ephemeral, --map-image, --map-images, --pull and --strict-images are for the local server, not for a real cluster";
            return Err(Failure::usage(text).into());
        }
        return open(connection, screen).await;
    }
    if place.ephemeral && detach {
        let text = "error: --detach leaves the Job behind and --ephemeral leaves nothing: take one of them";
        return Err(Failure::usage(text).into());
    }
    if place.ephemeral || (!detach && is_ci() && !server_runs(connection)) {
        return ephemeral(setting, place).await;
    }
    if connection.stray_flag().is_some() {
        return open(connection, screen).await;
    }
    let options = ServeArgs { images: place.images.clone(), ..ServeArgs::default() };
    local(connection, &options, screen).await
}

/// CI systems set `CI=true`: nothing should be left behind there.
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// A server that somebody started on purpose is used even in CI.
fn server_runs(connection: &Connection) -> bool {
    StateDir::open(connection.state_dir.as_deref())
        .is_ok_and(|state| start::running(&state).is_ok_and(|info| info.is_some()))
}

async fn ephemeral(setting: &Setting, place: &PlaceFlags) -> anyhow::Result<Target> {
    let connection = &setting.connection;
    let folder = tempfile::Builder::new().prefix("kubectl-job.").tempdir().context("make a temporary folder")?;
    let keep = if place.no_history { None } else { keep(setting, folder.path()) };
    let history = keep.as_ref().map(|keep| keep.history.clone());
    let cluster = embedded::start(folder.path().to_owned(), &place.images, &setting.time, keep, false).await?;
    let namespace = connection.local_namespace().unwrap_or("default").to_owned();
    let client = narrated(connection, cluster.client(), || Reach::Never);
    Ok(Target { client, namespace, place: Place::Ephemeral(Box::new(Ephemeral { cluster, folder })), history })
}

/// Where a cluster in this command records its Jobs. It runs without as well, as where nothing may be written.
fn keep(setting: &Setting, data: &Path) -> Option<Keep> {
    let prepared =
        StateDir::open(setting.connection.state_dir.as_deref()).map_err(anyhow::Error::from).and_then(|state| {
            Ok(Keep::prepare(History::of(&state).with_data(data.to_owned()), setting.connection.home.history_limit)?)
        });
    prepared.inspect_err(|error| setting.screen.note(format!("no history is kept: {error:#}"))).ok()
}

async fn local(connection: &Connection, options: &ServeArgs, screen: Screen) -> anyhow::Result<Target> {
    let state = StateDir::open(connection.state_dir.as_deref())?;
    let (info, found) = start::ensure(&state, options, screen)?;
    if found == Found::Running && !options.images.is_none() {
        let images: Vec<String> = start::arguments(options)
            .into_iter()
            .filter(|flag| flag.contains("map-image") || matches!(flag.as_str(), "--pull" | "--strict-images"))
            .collect();
        if images.iter().any(|flag| !info.options.contains(flag)) {
            let text = "the local server runs already and knows other image rules: stop it first (kubectl job server stop), or add --ephemeral";
            return Err(Failure::usage(format!("error: {text}")).into());
        }
    }
    let (client, namespace) = match reach(connection, &state).await {
        Ok(reached) => reached,
        // A server that was just killed holds its lock until the kernel has taken it apart.
        Err(_) if dies(&state).await? => {
            start::ensure(&state, options, screen)?;
            reach(connection, &state).await?
        }
        Err(error) => return Err(error.into()),
    };
    let kubeconfig = || Reach::Kubeconfig(state.kubeconfig().display().to_string());
    let client = narrated(connection, client, kubeconfig);
    Ok(Target { client, namespace, place: Place::Local, history: Some(History::of(&state)) })
}

/// With `--show-kubectl`, a client that tells what it sends.
fn narrated(connection: &Connection, client: Client, reach: impl FnOnce() -> Reach) -> Client {
    if connection.show_kubectl { narrate::wrap(client, &reach()) } else { client }
}

/// Connects to the local server and sees that it answers.
async fn reach(connection: &Connection, state: &StateDir) -> Result<(Client, String), client::Error> {
    let route = ConnectOptions {
        kubeconfig: Some(state.kubeconfig()),
        namespace: connection.local_namespace().map(str::to_owned),
        ..ConnectOptions::default()
    };
    let (client, namespace) = Client::connect(route).await?;
    match client.get(&NAMESPACES, None, "default").await {
        Err(error) if error.status().is_none() => Err(error),
        _ => {
            time::learn(&client, state.info().map(|info| info.clock).unwrap_or_default()).await;
            Ok((client, namespace))
        }
    }
}

/// Whether a server that does not answer is found to have ended within a moment.
async fn dies(state: &StateDir) -> anyhow::Result<bool> {
    for _ in 0..100 {
        if !state.is_alive()? {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(false)
}

async fn remote(connection: &Connection) -> anyhow::Result<Target> {
    if connection.impersonate_uid.is_some() {
        return Err(Failure::usage("error: --as-uid is not supported").into());
    }
    let name = connection
        .context
        .clone()
        .or_else(|| connection.server.clone())
        .or_else(|| connection.kubeconfig.as_ref().map(|path| path.display().to_string()))
        .unwrap_or_else(|| "of the current context".to_owned());
    let (client, namespace) = Client::connect(connect_options(connection)).await?;
    let client = narrated(connection, client, || Reach::of(connection));
    Ok(Target { client, namespace, place: Place::Remote(name), history: None })
}

fn connect_options(connection: &Connection) -> ConnectOptions {
    let given = connection.clone();
    ConnectOptions {
        kubeconfig: given.kubeconfig,
        // A bare server address comes with its own credentials, as with kubectl; only a context needs a file.
        default_kubeconfig: connection.is_by_preference(),
        context: given.context,
        cluster: given.cluster,
        user: given.user,
        server: given.server,
        token: given.token,
        certificate_authority: given.certificate_authority,
        client_certificate: given.client_certificate,
        client_key: given.client_key,
        insecure_skip_tls_verify: given.insecure_skip_tls_verify,
        tls_server_name: given.tls_server_name,
        request_timeout: given.request_timeout.map(|span| span.0.unsigned_abs()).filter(|span| !span.is_zero()),
        as_user: given.impersonate,
        as_groups: given.impersonate_groups,
        namespace: given.namespace,
    }
}
