//! Runs one Job of scripted pods that end at once, in a process of its own, and prints what it took as one line of JSON:
//! `COMPLETIONS PARALLELISM [Indexed | Alternating]`. The pods succeed; with `Alternating` every other index fails for
//! good, so that both lists of indexes are as long as they get. For `cargo xtask bench`, which runs it in several sizes:
//! memory of the one must not be memory of the other.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use api::resource::JOBS;
use client::{Client, Observation, Selection, observe};
use clock::SystemClock;
use cluster::{Cluster, Config, Pods};
use futures::StreamExt;
use kubelet::runtime::scripted::{Act, Attempt, Run};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// As the product allocates, so that memory is comparable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [completions, parallelism, mode @ ..] = words.as_slice() else {
        return Err("usage: completions COMPLETIONS PARALLELISM [Indexed | Alternating]".into());
    };
    let mode = mode.first().map_or("NonIndexed", String::as_str);
    let alternating = mode == "Alternating";
    let job = job(completions.parse()?, parallelism.parse()?, mode);
    tracing_subscriber::registry().with(LongestSync).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(run(job, alternating))?);
    Ok(())
}

fn job(completions: usize, parallelism: usize, mode: &str) -> Value {
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    let mut spec = json!({"completions": completions, "parallelism": parallelism, "template": template});
    if mode == "Alternating" {
        spec["backoffLimitPerIndex"] = 0.into();
    }
    spec["completionMode"] = if mode == "NonIndexed" { mode } else { "Indexed" }.into();
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "many"}, "spec": spec})
}

/// The end at once: success, but for every other index if they are to alternate.
fn script(alternating: bool) -> impl Fn(&Attempt) -> Act {
    move |attempt| {
        let fails = alternating && attempt.index().is_some_and(|index| index % 2 == 1);
        Act::Run(Run::exits(i32::from(fails), jiff::SignedDuration::ZERO))
    }
}

/// The longest reconcile of the Job controller so far, in microseconds.
static LONGEST_SYNC: AtomicU64 = AtomicU64::new(0);

/// Reads it from the records of the controllers' runner.
struct LongestSync;

impl<S: tracing::Subscriber> Layer<S> for LongestSync {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == controller::SYNC_TARGET
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut sync = Sync::default();
        event.record(&mut sync);
        if sync.of_jobs {
            LONGEST_SYNC.fetch_max((sync.seconds * 1e6) as u64, Ordering::Relaxed);
        }
    }
}

/// One record.
#[derive(Default)]
struct Sync {
    of_jobs: bool,
    seconds: f64,
}

impl Visit for Sync {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.of_jobs |= field.name() == "controller" && value == "job";
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "seconds" {
            self.seconds = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

async fn run(job: Value, alternating: bool) -> Result<Value, Box<dyn Error>> {
    let mut config = Config::new("/nonexistent".into(), no_supervisor());
    config.pods = Pods::Scripted(Arc::new(script(alternating)));
    let cluster = Cluster::start(config).await?;
    let client = cluster.client();
    let idle_kib = status_kib("VmRSS:")?;
    let processor = processor_seconds()?;
    let started = Instant::now();
    client.create(&JOBS, Some("default"), job).await?;
    let ended = end(client).await?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(json!({
        "seconds": seconds,
        "processor_seconds": processor_seconds()? - processor,
        "idle_kib": idle_kib,
        "rss_kib": status_kib("VmRSS:")?,
        "peak_kib": status_kib("VmHWM:")?,
        "succeeded": ended["status"]["succeeded"],
        "failed": ended["status"]["failed"],
        "index_bytes": bytes(&ended["status"]["completedIndexes"]) + bytes(&ended["status"]["failedIndexes"]),
        "longest_sync_seconds": LONGEST_SYNC.load(Ordering::Relaxed) as f64 / 1e6,
    }))
}

fn bytes(text: &Value) -> usize {
    text.as_str().map_or(0, str::len)
}

/// Never started: pods are no processes.
fn no_supervisor() -> cluster::SupervisorCommand {
    cluster::SupervisorCommand { program: "/nonexistent".into(), args: Vec::new() }
}

/// The Job when it has ended.
async fn end(client: Client) -> Result<Value, Box<dyn Error>> {
    let mut seen = observe(client, Arc::new(SystemClock), JOBS, Selection::default());
    loop {
        let jobs = match seen.next().await.ok_or("no observation")? {
            Observation::Restarted { objects, .. } => objects,
            Observation::Applied(job) => vec![job],
            Observation::Deleted(_) | Observation::Reached(_) => Vec::new(),
        };
        let finished =
            |job: &Value| api::conditions::is_true(job, "Complete") || api::conditions::is_true(job, "Failed");
        if let Some(job) = jobs.iter().map(|job| job.to_value()).find(finished) {
            return Ok(job);
        }
    }
}

fn status_kib(name: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// User and system time of this process, in seconds.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no name")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64, Box<dyn Error>> { Ok(fields.get(at).ok_or("too few")?.parse::<f64>()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
