//! The client against a server of a few lines, with a certificate made for the test.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection};

use super::*;

/// A server that answers the requests of one connection with these bytes, and hands back what it was sent.
fn serve(answers: &'static [&'static str]) -> (Endpoint, JoinHandle<String>) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certified.cert.der().clone()],
            certified.signing_key.serialize_der().try_into().expect("a key"),
        )
        .expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = Endpoint {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().expect("bound").port(),
        token: "secret".to_owned(),
        tls: client_config(certified.cert.pem().as_bytes()).expect("trusted"),
    };
    let serving = thread::spawn(move || {
        let (tcp, _) = listener.accept().expect("a client");
        let session = ServerConnection::new(Arc::new(config)).expect("a session");
        let mut stream = StreamOwned::new(session, tcp);
        let (mut seen, mut block) = (String::new(), [0; 4096]);
        for answer in answers {
            let length = stream.read(&mut block).expect("a request");
            seen.push_str(&String::from_utf8_lossy(&block[..length]));
            stream.write_all(answer.as_bytes()).expect("the client reads");
        }
        stream.conn.send_close_notify();
        stream.flush().expect("the client is there");
        seen
    });
    (endpoint, serving)
}

#[test]
fn one_connection_serves_requests_of_both_framings() {
    let (endpoint, serving) = serve(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
    ]);
    let mut link = endpoint.connect().expect("it listens");
    let first = link.get("/readyz").expect("an answer");
    assert_eq!((first.status, first.body.as_slice()), (200, b"ok".as_slice()));
    let second = link.post("/x", b"{}").expect("an answer");
    assert_eq!((second.status, second.json()["a"].as_u64()), (201, Some(1)));
    let seen = serving.join().expect("it served");
    assert!(seen.starts_with("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"), "{seen}");
    assert!(
        seen.contains("Authorization: Bearer secret\r\n") && seen.ends_with("Content-Length: 2\r\n\r\n{}"),
        "{seen}"
    );
}

#[test]
fn a_header_of_the_request_replaces_a_default_and_an_empty_one_removes_it() {
    let (endpoint, serving) = serve(&["HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"]);
    let mut link = endpoint.connect().expect("it listens");
    let answer = link.request("GET", "/", &[("Host", "other"), ("authorization", "")], b"").expect("an answer");
    assert_eq!(answer.status, 401);
    assert_eq!(serving.join().expect("it served"), "GET / HTTP/1.1\r\nHost: other\r\n\r\n");
}

#[test]
fn a_watch_reads_events_across_chunks_until_its_condition() {
    let (endpoint, serving) = serve(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
         1b\r\n{\"object\":{\"n\":1}}\n{\"object\r\n\
         b\r\n\":{\"n\":2}}\n\r\n\
         0\r\n\r\n"]);
    let mut watch = endpoint.connect().expect("it listens").watch("/w").expect("a stream");
    let found = watch.until(|object| object["n"] == 2).expect("the second event");
    assert_eq!(found["n"], 2);
    assert!(watch.next().expect("an end").is_none());
    serving.join().expect("it served");
}

#[test]
fn a_server_with_another_certificate_is_not_trusted() {
    let (mut endpoint, serving) = serve(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    endpoint.tls = client_config(other.cert.pem().as_bytes()).expect("a certificate");
    let error = endpoint.connect().expect("TCP alone").get("/").expect_err("no trust");
    assert!(format!("{error:#}").contains("certificate"), "{error:#}");
    assert!(serving.join().is_err(), "the server cannot have served");
}
