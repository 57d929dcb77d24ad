//! Measures the release build in one run: start, virtual time, memory, latency, pods and requests per second, and what a
//! pod costs in small and in large Jobs, each beside its aim.
//! Client and server share the machine, so requests per second come with the processor time that the server itself
//! used. Nothing here asserts: the numbers are for people, and a loaded machine makes them worse.

mod jobs;
mod plugin;
mod requests;
mod runtimes;
mod scale;
mod spawn;
mod start;
mod table;
mod testkit;
mod virtual_time;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::server::Server;
use crate::workspace::{self, Profile};
use crate::{procfs, shell};
use table::Table;

/// What `cargo xtask bench` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Measure this kubectl-job instead of building one
    #[arg(long, value_name = "PROGRAM")]
    binary: Option<PathBuf>,
    /// Completions of the big Job, and of the plain loop beside it
    #[arg(long, default_value_t = 2000)]
    completions: usize,
    /// Its parallelism
    #[arg(long, default_value_t = 50)]
    parallelism: usize,
    /// Completions of the largest Job of scripted pods; one of a tenth runs before it. 0 leaves both out
    #[arg(long, value_name = "COMPLETIONS", default_value_t = 100_000)]
    scripted: usize,
    /// The example `completions` of the crate `cluster`, instead of building it
    #[arg(long, value_name = "PROGRAM", hide = true)]
    scripted_program: Option<PathBuf>,
    /// Seconds for each kind of request
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Set when the release build of this program runs itself
    #[arg(long, hide = true)]
    measure: bool,
}

/// Builds what is needed and measures.
///
/// # Errors
/// When a build fails or the server does.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if !options.measure {
        return again_in_release(options);
    }
    let binary = options.binary.clone().unwrap_or_else(|| workspace::binary(Profile::Release, "kubectl-job"));
    measure(options, &binary)?;
    Ok(ExitCode::SUCCESS)
}

/// The client that puts load on the server must be quick itself: the release build of this program does the measuring.
fn again_in_release(options: &Options) -> anyhow::Result<ExitCode> {
    let packages: &[&str] = if options.binary.is_some() { &["xtask"] } else { &["kubectl-job", "xtask"] };
    workspace::build(Profile::Release, packages)?;
    virtual_time::build()?;
    testkit::build()?;
    let mut command = Command::new(workspace::binary(Profile::Release, "xtask"));
    command.args(["bench", "--measure"]);
    command.args(["--completions", &options.completions.to_string()]);
    command.args(["--parallelism", &options.parallelism.to_string()]);
    command.args(["--seconds", &options.seconds.to_string()]);
    command.args(["--scripted", &options.scripted.to_string()]);
    if options.scripted > 0 {
        let program = options.scripted_program.clone().map_or_else(scale::build, Ok)?;
        command.arg("--scripted-program").arg(std::path::absolute(program)?);
    }
    if let Some(binary) = &options.binary {
        command.arg("--binary").arg(std::path::absolute(binary)?);
    }
    shell::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

fn measure(options: &Options, binary: &std::path::Path) -> anyhow::Result<()> {
    let mut table = Table::default();
    describe_machine();
    start::measure(binary, &mut table)?;
    virtual_time::measure(&mut table)?;
    testkit::measure(&mut table)?;
    let server = Server::start(binary, &[])?;
    memory(&server, "idle", "25 MiB", &mut table)?;
    let endpoint = server.endpoint()?;
    jobs::latency(&endpoint, &mut table)?;
    plugin::measure(binary, &server, &mut table)?;
    // The plain loop runs before and after the Job: where the two differ, the machine was busy with something else.
    let before = spawn::measure(options.completions)?;
    let kind = jobs::Kind::Process;
    let pods_per_second = jobs::throughput(&endpoint, "many", kind, options.completions, options.parallelism)?;
    let after = spawn::measure(options.completions)?;
    spawn::compare(options, pods_per_second, before, after, &mut table);
    memory(&server, &format!("with {} finished pods", options.completions), "", &mut table)?;
    requests::measure(&server, options.seconds, &mut table)?;
    server.stop()?;
    let server = Server::start(binary, &[])?;
    runtimes::measure(&server, options, &mut table)?;
    server.stop()?;
    if let Some(program) = options.scripted_program.as_deref().filter(|_| options.scripted > 0) {
        scale::measure(program, options.scripted, &mut table)?;
    }
    println!("\n{table}\n{}", notes());
    Ok(())
}

/// Resident memory of the listener, and of the processes that stand beside it.
fn memory(server: &Server, when: &str, aim: &str, table: &mut Table) -> anyhow::Result<()> {
    let listener = server.pid()?;
    let own = procfs::memory(listener)?;
    let mib = |kib: u64| kib as f64 / 1024.0;
    let text = format!("{:.1} MiB RSS, {:.1} MiB PSS", mib(own.rss_kib), mib(own.pss_kib));
    table.row(&format!("resident memory, {when}"), &text, aim);
    let others: Vec<u32> = server.processes().into_iter().filter(|pid| *pid != listener).collect();
    if !others.is_empty() {
        let pss: u64 = others.iter().filter_map(|pid| procfs::memory(*pid).ok()).map(|memory| memory.pss_kib).sum();
        table.row(&format!("  its {} helper processes", others.len()), &format!("{:.1} MiB PSS", mib(pss)), "");
    }
    Ok(())
}

fn describe_machine() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{processors} processors, load average {} before the run", load.join(" "));
}

fn notes() -> &'static str {
    "Client, server and pods share this machine's processors, so every figure falls when anything else runs: read a\n\
     figure together with the plain loop's, which ran just before and after, and compare runs by their ratios.\n\
     Figures reported for upstream's node, some 3.0 s for a one-pod Job and 41 s per 100 pods, are partly upstream's\n\
     choice (client-side rate limits, a 1 s batch of status updates) and buy isolation that local processes do not have:\n\
     a ratio to them says how long a person waits, not how good the code is."
}
