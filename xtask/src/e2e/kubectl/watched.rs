//! Commands that go on: `get --watch` in its forms, `events --watch`, `wait` for what is still to come. Each is a row:
//! what runs, what shows that it is open, what is done meanwhile, and what it must show then.

use std::time::Duration;

use crate::e2e::pattern;
use crate::e2e::report::Report;
use crate::e2e::session::Session;

/// How long a stream may take to show what it must.
const LIMIT: Duration = Duration::from_secs(20);

/// What a request that watches logs at `-v=6` once it is answered.
const OPENED: &str = "*watch=true*200 OK*";

/// A command that goes on.
struct Watched {
    line: &'static str,
    /// The oldest kubectl minor that has it.
    since: u32,
    /// The line that shows that it is open. What is silent at first logs its requests.
    opened: &'static str,
    /// What is done meanwhile.
    acts: &'static [&'static str],
    /// The lines that must show, in this order.
    seen: &'static [&'static str],
    /// Whether the command must end by itself, with exit code 0.
    ends: bool,
}

fn watch(line: &'static str, acts: &'static [&'static str], seen: &'static [&'static str]) -> Watched {
    Watched { line, since: 0, opened: OPENED, acts, seen, ends: false }
}

impl Watched {
    fn since(mut self, minor: u32) -> Self {
        self.since = minor;
        self
    }

    fn opens(mut self, line: &'static str) -> Self {
        self.opened = line;
        self
    }

    fn ends(mut self) -> Self {
        self.ends = true;
        self
    }
}

/// Runs the checks. They leave nothing behind.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let begin = session.outcome("create configmap seen --from-literal=a=1")?;
    report.check("create configmap seen", if begin.succeeded() { Ok(()) } else { Err(begin.stderr) });
    for watched in rows() {
        if session.minor() >= watched.since {
            let verdict = observe(session, &watched)?;
            report.check(watched.line, verdict);
        }
    }
    session.outcome("delete configmaps seen coming --ignore-not-found")?;
    Ok(())
}

fn rows() -> Vec<Watched> {
    let mut rows = gets();
    rows.extend(others());
    rows
}

fn gets() -> Vec<Watched> {
    let of_one = "get configmaps --field-selector=metadata.name=seen --watch";
    let events = "get configmaps --watch-only --output-watch-events --field-selector=metadata.name=passing -v=6";
    let selected = "get configmaps -l kept=yes --watch --output-watch-events -v=6";
    vec![
        watch(
            of_one,
            &["patch configmap seen -p {\"data\":{\"b\":\"2\"}}"],
            &["NAME DATA AGE", "seen 1 *", "seen 2 *"],
        )
        .opens("seen 1 *"),
        watch(
            "get configmap seen --watch -o wide",
            &["patch configmap seen -p {\"data\":{\"c\":\"3\"}}"],
            &["NAME DATA AGE", "seen 2 *", "seen 3 *"],
        )
        .opens("seen 2 *"),
        watch(
            "get configmap seen --watch -o jsonpath={.data.d};",
            &["patch configmap seen -p {\"data\":{\"d\":\"4\"}}"],
            &[";4;"],
        )
        .opens(";"),
        watch(
            events,
            &["create configmap passing", "label configmap passing a=b", "delete configmap passing"],
            &["EVENT NAME DATA AGE", "ADDED passing 0 *", "MODIFIED passing 0 *", "DELETED passing 0 *"],
        ),
        // What ceases to match is deleted for this watcher.
        watch(
            selected,
            &["label configmap seen kept=yes", "label configmap seen kept-"],
            &["ADDED seen 4 *", "DELETED seen 4 *"],
        )
        .since(27),
    ]
}

fn others() -> Vec<Watched> {
    vec![
        watch(
            "events --for=configmap/seen --watch -v=6",
            &["create -f {work}/event.yaml"],
            &["* Normal Seen ConfigMap/seen it was seen"],
        )
        .since(27),
        watch(
            "wait --for=jsonpath={.data.e}=5 configmap/seen --timeout=20s -v=6",
            &["patch configmap seen -p {\"data\":{\"e\":\"5\"}}"],
            &["configmap/seen condition met"],
        )
        .since(23)
        .ends(),
        watch(
            "wait --for=create configmap/coming --timeout=20s -v=6",
            &["create configmap coming"],
            &["configmap/coming condition met"],
        )
        .since(31)
        .opens("*/configmaps/coming*404 Not Found*")
        .ends(),
        watch(
            "wait --for=delete configmap/seen --timeout=20s -v=6",
            &["delete configmap seen"],
            &["configmap/seen condition met"],
        )
        .since(27)
        .ends(),
    ]
}

/// The event that one row's watcher must see.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file(
        "event.yaml",
        "apiVersion: v1\nkind: Event\nmetadata: {name: seen.1, namespace: default}\ntype: Normal\nreason: Seen\nmessage: it was seen\n\
         involvedObject: {apiVersion: v1, kind: ConfigMap, name: seen, namespace: default}\nsource: {component: e2e}\n\
         firstTimestamp: 2026-01-01T00:00:00Z\nlastTimestamp: 2026-01-01T00:00:00Z\ncount: 1\n",
    )
}

fn observe(session: &Session, watched: &Watched) -> anyhow::Result<Result<(), String>> {
    let mut running = session.start(watched.line)?;
    if let Err(why) = running.until(LIMIT, |text| pattern::contains(watched.opened, text)) {
        return Ok(Err(format!("it did not open: {why}")));
    }
    for act in watched.acts {
        let outcome = session.outcome(act)?;
        if !outcome.succeeded() {
            return Ok(Err(format!("`{act}` failed: {}", outcome.stderr)));
        }
    }
    let seen = running.until(LIMIT, |text| in_order(watched.seen, text));
    let mut ended = || match running.end(LIMIT)? {
        Some(0) => Ok(()),
        other => Err(format!("exit code {other:?}:\n{}", running.output())),
    };
    Ok(if watched.ends { seen.and_then(|()| ended()) } else { seen })
}

/// Whether the text has these lines in this order, others between them or not.
fn in_order(wanted: &[&str], text: &str) -> bool {
    let mut lines = text.lines();
    wanted.iter().all(|pattern| lines.any(|line| pattern::matches(pattern, line)))
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn order_counts_and_gaps_do_not() {
        assert!(in_order(&["a", "c"], "a\nb\nc\n"));
        assert!(!in_order(&["c", "a"], "a\nb\nc\n"));
    }
}
