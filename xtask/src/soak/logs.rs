//! A log is what was printed, byte for byte: a large one through one pod, and a line from each of many pods.

use std::path::Path;
use std::time::Instant;

use anyhow::ensure;

use super::jobs::{self, Kind};
use crate::e2e::report::Report;
use crate::https::Endpoint;
use crate::server::Server;

const MIB: u64 = 1024 * 1024;
/// Numbers to a line of the large log: lines of some hundred bytes, as programs print.
const NUMBERS_PER_LINE: u64 = 25;

/// Runs the section.
///
/// # Errors
/// When a server does not start or breaks off.
pub(super) fn run(binary: &Path, mib: u64, pods: usize, report: &mut Report) -> anyhow::Result<()> {
    report.group(&format!("{mib} MiB of log through one pod"));
    let server = Server::start(binary, &[])?;
    let right = large(&server, mib, report)?;
    report.check("it comes back byte for byte", right);
    server.stop()?;
    report.group(&format!("{pods} pods of one line each"));
    let server = Server::start(binary, &[])?;
    let right = many(&server.endpoint()?, pods, report)?;
    report.check("each comes back byte for byte", right);
    server.stop()
}

/// What the pod prints: numbers, so that nothing can be lost, doubled or moved unseen.
struct Numbers {
    next: u64,
    rest: Vec<u8>,
}

impl Numbers {
    /// Whether these bytes come next.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.rest.is_empty() {
                let end = if self.next.is_multiple_of(NUMBERS_PER_LINE) { '\n' } else { ' ' };
                self.rest = format!("{}{end}", self.next).into_bytes();
                self.next += 1;
            }
            let count = bytes.len().min(self.rest.len());
            if self.rest[..count] != bytes[..count] {
                return false;
            }
            self.rest.drain(..count);
            bytes = &bytes[count..];
        }
        true
    }
}

/// How many numbers make so many bytes, in whole lines, and how many bytes those are.
fn amount(bytes_min: u64) -> (u64, u64) {
    let (mut numbers, mut bytes, mut digits, mut first) = (0, 0, 1, 1_u64);
    loop {
        let of_length = first * 9;
        let room = bytes_min.saturating_sub(bytes).div_ceil(digits + 1).next_multiple_of(NUMBERS_PER_LINE);
        // Lines may go over the border between two lengths, so the count as a whole is a multiple.
        let wanted = (numbers + room).next_multiple_of(NUMBERS_PER_LINE) - numbers;
        if wanted <= of_length {
            return (numbers + wanted, bytes + wanted * (digits + 1));
        }
        (numbers, bytes) = (numbers + of_length, bytes + of_length * (digits + 1));
        (digits, first) = (digits + 1, first * 10);
    }
}

fn large(server: &Server, mib: u64, report: &Report) -> anyhow::Result<Result<(), String>> {
    let endpoint = server.endpoint()?;
    let (numbers, bytes) = amount(mib * MIB);
    let columns = ["-"; NUMBERS_PER_LINE as usize].join(" ");
    let begun = Instant::now();
    let job = jobs::job("large", Kind::Process, 1, 1, &format!("seq 1 {numbers} | paste -d ' ' {columns}"));
    let ended = jobs::finish(&endpoint, &job)?;
    ensure!(ended["status"]["succeeded"] == 1, "the Job ended so: {}", ended["status"]);
    let written = begun.elapsed();
    let pods = jobs::pods(&endpoint, "large")?;
    let path = format!("{}/{}/log", jobs::PODS, jobs::name(&pods[0]));
    let begun = Instant::now();
    let (mut expected, mut read) = (Numbers { next: 1, rest: Vec::new() }, 0);
    let mut right = true;
    endpoint.connect()?.stream(&path, |chunk| {
        read += chunk.len() as u64;
        right &= expected.take(chunk);
    })?;
    report.note(&format!(
        "written in {:.1} s, read in {:.1} s ({:.0} MiB/s)",
        written.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        read as f64 / MIB as f64 / begun.elapsed().as_secs_f64()
    ));
    if right && read == bytes {
        return Ok(Ok(()));
    }
    Ok(Err(format!("{read} of {bytes} bytes came, wrong before number {}", expected.next)))
}

fn many(endpoint: &Endpoint, count: usize, report: &Report) -> anyhow::Result<Result<(), String>> {
    let begun = Instant::now();
    let script = "echo \"line $JOB_COMPLETION_INDEX of a pod that prints one\"";
    let ended = jobs::finish(endpoint, &jobs::job("lines", Kind::Named, count, 50, script))?;
    ensure!(ended["status"]["succeeded"] == count, "the Job ended so: {}", ended["status"]);
    let pods = jobs::pods(endpoint, "lines")?;
    ensure!(pods.len() == count, "{} pods are there", pods.len());
    report.note(&format!("ran in {:.1} s", begun.elapsed().as_secs_f64()));
    let mut link = endpoint.connect()?;
    let mut wrong = Vec::new();
    for pod in &pods {
        let answer = link.get(&format!("{}/{}/log", jobs::PODS, jobs::name(pod)))?;
        let index = jobs::index(pod).unwrap_or(usize::MAX);
        if answer.body != format!("line {index} of a pod that prints one\n").into_bytes() {
            wrong.push(format!("{index}: {:?}", String::from_utf8_lossy(&answer.body)));
        }
    }
    Ok(if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amount_is_what_would_be_printed() {
        for bytes_min in [1, 49, 51, 1_000, 12_345] {
            let (numbers, bytes) = amount(bytes_min);
            let text: String = (1..=numbers)
                .map(|number| format!("{number}{}", if number.is_multiple_of(NUMBERS_PER_LINE) { '\n' } else { ' ' }))
                .collect();
            assert_eq!(text.len() as u64, bytes, "{bytes_min}");
            assert!(bytes >= bytes_min && text.ends_with('\n'), "{bytes_min}");
            assert!(Numbers { next: 1, rest: Vec::new() }.take(text.as_bytes()));
            assert!(!Numbers { next: 1, rest: Vec::new() }.take(&text.as_bytes()[1..]));
        }
    }
}
