//! Who is let in: the matrix of content types, hosts, origins and tokens, on both protocols.

use super::*;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};

/// Everything that a web page, a rebound name or a stranger could send is refused, and changes nothing.
#[tokio::test]
async fn nothing_from_web_pages_strangers_or_foreign_names_gets_in() {
    let fixture = Fixture::start().await;
    let before = fixture.api.store.revision();
    let own = fixture.serving.local_addr().to_string();
    let origins: [&[(&str, &str)]; 5] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-origin")],
        &[],
    ];
    for content_type in
        ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json"]
    {
        for host in [own.as_str(), "evil.example", "evil.example:80", "0.0.0.0:80", ""] {
            for (position, origin) in origins.iter().enumerate() {
                for token in ["", "Bearer wrong", "Bearer the-token"] {
                    let good = (host == own, position == 4, token == "Bearer the-token");
                    if good == (true, true, true) {
                        continue;
                    }
                    let mut client = fixture.client(false).await;
                    let mut request = http::Request::builder().method(Method::POST).uri(CONFIG_MAPS).header(HOST, host);
                    for (name, value) in [("content-type", content_type), ("authorization", token)] {
                        if !value.is_empty() {
                            request = request.header(name, value);
                        }
                    }
                    for (name, value) in *origin {
                        request = request.header(*name, *value);
                    }
                    let answer = client.send(request, config_map("a").to_string()).await;
                    let expected = if good.0 && good.1 { 401 } else { 403 };
                    assert_eq!(answer.code, expected, "{content_type:?} {host:?} {origin:?} {token:?}");
                    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")));
                }
            }
        }
    }
    assert_eq!(fixture.api.store.revision(), before);
}

#[tokio::test]
async fn http2_is_guarded_alike() {
    let fixture = Fixture::start().await;
    let refused = |request: http::request::Builder, code: u16| {
        let fixture = &fixture;
        async move {
            let mut client = fixture.client(true).await;
            assert_eq!(client.send(request, "").await.code, code);
        }
    };
    let uri = format!("https://{}/api", fixture.serving.local_addr());
    let to = |uri: &str| http::Request::builder().uri(uri);
    refused(to(&uri), 401).await;
    refused(to(&uri).header(AUTHORIZATION, "Bearer the-token").header("origin", "null"), 403).await;
    refused(to("https://evil.example/api").header(AUTHORIZATION, "Bearer the-token"), 403).await;
    refused(to(&uri).header(AUTHORIZATION, "Bearer the-token").header(HOST, "evil.example"), 403).await;
    refused(to(&uri).header(AUTHORIZATION, "Bearer the-token"), 200).await;
}

#[tokio::test]
async fn strangers_see_health_and_version_and_nothing_else() {
    let fixture = Fixture::start().await;
    for path in ["/livez", "/readyz", "/healthz", "/version"] {
        let mut client = fixture.client(false).await;
        assert_eq!(client.send(client.bare(Method::GET, path), "").await.code, 200, "{path}");
    }
    for path in ["/", "/api", "/apis", "/api/v1", "/openapi/v2", "/openapi/v3", "/metrics", "/livez/ping", CONFIG_MAPS]
    {
        let mut client = fixture.client(false).await;
        let answer = client.send(client.bare(Method::GET, path), "").await;
        assert_eq!((answer.code, answer.message().as_str()), (401, "Unauthorized"), "{path}");
        assert_eq!(answer.json()["reason"], "Unauthorized");
    }
}

#[tokio::test]
async fn a_refused_client_is_disconnected() {
    let fixture = Fixture::start().await;
    for http2 in [false, true] {
        let mut client = fixture.client(http2).await;
        assert_eq!(client.send(client.bare(Method::GET, "/api"), "").await.code, 401);
        let mut again = Ok(());
        for _ in 0..100 {
            again = client.open(client.request(Method::GET, "/api"), "").await.map(drop);
            if again.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(again.is_err(), "http2={http2}");
    }
}

#[tokio::test]
async fn dangerous_paths_are_refused() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    for path in ["/api/v1/..%2fx", "/api/v1/%2e%2e/x", "//api", "/api//v1", "/api/v1/namespaces/a%00b", "/api/%zz"] {
        assert_eq!(client.get(path).await.code, 400, "{path}");
    }
}

#[tokio::test]
async fn only_loopback_is_served() {
    let api = Fixture::start().await.api;
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let config = Config { listener, identity: Identity::generate().unwrap(), token: Token::new(TOKEN) };
    assert!(matches!(serve(api, config), Err(crate::http::ServeError::NotLoopback(_))));
}

#[tokio::test]
async fn a_body_without_a_content_type_is_json_and_foreign_types_are_415() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let bare = client.request(Method::POST, CONFIG_MAPS);
    assert_eq!(client.send(bare, config_map("bare").to_string()).await.code, 201);
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = client.request(Method::POST, CONFIG_MAPS).header(CONTENT_TYPE, content_type);
        let answer = client.send(request, config_map("other").to_string()).await;
        assert_eq!(answer.code, 415);
        assert_eq!(
            answer.message(),
            "the body of the request was in an unknown format - accepted media types include: \
             application/json, application/yaml, application/vnd.kubernetes.protobuf"
        );
    }
}
