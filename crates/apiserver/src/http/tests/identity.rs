//! Who a request is taken for: tokens of service accounts, impersonation, and what is published of keys.

use super::*;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const WHO_AM_I: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

async fn token(client: &mut Client, audience: Option<&str>) -> String {
    let audiences: Vec<&str> = audience.into_iter().collect();
    let answer = client.post(&format!("{ACCOUNTS}/builder/token"), &json!({"spec": {"audiences": audiences}})).await;
    assert_eq!(answer.code, 201, "{}", answer.text());
    answer.json()["status"]["token"].as_str().unwrap().to_owned()
}

async fn with_account(fixture: &Fixture) -> Client {
    let mut client = fixture.client(false).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder"}});
    assert_eq!(client.post(ACCOUNTS, &account).await.code, 201);
    client
}

async fn who(fixture: &Fixture, headers: &[(&str, &str)]) -> client::Answer {
    let mut client = fixture.client(false).await;
    let mut request = client.bare(Method::POST, WHO_AM_I).header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request, "{}").await
}

#[tokio::test]
async fn a_service_account_comes_in_with_its_token_until_it_is_gone() {
    let fixture = Fixture::start().await;
    let mut client = with_account(&fixture).await;
    let bearer = format!("Bearer {}", token(&mut client, None).await);
    let answer = who(&fixture, &[("authorization", &bearer)]).await;
    assert_eq!(answer.code, 201);
    assert_eq!(answer.json()["status"]["userInfo"]["username"], "system:serviceaccount:default:builder");
    let foreign = format!("Bearer {}", token(&mut client, Some("vault")).await);
    assert_eq!(who(&fixture, &[("authorization", &foreign)]).await.code, 401);
    assert_eq!(client.delete(&format!("{ACCOUNTS}/builder")).await.code, 200);
    assert_eq!(who(&fixture, &[("authorization", &bearer)]).await.code, 401);
}

#[tokio::test]
async fn the_owner_is_an_administrator_and_may_act_as_others() {
    let fixture = Fixture::start().await;
    let own = format!("Bearer {TOKEN}");
    let user = who(&fixture, &[("authorization", &own)]).await.json()["status"]["userInfo"].clone();
    assert_eq!(user, json!({"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}));
    let user = who(&fixture, &[("authorization", &own), ("impersonate-user", "jane")]).await.json();
    assert_eq!(user["status"]["userInfo"], json!({"username": "jane", "groups": ["system:authenticated"]}));
    assert_eq!(who(&fixture, &[("impersonate-user", "jane")]).await.code, 401);
}

#[tokio::test]
async fn reviews_take_post_only_and_are_listed_so() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    assert_eq!(client.get(WHO_AM_I).await.code, 405);
    assert_eq!(client.get(&format!("{WHO_AM_I}/a")).await.code, 404);
    let listed = client.get("/apis/authentication.k8s.io/v1").await.json();
    let expected = json!({
        "name": "selfsubjectreviews",
        "singularName": "selfsubjectreview",
        "namespaced": false,
        "kind": "SelfSubjectReview",
        "verbs": ["create"],
    });
    assert!(listed["resources"].as_array().unwrap().contains(&expected), "{listed}");
}

#[tokio::test]
async fn the_public_keys_are_published_to_those_who_have_a_token() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let keys = client.get("/openid/v1/jwks").await;
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    assert_eq!(keys.json()["keys"][0]["alg"], "ES256");
    let configuration = client.get("/.well-known/openid-configuration").await.json();
    assert_eq!(configuration["issuer"], "https://kubernetes.default.svc.cluster.local");
    let stranger = client.bare(Method::GET, "/openid/v1/jwks").header(AUTHORIZATION, "Bearer x");
    assert_eq!(client.send(stranger, "").await.code, 401);
}

#[tokio::test]
async fn subresources_take_the_verbs_that_discovery_lists() {
    let fixture = Fixture::start().await;
    let mut client = with_account(&fixture).await;
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "busybox"}]},
    });
    assert_eq!(client.post(PODS, &pod).await.code, 201);
    for (path, code) in [
        (format!("{ACCOUNTS}/builder/token"), 405),
        (format!("{PODS}/p/binding"), 405),
        (format!("{PODS}/p/eviction"), 405),
        (format!("{PODS}/p/status"), 200),
        (format!("{PODS}/p/resize"), 200),
        (format!("{PODS}/p/ephemeralcontainers"), 200),
        (format!("{PODS}/p/unheard-of"), 404),
        ("/api/v1/namespaces/default/finalize".to_owned(), 405),
        ("/api/v1/namespaces/default/status".to_owned(), 200),
    ] {
        assert_eq!(client.get(&path).await.code, code, "{path}");
    }
    assert_eq!(client.post(&format!("{PODS}/p/status"), &pod).await.code, 405);
}
