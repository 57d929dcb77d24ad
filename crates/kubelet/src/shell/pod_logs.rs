//! Which run's log a reader means, or why there is none. Pure; the texts are upstream's
//! (`pkg/registry/core/pod/strategy.go` and `validateContainerLogStatus` in `pkg/kubelet/kubelet_pods.go`).

use api::Status;
use api::logs::LogOptions;
use jiff::{SignedDuration, Timestamp};

use crate::logs::ReadOptions;
use crate::plan::{Memory, PodFacts, State};

/// The container and the run.
pub(super) fn choose(pod: &PodFacts, memory: &Memory, options: &LogOptions) -> Result<(String, u32), Status> {
    let index = container(pod, options.container.as_deref().filter(|name| !name.is_empty()))?;
    let (name, container) = (&pod.containers[index].name, &memory.containers[index]);
    let bad = |what: String| Status::bad_request(what);
    let before = container.restarts.checked_sub(1);
    if options.previous {
        let found = before.filter(|_| container.last.is_some());
        let missing = || bad(format!("previous terminated container {name:?} in pod {:?} not found", pod.name));
        return found.map(|run| (name.clone(), run)).ok_or_else(missing);
    }
    let waiting = match &container.state {
        State::Running { .. } | State::Terminated(_) => return Ok((name.clone(), container.restarts)),
        // Between two runs, the last one is what there is to read.
        _ if let (Some(run), true) = (before, container.last.is_some()) => return Ok((name.clone(), run)),
        State::Blocked { reason: "ErrImagePull", .. } => "image can't be pulled",
        State::Blocked { reason, .. } => reason,
        State::Waiting if !pod.containers[index].init && initializing(pod, memory) => "PodInitializing",
        State::Waiting | State::Starting => "ContainerCreating",
    };
    Err(bad(format!("container {name:?} in pod {:?} is waiting to start: {waiting}", pod.name)))
}

fn container(pod: &PodFacts, name: Option<&str>) -> Result<usize, Status> {
    let mut regular = pod.containers.iter().enumerate().filter(|(_, container)| !container.init);
    match name {
        Some(name) => pod
            .containers
            .iter()
            .position(|container| container.name == name)
            .ok_or_else(|| Status::bad_request(format!("container {name} is not valid for pod {}", pod.name))),
        None => match (regular.next(), regular.next()) {
            (Some((only, _)), None) => Ok(only),
            _ => {
                let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
                let (name, names) = (&pod.name, names.join(" "));
                let text = format!("a container name must be specified for pod {name}, choose one of: [{names}]");
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
