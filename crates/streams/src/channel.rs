//! WebSocket channels: every message is one byte that names a channel, then what is said on it.
//!
//! The protocols are `channel.k8s.io` (`k8s.io/streaming/pkg/httpstream/wsstream`), with `v4.` in front where the error
//! channel carries a `Status`, `v5.` where a message of two bytes ends a channel, and `base64.` where everything is text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes};

/// Standard input.
pub const STDIN: u8 = 0;
/// Standard output.
pub const STDOUT: u8 = 1;
/// Standard error.
pub const STDERR: u8 = 2;
/// How it ended.
pub const ERROR: u8 = 3;
/// Terminal sizes.
pub const RESIZE: u8 = 4;

/// The first byte of the message that ends a channel.
const CLOSE: u8 = 255;

/// How channels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name; empty when the client named none.
    pub name: &'static str,
    /// Whether messages are text.
    base64: bool,
    /// What the error channel carries.
    pub errors: Errors,
    /// Whether a channel can be ended.
    closes: bool,
}

/// What the error channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// A `Status`, always.
    Status,
    /// The text of an error, if there is one.
    Text,
}

const fn protocol(name: &'static str, base64: bool, errors: Errors, closes: bool) -> Protocol {
    Protocol { name, base64, errors, closes }
}

/// The protocols of exec and attach.
pub const REMOTE_COMMAND: [Protocol; 6] = [
    protocol("v5.channel.k8s.io", false, Errors::Status, true),
    protocol("v4.channel.k8s.io", false, Errors::Status, false),
    protocol("v4.base64.channel.k8s.io", true, Errors::Status, false),
    protocol("channel.k8s.io", false, Errors::Text, false),
    protocol("base64.channel.k8s.io", true, Errors::Text, false),
    protocol("", false, Errors::Text, false),
];

/// The protocols of port-forward, but for the tunnel.
pub const PORT_FORWARD: [Protocol; 3] = [
    protocol("v4.channel.k8s.io", false, Errors::Text, false),
    protocol("v4.base64.channel.k8s.io", true, Errors::Text, false),
    protocol("", false, Errors::Text, false),
];

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// As a binary message.
    Binary(Bytes),
    /// As a text message.
    Text(String),
}

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Bytes on a channel.
    Data(u8, Bytes),
    /// No more will come on a channel.
    Closed(u8),
    /// Nothing that means anything; upstream passes over it as well.
    Nothing,
    /// It breaks the protocol; upstream ends the connection.
    Broken,
}

impl Protocol {
    /// Whether the client can end a channel by itself. Where it cannot, standard input ends with the connection.
    pub fn closes_channels(self) -> bool {
        self.closes
    }

    /// A message on a channel.
    pub fn encode(self, channel: u8, bytes: &[u8]) -> Message {
        if self.base64 {
            let mut text = String::with_capacity(1 + bytes.len().div_ceil(3) * 4);
            text.push(char::from(b'0' + channel));
            STANDARD.encode_string(bytes, &mut text);
            return Message::Text(text);
        }
        let mut message = Vec::with_capacity(1 + bytes.len());
        message.push(channel);
        message.extend_from_slice(bytes);
        Message::Binary(message.into())
    }

    /// Reads a message, binary or text.
    pub fn decode(self, mut message: Bytes) -> Received {
        if message.is_empty() {
            return Received::Nothing;
        }
        let first = message.get_u8();
        if self.closes && first == CLOSE {
            return match message[..] {
                [channel] if channel <= RESIZE => Received::Closed(channel),
                _ => Received::Broken,
            };
        }
        if !self.base64 {
            return Received::Data(first, message);
        }
        match (first.checked_sub(b'0'), STANDARD.decode(&message)) {
            (Some(channel), Ok(bytes)) => Received::Data(channel, bytes.into()),
            _ => Received::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(name: &str) -> Protocol {
        REMOTE_COMMAND.into_iter().find(|protocol| protocol.name == name).unwrap()
    }

    #[test]
    fn channels_are_written_as_upstream_writes_them() {
        let binary = named("v4.channel.k8s.io");
        assert_eq!(binary.encode(STDOUT, b"\n"), Message::Binary(Bytes::from_static(b"\x01\n")));
        assert_eq!(binary.decode(Bytes::from_static(b"\0foo")), Received::Data(STDIN, Bytes::from_static(b"foo")));
        let text = named("base64.channel.k8s.io");
        assert_eq!(text.encode(STDOUT, b"\n"), Message::Text("1Cg==".to_owned()));
        assert_eq!(text.decode(Bytes::from_static(b"0Zm9v")), Received::Data(STDIN, Bytes::from_static(b"foo")));
        assert_eq!(text.decode(Bytes::from_static(b"0???")), Received::Nothing);
    }

    #[test]
    fn only_v5_ends_channels() {
        let end = Bytes::from_static(&[255, 0]);
        assert_eq!(named("v5.channel.k8s.io").decode(end.clone()), Received::Closed(STDIN));
        assert_eq!(named("v5.channel.k8s.io").decode(Bytes::from_static(&[255])), Received::Broken);
        assert_eq!(named("v5.channel.k8s.io").decode(Bytes::from_static(&[255, 9])), Received::Broken);
        assert_eq!(named("v4.channel.k8s.io").decode(end), Received::Data(255, Bytes::from_static(&[0])));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(channel in 0_u8..5, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for protocol in REMOTE_COMMAND {
                let sent = match protocol.encode(channel, &bytes) {
                    Message::Binary(bytes) => bytes,
                    Message::Text(text) => text.into(),
                };
                prop_assert_eq!(protocol.decode(sent), Received::Data(channel, bytes.clone().into()));
            }
        }

        #[test]
        fn any_message_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            for protocol in REMOTE_COMMAND {
                let _ = protocol.decode(bytes.clone().into());
            }
        }
    }
}
