//! What is done at a time.

use std::path::Path;

use api::Verb;
use explain::manifest;
use serde_json::{Value, json};
use testkit::Component;

use super::read::manifest_file;
use super::{Action, Blow, Target, What, When, pods};
use crate::kinds;
use crate::node::{Bad, Field, Fields};

const COMPONENTS: [(&str, Component); 5] = [
    ("jobs", Component::Jobs),
    ("cronJobs", Component::CronJobs),
    ("expiry", Component::Expiry),
    ("system", Component::System),
    ("kubelet", Component::Kubelet),
];

const VERBS: [(&str, Verb); 6] = [
    ("create", Verb::Create),
    ("update", Verb::Update),
    ("patch", Verb::Patch),
    ("delete", Verb::Delete),
    ("get", Verb::Get),
    ("list", Verb::List),
];

pub(super) fn read(field: &Field<'_>, folder: &Path) -> Result<Action, Bad> {
    let mut fields = field.fields()?;
    let at = when(&fields.need("at")?)?;
    let refused = fields.read("refused", Field::text)?;
    let mut found = Vec::new();
    found.extend(requests(&mut fields)?);
    found.extend(manifests(&mut fields, folder)?);
    if let Some(inject) = fields.take("inject") {
        let mut inner = inject.fields()?;
        found.extend(faults(&mut inner)?);
        inner.finish()?;
    }
    fields.finish()?;
    let count = found.len();
    match found.pop() {
        Some((name, what)) if count == 1 => {
            Ok(Action { line: field.line(), field: format!("{}.{name}", field.path), at, what, refused })
        }
        Some(_) => Err(field.bad("does more than one thing: write an entry for each")),
        None => Err(field.bad("does nothing: say suspend, resume, delete, patch, scale, create, apply or inject")),
    }
}

/// `+3s` after the start, or a time.
fn when(field: &Field<'_>) -> Result<When, Bad> {
    let word = field.word()?;
    let wanted = "a duration after the start such as +3s, or a time";
    match word.strip_prefix('+') {
        Some(rest) => crate::words::duration(rest)
            .map(When::After)
            .ok_or_else(|| field.bad(format!("must be {wanted}, not {word:?}"))),
        None => word.parse().map(When::At).map_err(|_| field.bad(format!("must be {wanted}, not {word:?}"))),
    }
}

type Found = Vec<(&'static str, What)>;

/// What a user would ask the API for.
fn requests(fields: &mut Fields<'_>) -> Result<Found, Bad> {
    let mut found = Vec::new();
    for (name, suspend) in [("suspend", true), ("resume", false)] {
        if let Some(target) = fields.read(name, job_or_cron_job)? {
            found.push((name, patch(target, json!({"spec": {"suspend": suspend}}))));
        }
    }
    if let Some(field) = fields.take("delete") {
        let mut inner = field.fields()?;
        let target = take_target(&mut inner)?;
        let kinds = [("Background", "Background"), ("Foreground", "Foreground"), ("Orphan", "Orphan")];
        let propagation = inner.read("propagation", |field| field.one_of(&kinds))?.map(str::to_owned);
        inner.finish()?;
        found.push(("delete", What::Delete { target, propagation }));
    }
    if let Some(field) = fields.take("patch") {
        let mut inner = field.fields()?;
        let target = take_target(&mut inner)?;
        let subresource = inner.read("subresource", |field| field.one_of(&[("status", "status")]))?.map(str::to_owned);
        let body = inner.need("merge")?;
        let value = body.node.to_value();
        inner.finish()?;
        if !value.is_object() {
            return Err(body.bad("must be an object"));
        }
        found.push(("patch", What::Patch { target, subresource, patch: value }));
    }
    if let Some(field) = fields.take("scale") {
        let mut inner = field.fields()?;
        let target = Target { kind: "Job".to_owned(), name: inner.need("job")?.text()?, namespace: None };
        let mut spec = json!({});
        for name in ["parallelism", "completions"] {
            if let Some(count) = inner.read(name, Field::count)? {
                spec[name] = count.into();
            }
        }
        inner.finish()?;
        if spec == json!({}) {
            return Err(field.bad("must say parallelism, completions or both"));
        }
        found.push(("scale", patch(target, json!({"spec": spec}))));
    }
    Ok(found)
}

fn patch(target: Target, patch: Value) -> What {
    What::Patch { target, subresource: None, patch }
}

/// The name of a Job, or `{kind: CronJob, name: x}`.
fn job_or_cron_job(field: &Field<'_>) -> Result<Target, Bad> {
    if field.is_text() {
        return Ok(Target { kind: "Job".to_owned(), name: field.text()?, namespace: None });
    }
    let mut inner = field.fields()?;
    let target = take_target(&mut inner)?;
    inner.finish()?;
    Ok(target)
}

pub(super) fn take_target(fields: &mut Fields<'_>) -> Result<Target, Bad> {
    let kind = fields
        .need("kind")?
        .parsed("a kind that manifests of Jobs come with", |kind| kinds::find_kind(kind).map(|_| kind.to_owned()))?;
    Ok(Target { kind, name: fields.need("name")?.text()?, namespace: fields.read("namespace", Field::text)? })
}

/// Objects written into the test, or files.
fn manifests(fields: &mut Fields<'_>, folder: &Path) -> Result<Found, Bad> {
    let mut found = Vec::new();
    for (name, is_apply) in [("create", false), ("apply", true)] {
        let Some(field) = fields.take(name) else { continue };
        let mut documents = Vec::new();
        for item in field.one_or_more()? {
            if item.is_text() {
                documents.extend(manifest_file(&item, folder)?.documents);
            } else {
                let text = item.node.to_value().to_string();
                documents.extend(manifest::parse("the test", &text).map_err(|broken| item.bad(broken.to_string()))?);
            }
        }
        found.push((name, if is_apply { What::Apply(documents) } else { What::Create(documents) }));
    }
    Ok(found)
}

/// What happens to a cluster.
fn faults(fields: &mut Fields<'_>) -> Result<Found, Bad> {
    let mut found = Vec::new();
    for (name, blow) in [("evict", Blow::Evict), ("kill", Blow::Kill), ("delete", Blow::Delete)] {
        if let Some(matches) = fields.read(name, pods::attempts)? {
            found.push((name, What::Pod { matches, blow }));
        }
    }
    if let Some(node) = fields.read("drain", Field::text)? {
        found.push(("drain", What::Drain { node }));
    }
    if let Some(node) = fields.read("uncordon", Field::text)? {
        found.push(("uncordon", What::Uncordon { node }));
    }
    let component = |field: &Field<'_>| {
        // Its pods would be nobody's.
        let component = field.one_of(&COMPONENTS)?;
        if component == Component::Kubelet { Err(field.bad("the kubelet cannot be stopped")) } else { Ok(component) }
    };
    for name in ["stop", "start", "crash"] {
        let Some(component) = fields.read(name, component)? else { continue };
        let what = match name {
            "stop" => What::Stop(component),
            "start" => What::Start(component),
            _ => What::Crash(component),
        };
        found.push((name, what));
    }
    if let Some(field) = fields.take("fault") {
        found.push(("fault", fault(&field)?));
    }
    Ok(found)
}

fn fault(field: &Field<'_>) -> Result<What, Bad> {
    let mut fields = field.fields()?;
    let component = fields.need("component")?.one_of(&COMPONENTS)?;
    let verb = fields.need("verb")?.one_of(&VERBS)?;
    let resource = fields
        .need("resource")?
        .parsed("a resource such as pods", |plural| kinds::find_plural(plural).map(|_| plural.to_owned()))?;
    let times = fields.read("times", Field::count)?.unwrap_or(1).into();
    let statuses = [
        ("403", Some(403)),
        ("409", Some(409)),
        ("429", Some(429)),
        ("500", Some(500)),
        ("503", Some(503)),
        ("lost", None),
    ];
    let status = fields.need("status")?.one_of(&statuses)?;
    fields.finish()?;
    Ok(What::Fault { component, verb, resource, times, status })
}
