//! What a reader of container logs may ask for (`v1.PodLogOptions`).

use jiff::Timestamp;

/// Options of `GET pods/NAME/log`. A [`Default`] value asks for the whole log of the pod's only container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The container; may be left out when the pod has one.
    pub container: Option<String>,
    /// Keep the stream open until the container has ended.
    pub follow: bool,
    /// Read the run before the last restart.
    pub previous: bool,
    /// Only lines of the last so many seconds.
    pub since_seconds: Option<i64>,
    /// Only lines from this time on.
    pub since_time: Option<Timestamp>,
    /// Put an RFC 3339 time in front of every line.
    pub timestamps: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<u64>,
    /// End after so many bytes.
    pub limit_bytes: Option<u64>,
}
