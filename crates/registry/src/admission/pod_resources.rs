//! What a pod asks for in all (`PodRequests`, `PodLimits`): containers together, init containers one after the other,
//! sidecars beside everything that comes after them.

use serde_json::Value;

use super::amounts::Amounts;
use crate::fields::{at, get, items, text};

/// Which of the two lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Requests,
    Limits,
}

impl List {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }

    /// The list of one container, or of the pod as a whole.
    pub(super) fn of(self, holder: &Value) -> Amounts {
        Amounts::of(at(holder, &["resources", self.name()]))
    }
}

/// The sum over a pod, without its overhead.
pub(super) fn total(spec: &Value, list: List) -> Amounts {
    let mut sum = Amounts::default();
    for container in items(spec, "containers") {
        sum.add(&list.of(container));
    }
    let (mut sidecars, mut most) = (Amounts::default(), Amounts::default());
    for container in items(spec, "initContainers") {
        let mut own = list.of(container);
        if text(container, "restartPolicy") == "Always" {
            sum.add(&own);
            sidecars.add(&own);
            own = sidecars.clone();
        } else {
            own.add(&sidecars);
        }
        most.raise_to(&own);
    }
    sum.raise_to(&most);
    for (name, amount) in list.of(spec).0 {
        if matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-") {
            sum.set(name, amount);
        }
    }
    sum
}

/// The sum over a pod with its overhead, which a limit bears only where there is one.
pub(super) fn total_with_overhead(spec: &Value, list: List) -> Amounts {
    let mut sum = total(spec, list);
    let overhead = Amounts::of(get(spec, "overhead"));
    let limited = sum.clone();
    sum.add(&overhead.only(|name| list == List::Requests || limited.get(name).is_some_and(|it| it.nanos() != 0)));
    sum
}
