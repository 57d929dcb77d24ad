//! The two halves of the talk with one supervisor. Each owns its socket; dropping the command socket ends the supervisor.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tracing::error;

use super::{Outbox, Shared};
use crate::runtime::wire::FrameBuffer;

const RECEIVE_BYTES: usize = 16 * 1024;
/// The kernel bounds the descriptors in flight per user; the supervisor takes them out within this time.
const TOO_MANY_IN_FLIGHT_PAUSE: Duration = Duration::from_millis(1);

/// Sends what is in the outbox, a batch per system call, until the runtime closes.
pub(super) async fn send_commands(shared: &Shared, socket: UnixStream) {
    while !shared.is_closed() {
        let outbox = std::mem::take(&mut *shared.outbox.lock());
        if outbox.bytes.is_empty() {
            shared.outbox_filled.notified().await;
        } else if send(&socket, outbox).await.is_err() {
            // The supervisor is gone, which the other half sees as the end of its socket.
            return;
        }
    }
}

/// Sends one batch. All descriptors go with its first byte; dropping them afterwards leaves the container, through the
/// supervisor, as the only writer of its pipes.
async fn send(socket: &UnixStream, outbox: Outbox) -> io::Result<()> {
    let Outbox { bytes, mut descriptors } = outbox;
    let mut sent = 0;
    while sent < bytes.len() {
        let result = socket
            .async_io(Interest::WRITABLE, || {
                let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                if !borrowed.is_empty() {
                    control.push(SendAncillaryMessage::ScmRights(&borrowed));
                }
                let slices = [io::IoSlice::new(&bytes[sent..])];
                Ok(sendmsg(socket, &slices, &mut control, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
            })
            .await;
        match result {
            Ok(count) => {
                sent += count;
                descriptors.clear();
            }
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ETOOMANYREFS as i32) => {
                tokio::time::sleep(TOO_MANY_IN_FLIGHT_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Takes reports in until the supervisor is gone.
pub(super) async fn receive_reports(shared: &Shared, socket: UnixStream) {
    let mut frames = FrameBuffer::default();
    let mut buffer = vec![0; RECEIVE_BYTES];
    loop {
        let received =
            socket.async_io(Interest::READABLE, || Ok(recv(&socket, &mut buffer[..], RecvFlags::DONTWAIT)?.0)).await;
        match received {
            Ok(0) | Err(_) => break,
            Ok(count) => frames.extend(&buffer[..count]),
        }
        loop {
            match frames.next_report() {
                Ok(Some(report)) => shared.take(report),
                Ok(None) => break,
                Err(error) => {
                    error!(%error, "cannot read the pod supervisor; its containers are given up");
                    return;
                }
            }
        }
    }
}
