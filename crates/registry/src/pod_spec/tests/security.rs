//! Security contexts.

use serde_json::json;

use super::{C, check, check_container};

#[test]
fn security_contexts_do_not_contradict_themselves() {
    let shown = "{\"Capabilities\":null,\"Privileged\":true,\"SELinuxOptions\":null,\"WindowsOptions\":null,\
                 \"RunAsUser\":null,\"RunAsGroup\":null,\"RunAsNonRoot\":null,\"ReadOnlyRootFilesystem\":null,\
                 \"AllowPrivilegeEscalation\":false,\"ProcMount\":null,\"SeccompProfile\":null,\"AppArmorProfile\":null}";
    let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
    check_container(
        json!({"securityContext": {"allowPrivilegeEscalation": false, "privileged": true}}),
        &[&format!("{C}.securityContext: Invalid value: {shown}: {detail}")],
    );
}

#[test]
fn profiles_are_complete() {
    let path = "spec.securityContext.seccompProfile";
    let seccomp = |profile| json!({"securityContext": {"seccompProfile": profile}});
    check(
        seccomp(json!({"type": "Localhost"})),
        &[&format!("{path}.localhostProfile: Required value: must be set when seccomp type is Localhost")],
    );
    check(
        seccomp(json!({"type": "Localhost", "localhostProfile": "../x"})),
        &[&format!("{path}.localhostProfile: Invalid value: \"../x\": must not contain '..'")],
    );
    let shown = "{\"Type\":\"Unconfined\",\"LocalhostProfile\":\"x\"}";
    check(
        seccomp(json!({"type": "Unconfined", "localhostProfile": "x"})),
        &[&format!("{path}.localhostProfile: Invalid value: {shown}: can only be set when seccomp type is Localhost")],
    );
    let path = "spec.securityContext.appArmorProfile";
    let armor = |profile| json!({"securityContext": {"appArmorProfile": profile}});
    check(armor(json!({})), &[&format!("{path}.type: Required value: type is required when appArmorProfile is set")]);
    check(
        armor(json!({"type": "Localhost", "localhostProfile": " x"})),
        &[&format!("{path}.localhostProfile: Invalid value: \" x\": must not be padded with whitespace")],
    );
    check(
        armor(json!({"type": "RuntimeDefault", "localhostProfile": "x"})),
        &[&format!("{path}.localhostProfile: Invalid value: \"x\": can only be set when AppArmor type is Localhost")],
    );
    let known = "\"Localhost\", \"RuntimeDefault\", \"Unconfined\"";
    check(armor(json!({"type": "X"})), &[&format!("{path}.type: Unsupported value: \"X\": supported values: {known}")]);
}

#[test]
fn sysctls_have_names_and_stay_in_their_namespaces() {
    let path = "spec.securityContext.sysctls";
    let sysctls = |names: &[&str]| {
        let list: Vec<_> = names.iter().map(|name| json!({"name": name, "value": "1"})).collect();
        json!({"securityContext": {"sysctls": list}})
    };
    check(sysctls(&["kernel.shmmax", "net/ipv4/ip_forward"]), &[]);
    check(sysctls(&[""]), &[&format!("{path}[0].name: Required value")]);
    check(sysctls(&["a.b", "a.b"]), &[&format!("{path}[1].name: Duplicate value: \"a.b\"")]);
    let rule = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
    check(sysctls(&["A.b"]), &[&format!("{path}[0].name: Invalid value: \"A.b\": {rule}")]);
    let mut on_host = sysctls(&["net.core.somaxconn", "fs.mqueue.x"]);
    on_host["hostNetwork"] = true.into();
    on_host["hostIPC"] = true.into();
    check(
        on_host,
        &[
            &format!(
                "{path}[0].name: Invalid value: \"net.core.somaxconn\": may not be specified when 'hostNetwork' is true"
            ),
            &format!("{path}[1].name: Invalid value: \"fs.mqueue.x\": may not be specified when 'hostIPC' is true"),
        ],
    );
}

#[test]
fn policies_take_known_values() {
    for (name, known) in [
        ("supplementalGroupsPolicy", "\"Merge\", \"Strict\""),
        ("seLinuxChangePolicy", "\"MountOption\", \"Recursive\""),
        ("fsGroupChangePolicy", "\"Always\", \"OnRootMismatch\""),
    ] {
        check(
            json!({"securityContext": {name: "X"}}),
            &[&format!("spec.securityContext.{name}: Unsupported value: \"X\": supported values: {known}")],
        );
    }
    check_container(
        json!({"securityContext": {"procMount": "Unmasked"}}),
        &[&format!(
            "{C}.securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`"
        )],
    );
    check_container(
        json!({"securityContext": {"procMount": "X"}}),
        &[&format!(
            "{C}.securityContext.procMount: Unsupported value: \"X\": supported values: \"Default\", \"Unmasked\""
        )],
    );
}

#[test]
fn windows_users_have_names_that_windows_takes() {
    let path = "spec.securityContext.windowsOptions.runAsUserName";
    let long = "a".repeat(105);
    for (name, why) in [
        ("", "runAsUserName cannot be an empty string"),
        ("a\tb", "runAsUserName cannot contain control characters"),
        ("a\\b\\c", "runAsUserName cannot contain more than one backslash"),
        ("a*b\\c", "runAsUserName's Domain doesn't match the NetBios nor the DNS format"),
        ("d\\", "runAsUserName's User cannot be empty"),
        (long.as_str(), "runAsUserName's User length must not be longer than 104 characters"),
        ("..", "runAsUserName's User cannot contain only periods or spaces"),
        ("a+b", "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"),
    ] {
        let shown = serde_json::Value::from(name).to_string();
        check(
            json!({"securityContext": {"windowsOptions": {"runAsUserName": name}}}),
            &[&format!("{path}: Invalid value: {shown}: {why}")],
        );
    }
    check(json!({"securityContext": {"windowsOptions": {"runAsUserName": "NT AUTHORITY\\SYSTEM"}}}), &[]);
}
