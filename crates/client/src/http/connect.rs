//! Which server to talk to, and as whom. Reads a kubeconfig only if told to: without a path, a name in it or an
//! explicit wish, the user's own kubeconfig and current context are never looked at.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};

use crate::Error;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How the client names itself; servers take the part before the slash as field manager when none is given.
const USER_AGENT: &str = concat!("kubectl-job/", env!("CARGO_PKG_VERSION"));
/// The names in the kubeconfig that is made up of file and options.
const TARGET: &str = "target";

/// How to reach an API server. A [`Default`] value names none.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The kubeconfig to read.
    pub kubeconfig: Option<PathBuf>,
    /// Read the user's own kubeconfig (`$KUBECONFIG`, else `~/.kube/config`) when no path is given. Naming a context,
    /// cluster or user has the same effect.
    pub default_kubeconfig: bool,
    /// The context to use; else the file's current one.
    pub context: Option<String>,
    /// The cluster to use instead of the context's.
    pub cluster: Option<String>,
    /// The user to use instead of the context's.
    pub user: Option<String>,
    /// The server's URL, instead of the cluster's.
    pub server: Option<String>,
    /// The bearer token, instead of the user's credentials.
    pub token: Option<String>,
    /// PEM file of the CA that signed the server's certificate.
    pub certificate_authority: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the client's key.
    pub client_key: Option<PathBuf>,
    /// Trust any server.
    pub insecure_skip_tls_verify: bool,
    /// The name that the server's certificate must have, if not that in the URL.
    pub tls_server_name: Option<String>,
    /// How long one call may take; watches and logs are not calls. `None` is for ever.
    pub request_timeout: Option<Duration>,
    /// Act as this user.
    pub as_user: Option<String>,
    /// Act as a member of these groups.
    pub as_groups: Vec<String>,
    /// The namespace, instead of the context's.
    pub namespace: Option<String>,
}

/// Where an address and its credentials came from, for errors.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) server: String,
    /// The kubeconfig, if one was read.
    pub(crate) file: Option<String>,
    pub(crate) context: Option<String>,
}

/// What was found out.
pub(crate) struct Target {
    pub(crate) config: kube::Config,
    pub(crate) origin: Origin,
    pub(crate) namespace: String,
}

/// Reads files and options.
pub(crate) async fn resolve(options: &ConnectOptions) -> Result<Target, Error> {
    if options.client_certificate.is_some() != options.client_key.is_some() {
        return Err(Error::Config("a client certificate and its key go together: one of them is missing".to_owned()));
    }
    let (file, kubeconfig) = read(options)?;
    let (mut context, mut cluster, mut user, context_name) = match &kubeconfig {
        Some(kubeconfig) => choose(options, kubeconfig, file.as_deref().unwrap_or_default())?,
        None => (Context::default(), Cluster::default(), AuthInfo::default(), None),
    };
    override_cluster(&mut cluster, options);
    override_user(&mut user, options);
    let Some(server) = cluster.server.clone() else {
        return Err(Error::Config(match &file {
            Some(file) => format!("{file} names no server for the chosen cluster"),
            None => "no server was named: give its URL, a kubeconfig or a context".to_owned(),
        }));
    };
    if !server.contains("://") {
        return Err(Error::Config(format!("the server {server:?} is no URL: it starts with https:// or http://")));
    }
    let namespace = options.namespace.clone().or(context.namespace.clone());
    context.cluster = TARGET.to_owned();
    context.user = Some(TARGET.to_owned());
    let origin = Origin { server, file, context: context_name };
    let mut config = load(context, cluster, user).await.map_err(|error| origin.unusable(&error))?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // Retries are the callers' to decide: a repeated create is not harmless.
    config.default_retry = false;
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
    let namespace = namespace.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    Ok(Target { config, origin, namespace })
}

impl Origin {
    fn unusable(&self, error: &dyn std::error::Error) -> Error {
        let from = self.file.as_deref().map_or_else(String::new, |file| format!(" from {file}"));
        Error::Config(format!("the settings{from} cannot be used: {error}"))
    }
}

fn read(options: &ConnectOptions) -> Result<(Option<String>, Option<Kubeconfig>), Error> {
    let named = options.context.is_some() || options.cluster.is_some() || options.user.is_some();
    if let Some(path) = &options.kubeconfig {
        return read_file(path);
    }
    if !named && !options.default_kubeconfig {
        return Ok((None, None));
    }
    let file = std::env::var("KUBECONFIG").ok().filter(|paths| !paths.is_empty());
    let file = file.unwrap_or_else(|| "~/.kube/config".to_owned());
    let kubeconfig = Kubeconfig::read().map_err(|error| Error::Config(format!("read {file}: {error}")))?;
    Ok((Some(file), Some(kubeconfig)))
}

fn read_file(path: &Path) -> Result<(Option<String>, Option<Kubeconfig>), Error> {
    let file = path.display().to_string();
    if !path.exists() {
        return Err(Error::Config(format!("the kubeconfig {file} does not exist")));
    }
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| Error::Config(format!("read {file}: {error}")))?;
    Ok((Some(file), Some(kubeconfig)))
}

type Chosen = (Context, Cluster, AuthInfo, Option<String>);

/// Picks context, cluster and user.
fn choose(options: &ConnectOptions, kubeconfig: &Kubeconfig, file: &str) -> Result<Chosen, Error> {
    let name = options.context.clone().or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty());
    let contexts = || kubeconfig.contexts.iter().map(|context| context.name.as_str());
    let context = match &name {
        Some(name) => {
            let found = kubeconfig.contexts.iter().find(|context| context.name == *name);
            let found = found.and_then(|found| found.context.clone());
            found.ok_or_else(|| missing("context", name, file, contexts()))?
        }
        None if options.cluster.is_some() || options.server.is_some() => Context::default(),
        None => {
            let known = contexts().collect::<Vec<_>>().join(", ");
            return Err(Error::Config(format!("{file} has no current context: choose one of: {known}")));
        }
    };
    let cluster_name = options.cluster.clone().unwrap_or_else(|| context.cluster.clone());
    let found = kubeconfig.clusters.iter().find(|cluster| cluster.name == cluster_name);
    let cluster = match found.and_then(|found| found.cluster.clone()) {
        Some(cluster) => cluster,
        None if options.server.is_some() && options.cluster.is_none() => Cluster::default(),
        None => {
            let clusters = kubeconfig.clusters.iter().map(|cluster| cluster.name.as_str());
            return Err(missing("cluster", &cluster_name, file, clusters));
        }
    };
    let user_name = options.user.clone().or_else(|| context.user.clone());
    let user = user_name.as_ref().and_then(|name| kubeconfig.auth_infos.iter().find(|user| user.name == *name));
    if let (Some(name), None) = (&options.user, user) {
        return Err(missing("user", name, file, kubeconfig.auth_infos.iter().map(|user| user.name.as_str())));
    }
    Ok((context, cluster, user.and_then(|user| user.auth_info.clone()).unwrap_or_default(), name))
}

fn missing<'a>(what: &str, name: &str, file: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::Config(format!("{file} has no {what} {name:?}; it has: {known}"))
}

fn override_cluster(cluster: &mut Cluster, options: &ConnectOptions) {
    if let Some(server) = &options.server {
        cluster.server = Some(server.clone());
    }
    if let Some(path) = &options.certificate_authority {
        cluster.certificate_authority = Some(path.display().to_string());
        cluster.certificate_authority_data = None;
    }
    if options.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
    }
    if let Some(name) = &options.tls_server_name {
        cluster.tls_server_name = Some(name.clone());
    }
}

fn override_user(user: &mut AuthInfo, options: &ConnectOptions) {
    if let Some(token) = &options.token {
        // A token given replaces whatever the file says of the same user.
        *user = AuthInfo { token: Some(token.clone().into()), ..AuthInfo::default() };
    }
    if let (Some(certificate), Some(key)) = (&options.client_certificate, &options.client_key) {
        user.client_certificate = Some(certificate.display().to_string());
        user.client_certificate_data = None;
        user.client_key = Some(key.display().to_string());
        user.client_key_data = None;
    }
    if let Some(name) = &options.as_user {
        user.impersonate = Some(name.clone());
    }
    if !options.as_groups.is_empty() {
        user.impersonate_groups = Some(options.as_groups.clone());
    }
}

async fn load(
    context: Context,
    cluster: Cluster,
    user: AuthInfo,
) -> Result<kube::Config, kube::config::KubeconfigError> {
    let kubeconfig = Kubeconfig {
        clusters: vec![NamedCluster { name: TARGET.to_owned(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: TARGET.to_owned(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: TARGET.to_owned(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(TARGET.to_owned()),
        ..Kubeconfig::default()
    };
    kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}
