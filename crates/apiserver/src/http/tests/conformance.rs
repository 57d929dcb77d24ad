//! What every served resource must keep, asked over the wire as clients ask it. A new kind is one file in
//! `crates/registry/samples`; no rule here names a kind.
//!
//! A sample file holds one valid `object` and, for kinds with a status, a `status` that a controller may write on it.

mod deletes;
mod documents;
mod encodings;
mod patches;
mod reads;
mod writes;

use http::Method;
use http::header::CONTENT_TYPE;
use registry::{Catalogue, Descriptor, Strategy};
use serde_json::{Value, json};

use super::Fixture;
use super::client::{Answer, Client};

const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// A served resource and an object of it.
struct Case {
    descriptor: &'static Descriptor,
    /// A valid object in the resource's own version.
    object: Value,
    /// A status that may be written to it.
    status: Option<Value>,
}

/// All samples.
fn samples() -> Vec<Value> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../registry/samples");
    let files = std::fs::read_dir(directory).expect("the samples are there");
    let read = |file: std::fs::DirEntry| {
        let text = std::fs::read_to_string(file.path()).expect("a sample is text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.path().display()))
    };
    files.map(|file| read(file.expect("a sample can be read"))).collect()
}

/// One case for every served resource.
fn cases() -> Vec<Case> {
    let samples = samples();
    let catalogue = Catalogue::default();
    catalogue.iter().map(|strategy| case(&catalogue, &samples, strategy)).collect()
}

fn case(catalogue: &Catalogue, samples: &[Value], strategy: &dyn Strategy) -> Case {
    let descriptor = strategy.descriptor();
    let stored = strategy.view().and_then(|view| catalogue.find(&view.stored));
    let kind = &stored.map_or(descriptor, |stored| stored.strategy.descriptor()).kind;
    let is_of_kind = |sample: &&Value| {
        sample["object"]["kind"] == *kind.kind && sample["object"]["apiVersion"] == kind.api_version()
    };
    let sample = samples.iter().find(is_of_kind);
    let sample =
        sample.unwrap_or_else(|| panic!("no sample of {}: add one to crates/registry/samples", kind.qualified()));
    let mut object = sample["object"].clone();
    strategy.from_stored(&mut object);
    let has_status = descriptor.subresources.contains(&"status");
    let status = sample.get("status").cloned();
    assert_eq!(status.is_some(), has_status, "the sample of {} has a status to write", kind.qualified());
    Case { descriptor, object, status }
}

/// A case, and a server of its own with a client.
struct Probe {
    case: Case,
    client: Client,
    fixture: Fixture,
}

/// Checks a rule for every resource, each on an empty server.
async fn each(rule: impl AsyncFn(&mut Probe)) {
    for case in cases() {
        let fixture = Fixture::start().await;
        let mut client = fixture.client(false).await;
        let resource = case.descriptor.resource();
        empty(&mut client, &case).await;
        let mut probe = Probe { case, client, fixture };
        // The test harness shows what is printed by a test that fails: the last line is the resource.
        println!("{resource}");
        rule(&mut probe).await;
    }
}

/// Removes what the fixture itself made of the resource, so that a rule begins with none.
async fn empty(client: &mut Client, case: &Case) {
    if case.descriptor.namespaced {
        let path = collection(case.descriptor);
        let request = client.request(Method::DELETE, &path);
        client.send(request, String::new()).await;
    }
}

/// The path of a collection.
fn collection(descriptor: &Descriptor) -> String {
    let Descriptor { kind, plural, namespaced, .. } = descriptor;
    let namespace = if *namespaced { "namespaces/default/" } else { "" };
    let group = if kind.group.is_empty() { "api".to_owned() } else { format!("apis/{}", kind.group) };
    format!("/{group}/{}/{namespace}{plural}", kind.version)
}

impl Probe {
    fn name(&self) -> &str {
        self.case.object["metadata"]["name"].as_str().expect("a sample has a name")
    }

    /// The path of the collection.
    fn path(&self) -> String {
        collection(self.case.descriptor)
    }

    /// The path of the sample.
    fn item(&self) -> String {
        format!("{}/{}", self.path(), self.name())
    }

    /// The kind's strategy.
    fn strategy(&self) -> &dyn Strategy {
        let served = self.fixture.api.catalogue().find(&self.case.descriptor.resource());
        served.expect("a case is served").strategy
    }

    /// Whether the resource is served with this verb.
    fn serves(&self, verb: &str) -> bool {
        self.strategy().verbs().contains(&verb)
    }

    /// The sample with other metadata.
    fn object(&self, metadata: Value) -> Value {
        let mut object = self.case.object.clone();
        for (name, value) in metadata.as_object().expect("metadata is a map") {
            object["metadata"][name] = value.clone();
        }
        object
    }

    async fn post(&mut self, object: &Value) -> Answer {
        let path = self.path();
        self.client.post(&path, object).await
    }

    /// Creates the sample with more metadata.
    async fn create(&mut self, metadata: Value) -> Value {
        let object = self.object(metadata);
        let created = self.post(&object).await;
        assert_eq!(created.code, 201, "{}", created.text());
        created.json()
    }

    async fn put(&mut self, path: &str, object: &Value) -> Answer {
        let request = self.client.request(Method::PUT, path).header(CONTENT_TYPE, "application/json");
        self.client.send(request, object.to_string()).await
    }

    async fn patch(&mut self, path: &str, media_type: &str, patch: &Value) -> Answer {
        let request = self.client.request(Method::PATCH, path).header(CONTENT_TYPE, media_type);
        self.client.send(request, patch.to_string()).await
    }

    /// Sets a label by a merge patch.
    async fn label(&mut self, name: &str, value: Value) -> Value {
        let item = self.item();
        let patched = self.patch(&item, MERGE, &json!({"metadata": {"labels": {name: value}}})).await;
        assert_eq!(patched.code, 200, "{}", patched.text());
        patched.json()
    }

    async fn get(&mut self, path: &str) -> Value {
        let got = self.client.get(path).await;
        assert_eq!(got.code, 200, "{path}: {}", got.text());
        got.json()
    }

    async fn delete(&mut self, path: &str, options: &Value) -> Answer {
        let request = self.client.request(Method::DELETE, path).header(CONTENT_TYPE, "application/json");
        self.client.send(request, options.to_string()).await
    }

    /// Ends what keeps an object that is being deleted, besides finalizers in its metadata.
    async fn finalize(&mut self) {
        if !self.case.descriptor.subresources.contains(&"finalize") {
            return;
        }
        let item = self.item();
        let mut object = self.get(&item).await;
        object["spec"]["finalizers"] = json!([]);
        let finalized = self.put(&format!("{item}/finalize"), &object).await;
        assert_eq!(finalized.code, 200, "{}", finalized.text());
    }

    /// Deletes the sample at once.
    async fn remove(&mut self) {
        let item = self.item();
        let deleted = self.delete(&item, &json!({"propagationPolicy": "Background", "gracePeriodSeconds": 0})).await;
        assert_eq!(deleted.code, 200, "{}", deleted.text());
        self.finalize().await;
        assert_eq!(self.client.get(&item).await.code, 404);
    }
}

/// The revision of an object or list, as a number.
fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().expect("a revision").parse().expect("a number")
}

/// Applies a merge patch (RFC 7386) without removals.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        merge(&mut target[name], value);
    }
}

/// Whether a value has all that another one has.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}
