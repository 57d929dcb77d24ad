//! Bodies: protobuf and JSON say the same, and what the schema does not have is found.

use super::*;

#[tokio::test]
async fn a_protobuf_body_says_what_the_json_body_says() {
    each(async |probe| {
        let json = probe.create(json!({})).await;
        probe.remove().await;
        let body = machinery::protobuf::encode(&probe.case.object).expect("the kind has a message");
        let path = probe.path();
        let media_type = "application/vnd.kubernetes.protobuf";
        let request = probe.client.request(Method::POST, &path).header(CONTENT_TYPE, media_type);
        let created = probe.client.send(request, body).await;
        assert_eq!(created.code, 201, "{}", created.text());
        let own = [&json, &created.json()].map(|object| {
            let mut text = object.to_string();
            // What differs between any two objects, wherever it stands: a Job's UID is also its selector.
            for name in ["uid", "resourceVersion", "creationTimestamp"] {
                text = text.replace(&object["metadata"][name].to_string(), name);
            }
            text
        });
        assert_eq!(own[0], own[1]);
    })
    .await;
}

#[tokio::test]
async fn unknown_and_duplicate_fields_are_refused_warned_of_or_dropped() {
    each(async |probe| {
        let mut object = probe.case.object.clone();
        object["metadata"]["surprise"] = json!(1);
        object["surprise"] = json!({"a": 1});
        let mut text = object.to_string();
        let first = format!("{{\"kind\":{:?},", probe.case.object["kind"].as_str().unwrap());
        text.replace_range(..1, &first);
        let path = probe.path();
        let mut ask = async |validation: &str| {
            let at = format!("{path}?dryRun=All&fieldValidation={validation}");
            let request = probe.client.request(Method::POST, &at).header(CONTENT_TYPE, "application/json");
            probe.client.send(request, text.clone()).await
        };
        let found = ["unknown field \"metadata.surprise\"", "unknown field \"surprise\"", "duplicate field \"kind\""];
        let strict = ask("Strict").await;
        assert_eq!(strict.code, 400, "{}", strict.text());
        let warned = ask("Warn").await;
        assert_eq!(warned.code, 201, "{}", warned.text());
        let warnings: Vec<String> =
            warned.headers.get_all("warning").iter().map(|value| value.to_str().unwrap().replace('\\', "")).collect();
        for text in found {
            assert!(strict.message().contains(text), "{}", strict.message());
            assert!(warnings.iter().any(|warning| warning.contains(text)), "{text}: {warnings:?}");
        }
        let ignored = ask("Ignore").await;
        assert_eq!((ignored.code, ignored.json().get("surprise")), (201, None), "{}", ignored.text());
        assert!(!ignored.header("warning").contains("surprise"));
    })
    .await;
}

#[tokio::test]
async fn a_body_of_another_kind_or_version_is_refused() {
    each(async |probe| {
        let mut object = probe.case.object.clone();
        object["kind"] = json!("Other");
        assert_eq!(probe.post(&object).await.code, 400);
        let mut object = probe.case.object.clone();
        object["apiVersion"] = json!("other/v9");
        let refused = probe.post(&object).await;
        let expected = format!(
            "the API version in the data (other/v9) does not match the expected API version ({})",
            probe.case.descriptor.kind.api_version()
        );
        assert_eq!((refused.code, refused.message()), (400, expected));
    })
    .await;
}
