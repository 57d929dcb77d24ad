//! Which pods need a sandbox, and what theirs is. Pure.
//!
//! A pod that asks for nothing but to run a program runs as a plain process. Volumes at their paths, a host name, other
//! users, a read-only root and entries in `/etc/hosts` are what a process cannot have by itself.

use std::path::{Path, PathBuf};

use api::k8s::api::core::v1::{Container, Pod, PodSpec};

use crate::{resolver, security};

/// Where a container's last words go unless its spec says so.
pub(crate) const TERMINATION_PATH: &str = "/dev/termination-log";
/// The volume that admission adds to every pod says nothing of the user's wishes.
const ACCESS_VOLUME_PREFIX: &str = "kube-api-access-";

/// Whether anything in a container, or in its pod, can be honoured in a sandbox only.
pub(crate) fn is_needed(spec: &PodSpec, container: &Container) -> bool {
    names_anything(spec) || needs_own_processes(spec, container)
}

/// Whether its sandbox must have processes of its own. One that is there for names alone, as in each pod of an Indexed
/// Job, has no need of them.
pub(crate) fn needs_own_processes(spec: &PodSpec, container: &Container) -> bool {
    let context = container.security_context.as_ref();
    container.termination_message_path.as_deref().is_some_and(|path| path != TERMINATION_PATH)
        || container.volume_mounts.iter().flatten().any(|mount| !mount.name.starts_with(ACCESS_VOLUME_PREFIX))
        || user(spec, container).is_some()
        || group(spec, container).is_some()
        || !groups(spec).is_empty()
        || security::no_new_privileges(container)
        || security::capabilities(container, false).is_some()
        || context.is_some_and(|context| context.read_only_root_filesystem == Some(true))
}

/// Whether a pod has a name, or finds others by names, that the host does not know.
fn names_anything(spec: &PodSpec) -> bool {
    let wants = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    wants(&spec.hostname)
        || wants(&spec.subdomain)
        || wants(&spec.hostname_override)
        || resolver::is_needed(spec)
        || spec.host_aliases.iter().flatten().next().is_some()
}

/// The user that a container asks for: its own, or its pod's.
pub(crate) fn user(spec: &PodSpec, container: &Container) -> Option<u32> {
    let own = container.security_context.as_ref().and_then(|context| context.run_as_user);
    let user = own.or_else(|| spec.security_context.as_ref()?.run_as_user)?;
    u32::try_from(user).ok()
}

/// The same for its group.
pub(crate) fn group(spec: &PodSpec, container: &Container) -> Option<u32> {
    let own = container.security_context.as_ref().and_then(|context| context.run_as_group);
    let group = own.or_else(|| spec.security_context.as_ref()?.run_as_group)?;
    u32::try_from(group).ok()
}

/// The annotation of a pod that says which network it has.
pub(crate) const NETWORK: &str = "kubectl-job/network";
/// The value for one of its own.
const ISOLATED: &str = "isolated";
/// Why a pod that wants to be isolated does not run.
pub(crate) const ISOLATION_MISSING: &str =
    "annotation kubectl-job/network: this machine gives no namespaces, so a pod cannot be isolated";
/// The group that a pod's volumes belong to.
pub(crate) fn volume_group(spec: &PodSpec) -> Option<u32> {
    spec.security_context.as_ref()?.fs_group.and_then(|group| u32::try_from(group).ok())
}

/// The further groups that a pod asks for: its own list, and the one that its volumes belong to.
pub(crate) fn groups(spec: &PodSpec) -> Vec<u32> {
    let Some(context) = &spec.security_context else { return Vec::new() };
    let all = context.supplemental_groups.iter().flatten().chain(&context.fs_group);
    all.filter_map(|group| u32::try_from(*group).ok()).collect()
}

/// Whether each container of a pod has a network of its own, with nothing but a loopback device: `kubectl-job/network:
/// isolated` asks for it.
///
/// # Errors
/// When the annotation says something else.
pub(crate) fn is_isolated(pod: &Pod) -> Result<bool, String> {
    match pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(NETWORK)) {
        None => Ok(false),
        Some(value) if value == ISOLATED => Ok(true),
        Some(value) => Err(format!("annotation {NETWORK}: {value:?} is not {ISOLATED:?}")),
    }
}

/// Sorts mounts so that one below another comes after it, as container runtimes do.
pub(crate) fn depth(path: &Path) -> usize {
    path.components().count()
}

/// An absolute path; a relative one is taken from the root, as runtimes do.
pub(crate) fn absolute(path: &str) -> PathBuf {
    Path::new("/").join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn needs(spec: Value, container: Value) -> bool {
        let mut spec = spec;
        spec["containers"] = json!([container]);
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        is_needed(&spec, &spec.containers[0])
    }

    #[test]
    fn a_plain_container_needs_none() {
        let container = json!({"name": "c", "command": ["true"], "securityContext": {},
            "terminationMessagePath": "/dev/termination-log",
            "volumeMounts": [{"name": "kube-api-access-x2x4z", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]});
        assert!(!needs(json!({"securityContext": {}, "hostname": ""}), container));
    }

    #[test]
    fn what_a_process_cannot_have_needs_one() {
        let cases = [
            (json!({"hostname": "h"}), json!({})),
            (json!({"subdomain": "svc"}), json!({})),
            (json!({"hostnameOverride": "h"}), json!({})),
            (json!({"dnsPolicy": "None"}), json!({})),
            (json!({"hostAliases": [{"ip": "127.0.0.1", "hostnames": ["a"]}]}), json!({})),
            (json!({"securityContext": {"runAsUser": 1000}}), json!({})),
            (json!({}), json!({"securityContext": {"runAsGroup": 1000}})),
            (json!({}), json!({"securityContext": {"readOnlyRootFilesystem": true}})),
            (json!({}), json!({"terminationMessagePath": "/tmp/words"})),
            (json!({}), json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})),
        ];
        for (spec, mut container) in cases {
            container["name"] = "c".into();
            assert!(needs(spec.clone(), container.clone()), "{spec} {container}");
        }
    }

    #[test]
    fn a_host_name_alone_needs_no_processes_of_its_own() {
        let spec = |container: Value| -> PodSpec {
            serde_json::from_value(json!({"hostname": "pi-0", "containers": [container]})).unwrap()
        };
        let plain = spec(json!({"name": "c"}));
        assert!(is_needed(&plain, &plain.containers[0]) && !needs_own_processes(&plain, &plain.containers[0]));
        let mounts = spec(json!({"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}));
        assert!(needs_own_processes(&mounts, &mounts.containers[0]));
    }

    #[test]
    fn a_containers_own_user_goes_before_its_pods() {
        let spec = json!({"securityContext": {"runAsUser": 1, "runAsGroup": 2},
            "containers": [{"name": "c", "securityContext": {"runAsUser": 3}}]});
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        assert_eq!((user(&spec, &spec.containers[0]), group(&spec, &spec.containers[0])), (Some(3), Some(2)));
    }

    #[test]
    fn a_network_of_ones_own_is_asked_for_in_one_word() {
        let isolated = |annotations: Value| {
            is_isolated(&serde_json::from_value(json!({"metadata": {"annotations": annotations}})).unwrap())
        };
        assert_eq!(isolated(json!({})), Ok(false));
        assert_eq!(isolated(json!({"kubectl-job/network": "isolated"})), Ok(true));
        let text = "annotation kubectl-job/network: \"none\" is not \"isolated\"";
        assert_eq!(isolated(json!({"kubectl-job/network": "none"})), Err(text.to_owned()));
    }
}
