//! When a finished Job's time is over.

use api::Object;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// When a Job is to be deleted: its seconds after it became `Complete` or `Failed`. `None` for Jobs that have not
/// finished, name no seconds, or are on their way out.
pub fn due(job: &Object) -> Option<Timestamp> {
    if job.meta().is_deleting() {
        return None;
    }
    let seconds = job.field("/spec/ttlSecondsAfterFinished")?.as_i64()?;
    let conditions = job.field("/status/conditions")?;
    let ended = |condition: &&Value| {
        matches!(condition["type"].as_str(), Some("Complete" | "Failed")) && condition["status"] == "True"
    };
    let finished = conditions.as_array()?.iter().find(ended)?["lastTransitionTime"].as_str()?;
    finished.parse::<Timestamp>().ok()?.checked_add(SignedDuration::from_secs(seconds)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn due_of(ttl: &Value, condition: &str, status: &str, deleting: bool) -> Option<String> {
        let condition = json!({"type": condition, "status": status, "lastTransitionTime": "2024-01-01T00:00:00Z"});
        let mut job = json!({
            "metadata": {"name": "a"},
            "spec": {"ttlSecondsAfterFinished": ttl},
            "status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, condition]},
        });
        if deleting {
            job["metadata"]["deletionTimestamp"] = json!("2024-01-01T00:00:00Z");
        }
        due(&Object::from_value(&job).unwrap()).map(|due| due.to_string())
    }

    #[test]
    fn a_finished_job_goes_after_its_seconds_and_none_of_them_is_at_once() {
        let ten = Some("2024-01-01T00:00:10Z".to_owned());
        assert_eq!(due_of(&json!(10), "Complete", "True", false), ten);
        assert_eq!(due_of(&json!(10), "Failed", "True", false), ten);
        assert_eq!(due_of(&json!(0), "Failed", "True", false), Some("2024-01-01T00:00:00Z".to_owned()));
    }

    #[test]
    fn other_jobs_stay() {
        assert_eq!(due_of(&json!(null), "Complete", "True", false), None);
        assert_eq!(due_of(&json!(10), "Complete", "False", false), None);
        assert_eq!(due_of(&json!(10), "Suspended", "True", false), None);
        assert_eq!(due_of(&json!(10), "Complete", "True", true), None);
    }
}
