//! The opinion of an API server inside this command: what it refuses and what it warns of.

use api::Status;
use client::Client;
use serde_json::json;

use crate::embedded::{self, Time};
use crate::lint::{Finding, RULES, Severity, locate};
use crate::manifest::Document;
use crate::objects;
use crate::probe::{self, Trial};

/// What the server says of all documents.
pub(super) struct Opinions {
    /// Of each, in order.
    pub(super) of: Vec<Opinion>,
    /// Whether the machine gives sandboxes.
    pub(super) sandboxes: bool,
}

/// What the server says of one document.
#[derive(Default)]
pub(super) struct Opinion {
    pub(super) refusals: Vec<Finding>,
    /// Paths and texts.
    pub(super) warnings: Vec<String>,
}

/// Asks a server that ends with this call.
///
/// # Errors
/// When it cannot be started.
pub(super) async fn ask(documents: &[Document], time: &Time) -> anyhow::Result<Opinions> {
    let folder = tempfile::Builder::new().prefix("kubectl-job.").tempdir()?;
    let cluster = embedded::start(folder.path().to_owned(), &Default::default(), time, None, false).await?;
    let client = cluster.client();
    let sandboxes = match probe::run(&client, probe::SANDBOXED).await {
        Trial::Ran { unhonoured } => unhonoured.is_empty(),
        Trial::Failed(_) => false,
    };
    let mut of = Vec::with_capacity(documents.len());
    for document in documents {
        of.push(opinion(&client, document).await);
    }
    drop(client);
    cluster.shutdown().await;
    Ok(Opinions { of, sandboxes })
}

async fn opinion(client: &Client, document: &Document) -> Opinion {
    // Kinds that the server does not have are not this tool's to judge.
    let Ok(address) = objects::address(document, "default", None) else { return Opinion::default() };
    if let Some(namespace) = address.namespace.as_deref().filter(|namespace| *namespace != "default") {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        // It may be there already, or have a name that the object's own refusal names.
        let _ = client.create(&api::resource::NAMESPACES, None, object).await;
    }
    match objects::send(client, document, &address, true).await {
        Ok(reply) => Opinion { refusals: Vec::new(), warnings: reply.warnings },
        Err(error) => {
            let status = error.chain().find_map(|cause| cause.downcast_ref::<client::Error>()?.status().cloned());
            let refusals = match status {
                Some(status) => refusals(document, &status),
                None => vec![refusal(document, "", &format!("{error:#}"))],
            };
            Opinion { refusals, warnings: Vec::new() }
        }
    }
}

/// One finding a cause, at the cause's field.
fn refusals(document: &Document, status: &Status) -> Vec<Finding> {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    if !causes.is_empty() {
        return causes.iter().map(|cause| refusal(document, &cause.field, &cause.message)).collect();
    }
    let unknown = jobtest::unknown_fields(&status.message).into_iter();
    let unknown: Vec<Finding> = unknown
        .map(|field| {
            let meant = jobtest::meant(&document.value, field).map(|meant| format!("; did you mean {meant}?"));
            refusal(document, field, &format!("unknown field {field:?}{}", meant.unwrap_or_default()))
        })
        .collect();
    if !unknown.is_empty() {
        return unknown;
    }
    vec![refusal(document, "", &status.message)]
}

fn refusal(document: &Document, field: &str, message: &str) -> Finding {
    // The first rule of the list is this one.
    let rule = &RULES[0];
    Finding {
        place: locate(&document.source, field),
        rule,
        severity: Severity::Error,
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let text = "apiVersion: batch/v1\nkind: Job\nspec:\n  backofLimit: 1\n  completions: -1\n";
        crate::manifest::parse("job.yaml", text).expect("YAML").remove(0)
    }

    #[test]
    fn each_cause_of_a_refusal_is_found_at_its_line() {
        let kind = api::Kind::known("batch", "v1", "Job");
        let status = Status::invalid(&kind, "x", &api::field::FieldErrors::default())
            .with_cause("FieldValueInvalid", "must be positive", "spec.completions")
            .with_cause("FieldValueRequired", "Required value", "spec.template.spec.containers");
        let found: Vec<_> = refusals(&document(), &status).iter().map(|finding| finding.place.line).collect();
        assert_eq!(found, [5, 4]);
        assert_eq!(RULES[0].id, "refused");
    }

    #[test]
    fn unknown_fields_are_found_at_their_line() {
        let text = "Job in version \"v1\" cannot be handled as a Job: strict decoding error: unknown field \"spec.backofLimit\"";
        let found = refusals(&document(), &Status::bad_request(text));
        let [found] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            (found.place.line, found.message.as_str()),
            (4, "unknown field \"spec.backofLimit\"; did you mean backoffLimit?")
        );
    }
}
