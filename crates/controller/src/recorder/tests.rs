//! The recorder against a transport that keeps what it is sent.

use api::logs::LogOptions;
use api::{Body, Object, Reply, Request, Response, Status, Verb};
use client::{ByteStream, EventStream, Transport};
use clock::ManualClock;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

use super::*;

#[derive(Default)]
struct Kept {
    requests: Mutex<Vec<Request>>,
    /// Patches answer 404.
    forgetful: bool,
}

impl Transport for Kept {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, Error>> {
        let result = match (&request.body, self.forgetful) {
            (Body::Patch(..), true) => Err(Error::Status(Status::not_found(&EVENTS, "x"))),
            _ => {
                let object = Arc::new(Object::from_value(&json!({ "metadata": {} })).expect("an object"));
                Ok(Reply::from(Response::Object { object, created: true }))
            }
        };
        self.requests.lock().push(request);
        ready(result).boxed()
    }

    fn watch(&self, _: Request) -> BoxFuture<'static, Result<EventStream, Error>> {
        ready(Err(Error::Unexpected("a watch"))).boxed()
    }

    fn logs(&self, _: &str, _: &str, _: LogOptions) -> BoxFuture<'static, Result<ByteStream, Error>> {
        ready(Err(Error::Unexpected("logs"))).boxed()
    }
}

fn pod() -> Meta {
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p", "namespace": "n", "uid": "u" } });
    Object::from_value(&pod).expect("an object").meta().clone()
}

fn start(kept: &Arc<Kept>) -> (Recorder, RecorderTask) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_000).expect("in range")));
    Recorder::start(Client::new(kept.clone()), clock, "tester")
}

#[tokio::test]
async fn what_was_reported_before_the_shutdown_is_posted() {
    let kept = Arc::new(Kept::default());
    let (recorder, task) = start(&kept);
    for reason in ["A", "B", "B"] {
        recorder.event(&pod(), Severity::Normal, reason, "text");
    }
    task.shutdown().await;
    let verbs: Vec<Verb> = kept.requests.lock().iter().map(|request| request.verb).collect();
    assert_eq!(verbs, [Verb::Create, Verb::Create, Verb::Patch]);
    assert_eq!(kept.requests.lock()[0].namespace.as_deref(), Some("n"));
    recorder.event(&pod(), Severity::Normal, "late", "text");
    assert_eq!(recorder.dropped(), 1, "after the shutdown notes are dropped and counted");
}

#[tokio::test]
async fn a_repeat_of_an_event_that_is_gone_is_posted_anew() {
    let kept = Arc::new(Kept { forgetful: true, ..Kept::default() });
    let (recorder, task) = start(&kept);
    for _ in 0..2 {
        recorder.event(&pod(), Severity::Warning, "A", "text");
    }
    task.shutdown().await;
    let requests = kept.requests.lock();
    let Some(Request { verb: Verb::Create, body: Body::Object(event), .. }) = requests.last() else {
        panic!("the last request is a create")
    };
    assert_eq!((&event["count"], &event["type"]), (&json!(2), &json!("Warning")));
}

#[tokio::test]
async fn a_full_channel_drops_and_counts() {
    let kept = Arc::new(Kept::default());
    let (recorder, task) = start(&kept);
    for number in 0..MAX_WAITING + 5 {
        recorder.event(&pod(), Severity::Normal, number.to_string(), "text");
    }
    assert_eq!(recorder.dropped(), 5, "nothing was taken out yet: this test's runtime has one thread");
    task.shutdown().await;
}
