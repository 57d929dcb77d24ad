//! Which run's log a reader means, or why there is none. Pure; the texts are upstream's
//! (`pkg/registry/core/pod/strategy.go` and `validateContainerLogStatus` in `pkg/kubelet/kubelet_pods.go`).

use api::Status;
use api::logs::LogOptions;
use jiff::{SignedDuration, Timestamp};

use crate::logs::ReadOptions;
use crate::plan::{ContainerFacts, ContainerMemory, Memory, PodFacts, State};

/// What there is to read of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Readable {
    containers: Box<[Runs]>,
}

/// What there is to read of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Runs {
    name: Box<str>,
    /// Whether it is neither an init container nor an ephemeral one.
    regular: bool,
    restarts: u32,
    /// Whether the run before the current one has left a log.
    has_last: bool,
    /// Why the current run has none; nothing when it has.
    waiting: Option<&'static str>,
}

impl Readable {
    /// What there is to read now.
    pub(super) fn of(pod: &PodFacts, memory: &Memory) -> Self {
        let runs = |(facts, container): (&ContainerFacts, &ContainerMemory)| Runs {
            name: facts.name.as_str().into(),
            regular: facts.is_regular(),
            restarts: container.restarts,
            has_last: container.last.is_some(),
            waiting: match &container.state {
                State::Running { .. } | State::Terminated(_) => None,
                State::Blocked { reason: "ErrImagePull", .. } => Some("image can't be pulled"),
                State::Blocked { reason, .. } => Some(reason),
                State::Waiting if facts.is_regular() && initializing(pod, memory) => Some("PodInitializing"),
                State::Waiting | State::Starting => Some("ContainerCreating"),
            },
        };
        Self { containers: pod.containers.iter().zip(&memory.containers).map(runs).collect() }
    }
}

/// The container and the run, of the pod of that name.
pub(super) fn choose(pod: &str, logs: &Readable, options: &LogOptions) -> Result<(String, u32), Status> {
    let container = container(pod, logs, options.container.as_deref().filter(|name| !name.is_empty()))?;
    let name = &container.name;
    let read = |run: u32| (name.to_string(), run);
    let before = container.restarts.checked_sub(1).filter(|_| container.has_last);
    if options.previous {
        let missing = format!("previous terminated container {name:?} in pod {pod:?} not found");
        return before.map(read).ok_or_else(|| Status::bad_request(missing));
    }
    match (container.waiting, before) {
        (None, _) => Ok(read(container.restarts)),
        // Between two runs, the last one is what there is to read.
        (Some(_), Some(run)) => Ok(read(run)),
        (Some(waiting), None) => {
            let text = format!("container {name:?} in pod {pod:?} is waiting to start: {waiting}");
            Err(Status::bad_request(text))
        }
    }
}

fn container<'a>(pod: &str, logs: &'a Readable, name: Option<&str>) -> Result<&'a Runs, Status> {
    let mut regular = logs.containers.iter().filter(|container| container.regular);
    match name {
        Some(name) => logs
            .containers
            .iter()
            .find(|container| *container.name == *name)
            .ok_or_else(|| Status::bad_request(format!("container {name} is not valid for pod {pod}"))),
        None => match (regular.next(), regular.next()) {
            (Some(only), None) => Ok(only),
            _ => {
                let names: Vec<&str> = logs.containers.iter().map(|container| &*container.name).collect();
                let names = names.join(" ");
                let text = format!("a container name must be specified for pod {pod}, choose one of: [{names}]");
                Err(Status::bad_request(text))
            }
        },
    }
}

fn initializing(pod: &PodFacts, memory: &Memory) -> bool {
    let mut inits = memory.containers.iter().zip(&pod.containers).filter(|(_, facts)| facts.init && !facts.sidecar);
    inits.any(|(container, _)| !matches!(&container.state, State::Terminated(end) if end.exit_code == 0))
}

/// The reader's options, with relative times made absolute.
pub(super) fn read_options(options: &LogOptions, now: Timestamp) -> ReadOptions {
    let seconds_ago = |seconds: i64| now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN);
    ReadOptions {
        // The run before has ended, so there is nothing to follow.
        follow: options.follow && !options.previous,
        tail_lines: options.tail_lines,
        since: options.since_time.or_else(|| options.since_seconds.map(seconds_ago)),
        timestamps: options.timestamps,
        limit_bytes: options.limit_bytes,
    }
}
