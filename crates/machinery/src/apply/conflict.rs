//! Conflicts between managers, and how the API tells of them
//! (`apimachinery/pkg/util/managedfields/internal/conflict.go`).

use api::{Reason, Status};
use fields::{Identity, Operation, Path, show};

/// One field that another manager has.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    pub(super) manager: Identity,
    pub(super) path: Path,
}

/// 409 with one cause per field.
pub(super) fn refuse(conflicts: &[Conflict]) -> Status {
    let mut status = Status::failure(409, Reason::CONFLICT, message(conflicts));
    for conflict in conflicts {
        let text = format!("conflict with {}", describe(&conflict.manager));
        status = status.with_cause("FieldManagerConflict", &text, &show(&conflict.path));
    }
    status
}

fn message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {}: {}", describe(&one.manager), show(&one.path));
    }
    let mut lines = Vec::new();
    let mut last: Option<&Identity> = None;
    for conflict in conflicts {
        if last.is_none_or(|last| !last.is(&conflict.manager)) {
            lines.push(format!("conflicts with {}:", describe(&conflict.manager)));
            last = Some(&conflict.manager);
        }
        lines.push(format!("- {}", show(&conflict.path)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

fn describe(manager: &Identity) -> String {
    let mut text = format!("{:?}", &*manager.name);
    if !manager.subresource.is_empty() {
        text = format!("{text} with subresource {:?}", &*manager.subresource);
    }
    match manager.operation {
        Operation::Update => format!("{text} using {}", manager.api_version),
        Operation::Apply => text,
    }
}
