//! Images that could not be had: the wait before the next try, 10 s doubling to 300 s, and what people are told
//! meanwhile (`pkg/kubelet/images/image_manager.go`).

use jiff::Timestamp;

use super::memory::after;
use super::{ContainerMemory, Memory, Plan, PodEvent, PodFacts, State};

const FIRST_SECONDS: i64 = 10;
const LONGEST_SECONDS: i64 = 300;
/// How long the failure itself is shown before the wait is.
const SHOWN_SECONDS: i64 = 1;

/// The failed tries of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pull {
    seconds: i64,
    /// When to try again.
    until: Option<Timestamp>,
    error: String,
}

impl Pull {
    /// Whether the next try is not due yet.
    pub(super) fn waits(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until > now)
    }
}

/// What a container's image is, once it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageStatus {
    /// `status.containerStatuses[].image`.
    pub image: String,
    /// `status.containerStatuses[].imageID`.
    pub id: String,
}

impl Memory {
    /// The image of a container could not be had; another try is due after a while.
    pub fn pull_failed(&mut self, index: usize, message: String, now: Timestamp) {
        let container = &mut self.containers[index];
        let seconds = (container.pull.seconds * 2).clamp(FIRST_SECONDS, LONGEST_SECONDS);
        container.pull = Pull { seconds, until: Some(after(now, seconds)), error: message.clone() };
        let retry_at = Some(after(now, SHOWN_SECONDS));
        container.state = State::Blocked { reason: "ErrImagePull", message, retry_at };
    }

    /// The image of a container is there.
    pub fn has_image(&mut self, index: usize, image: ImageStatus) {
        self.containers[index].image = Some(image);
        self.containers[index].pull = Pull::default();
    }
}

/// Shows that the container waits for its next try.
pub(super) fn back_off(pod: &PodFacts, container: &mut ContainerMemory, index: usize, plan: &mut Plan) {
    let text = format!("Back-off pulling image {:?}", pod.containers[index].image);
    plan.events.push(PodEvent::normal(index, "BackOff", text.clone()));
    plan.events.push(PodEvent::warning(index, "Failed", "Error: ImagePullBackOff"));
    let (message, until) = (format!("{text}: ErrImagePull: {}", container.pull.error), container.pull.until);
    container.state = State::Blocked { reason: "ImagePullBackOff", message, retry_at: until };
    plan.look_at = plan.look_at.into_iter().chain(until).min();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::plan;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_image_that_cannot_be_had_is_asked_for_ever_more_rarely() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}});
        let pod = PodFacts::of(&serde_json::from_value(pod).unwrap());
        let mut memory = Memory::new(&pod, at(0));
        let mut now = 0;
        assert_eq!(plan(&pod, &mut memory, at(now)).starts, [(0, 0)]);
        for wait in [10, 20, 40, 80, 160, 300, 300] {
            memory.pull_failed(0, "no route".to_owned(), at(now));
            assert!(plan(&pod, &mut memory, at(now)).is_idle());
            let told = plan(&pod, &mut memory, at(now + 1));
            let reasons: Vec<&str> = told.events.iter().map(|event| event.reason).collect();
            assert_eq!((reasons.as_slice(), told.look_at), (&["BackOff", "Failed"][..], Some(at(now + wait))));
            let State::Blocked { reason, message, .. } = &memory.containers[0].state else { panic!("it waits") };
            let expected = "Back-off pulling image \"app:1\": ErrImagePull: no route";
            assert_eq!((*reason, message.as_str()), ("ImagePullBackOff", expected));
            assert!(plan(&pod, &mut memory, at(now + wait - 1)).is_idle());
            now += wait;
            assert_eq!(plan(&pod, &mut memory, at(now)).starts, [(0, 0)]);
        }
    }
}
