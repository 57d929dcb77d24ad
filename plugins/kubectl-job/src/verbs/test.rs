//! `test`: runs `*.jobtest.yaml`, each in a cluster of its own inside this process. No server, no kubeconfig.

mod root;
mod watch;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jobtest::report::{self, Report, Totals, Verdict};
use jobtest::{LoadError, Plan, RunOptions, Test};

use super::Setting;
use crate::cli::test::{JunitGranularity, TestArgs, TestFormat};
use crate::cli::verbs::ClockMode;
use crate::embedded;
use crate::exit::{Code, Failure};
use crate::output;
use crate::screen::{Screen, escape};
use crate::server::state::StateDir;
use explain::Style;

/// Runs the verb. Blocks; call outside of any runtime.
///
/// # Errors
/// Tests that cannot be read, files that cannot be written.
pub(crate) fn run(setting: &Setting, args: &TestArgs) -> anyhow::Result<Code> {
    if let Some(manifest) = &args.init {
        return init(setting, args, manifest);
    }
    let round = Round::new(setting, args)?;
    if args.watch {
        return watch::run(&round);
    }
    let tests = match round.chosen()? {
        Ok(tests) => tests,
        Err(code) => return Ok(code),
    };
    let (reports, real) = round.run(&tests);
    round.finish(&reports, &reports, real)?;
    Ok(if round.is_stopped() { Code::Interrupted } else { code(&reports) })
}

/// What all runs of one command share.
struct Round<'a> {
    screen: Screen,
    args: &'a TestArgs,
    plan: Plan,
    format: TestFormat,
    style: Style,
}

impl<'a> Round<'a> {
    fn new(setting: &Setting, args: &'a TestArgs) -> anyhow::Result<Self> {
        let plan = plan(setting, args)?;
        listen(plan.options.stop.clone());
        let screen = setting.screen;
        let style = Style { colour: screen.stdout_colour, ascii: screen.ascii, ..Style::default() };
        Ok(Self { screen, args, plan, format: args.format.unwrap_or_else(default_format), style })
    }

    /// Whether Ctrl-C came.
    fn is_stopped(&self) -> bool {
        self.plan.options.stop.load(Ordering::Relaxed)
    }

    /// The tests that are meant; the exit code when there are none, which was told.
    fn chosen(&self) -> anyhow::Result<Result<Vec<Test>, Code>> {
        let (screen, args) = (self.screen, self.args);
        let tests = match tests(args)? {
            Ok(tests) => tests,
            Err(errors) => {
                errors.iter().for_each(|error| screen.say(format!("error: {error}")));
                return Ok(Err(Code::Usage));
            }
        };
        let chosen: Vec<Test> = tests.into_iter().filter(|test| is_chosen(test, args.keyword.as_deref())).collect();
        if chosen.is_empty() {
            screen.say(match &args.keyword {
                Some(keyword) => format!("error: no test matches -k {keyword:?}"),
                None if !args.kuttl.is_empty() => "error: no tests found: there is no NN-*.yaml there".to_owned(),
                None => "error: no tests found: there is no *.jobtest.yaml here".to_owned(),
            });
            return Ok(Err(Code::Gone));
        }
        let runs_processes = matches!(args.clock, Some(ClockMode::Real | ClockMode::Hybrid));
        if let Some(test) = chosen.iter().find(|test| test.scripts_pods() && runs_processes) {
            let text = format!(
                "error: {}:{}: {} scripts its pods, so it cannot run with --clock real or hybrid",
                test.file, test.line, test.name
            );
            screen.say(text);
            return Ok(Err(Code::Usage));
        }
        Ok(Ok(chosen))
    }

    /// Runs tests and tells of each as it ends.
    fn run(&self, tests: &[Test]) -> (Vec<Report>, Duration) {
        let width = tests.iter().map(|test| test.name.chars().count()).max().unwrap_or(0).min(48);
        let begun = Instant::now();
        let reports = jobtest::run_all(
            tests,
            &self.plan,
            |test, seed| replay(self.args, test, seed),
            |report| {
                // Whoever reads may be gone: that is told at the end.
                let _ = tell(self.format, report, &self.style, width);
            },
        );
        (reports, begun.elapsed())
    }

    /// What is told at the end of a run, and the files that were asked for, which tell of all tests.
    fn finish(&self, ran: &[Report], all: &[Report], real: Duration) -> anyhow::Result<()> {
        finish(self.args, self.format, ran, real, &self.style)?;
        write_files(self.args, self.format, all, real)
    }
}

/// Ends all tests soon when Ctrl-C comes, so that their processes and folders go with them; at once when it comes again.
fn listen(stop: Arc<AtomicBool>) {
    // The thread ends with the process.
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.store(true, Ordering::Relaxed);
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(Code::Interrupted.number().into());
            }
        });
    });
}

/// The tests of all paths, or of manifests.
fn tests(args: &TestArgs) -> anyhow::Result<Result<Vec<Test>, Vec<LoadError>>> {
    if !args.manifests.is_empty() {
        let run_for = args.run_for.map(|span| span.0);
        let loaded = args.manifests.iter().map(|path| jobtest::zero_config(path, run_for));
        return Ok(loaded.collect::<Result<Vec<_>, _>>().map_err(|error| vec![error]));
    }
    if args.run_for.is_some() {
        return Err(Failure::usage("error: --run-for is for -f and --init; tests say it with runFor").into());
    }
    let here = [PathBuf::from(".")];
    if !args.kuttl.is_empty() {
        let collected = jobtest::collect_kuttl(&args.kuttl);
        return Ok(if collected.errors.is_empty() { Ok(collected.tests) } else { Err(collected.errors) });
    }
    let collected = jobtest::collect(if args.paths.is_empty() { &here } else { &args.paths });
    Ok(if collected.errors.is_empty() { Ok(collected.tests) } else { Err(collected.errors) })
}

fn plan(setting: &Setting, args: &TestArgs) -> anyhow::Result<Plan> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(Plan {
        options: options(setting, args)?,
        threads: args.jobs.unwrap_or(cores).max(1),
        repeat: args.repeat,
        fail_fast: args.fail_fast,
    })
}

fn options(setting: &Setting, args: &TestArgs) -> anyhow::Result<RunOptions> {
    let clock = args.clock.map(|mode| match mode {
        ClockMode::Real => jobtest::ClockMode::Real,
        ClockMode::Hybrid => jobtest::ClockMode::Hybrid,
        ClockMode::Virtual => jobtest::ClockMode::Virtual,
    });
    let supervisor = (std::env::current_exe()?, vec![embedded::SUPERVISOR.to_owned()]);
    Ok(RunOptions {
        seed: args.seed,
        clock,
        update: args.update,
        supervisor: Some(supervisor),
        keep: keep(setting, args)?,
        ..RunOptions::default()
    })
}

/// Where the clusters of tests that fail are kept, if they are.
fn keep(setting: &Setting, args: &TestArgs) -> anyhow::Result<Option<PathBuf>> {
    Ok(match &args.keep_on_failure {
        None => None,
        Some(Some(folder)) => Some(folder.clone()),
        Some(None) => Some(StateDir::open(setting.connection.state_dir.as_deref())?.root().join("failures")),
    })
}

fn default_format() -> TestFormat {
    let on_github = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    if on_github { TestFormat::Github } else { TestFormat::Pretty }
}

/// Whether `-k` means a test: terms joined with `or`, each part of the name or file, or not so with `not`.
fn is_chosen(test: &Test, keyword: Option<&str>) -> bool {
    let Some(keyword) = keyword else { return true };
    let text = format!("{} {}", test.name, test.file).to_lowercase();
    keyword.split(" or ").map(str::trim).any(|term| match (term.strip_prefix('='), term.strip_prefix("not ")) {
        (Some(name), _) => test.name == name,
        (None, Some(part)) => !text.contains(&part.trim().to_lowercase()),
        (None, None) => text.contains(&term.to_lowercase()),
    })
}

/// The command that runs one test again as it ran.
fn replay(args: &TestArgs, test: &Test, seed: u64) -> String {
    let mut words = vec![quoted(&program()), "test".to_owned()];
    match args.manifests.is_empty() {
        true if test.is_kuttl() => words.extend(["--kuttl".to_owned(), quoted(&test.file)]),
        true => words.extend([quoted(&test.file), "-k".to_owned(), quoted(&format!("={}", test.name))]),
        false => words.extend(["-f".to_owned(), quoted(&test.file)]),
    }
    words.push(format!("--seed {seed}"));
    if let Some(clock) = args.clock {
        let name = match clock {
            ClockMode::Real => "real",
            ClockMode::Hybrid => "hybrid",
            ClockMode::Virtual => "virtual",
        };
        words.push(format!("--clock {name}"));
    }
    if let Some(run_for) = args.run_for {
        words.push(format!("--run-for {}", jobtest::show(run_for.0)));
    }
    words.join(" ")
}

/// This program as a shell finds it: by its name where PATH leads to it, else as it was called.
fn program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found = called.parent().is_none_or(|folder| {
        folder.as_os_str().is_empty() || std::env::split_paths(&path).any(|known| known == folder)
    });
    match called.file_name() {
        Some(name) if is_found => name.to_string_lossy().into_owned(),
        _ => called.display().to_string(),
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Tells of a test that has ended, in the formats that do so at once.
fn tell(format: TestFormat, report: &Report, style: &Style, width: usize) -> std::io::Result<()> {
    let text = match format {
        TestFormat::Pretty => report::line(report, style, width),
        TestFormat::Github => {
            format!("{}{}", report::line(report, style, width), report::annotations(report, &root::from_root))
        }
        TestFormat::Tap | TestFormat::Json => return Ok(()),
    };
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// What is told at the end.
fn finish(
    args: &TestArgs,
    format: TestFormat,
    reports: &[Report],
    real: Duration,
    style: &Style,
) -> anyhow::Result<()> {
    match format {
        TestFormat::Pretty | TestFormat::Github => {
            let total = report::total(&Totals::of(reports), real, style);
            output::put(&format!("{total} {} seed {}\n", style.dot(), args.seed))?;
        }
        TestFormat::Tap => output::put(&report::tap(reports))?,
        TestFormat::Json => output::put(&format!("{:#}\n", report::json(reports, args.seed, real)))?,
    }
    Ok(())
}

/// The files that were asked for, and the summary of a step on GitHub.
fn write_files(args: &TestArgs, format: TestFormat, reports: &[Report], real: Duration) -> anyhow::Result<()> {
    if let Some(path) = &args.junit {
        let granularity = match args.junit_granularity {
            JunitGranularity::Test => report::Granularity::Test,
            JunitGranularity::Expectation => report::Granularity::Expectation,
        };
        write(path, &report::junit(reports, real, granularity))?;
    }
    if let Some(path) = &args.report {
        write(path, &report::html(reports, args.seed, real))?;
    }
    if format == TestFormat::Github
        && let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())
    {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| unwritten(Path::new(&path), &error))?;
        file.write_all(report::summary(reports, real).as_bytes())
            .map_err(|error| unwritten(Path::new(&path), &error))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Server, format!("error: write {}: {error}", path.display()))
}

fn code(reports: &[Report]) -> Code {
    let has = |wanted: fn(&Verdict) -> bool| reports.iter().any(|report| wanted(&report.verdict));
    match () {
        () if has(|verdict| matches!(verdict, Verdict::Broken(_))) => Code::Server,
        () if has(|verdict| *verdict == Verdict::Failed) => Code::Failure,
        () => Code::Success,
    }
}

/// Writes a test that expects what one run of a manifest did.
fn init(setting: &Setting, args: &TestArgs, manifest: &Path) -> anyhow::Result<Code> {
    let screen = setting.screen;
    let test = jobtest::zero_config(manifest, args.run_for.map(|span| span.0))
        .map_err(|error| Failure::usage(format!("error: {error}")))?;
    let path = manifest.with_extension("jobtest.yaml");
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    if path.exists() {
        return Err(Failure::usage(format!("error: {} exists already", path.display())).into());
    }
    let report = jobtest::run(&test, &options(setting, args)?);
    if let Verdict::Broken(why) = &report.verdict {
        return Err(Failure::new(Code::Server, format!("error: {why}")).into());
    }
    let refused = jobtest::refusal(&report);
    if report.jobs.is_empty() && refused.is_none() {
        let what = "no Job came of it: of a CronJob, say how long to run it, such as --run-for 3d";
        return Err(Failure::usage(format!("error: {}: {what}", manifest.display())).into());
    }
    if let Some(words) = refused.filter(|_| report.jobs.is_empty()) {
        screen.note(format!("the server refused it, and the test expects that: {}", escape(words)));
    }
    write(&path, &jobtest::record(&test, &report, &folder))?;
    output::put(&format!("{}\n", path.display()))?;
    screen.note(format!(
        "recorded virtual {} in real {}; run it with: kubectl job test {}",
        report.shown_virtual(),
        jobtest::show_real(report.real),
        quoted(&path.display().to_string())
    ));
    Ok(Code::Success)
}
