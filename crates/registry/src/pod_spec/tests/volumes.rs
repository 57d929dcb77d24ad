//! Volumes of every kind, and their mounts.

use serde_json::{Value, json};

use super::{C, check};

const V: &str = "spec.volumes[0]";

#[track_caller]
fn check_source(source: Value, expected: &[&str]) {
    let mut volume = source;
    volume["name"] = "v".into();
    let expected: Vec<String> = expected.iter().map(|error| format!("{V}{error}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(json!({"volumes": [volume]}), &expected);
}

#[test]
fn sources_have_what_they_need() {
    for (source, missing) in [
        (json!({"gitRepo": {}}), vec![".gitRepo.repository"]),
        (json!({"gcePersistentDisk": {}}), vec![".persistentDisk.pdName"]),
        (json!({"awsElasticBlockStore": {}}), vec![".awsElasticBlockStore.volumeID"]),
        (json!({"glusterfs": {}}), vec![".glusterfs.endpoints", ".glusterfs.path"]),
        (json!({"persistentVolumeClaim": {}}), vec![".persistentVolumeClaim.claimName"]),
        (json!({"rbd": {}}), vec![".rbd.monitors", ".rbd.image"]),
        (json!({"cephfs": {}}), vec![".cephfs.monitors"]),
        (json!({"cinder": {"secretRef": {}}}), vec![".cinder.volumeID", ".cinder.secretRef.name"]),
        (json!({"flexVolume": {}}), vec![".flexVolume.driver"]),
        (json!({"azureFile": {}}), vec![".azureFile.secretName", ".azureFile.shareName"]),
        (json!({"azureDisk": {"diskURI": "https://d"}}), vec![".azureDisk.diskName"]),
        (json!({"vsphereVolume": {}}), vec![".vsphereVolume.volumePath"]),
        (json!({"photonPersistentDisk": {}}), vec![".photonPersistentDisk.pdID"]),
        (json!({"portworxVolume": {}}), vec![".portworxVolume.volumeID"]),
        (json!({"scaleIO": {}}), vec![".scaleIO.gateway", ".scaleIO.system", ".scaleIO.volumeName"]),
        (json!({"storageos": {}}), vec![".storageos.volumeName"]),
        (json!({"csi": {}}), vec![".csi.driver"]),
        (json!({"image": {}}), vec![".image.reference"]),
        (json!({"ephemeral": {}}), vec![".ephemeral.volumeClaimTemplate"]),
        (json!({"secret": {}}), vec![".secret.secretName"]),
        (json!({"configMap": {}}), vec![".configMap.name"]),
        (json!({"hostPath": {"path": ""}}), vec![".hostPath.path"]),
    ] {
        let expected: Vec<String> = missing.iter().map(|path| format!("{path}: Required value")).collect();
        check_source(source, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn remote_sources_keep_their_own_rules() {
    check_source(
        json!({"nfs": {"server": "s", "path": "p"}}),
        &[".nfs.path: Invalid value: \"p\": must be an absolute path"],
    );
    check_source(
        json!({"awsElasticBlockStore": {"volumeID": "v", "partition": 256}}),
        &[".awsElasticBlockStore.partition: Invalid value: 256: must be between 1 and 255, inclusive"],
    );
    check_source(
        json!({"fc": {"targetWWNs": ["a"]}}),
        &[".fc.lun: Required value: lun is required if targetWWNs is specified"],
    );
    check_source(
        json!({"flocker": {"datasetName": "a/b"}}),
        &[".flocker.datasetName: Invalid value: \"a/b\": must not contain '/'"],
    );
    check_source(
        json!({"quobyte": {"registry": "x", "volume": "v"}}),
        &[".quobyte.registry: Invalid value: \"x\": must be a host:port pair or multiple pairs separated by commas"],
    );
    check_source(
        json!({"flexVolume": {"driver": "d", "options": {"kubernetes.io/x": "y"}}}),
        &[
            ".flexVolume.options[kubernetes.io/x]: Invalid value: \"kubernetes.io/x\": kubernetes.io and k8s.io namespaces are reserved",
        ],
    );
    check_source(
        json!({"azureDisk": {"diskName": "d", "diskURI": "x", "kind": "Managed"}}),
        &[
            ".azureDisk.diskURI: Unsupported value: \"x\": supported values: \"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}\"",
        ],
    );
    let iscsi = |iqn: &str| json!({"iscsi": {"targetPortal": "p", "iqn": iqn, "lun": 0}});
    check_source(iscsi("iqn.2001-04.com.example:storage"), &[]);
    check_source(iscsi("eui.0123456789ABCDEF"), &[]);
    check_source(iscsi("iqn.x"), &[".iscsi.iqn: Invalid value: \"iqn.x\": must be valid format"]);
    check_source(
        iscsi("x"),
        &[".iscsi.iqn: Invalid value: \"x\": must be valid format starting with iqn, eui, or naa"],
    );
}

#[test]
fn a_volume_has_one_source() {
    check_source(
        json!({"emptyDir": {}, "hostPath": {"path": "/"}}),
        &[".hostPath: Forbidden: may not specify more than 1 volume type"],
    );
    check_source(
        json!({"secret": {"secretName": "s"}, "downwardAPI": {}}),
        &[".downwarAPI: Forbidden: may not specify more than 1 volume type"],
    );
}

#[test]
fn projections_do_not_collide() {
    let projected = |sources: Value| json!({"projected": {"sources": sources}});
    let item = json!([{"key": "k", "path": "p"}]);
    check_source(
        projected(json!([{"secret": {"name": "s", "items": item}}, {"configMap": {"name": "c", "items": item}}])),
        &[".projected: Invalid value: \"c\": conflicting duplicate paths"],
    );
    check_source(
        projected(json!([{"secret": {"name": "s"}, "configMap": {"name": "c"}}])),
        &[".projected.sources[0]: Forbidden: may not specify more than 1 volume type per source"],
    );
    check_source(
        projected(json!([{"clusterTrustBundle": {"path": "p"}}])),
        &[".projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be specified"],
    );
    check_source(
        projected(json!([{"clusterTrustBundle": {"path": "p", "signerName": "x"}}])),
        &[
            ".projected.sources[0].clusterTrustBundle.signerName: Invalid value: \"x\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
        ],
    );
    check_source(
        projected(
            json!([{"podCertificate": {"signerName": "a.io/b", "keyType": "ED25519", "maxExpirationSeconds": 1}}]),
        ),
        &[
            ".projected.sources[0].podCertificate.maxExpirationSeconds: Invalid value: 1: if provided, maxExpirationSeconds must be >= 3600",
            ".projected.sources[0].podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath",
        ],
    );
    let token = |seconds: i64, path: &str| {
        let volume = json!({"name": "v", "projected": {"sources": [
            {"serviceAccountToken": {"path": path, "expirationSeconds": seconds}}
        ]}});
        json!({"serviceAccountName": "a", "volumes": [volume]})
    };
    check(token(600, "t"), &[]);
    check(
        token(599, "../t"),
        &[
            "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
            "spec.volumes[0].projected.path: Invalid value: \"../t\": must not contain '..'",
        ],
    );
}

#[test]
fn an_ephemeral_volume_makes_a_valid_claim() {
    let claim = |spec: Value| json!({"ephemeral": {"volumeClaimTemplate": {"spec": spec}}});
    let path = ".ephemeral.volumeClaimTemplate.spec";
    let size = json!({"requests": {"storage": "1Gi"}});
    check_source(claim(json!({"accessModes": ["ReadWriteOnce"], "resources": size})), &[]);
    check_source(
        claim(json!({})),
        &[
            &format!("{path}.accessModes: Required value: at least 1 access mode is required"),
            &format!("{path}.resources[storage]: Required value"),
        ],
    );
    check_source(
        claim(json!({"accessModes": ["ReadWriteOnce", "ReadWriteOncePod"], "resources": size})),
        &[&format!("{path}.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes")],
    );
    let template = json!({"metadata": {"name": "x"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": size}});
    check_source(
        json!({"ephemeral": {"volumeClaimTemplate": template}}),
        &[".ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set"],
    );
    let volumes = json!([
        {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": size}}}},
        {"name": "w", "persistentVolumeClaim": {"claimName": "one-v"}},
    ]);
    check(
        json!({ "volumes": volumes }),
        &[
            "spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: \"one-v\": must not reference a PVC that gets created for an ephemeral volume",
        ],
    );
}

#[test]
fn devices_and_mounts_do_not_overlap() {
    let pod = |mounts: Value, devices: Value| {
        let container = json!({"name": "main", "image": "i", "volumeMounts": mounts, "volumeDevices": devices});
        let volumes = json!([
            {"name": "e", "emptyDir": {}}, {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
        ]);
        json!({"containers": [container], "volumes": volumes})
    };
    check(pod(json!([{"name": "e", "mountPath": "/e"}]), json!([{"name": "c", "devicePath": "/dev/c"}])), &[]);
    check(
        pod(json!([]), json!([{"name": "e", "devicePath": "/e"}, {"name": "x", "devicePath": "/../x"}])),
        &[
            &format!(
                "{C}.volumeDevices[0].name: Invalid value: \"e\": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            ),
            &format!("{C}.volumeDevices[1].name: Not found: \"x\""),
            &format!("{C}.volumeDevices[1].devicePath: Invalid value: \"/../x\": can not contain backsteps ('..')"),
        ],
    );
    check(
        pod(json!([{"name": "c", "mountPath": "/c"}]), json!([{"name": "c", "devicePath": "/c"}])),
        &[
            &format!("{C}.volumeMounts[0].name: Invalid value: \"c\": must not already exist in volumeDevices"),
            &format!(
                "{C}.volumeMounts[0].mountPath: Invalid value: \"/c\": must not already exist as a path in volumeDevices"
            ),
            &format!("{C}.volumeDevices[0].name: Invalid value: \"c\": must not already exist in volumeMounts"),
            &format!(
                "{C}.volumeDevices[0].devicePath: Invalid value: \"/c\": must not already exist as a path in volumeMounts"
            ),
        ],
    );
    check(
        pod(json!([{"name": "e", "mountPath": "/e", "recursiveReadOnly": "Enabled"}]), json!([])),
        &[&format!("{C}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true")],
    );
}

#[test]
fn a_file_reference_needs_an_empty_directory() {
    let pod = |volume: &str| {
        let reference = json!({"volumeName": volume, "key": "K", "path": "f"});
        let variable = json!({"name": "A", "valueFrom": {"fileKeyRef": reference}});
        let volumes = json!([{"name": "e", "emptyDir": {}}, {"name": "h", "hostPath": {"path": "/"}}]);
        json!({"containers": [{"name": "main", "image": "i", "env": [variable]}], "volumes": volumes})
    };
    let path = format!("{C}.env[0].valueFrom.fileKeyRef.volumeName");
    check(pod("e"), &[]);
    check(pod("h"), &[&format!("{path}: Invalid value: \"h\": referenced volume must be of type emptyDir")]);
    check(pod("x"), &[&format!("{path}: Not found: \"x\"")]);
}

#[test]
fn remote_sources_have_defaults() {
    let volumes = json!([
        {"name": "a", "iscsi": {"targetPortal": "p", "iqn": "i", "lun": 0}},
        {"name": "b", "rbd": {"monitors": ["m"], "image": "i", "user": "u"}},
        {"name": "c", "azureDisk": {"diskName": "d", "diskURI": "u", "fsType": ""}},
        {"name": "d", "scaleIO": {"gateway": "g"}},
        {"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1024Mi"}}}}}},
    ]);
    let pod = crate::fixtures::with(crate::fixtures::pod(), &json!({"spec": {"volumes": volumes}}));
    let pod = crate::fixtures::created(&crate::pod::PodStrategy, pod);
    let volumes = &pod["spec"]["volumes"];
    assert_eq!(volumes[0]["iscsi"]["iscsiInterface"], "default");
    let rbd = json!({"monitors": ["m"], "image": "i", "user": "u", "pool": "rbd", "keyring": "/etc/ceph/keyring"});
    assert_eq!(volumes[1]["rbd"], rbd);
    let disk = json!({"diskName": "d", "diskURI": "u", "fsType": "", "cachingMode": "ReadWrite", "kind": "Shared", "readOnly": false});
    assert_eq!(volumes[2]["azureDisk"], disk);
    assert_eq!(volumes[3]["scaleIO"], json!({"gateway": "g", "storageMode": "ThinProvisioned", "fsType": "xfs"}));
    let claim = json!({"resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem"});
    assert_eq!(volumes[4]["ephemeral"]["volumeClaimTemplate"]["spec"], claim);
}
