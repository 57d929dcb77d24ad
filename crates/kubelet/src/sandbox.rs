//! Which pods need a sandbox, and what theirs is. Pure.
//!
//! A pod that asks for nothing but to run a program runs as a plain process. Volumes at their paths, a host name, other
//! users, a read-only root and entries in `/etc/hosts` are what a process cannot have by itself.

use std::path::{Path, PathBuf};

use api::k8s::api::core::v1::{Container, Pod, PodSpec};

use crate::environment;

/// Where a container's last words go unless its spec says so.
pub(crate) const TERMINATION_PATH: &str = "/dev/termination-log";
/// The volume that admission adds to every pod says nothing of the user's wishes.
const ACCESS_VOLUME_PREFIX: &str = "kube-api-access-";

/// Whether anything in a container, or in its pod, can be honoured in a sandbox only.
pub(crate) fn is_needed(spec: &PodSpec, container: &Container) -> bool {
    let wants = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let context = container.security_context.as_ref();
    wants(&spec.hostname)
        || spec.host_aliases.iter().flatten().next().is_some()
        || container.volume_mounts.iter().flatten().any(|mount| !mount.name.starts_with(ACCESS_VOLUME_PREFIX))
        || user(spec, container).is_some()
        || group(spec, container).is_some()
        || context.is_some_and(|context| context.read_only_root_filesystem == Some(true))
        || container.termination_message_path.as_deref().is_some_and(|path| path != TERMINATION_PATH)
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

/// The pod's host name; with a subdomain or `setHostnameAsFQDN` still the short one.
pub(crate) fn hostname(pod: &Pod) -> String {
    environment::hostname(pod)
}

/// The text of `/etc/hosts`: the host's, the pod's own name, and its aliases, in the words of upstream's kubelet
/// (`pkg/kubelet/util`, as for pods on the host's network).
pub(crate) fn hosts(pod: &Pod, of_host: &str, pod_ip: &str) -> String {
    let mut text = String::from("# Kubernetes-managed hosts file (host network).\n");
    text.push_str(of_host);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{pod_ip}\t{}\n", hostname(pod)));
    let mut aliases = pod.spec.iter().flat_map(|spec| spec.host_aliases.iter().flatten()).peekable();
    if aliases.peek().is_some() {
        text.push_str("\n# Entries added by HostAliases.\n");
    }
    for alias in aliases {
        text.push_str(&format!(
            "{}\t{}\n",
            alias.ip,
            alias.hostnames.iter().flatten().cloned().collect::<Vec<_>>().join("\t")
        ));
    }
    text
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
    fn a_containers_own_user_goes_before_its_pods() {
        let spec = json!({"securityContext": {"runAsUser": 1, "runAsGroup": 2},
            "containers": [{"name": "c", "securityContext": {"runAsUser": 3}}]});
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        assert_eq!((user(&spec, &spec.containers[0]), group(&spec, &spec.containers[0])), (Some(3), Some(2)));
    }

    #[test]
    fn the_hosts_file_has_the_pod_and_its_aliases() {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": [], "hostname": "pi-0",
            "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["foo.remote", "bar.remote"]}]}}))
            .unwrap();
        let expected = "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n127.0.0.1\tpi-0\n\n\
            # Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n";
        assert_eq!(hosts(&pod, "127.0.0.1 localhost", "127.0.0.1"), expected);
    }
}
