//! A SPDY client for tests: frames written by hand, independent of the server's codec.

use std::collections::HashMap;

use flate2::{Compress, Compression, FlushCompress};
use http::Request;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::http::tests::client::PATIENCE;

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// One connection.
pub(super) struct Spdy {
    io: Box<dyn Io>,
    compress: Option<Compress>,
    replied: Vec<u32>,
    data: HashMap<u32, Vec<u8>>,
    finished: Vec<u32>,
}

impl Spdy {
    /// Upgrades a connection; the error is the answer's code and text.
    pub(super) async fn open(
        mut io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        request: Request<()>,
        protocol: &str,
    ) -> Result<Self, String> {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri().path_and_query().unwrap());
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        io.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(PATIENCE, io.read_u8()).await.expect("an answer in time").unwrap());
        }
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        let code = answer.split(' ').nth(1).unwrap().to_owned();
        if code != "101" {
            let length = answer.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            io.read_exact(&mut body).await.unwrap();
            return Err(format!("{code} {}", String::from_utf8(body).unwrap()));
        }
        assert!(answer.contains("upgrade: spdy/3.1\r\n"), "{answer}");
        assert!(answer.contains(&format!("x-stream-protocol-version: {protocol}\r\n")), "{answer}");
        Ok(Self::over(io))
    }

    pub(super) fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { io: Box::new(io), compress: None, replied: Vec::new(), data: HashMap::new(), finished: Vec::new() }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// Opens a stream. Its headers are compressed without a use of the dictionary, which every block may do.
    pub(super) async fn start(&mut self, stream: u32, headers: &[(&str, &str)]) {
        let mut plain = (headers.len() as u32).to_be_bytes().to_vec();
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            plain.extend_from_slice(&(text.len() as u32).to_be_bytes());
            plain.extend_from_slice(text.as_bytes());
        }
        let compress = self.compress.get_or_insert_with(|| Compress::new(Compression::none(), true));
        let mut block = Vec::with_capacity(4096);
        compress.compress_vec(&plain, &mut block, FlushCompress::Sync).unwrap();
        let mut frame = vec![0x80, 3, 0, 1, 0, 0];
        frame.extend_from_slice(&(10 + block.len() as u16).to_be_bytes());
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(&[0; 6]);
        frame.extend_from_slice(&block);
        self.write(&frame).await;
    }

    pub(super) async fn send(&mut self, stream: u32, bytes: &[u8], last: bool) {
        let mut frame = stream.to_be_bytes().to_vec();
        frame.extend_from_slice(&(u32::from(last) << 24 | bytes.len() as u32).to_be_bytes());
        frame.extend_from_slice(bytes);
        self.write(&frame).await;
    }

    async fn read(&mut self) {
        let mut head = [0; 8];
        timeout(PATIENCE, self.io.read_exact(&mut head)).await.expect("a frame in time").unwrap();
        let [a, b, c, d, flags, high, middle, low] = head;
        let mut body = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.io.read_exact(&mut body).await.unwrap();
        if a & 0x80 == 0 {
            let stream = u32::from_be_bytes([a, b, c, d]);
            self.data.entry(stream).or_default().extend_from_slice(&body);
            if flags & 1 != 0 {
                self.finished.push(stream);
            }
        } else if [c, d] == [0, 2] {
            self.replied.push(u32::from_be_bytes(body[..4].try_into().unwrap()));
        }
    }

    /// Waits for the answer to a stream that was opened.
    pub(super) async fn replied(&mut self, stream: u32) {
        while !self.replied.contains(&stream) {
            self.read().await;
        }
    }

    /// The next so many bytes of a stream.
    pub(super) async fn data(&mut self, stream: u32, count: usize) -> Vec<u8> {
        while self.data.get(&stream).is_none_or(|data| data.len() < count) {
            self.read().await;
        }
        self.data.get_mut(&stream).unwrap().drain(..count).collect()
    }

    /// All that comes on a stream until it ends.
    pub(super) async fn rest(&mut self, stream: u32) -> Vec<u8> {
        while !self.finished.contains(&stream) {
            self.read().await;
        }
        self.data.remove(&stream).unwrap_or_default()
    }
}
