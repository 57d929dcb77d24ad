//! Runs one test: creates its manifests, does what it says at its times, lets time pass until nothing more is to be
//! expected, and has it judged.

mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use explain::{LogTail, Manifest, Story};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::format::{Action, ClockMode, Test, When};
use crate::judge::{self, Evidence};
use crate::keep;
use crate::machine::{Logs, Machine, Supervisor};
use crate::perform::{self, Refused};
use crate::report::{Failure, JobReport, Report, Verdict};
use crate::slips;
use crate::world::{JobTrack, World, text};

/// How much virtual time may pass in a test that does not say.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How long at most is waited at a time for processes.
const STEP: SignedDuration = SignedDuration::from_secs(1);
/// Lines of output that a failure shows of each attempt.
const TAIL: usize = 20;

/// How to run tests.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What names and UIDs are drawn from.
    pub seed: u64,
    /// Instead of the test's own.
    pub clock: Option<ClockMode>,
    /// Whether golden timelines are written instead of compared.
    pub update: bool,
    /// What owns the processes of pods, where pods are processes.
    pub supervisor: Option<Supervisor>,
    /// Where the data of the clusters of tests that fail are kept, in a folder for each.
    pub keep: Option<PathBuf>,
    /// Set to end all tests soon.
    pub stop: Arc<AtomicBool>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { seed: 1, clock: None, update: false, supervisor: None, keep: None, stop: Arc::default() }
    }
}

/// Runs a test in a cluster of its own. Blocks until it has ended; call outside of any runtime.
pub fn run(test: &Test, options: &RunOptions) -> Report {
    let begun = Instant::now();
    let mode = options.clock.unwrap_or_else(|| test.mode());
    let mut report = Report::new(test, mode, options.seed);
    if mode != ClockMode::Virtual && !test.pods.is_empty() {
        report.verdict =
            Verdict::Broken(format!("its pods are scripted, so it cannot run with --clock {}", mode.name()));
        return report;
    }
    let run = catch_unwind(AssertUnwindSafe(|| attempt(test, mode, options, &mut report)));
    report.real = begun.elapsed();
    match run {
        Ok(Ok(())) if report.failures.is_empty() => report.verdict = Verdict::Passed,
        Ok(Ok(())) => report.verdict = Verdict::Failed,
        Ok(Err(why)) => report.verdict = Verdict::Broken(why),
        Err(panic) => {
            let text =
                panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            report.verdict = Verdict::Broken(format!("the cluster broke: {}", text.unwrap_or("it panicked")));
        }
    }
    report
}

fn attempt(test: &Test, mode: ClockMode, options: &RunOptions, report: &mut Report) -> Result<(), String> {
    let machine = Machine::start(test, mode, options.seed, options.supervisor.as_ref())?;
    let mut driver = Driver {
        test,
        start: machine.now(),
        wall_end: Instant::now() + test.wall_timeout,
        actions: test.actions.iter().collect(),
        failures: Vec::new(),
        refusal: None,
        timed_out: false,
        stop: &options.stop,
    };
    if test.steps.is_empty() {
        driver.create(&machine);
        if driver.refusal.is_none() {
            driver.drive(&machine);
        }
    } else {
        report.unreached = driver.climb(&machine);
    }
    if options.stop.load(Ordering::Relaxed) {
        return Err("interrupted".to_owned());
    }
    machine.settle();
    machine.read_logs();
    report.virtual_time = machine.now().duration_since(driver.start);
    let logs = machine.logs();
    let world = machine.world.lock().clone();
    let stories: Vec<Story> = world.jobs.iter().map(|track| story(test, &machine, &world, track, &logs)).collect();
    report.failures.append(&mut driver.failures);
    let evidence = Evidence {
        test,
        world: &world,
        stories: &stories,
        logs: &logs,
        machine: &machine,
        refusal: driver.refusal.as_ref(),
        timed_out: driver.timed_out,
        update: options.update,
    };
    let judged = judge::judge(&evidence);
    report.failures.extend(judged.failures);
    report.notes = judged.notes;
    report.history = judged.history;
    report.jobs = stories.iter().map(JobReport::of).collect();
    report.unjudged = driver.refusal.is_some();
    if let Some(folder) = options.keep.as_ref().filter(|_| !report.failures.is_empty()) {
        match keep::keep(folder, &evidence, report) {
            Ok(kept) => report.kept = Some(kept),
            Err(why) => report.notes.push(format!("its cluster could not be kept: {why}")),
        }
    }
    Ok(())
}

struct Driver<'a> {
    test: &'a Test,
    start: Timestamp,
    wall_end: Instant,
    /// What is still to be done.
    actions: Vec<&'a Action>,
    failures: Vec<Failure>,
    /// The API's refusal of a manifest, and which.
    refusal: Option<(String, Refused)>,
    timed_out: bool,
    stop: &'a AtomicBool,
}

impl Driver<'_> {
    /// Creates what the manifests say, until one is refused.
    fn create(&mut self, machine: &Machine) {
        for document in self.test.documents() {
            if let Err(mut refused) = perform::create(machine, document) {
                refused.hint = slips::hint(&document.value, &refused.message);
                let place = refused.field.as_deref().and_then(|field| document.source.place(field));
                let file = document.source.file().unwrap_or_default().to_owned();
                self.refusal = Some((place.unwrap_or(file), refused));
                return;
            }
        }
    }

    fn time_of(&self, action: &Action) -> Timestamp {
        match action.at {
            When::After(duration) => self.start.saturating_add(duration).unwrap_or(Timestamp::MAX),
            When::At(time) => time,
        }
    }

    /// Lets time pass, from one thing to do to the next.
    fn drive(&mut self, machine: &Machine) {
        let longest = self.test.run_for.unwrap_or(LONGEST);
        let end = self.start.saturating_add(longest).unwrap_or(Timestamp::MAX);
        loop {
            self.settle(machine);
            self.act(machine);
            let now = machine.now();
            let is_over = now >= end || self.timed_out || self.test.run_for.is_none() && self.is_decided(machine);
            if is_over {
                return;
            }
            let next_action = self.actions.iter().map(|action| self.time_of(action)).min();
            let asked = self.test.run_for.map(|_| end);
            // A process may end at any moment; real time passes by itself.
            let drawn = if machine.is_busy() || machine.mode() == ClockMode::Real {
                now.saturating_add(STEP).ok()
            } else {
                machine.drawn_to()
            };
            // Nothing draws time on, and nobody asks for more of it: nothing more will happen.
            let Some(next) = [next_action, machine.blows.next(), asked, drawn].into_iter().flatten().min() else {
                return;
            };
            self.pass(machine, next.min(end));
        }
    }

    fn settle(&mut self, machine: &Machine) {
        machine.settle();
        machine.read_logs();
    }

    /// Lets time pass until then, or until something is to be done before.
    fn pass(&mut self, machine: &Machine, until: Timestamp) {
        let (blows, world, wall_end, stop) = (machine.blows.clone(), machine.world.clone(), self.wall_end, self.stop);
        let mut timed_out = false;
        let (has_processes, waits) = (machine.mode() != ClockMode::Virtual, self.test.run_for.is_some());
        let mut ended = world.lock().ended_containers();
        machine.run_until(until, || {
            timed_out = Instant::now() >= wall_end || stop.load(Ordering::Relaxed);
            let is_earlier = blows.next().is_some_and(|next| next < until);
            // Output of processes is read before their pods can go.
            let has_output = has_processes && {
                let now = world.lock().ended_containers();
                std::mem::replace(&mut ended, now) != now
            };
            timed_out || is_earlier || has_output || has_processes && !waits && world.lock().is_quiet()
        });
        self.timed_out = timed_out || Instant::now() >= wall_end || stop.load(Ordering::Relaxed);
    }

    /// Does what is due.
    fn act(&mut self, machine: &Machine) {
        let now = machine.now();
        for due in machine.blows.take(now) {
            // The pod may be gone already: then there is nothing to disturb.
            let _ = perform::strike(machine, &due.namespace, &due.pod, due.blow);
            machine.settle();
        }
        let all = std::mem::take(&mut self.actions);
        let (due, left): (Vec<&Action>, Vec<&Action>) = all.into_iter().partition(|action| self.time_of(action) <= now);
        self.actions = left;
        for action in due {
            let done = perform::perform(machine, &action.what);
            machine.settle();
            if let Some(failure) = judge_action(action, done) {
                self.failures.push(failure);
            }
        }
    }

    /// Whether all that is expected has come, or can no longer.
    fn is_decided(&self, machine: &Machine) -> bool {
        if !self.actions.is_empty() || machine.blows.next().is_some() {
            return false;
        }
        let world = machine.world.lock();
        world.is_quiet()
    }
}

fn judge_action(action: &Action, done: Result<(), Refused>) -> Option<Failure> {
    let failure = |want: String, got: String| Some(Failure::at(action.line, &action.field, want, got));
    match (&action.refused, done) {
        (None, Ok(())) => None,
        (None, Err(refused)) => failure("done".to_owned(), refused.message),
        (Some(part), Ok(())) => failure(format!("refused: {part}"), "done".to_owned()),
        (Some(part), Err(refused)) if refused.message.contains(part.as_str()) => None,
        (Some(part), Err(refused)) => failure(format!("refused: {part}"), refused.message),
    }
}

/// All that is known of a Job.
fn story(test: &Test, machine: &Machine, world: &World, track: &JobTrack, logs: &Logs) -> Story {
    let pods: Vec<Value> = track.pods.pods().to_vec();
    let names: Vec<&str> = pods.iter().map(|pod| text(pod, "/metadata/name")).collect();
    let about = |event: &&Value| {
        let name = text(event, "/involvedObject/name");
        name == track.name() || names.contains(&name)
    };
    let tail = |((pod, container, run), lines): (&(String, String, u32), &Vec<String>)| LogTail {
        pod: pod.clone(),
        run: *run,
        container: container.clone(),
        lines: lines[lines.len().saturating_sub(TAIL)..].to_vec(),
    };
    let manifest = test
        .manifests
        .iter()
        .find(|manifest| manifest.documents.iter().any(|document| judge::is_source_of(document, &track.job)));
    Story {
        job: track.job.clone(),
        events: world.events().into_iter().filter(about).cloned().collect(),
        records: Some(machine.records(&track.job)),
        manifest: manifest.map(|manifest| Manifest { file: manifest.file.clone(), text: manifest.text.to_string() }),
        logs: logs.iter().filter(|((pod, ..), _)| names.contains(&pod.as_str())).map(tail).collect(),
        pods,
        now: machine.now(),
    }
}
