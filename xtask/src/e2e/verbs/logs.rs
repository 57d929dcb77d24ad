//! `logs`: of all attempts, of some, of those whose pods are gone.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = plain();
    steps.extend([
        // With OnFailure the pod goes when the limit is used up; its output stays.
        step("run back --image app --restart OnFailure --backoff-limit 0 -- sh -c 'echo no luck; exit 1'").exits(1).talks(),
        step("logs back")
            .has("#1 │ no luck")
            .err("pod back-????? was deleted: BackoffLimitExceeded, restartPolicy OnFailure; its output is from the history")
            .within(5),
        step("run brief --image app --ttl 0s -- echo hi").talks(),
        step("logs brief").out("hi").err_has("Job brief is gone; this is from the history: Complete *").within(5),
        // The same flags for what only the history has.
        // It may have begun once more before the limit ended it.
        step("logs back --exit-status --grep luck -o raw").exits(1).has("no luck").talks(),
        step("logs brief --exit-status -o json")
            .out("{\"pod\":\"brief-?????\",\"container\":\"brief\",\"attempt\":1,\"index\":null,\"time\":\"*Z\",\"line\":\"hi\"}")
            .talks(),
        step("history logs brief --grep nothing").out(""),
        step("history logs brief --timestamps --merge time").out("????-??-??T??:??:??.*Z hi"),
        step("history logs nothing --exit-status").exits(4).err_has("the history has no run \"nothing\""),
        step("history logs back --exit-status").exits(1).has("no luck"),
        // Each waits until the other's line is in its log, with its time: by time they alternate, by pod they do not.
        step("run turns --image app --completions 2 --parallelism 2 --indexed -- sh -c \
              'i=$$JOB_COMPLETION_INDEX; other=$$((1-i)); told() { grep -rqs \"one of $$other\" {work}; }; \
              until test $$i = 0 || told; do :; done; echo one of $$i; \
              if test $$i = 0; then until told; do :; done; echo two of 0; fi'")
            .talks(),
        step("logs turns --merge time --no-prefix").out("one of 0\none of 1\ntwo of 0"),
        step("logs turns --merge time --ascii").out("idx0-1 | one of 0\nidx1-1 | one of 1\nidx0-1 | two of 0"),
        step("logs turns --no-prefix").out("one of 0\ntwo of 0\none of 1"),
        step("logs -f turns --merge pod --no-prefix").has("one of 0").has("two of 0").has("one of 1"),
    ]);
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("run one --image app -- echo hi").out("hi").talks(),
        step("logs one").out("hi"),
        step("logs job/one --timestamps").out("????-??-??T??:??:??.*Z hi"),
        step("run many --image app --completions 3 --parallelism 1 --indexed -- sh -c 'echo of $JOB_COMPLETION_INDEX'")
            .talks(),
        step("logs many").out("idx0·1 │ of 0\nidx1·1 │ of 1\nidx2·1 │ of 2"),
        step("logs many --ascii --index 0,2").out("idx0-1 | of 0\nidx2-1 | of 2"),
        step("logs many --index 1").out("of 1"),
        step("logs many --no-prefix --attempt last").out("of 0\nof 1\nof 2"),
        step("logs many --failed").err("Job many has no such attempt"),
        step("logs many --index 5-3").exits(2).err_has("write indexes like 0,3-5"),
        step("logs many --attempt first").exits(2).err_has("write last, all or a number"),
        step("logs -f one").out("hi"),
        // Which lines, in which order, in which form.
        step("run words --image app -- sh -c 'echo red apple; echo green apple; echo red brick; printf end'").talks(),
        step("logs words --grep red --grep '^end$' --exclude brick").out("red apple\nend"),
        step("logs -f words --grep red --exclude brick").out("red apple"),
        step("logs words --grep apple --tail 2").out(""),
        step("logs words --highlight apple --grep apple").out("red apple\ngreen apple"),
        step("logs words --highlight apple --grep green --color always").out("green \u{1b}[7mapple\u{1b}[27m"),
        step("logs words --highlight apple -o raw").exits(2).err_has("--highlight marks text"),
        step("logs words --grep '('").exits(2).err_has("error: --grep \"(\" is no regular expression: *"),
        step("logs words -o xml").exits(2).err_has("invalid value 'xml'"),
        step("logs many -o raw").out("of 0\nof 1\nof 2"),
        step("logs many --index 2 -o json")
            .out("{\"pod\":\"many-2-?????\",\"container\":\"many\",\"attempt\":1,\"index\":2,\"time\":\"????-??-??T*Z\",\"line\":\"of 2\"}"),
        step("logs -f many -o json --grep 'of 1'").out("{\"pod\":\"many-1-?????\",*\"index\":1,*\"line\":\"of 1\"}"),
        step("logs many --merge pod --no-prefix").out("of 0\nof 1\nof 2"),
        step("logs one --all-containers").out("hi"),
        step("logs one --all-containers=false").out("hi"),
        step("logs one -c one").out("hi"),
        step("logs one -c one --all-containers")
            .exits(2)
            .err("error: --all-containers=true should not be specified with container name one"),
        // The Job's result as exit code.
        step("logs one --exit-status").out("hi"),
        step("run lost --image app --backoff-limit 0 -- sh -c 'echo no; exit 9'").exits(1).talks(),
        step("logs lost").out("no"),
        step("logs lost --exit-status").exits(1).out("no"),
        step("logs -f lost --exit-status").exits(1).out("no").talks(),
        step("logs nobody --exit-status").exits(4).err_has("\"nobody\" not found"),
        step("logs -f one --attempt 1").exits(2).err_has("-f follows every attempt"),
        step("logs nobody").fails("Error from server (NotFound): jobs.batch \"nobody\" not found"),
        step("logs pod/x").exits(2).err_has("\"pod\" is no Job"),
    ]
}
