//! `timeline`: attempts, back-offs and ends over time, in every format.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job that fails twice before it succeeds, in a file that it leaves behind.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let marks = session.folder().join("tries");
    let script = format!("echo >> {0}; [ $(wc -l < {0}) -ge 3 ]", marks.display());
    session.file(
        "thrice.yaml",
        &format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: thrice\nspec:\n  activeDeadlineSeconds: 600\n  template:\n    spec:\n      \
             restartPolicy: Never\n      containers:\n      - name: app\n        image: app\n        command: [sh, -c, '{script}']\n"
        ),
    )
}

/// On the local server, whose clock jumps over the back-offs.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![step("server start --clock hybrid").talks(), step("run -f {work}/thrice.yaml").talks()];
    steps.extend([
        step("timeline thrice --ascii").out(
            "0s * 10s *\n\
             pod #1 #x*.#2 #x*.#3 #v\n\
             job |-* Complete\n\
             created * - *Complete * (CompletionsReached)*\n\
             # runs . back-off v succeeded x failed > goes on",
        ),
        step("timeline thrice").has("pod #1 █✖*·#2 █✖*·#3 █✔").has("deadline * (600s)"),
        step("timeline thrice -o json")
            .has("\"backoffSeconds\": 10")
            .has("\"backoffSeconds\": 20")
            .has("\"standing\": \"succeeded\""),
        step("timeline thrice -w").has("#3"),
    ]);
    steps.extend(plain());
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("run both --image app --completions 2 --parallelism 2 --indexed -- sh -c 'exit 0'").talks(),
        step("timeline both --ascii").has("idx0 #1 #*v").has("idx1 #1 #*v").has("job |*| Complete"),
        step("timeline job/both -o mermaid").has("gantt").has("section idx1").has("attempt 1 exit 0 :done, *"),
        step("timeline both -o svg").has("<svg xmlns=").has("<title>#1 both-0-????? exit 0</title>"),
        step("timeline both -o perfetto")
            .has("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")
            .has("\"name\":\"#1 exit 0\"")
            .has("\"name\":\"Complete\""),
        step("timeline both -o html").has("<!DOCTYPE html>").has("both is Complete after"),
        step("timeline").has("idx0"),
        step("timeline both -w -o svg").exits(2).err_has("--watch draws text"),
        step("timeline nobody").exits(1).err_has("\"nobody\" not found"),
    ]
}
