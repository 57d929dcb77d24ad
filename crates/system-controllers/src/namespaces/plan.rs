//! What to do with a namespace that was deleted. Pure.
//!
//! Follows `pkg/controller/namespace/deletion/namespaced_resources_deleter.go`: pods go first, then everything else,
//! then the finalizer `kubernetes`, upon which the server removes the namespace.

use api::Gvr;
use jiff::{SignedDuration, Timestamp};

/// The entry of `spec.finalizers` that this controller stands for.
pub const FINALIZER: &str = "kubernetes";
/// Longest wait between two looks at content that does not go.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(15);

/// What is left in a terminating namespace, as far as it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// `PLURAL.GROUP has N resource instances` per resource, as upstream words it.
    pub content: Vec<String>,
    /// Finalizers on what is left, with how many objects carry each; sorted.
    pub finalizers: Vec<(String, usize)>,
    /// Why some of it could not be deleted or looked at.
    pub failures: Vec<String>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not deleted, or already without the finalizer: leave it alone.
    Nothing,
    /// Delete what it holds.
    Empty,
}

/// Decides whether a namespace needs anything.
pub fn plan(deleting: bool, finalizers: &[String]) -> Step {
    if deleting && finalizers.iter().any(|finalizer| finalizer == FINALIZER) { Step::Empty } else { Step::Nothing }
}

/// When to look again at content that is still there after so many looks: 1 s, 2 s, 4 s ... 15 s.
pub fn look_again(looks: u32, now: Timestamp) -> Timestamp {
    let wait = SignedDuration::from_secs(1 << looks.min(4)).min(LONGEST_WAIT);
    now.saturating_add(wait).expect("an offset of seconds keeps its unit")
}

impl Remains {
    /// Whether nothing is left, and that is certain.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty() && self.failures.is_empty()
    }

    /// Notes that a resource could not be emptied.
    pub fn fail(&mut self, error: &dyn std::fmt::Display) {
        self.failures.push(error.to_string());
        self.failures.sort();
    }

    /// Notes what is left of one resource.
    pub fn note<'a>(&mut self, resource: &Gvr, count: usize, finalizers: impl Iterator<Item = &'a String>) {
        if count == 0 {
            return;
        }
        // Upstream puts the dot also where the group is empty.
        self.content.push(format!("{}.{} has {count} resource instances", resource.plural, resource.group));
        for finalizer in finalizers {
            match self.finalizers.iter_mut().find(|entry| entry.0 == *finalizer) {
                Some(entry) => entry.1 += 1,
                None => self.finalizers.push((finalizer.clone(), 1)),
            }
        }
        self.finalizers.sort();
    }

    /// The conditions to show as `(type, status, reason, message)` (`pkg/controller/namespace/deletion/status_condition_utils.go`).
    pub fn conditions(&self) -> [(&'static str, &'static str, &'static str, String); 5] {
        let status = |present: bool| if present { "True" } else { "False" };
        let content = if self.content.is_empty() {
            "All content successfully removed".to_owned()
        } else {
            format!("Some resources are remaining: {}", self.content.join(", "))
        };
        let finalizers = if self.finalizers.is_empty() {
            "All content-preserving finalizers finished".to_owned()
        } else {
            let each = self.finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances"));
            format!("Some content in the namespace has finalizers remaining: {}", each.collect::<Vec<_>>().join(", "))
        };
        let (some_content, some_finalizers) = (!self.content.is_empty(), !self.finalizers.is_empty());
        let reason = |present, yes, no| if present { yes } else { no };
        let discovered = "All resources successfully discovered".to_owned();
        let parsed = "All legacy kube types successfully parsed".to_owned();
        let deletion_failed = !self.failures.is_empty();
        let deleted = if deletion_failed {
            let (count, all) = (self.failures.len(), self.failures.join(", "));
            format!("Failed to delete all resource types, {count} remaining: {all}")
        } else {
            "All content successfully deleted, may be waiting on finalization".to_owned()
        };
        [
            ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", discovered),
            ("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", parsed),
            (
                "NamespaceDeletionContentFailure",
                status(deletion_failed),
                reason(deletion_failed, "ContentDeletionFailed", "ContentDeleted"),
                deleted,
            ),
            (
                "NamespaceContentRemaining",
                status(some_content),
                reason(some_content, "SomeResourcesRemain", "ContentRemoved"),
                content,
            ),
            (
                "NamespaceFinalizersRemaining",
                status(some_finalizers),
                reason(some_finalizers, "SomeFinalizersRemain", "ContentHasNoFinalizers"),
                finalizers,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deleted_namespace_that_still_has_our_finalizer_is_emptied() {
        let ours = [FINALIZER.to_owned()];
        let foreign = ["example.com/x".to_owned()];
        for (deleting, finalizers, step) in [
            (false, &ours[..], Step::Nothing),
            (true, &ours[..], Step::Empty),
            (true, &foreign[..], Step::Nothing),
            (true, &[][..], Step::Nothing),
        ] {
            assert_eq!(plan(deleting, finalizers), step, "{deleting} {finalizers:?}");
        }
    }

    #[test]
    fn what_is_left_is_told_in_conditions() {
        let mut remains = Remains::default();
        remains.note(&api::resource::CONFIG_MAPS, 0, [].iter());
        assert!(remains.is_empty());
        assert_eq!(remains.conditions()[3].2, "ContentRemoved");
        let finalizers = ["x/b".to_owned(), "x/a".to_owned(), "x/b".to_owned()];
        remains.note(&api::resource::PODS, 2, finalizers.iter());
        remains.note(&api::resource::JOBS, 1, [].iter());
        let conditions = remains.conditions();
        assert_eq!(conditions[3].1, "True");
        assert_eq!(
            conditions[3].3,
            "Some resources are remaining: pods. has 2 resource instances, jobs.batch has 1 resource instances"
        );
        assert_eq!(
            conditions[4].3,
            "Some content in the namespace has finalizers remaining: x/a in 1 resource instances, x/b in 2 resource instances"
        );
    }

    #[test]
    fn what_could_not_be_deleted_is_told_and_keeps_the_namespace() {
        let mut remains = Remains::default();
        remains.fail(&"b is held");
        remains.fail(&"a is held");
        assert!(!remains.is_empty());
        let failure = &remains.conditions()[2];
        assert_eq!((failure.1, failure.2), ("True", "ContentDeletionFailed"));
        assert_eq!(failure.3, "Failed to delete all resource types, 2 remaining: a is held, b is held");
        assert_eq!(remains.conditions()[3].1, "False");
    }

    #[test]
    fn the_looks_at_stuck_content_grow_rarer() {
        let now = Timestamp::from_second(1_000).expect("in range");
        let waits: Vec<i64> = (0..6).map(|looks| look_again(looks, now).as_second() - 1_000).collect();
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
    }
}
