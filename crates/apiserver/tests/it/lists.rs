//! Lists: selectors, and pages that all come from one snapshot.

use api::request::RevisionMatch;
use api::{ObjectList, Options, Request, Response, Revision, Verb};
use apiserver::ApiServer;
use serde_json::json;

use super::common::{call, config_map, create, failure, server};

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
    let exact = Options {
        resource_version: Some(Revision(1)),
        resource_version_match: Some(RevisionMatch::Exact),
        ..Options::default()
    };
    assert_eq!(refused(exact).code, 410);
}
