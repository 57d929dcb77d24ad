//! A small blocking HTTPS client for one API server: HTTP/1.1, one kept-alive connection, a bearer token. It exists to
//! measure the server and to send what well-behaved clients never send. It is no general client: no redirects, no
//! proxies, no retries.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, fs, io};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// Where a server is, and what it trusts; read from a kubeconfig.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// `127.0.0.1`.
    pub(crate) host: String,
    /// The TCP port.
    pub(crate) port: u16,
    /// The bearer token.
    pub(crate) token: String,
    tls: Arc<ClientConfig>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}:{})", self.host, self.port)
    }
}

impl Endpoint {
    /// Reads a kubeconfig's first cluster and user.
    ///
    /// # Errors
    /// When the file is not a kubeconfig with an embedded CA and a token.
    pub(crate) fn from_kubeconfig(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let config: Value = serde_yaml::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
        let at = |pointer: &str| {
            config
                .pointer(pointer)
                .and_then(Value::as_str)
                .with_context(|| format!("{} has no {pointer}", path.display()))
        };
        let server = at("/clusters/0/cluster/server")?;
        let address = server.strip_prefix("https://").context("the server's address is not https")?;
        let (host, port) = address.trim_end_matches('/').rsplit_once(':').context("the address has no port")?;
        let authority = BASE64_STANDARD.decode(at("/clusters/0/cluster/certificate-authority-data")?)?;
        Ok(Self {
            host: host.to_owned(),
            port: port.parse()?,
            token: at("/users/0/user/token")?.to_owned(),
            tls: client_config(&authority)?,
        })
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When nobody listens or the certificate is not trusted.
    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .with_context(|| format!("connecting to {}:{}", self.host, self.port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(READ_LIMIT))?;
        let name = ServerName::try_from(self.host.clone())?;
        let session = ClientConnection::new(Arc::clone(&self.tls), name)?;
        let defaults = vec![
            ("Host".to_owned(), format!("{}:{}", self.host, self.port)),
            ("Authorization".to_owned(), format!("Bearer {}", self.token)),
        ];
        Ok(Connection { stream: BufReader::new(StreamOwned::new(session, tcp)), defaults })
    }
}

/// How long an answer may take.
const READ_LIMIT: Duration = Duration::from_secs(180);

fn client_config(authority: &[u8]) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    /// `Host` and `Authorization`; a request's own headers of the same name stand in for them.
    defaults: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null when it is not.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Connection {
    /// `GET path`.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.request("GET", path, &[], b"")
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<Answer> {
        self.request("POST", path, &[("Content-Type", "application/json")], body)
    }

    /// Any request. A header with an empty value leaves a default header out.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let sent = self.send(method, path, headers, body);
        // A server may answer and close before it has read all of a body that is too large; its answer counts.
        let head = match (self.head(), sent) {
            (Ok(head), _) => head,
            (Err(_), Err(error)) => return Err(error.into()),
            (Err(error), Ok(())) => return Err(error),
        };
        self.answer(head)
    }

    /// Sends `start` at once and then one byte more at each `pause`, until the server says something or closes, which
    /// is `None`.
    ///
    /// # Errors
    /// When it does neither within `limit`, or breaks off in the midst of an answer.
    pub(crate) fn trickle(&mut self, start: &[u8], pause: Duration, limit: Duration) -> anyhow::Result<Option<Answer>> {
        let started = Instant::now();
        let stream = self.stream.get_mut();
        stream.write_all(start)?;
        stream.sock.set_read_timeout(Some(pause))?;
        loop {
            let stream = self.stream.get_mut();
            // Once the server has closed, reading tells.
            let _ = stream.write_all(b"x").and_then(|()| stream.flush());
            match self.stream.fill_buf() {
                Ok([]) => return Ok(None),
                Ok(_) => break,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(_) => return Ok(None),
            }
            if started.elapsed() > limit {
                bail!("neither an answer nor an end in {limit:?}");
            }
        }
        self.stream.get_ref().sock.set_read_timeout(Some(READ_LIMIT))?;
        let head = self.head()?;
        self.answer(head).map(Some)
    }

    /// The rest of an answer.
    fn answer(&mut self, head: Head) -> anyhow::Result<Answer> {
        let mut body = Vec::new();
        if head.chunked {
            while let Some(chunk) = self.chunk()? {
                body.extend(chunk);
            }
        } else if let Some(length) = head.length {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(Answer { status: head.status, body })
    }

    /// `GET path` whose body is handed out piece by piece, as it comes.
    ///
    /// # Errors
    /// When the connection breaks or the server does not answer with 200.
    pub(crate) fn stream(mut self, path: &str, mut take: impl FnMut(&[u8])) -> anyhow::Result<()> {
        self.send("GET", path, &[], b"")?;
        let head = self.head()?;
        if head.status != 200 || !head.chunked {
            bail!("GET {path} answered {} instead of a stream", head.status);
        }
        while let Some(chunk) = self.chunk()? {
            take(&chunk);
        }
        Ok(())
    }

    /// Opens a watch: `GET path`, then one event per line.
    ///
    /// # Errors
    /// When the server does not answer with a stream.
    pub(crate) fn watch(mut self, path: &str) -> anyhow::Result<Watch> {
        self.send("GET", path, &[], b"")?;
        let head = self.head()?;
        if head.status != 200 || !head.chunked {
            bail!("GET {path} answered {} instead of a stream", head.status);
        }
        Ok(Watch { connection: self, buffered: Vec::new() })
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        let replaced = |name: &str| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let defaults = self.defaults.iter().filter(|(name, _)| !replaced(name));
        for (name, value) in
            defaults.map(|(name, value)| (name.as_str(), value.as_str())).chain(headers.iter().copied())
        {
            if !value.is_empty() {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !body.is_empty() || method == "POST" {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        let stream = self.stream.get_mut();
        stream.write_all(&bytes)?;
        stream.flush()
    }

    fn head(&mut self) -> anyhow::Result<Head> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut head =
            Head { status: status.with_context(|| format!("not HTTP: {first:?}"))?, length: None, chunked: false };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { return Ok(head) };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.trim().parse().ok(),
                "transfer-encoding" => head.chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
    }

    /// The next chunk; `None` after the last.
    fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let size = self.line()?;
        let length = usize::from_str_radix(size.trim(), 16).with_context(|| format!("not a chunk size: {size:?}"))?;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok((length > 0).then_some(bytes))
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }
}

struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
}

/// An open watch.
pub(crate) struct Watch {
    connection: Connection,
    buffered: Vec<u8>,
}

impl Watch {
    /// The next event; `None` when the server ends the stream.
    ///
    /// # Errors
    /// When the stream breaks or a line is not JSON.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            if let Some(at) = self.buffered.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffered.drain(..=at).collect();
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            match self.connection.chunk()? {
                Some(chunk) => self.buffered.extend(chunk),
                None => return Ok(None),
            }
        }
    }

    /// Reads events until one satisfies the condition and answers with its object.
    ///
    /// # Errors
    /// When the stream ends first.
    pub(crate) fn until(&mut self, mut met: impl FnMut(&Value) -> bool) -> anyhow::Result<Value> {
        while let Some(mut event) = self.next()? {
            if met(&event["object"]) {
                return Ok(event["object"].take());
            }
        }
        bail!("the watch ended before its condition was met")
    }
}

#[cfg(test)]
mod tests;
