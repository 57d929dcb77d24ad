//! kubectl's connection flags.

use std::path::PathBuf;

use clap::Args;

use crate::history::filing::Limits;

/// Which server, as whom. Without any of `--context`, `--kubeconfig` and `--server`: the local one.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Use the cluster of this kubeconfig instead of the local server
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Use the cluster of this kubeconfig context instead of the local server
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Use the API server at this address instead of the local server
    #[arg(short, long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The namespace
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The kubeconfig cluster to use
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) cluster: Option<String>,
    /// The kubeconfig user to use
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) user: Option<String>,
    /// Bearer token
    #[arg(long, global = true, value_name = "TOKEN", hide_short_help = true)]
    pub(crate) token: Option<String>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER", hide_short_help = true)]
    pub(crate) impersonate: Option<String>,
    /// Group to impersonate; repeatable
    #[arg(long = "as-group", global = true, value_name = "GROUP", hide_short_help = true)]
    pub(crate) impersonate_groups: Vec<String>,
    /// UID to impersonate
    #[arg(long = "as-uid", global = true, value_name = "UID", hide_short_help = true)]
    pub(crate) impersonate_uid: Option<String>,
    /// Certificate of the authority that signed the server's
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// Client certificate
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_certificate: Option<PathBuf>,
    /// Client key
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_key: Option<PathBuf>,
    /// Do not check the server's certificate
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Name to check the server's certificate against
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) tls_server_name: Option<String>,
    /// Longest time for one request
    #[arg(long, global = true, value_name = "DURATION", hide_short_help = true)]
    pub(crate) request_timeout: Option<crate::duration::Span>,
    /// Accepted for kubectl's sake; nothing is cached
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Print the kubectl commands that would do the same
    #[arg(long, global = true, help_heading = "Display")]
    pub(crate) show_kubectl: bool,
    /// Where the local server keeps its state [default: $XDG_STATE_HOME/kubectl-job]
    #[arg(long, global = true, value_name = "DIR", env = "KUBECTL_JOB_STATE_DIR", hide_env = true)]
    pub(crate) state_dir: Option<PathBuf>,
    /// What the user has chosen for the local server.
    #[arg(skip)]
    pub(crate) home: Home,
}

/// What a user has chosen for the local server, and is no flag's default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Home {
    /// The namespace where neither flag nor manifest names one.
    pub(crate) namespace: Option<String>,
    /// What is kept of Jobs of a server inside a command.
    pub(crate) history_limit: Option<Limits>,
}

impl Connection {
    /// The namespace on the local server, if one is named or chosen.
    pub(crate) fn local_namespace(&self) -> Option<&str> {
        self.namespace.as_deref().or(self.home.namespace.as_deref())
    }

    /// Whether a real cluster was asked for.
    pub(crate) fn is_remote(&self) -> bool {
        self.is_named() || prefers_kubeconfig()
    }

    /// Whether a real cluster is meant though no flag names one.
    pub(crate) fn is_by_preference(&self) -> bool {
        !self.is_named() && prefers_kubeconfig()
    }

    /// Whether a flag names a real cluster.
    pub(crate) fn is_named(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some() || self.server.is_some()
    }

    /// A flag that means something only together with a real cluster, if one was given without.
    pub(crate) fn stray_flag(&self) -> Option<&'static str> {
        if self.is_remote() {
            return None;
        }
        let given = [
            ("--cluster", self.cluster.is_some()),
            ("--user", self.user.is_some()),
            ("--token", self.token.is_some()),
            ("--as", self.impersonate.is_some()),
            ("--as-group", !self.impersonate_groups.is_empty()),
            ("--as-uid", self.impersonate_uid.is_some()),
            ("--certificate-authority", self.certificate_authority.is_some()),
            ("--client-certificate", self.client_certificate.is_some()),
            ("--client-key", self.client_key.is_some()),
            ("--insecure-skip-tls-verify", self.insecure_skip_tls_verify),
            ("--tls-server-name", self.tls_server_name.is_some()),
        ];
        given.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }
}

/// Whether the environment turns the default around: the cluster that kubectl uses, and not the local server.
fn prefers_kubeconfig() -> bool {
    std::env::var_os("KUBECTL_JOB_TARGET").is_some_and(|target| target == "kubeconfig")
}
