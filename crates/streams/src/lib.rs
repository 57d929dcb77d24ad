//! The wire forms of exec, attach and port-forward: SPDY/3.1 frames, WebSocket channels, terminal sizes. Pure.
//!
//! Bytes come in, events go out, and the other way round; nothing here reads, writes, waits or knows what a pod is.
//! Invariant: whatever comes in, and however it is cut, memory stays within the bounds named beside each part, and
//! nothing panics.

pub mod channel;
pub mod resize;
pub mod spdy;
