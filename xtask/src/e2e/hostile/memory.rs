//! Bodies that are small to send and large to read: each gets upstream's status code, one after the other and sixteen
//! at once, and the server's resident memory stays within 64 MiB of where it was.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{CONFIG_MAPS, MAX_BODY, judge};
use crate::e2e::report::Report;
use crate::https::Endpoint;
use crate::server::Server;
use crate::{procfs, shell};

/// How far resident memory may go beyond where it was, at its highest and afterwards.
const MAX_GROWTH_KIB: u64 = 64 * 1024;
/// So many requests are sent at once.
const PARALLEL: usize = 16;
/// How long freed memory may take to go back to the system.
const SETTLING: Duration = Duration::from_secs(10);

/// A body, and the status that it must get.
struct Bomb {
    name: &'static str,
    method: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
}

/// Sends everything and measures.
pub(super) fn run(server: &Server, endpoint: &Endpoint, report: &mut Report) -> anyhow::Result<Measured> {
    let target = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "target"}, "data": {"x": "y"}});
    endpoint.connect()?.post(CONFIG_MAPS, target.to_string().as_bytes())?;
    let pid = server.pid()?;
    let before = procfs::memory(pid)?.rss_kib;
    let bombs = bombs();
    for bomb in &bombs {
        report.check(bomb.name, send(endpoint, bomb));
    }
    report.check("memory after one of each: within 64 MiB", grown(pid, before));
    let all: Result<(), String> = thread::scope(|scope| {
        let sent: Vec<_> =
            bombs.iter().cycle().take(2 * PARALLEL).map(|bomb| scope.spawn(|| send(endpoint, bomb))).collect();
        sent.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err("a sender panicked".to_owned())))
    });
    report.check("all of them at once, twice sixteen", all);
    report.check("memory after that: within 64 MiB", grown(pid, before));
    let measured = Measured { pid, before };
    measured.check("memory at its highest: within 64 MiB", report)?;
    Ok(measured)
}

/// A server's memory as it was before all this.
pub(super) struct Measured {
    pid: u32,
    before: u64,
}

impl Measured {
    /// Checks the highest that memory was at since the server started.
    pub(super) fn check(&self, name: &str, report: &mut Report) -> anyhow::Result<()> {
        let over = procfs::peak_kib(self.pid)?.saturating_sub(self.before);
        let held = if over <= MAX_GROWTH_KIB { Ok(()) } else { Err(format!("{over} KiB over {} KiB", self.before)) };
        report.check(name, held);
        Ok(())
    }
}

fn send(endpoint: &Endpoint, bomb: &Bomb) -> Result<(), String> {
    let path = if bomb.method == "PATCH" { format!("{CONFIG_MAPS}/target") } else { CONFIG_MAPS.to_owned() };
    let headers = [("Content-Type", bomb.content_type)];
    let answer = endpoint.connect().and_then(|mut link| link.request(bomb.method, &path, &headers, &bomb.body));
    judge(&answer, bomb.status).map_err(|why| format!("{}: {why}", bomb.name))
}

/// Whether memory has settled near where it was.
fn grown(pid: u32, before: u64) -> Result<(), String> {
    let now = || procfs::memory(pid).map_or(u64::MAX, |memory| memory.rss_kib);
    let settled = shell::until(SETTLING, || (now() <= before + MAX_GROWTH_KIB).then_some(()));
    settled.ok_or_else(|| format!("{} KiB, was {before} KiB", now()))
}

fn bombs() -> Vec<Bomb> {
    let post = |name, content_type, body, status| Bomb { name, method: "POST", content_type, body, status };
    let patch = |name, content_type, body: String, status| {
        let body = body.into_bytes();
        Bomb { name, method: "PATCH", content_type, body, status }
    };
    let nested = format!("{}{}", "[".repeat(MAX_BODY / 2 - 100), "]".repeat(MAX_BODY / 2 - 100));
    vec![
        post("3 MiB of garbage as JSON: 400", JSON, vec![b'x'; MAX_BODY], 400),
        post("3 MiB of garbage as YAML: 400", YAML, vec![b'['; MAX_BODY], 400),
        post("3 MiB of garbage as protobuf: 400", PROTOBUF, vec![0xff; MAX_BODY], 400),
        post("3 MiB of nested lists as JSON: 400", JSON, format!("{{\"values\":{nested}}}").into_bytes(), 400),
        post("3 MiB of nested lists as YAML: 400", YAML, format!("values: {nested}").into_bytes(), 400),
        post("3 MiB of small maps as JSON: 413", JSON, filled("{\"data\":[", "{\"a\":1}", ",", "]}"), 413),
        post("3 MiB of numbers as JSON: 413", JSON, filled("{\"data\":[", "1", ",", "]}"), 413),
        post("3 MiB of small maps as YAML: 413", YAML, filled("data:\n", "- a: 1", "\n", "\n"), 413),
        post("3 MiB of small messages as protobuf: 413", PROTOBUF, messages(), 413),
        post("an alias bomb: 400", YAML, alias_bomb().into_bytes(), 400),
        patch("a JSON patch of 10,001 operations: 413", "application/json-patch+json", operations(10_001), 413),
        patch("a JSON patch that copies without end: 422", "application/json-patch+json", copies(), 422),
        patch("3 MiB of nested lists as a merge patch: 400", MERGE, format!("{{\"x\":{nested}}}"), 400),
        patch("3 MiB of nested lists as a strategic patch: 400", STRATEGIC, format!("{{\"x\":{nested}}}"), 400),
        patch("3 MiB of spaces in a merge patch: 200", MERGE, format!("{{{}}}", " ".repeat(MAX_BODY - 2)), 200),
    ]
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// As many items as fit into a body.
fn filled(start: &str, item: &str, between: &str, end: &str) -> Vec<u8> {
    let count = (MAX_BODY - start.len() - end.len()) / (item.len() + between.len());
    format!("{start}{}{end}", vec![item; count].join(between)).into_bytes()
}

/// A ConfigMap whose `data` has as many entries as fit, each of which has a key of one letter.
fn messages() -> Vec<u8> {
    // A map's entry: field 2 of the message, with field 1, the key. All keys differ, as far as two bytes go.
    let entry =
        |n: usize| [0x12, 5, 0x0a, 3, b'a' + (n % 26) as u8, b'a' + (n / 26 % 26) as u8, b'a' + (n / 676) as u8];
    let mut raw = Vec::new();
    // Owner references: field 13 of the metadata (field 1), each with a name of one letter.
    let owners: Vec<u8> = [0x6a, 3, 0x1a, 1, b'a'].repeat(500_000);
    field(&mut raw, 1, &owners);
    (0..1_000).for_each(|n| raw.extend_from_slice(&entry(n)));
    let mut meta = Vec::new();
    field(&mut meta, 1, b"v1");
    field(&mut meta, 2, b"ConfigMap");
    let mut body = b"k8s\0".to_vec();
    field(&mut body, 1, &meta);
    field(&mut body, 2, &raw);
    body
}

/// One field of bytes, with its length as a varint.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

fn alias_bomb() -> String {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 9].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    bomb
}

fn operations(count: usize) -> String {
    format!("[{}]", vec![r#"{"op":"add","path":"/x","value":"y"}"#; count].join(","))
}

/// Each operation doubles what is there.
fn copies() -> String {
    let first = format!(r#"{{"op":"add","path":"/data","value":{{"a":"{}"}}}}"#, "x".repeat(1_000));
    let more = (0..40).map(|n| format!(r#"{{"op":"copy","from":"/data","path":"/data/n{n}"}}"#));
    format!("[{}]", std::iter::once(first).chain(more).collect::<Vec<_>>().join(","))
}
