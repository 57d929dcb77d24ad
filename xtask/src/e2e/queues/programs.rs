//! The programs that stand for the images of the work-queue pages: Debian's Redis, RabbitMQ and AMQP tools, unpacked below
//! `target/` without root and never installed, so that no service starts on this machine; and scripts for the workers.
//!
//! A script that stands for a server's image binds the pod's own address, so that the ports are the pod's and not the
//! host's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::{debian, shell, workspace};

const RELEASE: &str = "bookworm";
/// The servers and tools, and the libraries that not every machine has.
const PACKAGES: [&str; 46] = [
    "redis-server",
    "redis-tools",
    "libatomic1",
    "libhiredis0.14",
    "libjemalloc2",
    "liblua5.1-0",
    "liblzf1",
    "lua-bitop",
    "lua-cjson",
    "libssl3",
    "libsystemd0",
    "libcap2",
    "libgcrypt20",
    "libgpg-error0",
    "liblz4-1",
    "liblzma5",
    "libzstd1",
    "amqp-tools",
    "libpopt0",
    "librabbitmq4",
    "rabbitmq-server",
    "libgcc-s1",
    "libstdc++6",
    "libtinfo6",
    "zlib1g",
    "erlang-asn1",
    "erlang-base",
    "erlang-crypto",
    "erlang-diameter",
    "erlang-edoc",
    "erlang-eldap",
    "erlang-erl-docgen",
    "erlang-ftp",
    "erlang-inets",
    "erlang-mnesia",
    "erlang-os-mon",
    "erlang-parsetools",
    "erlang-public-key",
    "erlang-runtime-tools",
    "erlang-snmp",
    "erlang-ssh",
    "erlang-ssl",
    "erlang-syntax-tools",
    "erlang-tftp",
    "erlang-tools",
    "erlang-xmerl",
];
/// How long a program may take to say its version.
const LIMIT: Duration = Duration::from_secs(60);

/// The unpacked packages, and the scripts around them.
pub(super) struct Programs {
    packages: PathBuf,
    scripts: TempDir,
}

impl Programs {
    /// Unpacks what is missing and writes the scripts.
    ///
    /// # Errors
    /// When a package cannot be had or does not run here.
    pub(super) fn bring() -> anyhow::Result<Self> {
        let packages = workspace::target().join("work-queues");
        // Written last.
        let done = packages.join("unpacked");
        if !done.exists() {
            if packages.exists() {
                fs::remove_dir_all(&packages)?;
            }
            eprintln!("Unpacking Redis and RabbitMQ from Debian {RELEASE} below {}", packages.display());
            fs::create_dir_all(&packages)?;
            let advice = "Redis and RabbitMQ are missing and Debian's could not be unpacked (apt-get and dpkg do it, without root)";
            debian::unpack(RELEASE, &PACKAGES, &packages).context(advice)?;
            fs::write(&done, "")?;
        }
        let scripts = tempfile::Builder::new().prefix("images-").tempdir().context("making a folder")?;
        // Pods may run as another user than the one who made the folder.
        fs::set_permissions(scripts.path(), fs::Permissions::from_mode(0o755))?;
        let programs = Self { packages, scripts };
        programs.write_scripts()?;
        programs.check()?;
        Ok(programs)
    }

    /// A tool, by its path.
    pub(super) fn tool(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Which image each script stands for, as `--map-image` takes it.
    pub(super) fn image_rules(&self) -> Vec<String> {
        let images = ["redis", "rabbitmq", "gcr.io/my-project/job-wq-1", "gcr.io/my-project/job-wq-2"];
        images.map(|image| format!("{image}={}", self.tool(image.rsplit('/').next().unwrap_or(image)))).into()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scripts.path().join(name)
    }

    fn write_scripts(&self) -> anyhow::Result<()> {
        for tool in ["redis-cli", "redis-server", "amqp-declare-queue", "amqp-publish", "amqp-consume"] {
            let program = self.packages.join("usr/bin").join(tool);
            self.script(tool, &format!("exec {} \"$@\"", program.display()))?;
        }
        self.script(
            "redis",
            &format!("exec {} --bind $KUBECTL_JOB_POD_IP --save '' \"$@\"", self.tool("redis-server")),
        )?;
        self.script("rabbitmq", &self.rabbitmq())?;
        self.script("erl", &self.erl())?;
        let consume = self.tool("amqp-consume");
        self.script("job-wq-1", &format!("exec {consume} --url=$BROKER_URL -q $QUEUE -c 1 {}", self.tool("worker")))?;
        self.script("worker", "echo Processing $(cat)")?;
        self.script("job-wq-2", &self.redis_worker())
    }

    /// A script that finds the libraries of the packages.
    fn script(&self, name: &str, body: &str) -> anyhow::Result<()> {
        let folder = |base: &str| self.packages.join(base).join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let (one, other) = (folder("usr/lib"), folder("lib"));
        let text = format!("#!/bin/sh\nexport LD_LIBRARY_PATH={}:{}\n{body}\n", one.display(), other.display());
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Erlang, where it was unpacked and not where it was meant to be.
    fn erl(&self) -> String {
        let root = self.packages.join("usr/lib/erlang");
        format!(
            "export ROOTDIR={root} EMU=beam PROGNAME=erl\nexport BINDIR=$(echo $ROOTDIR/erts-*/bin)\nexec $BINDIR/erlexec \"$@\"",
            root = root.display()
        )
    }

    /// RabbitMQ, with all of its files in the pod's own directory.
    fn rabbitmq(&self) -> String {
        let usr = self.packages.join("usr");
        let lines = [
            format!("usr={}", usr.display()),
            format!("export PATH={}:$PATH HOME=$PWD", self.scripts.path().display()),
            "export RABBITMQ_HOME=$(echo $usr/lib/rabbitmq/lib/rabbitmq_server-*)".to_owned(),
            "export RABBITMQ_PLUGINS_DIR=$RABBITMQ_HOME/plugins RABBITMQ_ENABLED_PLUGINS_FILE=$PWD/plugins".to_owned(),
            "export RABBITMQ_BASE=$PWD RABBITMQ_MNESIA_BASE=$PWD/mnesia RABBITMQ_CONF_ENV_FILE=$PWD/none".to_owned(),
            "export RABBITMQ_LOG_BASE=$PWD/log RABBITMQ_LOGS=-".to_owned(),
            // A node of its own, whatever else of Erlang runs on this machine.
            "export ip=$KUBECTL_JOB_POD_IP RABBITMQ_NODE_IP_ADDRESS=$KUBECTL_JOB_POD_IP".to_owned(),
            "export RABBITMQ_NODENAME=rabbit_$(echo $ip | tr . _)@localhost".to_owned(),
            "$usr/lib/erlang/erts-*/bin/epmd -daemon".to_owned(),
            "exec $usr/lib/rabbitmq/bin/rabbitmq-server".to_owned(),
        ];
        lines.join("\n")
    }

    /// Takes items until none is left. An item lies in a second list while it is worked on, and in a third when it is done.
    fn redis_worker(&self) -> String {
        let lines = [
            format!("redis() {{ {} -h redis \"$@\"; }}", self.tool("redis-cli")),
            "echo Worker $(hostname)".to_owned(),
            "while item=$(redis lmove job2 job2:processing left right) && test -n \"$item\"; do".to_owned(),
            "  echo Working on $item".to_owned(),
            "  redis rpush job2:done $item >/dev/null && redis lrem job2:processing 1 $item >/dev/null || exit 1"
                .to_owned(),
            "done".to_owned(),
            "redis ping >/dev/null && echo Queue empty, exiting".to_owned(),
        ];
        lines.join("\n")
    }

    /// Runs what needs the most libraries.
    fn check(&self) -> anyhow::Result<()> {
        for (name, arguments) in [("redis-server", &["--version"][..]), ("erl", &["-noshell", "-eval", "halt()."])] {
            self.answers(&self.path(name), arguments)?;
        }
        Ok(())
    }

    fn answers(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.scripts.path());
        let outcome = shell::capture(&mut command, LIMIT)?;
        if !outcome.succeeded() {
            bail!("`{}` does not run here:\n{}{}", shell::line(&command), outcome.stdout, outcome.stderr);
        }
        Ok(())
    }
}
