//! What each way of reading a log gives, over files that a writer made.

use std::sync::Arc;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::*;

/// A log of four records, a second apart: two whole lines, one that was printed in two pieces, and one without an end.
struct Bench {
    logs: Arc<Logs>,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn second(number: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(number)
}

impl Bench {
    fn new() -> (Self, LogWriter) {
        let directory = tempfile::tempdir().unwrap();
        let logs = Arc::new(Logs::default());
        let path = Logs::path(directory.path(), "uid", "c", 0);
        let writer = logs.writer(path.clone());
        (Self { logs, path, _directory: directory }, writer)
    }

    fn written() -> Self {
        let (bench, mut writer) = Self::new();
        writer.append(Source::Stdout, b"one\n", second(1));
        writer.append(Source::Stderr, b"two\n", second(2));
        writer.append(Source::Stdout, b"th", second(3));
        writer.append(Source::Stdout, b"ree\n", second(3));
        writer.append(Source::Stdout, b"four", second(4));
        writer.finish(second(4));
        bench
    }

    async fn read(&self, options: ReadOptions) -> String {
        let mut stream = self.logs.read(&self.path, options);
        let mut text = String::new();
        while let Some(bytes) = stream.next().await {
            text.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
        }
        text
    }
}

#[tokio::test]
async fn each_option_cuts_what_it_says() {
    let bench = Bench::written();
    let all = ReadOptions::default;
    let cases = [
        (all(), "one\ntwo\nthree\nfour"),
        (ReadOptions { tail_lines: Some(0), ..all() }, ""),
        (ReadOptions { tail_lines: Some(2), ..all() }, "three\nfour"),
        (ReadOptions { tail_lines: Some(99), ..all() }, "one\ntwo\nthree\nfour"),
        (ReadOptions { since: Some(second(2)), ..all() }, "two\nthree\nfour"),
        (ReadOptions { since: Some(second(9)), ..all() }, ""),
        (ReadOptions { limit_bytes: Some(5), ..all() }, "one\nt"),
        (ReadOptions { tail_lines: Some(3), limit_bytes: Some(6), ..all() }, "two\nth"),
        (ReadOptions { tail_lines: Some(3), since: Some(second(3)), ..all() }, "three\nfour"),
        (
            ReadOptions { timestamps: true, tail_lines: Some(2), ..all() },
            "2026-01-01T00:00:03.000000000Z three\n2026-01-01T00:00:04.000000000Z four",
        ),
        (ReadOptions { timestamps: true, limit_bytes: Some(12), ..all() }, "2026-01-01T0"),
        (ReadOptions { follow: true, tail_lines: Some(1), ..all() }, "four"),
    ];
    for (options, expected) in cases {
        assert_eq!(bench.read(options.clone()).await, expected, "{options:?}");
    }
}

#[tokio::test]
async fn a_run_that_printed_nothing_has_an_empty_log() {
    let (bench, writer) = Bench::new();
    assert_eq!(bench.read(ReadOptions::default()).await, "");
    writer.finish(second(1));
    assert_eq!(bench.read(ReadOptions { follow: true, ..ReadOptions::default() }).await, "");
}

#[tokio::test]
async fn follower_gets_what_comes_later_to_the_last_byte_and_a_tail_does_not_cut_it() {
    let (bench, mut writer) = Bench::new();
    let options = ReadOptions { follow: true, tail_lines: Some(1), ..ReadOptions::default() };
    writer.append(Source::Stdout, b"old\nlast\n", second(1));
    let mut stream = bench.logs.read(&bench.path, options);
    assert_eq!(stream.next().await.unwrap().unwrap(), "last\n");
    writer.append(Source::Stdout, b"new\nand", second(2));
    assert_eq!(stream.next().await.unwrap().unwrap(), "new\n");
    writer.finish(second(3));
    assert_eq!(stream.next().await.unwrap().unwrap(), "and");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn limit_ends_a_follower_while_the_container_prints_on() {
    let (bench, mut writer) = Bench::new();
    writer.append(Source::Stdout, b"0123456789\n", second(1));
    assert_eq!(bench.read(ReadOptions { follow: true, limit_bytes: Some(4), ..ReadOptions::default() }).await, "0123");
}
