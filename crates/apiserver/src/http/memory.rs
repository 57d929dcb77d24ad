//! How much memory request bodies may take at once, before and after they are decoded.
//!
//! Small bodies pass freely: they are most, and bounded by the requests in flight. A large body waits for a place while
//! it is read, so the client is held back by its own connection; before it is decoded it waits for as much room as its
//! tree may need. Invariant: large bodies take at most [`MAX_LARGE_BODIES`] times the limit of one, and their trees
//! together at most the limit of one tree, however many clients send them.

use std::sync::Arc;

use api::Status;
use machinery::decode::{self, MAX_TREE_BYTES, MediaType};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::MAX_LARGE_BODIES;

/// Trees are counted in units of so many bytes.
const UNIT_BYTES: usize = 1024;

/// The places for large bodies and the room for their trees.
#[derive(Debug)]
pub(super) struct Memory {
    bodies: Arc<Semaphore>,
    trees: Semaphore,
}

impl Default for Memory {
    fn default() -> Self {
        Self { bodies: Arc::new(Semaphore::new(MAX_LARGE_BODIES)), trees: Semaphore::new(MAX_TREE_BYTES / UNIT_BYTES) }
    }
}

/// Room for a tree, until it is dropped.
pub(super) type Room<'a> = Option<tokio::sync::SemaphorePermit<'a>>;

impl Memory {
    /// Waits for a place for a large body.
    pub(super) async fn large_body(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.bodies.clone().acquire_owned().await.map_err(Status::internal)
    }

    /// Waits for the room that a body's tree may need. A small body needs none.
    pub(super) async fn tree(&self, body: &[u8], media_type: MediaType) -> Result<Room<'_>, Status> {
        let Some(bytes) = decode::tree_bytes(body, media_type) else { return Ok(None) };
        let units = u32::try_from((bytes / UNIT_BYTES).max(1)).map_err(Status::internal)?;
        self.trees.acquire_many(units).await.map(Some).map_err(Status::internal)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn small_bodies_never_wait_and_large_ones_share_one_trees_room() {
        let memory = Memory::default();
        let large = vec![b'{'; 3 << 20];
        let first = memory.tree(&large, MediaType::Json).await.unwrap();
        assert!(first.is_some());
        assert!(memory.tree(&large, MediaType::Json).now_or_never().is_none());
        assert!(memory.tree(b"{}", MediaType::Json).now_or_never().is_some());
        drop(first);
        assert!(memory.tree(&large, MediaType::Protobuf).now_or_never().is_some());
    }

    #[tokio::test]
    async fn only_so_many_large_bodies_are_read_at_once() {
        let memory = Memory::default();
        let mut places = Vec::new();
        for _ in 0..MAX_LARGE_BODIES {
            places.push(memory.large_body().await.unwrap());
        }
        assert!(memory.large_body().now_or_never().is_none());
        places.pop();
        assert!(memory.large_body().now_or_never().is_some());
    }
}
