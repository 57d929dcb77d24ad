//! Bodies recorded from a real kubectl (1.32, `testdata/protobuf`), messages made by hand, and bytes at random.

use super::*;
use crate::schema;
use base64::Engine as _;
use proptest::prelude::*;
use serde_json::json;
use table::{Card, Form};

/// What kubectl 1.32 sent for `create KIND`, and what its `--dry-run=client -o json` prints for the same command.
macro_rules! recorded {
    ($($kind:literal)*) => {
        [$((
            $kind,
            include_bytes!(concat!("../../testdata/protobuf/", $kind, ".pb")).as_slice(),
            include_str!(concat!("../../testdata/protobuf/", $kind, ".json")),
        )),*]
    };
}

fn bodies() -> Vec<(&'static str, &'static [u8], &'static str)> {
    recorded!("job" "configmap" "secret" "namespace" "serviceaccount" "cronjob" "resourcequota" "deployment" "service"
        "tokenrequest" "selfsubjectreview" "selfsubjectaccessreview")
    .to_vec()
}

/// Zero scalars and empty texts that Go prints for want of `omitempty` carry no meaning.
fn without_zeros(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !matches!(value, Value::String(text) if text.is_empty()) && **value != json!(false))
            .map(|(name, value)| (name.clone(), without_zeros(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_zeros).collect(),
        other => other.clone(),
    }
}

#[test]
fn what_kubectl_sends_decodes_to_what_it_prints_as_json() {
    for (kind, body, expected) in bodies() {
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(without_zeros(&decode(body).unwrap()), without_zeros(&expected), "{kind}");
    }
}

/// Writes messages by hand.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn varint(mut self, number: u32, value: u64) -> Self {
        self.raw_varint(u64::from(number) << 3);
        self.raw_varint(value);
        self
    }

    fn bytes(mut self, number: u32, value: impl AsRef<[u8]>) -> Self {
        self.raw_varint(u64::from(number) << 3 | 2);
        self.raw_varint(value.as_ref().len() as u64);
        self.0.extend(value.as_ref());
        self
    }

    fn message(self, number: u32, message: Writer) -> Self {
        self.bytes(number, message.0)
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn body(self, api_version: &str, kind: &str) -> Vec<u8> {
        let type_meta = Writer::default().bytes(1, api_version).bytes(2, kind);
        let unknown = Writer::default().message(1, type_meta).bytes(2, self.0);
        [PREFIX.as_slice(), &unknown.0].concat()
    }
}

fn new() -> Writer {
    Writer::default()
}

#[test]
fn times_quantities_and_raw_json_have_forms_of_their_own() {
    let time = || new().varint(1, 1_700_000_000).varint(2, 123_456_789);
    let managed = new().bytes(1, "kubectl").message(7, new().bytes(1, r#"{"f:spec":{}}"#));
    let owner = new().bytes(1, "Job").varint(6, 0).varint(7, 1);
    let meta = new()
        .bytes(1, "x")
        .varint(7, 0)
        .message(8, time())
        .message(9, new())
        .varint(10, 0)
        .message(11, new().bytes(1, "a").bytes(2, "b"))
        .message(11, new().bytes(1, "empty"))
        .message(13, owner)
        .message(17, managed);
    let event = new().message(1, meta).message(10, time()).body("v1", "Event");
    let expected = json!({"apiVersion": "v1", "kind": "Event", "eventTime": "2023-11-14T22:13:20.123456Z", "metadata": {
        "name": "x", "creationTimestamp": "2023-11-14T22:13:20Z", "deletionGracePeriodSeconds": 0,
        "labels": {"a": "b", "empty": ""},
        "ownerReferences": [{"kind": "Job", "controller": false, "blockOwnerDeletion": true}],
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]}});
    assert_eq!(decode(&event).unwrap(), expected);
}

#[test]
fn inline_messages_stand_in_their_parent_and_pointers_keep_their_zeros() {
    let port = |number: u64| new().varint(1, 0).varint(2, number);
    let probe = new().message(1, new().message(2, new().bytes(1, "/").message(2, port(8080)))).varint(2, 0);
    let named = new().message(1, new().message(3, new().message(1, new().varint(1, 1).bytes(3, "http"))));
    let limits = new().message(1, new().bytes(1, "cpu").message(2, new().bytes(1, "500m")));
    let container = new()
        .bytes(1, "main")
        .bytes(3, "true")
        .message(8, limits)
        .message(10, probe)
        .message(11, named)
        .varint(9999, 7);
    let volume = new().bytes(1, "v").message(2, new().message(2, new().bytes(1, "")));
    let security = new().varint(4, 1).varint(4, 2).bytes(4, [3, 4]);
    let pod = new()
        .message(1, volume)
        .message(2, container)
        .varint(4, 0)
        .varint(11, 0)
        .message(14, security)
        .varint(21, 0)
        .varint(25, (-5_i64) as u64);
    let decoded = decode(&new().message(2, pod).body("v1", "Pod")).unwrap();
    let expected = json!({
        "containers": [{"name": "main", "command": ["true"], "resources": {"limits": {"cpu": "500m"}},
            "livenessProbe": {"httpGet": {"path": "/", "port": 8080}},
            "readinessProbe": {"tcpSocket": {"port": "http"}}}],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"supplementalGroups": [1, 2, 3, 4]},
        "automountServiceAccountToken": false,
        "priority": -5,
    });
    assert_eq!(decoded["spec"], expected);
}

#[test]
fn delete_options_are_known_in_every_group() {
    let options = new().varint(1, 0).message(2, new().bytes(1, "u-1")).bytes(4, "Foreground").bytes(5, "All");
    let decoded = decode(&options.body("batch/v1", "DeleteOptions")).unwrap();
    let expected = json!({"apiVersion": "batch/v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u-1"}, "propagationPolicy": "Foreground", "dryRun": ["All"]});
    assert_eq!(decoded, expected);
}

#[test]
fn malformed_bodies_are_errors() {
    assert_eq!(decode(b"{}"), Err(ProtobufError::Prefix));
    assert_eq!(decode(b"k8s\0\x12\xff"), Err(ProtobufError::Truncated));
    assert_eq!(decode(b"k8s\0\x0b"), Err(ProtobufError::WireType(3)));
    assert_eq!(decode(&[&PREFIX[..], &[0x80; 11]].concat()), Err(ProtobufError::Overflow));
    assert!(matches!(decode(&new().body("v1", "")), Err(ProtobufError::MissingKind(_))));
    let unknown = decode(&new().body("v1", "Nothing")).unwrap_err();
    assert_eq!(unknown.to_string(), r#"no kind "Nothing" is registered for version "v1""#);
    let wrong = decode(&new().varint(1, 1).body("v1", "Pod")).unwrap_err();
    assert_eq!(wrong.to_string(), "proto: wrong wireType = 0 for field metadata");
}

#[test]
fn every_property_of_every_served_type_has_a_number() {
    let table = table::messages();
    for st in schema::structs() {
        let id = table.find(short_name(&st.name)).unwrap_or_else(|| panic!("no message for {}", st.name));
        let known = json_fields(id);
        for field in &st.fields {
            let of_envelope = matches!(&*field.name, "apiVersion" | "kind");
            let form = known.iter().find(|(name, ..)| *name == &*field.name);
            assert!(of_envelope || form.is_some(), "{} has no number for {}", st.name, field.name);
            if let Some((_, card, form)) = form {
                assert!(fits(&field.ty, *card, *form), "{}.{}: {card:?} {form:?}", st.name, field.name);
            }
        }
        for (name, ..) in known {
            assert!(st.field(name).is_some(), "{} has no property {name}", st.name);
        }
    }
}

fn short_name(definition: &str) -> &str {
    let stripped = definition.strip_prefix("io.k8s.api.");
    stripped.or_else(|| definition.strip_prefix("io.k8s.apimachinery.pkg.apis.")).unwrap_or(definition)
}

fn json_fields(id: usize) -> Vec<(&'static str, Card, Form)> {
    let mut all = Vec::new();
    for field in &table::messages().get(id).fields {
        match (field.name, field.form) {
            (Some(name), form) => all.push((name, field.card, form)),
            (None, Form::Message(inner)) => all.extend(json_fields(inner)),
            (None, form) => panic!("{form:?} cannot be inline"),
        }
    }
    all
}

fn fits(ty: &schema::Type, card: Card, form: Form) -> bool {
    use schema::Type;
    match (card, ty) {
        (Card::Repeated, Type::List(item)) => fits(item, Card::Plain, form),
        (Card::Map, Type::Map(value)) => fits(value, Card::Plain, form),
        (Card::Plain | Card::Pointer, _) => matches!(
            (ty, form),
            (Type::String, Form::String)
                | (Type::Int32, Form::Int32)
                | (Type::Int64, Form::Int64)
                | (Type::Bool, Form::Bool)
                | (Type::Number, Form::Double)
                | (Type::Bytes, Form::Bytes)
                | (Type::Quantity, Form::Quantity)
                | (Type::IntOrString, Form::IntOrString)
                | (Type::Time, Form::Time)
                | (Type::MicroTime, Form::MicroTime)
                | (Type::Any, Form::RawExtension | Form::FieldsV1)
                | (Type::List(_), Form::ExtraValue)
                | (Type::Struct(_), Form::Message(_))
        ),
        _ => false,
    }
}

#[test]
fn secret_bytes_become_base64() {
    let entry = new().bytes(1, "k").bytes(2, [0, 255, 7]);
    let decoded = decode(&new().message(2, entry).body("v1", "Secret")).unwrap();
    let expected = base64::engine::general_purpose::STANDARD.encode([0, 255, 7]);
    assert_eq!(decoded["data"], json!({"k": expected}));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        for kind in ["Pod", "Event", "Node"] {
            let _ = decode(&Writer(raw.clone()).body("v1", kind));
        }
        let _ = decode(&[PREFIX.as_slice(), &raw].concat());
    }

    #[test]
    fn a_recorded_body_with_a_changed_byte_never_panics(which in 0_usize..12, at in any::<prop::sample::Index>(), byte: u8) {
        let mut body = bodies()[which].1.to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = decode(&body);
    }
}
