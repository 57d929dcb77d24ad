//! Lists: selectors, and pages that all come from one snapshot.

use api::request::RevisionMatch;
use api::{ObjectList, Options, Request, Response, Revision, Verb};
use apiserver::ApiServer;
use serde_json::json;

use super::common::{call, config_map, create, failure, job, server, server_with};

const CONFIG_MAPS: api::Gvr = api::resource::CONFIG_MAPS;

fn list(server: &ApiServer, options: Options) -> ObjectList {
    let request = Request::new(Verb::List, CONFIG_MAPS, Some("default"), None).options(options);
    match call(server, request).response {
        Response::List(list) => list,
        other => panic!("no list: {other:?}"),
    }
}

fn names(list: &ObjectList) -> Vec<String> {
    list.items.iter().map(|object| object.meta().name.clone()).collect()
}

#[test]
fn selectors_choose_by_label_and_by_field() {
    let server = server();
    for (name, tier) in [("a", "1"), ("b", "2"), ("c", "1")] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({"tier": tier});
        create(&server, CONFIG_MAPS, object);
    }
    let by_label = Options { label_selector: Some("tier=1".to_owned()), ..Options::default() };
    assert_eq!(names(&list(&server, by_label)), ["a", "c"]);
    let by_name = Options { field_selector: Some("metadata.name=b".to_owned()), ..Options::default() };
    assert_eq!(names(&list(&server, by_name)), ["b"]);
    let not = Options { field_selector: Some("metadata.name!=b".to_owned()), ..Options::default() };
    assert_eq!(names(&list(&server, not)), ["a", "c"]);
    let unknown = Options { field_selector: Some("spec.nothing=x".to_owned()), ..Options::default() };
    let request = Request::new(Verb::List, CONFIG_MAPS, Some("default"), None).options(unknown);
    let status = failure(&server, request);
    assert_eq!((status.code, status.message.as_str()), (400, "field label not supported: spec.nothing"));
}

#[test]
fn jobs_are_selected_by_their_successes() {
    let server = server();
    for name in ["a", "b"] {
        create(&server, api::resource::JOBS, job(name));
    }
    let patch = json!({"status": {"succeeded": 1, "startTime": "2024-01-01T00:00:00Z"}});
    let request = Request::new(Verb::Patch, api::resource::JOBS, Some("default"), Some("a"))
        .subresource("status")
        .body(api::Body::Patch(api::PatchType::Merge, patch));
    call(&server, request);
    let select = |selector: &str| {
        let options = Options { field_selector: Some(selector.to_owned()), ..Options::default() };
        let request = Request::new(Verb::List, api::resource::JOBS, Some("default"), None).options(options);
        match call(&server, request).response {
            Response::List(list) => names(&list),
            other => panic!("no list: {other:?}"),
        }
    };
    assert_eq!(select("status.successful=1"), ["a"]);
    assert_eq!(select("status.successful=0"), ["b"]);
    assert_eq!(select("metadata.namespace=default,metadata.name=b"), ["b"]);
}

#[test]
fn pages_are_one_snapshot_while_others_write() {
    let server = server();
    for index in 0..25 {
        create(&server, CONFIG_MAPS, config_map(&format!("m{index:02}")));
    }
    let mut options = Options { limit: Some(10), ..Options::default() };
    let (mut seen, mut revisions, mut written) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = list(&server, options.clone());
        seen.extend(names(&page));
        revisions.push(page.revision);
        create(&server, CONFIG_MAPS, config_map(&format!("m{written:02}-late")));
        written += 1;
        let Some(token) = page.continue_token else { break };
        assert_eq!(page.remaining, Some(25 - seen.len() as u64));
        options.continue_token = Some(token);
    }
    let expected: Vec<String> = (0..25).map(|index| format!("m{index:02}")).collect();
    assert_eq!(seen, expected);
    assert!(revisions.iter().all(|revision| *revision == revisions[0]));
}

#[test]
fn tokens_and_revisions_that_cannot_be_served_are_refused() {
    let server = server();
    create(&server, CONFIG_MAPS, config_map("a"));
    let refused =
        |options| failure(&server, Request::new(Verb::List, CONFIG_MAPS, Some("default"), None).options(options));
    let token = Options { continue_token: Some("garbage".to_owned()), ..Options::default() };
    assert_eq!(refused(token).code, 400);
    let future = Options { resource_version: Some(Revision(1_000_000)), ..Options::default() };
    assert_eq!(refused(future).code, 504);
    let token = pages_of(&server, 1).continue_token;
    let both = Options { continue_token: token, resource_version: Some(Revision(2)), ..Options::default() };
    assert_eq!(refused(both).message, "specifying resource version is not allowed when using continue");
}

fn pages_of(server: &ApiServer, limit: usize) -> ObjectList {
    create(server, CONFIG_MAPS, config_map("zz"));
    list(server, Options { limit: Some(limit), ..Options::default() })
}

fn at(revision: Revision, revision_match: Option<RevisionMatch>, limit: Option<usize>) -> Options {
    let resource_version = Some(revision);
    Options { resource_version, resource_version_match: revision_match, limit, ..Options::default() }
}

#[test]
fn an_exact_list_is_the_state_of_then() {
    let server = server();
    create(&server, CONFIG_MAPS, config_map("a"));
    let then = server.watch_revision();
    create(&server, CONFIG_MAPS, config_map("b"));
    call(&server, Request::new(Verb::Delete, CONFIG_MAPS, Some("default"), Some("a")));
    let exact = list(&server, at(then, Some(RevisionMatch::Exact), None));
    assert_eq!((names(&exact), exact.revision), (vec!["a".to_owned()], then));
    let not_older = list(&server, at(then, Some(RevisionMatch::NotOlderThan), None));
    assert_eq!((names(&not_older), not_older.revision), (vec!["b".to_owned()], server.watch_revision()));
    assert_eq!(names(&list(&server, at(then, None, None))), ["b"]);
    // A page of a revision is of exactly that one; from any revision the list comes whole.
    create(&server, CONFIG_MAPS, config_map("c"));
    assert_eq!(names(&list(&server, at(then, None, Some(5)))), ["a"]);
    assert_eq!(names(&list(&server, at(Revision(0), None, Some(1)))), ["b", "c"]);
}

#[test]
fn a_page_whose_history_is_gone_may_go_on_with_the_state_of_now() {
    let server = server_with(store::Bounds { events: 5, bytes: 1 << 20 });
    for name in ["a", "b", "c"] {
        create(&server, CONFIG_MAPS, config_map(name));
    }
    let first = list(&server, Options { limit: Some(1), ..Options::default() });
    assert_eq!(first.remaining, Some(2));
    // As many other lists as have their snapshots kept, and as many commits as the log keeps.
    for index in 0..40 {
        create(&server, CONFIG_MAPS, config_map(&format!("m{index:02}")));
        list(&server, Options { limit: Some(1), ..Options::default() });
    }
    let next = |token| Options { continue_token: token, ..Options::default() };
    let request = |options| Request::new(Verb::List, CONFIG_MAPS, Some("default"), None).options(options);
    let status = failure(&server, request(next(first.continue_token)));
    assert_eq!((status.code, status.to_value()["reason"].as_str()), (410, Some("Expired")));
    assert!(status.message.contains("or use the continue token in this response"), "{}", status.message);
    let token = status.to_value()["metadata"]["continue"].as_str().map(str::to_owned);
    let rest = list(&server, next(token));
    assert_eq!((rest.items.len(), rest.revision), (42, server.watch_revision()));
    let exact = failure(&server, request(at(Revision(1), Some(RevisionMatch::Exact), None)));
    let gone = "The resourceVersion for the provided list is too old.";
    assert_eq!((exact.code, exact.message.as_str()), (410, gone));
}

#[tokio::test]
async fn a_revision_of_the_future_is_waited_for() {
    let server = server();
    let next = Revision(server.watch_revision().0 + 1);
    let writer = server.clone();
    let reached = server.reached(next);
    let write = async { create(&writer, CONFIG_MAPS, config_map("a")) };
    let ((), _) = tokio::join!(reached, write);
    let status = failure(
        &server,
        Request::new(Verb::List, CONFIG_MAPS, Some("default"), None).options(at(Revision(next.0 + 1), None, None)),
    );
    let message = format!("Timeout: Too large resource version: {}, current: {next}", next.0 + 1);
    assert_eq!((status.code, status.message.as_str()), (504, message.as_str()));
    let details = status.details.expect("details");
    assert_eq!((details.retry_after_seconds, &*details.causes[0].reason), (Some(1), "ResourceVersionTooLarge"));
}
