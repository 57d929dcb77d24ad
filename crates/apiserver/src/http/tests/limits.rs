//! How much and how long.

use super::*;
use http::Method;
use http::header::CONTENT_TYPE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn bodies_over_three_mebibytes_are_413_on_both_protocols() {
    let fixture = Fixture::start().await;
    for http2 in [false, true] {
        let mut client = fixture.client(http2).await;
        let request = client.request(Method::POST, CONFIG_MAPS).header(CONTENT_TYPE, "application/json");
        let answer = client.send(request, vec![b' '; 3 * 1024 * 1024 + 1]).await;
        assert_eq!(answer.code, 413);
        assert_eq!(answer.message(), "Request entity too large: limit is 3145728");
        assert_eq!(answer.json()["reason"], "RequestEntityTooLarge");
        let mut client = fixture.client(http2).await;
        let mut exact = config_map(&format!("big-{http2}")).to_string().into_bytes();
        exact.resize(3 * 1024 * 1024, b' ');
        let request = client.request(Method::POST, CONFIG_MAPS).header(CONTENT_TYPE, "application/json");
        assert_eq!(client.send(request, exact).await.code, 201);
    }
}

#[tokio::test]
async fn a_chunked_body_that_never_ends_is_cut_at_the_limit() {
    let fixture = Fixture::start().await;
    let mut stream = client::tls(fixture.serving.local_addr(), &fixture.ca_pem, b"http/1.1").await;
    let head = format!(
        "POST {CONFIG_MAPS} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n",
        fixture.serving.local_addr()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..50 {
        stream.write_all(&chunk).await.unwrap();
    }
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test]
async fn deep_nesting_is_a_bad_request() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    for body in ["[".repeat(1_500_000), "{\"a\":".repeat(300_000)] {
        let request = client.request(Method::POST, CONFIG_MAPS).header(CONTENT_TYPE, "application/json");
        assert_eq!(client.send(request, body).await.code, 400);
    }
}

#[tokio::test]
async fn a_request_smuggled_by_two_lengths_is_refused() {
    let fixture = Fixture::start().await;
    let mut stream = client::tls(fixture.serving.local_addr(), &fixture.ca_pem, b"http/1.1").await;
    let head = format!(
        "POST {CONFIG_MAPS} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 5\r\n\
         content-length: 6\r\n\r\nabcdef",
        fixture.serving.local_addr()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Without a TLS goodbye the end reads as an error; what matters is that nothing was served.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(fixture.client(false).await.get(CONFIG_MAPS).await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_is_no_http_is_told_so() {
    let fixture = Fixture::start().await;
    let address = fixture.serving.local_addr();
    let long = "x".repeat(70_000);
    for (line, header, code) in [
        ("GET /api v1 HTTP/1.1", "a: b", "400"),
        ("GET /api HTTP/1.1", "no colon", "400"),
        (&*format!("GET /{long} HTTP/1.1"), "a: b", "431"),
        ("GET /api HTTP/1.1", &*format!("a: {long}"), "431"),
        ("GET /api HTTP/1.1", &*"a: b\r\n".repeat(200), "431"),
    ] {
        let mut stream = client::tls(address, &fixture.ca_pem, b"http/1.1").await;
        // The rest of the request is on its way: the answer must not wait for room in the buffer.
        let head = format!("{line}\r\nhost: {address}\r\n{header}\r\n\r\nmore");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let expected = format!("HTTP/1.1 {code}");
        let said = String::from_utf8_lossy(&answer);
        assert!(said.starts_with(&expected), "{expected} for {:.40}: {said:?}", format!("{line} {header}"));
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_next_request() {
    let fixture = Fixture::start().await;
    let address = fixture.serving.local_addr();
    let mut stream = client::tls(address, &fixture.ca_pem, b"http/1.1").await;
    let half = format!("GET /livez HTTP/1.1\r\nhost: {address}\r\n\r\nGET /livez HT");
    stream.write_all(half.as_bytes()).await.unwrap();
    let mut start = [0; 15];
    tokio::time::timeout(client::PATIENCE, stream.read_exact(&mut start)).await.expect("an answer").unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn shutdown_ends_watches_cleanly_and_idle_connections_at_once() {
    let fixture = Fixture::start().await;
    let (mut one, mut two) = (fixture.client(false).await, fixture.client(true).await);
    let mut open = Vec::new();
    for client in [&mut one, &mut two] {
        let request = client.request(Method::GET, &format!("{PODS}?watch=1"));
        open.push(client.open(request, "").await.unwrap());
    }
    let address = fixture.serving.local_addr();
    let begun = std::time::Instant::now();
    tokio::time::timeout(client::PATIENCE, fixture.serving.shutdown()).await.expect("shutdown ends");
    assert!(begun.elapsed() < crate::http::limits::DRAIN_TIMEOUT, "{:?}", begun.elapsed());
    for response in open {
        let body = http_body_util::BodyExt::collect(response.into_body()).await;
        assert_eq!(body.expect("the watch ended in order").to_bytes().len(), 0);
    }
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn writes_beyond_the_bound_are_told_to_come_back_and_reads_go_on() {
    let fixture = Fixture::start().await;
    let address = fixture.serving.local_addr();
    let head = format!(
        "POST {CONFIG_MAPS} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 5\r\n\r\n"
    );
    // Each is in flight until its body comes, which never does.
    let mut slow = Vec::new();
    for _ in 0..crate::http::limits::MAX_WRITES {
        let mut stream = client::tls(address, &fixture.ca_pem, b"http/1.1").await;
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let mut client = fixture.client(true).await;
    let refused = async {
        loop {
            let answer = client.post(CONFIG_MAPS, &config_map("x")).await;
            if answer.code == 429 {
                break answer;
            }
        }
    };
    let refused = tokio::time::timeout(client::PATIENCE, refused).await.expect("the last of them is in flight");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.message(), "Too many requests, please try again later.");
    assert_eq!(client.get(CONFIG_MAPS).await.code, 200);
    drop(slow);
    let served = async { while client.post(CONFIG_MAPS, &config_map("y")).await.code == 429 {} };
    tokio::time::timeout(client::PATIENCE, served).await.expect("the places are free again");
}

#[tokio::test]
async fn broken_bodies_are_told_so_in_upstreams_words() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    let unrecognized = "the object provided is unrecognized (must be of type ConfigMap): ";
    let cases = [
        (
            "application/json",
            "garbage",
            "couldn't get version/kind; json parse error: invalid character 'g' looking for \
          beginning of value (67617262616765)",
        ),
        (
            "application/json",
            "{\"kind\":",
            "couldn't get version/kind; json parse error: unexpected end of JSON input \
          ({\"kind\":)",
        ),
        (
            "application/vnd.kubernetes.protobuf",
            "garbage",
            "provided data does not appear to be a protobuf message, \
          expected prefix [107 56 115 0] (67617262616765)",
        ),
    ];
    for (media_type, body, why) in cases {
        let request = client.request(Method::POST, CONFIG_MAPS).header(CONTENT_TYPE, media_type);
        let answer = client.send(request, body).await;
        assert_eq!((answer.code, answer.message()), (400, format!("{unrecognized}{why}")));
    }
    let request = client.request(Method::POST, CONFIG_MAPS).header(CONTENT_TYPE, "application/yaml");
    let answer = client.send(request, "kind: ConfigMap\nmetadata: [\n").await;
    let begins = format!("{unrecognized}error converting YAML to JSON: yaml: line ");
    assert!(answer.code == 400 && answer.message().starts_with(&begins), "{}", answer.message());
}
