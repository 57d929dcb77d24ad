//! Validation of `/status` of Jobs (`ValidateJobStatusUpdate` under the rules of `getStatusValidationOptions`).
//!
//! Most rules apply only when a field they speak of changed, so that a status which breaks one can still be updated
//! elsewhere, and so that a spec change gets time to reach the status.

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::errors::{IMMUTABLE, invalid_without_value, require_not_negative};
use crate::fields::{flag, get, int, items, number, text};
use crate::job::indexes::{overlap, parse_indexes};
use crate::job::{completions, is_indexed};

/// The terminal conditions of one status.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Terminal {
    complete: bool,
    failed: bool,
    failure_target: bool,
    success_criteria_met: bool,
}

impl Terminal {
    fn of(status: &Value) -> Self {
        let is = |kind| has_condition(status, kind, "True");
        Self {
            complete: is("Complete"),
            failed: is("Failed"),
            failure_target: is("FailureTarget"),
            success_criteria_met: is("SuccessCriteriaMet"),
        }
    }

    fn finished(self) -> bool {
        self.complete || self.failed
    }
}

fn has_condition(status: &Value, kind: &str, value: &str) -> bool {
    items(status, "conditions")
        .iter()
        .any(|condition| text(condition, "type") == kind && text(condition, "status") == value)
}

/// One status update, with everything that the rules compare.
struct Update<'a> {
    spec: &'a Value,
    new: &'a Value,
    old: &'a Value,
    now: Terminal,
    before: Terminal,
    path: Path,
}

impl Update<'_> {
    fn changed(&self, name: &str) -> bool {
        get(self.new, name) != get(self.old, name)
    }

    fn count_changed(&self, name: &str) -> bool {
        number(self.new, name) != number(self.old, name)
    }

    fn indexes_changed(&self) -> bool {
        text(self.new, "completedIndexes") != text(self.old, "completedIndexes")
    }

    fn finished_changed(&self) -> bool {
        self.now.finished() != self.before.finished()
    }

    fn complete_changed(&self) -> bool {
        self.now.complete != self.before.complete
    }

    fn forbid(&self, errors: &mut FieldErrors, broken: bool, detail: &str) {
        if broken {
            errors.push(invalid_without_value(&self.path.child("conditions"), detail));
        }
    }
}

/// Validates an update of `/status`. The spec is the old one and is not validated again.
pub(crate) fn validate(new: &Value, old: &Value) -> FieldErrors {
    let null = &Value::Null;
    let (new_status, old_status) = (new.get("status").unwrap_or(null), old.get("status").unwrap_or(null));
    let update = Update {
        spec: new.get("spec").unwrap_or(null),
        new: new_status,
        old: old_status,
        now: Terminal::of(new_status),
        before: Terminal::of(old_status),
        path: Path::new("status"),
    };
    let mut errors = FieldErrors::new();
    validate_counters(&mut errors, &update);
    validate_uncounted(&mut errors, &update);
    validate_contradictions(&mut errors, &update);
    validate_completion_time(&mut errors, &update);
    validate_interim_conditions(&mut errors, &update);
    validate_finished(&mut errors, &update);
    validate_indexes(&mut errors, &update);
    validate_pod_counts(&mut errors, &update);
    validate_success_criteria(&mut errors, &update);
    validate_transition(&mut errors, &update);
    errors
}

fn validate_counters(errors: &mut FieldErrors, update: &Update<'_>) {
    for name in ["active", "succeeded", "failed", "ready", "terminating"] {
        if number(update.new, name) < 0 {
            require_not_negative(errors, &update.path.child(name), int(update.new, name));
        }
    }
}

fn validate_uncounted(errors: &mut FieldErrors, update: &Update<'_>) {
    let Some(uncounted) = get(update.new, "uncountedTerminatedPods") else { return };
    let path = || update.path.child("uncountedTerminatedPods");
    let mut seen = std::collections::HashSet::new();
    for list in ["succeeded", "failed"] {
        for (index, uid) in items(uncounted, list).iter().enumerate() {
            let uid = uid.as_str().unwrap_or_default();
            if uid.is_empty() {
                errors.push(path().child(list).index(index).invalid("", "must not be empty"));
            } else if !seen.insert(uid) {
                errors.push(path().child(list).index(index).duplicate(uid));
            }
        }
    }
}

fn validate_contradictions(errors: &mut FieldErrors, update: &Update<'_>) {
    let now = update.now;
    let touched = update.complete_changed();
    let failed = now.complete && now.failed && (touched || now.failed != update.before.failed);
    update.forbid(errors, failed, "cannot set Complete=True and Failed=true conditions");
    let target_changed = now.failure_target != update.before.failure_target;
    let target = now.complete && now.failure_target && (touched || target_changed);
    update.forbid(errors, target, "cannot set Complete=True and FailureTarget=true conditions");
}

fn validate_completion_time(errors: &mut FieldErrors, update: &Update<'_>) {
    let completion = get(update.new, "completionTime");
    let start = get(update.new, "startTime");
    let path = || update.path.child("completionTime");
    if update.complete_changed() || update.changed("completionTime") {
        match completion {
            Some(time) if !update.now.complete => {
                let detail = "cannot set completionTime when there is no Complete=True condition";
                errors.push(path().invalid(time.clone(), detail));
            }
            None if update.now.complete => {
                errors.push(path().required("completionTime is required for Complete jobs"));
            }
            _ => {}
        }
    }
    if let (Some(completion), Some(start)) = (completion, start) {
        let touched = update.changed("startTime") || update.changed("completionTime");
        if touched && is_before(completion, start) {
            errors.push(path().invalid(completion.clone(), "must be equal to or after `startTime`"));
        }
    }
}

fn is_before(one: &Value, other: &Value) -> bool {
    let parse = |value: &Value| value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    matches!((parse(one), parse(other)), (Some(one), Some(other)) if one < other)
}

fn validate_interim_conditions(errors: &mut FieldErrors, update: &Update<'_>) {
    let now = update.now;
    let touched = now.failed != update.before.failed || update.changed("failedIndexes");
    let failed = touched && now.failed && !now.failure_target;
    update.forbid(errors, failed, "cannot set Failed=True condition without the FailureTarget=true condition");
    let criteria_changed = now.success_criteria_met != update.before.success_criteria_met;
    let complete = (update.complete_changed() || criteria_changed) && now.complete && !now.success_criteria_met;
    update.forbid(errors, complete, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
}

fn validate_finished(errors: &mut FieldErrors, update: &Update<'_>) {
    if !update.now.finished() {
        return;
    }
    let active = number(update.new, "active");
    if active > 0 && (update.finished_changed() || update.count_changed("active")) {
        errors.push(update.path.child("active").invalid(active, "active>0 is invalid for finished job"));
    }
    let never_started = flag(update.spec, "suspend") && completions(update.spec) == Some(0);
    let start_touched = update.finished_changed() || update.changed("startTime");
    if get(update.new, "startTime").is_none() && start_touched && !never_started {
        errors.push(update.path.child("startTime").required("startTime is required for finished job"));
    }
    let Some(uncounted) = get(update.new, "uncountedTerminatedPods") else { return };
    let left = items(uncounted, "failed").len() + items(uncounted, "succeeded").len();
    if left > 0 && (update.finished_changed() || update.changed("uncountedTerminatedPods")) {
        let path = update.path.child("uncountedTerminatedPods");
        errors.push(path.invalid(uncounted.clone(), "must be empty for finished job"));
    }
}

fn validate_indexes(errors: &mut FieldErrors, update: &Update<'_>) {
    let completed = text(update.new, "completedIndexes");
    let failed = get(update.new, "failedIndexes").and_then(Value::as_str);
    let (completed_changed, failed_changed) = (update.indexes_changed(), update.changed("failedIndexes"));
    if !completed_changed && !failed_changed {
        return;
    }
    let per_index = int(update.spec, "backoffLimitPerIndex").is_some();
    let count = completions(update.spec);
    let completed_path = || update.path.child("completedIndexes");
    let failed_path = || update.path.child("failedIndexes");
    if let Some(Err(why)) = count.filter(|_| completed_changed).map(|count| parse_indexes(completed, count)) {
        errors.push(completed_path().invalid(completed, format!("error parsing completedIndexes: {why}")));
    }
    if let (true, true, Some(count), Some(failed)) = (failed_changed, per_index, count, failed)
        && let Err(why) = parse_indexes(failed, count)
    {
        errors.push(failed_path().invalid(failed, format!("error parsing failedIndexes: {why}")));
    }
    if completed_changed && !completed.is_empty() && !is_indexed(update.spec) {
        let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
        errors.push(completed_path().invalid(completed, detail));
    }
    let Some(failed) = failed else { return };
    if failed_changed && !per_index {
        let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        errors.push(failed_path().invalid(failed, detail));
    }
    if let Some(index) = count.and_then(|count| overlap(completed, failed, count)) {
        let detail = format!("failedIndexes and completedIndexes overlap at index: {index}");
        errors.push(failed_path().invalid(failed, detail));
    }
}

fn validate_pod_counts(errors: &mut FieldErrors, update: &Update<'_>) {
    let terminating = number(update.new, "terminating");
    let touched = update.finished_changed() || update.changed("terminating");
    if terminating > 0 && update.now.finished() && touched {
        let path = update.path.child("terminating");
        errors.push(path.invalid(terminating, "terminating>0 is invalid for finished job"));
    }
    let ready = number(update.new, "ready");
    let touched = update.changed("ready") || update.count_changed("active");
    if ready > number(update.new, "active") && touched {
        errors.push(update.path.child("ready").invalid(ready, "cannot set more ready pods than active"));
    }
}

fn validate_success_criteria(errors: &mut FieldErrors, update: &Update<'_>) {
    let now = update.now;
    let met = now.success_criteria_met;
    update.forbid(errors, met && now.failed, "cannot set SuccessCriteriaMet=True and Failed=true conditions");
    let target = met && now.failure_target;
    update.forbid(errors, target, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
    let skipped = get(update.spec, "successPolicy").is_some() && !met && now.complete;
    let detail = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
    update.forbid(errors, skipped, detail);
}

fn validate_transition(errors: &mut FieldErrors, update: &Update<'_>) {
    let (now, before) = (update.now, update.before);
    for (kind, was, is) in [
        ("Failed", before.failed, now.failed),
        ("Complete", before.complete, now.complete),
        ("FailureTarget", before.failure_target, now.failure_target),
    ] {
        update.forbid(errors, was && !is, &format!("cannot disable the terminal {kind}=True condition"));
    }
    let elastic = is_indexed(update.spec) && completions(update.spec) == int(update.spec, "parallelism");
    for (name, checked) in [("failed", true), ("succeeded", !elastic)] {
        let count = number(update.new, name);
        if checked && count < number(update.old, name) {
            let detail = format!("cannot decrease the {name} counter");
            errors.push(update.path.child(name).invalid(count, detail));
        }
    }
    validate_times(errors, update);
    let unmet = before.success_criteria_met && !now.success_criteria_met;
    update.forbid(errors, unmet, "cannot disable the SuccessCriteriaMet=True condition");
    let late = before.complete && !before.success_criteria_met && now.success_criteria_met;
    let detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
    update.forbid(errors, late, detail);
}

/// A resumed Job gets a new start time in the same update that sets its Suspended condition to False.
fn validate_times(errors: &mut FieldErrors, update: &Update<'_>) {
    if let (Some(new), Some(old)) = (get(update.new, "completionTime"), get(update.old, "completionTime"))
        && new != old
    {
        errors.push(update.path.child("completionTime").invalid(new.clone(), IMMUTABLE));
    }
    let resuming = has_condition(update.old, "Suspended", "True") && has_condition(update.new, "Suspended", "False");
    let was_set = get(update.old, "startTime").is_some();
    if was_set && update.changed("startTime") && !flag(update.spec, "suspend") && !resuming {
        let shown = get(update.new, "startTime").cloned().unwrap_or(Value::Null);
        let detail = "field is immutable for unsuspended job once set";
        errors.push(update.path.child("startTime").invalid(shown, detail));
    }
}
