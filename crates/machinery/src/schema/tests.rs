//! What the compiled schema must know.

use super::*;

fn job() -> Kind {
    Kind::known("batch", "v1", "Job")
}

#[test]
fn every_served_kind_has_a_struct() {
    for served in served() {
        assert_eq!(&*of_kind(&served.kind).unwrap().name, served.definition);
    }
    assert!(of_kind(&Kind::known("batch", "v2", "Job")).is_none());
    assert!(of_kind(&Kind::known("batch", "v1", "DeleteOptions")).is_some());
}

#[test]
fn fields_have_upstreams_types() {
    let spec = "io.k8s.api.batch.v1.JobSpec";
    assert_eq!(field(spec, "completions").unwrap().ty, Type::Int32);
    assert_eq!(field(spec, "activeDeadlineSeconds").unwrap().ty, Type::Int64);
    assert_eq!(field(spec, "suspend").unwrap().ty, Type::Bool);
    assert!(field(spec, "Completions").is_none());
    let secret = field("io.k8s.api.core.v1.Secret", "data").unwrap();
    assert_eq!(secret.ty, Type::Map(Box::new(Type::Bytes)));
    let limits = field("io.k8s.api.core.v1.ResourceRequirements", "limits").unwrap();
    assert_eq!(limits.ty, Type::Map(Box::new(Type::Quantity)));
    let port = field("io.k8s.api.core.v1.HTTPGetAction", "port").unwrap();
    assert_eq!(port.ty, Type::IntOrString);
    assert_eq!(field("io.k8s.api.core.v1.Event", "eventTime").unwrap().ty, Type::MicroTime);
    assert_eq!(field("io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry", "fieldsV1").unwrap().ty, Type::Any);
}

#[test]
fn go_types_read_as_reflect_prints_them() {
    let pod = "io.k8s.api.core.v1.PodSpec";
    assert_eq!(field(pod, "containers").unwrap().go_type(), "[]v1.Container");
    assert_eq!(field(pod, "restartPolicy").unwrap().go_type(), "v1.RestartPolicy");
    assert_eq!(field(pod, "nodeSelector").unwrap().go_type(), "map[string]string");
    assert_eq!(field("io.k8s.api.core.v1.Secret", "data").unwrap().go_type(), "map[string][]uint8");
    assert_eq!(field("io.k8s.api.core.v1.ResourceRequirements", "limits").unwrap().go_type(), "v1.ResourceList");
}

#[test]
fn lists_merge_as_upstream_marks_them() {
    let merge = |path: &str| field_at(&job(), path.split('.')).unwrap().merge.clone();
    let key = |name: &str| Some(MergeKey::Field(name.into()));
    assert_eq!(merge("spec.template.spec.containers"), key("name"));
    assert_eq!(merge("spec.template.spec.containers.env"), key("name"));
    assert_eq!(merge("spec.template.spec.containers.ports"), key("containerPort"));
    assert_eq!(merge("spec.template.spec.containers.volumeMounts"), key("mountPath"));
    assert_eq!(merge("spec.template.spec.ephemeralContainers.env"), key("name"));
    assert_eq!(merge("spec.template.spec.tolerations"), None);
    assert_eq!(merge("metadata.finalizers"), Some(MergeKey::Primitive));
    assert_eq!(merge("metadata.ownerReferences"), key("uid"));
    assert_eq!(merge("status.conditions"), key("type"));
    let volumes = field_at(&job(), ["spec", "template", "spec", "volumes"]).unwrap();
    assert!(volumes.retain_keys);
    assert_eq!(volumes.patch_strategy.as_deref(), Some("merge,retainKeys"));
    let ports = field_at(&job(), "spec.template.spec.containers.ports".split('.')).unwrap();
    assert_eq!(ports.list, Some(ListType::Map(vec!["containerPort".into(), "protocol".into()])));
    let uncounted = field_at(&job(), ["status", "uncountedTerminatedPods", "succeeded"]).unwrap();
    assert_eq!(uncounted.list, Some(ListType::Set));
    assert!(named("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector").unwrap().atomic);
}

#[test]
fn every_marker_of_a_served_type_names_a_field() {
    let table = markers::table();
    for st in structs() {
        let Some(of_type) = table.get(markers::short_name(&st.name)) else { continue };
        for name in of_type.fields.keys() {
            assert!(st.field(name).is_some(), "{} has no field {name}", st.name);
        }
    }
}

#[test]
fn every_implicit_value_of_a_served_type_names_a_field() {
    let table = markers::implicit();
    for st in structs() {
        for (name, _) in table.get(markers::short_name(&st.name)).into_iter().flatten() {
            assert!(st.field(name).is_some(), "{} has no field {name}", st.name);
        }
    }
    let ports = named("io.k8s.api.core.v1.ContainerPort").unwrap();
    assert_eq!(ports.implicit_fields().map(|field| &*field.name).collect::<Vec<_>>(), ["containerPort", "protocol"]);
}

#[test]
fn every_merging_list_of_structs_has_a_key_field_that_exists() {
    for field in structs().iter().flat_map(|st| &st.fields) {
        let Some(items) = field.ty.element_struct() else { continue };
        if let Some(MergeKey::Field(key)) = &field.merge {
            assert!(items.field(key).is_some(), "{} has no {key}", items.name);
        }
        if let Some(ListType::Map(keys)) = &field.list {
            assert!(keys.iter().all(|key| items.field(key).is_some()), "{}: {keys:?}", items.name);
        }
    }
}
