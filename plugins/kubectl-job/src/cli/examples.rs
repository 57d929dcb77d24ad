//! Examples of each verb, as its help shows them. A test reads every line of them.

/// Verb and text. Helpers of a verb add it here.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    (
        "run",
        "Examples:
  kubectl job run hello --image busybox -- echo hi
  kubectl job run -f job.yaml
  kubectl job run pages --image app --completions 8 --parallelism 3 --indexed
  kubectl job run --from cronjob/nightly --env LEVEL=debug
  kubectl job run -f job.yaml --dry-run -o yaml
  kubectl job run report --image app --watch-files src -- ./report",
    ),
    (
        "get",
        "Examples:
  kubectl job get
  kubectl job get --status failed -A
  kubectl job get pi -o yaml
  kubectl job get cj",
    ),
    (
        "describe",
        "Examples:
  kubectl job describe pi
  kubectl job describe @last
  kubectl job describe pi --at +35s --show-events=false",
    ),
    (
        "why",
        "Examples:
  kubectl job why pi
  kubectl job why @last --depth 0
  kubectl job why cronjob/nightly
  kubectl job why pi --exit-status",
    ),
    (
        "timeline",
        "Examples:
  kubectl job timeline pi
  kubectl job timeline pi -w
  kubectl job timeline pi -o html",
    ),
    (
        "logs",
        "Examples:
  kubectl job logs pi
  kubectl job logs pi --attempt last
  kubectl job logs -f pages --grep 'error|fatal' --exclude retry
  kubectl job logs pages --merge time --timestamps
  kubectl job logs pi -o json --exit-status",
    ),
    (
        "wait",
        "Examples:
  kubectl job wait pi --timeout 5m
  kubectl job wait --all --fail-on-stuck
  kubectl job wait pi --for complete,failed",
    ),
    (
        "delete",
        "Examples:
  kubectl job delete pi
  kubectl job delete -l app=web
  kubectl job delete --all --interactive
  kubectl job delete pi --force",
    ),
    (
        "history",
        "Examples:
  kubectl job history
  kubectl job history --status failed -A
  kubectl job history show pi
  kubectl job history logs pi",
    ),
    (
        "rerun",
        "Examples:
  kubectl job rerun pi
  kubectl job rerun @last --env LEVEL=debug
  kubectl job rerun pi --replace -- sh -c 'echo hi'",
    ),
    (
        "shell",
        "Examples:
  kubectl job shell pi
  kubectl job shell pi --attempt 1 -- env",
    ),
    (
        "suspend",
        "Examples:
  kubectl job suspend pi --wait
  kubectl job suspend --all
  kubectl job suspend cj/nightly",
    ),
    (
        "resume",
        "Examples:
  kubectl job resume pi --wait --timeout 30s
  kubectl job resume -l app=web",
    ),
    (
        "cron",
        "Examples:
  kubectl job cron list
  kubectl job cron next nightly --count 10 --tz Europe/Berlin
  kubectl job cron trigger nightly --env LEVEL=debug
  kubectl job cron trigger nightly -- sh -c ./other",
    ),
    (
        "server",
        "Examples:
  kubectl job server start --clock hybrid
  kubectl job server status
  kubectl job server stop",
    ),
    (
        "clock",
        "Examples:
  kubectl job server start --clock hybrid
  kubectl job clock now
  kubectl job clock advance 1h30m
  kubectl job clock until job/pi=finished --limit 30d",
    ),
    (
        "env",
        "Examples:
  eval \"$(kubectl job env)\"
  kubectl job env --path
  kubectl job env --shell fish",
    ),
    (
        "lint",
        "Examples:
  kubectl job lint -f job.yaml
  kubectl job lint -f deploy -R --strict --ignore no-ttl,no-requests
  kubectl job lint -f job.yaml -o sarif
  kubectl job lint --rules",
    ),
    (
        "doctor",
        "Examples:
  kubectl job doctor
  kubectl job doctor -o json",
    ),
    (
        "version",
        "Examples:
  kubectl job version
  kubectl job version --client -o json",
    ),
    (
        "test",
        "Examples:
  kubectl job test
  kubectl job test deploy/ -k migrate --junit jobtest.xml
  kubectl job test -f job.yaml
  kubectl job test --kuttl tests/e2e
  kubectl job test --watch --keep-on-failure
  kubectl job test --init job.yaml",
    ),
    (
        "completion",
        "Examples:
  kubectl job completion install
  kubectl job completion bash",
    ),
    (
        "help",
        "Examples:
  kubectl job help run
  kubectl job help exit-codes",
    ),
];
