//! `wait`: until Jobs have finished, or whatever else was asked for; ends with their result.

pub(crate) mod goal;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::Options;
use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::logs::LogOptions;
use api::resource::{EVENTS, JOBS, PODS};
use client::{Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use super::{Setting, select};
use crate::cli::verbs::WaitArgs;
use crate::exit::{Code, Failure};
use crate::follow::{Interrupts, probe, progress};
use crate::obstacles::Obstacles;
use crate::output;
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::attempts::Attempts;
use crate::view::stuck::{self, Troubles};
use goal::{Goal, Judgement, Seen, judge};

/// How often obstacles and silence are looked at.
const TICK: Duration = Duration::from_millis(500);
/// After this long without the Job, its name is doubted aloud.
const DOUBT: SignedDuration = SignedDuration::from_secs(5);
/// How often a wait says that it still waits.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(30);
/// Lines of output printed with `--logs-on-failure`.
const LAST_LINES: u64 = 20;

/// Runs the verb.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: WaitArgs) -> anyhow::Result<Code> {
    let goals = goal::parse(&args.what)?;
    let mut names = select::job_names(&args.names)?;
    let target = target::open(&setting.connection, setting.screen).await?;
    names = select::resolve(&target, names).await?;
    if names.is_empty() {
        let options = Options { label_selector: args.selector.clone(), ..Options::default() };
        let jobs = target.client.list(&JOBS, Some(&target.namespace), options).await?;
        names = jobs.items.iter().map(|job| job.meta().name.clone()).collect();
        if names.is_empty() {
            return Err(Failure::new(Code::Gone, "error: no matching resources found").into());
        }
    }
    let mut interrupts = Interrupts::new()?;
    let wait = Wait { setting, target: &target, args: &args, goals: &goals };
    let timeout = args.timeout.map(|span| span.0);
    if timeout.is_some_and(|span| span.is_zero()) {
        return wait.look_once(&names).await;
    }
    let timeout = timeout.filter(|span| span.is_positive());
    let expired = async {
        match timeout {
            Some(span) => tokio::time::sleep(span.unsigned_abs()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        code = interrupts.next() => Ok(code),
        code = wait.all(&names) => code,
        () = expired => {
            setting.screen.say(format!("error: timed out waiting for {} on {}", args.what, escape(&names.join(", "))));
            Ok(Code::Timeout)
        }
    }
}

struct Wait<'a> {
    setting: &'a Setting,
    target: &'a Target,
    args: &'a WaitArgs,
    goals: &'a [Goal],
}

impl Wait<'_> {
    /// Waits for every Job, or for the first with `--any`; the worst result is the whole's.
    async fn all(&self, names: &[String]) -> anyhow::Result<Code> {
        let mut waits: FuturesUnordered<_> = names.iter().map(|name| self.one(name)).collect();
        let mut code = Code::Success;
        while let Some(judged) = waits.next().await {
            let (name, judgement) = judged?;
            self.tell(&name, &judgement).await?;
            if self.args.any {
                return Ok(judgement.code);
            }
            code = code.max(judgement.code);
        }
        Ok(code)
    }

    async fn tell(&self, name: &str, judgement: &Judgement) -> anyhow::Result<()> {
        output::put(&format!("job.batch/{} {}\n", escape(name), escape(&judgement.text)))?;
        if self.args.logs_on_failure && judgement.code == Code::Failure {
            self.last_lines(name).await?;
        }
        Ok(())
    }

    /// `--timeout=0`: asks each Job once.
    async fn look_once(&self, names: &[String]) -> anyhow::Result<Code> {
        let mut code = Code::Success;
        for name in names {
            let job = match self.target.client.get(&JOBS, Some(&self.target.namespace), name).await {
                Ok(object) => Some(object.decode::<Job>()?),
                Err(error) if error.is_not_found() && self.goals.contains(&Goal::Deleted) => None,
                Err(error) => return Err(error.into()),
            };
            let pods = match &job {
                Some(job) => select::pods(self.target, job).await?,
                None => Vec::new(),
            };
            let troubles = self.troubles().await;
            let stuck = job.as_ref().and_then(|job| stuck::find(job, &pods, &troubles));
            match judge(self.goals, Seen { job: job.as_ref(), was_there: true, stuck: stuck.as_ref() }) {
                Some(judgement) => {
                    self.tell(name, &judgement).await?;
                    code = code.max(judgement.code);
                }
                None => {
                    self.setting.screen.say(format!(
                        "error: job.batch/{} is not there yet: {}",
                        escape(name),
                        self.args.what
                    ));
                    code = code.max(Code::Timeout);
                }
            }
        }
        Ok(code)
    }

    /// What Events say of pods that cannot start; nothing when the server does not give them.
    async fn troubles(&self) -> Troubles {
        let options = Options { field_selector: Some(Troubles::FIELD_SELECTOR.to_owned()), ..Options::default() };
        let listed = self.target.client.list(&EVENTS, Some(&self.target.namespace), options).await;
        let events = listed.map(|list| list.items).unwrap_or_default();
        Troubles::of(events.iter().map(|event| event.to_value()).collect::<Vec<_>>().iter())
    }

    /// Waits for one Job.
    async fn one(&self, name: &str) -> anyhow::Result<(String, Judgement)> {
        let mut watched = Watched::new(crate::time::now());
        let (client, clock) = (&self.target.client, Arc::new(SystemClock));
        let namespace = Some(self.target.namespace.clone());
        let by_name = Selection {
            namespace: namespace.clone(),
            field_selector: Some(format!("metadata.name={name}")),
            label_selector: None,
        };
        let by_label = Selection { namespace, label_selector: Some(format!("job-name={name}")), field_selector: None };
        let mut jobs = client::observe(client.clone(), clock.clone(), JOBS, by_name);
        let mut pods = client::observe(client.clone(), clock.clone(), PODS, by_label);
        let events = Obstacles::events(&self.target.namespace);
        let mut events = client::observe(client.clone(), clock, EVENTS, events);
        let mut lost = pin!(probe(client.clone(), self.target.namespace.clone(), name.to_owned()));
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let judgement = tokio::select! {
                biased;
                Some(observation) = jobs.next() => {
                    watched.take_job(&observation);
                    watched.judge(self.goals)
                }
                Some(observation) = pods.next() => {
                    watched.take_pods(&observation);
                    watched.judge(self.goals)
                }
                Some(observation) = events.next() => {
                    watched.obstacles.take(&observation);
                    watched.look_for_obstacles();
                    watched.judge(self.goals)
                }
                why = &mut lost => {
                    return Err(Failure::new(Code::Server, format!("error: lost the server: {why}")).into());
                }
                _ = ticks.tick() => self.tick(name, &mut watched, crate::time::now()).await,
            };
            if let Some(judgement) = judgement {
                return Ok((name.to_owned(), judgement));
            }
        }
    }

    /// Looks at what only time brings: doubts, heartbeats, obstacles that last.
    async fn tick(&self, name: &str, watched: &mut Watched, now: Timestamp) -> Option<Judgement> {
        let screen = self.setting.screen;
        if watched.job.is_none()
            && !watched.was_there
            && !watched.has_doubted
            && now.duration_since(watched.since) >= DOUBT
        {
            watched.has_doubted = true;
            screen.say(self.doubt(name).await);
        }
        if now.duration_since(watched.last_talk) >= HEARTBEAT {
            watched.last_talk = now;
            if let Some(job) = &watched.job {
                screen.note(progress::heartbeat(job, now));
            }
        }
        watched.obstacles.news(screen).into_iter().for_each(|line| screen.say(line));
        let stuck = watched.obstacles.outlasting(self.args.fail_on_stuck?.0, now)?;
        Some(Judgement { code: Code::Stuck, text: format!("stuck: {}", stuck.reason) })
    }

    /// A Job that does not come may have been misspelt.
    async fn doubt(&self, name: &str) -> String {
        let similar = select::similar(self.target, &JOBS, name).await;
        let meant = if similar.is_empty() { String::new() } else { format!("; did you mean {}?", similar.join(", ")) };
        let namespace = &self.target.namespace;
        let past = self.target.history.as_ref().and_then(|history| history.find(namespace, name));
        let past = past.map_or_else(String::new, |run| {
            format!("; one that is gone was {} (kubectl job why {name})", run.verdict())
        });
        escape(&format!("still no Job {name} in namespace {namespace}; waiting for it{meant}{past}")).into_owned()
    }

    async fn last_lines(&self, name: &str) -> anyhow::Result<()> {
        let Ok(object) = self.target.client.get(&JOBS, Some(&self.target.namespace), name).await else { return Ok(()) };
        let pods = select::pods(self.target, &object.decode()?).await?;
        let attempts = Attempts::of(&pods);
        let Some(attempt) = attempts.failures().next_back() else { return Ok(()) };
        let container = attempt.end.as_ref().map(|end| end.container.clone()).filter(|name| !name.is_empty());
        let options = LogOptions { container, tail_lines: Some(LAST_LINES), ..LogOptions::default() };
        let Ok(mut stream) = self.target.client.logs(&self.target.namespace, &attempt.pod, options).await else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        while let Some(Ok(chunk)) = stream.next().await {
            bytes.extend_from_slice(&chunk);
        }
        for line in String::from_utf8_lossy(&bytes).lines() {
            self.setting.screen.say(format!("{} {} {}", escape(&attempt.pod), self.setting.screen.bar(), escape(line)));
        }
        Ok(())
    }
}

/// What a wait has seen of one Job.
struct Watched {
    job: Option<Job>,
    was_there: bool,
    /// Whether the first list has come: only then is a Job that was not seen not there.
    is_listed: bool,
    pods: HashMap<String, Pod>,
    obstacles: Obstacles,
    since: Timestamp,
    last_talk: Timestamp,
    has_doubted: bool,
}

impl Watched {
    fn new(now: Timestamp) -> Self {
        Self {
            job: None,
            was_there: false,
            is_listed: false,
            pods: HashMap::new(),
            obstacles: Obstacles::default(),
            since: now,
            last_talk: now,
            has_doubted: false,
        }
    }

    fn take_job(&mut self, observation: &Observation) {
        let newest = match observation {
            Observation::Restarted { objects, .. } => {
                self.is_listed = true;
                objects.first()
            }
            Observation::Applied(object) => Some(object),
            Observation::Deleted(_) => None,
            Observation::Reached(_) => return,
        };
        self.job = newest.and_then(|object| object.decode().ok());
        self.was_there |= self.job.is_some();
        self.look_for_obstacles();
    }

    fn take_pods(&mut self, observation: &Observation) {
        match observation {
            Observation::Restarted { objects, .. } => {
                let pods =
                    objects.iter().filter_map(|object| Some((object.meta().uid.to_string(), object.decode().ok()?)));
                self.pods = pods.collect();
            }
            Observation::Applied(object) => {
                if let Ok(pod) = object.decode() {
                    self.pods.insert(object.meta().uid.to_string(), pod);
                }
            }
            Observation::Deleted(object) => {
                self.pods.remove(object.meta().uid.as_str());
            }
            Observation::Reached(_) => return,
        }
        self.look_for_obstacles();
    }

    fn look_for_obstacles(&mut self) {
        match &self.job {
            Some(job) => self.obstacles.look(job, self.pods.values(), crate::time::now()),
            None => self.obstacles.clear(),
        }
    }

    fn judge(&self, goals: &[Goal]) -> Option<Judgement> {
        if !self.is_listed {
            return None;
        }
        let stuck = self.obstacles.current();
        judge(goals, Seen { job: self.job.as_ref(), was_there: self.was_there, stuck })
    }
}
