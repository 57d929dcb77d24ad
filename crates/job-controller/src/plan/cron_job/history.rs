//! Which finished Jobs are more than the limits allow (`cleanupFinishedJobs`).

use super::{CronJob, End, JobView};

/// The oldest finished Jobs beyond the limits, failed ones after successful ones.
///
/// Differs: a Job of which the status does not know yet how it ended stays until it does. Else `lastSuccessfulTime` would
/// be lost when the controller stops in between.
pub(super) fn beyond_limits<'a>(cron_job: &CronJob, jobs: &'a [JobView]) -> Vec<&'a JobView> {
    let mut beyond = oldest(jobs, End::Complete, cron_job.successful_limit);
    beyond.extend(oldest(jobs, End::Failed, cron_job.failed_limit));
    beyond.retain(|job| is_recorded(cron_job, job));
    beyond
}

fn is_recorded(cron_job: &CronJob, job: &JobView) -> bool {
    let status = &cron_job.status;
    let active = status.active.iter().any(|active| active.uid == job.uid);
    let newest = job.end == Some(End::Complete) && job.completion > status.last_successful;
    !active && !newest
}

fn oldest(jobs: &[JobView], end: End, limit: Option<i64>) -> Vec<&JobView> {
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else { return Vec::new() };
    let mut ended: Vec<&JobView> = jobs.iter().filter(|job| job.end == Some(end) && !job.deleting).collect();
    ended.sort_by(|a, b| {
        let key = |job: &JobView| (job.started.is_none(), job.started, job.name.clone());
        key(a).cmp(&key(b))
    });
    ended.truncate(ended.len().saturating_sub(limit));
    ended
}
