//! `test --watch`: a change of a file that a test is made of runs that test again, and no other.

use std::io::BufReader;
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Program, manifest};

fn test(name: &str, exit: u8) -> String {
    format!(
        "apiVersion: jobtest.dev/v1alpha1\nkind: JobTest\nmetadata: {{name: {name}}}\nspec:\n  manifests: {name}.yaml\n  \
         pods: [{{match: {{attempt: 1}}, exit: {exit}}}, {{exit: 0}}]\n  expect: {{outcome: Complete}}\n"
    )
}

struct Watching {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Watching {
    fn start(program: &Program, arguments: &[&str]) -> Self {
        let mut command = program.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let err = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, out, err }
    }

    /// The lines of the next run, up to its total.
    fn round(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = line(&mut self.out);
            assert!(!line.is_empty(), "it ended after {lines:?}");
            let is_total = line.contains("· seed ");
            lines.push(line);
            if is_total {
                return lines;
            }
        }
    }

    /// Waits until it says this on standard error.
    fn told(&mut self, part: &str) {
        loop {
            let line = line(&mut self.err);
            assert!(!line.is_empty(), "it ended without {part:?}");
            if line.contains(part) {
                return;
            }
        }
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(mut self) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")), Signal::SIGINT).expect("it is there");
        self.child.wait().expect("it ends").code()
    }
}

fn line(reader: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("text");
    line
}

fn names(lines: &[String]) -> Vec<(String, String)> {
    let told = lines.iter().filter_map(|line| {
        let mut words = line.split_whitespace();
        let verdict = words.next().filter(|word| matches!(*word, "PASS" | "FAIL"))?;
        Some((verdict.to_owned(), words.next()?.to_owned()))
    });
    let mut told: Vec<(String, String)> = told.collect();
    told.sort_by(|one, other| one.1.cmp(&other.1));
    told
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(verdict, name)| ((*verdict).to_owned(), (*name).to_owned())).collect()
}

#[test]
fn a_change_runs_the_tests_that_it_affects_until_ctrl_c() {
    let program = Program::new();
    for name in ["a", "b"] {
        program.file(&format!("{name}.yaml"), &manifest(name, "backoffLimit: 1", "true"));
        program.file(&format!("{name}.jobtest.yaml"), &test(name, 1));
    }
    let mut watching = Watching::start(&program, &["test", "--watch", "--junit", "all.xml"]);
    assert_eq!(names(&watching.round()), pairs(&[("PASS", "a"), ("PASS", "b")]));
    watching.told("watching");

    program.file("a.yaml", &manifest("a", "backoffLimit: 0", "true"));
    assert_eq!(names(&watching.round()), pairs(&[("FAIL", "a")]), "the manifest of one test");
    watching.told("watching");
    let xml = std::fs::read_to_string(program.folder().join("all.xml")).expect("it was written");
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "the report tells of all tests: {xml}");

    program.file("b.jobtest.yaml", &test("b", 0));
    assert_eq!(names(&watching.round()), pairs(&[("PASS", "b")]), "a test file");
    watching.told("watching");

    program.file("c.yaml", &manifest("c", "backoffLimit: 0", "true"));
    program.file("c.jobtest.yaml", &test("c", 0));
    assert_eq!(names(&watching.round()), pairs(&[("PASS", "c")]), "a new test");
    watching.told("watching");

    // Broken is told, and mended it runs.
    program.file("c.yaml", "no: [manifest");
    watching.told("error: ./c.jobtest.yaml");
    program.file("c.yaml", &manifest("c", "backoffLimit: 2", "true"));
    assert_eq!(names(&watching.round()), pairs(&[("PASS", "c")]), "a manifest that was mended");
    watching.told("watching");
    assert_eq!(watching.interrupt(), Some(130));
}
