//! The output of a followed Job: which logs are read, what their lines are labelled with, and what is said once a run's
//! output has all been printed.

use std::time::Duration;

use api::Options;
use api::k8s::api::core::v1::Pod;
use api::resource::PODS;
use client::Observation;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::pump::Piece;
use super::sources::Source;
use super::{Follower, Interrupts};
use crate::lines::{Line, Origin};
use crate::view::facts;

/// How long logs get to reach their end after the Job has, or the log before.
const LAST_LINES_PATIENCE: Duration = Duration::from_secs(10);

impl Follower<'_> {
    /// Begins to read what a pod's state makes readable.
    pub(super) fn open_logs(&mut self, pod: &Pod) {
        for source in self.sources.take(pod) {
            self.held_back.opened((source.uid.clone(), source.run));
            self.pump.open(source);
        }
    }

    /// Prints a line, or what waited for the end of a log.
    pub(super) fn take_piece(&mut self, piece: Piece) {
        match piece {
            Piece::Line { source, bytes, is_whole } => {
                self.tails.keep(&source.uid, &bytes);
                if self.shows_logs {
                    let prefix = self.prefix(&source);
                    let prefix = prefix.as_ref().map(|(label, number)| (label.as_str(), *number));
                    let attempt = self.attempts.position(&source.uid, source.run);
                    let attempt = attempt.map(|position| &self.attempts.list()[position]);
                    let origin = Origin { pod: &source.pod, container: &source.container, attempt };
                    self.printer.show(&self.manner.show, origin, prefix, Line { bytes: &bytes, is_whole });
                }
            }
            Piece::Ended { source, error } => {
                self.pump.ended();
                if let Some(error) = error {
                    let text = format!("output of pod {} is incomplete: {error}", source.pod);
                    self.printer.note(crate::screen::escape(&text));
                }
                let said = self.held_back.ended(&(source.uid.clone(), source.run));
                said.into_iter().for_each(|text| self.printer.note(text));
            }
        }
    }

    /// The label of an attempt's lines. A Job with one pod at a time has none on a pipe, so that `$(...)` gives what
    /// the command printed.
    fn prefix(&self, source: &Source) -> Option<(String, u32)> {
        let screen = self.printer.screen();
        if self.manner.no_prefix || (facts::is_single(&self.job) && !screen.stdout_is_terminal) {
            return None;
        }
        let attempt = self.attempts.position(&source.uid, source.run).map(|position| &self.attempts.list()[position]);
        let (mut label, colour) = match attempt {
            Some(attempt) => (attempt.label(screen.dot()), attempt.index.unwrap_or(attempt.number)),
            None => (source.pod.clone(), 0),
        };
        let containers = facts::spec(&self.job).template.spec.as_ref().map_or(1, |pod| pod.containers.len());
        if containers > 1 && self.manner.container.is_none() {
            label = format!("{label} {}", source.container);
        }
        let width = self.label_width();
        Some((format!("{label:<width$}"), colour))
    }

    /// Wide enough for the labels of a run without failures, so that most lines begin in one column.
    fn label_width(&self) -> usize {
        let completions = facts::spec(&self.job).completions.unwrap_or(1).max(1);
        let digits = |number: i32| number.to_string().len();
        if facts::is_indexed(&self.job) { 3 + digits(completions - 1) + 2 } else { 1 + digits(completions) }
    }

    /// Prints what the pods still have to say, since the Job's end may have overtaken theirs: they are followed on until
    /// each that the Job counts has ended, or looked at once more where the pods that were are not all known.
    pub(super) async fn read_to_the_end(
        &mut self,
        pods: Option<BoxStream<'static, Observation>>,
        pieces: &mut mpsc::Receiver<Piece>,
        interrupts: &mut Interrupts,
    ) {
        if pods.is_none() {
            self.look_at_pods().await;
        }
        let mut is_behind = pods.is_some();
        let mut pods = pods.unwrap_or_else(|| futures::stream::empty().boxed());
        let mut deadline = Instant::now() + LAST_LINES_PATIENCE;
        loop {
            is_behind &= self.misses_pods();
            if !is_behind && self.pump.open == 0 {
                return;
            }
            tokio::select! {
                biased;
                _ = interrupts.next() => return,
                piece = pieces.recv() => match piece {
                    Some(piece) => {
                        if matches!(piece, Piece::Ended { .. }) {
                            deadline = Instant::now() + LAST_LINES_PATIENCE;
                        }
                        self.take_piece(piece);
                    }
                    None => return,
                },
                Some(observation) = pods.next(), if is_behind => self.take_pods(observation),
                () = sleep_until(deadline) => return,
            }
        }
    }

    async fn look_at_pods(&mut self) {
        let options = Options { label_selector: Some(facts::pod_selector(&self.job)), ..Options::default() };
        if let Ok(list) = self.client.list(&PODS, Some(facts::namespace(&self.job)), options).await {
            self.take_pods(Observation::Restarted { objects: list.items, revision: list.revision });
        }
    }

    /// Whether the Job counts pods whose end was not seen.
    fn misses_pods(&self) -> bool {
        let counted = usize::try_from(facts::succeeded(&self.job) + facts::failed(&self.job)).unwrap_or(0);
        self.seen.len() < counted || self.pods.values().any(|pod| pod.metadata.deletion_timestamp.is_none())
    }
}
