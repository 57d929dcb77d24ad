//! How a pod's programs reach the API: the address in their environment, and credentials of the pod's service account.
//!
//! All of it is read from the API when a pod first starts a container; while no Endpoints say where the API is served,
//! there is neither. The token is bound to the pod: it is worth nothing once the pod is gone.
//!
//! Differs: upstream mounts token, CA and namespace at /var/run/secrets/kubernetes.io/serviceaccount. A sandboxed
//! container has them there too; a plain process sees the host's /var/run, so they lie in a directory of the pod's own,
//! with a kubeconfig that names them, and `KUBECONFIG` says where unless the spec sets it: kubectl and the client
//! libraries find it there.
//! Differs: the token is good for a year, as upstream's are whose kubelet asks for an hour; so none is renewed.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use api::k8s::api::core::v1::{ConfigMap, Endpoints, Pod, Service, ServiceAccount};
use api::resource::SERVICE_ACCOUNTS;
use api::{Body, Options, Request, Verb};
use client::Error;
use serde_json::json;

use super::Shared;
use super::entry::PodEntry;
use super::prepare::Refusal;
use crate::environment::{API_SERVICE, API_SERVICE_NAMESPACE, ApiAddress, service_variables};

/// The ConfigMap of each namespace that says how to trust the API server.
const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";
/// Where one is soon after a server starts, whatever the state of a namespace that has just been made.
const SYSTEM_NAMESPACE: &str = "kube-system";
const TOKEN_SECONDS: i64 = 365 * 24 * 60 * 60;

/// The variables that tell a container of Services, and of its credentials; the spec's own go before them.
pub(super) async fn variables(shared: &Shared, pod: &PodEntry) -> Result<BTreeMap<String, String>, Refusal> {
    let address = api_address(shared).await?;
    let mut variables = address.as_ref().map(ApiAddress::variables).unwrap_or_default();
    let spec = pod.pod.spec.as_ref();
    let links = spec.and_then(|spec| spec.enable_service_links) != Some(false);
    // Names are a pod's to find whether it wants variables or not.
    if links || spec.is_some_and(crate::names::are_wanted) {
        let services = shared.client.api::<Service>(Some(pod.namespace())).list(Options::default()).await;
        let services = services.map_err(failed("list services"))?;
        let is_own = |service: &&Service| {
            pod.namespace() != API_SERVICE_NAMESPACE || service.metadata.name.as_deref() != Some(API_SERVICE)
        };
        pod.has_services.store(services.iter().any(|service| is_own(&service)), Ordering::Relaxed);
        if links {
            variables.extend(service_variables(services.iter().filter(is_own)));
        }
    }
    if let Some(address) = &address
        && wants_token(shared, pod).await?
    {
        let kubeconfig = credentials(shared, pod, address).await?;
        variables.insert("KUBECONFIG".to_owned(), kubeconfig.display().to_string());
    }
    Ok(variables)
}

fn failed(what: &'static str) -> impl Fn(Error) -> Refusal {
    move |error| Refusal::Config(format!("{what}: {error}"))
}

/// Where the API is served, if it is.
async fn api_address(shared: &Shared) -> Result<Option<ApiAddress>, Refusal> {
    let endpoints = shared.client.api::<Endpoints>(Some(API_SERVICE_NAMESPACE)).get(API_SERVICE).await;
    match endpoints {
        Ok(endpoints) => Ok(ApiAddress::of(&endpoints)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(failed("find the API server")(error)),
    }
}

fn account(pod: &Pod) -> &str {
    let name = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref());
    name.filter(|name| !name.is_empty()).unwrap_or("default")
}

/// Whether the pod, or else its account, wants a token (`shouldAutomount`).
async fn wants_token(shared: &Shared, pod: &PodEntry) -> Result<bool, Refusal> {
    if let Some(wants) = pod.pod.spec.as_ref().and_then(|spec| spec.automount_service_account_token) {
        return Ok(wants);
    }
    let account = shared.client.api::<ServiceAccount>(Some(pod.namespace())).get(account(&pod.pod)).await;
    Ok(account.map_err(failed("find the service account"))?.automount_service_account_token.unwrap_or(true))
}

/// Makes the pod's credentials, unless it has them; answers with the path of its kubeconfig.
async fn credentials(shared: &Shared, pod: &PodEntry, address: &ApiAddress) -> Result<PathBuf, Refusal> {
    let directory = shared.credentials(pod.uid.as_str());
    let at = |name: &str| directory.join(name);
    let kubeconfig = at("kubeconfig");
    let text = kubeconfig_text(address, pod.namespace(), &at("ca.crt"), &at("token"));
    // Written last, so the rest is there as well.
    if std::fs::read_to_string(&kubeconfig).is_ok_and(|written| written == text) {
        return Ok(kubeconfig);
    }
    let token = token(shared, pod, "", TOKEN_SECONDS).await?;
    let certificate = root_certificate(shared, pod.namespace()).await?;
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        write_secret(&at("token"), &token)?;
        write_secret(&at("ca.crt"), &certificate)?;
        write_secret(&at("namespace"), pod.namespace())?;
        write_secret(&kubeconfig, &text)
    };
    let unwritten = |error: std::io::Error| Refusal::Runtime(format!("write {}: {error}", directory.display()));
    write().map_err(unwritten)?;
    Ok(kubeconfig)
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// A token of the pod's account, bound to the pod; without an audience it is for the API.
pub(super) async fn token(shared: &Shared, pod: &PodEntry, audience: &str, seconds: i64) -> Result<String, Refusal> {
    let audiences: Vec<&str> = [audience].into_iter().filter(|audience| !audience.is_empty()).collect();
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "audiences": audiences,
            "expirationSeconds": seconds,
            "boundObjectRef": { "apiVersion": "v1", "kind": "Pod", "name": pod.key.name, "uid": pod.uid.as_str() },
        },
    });
    let request = Request::new(Verb::Create, SERVICE_ACCOUNTS, Some(pod.namespace()), Some(account(&pod.pod)));
    let request = request.subresource("token").body(Body::Object(body));
    let reply = shared.client.call(request).await.map_err(failed("fetch token"))?;
    let token = reply.into_object().and_then(|object| object.field("/status/token"));
    let token = token.and_then(|token| token.as_str().map(str::to_owned));
    token.ok_or_else(|| Refusal::Config("fetch token: the answer holds none".to_owned()))
}

async fn root_certificate(shared: &Shared, namespace: &str) -> Result<String, Refusal> {
    let mut last = None;
    for namespace in [namespace, SYSTEM_NAMESPACE] {
        match shared.client.api::<ConfigMap>(Some(namespace)).get(ROOT_CERTIFICATE).await {
            Ok(map) => {
                let certificate = map.data.and_then(|mut data| data.remove("ca.crt"));
                return certificate.ok_or_else(|| Refusal::Config(format!("{ROOT_CERTIFICATE} has no ca.crt")));
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.map(failed("find the root certificate"));
    Err(error.unwrap_or_else(|| Refusal::Config("there is no root certificate".to_owned())))
}

/// The text of the pod's kubeconfig: JSON, which every YAML reader reads.
fn kubeconfig_text(address: &ApiAddress, namespace: &str, certificate: &Path, token: &Path) -> String {
    let name = "in-cluster";
    let server = format!("https://{}", address.authority());
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": name, "cluster": { "server": server, "certificate-authority": certificate } }],
        "users": [{ "name": name, "user": { "tokenFile": token } }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name, "namespace": namespace } }],
        "current-context": name,
    });
    config.to_string()
}
