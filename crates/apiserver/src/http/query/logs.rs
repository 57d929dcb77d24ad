//! The query of `pods/NAME/log` (`ValidatePodLogOptions` of `pkg/apis/core/validation`).

use api::field::{FieldErrors, Path};
use api::logs::LogOptions;
use api::{Kind, Status};

use super::Query;

impl Query<'_> {
    /// The options of a log request for a pod of this name.
    ///
    /// # Errors
    /// 400 for a value of the wrong type, 422 for one that breaks a rule.
    pub(in crate::http) fn log_options(&self, pod: &str) -> Result<LogOptions, Status> {
        let since_seconds = self.integer("sinceSeconds")?;
        let tail_lines = self.integer("tailLines")?;
        let limit_bytes = self.integer("limitBytes")?;
        let since_time = match self.get("sinceTime").filter(|text| !text.is_empty()) {
            Some(text) => Some(text.parse().map_err(|_| bad_time(text))?),
            None => None,
        };
        let mut errors = log_errors(tail_lines, limit_bytes, since_seconds, since_time.is_some());
        // `PodLogsQuerySplitStreams` is off in a server as it comes.
        if self.get("stream").is_some() {
            errors.push(Path::new("stream").forbidden("may not be specified"));
        }
        if !errors.is_empty() {
            return Err(Status::invalid(&Kind::known("", "v1", "PodLogOptions"), pod, &errors));
        }
        let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        Ok(LogOptions {
            container: self.text("container"),
            follow: self.flag("follow").unwrap_or_default(),
            previous: self.flag("previous").unwrap_or_default(),
            since_seconds,
            since_time,
            timestamps: self.flag("timestamps").unwrap_or_default(),
            tail_lines: count(tail_lines),
            limit_bytes: count(limit_bytes),
        })
    }
}

fn bad_time(text: &str) -> Status {
    let layout = "2006-01-02T15:04:05Z07:00";
    Status::bad_request(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""))
}

fn log_errors(tail_lines: Option<i64>, limit_bytes: Option<i64>, since: Option<i64>, since_time: bool) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if let Some(lines) = tail_lines.filter(|lines| *lines < 0) {
        errors.push(Path::new("tailLines").invalid(lines, "must be greater than or equal to 0"));
    }
    if let Some(bytes) = limit_bytes.filter(|bytes| *bytes < 1) {
        errors.push(Path::new("limitBytes").invalid(bytes, "must be greater than 0"));
    }
    match since {
        Some(_) if since_time => {
            errors.push(Path::new("").forbidden("at most one of `sinceTime` or `sinceSeconds` may be specified"));
        }
        Some(seconds) if seconds < 1 => {
            errors.push(Path::new("sinceSeconds").invalid(seconds, "must be greater than 0"));
        }
        _ => {}
    }
    errors
}
