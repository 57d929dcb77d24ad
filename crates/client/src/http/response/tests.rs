//! Answers as servers send them.

use http::HeaderValue;

use super::*;

fn answer(code: u16, text: &str) -> Result<Response, Error> {
    decode(StatusCode::from_u16(code).expect("a code"), Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn items_of_a_list_get_kind_and_version_of_the_list() {
    let text = r#"{"kind":"JobList","apiVersion":"batch/v1","metadata":{"resourceVersion":"42","continue":"t","remainingItemCount":3},
        "items":[ {"metadata":{"name":"a","namespace":"n","resourceVersion":"7"},"spec":{}},
                  {}, {"kind":"Job","apiVersion":"batch/v1","metadata":{"name":"b"}}]}"#;
    let Ok(Response::List(list)) = answer(200, text) else { panic!("a list") };
    assert_eq!((list.revision, list.continue_token.as_deref(), list.remaining), (Revision(42), Some("t"), Some(3)));
    assert_eq!((list.api_version.as_str(), list.kind.as_str()), ("batch/v1", "JobList"));
    let metas: Vec<_> = list.items.iter().map(|item| item.meta()).collect();
    assert!(metas.iter().all(|meta| meta.kind == "Job" && meta.api_version == "batch/v1"));
    assert_eq!((metas[0].name.as_str(), metas[0].revision), ("a", Revision(7)));
    assert_eq!(list.items[0].to_value()["spec"], serde_json::json!({}));
    assert_eq!(list.items[0].to_value()["kind"], "Job", "the bytes say it too");
}

#[test]
fn an_empty_list_may_have_null_items() {
    let Ok(Response::List(list)) = answer(200, r#"{"kind":"PodList","apiVersion":"v1","items":null}"#) else {
        panic!("a list")
    };
    assert!(list.items.is_empty() && list.continue_token.is_none());
}

#[test]
fn objects_tell_whether_they_were_created_and_deletes_answer_with_a_status() {
    let pod = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}"#;
    for (code, was_created) in [(200, false), (201, true)] {
        let Ok(Response::Object { object, created }) = answer(code, pod) else { panic!("an object") };
        assert_eq!((object.meta().name.as_str(), created), ("p", was_created));
    }
    let success = r#"{"kind":"Status","apiVersion":"v1","status":"Success","details":{"name":"p","kind":"pods"}}"#;
    let Ok(Response::Status(status)) = answer(200, success) else { panic!("a status") };
    assert_eq!(status.details.expect("details").kind, "pods");
    assert!(matches!(answer(200, "<html>"), Err(Error::Decode(_))));
}

#[test]
fn errors_are_the_servers_status_or_made_up_from_the_code() {
    let text = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"jobs.batch \"x\" not found","reason":"NotFound","code":404}"#;
    let status = failure(StatusCode::NOT_FOUND, text.as_bytes());
    assert_eq!((status.to_string().as_str(), status.is(&Reason::NOT_FOUND)), ("jobs.batch \"x\" not found", true));
    let status = failure(StatusCode::BAD_GATEWAY, b" upstream is down \n");
    assert_eq!(
        (status.message.as_str(), status.code, status.reason),
        ("upstream is down", 502, Some(Reason::INTERNAL))
    );
    let status = failure(StatusCode::TOO_MANY_REQUESTS, b"");
    assert_eq!(status.message, "the server answered 429 Too Many Requests");
    assert!(failure(StatusCode::INTERNAL_SERVER_ERROR, &[b'x'; 5000]).message.len() <= MAX_ERROR_TEXT);
}

#[test]
fn watch_lines_become_events() {
    let event = |text: &str| watch_event(&Bytes::copy_from_slice(text.as_bytes()));
    let object = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","resourceVersion":"9"}}"#;
    let line = |kind: &str, object: &str| format!(r#"{{"type":"{kind}","object":{object}}}"#);
    let Ok(WatchEvent::Deleted(pod)) = event(&line("DELETED", object)) else { panic!("a delete") };
    assert_eq!(pod.meta().revision, Revision(9));
    assert!(matches!(event(&line("ADDED", object)), Ok(WatchEvent::Added(_))));
    assert!(matches!(event(&line("MODIFIED", object)), Ok(WatchEvent::Modified(_))));
    let bookmark = r#"{"metadata":{"resourceVersion":"12","annotations":{"k8s.io/initial-events-end":"true"}}}"#;
    let end = WatchEvent::Bookmark { revision: Revision(12), initial_events_end: true };
    assert_eq!(format!("{:?}", event(&line("BOOKMARK", bookmark)).expect("a bookmark")), format!("{end:?}"));
    let expired = r#"{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}"#;
    assert!(matches!(event(&line("ERROR", expired)), Ok(WatchEvent::Error(status)) if status.code == 410));
    assert!(matches!(event(&line("OTHER", object)), Err(Error::Unexpected(_))));
    assert!(matches!(event("{"), Err(Error::Decode(_))));
}

#[test]
fn warnings_are_unquoted_and_told_once() {
    let mut headers = HeaderMap::new();
    for text in [r#"299 - "unknown field \"spec.foo\"""#, r#"299 - "b", 299 - "c, d""#, r#"299 - "b""#, "299 - none"] {
        headers.append(header::WARNING, HeaderValue::from_str(text).expect("a header"));
    }
    assert_eq!(warnings(&headers), ["unknown field \"spec.foo\"", "b", "c, d"]);
}
