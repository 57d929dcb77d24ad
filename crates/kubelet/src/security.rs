//! What a container's security context asks for, beside its user: no root, fewer capabilities, no new privileges. Pure.

use api::k8s::api::core::v1::{Container, Pod};

/// Capabilities in the kernel's order, without `CAP_`.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What container runtimes grant unless asked.
///
/// Differs: without `MKNOD`, since no device group keeps a container from the host's disks here.
const OF_CONTAINERS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn bit(name: &str) -> u64 {
    let name = name.trim_start_matches("CAP_");
    NAMES.iter().position(|known| *known == name).map_or(0, |index| 1 << index)
}

/// The capabilities that a container may have at most; `None` for all that its user has. `of_image` says that its files
/// are an image's, so that it has what containers have, and not what the host's user has.
pub(crate) fn capabilities(container: &Container, of_image: bool) -> Option<u64> {
    let context = container.security_context.as_ref();
    let asked = context.and_then(|context| context.capabilities.as_ref());
    let add = asked.and_then(|asked| asked.add.as_deref()).unwrap_or_default();
    let drop = asked.and_then(|asked| asked.drop.as_deref()).unwrap_or_default();
    let is_privileged = context.is_some_and(|context| context.privileged == Some(true));
    if is_privileged || (!of_image && drop.is_empty()) {
        return None;
    }
    let is_all = |name: &String| name.eq_ignore_ascii_case("ALL");
    let bits = |names: &[String]| names.iter().fold(0, |bits, name| bits | bit(name));
    let all = NAMES.iter().fold(0, |bits, name| bits | bit(name));
    let usual = if of_image { OF_CONTAINERS.iter().fold(0, |bits, name| bits | bit(name)) } else { all };
    let granted = match (add.iter().any(is_all), drop.iter().any(is_all)) {
        (_, true) => 0,
        (true, false) => all,
        (false, false) => usual,
    };
    Some((granted | bits(add)) & !bits(drop))
}

/// Whether no program of a container may give more rights than it has.
pub(crate) fn no_new_privileges(container: &Container) -> bool {
    let context = container.security_context.as_ref();
    context.is_some_and(|context| context.allow_privilege_escalation == Some(false))
}

/// Why a container may not run as root and would, in upstream's words (`verifyRunAsNonRoot`). `user` is what runs it
/// unless its spec says so: a number or a name.
pub(crate) fn breaks_non_root(pod: &Pod, long_name: &str, container: &Container, user: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let (own, of_pod) = (container.security_context.as_ref(), spec.security_context.as_ref());
    let non_root = own.and_then(|context| context.run_as_non_root).or_else(|| of_pod?.run_as_non_root);
    if non_root != Some(true) {
        return None;
    }
    let run_as = own.and_then(|context| context.run_as_user).or_else(|| of_pod?.run_as_user);
    let whose = format!("(pod: {long_name:?}, container: {})", container.name);
    match (run_as, user.parse::<u32>()) {
        (Some(0), _) => Some(format!("container's runAsUser breaks non-root policy {whose}")),
        (None, Ok(0)) => Some(format!("container has runAsNonRoot and image will run as root {whose}")),
        (None, Err(_)) => Some(format!(
            "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root {whose}"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn container(context: Value) -> Container {
        serde_json::from_value(json!({"name": "c", "securityContext": context})).unwrap()
    }

    #[test]
    fn capabilities_are_granted_and_dropped_as_runtimes_do() {
        let of = |capabilities: Value, of_image| {
            super::capabilities(&container(json!({ "capabilities": capabilities })), of_image)
        };
        assert_eq!(of(json!({}), false), None);
        assert_eq!(of(json!({"drop": ["ALL"]}), false), Some(0));
        assert_eq!(of(json!({"drop": ["ALL"], "add": ["KILL"]}), true), Some(1 << 5));
        assert_eq!(of(json!({"drop": ["CHOWN"]}), false), Some((1 << 41) - 2));
        let usual = of(json!({}), true).unwrap();
        assert_eq!((usual & bit("SYS_ADMIN"), usual & bit("MKNOD"), usual & bit("CHOWN")), (0, 0, 1));
        assert_eq!(of(json!({"add": ["NET_ADMIN"]}), true), Some(usual | bit("NET_ADMIN")));
        assert_eq!(super::capabilities(&container(json!({"privileged": true})), true), None);
    }

    #[test]
    fn root_is_refused_where_it_must_not_be() {
        let says = |of_pod: Value, own: Value, user: &str| {
            let pod = serde_json::from_value(json!({"spec": {"securityContext": of_pod, "containers": []}})).unwrap();
            breaks_non_root(&pod, "p_n(u)", &container(own), user)
        };
        let whose = "(pod: \"p_n(u)\", container: c)";
        let cases = [
            (json!({}), json!({}), "0", None),
            (json!({"runAsNonRoot": true}), json!({}), "7", None),
            (json!({"runAsNonRoot": true}), json!({"runAsUser": 7}), "0", None),
            (json!({"runAsNonRoot": true}), json!({"runAsNonRoot": false}), "0", None),
            (
                json!({"runAsNonRoot": true}),
                json!({}),
                "0",
                Some(format!("container has runAsNonRoot and image will run as root {whose}")),
            ),
            (
                json!({"runAsUser": 0}),
                json!({"runAsNonRoot": true}),
                "7",
                Some(format!("container's runAsUser breaks non-root policy {whose}")),
            ),
            (
                json!({}),
                json!({"runAsNonRoot": true}),
                "app",
                Some(format!(
                    "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root {whose}"
                )),
            ),
        ];
        for (of_pod, own, user, expected) in cases {
            assert_eq!(says(of_pod.clone(), own.clone(), user), expected, "{of_pod} {own} {user}");
        }
    }
}
