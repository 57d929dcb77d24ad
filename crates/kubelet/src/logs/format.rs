//! The record format of container logs, both ways (`k8s.io/cri-client/pkg/logs/logs.go`). Pure.

use jiff::Timestamp;

use super::Source;

/// A time as the CRI writes it: RFC 3339 with nine digits, so that records sort and align.
pub(super) fn time_text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

/// Appends one record. `content` holds no newline; `whole` says that a newline followed it.
pub(super) fn encode(out: &mut Vec<u8>, time: &str, source: Source, content: &[u8], whole: bool) {
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(match source {
        Source::Stdout => b" stdout ",
        Source::Stderr => b" stderr ",
    });
    out.extend_from_slice(if whole { b"F " } else { b"P " });
    out.extend_from_slice(content);
    out.push(b'\n');
}

/// One record of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) time: &'a str,
    pub(super) whole: bool,
    pub(super) content: &'a [u8],
}

/// Reads one record, given without its final newline.
pub(super) fn decode(record: &[u8]) -> Option<Record<'_>> {
    let mut fields = record.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(fields.next()?).ok()?;
    let _source = fields.next()?;
    let tag = fields.next()?;
    Some(Record { time, whole: tag.first() == Some(&b'F'), content: fields.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_reads_as_the_cri_writes_it() {
        let time = time_text(Timestamp::new(1_700_000_000, 5_000_000).unwrap());
        let mut out = Vec::new();
        encode(&mut out, &time, Source::Stdout, b"a b  c", true);
        assert_eq!(out, b"2023-11-14T22:13:20.005000000Z stdout F a b  c\n");
        let record = decode(&out[..out.len() - 1]).unwrap();
        assert_eq!(record, Record { time: "2023-11-14T22:13:20.005000000Z", whole: true, content: b"a b  c" });
    }

    #[test]
    fn empty_line_is_a_record() {
        let mut out = Vec::new();
        encode(&mut out, "T", Source::Stderr, b"", true);
        assert_eq!(decode(&out[..out.len() - 1]).unwrap().content, b"");
    }
}
