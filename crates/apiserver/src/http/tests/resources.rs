//! Verbs over the wire: codes, bodies, headers.

use api::session::{Refused, SessionOptions};

use super::*;
use http::Method;
use http::header::CONTENT_TYPE;

#[tokio::test]
async fn each_verb_answers_with_its_code() {
    let fixture = Fixture::start().await;
    for http2 in [false, true] {
        let mut client = fixture.client(http2).await;
        let created = client.post(CONFIG_MAPS, &config_map("a")).await;
        assert_eq!((created.code, created.json()["data"]["a"].as_str()), (201, Some("b")));
        assert_eq!(created.header("cache-control"), "no-cache, private");
        assert_eq!(created.header("audit-id").len(), 36);
        let again = client.post(CONFIG_MAPS, &config_map("a")).await;
        assert_eq!((again.code, again.message().as_str()), (409, "configmaps \"a\" already exists"));
        let path = format!("{CONFIG_MAPS}/a");
        assert_eq!(client.get(&path).await.json(), created.json());
        let mut changed = created.json();
        changed["data"]["a"] = "c".into();
        let put = client.send(client.request(Method::PUT, &path), changed.to_string()).await;
        assert_eq!((put.code, put.json()["data"]["a"].as_str()), (200, Some("c")));
        let patch = client.request(Method::PATCH, &path).header(CONTENT_TYPE, "application/merge-patch+json");
        let patched = client.send(patch, r#"{"data":{"b":"d"}}"#).await;
        assert_eq!((patched.code, &patched.json()["data"]), (200, &json!({"a": "c", "b": "d"})));
        let deleted = client.delete(&path).await;
        assert_eq!((deleted.code, &deleted.json()["status"]), (200, &json!("Success")));
        assert_eq!(deleted.json()["details"]["uid"], created.json()["metadata"]["uid"]);
        let gone = client.get(&path).await;
        assert_eq!((gone.code, gone.message().as_str()), (404, "configmaps \"a\" not found"));
    }
}

#[tokio::test]
async fn bodies_are_read_as_json_or_yaml_and_duplicates_reported() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {mode: '0644'}\n";
    let request = client.request(Method::POST, CONFIG_MAPS).header(CONTENT_TYPE, "application/yaml");
    let created = client.send(request, yaml).await;
    assert_eq!((created.code, &created.json()["data"]["mode"]), (201, &json!("0644")));
    let twice = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"t"},"immutable":true,"immutable":false}"#;
    let strict = client.request(Method::POST, &format!("{CONFIG_MAPS}?fieldValidation=Strict"));
    let refused = client.send(strict, twice).await;
    assert_eq!(refused.code, 400);
    assert!(refused.message().contains("duplicate field \"immutable\""), "{}", refused.message());
    let warned = client.send(client.request(Method::POST, CONFIG_MAPS), twice).await;
    assert_eq!((warned.code, warned.header("warning")), (201, "299 - \"duplicate field \\\"immutable\\\"\""));
    let broken = client.send(client.request(Method::POST, CONFIG_MAPS), "{").await;
    assert!(broken.code == 400 && broken.message().contains("must be of type ConfigMap"), "{}", broken.message());
}

#[tokio::test]
async fn patches_of_unknown_types_are_415() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let request = client.request(Method::PATCH, &format!("{CONFIG_MAPS}/a")).header(CONTENT_TYPE, "application/json");
    let refused = client.send(request, "{}").await;
    assert_eq!(refused.code, 415);
    assert!(refused.message().contains("application/json-patch+json, application/merge-patch+json"));
}

#[tokio::test]
async fn bad_parameters_are_refused_in_upstreams_words() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let answer = client.get(&format!("{PODS}?limit=x")).await;
    assert_eq!((answer.code, answer.message().as_str()), (400, "strconv.ParseInt: parsing \"x\": invalid syntax"));
    let answer = client.post(&format!("{CONFIG_MAPS}?dryRun=Maybe"), &config_map("d")).await;
    assert_eq!((answer.code, &answer.json()["details"]["causes"][0]["field"]), (422, &json!("dryRun")));
    let dry = client.post(&format!("{CONFIG_MAPS}?dryRun=All"), &config_map("d")).await;
    assert_eq!(dry.code, 201);
    assert_eq!(client.get(&format!("{CONFIG_MAPS}/d")).await.code, 404);
    let answer = client.get(&format!("{PODS}?watch=1&sendInitialEvents=true")).await;
    assert_eq!(answer.code, 422);
}

#[tokio::test]
async fn invalid_objects_name_their_fields() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}});
    job["spec"] =
        json!({"template": {"spec": {"restartPolicy": "Always", "containers": [{"name": "c", "image": "i"}]}}});
    let answer = client.post(JOBS, &job).await;
    assert_eq!(answer.code, 422);
    assert!(answer.message().starts_with("Job.batch \"j\" is invalid: spec.template.spec.restartPolicy"));
    assert_eq!(answer.json()["details"]["causes"][0]["field"], "spec.template.spec.restartPolicy");
}

#[tokio::test]
async fn logs_need_a_pod_and_a_kubelet_and_good_options() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    assert_eq!(client.get(&format!("{PODS}/p/log")).await.code, 404);
    assert_eq!(client.post(PODS, &pod("unscheduled")).await.code, 201);
    assert_eq!(client.get(&format!("{PODS}/unscheduled/log")).await.code, 204);
    let mut scheduled = pod("p");
    scheduled["spec"]["nodeName"] = "n".into();
    assert_eq!(client.post(PODS, &scheduled).await.code, 201);
    assert_eq!(client.get(&format!("{PODS}/p/log?tailLines=-1")).await.code, 422);
    let split = client.get(&format!("{PODS}/p/log?stream=Stdout")).await;
    let text = "PodLogOptions \"p\" is invalid: stream: Forbidden: may not be specified";
    assert_eq!((split.code, split.message().as_str()), (422, text));
    let wrong = client.get(&format!("{PODS}/p/log?container=x")).await;
    assert_eq!((wrong.code, wrong.message().as_str()), (400, "container x is not valid for pod p"));
    assert_eq!(client.get(&format!("{PODS}/p/log")).await.code, 503);
    fixture.api.connect(Arc::new(Parrot));
    let answer = client.get(&format!("{PODS}/p/log?container=c&tailLines=2&timestamps=true")).await;
    assert_eq!((answer.code, answer.header("content-type")), (200, "text/plain"));
    assert_eq!(answer.text(), "default/p Some(\"c\") Some(2) true\n");
}

/// A kubelet whose logs say what was asked.
struct Parrot;

impl crate::Connector for Parrot {
    fn logs(
        &self,
        namespace: &str,
        pod: &str,
        options: api::logs::LogOptions,
    ) -> futures::future::BoxFuture<'static, Result<crate::LogStream, api::Status>> {
        use futures::{FutureExt, StreamExt};
        let text =
            format!("{namespace}/{pod} {:?} {:?} {}\n", options.container, options.tail_lines, options.timestamps);
        let stream = futures::stream::once(async move { Ok(bytes::Bytes::from(text)) }).boxed();
        futures::future::ready(Ok(stream)).boxed()
    }

    fn exec(
        &self,
        _: &str,
        _: &str,
        _: SessionOptions,
    ) -> futures::future::BoxFuture<'static, Result<crate::Session, Refused>> {
        Box::pin(std::future::ready(Err(only_logs())))
    }

    fn attach(
        &self,
        _: &str,
        _: &str,
        _: SessionOptions,
    ) -> futures::future::BoxFuture<'static, Result<crate::Session, Refused>> {
        Box::pin(std::future::ready(Err(only_logs())))
    }

    fn port_forward(
        &self,
        _: &str,
        _: &str,
    ) -> futures::future::BoxFuture<'static, Result<Arc<dyn crate::Ports>, Refused>> {
        Box::pin(std::future::ready(Err(only_logs())))
    }
}

fn only_logs() -> Refused {
    Refused { code: 500, text: "this kubelet has logs only".to_owned() }
}

#[tokio::test]
async fn a_list_of_a_thousand_is_whole_on_both_protocols() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    for number in 0..1_000 {
        let mut object = config_map(&format!("c{number:04}"));
        object["data"]["a"] = "x".repeat(if number % 100 == 0 { 40_000 } else { 500 }).into();
        assert_eq!(client.post(CONFIG_MAPS, &object).await.code, 201);
    }
    for http2 in [false, true] {
        let list = fixture.client(http2).await.get(CONFIG_MAPS).await.json();
        let items = list["items"].as_array().unwrap();
        assert_eq!((items.len(), items[999]["metadata"]["name"].as_str()), (1_000, Some("c0999")));
    }
}
