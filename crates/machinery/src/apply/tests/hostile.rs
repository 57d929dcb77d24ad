//! Configurations, objects and managers that no client means: whatever they say, an answer comes.

use proptest::prelude::*;

use super::*;

/// Any JSON, with the names and numbers that the schema of a Pod gives a meaning.
fn anything() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..4_i64).prop_map(|near| Value::from((1 << 53) + near)),
        (0..3_i64).prop_map(|near| Value::from(((1_i64 << 53) + near) as f64)),
        any::<f64>().prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        2 => number,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => "(TCP|a|\\PC{0,3})".prop_map(Value::from),
    ];
    let name = "(name|ports|containerPort|protocol|hostPort|env|value|labels|finalizers|ownerReferences|uid|tolerations\
                |containers|volumes|resources|limits|cpu|[a-c]|)";
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            proptest::collection::btree_map(name, inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn with(metadata: Value, spec: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.insert("name".to_owned(), "p".into());
    }
    object
}

/// Containers with these ports, in the place where their items have keys.
fn with_ports(ports: &[Value]) -> Value {
    let port = |number: &Value| json!({"containerPort": number, "hostPort": number});
    let ports: Vec<Value> = ports.iter().map(port).collect();
    json!({"containers": [{"name": "c", "ports": ports}]})
}

proptest! {
    #[test]
    fn no_configuration_is_too_strange(
        live in (anything(), anything()),
        config in (anything(), anything()),
        entries in anything(),
        fields in anything(),
        force in any::<bool>(),
    ) {
        let entry = json!({"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields});
        let (object, config) = (with(live.0, live.1), with(config.0, config.1));
        for entries in [entries, json!([entry])] {
            let managers = Managers::from_value(&entries).unwrap_or_default();
            let managers = conform(schema::of_kind(&kind()).unwrap(), &managers);
            let mut live = Live { object: object.clone(), managers, seconds: 0 };
            let _ = live.try_apply("one", &config, force);
            let _ = live.try_apply("kubectl", &config, force);
            live.update("two", config.clone());
        }
    }

    #[test]
    fn items_with_any_numbers_for_keys_are_merged(
        live in proptest::collection::vec(0..6_i64, 0..80),
        config in proptest::collection::vec((0..6_i64, any::<bool>()), 0..80),
    ) {
        let near = |near: i64| (1_i64 << 53) + near;
        let live: Vec<Value> = live.into_iter().map(|n| near(n).into()).collect();
        let config: Vec<Value> =
            config.into_iter().map(|(n, float)| if float { (near(n) as f64).into() } else { near(n).into() }).collect();
        let (live, config) = (with(json!({}), with_ports(&live)), with(json!({}), with_ports(&config)));
        let mut both = Live { object: live, managers: Managers::default(), seconds: 0 };
        both.update("two", config.clone());
        let _ = both.try_apply("one", &config, true);
    }
}
