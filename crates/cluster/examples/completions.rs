//! Runs one Job of scripted pods that end at once and succeed, in a process of its own, and prints what it took as one
//! line of JSON: `completions PARALLELISM [Indexed]`. For `cargo xtask bench`, which runs it in two sizes: memory of
//! the one must not be memory of the other.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use api::resource::JOBS;
use client::{Client, Observation, Selection, observe};
use clock::SystemClock;
use cluster::{Cluster, Config, Pods};
use futures::StreamExt;
use kubelet::runtime::scripted::{Act, Attempt, Run};
use serde_json::{Value, json};

/// As the product allocates, so that memory is comparable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [completions, parallelism, mode @ ..] = words.as_slice() else {
        return Err("usage: completions COMPLETIONS PARALLELISM [Indexed]".into());
    };
    let mode = mode.first().map_or("NonIndexed", String::as_str);
    let job = job(completions.parse()?, parallelism.parse()?, mode);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(run(job))?);
    Ok(())
}

fn job(completions: usize, parallelism: usize, mode: &str) -> Value {
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "many"},
        "spec": {
            "completions": completions, "parallelism": parallelism, "completionMode": mode, "template": template,
        },
    })
}

/// Success at once.
fn script(_: &Attempt) -> Act {
    Act::Run(Run::exits(0, jiff::SignedDuration::ZERO))
}

async fn run(job: Value) -> Result<Value, Box<dyn Error>> {
    let mut config = Config::new("/nonexistent".into(), no_supervisor());
    config.pods = Pods::Scripted(Arc::new(script));
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
    }))
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
