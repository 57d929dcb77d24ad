//! Logs of runs: where they lie, and their lines. The format is the CRI's: `TIME STREAM TAG CONTENT`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use explain::{Attempt, LogTail, Story};
use jiff::Timestamp;

use super::folder::{History, LOGS};
use super::run::Run;
use crate::lines::Line;

/// What a container printed in one of its runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogFile {
    /// The container.
    pub(crate) container: String,
    /// How often it had restarted.
    pub(crate) run: u32,
    /// Where.
    pub(crate) path: PathBuf,
}

/// What to read of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Only so many lines from the end.
    pub(crate) tail: Option<u64>,
    /// Only from this time on.
    pub(crate) since: Option<Timestamp>,
    /// The time in front of every line.
    pub(crate) timestamps: bool,
}

/// The logs of a pod of a run, or of one that has no run yet: where the kubelet left them, on their way, and taken in by
/// the run. They are looked for along that way, so that none is missed that moves on meanwhile; each is told once.
pub(crate) fn of_pod(history: &History, run: Option<&Run>, pod: &str, uid: &str) -> Vec<LogFile> {
    if pod.contains('/') || uid.contains('/') {
        return Vec::new();
    }
    let mut files = Vec::new();
    if !uid.is_empty() {
        let [gone, there] = history.unfiled();
        files.extend(unfiled(&there.join(uid)));
        files.extend(unfiled(&gone.join(uid)));
    }
    if let Some(run) = run {
        files.extend(filed(&history.path(&run.id).join(LOGS).join(pod)));
    }
    // The sort keeps the order of what it takes for the same, so that the place that was looked at first counts.
    files.sort_by(|a, b| (&a.container, a.run).cmp(&(&b.container, b.run)));
    files.dedup_by(|later, first| (&later.container, later.run) == (&first.container, first.run));
    files
}

/// The last lines of the attempt of a story that failed last.
pub(crate) fn tail(history: &History, run: &Run, story: &Story, lines: u64) -> Option<LogTail> {
    let attempts = explain::attempts(story);
    let is_failed = |attempt: &&Attempt| attempt.end.as_ref().is_some_and(|end| !end.is_success());
    let failed = attempts.iter().rev().find(is_failed)?;
    let wanted = failed.end.as_ref().map(|end| end.container.as_str()).unwrap_or_default();
    let files = of_pod(history, Some(run), &failed.pod, &failed.uid);
    let is_its = |file: &&LogFile| file.run == failed.run && (wanted.is_empty() || file.container == wanted);
    let file = files.iter().find(is_its)?;
    let mut kept = Vec::new();
    let reading = Reading { tail: Some(lines), ..Reading::default() };
    read(&file.path, &reading, |line| kept.push(String::from_utf8_lossy(line.bytes).into_owned())).ok()?;
    Some(LogTail { pod: failed.pod.clone(), run: failed.run, container: file.container.clone(), lines: kept })
}

/// `CONTAINER-RUN.log`.
fn filed(folder: &Path) -> Vec<LogFile> {
    let read = |path: PathBuf| {
        let (container, run) = path.file_stem()?.to_str()?.rsplit_once('-')?;
        Some(LogFile { container: container.to_owned(), run: run.parse().ok()?, path: path.clone() })
    };
    let mut files: Vec<LogFile> = entries(folder).into_iter().filter_map(read).collect();
    files.sort();
    files
}

/// `CONTAINER/RUN.log`, as the kubelet keeps them.
pub(crate) fn unfiled(folder: &Path) -> Vec<LogFile> {
    let mut files = Vec::new();
    for folder in entries(folder) {
        let Some(container) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        for path in entries(&folder) {
            let run = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let Some(run) = run {
                files.push(LogFile { container: container.to_owned(), run, path });
            }
        }
    }
    files.sort();
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Reads a log, line by line; an error of the file system ends it.
///
/// # Errors
/// What the file system says.
pub(crate) fn read(path: &Path, reading: &Reading, mut line: impl FnMut(Line<'_>)) -> io::Result<()> {
    let skip = match reading.tail {
        None => 0,
        Some(tail) => {
            let mut count = 0_u64;
            each(path, reading, |_| count += 1)?;
            count.saturating_sub(tail)
        }
    };
    let mut number = 0_u64;
    each(path, reading, |text| {
        number += 1;
        if number > skip {
            line(text);
        }
    })
}

/// Hands out whole lines, put together from their parts.
fn each(path: &Path, reading: &Reading, mut line: impl FnMut(Line<'_>)) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut record, mut text) = (Vec::new(), Vec::new());
    let mut is_wanted = true;
    loop {
        record.clear();
        if file.read_until(b'\n', &mut record)? == 0 {
            break;
        }
        let Some((time, whole, content)) = decode(record.strip_suffix(b"\n").unwrap_or(&record)) else { continue };
        if text.is_empty() {
            is_wanted = reading.since.is_none_or(|since| time.parse::<Timestamp>().is_ok_and(|time| time >= since));
            if reading.timestamps {
                text.extend_from_slice(time.as_bytes());
                text.push(b' ');
            }
        }
        text.extend_from_slice(content);
        if whole {
            if is_wanted {
                line(Line { bytes: &text, is_whole: true });
            }
            text.clear();
        }
    }
    // The last line of a program that did not end it.
    if !text.is_empty() && is_wanted {
        line(Line { bytes: &text, is_whole: false });
    }
    Ok(())
}

fn decode(record: &[u8]) -> Option<(&str, bool, &[u8])> {
    let mut fields = record.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(fields.next()?).ok()?;
    let tag = fields.nth(1)?;
    Some((time, tag.first() == Some(&b'F'), fields.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, reading: &Reading) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it can be written");
        let mut lines = Vec::new();
        read(file.path(), reading, |line| lines.push(String::from_utf8_lossy(line.bytes).into_owned()))
            .expect("it is read");
        lines
    }

    const LOG: &str = "2026-01-01T00:00:01.000000000Z stdout F one\n2026-01-01T00:00:02.000000000Z stderr P tw\n\
                       2026-01-01T00:00:02.000000000Z stderr F o\n2026-01-01T00:00:03.000000000Z stdout P three\n";

    #[test]
    fn parts_are_put_together_and_an_unfinished_line_counts() {
        assert_eq!(lines(LOG, &Reading::default()), ["one", "two", "three"]);
        assert_eq!(lines(LOG, &Reading { tail: Some(2), ..Reading::default() }), ["two", "three"]);
        let since = Some("2026-01-01T00:00:02Z".parse().expect("a time"));
        let reading = Reading { since, timestamps: true, ..Reading::default() };
        assert_eq!(
            lines(LOG, &reading),
            ["2026-01-01T00:00:02.000000000Z two", "2026-01-01T00:00:03.000000000Z three"]
        );
    }

    #[test]
    fn the_last_words_of_a_story_are_those_of_its_last_failure() {
        let (_folder, history) = crate::history::folder::tests::history();
        let run = crate::history::folder::tests::write(&history, "a", 1);
        let pod = |name: &str, code: i32, at: &str| {
            let end = serde_json::json!({"exitCode": code, "reason": "Error", "startedAt": at, "finishedAt": at});
            serde_json::json!({"metadata": {"name": name, "uid": name, "creationTimestamp": at}, "spec": {"containers": []},
                "status": {"phase": "Failed", "containerStatuses": [{"name": "app", "image": "", "imageID": "", "ready": false,
                    "restartCount": 0, "state": {"terminated": end}}]}})
        };
        let mut story = history.story(&run).expect("a story");
        story.pods = vec![pod("p", 1, "2026-01-01T00:00:01Z"), pod("q", 3, "2026-01-01T00:00:05Z")];
        assert_eq!(tail(&history, &run, &story, 2), None);
        let path = history.path(&run.id).join("logs/q/app-0.log");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        std::fs::write(path, LOG).expect("it can be written");
        let tail = tail(&history, &run, &story, 2).expect("it has words");
        assert_eq!((tail.pod.as_str(), tail.container.as_str()), ("q", "app"));
        assert_eq!(tail.lines, ["two", "three"]);
    }

    #[test]
    fn logs_are_found_filed_or_where_the_kubelet_left_them() {
        let (_folder, history) = crate::history::folder::tests::history();
        let run = crate::history::folder::tests::write(&history, "a", 1);
        let put = |path: PathBuf| {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            std::fs::write(path, LOG).expect("it can be written");
        };
        let found = || of_pod(&history, Some(&run), "p", "u").into_iter().map(|file| (file.container, file.run));
        assert_eq!(found().count(), 0);
        put(history.unfiled()[1].join("u/app/0.log"));
        put(history.unfiled()[1].join("u/app/1.log"));
        assert_eq!(found().collect::<Vec<_>>(), [("app".to_owned(), 0), ("app".to_owned(), 1)]);
        put(history.path(&run.id).join("logs/p/app-0.log"));
        put(history.path(&run.id).join("logs/p/side-car-2.log"));
        let all = [("app".to_owned(), 0), ("app".to_owned(), 1), ("side-car".to_owned(), 2)];
        assert_eq!(found().collect::<Vec<_>>(), all);
        assert_eq!(of_pod(&history, None, "p", "u").len(), 2);
        assert_eq!(of_pod(&history, Some(&run), "p", "").len(), 2);
        assert_eq!(of_pod(&history, Some(&run), "../p", "u"), []);
    }
}
