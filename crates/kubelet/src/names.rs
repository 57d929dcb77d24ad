//! The names of Services and of their pods, as lines of a hosts file. Pure.
//!
//! The names are those that a cluster's name server answers to (`pkg/dns` of CoreDNS's kubernetes plugin): a Service by its
//! address, a headless one by those of its ready endpoints, and each endpoint that has a host name below its Service's.
//! In the namespace of a pod the short forms hold as well, which the search list of a resolver makes elsewhere.
//!
//! Differs: there is no name server, so only programs that read the hosts file find the names, wildcards and SRV records
//! are not there, and a Service without an address that stands for another host (`ExternalName`) has no name. The Service
//! `kubernetes` has none either: nothing listens at its address.

use std::collections::BTreeMap;

use api::k8s::api::core::v1::{Pod, PodSpec, Service};
use api::k8s::api::discovery::v1::{Endpoint, EndpointSlice};
use api::{Object, ObjectKey};

use crate::environment::{API_SERVICE, API_SERVICE_NAMESPACE};

/// The domain of all names.
const CLUSTER_DOMAIN: &str = "cluster.local";
/// The label of a slice that names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Most lines of a hosts file; who has more Services needs a name server.
const LINES_MAX: usize = 4096;
/// The longest host name that Linux has.
const HOSTNAME_MAX: usize = 64;

/// A kind that names come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Services,
    Slices,
}

/// All names.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The address of each Service; `None` of one that is headless.
    services: BTreeMap<ObjectKey, Option<String>>,
    /// The Service of each slice, and its endpoints.
    slices: BTreeMap<ObjectKey, (ObjectKey, Vec<Endpoint>)>,
}

impl Directory {
    pub(crate) fn clear(&mut self, source: Source) {
        match source {
            Source::Services => self.services.clear(),
            Source::Slices => self.slices.clear(),
        }
    }

    pub(crate) fn remove(&mut self, source: Source, object: &Object) {
        let key = object.meta().key();
        match source {
            Source::Services => drop(self.services.remove(&key)),
            Source::Slices => drop(self.slices.remove(&key)),
        }
    }

    /// Takes in an object that is new or has changed. One that cannot be read counts as gone.
    pub(crate) fn apply(&mut self, source: Source, object: &Object) {
        self.remove(source, object);
        let key = object.meta().key();
        match source {
            Source::Services => {
                if let Some(address) = object.decode().ok().filter(|_| !is_api(&key)).and_then(|it| address(&it)) {
                    self.services.insert(key, address);
                }
            }
            Source::Slices => {
                let service = object.meta().labels.get(SERVICE_NAME);
                let service = service.map(|name| ObjectKey::namespaced(key.namespace_or_empty(), name));
                let slice = object.decode::<EndpointSlice>().ok().filter(|slice| slice.address_type != "FQDN");
                if let (Some(service), Some(slice)) = (service, slice) {
                    self.slices.insert(key, (service, slice.endpoints.unwrap_or_default()));
                }
            }
        }
    }

    /// The lines for a pod of a namespace: its own Services first.
    pub(crate) fn lines(&self, namespace: &str) -> Vec<String> {
        let (near, far): (Vec<_>, Vec<_>) =
            self.services.iter().partition(|(key, _)| key.namespace_or_empty() == namespace);
        let mut lines = Vec::new();
        for (key, address) in near.into_iter().chain(far) {
            lines.extend(self.of_service(key, address.as_deref(), namespace));
        }
        if lines.len() > LINES_MAX {
            let more = lines.len() - LINES_MAX;
            lines.truncate(LINES_MAX);
            lines.push(format!("# {more} more are left out."));
        }
        lines
    }

    fn of_service(&self, key: &ObjectKey, address: Option<&str>, namespace: &str) -> Vec<String> {
        let endpoints = self.slices.values().filter(|(service, _)| service == key).flat_map(|(_, endpoints)| endpoints);
        let ready = endpoints.filter(|it| it.conditions.as_ref().and_then(|it| it.ready) != Some(false));
        let mut ready: Vec<(&str, Option<&str>)> =
            ready.filter_map(|it| Some((it.addresses.first()?.as_str(), it.hostname.as_deref()))).collect();
        ready.sort_unstable();
        ready.dedup();
        let names = names(&key.name, key.namespace_or_empty(), namespace);
        let of_all = ready.iter().map(|(ip, _)| *ip).filter(|_| address.is_none());
        let of_service = address.into_iter().chain(of_all).map(|ip| line(ip, &names));
        let hosts = ready.iter().filter_map(|(ip, host)| Some((*ip, (*host)?)));
        let of_hosts = hosts.map(|(ip, host)| {
            let names: Vec<String> = names.iter().map(|name| format!("{host}.{name}")).collect();
            line(ip, &names)
        });
        of_service.chain(of_hosts).collect()
    }
}

/// Whether names of Services mean something to a pod: not to one that looks them up as its host does
/// (`GetPodDNS`, where only these policies ask the cluster's name server).
pub(crate) fn are_wanted(spec: &PodSpec) -> bool {
    match spec.dns_policy.as_deref() {
        None | Some("ClusterFirst") => spec.host_network != Some(true),
        Some(policy) => policy == "ClusterFirstWithHostNet",
    }
}

/// The Service's own name in the whole domain first: it is what a lookup answers with.
fn names(service: &str, of: &str, namespace: &str) -> Vec<String> {
    let mut names = vec![format!("{service}.{of}.svc.{CLUSTER_DOMAIN}")];
    if of == namespace {
        names.push(service.to_owned());
    }
    names.extend([format!("{service}.{of}"), format!("{service}.{of}.svc")]);
    names
}

fn line(ip: &str, names: &[String]) -> String {
    format!("{ip}\t{}", names.join("\t"))
}

fn is_api(key: &ObjectKey) -> bool {
    (key.namespace_or_empty(), &*key.name) == (API_SERVICE_NAMESPACE, API_SERVICE)
}

/// The address of a Service that has a name: `Some(None)` for a headless one.
fn address(service: &Service) -> Option<Option<String>> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    match spec.cluster_ip.as_deref() {
        Some("None") => Some(None),
        Some(ip) if !ip.is_empty() => Some(Some(ip.to_owned())),
        _ => None,
    }
}

/// What a pod calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnName {
    /// The first part.
    pub(crate) host: String,
    /// The rest, if it has one: below the Service that its subdomain names.
    pub(crate) domain: Option<String>,
    /// What the system says is the name of the host.
    pub(crate) system: String,
}

/// The names of a pod (`GeneratePodHostNameAndDomain`).
///
/// # Errors
/// Upstream's text when the system's name would be too long.
pub(crate) fn own(pod: &Pod) -> Result<OwnName, String> {
    let spec = pod.spec.clone().unwrap_or_default();
    if let Some(host) = spec.hostname_override.filter(|host| !host.is_empty()) {
        return Ok(OwnName { host: host.clone(), domain: None, system: host });
    }
    let host = crate::environment::hostname(pod);
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let subdomain = spec.subdomain.filter(|subdomain| !subdomain.is_empty());
    let domain = subdomain.map(|subdomain| format!("{subdomain}.{namespace}.svc.{CLUSTER_DOMAIN}"));
    let whole = domain.as_ref().filter(|_| spec.set_hostname_as_fqdn == Some(true));
    let system = whole.map_or_else(|| host.clone(), |domain| format!("{host}.{domain}"));
    if system.len() > HOSTNAME_MAX {
        return Err(format!(
            "failed to construct FQDN from pod hostname and cluster domain, FQDN {system} is too long ({HOSTNAME_MAX} \
             characters is the max, {} characters requested)",
            system.len()
        ));
    }
    Ok(OwnName { host, domain, system })
}

/// The text of `/etc/hosts`: the host's, the pod's own name, its aliases and the names of Services, in the words of
/// upstream's kubelet (`pkg/kubelet/kubelet_pods.go`).
///
/// Differs: upstream gives a pod with a network of its own no names of the host. Here the host's names lead to what the
/// pod's programs reach anyway.
pub(crate) fn hosts(pod: &Pod, own: &OwnName, of_host: &str, pod_ip: &str, services: &[String]) -> String {
    let on_host = pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true));
    let mut text = String::from(match on_host {
        true => "# Kubernetes-managed hosts file (host network).\n",
        false => "# Kubernetes-managed hosts file.\n",
    });
    text.push_str(of_host);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match &own.domain {
        Some(domain) => text.push_str(&format!("{pod_ip}\t{host}.{domain}\t{host}\n", host = own.host)),
        None => text.push_str(&format!("{pod_ip}\t{}\n", own.host)),
    }
    let aliases = pod.spec.iter().flat_map(|spec| spec.host_aliases.iter().flatten());
    let aliases = aliases.map(|alias| line(&alias.ip, alias.hostnames.as_deref().unwrap_or_default())).collect();
    section(&mut text, "# Entries added by HostAliases.", aliases);
    section(&mut text, "# Names of Services.", services.to_vec());
    text
}

fn section(text: &mut String, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        text.push_str(&format!("\n{title}\n{}\n", lines.join("\n")));
    }
}

#[cfg(test)]
mod tests;
