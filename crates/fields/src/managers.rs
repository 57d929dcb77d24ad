//! `metadata.managedFields`: who manages which fields, through which operation, since when
//! (`apimachinery/pkg/util/managedfields/internal/managedfields.go`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::Value;

use crate::set::Set;

/// How a manager came by its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Create, update and all other patches.
    Update,
}

impl Operation {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells one manager from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name, such as `kubectl`.
    pub name: Arc<str>,
    /// The operation.
    pub operation: Operation,
    /// The version of the API that the fields are written in. Appliers are the same whatever it is.
    pub api_version: Arc<str>,
    /// The subresource that it writes through, or nothing.
    pub subresource: Arc<str>,
}

impl Identity {
    /// Whether both are one manager.
    pub fn is(&self, other: &Self) -> bool {
        self.operation == other.operation
            && self.name == other.name
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// Upstream's identifier, which conflicts are ordered by.
    pub fn key(&self) -> String {
        let mut text = String::from("{");
        let mut member = |name: &str, value: &str| {
            if !value.is_empty() {
                let comma = if text.len() > 1 { "," } else { "" };
                let _ = write!(text, "{comma}\"{name}\":{}", Value::from(value));
            }
        };
        member("manager", &self.name);
        member("operation", self.operation.as_str());
        member("apiVersion", if self.operation == Operation::Apply { "" } else { &self.api_version });
        member("subresource", &self.subresource);
        text.push('}');
        text
    }
}

/// One manager and its fields.
#[derive(Debug)]
pub struct Manager {
    /// Who it is.
    pub identity: Identity,
    /// When it last changed something, in whole seconds on the wire.
    pub time: Option<Timestamp>,
    /// The fields it manages.
    pub set: Arc<Set>,
    /// The entry as it goes over the wire, made when it is first asked for.
    json: OnceLock<Box<str>>,
}

impl Manager {
    /// A manager.
    pub fn new(identity: Identity, time: Option<Timestamp>, set: Arc<Set>) -> Self {
        Self { identity, time, set, json: OnceLock::new() }
    }

    fn seconds(&self) -> i64 {
        self.time.map_or(0, Timestamp::as_second)
    }

    /// The order of upstream's `sortEncodedManagedFields`.
    fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.identity, &other.identity);
        a.operation
            .cmp(&b.operation)
            .then_with(|| self.seconds().cmp(&other.seconds()))
            .then_with(|| a.name.cmp(&b.name))
            .then_with(|| a.api_version.cmp(&b.api_version))
            .then_with(|| a.subresource.cmp(&b.subresource))
    }

    /// Whether all but the times agree.
    fn same_but_for_time(&self, other: &Self) -> bool {
        self.identity == other.identity && (Arc::ptr_eq(&self.set, &other.set) || self.set == other.set)
    }

    fn json(&self) -> &str {
        self.json.get_or_init(|| {
            let Identity { name, operation, api_version, subresource } = &self.identity;
            let mut out = String::from("{");
            if !name.is_empty() {
                let _ = write!(out, "\"manager\":{},", Value::from(&**name));
            }
            let _ =
                write!(out, "\"operation\":\"{}\",\"apiVersion\":{}", operation.as_str(), Value::from(&**api_version));
            if let Some(time) = self.time {
                let _ = write!(out, ",\"time\":\"{}\"", time.strftime("%Y-%m-%dT%H:%M:%SZ"));
            }
            out.push_str(",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":");
            out.push_str(&self.set.to_json());
            if !subresource.is_empty() {
                let _ = write!(out, ",\"subresource\":{}", Value::from(&**subresource));
            }
            out.push('}');
            out.into()
        })
    }
}

impl FromIterator<Arc<Manager>> for Managers {
    /// Takes managers that are in order.
    fn from_iter<T: IntoIterator<Item = Arc<Manager>>>(managers: T) -> Self {
        Self(managers.into_iter().collect())
    }
}

/// All managers of one object, in the order of the wire.
#[derive(Clone, Debug, Default)]
pub struct Managers(Vec<Arc<Manager>>);

impl Managers {
    /// Puts managers in order.
    pub fn new(mut managers: Vec<Arc<Manager>>) -> Self {
        managers.sort_by(|a, b| a.order(b));
        Self(managers)
    }

    /// The managers, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Manager>> {
        self.0.iter()
    }

    /// Whether nobody manages anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing but times tells the two apart.
    pub fn same_but_for_times(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(a, b)| Arc::ptr_eq(a, b) || a.same_but_for_time(b))
    }

    /// How long [`Managers::write_json`] is.
    pub fn json_len(&self) -> usize {
        let entries: usize = self.0.iter().map(|manager| manager.json().len()).sum();
        entries + self.0.len().saturating_sub(1) + 2
    }

    /// Writes the JSON list of all entries.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (position, manager) in self.0.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            out.extend_from_slice(manager.json().as_bytes());
        }
        out.push(b']');
    }

    /// The JSON list of all entries.
    pub fn to_value(&self) -> Value {
        let mut text = Vec::with_capacity(self.json_len());
        self.write_json(&mut text);
        serde_json::from_slice(&text).expect("entries are written as JSON")
    }

    /// Reads a list of entries.
    ///
    /// # Errors
    /// Upstream's words for the first entry that is none.
    pub fn from_value(entries: &Value) -> Result<Self, String> {
        let none = Vec::new();
        let mut managers = BTreeMap::new();
        for (position, entry) in entries.as_array().unwrap_or(&none).iter().enumerate() {
            let manager = read(position, entry)?;
            managers.insert(manager.identity.key(), Arc::new(manager));
        }
        Ok(Self::new(managers.into_values().collect()))
    }
}

fn read(position: usize, entry: &Value) -> Result<Manager, String> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    if text("apiVersion").is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match text("fieldsType") {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {position}")),
        other => return Err(format!("invalid fieldsType {other:?} in managed fields entry {position}")),
    }
    let set = Set::from_json(entry.get("fieldsV1").unwrap_or(&Value::Null))
        .map_err(|error| format!("error decoding versioned set: error decoding set: {error}"))?;
    let identity = Identity {
        name: text("manager").into(),
        operation,
        api_version: text("apiVersion").into(),
        subresource: text("subresource").into(),
    };
    Ok(Manager::new(identity, text("time").parse().ok(), Arc::new(set)))
}
