//! `help TOPIC`: what belongs to no single verb.

use crate::exit;

/// The topics, by name.
pub(crate) const TOPICS: [(&str, &str); 3] =
    [("exit-codes", exit::TABLE), ("fidelity", FIDELITY), ("env", ENVIRONMENT)];

/// The text of a topic.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    TOPICS.iter().find(|(topic, _)| *topic == name).map(|(_, text)| *text)
}

const FIDELITY: &str = "\
Fidelity: what is as in a cluster, and what is not

  The local server is a Kubernetes API server in memory, with the controllers of
  Jobs and CronJobs behaving as those of Kubernetes v1.36: retries, back-off,
  deadlines, indexes, failure and success policies, suspension, TTL, schedules.

  Pods are processes on this machine, run as you. A field of a pod is one of:

  honoured       as in a cluster
  simulated      something else that serves the same end: an image is the name
                 of a local program, unless --map-image or --pull give it files;
                 volumes, users and host names need a sandbox, which most Linux
                 machines give
  not enforced   stored and shown, without effect: the server says so in a
                 warning when the object is created, and in an Event on its pods

  Nothing is ignored in silence. For a manifest of yours:

    kubectl job lint -f job.yaml               each field that is not honoured
    kubectl job lint -f job.yaml --all-fields  each field
    kubectl job run -f job.yaml --strict       refuses what is not enforced
    kubectl job doctor                         what this machine gives

  Time is real unless the server was started with --clock hybrid (waits are
  jumped over while no process runs) or virtual (pods are acted out).
";

const ENVIRONMENT: &str = "\
Environment variables, and the file of your own defaults

  The file is $XDG_CONFIG_HOME/kubectl-job/config.toml, or else
  ~/.config/kubectl-job/config.toml, with lines such as logs = \"failed\". Flags
  go before variables, and variables before the file. A key or value that is
  wrong is an error with its line.

  Variable                   Key in the file  What it is
  KUBECTL_JOB_STATE_DIR      state-dir        where the local server keeps its
                                              state; as --state-dir
  KUBECTL_JOB_COLOR          color            auto, always or never; as --color
  KUBECTL_JOB_ASCII          ascii            true: no symbols beyond ASCII; as
                                              --ascii
  KUBECTL_JOB_NAMESPACE      namespace        the namespace on the local server
                                              where neither -n nor a manifest
                                              names one
  KUBECTL_JOB_LOGS           logs             all, failed or none; as --logs of
                                              run and rerun
  KUBECTL_JOB_ON_INTERRUPT   on-interrupt     suspend, delete or detach; as
                                              --on-interrupt of run and rerun,
                                              not on a real cluster
  KUBECTL_JOB_HISTORY_LIMIT  history-limit    RUNS or \"RUNS,BYTES\"; as
                                              --history-limit of server start

  KUBECTL_JOB_TARGET    kubeconfig: without --context, --kubeconfig or --server
                        use the cluster that kubectl uses, and not the local one
  XDG_STATE_HOME, HOME  where the state is otherwise: in
                        $XDG_STATE_HOME/kubectl-job or
                        ~/.local/state/kubectl-job
  NO_COLOR              no colours
  CLICOLOR_FORCE        colours even where no terminal is
  TERM                  dumb: no line that is redrawn
  LC_ALL, LC_CTYPE,     no UTF-8 in the first that is set: as --ascii
  LANG
  CI                    true: the server of run lives inside the command, unless
                        one runs already
  KUBECONFIG            for --context: the files that name it. The user's own
                        kubeconfig is neither read nor written otherwise
  PATH                  where pods find their programs, and run -k finds kubectl
  TZ                    the time zone of times on screens
  SHELL                 the shell that env writes for
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_fit_eighty_columns() {
        for (name, text) in TOPICS {
            let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{name}: {wide:?}");
        }
    }
}
