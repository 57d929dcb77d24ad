//! The streams of a process that runs beside a container's main one, between its pipes and a client's session.
//!
//! A client that is gone ends the input, closes the output and hangs the terminal up, as upstream's streaming server
//! does; the process is not killed for it. Bounds: one chunk per output beside what the session holds.

use std::time::Duration;

use api::session::{Channel, Outcome, SessionEvent, Streams};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::{mpsc, oneshot, watch};

use super::stdio::Near;
use crate::runtime::ExitStatus;
use crate::runtime::session::{CHUNK_BYTES, Peer};

/// How long the outputs of a process that has ended may be silent before they count as ended too: something that it
/// left in the container may hold them.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// Serves a session until the process has ended and its output is delivered, or the client is gone.
pub(super) async fn run(
    near: Near,
    peer: Peer,
    streams: Streams,
    end: oneshot::Receiver<(ExitStatus, jiff::Timestamp)>,
) {
    let Near { stdin, stdout, stderr, terminal } = near;
    let Peer { stdin: input, mut resize, events } = peer;
    let (exit, exited) = watch::channel(false);
    let wanted = |wanted: bool| wanted.then(|| events.clone());
    let outputs = async {
        let stdout = copy_out(stdout, Channel::Stdout, wanted(streams.stdout), exited.clone());
        let stderr = async {
            if let Some(stderr) = stderr {
                copy_out(stderr, Channel::Stderr, wanted(streams.stderr), exited.clone()).await;
            }
        };
        tokio::join!(stdout, stderr);
    };
    let ended = async {
        // No sender is left when the runtime has closed: then everything is killed.
        let status = end.await.map_or(ExitStatus::Signal(9), |(status, _)| status);
        exit.send_replace(true);
        status
    };
    let inputs = async {
        let sizes = async {
            while let Some(size) = resize.recv().await {
                terminal.iter().for_each(|terminal| terminal.resize(size));
            }
        };
        tokio::join!(copy_in(stdin, input), sizes);
        std::future::pending::<()>().await;
    };
    let whole = async { tokio::join!(outputs, ended).1 };
    let status = tokio::select! {
        status = whole => status,
        () = inputs => return,
        () = events.closed() => return,
    };
    let _ = events.send(SessionEvent::Ended(Outcome::Exited(status.exit_code()))).await;
}

/// Copies one output until it ends. Without a taker it is read and thrown away.
async fn copy_out(
    mut pipe: Receiver,
    channel: Channel,
    events: Option<mpsc::Sender<SessionEvent>>,
    exited: watch::Receiver<bool>,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = tokio::select! {
            biased;
            read = pipe.read(&mut chunk) => read,
            () = silence_after(exited.clone()) => return,
        };
        // A terminal whose process is gone ends in an error.
        let Ok(count @ 1..) = read else { return };
        if let Some(events) = &events {
            let output = SessionEvent::Output(channel, Bytes::copy_from_slice(&chunk[..count]));
            if events.send(output).await.is_err() {
                return;
            }
        }
    }
}

async fn silence_after(mut exited: watch::Receiver<bool>) {
    let _ = exited.wait_for(|exited| *exited).await;
    tokio::time::sleep(DRAIN_PATIENCE).await;
}

/// Copies input until it ends, which closes the pipe, or until the process no longer reads.
async fn copy_in(pipe: Option<Sender>, mut input: mpsc::Receiver<Bytes>) {
    let Some(mut pipe) = pipe else { return };
    while let Some(bytes) = input.recv().await {
        if pipe.write_all(&bytes).await.is_err() {
            // What else comes is for nobody, and must not hold its sender back.
            while input.recv().await.is_some() {}
            return;
        }
    }
}
