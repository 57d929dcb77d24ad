//! The Service proxy: the address of a Service answers for its endpoints, and for nobody else.

use std::net::SocketAddr;

use api::Gvr;
use client::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::common::{start, until_any};

const SERVICES: Gvr = Gvr::known("", "v1", "services");
const ENDPOINTS: Gvr = Gvr::known("", "v1", "endpoints");

/// A server that says its name to each client and echoes the rest.
async fn server(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                // A client that is gone is no matter.
                let _ = writer.write_all(name.as_bytes()).await;
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    port
}

async fn create_service(client: &Client, spec: Value) -> SocketAddr {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": spec});
    let service = client.create(&SERVICES, Some("default"), service).await.expect("created").to_value();
    let ip = service["spec"]["clusterIP"].as_str().expect("an address").parse().expect("an address");
    SocketAddr::new(ip, 5432)
}

fn endpoints(ports: &[u16]) -> Value {
    let subset = |port: &u16| json!({"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": port}]});
    let subsets: Vec<Value> = ports.iter().map(subset).collect();
    json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "db"}, "subsets": subsets})
}

/// Connects, once somebody listens, and reads the name of the server.
async fn name_at(address: SocketAddr) -> (TcpStream, String) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await {
            let mut name = [0; 1];
            stream.read_exact(&mut name).await.expect("a name");
            return (stream, String::from_utf8_lossy(&name).into_owned());
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until nobody listens.
async fn until_refused(address: SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_address_of_a_service_answers_for_its_endpoints_in_turn() {
    let own = start().await;
    let client = own.cluster.client();
    let address = create_service(&client, json!({"ports": [{"port": 5432}]})).await;
    assert!(address.ip().is_loopback());
    until_refused(address).await;
    let both = endpoints(&[server("a").await, server("b").await]);
    client.create(&ENDPOINTS, Some("default"), both).await.expect("created");
    let (mut stream, first) = name_at(address).await;
    let names = [first, name_at(address).await.1, name_at(address).await.1];
    assert_eq!(names[0], names[2]);
    assert_ne!(names[0], names[1]);
    client.delete(&SERVICES, Some("default"), "db", &Default::default()).await.expect("deleted");
    until_refused(address).await;
    // A connection goes on when its Service is gone, and its end comes through.
    stream.write_all(b"still here").await.expect("written");
    stream.shutdown().await.expect("shut down");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.expect("read");
    assert_eq!(rest, "still here");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_passed_over_and_none_at_all_resets() {
    let own = start().await;
    let client = own.cluster.client();
    let address = create_service(&client, json!({"ports": [{"port": 5432}]})).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    let one = endpoints(&[closed, server("a").await]);
    client.create(&ENDPOINTS, Some("default"), one).await.expect("created");
    assert_eq!((name_at(address).await.1, name_at(address).await.1), ("a".to_owned(), "a".to_owned()));
    client.update(&ENDPOINTS, Some("default"), "db", None, endpoints(&[closed])).await.expect("updated");
    loop {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        let mut byte = [0; 1];
        match stream.read_exact(&mut byte).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                break;
            }
        }
    }
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_and_bound_when_it_is_free() {
    let own = start().await;
    let client = own.cluster.client();
    let address = create_service(&client, json!({"ports": [{"port": 5432}]})).await;
    let other = std::net::TcpListener::bind(address).expect("nobody has it yet");
    client.create(&ENDPOINTS, Some("default"), endpoints(&[server("a").await])).await.expect("created");
    let field = Some("involvedObject.name=db,reason=ListenFailed".to_owned());
    let event = until_any(&client, &api::resource::EVENTS, field, |_| true).await;
    assert_eq!(event["message"], format!("Cannot listen at {address}: Address already in use (os error 98)"));
    assert_eq!(event["source"]["component"], "kube-proxy");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {"ports": [{"port": 53, "protocol": "UDP"}]}});
    client.create(&SERVICES, Some("default"), service).await.expect("created");
    let field = Some("involvedObject.name=dns,reason=NotHonoured".to_owned());
    let event = until_any(&client, &api::resource::EVENTS, field, |_| true).await;
    let text = "This machine's proxy cannot honour these fields: spec.ports[0].protocol: UDP is not forwarded";
    assert_eq!(event["message"], text);
    drop(other);
    assert_eq!(name_at(address).await.1, "a");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn an_endpoint_that_binds_all_addresses_is_not_kept_from_it() {
    let own = start().await;
    let client = own.cluster.client();
    // Nobody listens yet at the endpoint, whose port is the Service's own.
    let free = std::net::TcpListener::bind("0.0.0.0:0").expect("a port").local_addr().expect("an address").port();
    let service =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"ports": [{"port": free}]}});
    let service = client.create(&SERVICES, Some("default"), service).await.expect("created").to_value();
    let ip = service["spec"]["clusterIP"].as_str().expect("an address").parse().expect("an address");
    client.create(&ENDPOINTS, Some("default"), endpoints(&[free])).await.expect("created");
    // A second Service, observed after the first, tells when the proxy has seen both.
    let seen = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {"ports": [{"port": 53, "protocol": "UDP"}]}});
    client.create(&SERVICES, Some("default"), seen).await.expect("created");
    let field = Some("involvedObject.name=dns,reason=NotHonoured".to_owned());
    until_any(&client, &api::resource::EVENTS, field, |_| true).await;
    assert!(TcpStream::connect(SocketAddr::new(ip, free)).await.is_err(), "nobody listens");
    let all = TcpListener::bind(("0.0.0.0", free)).await.expect("the proxy has left it free");
    // Its address is among all.
    let reached =
        TcpStream::connect(SocketAddr::new(ip, free)).await.expect("reached").local_addr().expect("an address");
    assert_eq!(all.accept().await.expect("accepted").1, reached);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_cluster_that_is_shut_down_leaves_no_address_bound() {
    let own = start().await;
    let client = own.cluster.client();
    let spec = json!({"type": "NodePort", "ports": [{"port": 5432}]});
    let address = create_service(&client, spec).await;
    client.create(&ENDPOINTS, Some("default"), endpoints(&[server("a").await])).await.expect("created");
    let service = client.get(&SERVICES, Some("default"), "db").await.expect("it is there").to_value();
    let port = service["spec"]["ports"][0]["nodePort"].as_u64().expect("a port");
    let node = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).expect("a port")));
    assert_eq!((name_at(address).await.1, name_at(node).await.1), ("a".to_owned(), "a".to_owned()));
    own.cluster.shutdown().await;
    for address in [address, node] {
        std::net::TcpListener::bind(address).expect("it is free");
    }
}
