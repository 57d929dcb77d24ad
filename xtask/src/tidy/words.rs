//! Words that may not stand everywhere: `unsafe` outside the kubelet's runtime, stubs anywhere, sleeps in tests.

use super::Finding;
use super::source::Source;

/// The only places for unsafe code: the kubelet's runtime, and the process that spawns for it.
const RUNTIME: [&str; 2] = ["crates/kubelet/src/runtime", "crates/kubelet/src/supervisor"];

/// Unsafe code outside the kubelet's runtime.
pub(super) fn unsafe_code(source: &Source) -> Vec<Finding> {
    if RUNTIME.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let message = format!("`unsafe` may stand below {} only", RUNTIME.join(" and "));
    source.lines_with("unsafe").into_iter().map(|line| Finding::new(&source.path, line, message.clone())).collect()
}

/// What is not done yet, and tests that do not run.
pub(super) fn stubs(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.code.iter().enumerate() {
        let stub = ["todo!", "unimplemented!"].into_iter().find(|word| line.contains(word));
        if let Some(word) = stub {
            findings.push(Finding::new(
                &source.path,
                index + 1,
                format!("`{word}` is a stub: finish it or leave it out"),
            ));
        }
        if line.contains("#[ignore") {
            findings.push(Finding::new(
                &source.path,
                index + 1,
                "an ignored test proves nothing: mend it or remove it",
            ));
        }
    }
    findings
}

/// Sleeps in test code: wait for a state instead. `// tidy: allow-sleep REASON` on the line or above it permits one.
pub(super) fn sleeps(source: &Source) -> Vec<Finding> {
    let calls = source.code.iter().enumerate().filter(|(index, line)| source.test[*index] && is_sleep(line));
    let unpermitted = calls.map(|(index, _)| index + 1).filter(|line| !source.permits(*line, "allow-sleep"));
    let message = "a test sleeps: wait for the state it needs, or write `// tidy: allow-sleep REASON` above";
    unpermitted.map(|line| Finding::new(&source.path, line, message)).collect()
}

fn is_sleep(line: &str) -> bool {
    line.match_indices("sleep(").any(|(at, _)| !line[..at].chars().next_back().is_some_and(super::source::is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn unsafe_outside_the_runtime_is_found() {
        let text = "//! U.\nfn f() { unsafe { g() } }\n";
        assert_eq!(lines(unsafe_code, "crates/kubelet/src/shell.rs", text), [2]);
        for place in ["runtime/process.rs", "supervisor.rs", "supervisor/signals.rs"] {
            assert_eq!(lines(unsafe_code, &format!("crates/kubelet/src/{place}"), text), [0_usize; 0]);
        }
        assert_eq!(lines(unsafe_code, "crates/api/src/lib.rs", "#![forbid(unsafe_code)]\n"), [0_usize; 0]);
    }

    #[test]
    fn stubs_and_ignored_tests_are_found() {
        let text =
            "//! S.\nfn f() { todo!() }\nfn g() { unimplemented!(\"later\") }\n#[ignore = \"slow\"]\nfn h() {}\n";
        assert_eq!(lines(stubs, "crates/x/src/a.rs", text), [2, 3, 4]);
    }

    #[test]
    fn sleeps_are_found_in_tests_only_and_can_be_permitted() {
        let text = "//! S.\nfn f() { sleep(d); }\n#[cfg(test)]\nmod tests {\n    fn g() { thread::sleep(d); }\n    \
                    // tidy: allow-sleep the kernel gives no event for this\n    fn h() { tokio::time::sleep(d); }\n}\n";
        assert_eq!(lines(sleeps, "crates/x/src/a.rs", text), [5]);
    }

    #[test]
    fn waiting_until_a_moment_of_an_injected_clock_is_no_sleep() {
        let text = "fn f() { clock.sleep_until(t); }\n";
        assert_eq!(lines(sleeps, "crates/x/tests/a.rs", text), [0_usize; 0]);
    }
}
