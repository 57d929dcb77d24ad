//! What query parameters may not say, in upstream's words.

use api::field::{FieldErrors, Path};
use api::{Kind, PatchType, Status, Verb};

use super::Query;

/// The longest `fieldManager`, in bytes.
const MAX_FIELD_MANAGER_BYTES: usize = 128;

/// Group of the option kinds in error messages.
const GROUP: &str = "meta.k8s.io";

fn refuse(kind: &'static str, errors: FieldErrors) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(&Kind::known(GROUP, "", kind), "", &errors)) }
}

/// A `resourceVersion` that is no number.
pub(super) fn bad_revision(text: &str) -> Status {
    let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
    let errors = FieldErrors(vec![Path::new("resourceVersion").invalid(text, why)]);
    Status::invalid(&Kind::known(GROUP, "", "ListOptions"), "", &errors)
}

/// `ValidateListOptions`, for lists and watches.
pub(super) fn list(query: &Query<'_>, verb: Verb) -> Result<(), Status> {
    let errors = if verb == Verb::Watch { watch_errors(query) } else { list_errors(query) };
    refuse("ListOptions", errors)
}

fn list_errors(query: &Query<'_>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("resourceVersionMatch");
    let given = |name| query.get(name).is_some_and(|value| !value.is_empty());
    if let Some(revision_match) = query.get("resourceVersionMatch").filter(|value| !value.is_empty()) {
        if !given("resourceVersion") {
            errors.push(path.forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if given("continue") {
            errors.push(path.forbidden("resourceVersionMatch is forbidden when continue is provided"));
        }
        if !matches!(revision_match, "Exact" | "NotOlderThan") {
            errors.push(path.not_supported(revision_match, &["Exact", "NotOlderThan", ""]));
        }
        if revision_match == "Exact" && query.get("resourceVersion") == Some("0") {
            errors.push(path.forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
        }
    }
    if query.get("sendInitialEvents").is_some() {
        errors.push(Path::new("sendInitialEvents").forbidden("sendInitialEvents is forbidden for list"));
    }
    errors
}

fn watch_errors(query: &Query<'_>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("resourceVersionMatch");
    let revision_match = query.get("resourceVersionMatch").unwrap_or_default();
    let initial_events = query.get("sendInitialEvents").is_some();
    if initial_events && revision_match != "NotOlderThan" {
        errors.push(path.forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if revision_match.is_empty() {
        return errors;
    }
    if !initial_events {
        errors.push(path.forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
    }
    if revision_match != "NotOlderThan" {
        errors.push(path.not_supported(revision_match, &["NotOlderThan"]));
    }
    if query.get("continue").is_some_and(|token| !token.is_empty()) {
        errors.push(path.forbidden("resourceVersionMatch is forbidden when continue is provided"));
    }
    errors
}

/// `ValidateCreateOptions`, `ValidateUpdateOptions` and `ValidatePatchOptions`.
pub(super) fn write(query: &Query<'_>, verb: Verb, patch: Option<PatchType>) -> Result<(), Status> {
    let mut errors = FieldErrors::new();
    let manager = query.get("fieldManager").unwrap_or_default();
    match patch {
        Some(PatchType::Apply) if manager.is_empty() => {
            errors.push(Path::new("fieldManager").required("is required for apply patch"));
        }
        Some(PatchType::Json | PatchType::Merge | PatchType::StrategicMerge) if query.get("force").is_some() => {
            errors.push(Path::new("force").forbidden("may not be specified for non-apply patch"));
        }
        _ => {}
    }
    field_manager(manager, &mut errors);
    dry_run(query, &mut errors);
    let validation = query.get("fieldValidation").unwrap_or_default();
    if !matches!(validation, "" | "Ignore" | "Strict" | "Warn") {
        let allowed = ["", "Ignore", "Strict", "Warn"];
        errors.push(Path::new("fieldValidation").not_supported(validation, &allowed));
    }
    let kind = match verb {
        Verb::Patch => "PatchOptions",
        Verb::Update => "UpdateOptions",
        _ => "CreateOptions",
    };
    refuse(kind, errors)
}

fn field_manager(manager: &str, errors: &mut FieldErrors) {
    let path = Path::new("fieldManager");
    if manager.len() > MAX_FIELD_MANAGER_BYTES {
        errors.push(path.too_long(MAX_FIELD_MANAGER_BYTES));
    }
    for (position, letter) in manager.char_indices().filter(|(_, letter)| letter.is_control()) {
        let why = format!("invalid character U+{:04X} (at position {position})", u32::from(letter));
        errors.push(path.invalid(manager, why));
    }
}

fn dry_run(query: &Query<'_>, errors: &mut FieldErrors) {
    let values: Vec<&str> = query.all("dryRun").collect();
    if values.iter().any(|value| *value != "All") {
        errors.push(Path::new("dryRun").not_supported(values, &["All"]));
    }
}

/// `ValidateDeleteOptions`, for options given in the query.
pub(super) fn delete(query: &Query<'_>) -> Result<(), Status> {
    let mut errors = FieldErrors::new();
    if let Some(policy) = query.get("propagationPolicy") {
        let path = Path::new("propagationPolicy");
        if query.get("orphanDependents").is_some() {
            errors.push(path.invalid(policy, "orphanDependents and deletionPropagation cannot be both set"));
        }
        if !matches!(policy, "Foreground" | "Background" | "Orphan") {
            errors.push(path.not_supported(policy, &["Foreground", "Background", "Orphan", "nil"]));
        }
    }
    dry_run(query, &mut errors);
    refuse("DeleteOptions", errors)
}
