//! From a request to what HTTP says of it: method, path and query, body. Pure.

use std::fmt::Write;

use api::logs::LogOptions;
use api::request::{FieldValidation, RevisionMatch};
use api::{Body, Gvr, Options, Request, Verb};
use http::Method;

/// The method of a verb.
pub(crate) fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get | Verb::List | Verb::Watch => Method::GET,
        Verb::Create => Method::POST,
        Verb::Update => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete | Verb::DeleteCollection => Method::DELETE,
    }
}

/// The path and query of a request, such as `/apis/batch/v1/namespaces/default/jobs?limit=500`.
pub(crate) fn path_and_query(request: &Request) -> String {
    let mut path = collection(&request.resource, request.namespace.as_deref());
    // A create names the object in its body; only a post to a subresource names it in the path.
    let named = request.verb != Verb::Create || request.subresource.is_some();
    if let (Some(name), true) = (&request.name, named) {
        push_segment(&mut path, name);
    }
    if let Some(subresource) = &request.subresource {
        push_segment(&mut path, subresource);
    }
    let mut query = Query::default();
    query.options(&request.options);
    if request.verb == Verb::Watch {
        query.add("watch", "true");
    }
    query.after(path)
}

/// The path and query of a container's log.
pub(crate) fn log_path(namespace: &str, pod: &str, options: &LogOptions) -> String {
    let mut path = collection(&api::resource::PODS, Some(namespace));
    push_segment(&mut path, pod);
    push_segment(&mut path, "log");
    let mut query = Query::default();
    query.text("container", options.container.as_deref());
    query.flag("follow", options.follow);
    query.flag("previous", options.previous);
    query.number("sinceSeconds", options.since_seconds);
    query.text("sinceTime", options.since_time.map(api::time::rfc3339).as_deref());
    query.flag("timestamps", options.timestamps);
    query.number("tailLines", options.tail_lines);
    query.number("limitBytes", options.limit_bytes);
    query.after(path)
}

/// The body's media type and bytes; `None` for no body.
pub(crate) fn body(body: &Body) -> Result<Option<(&'static str, Vec<u8>)>, serde_json::Error> {
    Ok(match body {
        Body::Empty => None,
        Body::Object(value) => Some(("application/json", serde_json::to_vec(value)?)),
        Body::Patch(patch_type, value) => Some((patch_type.media_type(), serde_json::to_vec(value)?)),
    })
}

fn collection(resource: &Gvr, namespace: Option<&str>) -> String {
    let mut path = String::with_capacity(128);
    if resource.group.is_empty() {
        path.push_str("/api");
    } else {
        path.push_str("/apis");
        push_segment(&mut path, &resource.group);
    }
    push_segment(&mut path, &resource.version);
    if let Some(namespace) = namespace {
        push_segment(&mut path, "namespaces");
        push_segment(&mut path, namespace);
    }
    push_segment(&mut path, &resource.plural);
    path
}

fn push_segment(path: &mut String, segment: &str) {
    path.push('/');
    push_escaped(path, segment);
}

/// Everything but RFC 3986's unreserved letters is escaped: right in paths and in queries. `.` and `..` cannot be
/// escaped, but no name is either: the server refuses them.
fn push_escaped(text: &mut String, raw: &str) {
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            let _infallible = write!(text, "%{byte:02X}");
        }
    }
}

#[derive(Default)]
struct Query(String);

impl Query {
    fn options(&mut self, options: &Options) {
        self.text("dryRun", options.dry_run.then_some("All"));
        self.text("fieldManager", options.field_manager.as_deref());
        self.text(
            "fieldValidation",
            match options.field_validation {
                FieldValidation::Ignore => Some("Ignore"),
                FieldValidation::Warn => None,
                FieldValidation::Strict => Some("Strict"),
            },
        );
        self.flag("force", options.force);
        self.text("labelSelector", options.label_selector.as_deref());
        self.text("fieldSelector", options.field_selector.as_deref());
        self.number("limit", options.limit);
        self.text("continue", options.continue_token.as_deref());
        self.number("resourceVersion", options.resource_version);
        let revision_match = options.resource_version_match.map(|revision_match| match revision_match {
            RevisionMatch::Exact => "Exact",
            RevisionMatch::NotOlderThan => "NotOlderThan",
        });
        self.text("resourceVersionMatch", revision_match);
        self.number("timeoutSeconds", options.timeout_seconds);
        self.flag("allowWatchBookmarks", options.allow_watch_bookmarks);
        self.number("sendInitialEvents", options.send_initial_events);
        self.text("propagationPolicy", options.propagation_policy.as_deref());
        self.number("gracePeriodSeconds", options.grace_period_seconds);
        self.number("orphanDependents", options.orphan_dependents);
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        push_escaped(&mut self.0, value);
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.add(name, "true");
        }
    }

    fn number(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.add(name, &value.to_string());
        }
    }

    fn after(self, mut path: String) -> String {
        path.push_str(&self.0);
        path
    }
}

#[cfg(test)]
mod tests {
    use api::Revision;
    use api::resource::{CONFIG_MAPS, JOBS, NODES, PODS};

    use super::*;

    fn check(request: Request, method_name: &str, path: &str) {
        assert_eq!((method(request.verb).as_str(), path_and_query(&request).as_str()), (method_name, path));
    }

    #[test]
    fn paths_tell_group_namespace_name_and_subresource() {
        let request = Request::new;
        check(
            request(Verb::Get, JOBS, Some("default"), Some("pi")),
            "GET",
            "/apis/batch/v1/namespaces/default/jobs/pi",
        );
        check(request(Verb::List, PODS, None, None), "GET", "/api/v1/pods");
        check(request(Verb::Get, NODES, None, Some("a")), "GET", "/api/v1/nodes/a");
        check(request(Verb::Create, JOBS, Some("a"), None), "POST", "/apis/batch/v1/namespaces/a/jobs");
        check(request(Verb::Create, JOBS, Some("a"), Some("b")), "POST", "/apis/batch/v1/namespaces/a/jobs");
        let binding = request(Verb::Create, PODS, Some("a"), Some("p")).subresource("binding");
        check(binding, "POST", "/api/v1/namespaces/a/pods/p/binding");
        let status = request(Verb::Patch, PODS, Some("a"), Some("p")).subresource("status");
        check(status, "PATCH", "/api/v1/namespaces/a/pods/p/status");
        check(
            request(Verb::DeleteCollection, CONFIG_MAPS, Some("a"), None),
            "DELETE",
            "/api/v1/namespaces/a/configmaps",
        );
        check(request(Verb::Update, NODES, None, Some("../x?y")), "PUT", "/api/v1/nodes/..%2Fx%3Fy");
    }

    #[test]
    fn every_option_has_its_parameter() {
        let options = Options {
            dry_run: true,
            field_manager: Some("a b".to_owned()),
            field_validation: FieldValidation::Strict,
            force: true,
            label_selector: Some("a=b,c in (d)".to_owned()),
            field_selector: Some("spec.nodeName=".to_owned()),
            limit: Some(500),
            continue_token: Some("t/+".to_owned()),
            resource_version: Some(Revision(7)),
            resource_version_match: Some(RevisionMatch::NotOlderThan),
            timeout_seconds: Some(30),
            allow_watch_bookmarks: true,
            send_initial_events: Some(false),
            propagation_policy: Some("Orphan".to_owned()),
            grace_period_seconds: Some(0),
            orphan_dependents: Some(true),
        };
        check(
            Request::new(Verb::Watch, PODS, None, None).options(options),
            "GET",
            "/api/v1/pods?dryRun=All&fieldManager=a%20b&fieldValidation=Strict&force=true\
             &labelSelector=a%3Db%2Cc%20in%20%28d%29&fieldSelector=spec.nodeName%3D&limit=500&continue=t%2F%2B\
             &resourceVersion=7&resourceVersionMatch=NotOlderThan&timeoutSeconds=30&allowWatchBookmarks=true\
             &sendInitialEvents=false&propagationPolicy=Orphan&gracePeriodSeconds=0&orphanDependents=true&watch=true",
        );
    }

    #[test]
    fn a_log_request_carries_what_its_reader_asked_for() {
        assert_eq!(log_path("a", "p", &LogOptions::default()), "/api/v1/namespaces/a/pods/p/log");
        let options = LogOptions {
            container: Some("main".to_owned()),
            follow: true,
            since_time: Some(jiff::Timestamp::UNIX_EPOCH),
            tail_lines: Some(0),
            ..LogOptions::default()
        };
        assert_eq!(
            log_path("a", "p", &options),
            "/api/v1/namespaces/a/pods/p/log?container=main&follow=true&sinceTime=1970-01-01T00%3A00%3A00Z&tailLines=0"
        );
    }
}
