//! Exec, attach and port-forward over real sockets, with a kubelet that is none.

use std::sync::Arc;
use std::time::Duration;

use api::Status;
use api::logs::LogOptions;
use api::session::{Channel, Outcome, Refused, SessionEvent, SessionOptions, TerminalSize};
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::{SinkExt, StreamExt};
use http::Request;
use http::header::{AUTHORIZATION, HOST};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::Spdy;
use crate::connector::{Connected, Connector, LogStream, Ports, Session};
use crate::http::tests::client::{Answer, PATIENCE, tls};
use crate::http::tests::{Fixture, PODS, TOKEN, pod};

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Says what is typed in capitals, and `size WxH` of a size; the command `exit N` ends with N, `fail` fails, any other
/// runs until its input ends. Tells when a client is gone.
struct Kubelet {
    gone: mpsc::Sender<()>,
}

impl Kubelet {
    fn session(&self, options: SessionOptions) -> Result<Session, Refused> {
        if options.container.as_deref() == Some("dead") {
            return Err(Refused { code: 500, text: "container not found (\"dead\")".to_owned() });
        }
        let (stdin, mut input) = mpsc::channel::<Bytes>(4);
        let (resize, mut sizes) = mpsc::channel::<TerminalSize>(4);
        let (output, events) = mpsc::channel(4);
        let gone = self.gone.clone();
        tokio::spawn(async move {
            let outcome = match options.command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["exit", code] => Outcome::Exited(code.parse().unwrap()),
                ["fail"] => Outcome::Failed("no such thing".to_owned()),
                _ => loop {
                    let said = tokio::select! {
                        input = input.recv() => match input {
                            Some(bytes) => bytes.to_ascii_uppercase(),
                            None => break Outcome::Exited(0),
                        },
                        Some(size) = sizes.recv() => format!("size {}x{}", size.width, size.height).into_bytes(),
                    };
                    let _ = output.send(SessionEvent::Output(Channel::Stdout, said.into())).await;
                },
            };
            let _ = output.send(SessionEvent::Output(Channel::Stderr, Bytes::from_static(b"bye"))).await;
            let _ = output.send(SessionEvent::Ended(outcome)).await;
            output.closed().await;
            let _ = gone.send(()).await;
        });
        Ok(Session { stdin: options.streams.stdin.then_some(stdin), resize, events })
    }
}

impl Connector for Kubelet {
    fn logs(&self, _: &str, _: &str, _: LogOptions) -> BoxFuture<'static, Result<LogStream, Status>> {
        ready(Err(Status::internal("no logs here"))).boxed()
    }

    fn exec(&self, _: &str, _: &str, options: SessionOptions) -> BoxFuture<'static, Result<Session, Refused>> {
        ready(self.session(options)).boxed()
    }

    fn attach(&self, _: &str, _: &str, options: SessionOptions) -> BoxFuture<'static, Result<Session, Refused>> {
        ready(self.session(options)).boxed()
    }

    fn port_forward(&self, _: &str, _: &str) -> BoxFuture<'static, Result<Arc<dyn Ports>, Refused>> {
        ready(Ok(Arc::new(Local) as Arc<dyn Ports>)).boxed()
    }
}

/// The ports of this host; port 1 refuses.
struct Local;

impl Ports for Local {
    fn pod(&self) -> &str {
        "the-pod"
    }

    fn connect(&self, port: u16) -> BoxFuture<'static, Connected> {
        async move {
            if port == 1 {
                return Err("connection refused".to_owned());
            }
            Ok(Box::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap()) as Box<_>)
        }
        .boxed()
    }
}

struct Bench {
    fixture: Fixture,
    gone: mpsc::Receiver<()>,
}

impl Bench {
    async fn start() -> Self {
        let fixture = Fixture::start().await;
        let (sender, gone) = mpsc::channel(16);
        fixture.api.connect(Arc::new(Kubelet { gone: sender }));
        let mut two = pod("p");
        two["spec"]["nodeName"] = "n".into();
        two["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "dead", "image": "i"}));
        let mut client = fixture.client(false).await;
        assert_eq!(client.post(PODS, &two).await.code, 201);
        assert_eq!(client.post(PODS, &pod("nowhere")).await.code, 201);
        Self { fixture, gone }
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let address = self.fixture.serving.local_addr().to_string();
        let uri = format!("wss://{address}{PODS}/{path}");
        Request::builder()
            .method(method)
            .uri(uri)
            .header(HOST, address)
            .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header("connection", "Upgrade")
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        tls(self.fixture.serving.local_addr(), &self.fixture.ca_pem, b"http/1.1").await
    }

    /// Opens a WebSocket.
    async fn socket(&self, path: &str, protocol: &str) -> Result<Socket, Error> {
        let request = self
            .request("GET", path)
            .header("upgrade", "websocket")
            .header("sec-websocket-key", generate_key())
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", protocol);
        let opening = tokio_tungstenite::client_async(request.body(()).unwrap(), self.connect().await);
        let (socket, response) = timeout(PATIENCE, opening).await.unwrap()?;
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
        Ok(socket)
    }

    /// Opens a SPDY connection.
    async fn spdy(&self, path: &str, protocol: &str) -> Result<Spdy, String> {
        let request = self
            .request("POST", path)
            .header("upgrade", "SPDY/3.1")
            .header("x-stream-protocol-version", "v9.channel.k8s.io")
            .header("x-stream-protocol-version", protocol);
        Spdy::open(self.connect().await, request.body(()).unwrap(), protocol).await
    }

    async fn plain(&self, method: &str, path: &str) -> Answer {
        let mut client = self.fixture.client(false).await;
        let request = client.request(method.parse().unwrap(), &format!("{PODS}/{path}"));
        client.send(request, "").await
    }

    /// Waits until the kubelet hears that its client is gone.
    async fn client_gone(&mut self) {
        timeout(PATIENCE, self.gone.recv()).await.expect("the kubelet hears of it");
    }
}

async fn next(socket: &mut Socket) -> Message {
    timeout(PATIENCE, socket.next()).await.expect("a message in time").expect("a message").unwrap()
}

async fn say(socket: &mut Socket, bytes: &[u8]) {
    socket.send(Message::Binary(Bytes::copy_from_slice(bytes))).await.unwrap();
}

/// The `Status` on the error channel, after which the socket closes in peace.
async fn status(socket: &mut Socket) -> Value {
    let message = next(socket).await.into_data();
    assert_eq!(message[0], 3, "{message:?}");
    let Message::Close(Some(close)) = next(socket).await else { panic!("no close with a code") };
    assert_eq!(u16::from(close.code), 1000);
    serde_json::from_slice(&message[1..]).unwrap()
}

#[tokio::test]
async fn websocket_of_the_newest_protocol_has_input_that_ends() {
    let mut bench = Bench::start().await;
    let path = "p/exec?command=cat&container=c&stdin=true&stdout=true&stderr=true";
    let mut socket = bench.socket(path, "v5.channel.k8s.io").await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Binary(Bytes::from_static(&[1])));
    socket.send(Message::Ping(Bytes::from_static(b"alive?"))).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Pong(Bytes::from_static(b"alive?")));
    say(&mut socket, b"\0hello").await;
    assert_eq!(next(&mut socket).await, Message::Binary(Bytes::from_static(b"\x01HELLO")));
    say(&mut socket, b"\x04{\"Width\":80,\"Height\":24}").await;
    assert_eq!(next(&mut socket).await, Message::Binary(Bytes::from_static(b"\x01size 80x24")));
    say(&mut socket, &[255, 0]).await;
    assert_eq!(next(&mut socket).await, Message::Binary(Bytes::from_static(b"\x02bye")));
    assert_eq!(status(&mut socket).await, json!({"metadata": {}, "status": "Success"}));
    bench.client_gone().await;
}

#[tokio::test]
async fn exit_codes_and_failures_are_statuses() {
    let bench = Bench::start().await;
    let mut socket =
        bench.socket("p/exec?command=exit&command=7&container=c&stdout=1", "v4.channel.k8s.io").await.unwrap();
    next(&mut socket).await;
    next(&mut socket).await;
    let failed = status(&mut socket).await;
    assert_eq!(
        (&failed["reason"], &failed["details"]["causes"][0]["message"]),
        (&json!("NonZeroExitCode"), &json!("7"))
    );
    let mut socket = bench.socket("p/exec?command=fail&container=c&stdout=1", "v5.channel.k8s.io").await.unwrap();
    next(&mut socket).await;
    next(&mut socket).await;
    let message = "Internal error occurred: Internal error occurred: no such thing";
    assert_eq!(status(&mut socket).await["message"], message);
    let mut socket = bench.socket("p/exec?command=x&container=dead&stdout=1", "v5.channel.k8s.io").await.unwrap();
    next(&mut socket).await;
    let message = "Internal error occurred: unable to upgrade connection: container not found (\"dead\")";
    assert_eq!(status(&mut socket).await["message"], message);
}

#[tokio::test]
async fn older_websockets_end_their_input_with_themselves() {
    let mut bench = Bench::start().await;
    let path = "p/attach?container=c&stdin=true&stdout=true";
    let mut socket = bench.socket(path, "v4.base64.channel.k8s.io").await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Text("1".into()));
    socket.send(Message::Text("0aGk=".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Text("1SEk=".into()));
    socket.close(None).await.unwrap();
    bench.client_gone().await;
}

#[tokio::test]
async fn spdy_has_a_stream_for_each_purpose() {
    let mut bench = Bench::start().await;
    let path = "p/exec?command=cat&container=c&stdin=true&stdout=true&tty=true";
    let mut spdy = bench.spdy(path, "v4.channel.k8s.io").await.unwrap();
    for (stream, kind) in [(1, "error"), (3, "stdin"), (5, "stdout"), (7, "resize")] {
        spdy.start(stream, &[("streamtype", kind)]).await;
        spdy.replied(stream).await;
    }
    spdy.send(3, b"hello", false).await;
    assert_eq!(spdy.data(5, 5).await, b"HELLO");
    spdy.send(7, b"{\"Width\":80,\"Height\":24}\n", false).await;
    assert_eq!(spdy.data(5, 10).await, b"size 80x24");
    spdy.send(3, b"", true).await;
    let status: Value = serde_json::from_slice(&spdy.rest(1).await).unwrap();
    assert_eq!(status, json!({"metadata": {}, "status": "Success"}));
    drop(spdy);
    bench.client_gone().await;
}

#[tokio::test]
async fn client_that_breaks_off_is_told_to_the_kubelet() {
    let mut bench = Bench::start().await;
    let path = "p/exec?command=cat&container=c&stdin=true&stdout=true";
    drop(bench.socket(path, "v5.channel.k8s.io").await.unwrap());
    bench.client_gone().await;
    let mut spdy = bench.spdy(path, "v4.channel.k8s.io").await.unwrap();
    spdy.start(1, &[("streamtype", "error")]).await;
    drop(spdy);
    bench.client_gone().await;
    let mut spdy = bench.spdy(path, "v4.channel.k8s.io").await.unwrap();
    spdy.write(&[0x80, 9, 9, 9, 9, 9, 9, 9]).await;
    bench.client_gone().await;
}

#[tokio::test]
async fn refusals_come_as_upstreams() {
    let bench = Bench::start().await;
    let message = |answer: Answer| (answer.code, answer.message());
    let missing = message(bench.plain("GET", "none/exec?command=x&stdout=1").await);
    assert_eq!(missing, (404, "pods \"none\" not found".to_owned()));
    let several = message(bench.plain("POST", "p/exec?command=x&stdout=1").await);
    let text = "a container name must be specified for pod p, choose one of: [c dead]";
    assert_eq!(several, (400, text.to_owned()));
    let wrong = message(bench.plain("POST", "p/attach?container=x&stdout=1").await);
    assert_eq!(wrong, (400, "container x is not valid for pod p".to_owned()));
    let early = message(bench.plain("POST", "nowhere/portforward").await);
    assert_eq!(early, (400, "pod nowhere does not have a host assigned".to_owned()));
    let plain = message(bench.plain("GET", "p/exec?command=x&container=c&stdout=1").await);
    assert_eq!(plain, (400, "Upgrade request required".to_owned()));
    assert_eq!(bench.plain("PUT", "p/exec").await.code, 405);
    let refused = |path: &'static str| async { bench.spdy(path, "v4.channel.k8s.io").await.map(drop).unwrap_err() };
    let text = "you must specify at least 1 of stdin, stdout, stderr";
    assert_eq!(refused("p/exec?command=x&container=c").await, format!("400 {text}"));
    assert_eq!(refused("p/exec?command=x&container=dead&stdout=1").await, "500 container not found (\"dead\")");
    let unknown = bench.spdy("p/exec?command=x&container=c&stdout=1", "v8.channel.k8s.io").await.map(drop).unwrap_err();
    assert!(unknown.starts_with("403 unable to upgrade: unable to negotiate protocol"), "{unknown}");
}

/// A local server that answers with what it was sent, in capitals, once that has ended.
async fn capitals() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut all = Vec::new();
                socket.read_to_end(&mut all).await.unwrap();
                socket.write_all(&all.to_ascii_uppercase()).await.unwrap();
            });
        }
    });
    port
}

async fn forward_both_ways(spdy: &mut Spdy) {
    let port = capitals().await.to_string();
    let large = vec![b'a'; 300_000];
    for (id, stream) in [("0", 1), ("1", 5)] {
        spdy.start(stream, &[("streamtype", "error"), ("port", &port), ("requestid", id)]).await;
        spdy.replied(stream).await;
        spdy.send(stream, b"", true).await;
        spdy.start(stream + 2, &[("streamtype", "data"), ("port", &port), ("requestid", id)]).await;
        spdy.replied(stream + 2).await;
    }
    for piece in large.chunks(30_000) {
        spdy.send(3, piece, false).await;
    }
    spdy.send(7, b"small", true).await;
    assert_eq!(spdy.rest(7).await, b"SMALL");
    spdy.send(3, b"", true).await;
    assert!(spdy.rest(3).await == large.to_ascii_uppercase());
    spdy.start(9, &[("streamtype", "error"), ("port", "1"), ("requestid", "2")]).await;
    spdy.start(11, &[("streamtype", "data"), ("port", "1"), ("requestid", "2")]).await;
    let text = String::from_utf8(spdy.rest(9).await).unwrap();
    assert_eq!(text, "error forwarding port 1 to pod the-pod, uid : connection refused");
}

#[tokio::test]
async fn forwarded_connections_end_each_way_by_itself() {
    let bench = Bench::start().await;
    forward_both_ways(&mut bench.spdy("p/portforward", "portforward.k8s.io").await.unwrap()).await;
}

#[tokio::test]
async fn port_forward_is_tunnelled_through_a_websocket() {
    let bench = Bench::start().await;
    let socket = bench.socket("p/portforward", "SPDY/3.1+portforward.k8s.io").await.unwrap();
    forward_both_ways(&mut Spdy::over(super::tunnel::Tunnel::over(socket).io)).await;
}

#[tokio::test]
async fn websocket_channels_forward_the_ports_of_the_query() {
    let bench = Bench::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (served, done) = oneshot::channel();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut read = [0; 2];
        socket.read_exact(&mut read).await.unwrap();
        socket.write_all(b"out").await.unwrap();
        let _ = served.send(read);
    });
    let mut socket = bench.socket(&format!("p/portforward?ports={port},1"), "v4.channel.k8s.io").await.unwrap();
    let [low, high] = port.to_le_bytes();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(next(&mut socket).await.into_data().to_vec());
    }
    say(&mut socket, b"\0in").await;
    seen.push(next(&mut socket).await.into_data().to_vec());
    assert_eq!(&done.await.unwrap(), b"in");
    let failure = [b"\x03", &b"error forwarding port 1 to pod the-pod, uid : connection refused"[..]].concat();
    for expected in [vec![0, low, high], vec![1, low, high], vec![2, 1, 0], vec![3, 1, 0], failure, b"\0out".to_vec()] {
        assert!(seen.contains(&expected), "{expected:?} in {seen:?}");
    }
    assert!(matches!(next(&mut socket).await, Message::Close(Some(_))));
}

#[tokio::test]
async fn session_counts_as_a_connection_until_it_ends_and_ends_with_the_server() {
    let mut bench = Bench::start().await;
    let before = bench.fixture.serving.open_connections();
    let path = "p/exec?command=cat&container=c&stdin=true&stdout=true";
    let mut socket = bench.socket(path, "v5.channel.k8s.io").await.unwrap();
    next(&mut socket).await;
    assert!(bench.fixture.serving.open_connections() > before.saturating_sub(1));
    let Fixture { serving, .. } = bench.fixture;
    timeout(Duration::from_secs(10), serving.shutdown()).await.expect("sessions do not hold a shutdown up");
    timeout(PATIENCE, bench.gone.recv()).await.expect("the kubelet hears of it");
}
