//! Requests per second over kept-alive HTTPS connections: get, list of 1,000 pods, create of a ConfigMap and of a Job.
//! Every answer's status is checked; a server that refuses quickly would otherwise look good.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::jobs;
use super::table::{Table, milliseconds, percentile};
use crate::https::{Connection, Endpoint};
use crate::procfs;
use crate::server::Server;

/// How many connections are busy at once.
const CONNECTIONS: usize = 8;
/// How many pods the list has.
const LISTED: usize = 1000;
const NAMESPACE: &str = "/api/v1/namespaces/bench";
const JOBS: &str = "/apis/batch/v1/namespaces/bench/jobs";

/// One request of a connection: the thread's number and the request's number make names unique.
type Send = fn(&mut Connection, usize, usize) -> anyhow::Result<u16>;

/// Measures every kind of request.
///
/// # Errors
/// When the server breaks off or refuses a request.
pub(super) fn measure(server: &Server, seconds: u64, table: &mut Table) -> anyhow::Result<()> {
    let endpoint = server.endpoint()?;
    let bytes = prepare(&endpoint)?;
    let get: Send = |link, _, _| Ok(link.get(&format!("{JOBS}/pods"))?.status);
    let list: Send = |link, _, _| Ok(link.get(&format!("{NAMESPACE}/pods"))?.status);
    let create_map: Send = |link, thread, number| {
        let map = json!({"metadata": {"name": format!("m-{thread}-{number}")}, "data": {"key": "value"}});
        Ok(link.post(&format!("{NAMESPACE}/configmaps"), map.to_string().as_bytes())?.status)
    };
    let create_job: Send = |link, thread, number| {
        let mut job = jobs::job(&format!("j-{thread}-{number}"), 1, 1);
        // A suspended Job is validated, stored and observed like any other, but starts no process.
        job["spec"]["suspend"] = true.into();
        Ok(link.post(JOBS, job.to_string().as_bytes())?.status)
    };
    let length = Duration::from_secs(seconds);
    let pid = server.pid()?;
    for (name, send) in [
        ("get of a Job".to_owned(), get),
        (format!("list of {LISTED} pods ({:.1} MB)", bytes as f64 / 1e6), list),
        ("create of a ConfigMap".to_owned(), create_map),
        ("create of a Job (suspended)".to_owned(), create_job),
    ] {
        let figure = load(&endpoint, pid, length, send)?;
        table.row(&format!("requests/s, {name}, {CONNECTIONS} connections"), &figure, "");
    }
    Ok(())
}

/// A namespace with a finished Job of 1,000 pods; the answer is how many bytes their list has.
fn prepare(endpoint: &Endpoint) -> anyhow::Result<usize> {
    let mut link = endpoint.connect()?;
    let namespace = link.post("/api/v1/namespaces", br#"{"metadata":{"name":"bench"}}"#)?;
    ensure!(namespace.status == 201, "creating the namespace: {}", String::from_utf8_lossy(&namespace.body));
    let mut events = endpoint.connect()?.watch(&format!("{JOBS}?watch=true&fieldSelector=metadata.name=pods"))?;
    let created = link.post(JOBS, jobs::job("pods", LISTED, 50).to_string().as_bytes())?;
    ensure!(created.status == 201, "creating the Job: {}", String::from_utf8_lossy(&created.body));
    events.until(|job| job["status"]["succeeded"] == LISTED && job["status"]["completionTime"].is_string())?;
    let list = link.get(&format!("{NAMESPACE}/pods"))?;
    let count = list.json()["items"].as_array().map_or(0, Vec::len);
    ensure!(count == LISTED, "the list has {count} pods");
    Ok(list.body.len())
}

/// Keeps every connection busy for so long.
fn load(endpoint: &Endpoint, pid: u32, length: Duration, send: Send) -> anyhow::Result<String> {
    let processor_before = procfs::processor_seconds(pid)?;
    let started = Instant::now();
    let results: Vec<anyhow::Result<Vec<f64>>> = thread::scope(|scope| {
        let one = |number| scope.spawn(move || busy(endpoint, number, length, send));
        let threads: Vec<_> = (0..CONNECTIONS).map(one).collect();
        threads.into_iter().map(|thread| thread.join().expect("a load thread does not panic")).collect()
    });
    let elapsed = started.elapsed().as_secs_f64();
    let processor = procfs::processor_seconds(pid)? - processor_before;
    let mut taken = Vec::new();
    for result in results {
        taken.extend(result?);
    }
    taken.sort_by(f64::total_cmp);
    let count = taken.len() as f64;
    Ok(format!(
        "{:.0} (p50 {}, p99 {}; server {:.0} us of processor each)",
        count / elapsed,
        milliseconds(percentile(&taken, 0.5)),
        milliseconds(percentile(&taken, 0.99)),
        processor / count * 1e6,
    ))
}

fn busy(endpoint: &Endpoint, thread: usize, length: Duration, send: Send) -> anyhow::Result<Vec<f64>> {
    let mut link = endpoint.connect()?;
    let mut taken = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < length {
        let started = Instant::now();
        let status = send(&mut link, thread, taken.len())?;
        taken.push(started.elapsed().as_secs_f64());
        ensure!(matches!(status, 200 | 201), "a request was answered with {status}");
    }
    Ok(taken)
}
