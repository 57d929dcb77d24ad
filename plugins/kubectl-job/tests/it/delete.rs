//! `delete`: what becomes of processes that do not want to end.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::Program;

/// How long anything may take; a fraction of what the pods ask for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Job whose process ignores SIGTERM, has ten minutes of grace, and writes down its number.
fn stubborn(name: &str, file: &Path) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  template:\n    spec:\n      \
         restartPolicy: Never\n      terminationGracePeriodSeconds: 600\n      containers:\n      - name: app\n        \
         image: app\n        command: [sh, -c, 'trap \"\" TERM; echo $$$$ >{0}.new; mv {0}.new {0}; exec sleep 600']\n",
        file.display()
    )
}

fn until(what: &str, met: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !met() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn pods_get_the_grace_that_is_asked_for_and_with_force_none() {
    let program = Program::new();
    for (name, flag) in [("forced", "--force"), ("hurried", "--now")] {
        let file = program.folder().join(name);
        program.file("job.yaml", &stubborn(name, &file));
        assert_eq!(program.say(&["run", "-d", "-f", "job.yaml"]).code, 0);
        until("it starts", || file.exists());
        let number = std::fs::read_to_string(&file).expect("it was written");
        let process = Path::new("/proc").join(number.trim());
        assert!(process.exists(), "it runs");
        let said = program.say(&["delete", name, flag]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert_eq!(said.err.contains("Warning: Immediate deletion"), flag == "--force", "{}", said.err);
        until("the process is killed", || !process.exists());
    }
}
