//! Fields of a pod that cannot be honoured here: by a plain process, or by one in a sandbox. Pure.
//!
//! They are named to people (an Event on the pod, a warning on create) and otherwise passed over; nothing is ignored in
//! silence. Fields that only guide scheduling or networking of real nodes are not listed: they change no outcome here.

use api::k8s::api::core::v1::{Container, EnvVar, PodSpec, Volume, VolumeMount};

use crate::sandbox::TERMINATION_PATH;
use crate::volumes;

/// Paths of the fields that are set and have no effect, such as `spec.containers[0].volumeDevices`, on a machine that
/// has sandboxes or not.
pub fn unsupported(spec: &PodSpec, sandboxes: bool) -> Vec<String> {
    of_pod(spec, Abilities { sandboxes, groups: sandboxes && rustix::process::geteuid().is_root() })
}

/// Volumes that are claims, which the scheduler waits for.
const CLAIMS: [&str; 2] = ["persistentVolumeClaim", "ephemeral"];

/// Why a pod with the field at one of the paths that [`unsupported`] gives never starts, if it is such a field.
pub fn obstacle(path: &str) -> Option<&'static str> {
    let (_, kind) = path.strip_prefix("spec.volumes[")?.split_once("].")?;
    match kind {
        _ if CLAIMS.contains(&kind) => Some("pods with it never start, there are no claims here"),
        "emptyDir.sizeLimit" => None,
        _ => Some("pods that mount it never start, a local process cannot have such a volume"),
    }
}

/// What a machine gives this user.
#[derive(Clone, Copy)]
struct Abilities {
    /// Sandboxes.
    sandboxes: bool,
    /// Groups that the user is not in, and files that belong to them.
    groups: bool,
}

fn of_pod(spec: &PodSpec, abilities: Abilities) -> Vec<String> {
    let sandboxes = abilities.sandboxes;
    let mut paths = of_volumes(spec, sandboxes);
    let mut add = |set: bool, path: String| {
        if set {
            paths.push(path);
        }
    };
    add(has_effectless_context(spec, abilities), "spec.securityContext".to_owned());
    // The host's own namespaces (`hostNetwork`, `hostPID`, `hostIPC`) are what a local process has anyway.
    add(spec.share_process_namespace == Some(true), "spec.shareProcessNamespace".to_owned());
    add(spec.host_users == Some(false), "spec.hostUsers".to_owned());
    let wants = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    add(!sandboxes && wants(&spec.subdomain), "spec.subdomain".to_owned());
    add(!sandboxes && wants(&spec.hostname_override), "spec.hostnameOverride".to_owned());
    add(!sandboxes && spec.set_hostname_as_fqdn == Some(true), "spec.setHostnameAsFQDN".to_owned());
    let aliases = spec.host_aliases.as_ref().is_some_and(|aliases| !aliases.is_empty());
    add(!sandboxes && aliases, "spec.hostAliases".to_owned());
    add(!sandboxes && spec.dns_config.is_some(), "spec.dnsConfig".to_owned());
    add(!sandboxes && spec.dns_policy.as_deref() == Some("None"), "spec.dnsPolicy".to_owned());
    add(spec.runtime_class_name.is_some(), "spec.runtimeClassName".to_owned());
    add(spec.resources.is_some(), "spec.resources".to_owned());
    add(spec.resource_claims.iter().flatten().next().is_some(), "spec.resourceClaims".to_owned());
    add(spec.scheduling_group.is_some(), "spec.schedulingGroup".to_owned());
    let lists =
        [("initContainers", spec.init_containers.as_deref().unwrap_or_default()), ("containers", &spec.containers)];
    for (list, containers) in lists {
        for (index, container) in containers.iter().enumerate() {
            let path = format!("spec.{list}[{index}]");
            let fields = of_container(container, sandboxes).into_iter().map(str::to_owned);
            paths.extend(fields.chain(of_limits(container)).map(|field| format!("{path}.{field}")));
        }
    }
    paths
}

/// The volume that admission adds to every pod says nothing of the user's wishes.
fn is_service_account_volume(name: &str) -> bool {
    name.starts_with("kube-api-access-")
}

/// Volumes that are not there, or not of a kind that is known.
fn of_volumes(spec: &PodSpec, sandboxes: bool) -> Vec<String> {
    let volumes = || spec.volumes.iter().flatten().filter(|volume| !is_service_account_volume(&volume.name));
    let named = |(index, field)| format!("spec.volumes[{index}].{field}");
    if !sandboxes {
        let any = volumes().take(1).map(|_| "spec.volumes".to_owned());
        let fields = volumes().map(|volume| volumes::unsupported_kind(volume).filter(|field| CLAIMS.contains(field)));
        let claims = fields.enumerate().filter_map(|(index, field)| Some((index, field?)));
        return any.chain(claims.map(named)).collect();
    }
    let limited = |volume: &Volume| {
        let limit = volume.empty_dir.as_ref().is_some_and(|empty| empty.size_limit.is_some());
        limit.then_some("emptyDir.sizeLimit")
    };
    let effectless = |volume: &Volume| volumes::unsupported_kind(volume).or_else(|| limited(volume));
    volumes().enumerate().filter_map(|(index, volume)| Some(named((index, effectless(volume)?)))).collect()
}

/// Whether the pod's security context asks for more than users and groups, which a sandbox has.
fn has_effectless_context(spec: &PodSpec, abilities: Abilities) -> bool {
    let Some(context) = &spec.security_context else { return false };
    let mut rest = context.clone();
    rest.run_as_non_root = None;
    if abilities.sandboxes {
        (rest.run_as_user, rest.run_as_group) = (None, None);
    }
    if abilities.groups {
        (rest.fs_group, rest.fs_group_change_policy, rest.supplemental_groups) = (None, None, None);
    }
    rest != Default::default()
}

/// The same of a container's own, whose root can be read-only and whose rights can be fewer as well.
fn has_effectless_container_context(container: &Container, sandboxes: bool) -> bool {
    let Some(context) = &container.security_context else { return false };
    let mut rest = context.clone();
    rest.run_as_non_root = None;
    // What may be asked of a container and changes nothing where nobody grants it.
    rest.privileged = rest.privileged.filter(|privileged| *privileged);
    rest.allow_privilege_escalation = rest.allow_privilege_escalation.filter(|allowed| !*allowed && !sandboxes);
    if sandboxes {
        (rest.run_as_user, rest.run_as_group, rest.read_only_root_filesystem) = (None, None, None);
        if let Some(capabilities) = &mut rest.capabilities {
            capabilities.drop = None;
        }
        rest.capabilities = rest.capabilities.filter(|rest| *rest != Default::default());
    }
    rest != Default::default()
}

/// Limits that nothing holds a process to: all but that of memory.
fn of_limits(container: &Container) -> impl Iterator<Item = String> {
    let limits = container.resources.iter().filter_map(|resources| resources.limits.as_ref());
    let names = limits.flat_map(|limits| limits.keys()).filter(|name| *name != "memory");
    names.map(|name| format!("resources.limits.{name}"))
}

fn of_container(container: &Container, sandboxes: bool) -> Vec<&'static str> {
    let mounts = container.volume_mounts.iter().flatten().any(|mount| !is_service_account_volume(&mount.name));
    let propagation = |mount: &VolumeMount| mount.mount_propagation.as_deref().is_some_and(|mode| mode != "None");
    let propagates = sandboxes && container.volume_mounts.iter().flatten().any(propagation);
    let from_file = |variable: &EnvVar| variable.value_from.as_ref().is_some_and(|from| from.file_key_ref.is_some());
    let fields = [
        (container.env.iter().flatten().any(from_file), "env.valueFrom.fileKeyRef"),
        (!sandboxes && mounts, "volumeMounts"),
        (propagates, "volumeMounts.mountPropagation"),
        (container.volume_devices.as_ref().is_some_and(|devices| !devices.is_empty()), "volumeDevices"),
        (has_effectless_container_context(container, sandboxes), "securityContext"),
        (
            !sandboxes && container.termination_message_path.as_deref().is_some_and(|path| path != TERMINATION_PATH),
            "terminationMessagePath",
        ),
    ];
    fields.into_iter().filter(|(set, _)| *set).map(|(_, field)| field).collect()
}

/// Whether a pod's annotation with the project's prefix means something to a kubelet, of whatever kind its pods are.
pub fn reads_annotation(name: &str) -> bool {
    name == crate::sandbox::NETWORK || crate::runtime::scripted::reads_annotation(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn fields_without_effect_are_named() {
        let spec: PodSpec = serde_json::from_value(json!({
            "volumes": [{"name": "data", "emptyDir": {}}],
            "securityContext": {},
            "initContainers": [{"name": "i", "volumeDevices": [{"name": "data", "devicePath": "/d"}]}],
            "containers": [
                {"name": "a", "command": ["true"], "resources": {"requests": {"cpu": "1"}}},
                {"name": "b", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}, "volumeMounts": [{"name": "data", "mountPath": "/d"}]},
            ],
        }))
        .unwrap();
        let expected = [
            "spec.volumes",
            "spec.initContainers[0].volumeDevices",
            "spec.containers[1].volumeMounts",
            "spec.containers[1].resources.limits.cpu",
        ];
        assert_eq!(unsupported(&spec, false), expected);
    }

    #[test]
    fn a_sandbox_has_volumes_users_and_last_words() {
        let spec = json!({
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "claim", "persistentVolumeClaim": {"claimName": "c"}},
                {"name": "small", "emptyDir": {"sizeLimit": "1Mi"}}],
            "securityContext": {"runAsUser": 1, "fsGroup": 2},
            "hostAliases": [{"ip": "127.0.0.1"}],
            "containers": [{"name": "a", "volumeMounts": [{"name": "data", "mountPath": "/d", "mountPropagation": "Bidirectional"}],
                "terminationMessagePath": "/words", "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {"runAsUser": 1, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        });
        let expected = [
            "spec.volumes[1].persistentVolumeClaim",
            "spec.volumes[2].emptyDir.sizeLimit",
            "spec.securityContext",
            "spec.containers[0].volumeMounts.mountPropagation",
        ];
        let abilities = Abilities { sandboxes: true, groups: false };
        assert_eq!(of_pod(&serde_json::from_value(spec).unwrap(), abilities), expected);
    }

    #[test]
    fn groups_are_roots_to_give_and_nobody_grants_the_host() {
        let spec = json!({
            "securityContext": {"fsGroup": 2, "fsGroupChangePolicy": "Always", "supplementalGroups": [3]},
            "containers": [
                {"name": "a", "securityContext": {"privileged": true}},
                {"name": "b", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
                {"name": "c", "securityContext": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}}},
                {"name": "d", "securityContext": {"allowPrivilegeEscalation": true, "privileged": false}},
            ],
        });
        let expected = [
            "spec.containers[0].securityContext",
            "spec.containers[1].securityContext",
            "spec.containers[2].securityContext",
        ];
        let abilities = Abilities { sandboxes: true, groups: true };
        assert_eq!(of_pod(&serde_json::from_value(spec).unwrap(), abilities), expected);
    }

    #[test]
    fn what_a_local_process_has_anyway_is_not_named() {
        let spec = json!({
            "hostPID": true, "hostNetwork": true, "hostIPC": true, "hostUsers": true, "serviceAccountName": "robot",
            "initContainers": [{"name": "s", "restartPolicy": "Always"}],
            "containers": [{"name": "a", "securityContext": {}}],
        });
        assert_eq!(unsupported(&serde_json::from_value(spec).unwrap(), false), Vec::<String>::new());
    }

    #[test]
    fn names_of_a_pod_are_named() {
        let spec = json!({
            "shareProcessNamespace": true, "hostUsers": false, "subdomain": "s", "setHostnameAsFQDN": true,
            "containers": [{"name": "a"}],
        });
        let expected = ["spec.shareProcessNamespace", "spec.hostUsers", "spec.subdomain", "spec.setHostnameAsFQDN"];
        assert_eq!(unsupported(&serde_json::from_value(spec).unwrap(), false), expected);
    }

    #[test]
    fn probes_hooks_gates_and_restart_rules_are_honoured() {
        let probe = json!({"exec": {"command": ["true"]}});
        let spec = json!({
            "readinessGates": [{"conditionType": "x"}],
            "initContainers": [{"name": "i", "restartPolicy": "Never"}],
            "containers": [{"name": "a", "livenessProbe": probe, "readinessProbe": probe, "startupProbe": probe,
                "lifecycle": {"postStart": probe, "preStop": probe, "stopSignal": "SIGUSR1"}, "restartPolicy": "Never",
                "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]}],
        });
        assert_eq!(unsupported(&serde_json::from_value(spec).unwrap(), false), Vec::<String>::new());
    }

    /// What is named of one field by itself: by a process, and by a sandbox of root's.
    fn named(spec: Value) -> [Vec<String>; 2] {
        let mut spec = spec;
        if spec["containers"].is_null() {
            spec["containers"] = json!([]);
        }
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        [false, true].map(|able| of_pod(&spec, Abilities { sandboxes: able, groups: able }))
    }

    #[test]
    fn each_field_of_a_pod_that_is_not_honoured_is_named() {
        // The last two: by a process, by a sandbox.
        let cases = [
            ("shareProcessNamespace", json!(true), true, true),
            ("hostUsers", json!(false), true, true),
            ("runtimeClassName", json!("gvisor"), true, true),
            ("resources", json!({"limits": {"memory": "1Gi"}}), true, true),
            ("resourceClaims", json!([{"name": "gpu"}]), true, true),
            ("schedulingGroup", json!({}), true, true),
            ("subdomain", json!("s"), true, false),
            ("hostnameOverride", json!("h"), true, false),
            ("setHostnameAsFQDN", json!(true), true, false),
            ("hostAliases", json!([{"ip": "127.0.0.1"}]), true, false),
            ("dnsConfig", json!({}), true, false),
            ("dnsPolicy", json!("None"), true, false),
            ("volumes", json!([{"name": "v", "emptyDir": {}}]), true, false),
        ];
        for (field, value, by_process, by_sandbox) in cases {
            let path = [format!("spec.{field}")];
            let expected = [by_process, by_sandbox].map(|named| path[..usize::from(named)].to_vec());
            assert_eq!(named(json!({ field: value })), expected, "{field}");
        }
    }

    #[test]
    fn each_part_of_a_security_context_that_is_not_honoured_is_named() {
        let both = [
            ("appArmorProfile", json!({"type": "RuntimeDefault"}), true, true),
            ("seccompProfile", json!({"type": "RuntimeDefault"}), true, true),
            ("seLinuxOptions", json!({"level": "s0"}), true, true),
            ("windowsOptions", json!({"runAsUserName": "u"}), true, true),
            ("runAsUser", json!(1), true, false),
            ("runAsGroup", json!(1), true, false),
            ("runAsNonRoot", json!(true), false, false),
        ];
        let of_pods = [
            ("supplementalGroupsPolicy", json!("Strict"), true, true),
            ("seLinuxChangePolicy", json!("Recursive"), true, true),
            ("sysctls", json!([{"name": "n", "value": "1"}]), true, true),
            ("fsGroup", json!(1), true, false),
            ("fsGroupChangePolicy", json!("Always"), true, false),
            ("supplementalGroups", json!([1]), true, false),
        ];
        let of_containers = [
            ("privileged", json!(true), true, true),
            ("procMount", json!("Unmasked"), true, true),
            ("capabilities", json!({"add": ["NET_ADMIN"]}), true, true),
            ("capabilities", json!({"drop": ["ALL"]}), true, false),
            ("allowPrivilegeEscalation", json!(false), true, false),
            ("readOnlyRootFilesystem", json!(true), true, false),
        ];
        for (field, value, by_process, by_sandbox) in both.iter().chain(&of_pods) {
            let found = named(json!({"securityContext": { *field: value }})).map(|paths| !paths.is_empty());
            assert_eq!(found, [*by_process, *by_sandbox], "of a pod: {field}");
        }
        for (field, value, by_process, by_sandbox) in both.iter().chain(&of_containers) {
            let container = json!({"name": "c", "securityContext": { *field: value }});
            let found = named(json!({"containers": [container]})).map(|paths| !paths.is_empty());
            assert_eq!(found, [*by_process, *by_sandbox], "of a container: {field} {value}");
        }
    }

    #[test]
    fn each_field_of_a_container_that_is_not_honoured_is_named() {
        let from_file =
            json!([{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "k"}}}]);
        let cases = [
            (json!({"env": from_file}), "env.valueFrom.fileKeyRef", true, true),
            (json!({"volumeDevices": [{"name": "v", "devicePath": "/d"}]}), "volumeDevices", true, true),
            (json!({"resources": {"limits": {"cpu": "1"}}}), "resources.limits.cpu", true, true),
            (
                json!({"resources": {"limits": {"ephemeral-storage": "1Gi"}}}),
                "resources.limits.ephemeral-storage",
                true,
                true,
            ),
            (json!({"resources": {"limits": {"memory": "1Gi"}}}), "", false, false),
            (json!({"terminationMessagePath": "/words"}), "terminationMessagePath", true, false),
            (json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}), "volumeMounts", true, false),
        ];
        for (container, field, by_process, by_sandbox) in cases {
            let mut container = container;
            container["name"] = "c".into();
            let path = [format!("spec.containers[0].{field}")];
            let expected = [by_process, by_sandbox].map(|named| path[..usize::from(named)].to_vec());
            assert_eq!(named(json!({"containers": [container]})), expected, "{field}");
        }
    }

    #[test]
    fn the_pi_job_has_none() {
        let spec = json!({
            "containers": [{"name": "pi", "image": "perl:5.34.0", "command": ["perl", "-Mbignum=bpi", "-wle", "print bpi(2000)"],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {}}],
            "restartPolicy": "Never", "securityContext": {}, "dnsPolicy": "ClusterFirst",
        });
        assert_eq!(unsupported(&serde_json::from_value(spec).unwrap(), false), Vec::<String>::new());
    }
}
