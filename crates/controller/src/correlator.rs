//! Decides what becomes of an Event before it is sent: a new object, a higher count on an earlier one, or nothing.
//! Pure; the times come from the caller. Follows `k8s.io/client-go/tools/record/events_cache.go`:
//!
//! - An exact repeat raises `count` and `lastTimestamp` of the earlier Event.
//! - From the tenth different message within ten minutes on, events that differ in nothing else are combined into one,
//!   whose message is that of the last with a prefix.
//! - Per source, object and reason, 25 at once, and then one in five minutes, get through.
//!
//! Differs: upstream's last limit is per source and object, so that `Completed` of a big Job falls to the flood of
//! `SuccessfulCreate` before it. Differs: what is remembered is bounded by generations, not by least recent use.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use api::{Meta, Uid};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Most different messages within [`COMBINE_WITHIN`] before events are combined (`defaultAggregateMaxEvents`).
pub const COMBINE_FROM: usize = 10;
/// How long different messages are remembered (`defaultAggregateIntervalInSeconds`).
pub const COMBINE_WITHIN: SignedDuration = SignedDuration::from_secs(600);
/// Events in a row that one object may cause for one reason (`defaultSpamBurst`).
pub const BURST: u32 = 25;
/// Time after which one more may follow (`defaultSpamQPS`).
pub const REFILL_AFTER: SignedDuration = SignedDuration::from_secs(300);
/// Events, groups of events and limits remembered, each (`maxLruCacheEntries`); twice that while generations change.
pub const REMEMBERED: usize = 4096;

const COMBINED_PREFIX: &str = "(combined from similar events): ";

/// `type` of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// `Normal`.
    Normal,
    /// `Warning`.
    Warning,
}

impl Severity {
    /// The text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// The object an Event is about (`v1.ObjectReference`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `namespace`; `None` for cluster-scoped objects, whose events go to `default`.
    pub namespace: Option<String>,
    /// `name`.
    pub name: String,
    /// `uid`.
    pub uid: Uid,
    /// `resourceVersion`; left out when zero.
    pub revision: api::Revision,
    /// `fieldPath`, such as `spec.containers{main}`.
    pub field_path: Option<String>,
}

impl Reference {
    /// Refers to an object.
    pub fn of(meta: &Meta) -> Self {
        Self {
            api_version: meta.api_version.clone(),
            kind: meta.kind.clone(),
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            revision: meta.revision,
            field_path: None,
        }
    }

    /// Refers to a part of the object.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.field_path = Some(path.into());
        self
    }

    /// The namespace that the Event lives in.
    pub fn event_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    fn to_value(&self) -> Value {
        let mut value = json!({
            "kind": self.kind, "name": self.name, "uid": self.uid.as_str(), "apiVersion": self.api_version,
        });
        if let Some(namespace) = &self.namespace {
            value["namespace"] = namespace.as_str().into();
        }
        if self.revision.0 > 0 {
            value["resourceVersion"] = self.revision.to_string().into();
        }
        if let Some(path) = &self.field_path {
            value["fieldPath"] = path.as_str().into();
        }
        value
    }
}

/// What a component has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// About which object.
    pub about: Reference,
    /// `type`.
    pub severity: Severity,
    /// `reason`.
    pub reason: String,
    /// `message`.
    pub message: String,
    /// When it happened.
    pub at: Timestamp,
}

/// Who reports (`source`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// `source.component` and `reportingComponent`.
    pub component: String,
    /// `source.host`: the node, for a kubelet.
    pub host: Option<String>,
}

/// What to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Post this Event.
    Create {
        /// Into this namespace.
        namespace: String,
        /// The Event.
        event: Value,
    },
    /// Merge this into an Event that was posted before.
    Patch {
        /// In this namespace.
        namespace: String,
        /// The Event's name.
        name: String,
        /// `count`, `lastTimestamp` and `message`.
        patch: Value,
        /// The whole Event, to post should the earlier one be gone.
        event: Value,
    },
    /// Too many: send nothing.
    Drop,
}

/// What tells groups of events apart: all but the message. The revision is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    about: Reference,
    severity: Severity,
    reason: String,
}

/// Events are the same when group and message are; the combined one of a group has no message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    group: Group,
    message: Option<String>,
}

#[derive(Clone, Debug)]
struct Similar {
    messages: HashSet<String>,
    last: Timestamp,
}

#[derive(Clone, Debug)]
struct Posted {
    name: String,
    count: u64,
    first: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    refilled: Timestamp,
}

/// Remembers what one component has reported.
#[derive(Debug)]
pub struct Correlator {
    source: Source,
    similar: Recent<Group, Similar>,
    posted: Recent<Identity, Posted>,
    buckets: Recent<(Uid, String, String), Bucket>,
    last_stamp: i128,
    /// Added to the nanoseconds in names, so that components which report at one instant of a clock that stands still
    /// do not choose the same name.
    offset: i128,
}

impl Correlator {
    /// A correlator that remembers nothing.
    pub fn new(source: Source) -> Self {
        let (similar, posted, buckets) = (Recent::default(), Recent::default(), Recent::default());
        let offset = offset(&source);
        Self { source, similar, posted, buckets, last_stamp: 0, offset }
    }

    /// Decides what becomes of a note.
    pub fn correlate(&mut self, note: Note) -> Verdict {
        let Note { about, severity, reason, message, at } = note;
        let grouped = Reference { revision: api::Revision(0), ..about.clone() };
        let group = Group { about: grouped, severity, reason };
        let combined = self.combine(&group, &message, at);
        let message = if combined { format!("{COMBINED_PREFIX}{message}") } else { message };
        let identity = Identity { message: (!combined).then(|| message.clone()), group };
        let earlier = self.count(&identity, &about, at);
        if !self.admit(&identity.group, at) {
            return Verdict::Drop;
        }
        self.verdict(&identity.group, &about, message, earlier, at)
    }

    /// Whether the note goes into the combined event of its group.
    fn combine(&mut self, group: &Group, message: &str, at: Timestamp) -> bool {
        let similar = self.similar.entry(group, || Similar { messages: HashSet::new(), last: at });
        if at.duration_since(similar.last) > COMBINE_WITHIN {
            similar.messages.clear();
        }
        similar.last = at;
        if similar.messages.contains(message) {
            return similar.messages.len() >= COMBINE_FROM;
        }
        // The set never grows past the bound: once it is reached, which messages it holds no longer matters.
        if similar.messages.len() + 1 >= COMBINE_FROM {
            return true;
        }
        similar.messages.insert(message.to_owned());
        false
    }

    /// Counts the note; the result's count is one for a new Event.
    fn count(&mut self, identity: &Identity, about: &Reference, at: Timestamp) -> Posted {
        let stamp = (at.as_nanosecond() + self.offset).max(self.last_stamp + 1);
        let posted =
            self.posted.entry(identity, || Posted { name: format!("{}.{stamp:x}", about.name), count: 0, first: at });
        posted.count += 1;
        if posted.count == 1 {
            self.last_stamp = stamp;
        }
        posted.clone()
    }

    /// Takes a token of the object's bucket.
    fn admit(&mut self, group: &Group, at: Timestamp) -> bool {
        let key = (group.about.uid.clone(), group.about.name.clone(), group.reason.clone());
        let bucket = self.buckets.entry(&key, || Bucket { tokens: f64::from(BURST), refilled: at });
        let passed = at.duration_since(bucket.refilled).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + passed / REFILL_AFTER.as_secs_f64()).min(f64::from(BURST));
        bucket.refilled = at;
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }

    fn verdict(&self, group: &Group, about: &Reference, message: String, posted: Posted, at: Timestamp) -> Verdict {
        let namespace = about.event_namespace().to_owned();
        let (last, count) = (api::time::rfc3339(at), posted.count);
        let mut source = json!({ "component": self.source.component });
        if let Some(host) = &self.source.host {
            source["host"] = host.as_str().into();
        }
        let patch =
            (count > 1).then(|| json!({ "count": count, "lastTimestamp": last.as_str(), "message": message.as_str() }));
        let event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": { "name": posted.name.as_str(), "namespace": namespace.as_str() },
            "involvedObject": about.to_value(),
            "reason": group.reason.as_str(),
            "message": message,
            "source": source,
            "firstTimestamp": api::time::rfc3339(posted.first),
            "lastTimestamp": last,
            "count": count,
            "type": group.severity.as_str(),
            "eventTime": null,
            "reportingComponent": self.source.component.as_str(),
            "reportingInstance": self.source.host.as_deref().unwrap_or_default(),
        });
        match patch {
            Some(patch) => Verdict::Patch { namespace, name: posted.name, patch, event },
            None => Verdict::Create { namespace, event },
        }
    }
}

/// Up to 2^20 nanoseconds, from the source's name by FNV-1a.
fn offset(source: &Source) -> i128 {
    let host = source.host.as_deref().unwrap_or_default();
    let letters = source.component.bytes().chain([b'/']).chain(host.bytes());
    let hash = letters
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, letter| (hash ^ u64::from(letter)).wrapping_mul(0x0100_0000_01b3));
    i128::from(hash >> 44)
}

/// A bounded memory: when the young generation is full it becomes the old one, and the old one is forgotten.
#[derive(Debug)]
struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    fn entry(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key).unwrap_or_else(make);
            if self.young.len() >= REMEMBERED {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key.clone(), value);
        }
        self.young.get_mut(key).expect("the key was just put in")
    }
}

#[cfg(test)]
mod tests;
