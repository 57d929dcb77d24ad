//! The documentation's page "Jobs", section by section, with its commands and what they print, by real kubectls against
//! a server of their own. What a section waits for is shortened where the page would wait for minutes; its Jobs are
//! otherwise its own.

mod alternatives;
mod ends;
mod usage;

use super::jobs;
use crate::e2e::Context;
use crate::e2e::clients::{self, Kubectl};
use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::e2e::step::Step;
use crate::perl;
use crate::server::Server;

/// A section: its title, the files that it needs, and its steps.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) files: Vec<(&'static str, String)>,
    pub(super) steps: Vec<Step>,
}

impl Section {
    /// A section whose manifests are all in `testdata`.
    pub(super) fn new(title: &'static str, steps: Vec<Step>) -> Self {
        Self { title, files: Vec::new(), steps }
    }

    /// Adds a file of the session's folder.
    pub(super) fn file(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.files.push((name, text.into()));
        self
    }
}

/// Walks the page with every kubectl.
///
/// # Errors
/// When a kubectl or a server cannot be had.
pub(in crate::e2e) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    perl::ensure()?;
    for kubectl in clients::find(context.options.all, context.options.allow_missing)? {
        report.group(&format!("the page, kubectl 1.{}", kubectl.minor));
        if let Err(error) = walk(context, &kubectl, report) {
            report.check("the page is walked to its end", Err(format!("{error:#}")));
        }
    }
    Ok(())
}

fn walk(context: &Context<'_>, kubectl: &Kubectl, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(&context.binary, &[])?;
    let mut session = Session::new(&kubectl.program, kubectl.minor, &server.kubeconfig())?;
    for section in sections(kubectl) {
        report.group(&format!("the page, kubectl 1.{}: {}", kubectl.minor, section.title));
        for (name, text) in &section.files {
            session.file(name, text)?;
        }
        session.run(&section.steps, report)?;
    }
    server.stop()
}

fn sections(kubectl: &Kubectl) -> Vec<Section> {
    let mut sections = vec![Section::new("Running an example Job", jobs::pi())];
    sections.extend(usage::sections());
    sections.extend(ends::sections());
    sections.extend(alternatives::sections(kubectl));
    sections
}

/// A Job's manifest: its `spec` besides the template, and the script that its one container runs.
pub(super) fn manifest(name: &str, spec: &str, policy: &str, script: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n  template:\n    spec:\n      \
         restartPolicy: {policy}\n      terminationGracePeriodSeconds: 1\n      containers:\n      - name: main\n        \
         image: busybox\n        command: [sh, -c, '{script}']\n"
    )
}
