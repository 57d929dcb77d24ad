//! `spec.successPolicy`: an Indexed Job may be done before all its indexes are
//! (`pkg/controller/job/success_policy.go`).

use api::k8s::api::batch::v1::SuccessPolicy;

use super::indexes::Indexes;

/// The message of the first rule that the succeeded indexes meet.
pub(super) fn met(policy: Option<&SuccessPolicy>, completions: u32, succeeded: &Indexes) -> Option<String> {
    if succeeded.is_empty() {
        return None;
    }
    let index = policy?.rules.iter().position(|rule| {
        let wanted = rule.succeeded_count.and_then(|count| u32::try_from(count).ok());
        let Some(text) = &rule.succeeded_indexes else {
            return wanted.is_some_and(|count| succeeded.total() >= count);
        };
        let listed = Indexes::parse(text, completions);
        let reached = listed.overlap(succeeded);
        !listed.is_empty() && (reached == listed.total() || wanted.is_some_and(|count| reached >= count))
    })?;
    Some(format!("Matched rules at index {index}"))
}
