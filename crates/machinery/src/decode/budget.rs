//! How much memory a decoded tree may take, whatever the bytes make of it.
//!
//! Three mebibytes of `{"a":1},` are two hundred and fifty of tree: a map allocates room for eleven entries at once. So
//! the cost of a tree is counted while it grows, and growing stops at a bound. The count is an estimate from above for
//! what is common, not an exact one.

use serde_json::Value;

use super::MediaType;

/// The most bytes that one decoded tree may take, by this module's count.
///
/// Differs: upstream decodes into Go structs and has no such bound; what passes it is refused by etcd's 1.5 MiB anyway
/// in all but contrived cases.
pub const MAX_TREE_BYTES: usize = 16 << 20;

/// Bodies up to this size are decoded at once: their trees are small, whatever is in them.
const SMALL_BODY_BYTES: usize = 16 << 10;

/// A map's first entry, and each further six: a B-tree leaf has room for eleven and is half full after a split.
const LEAF_BYTES: usize = 640;
const ENTRIES_PER_LEAF: usize = 6;
/// An item of a list, and its copy while the list doubles.
const ITEM_BYTES: usize = 2 * size_of::<Value>();
/// What the allocator adds to a text.
const TEXT_BYTES: usize = 24;

/// What is left of a tree's bound.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

/// The bound is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Default for Budget {
    fn default() -> Self {
        Self { left: MAX_TREE_BYTES }
    }
}

impl Budget {
    /// Whether the bound was met.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.left == 0
    }

    /// One more item of a list.
    pub(crate) fn item(&mut self) -> Result<(), Exhausted> {
        self.take(ITEM_BYTES)
    }

    /// One more entry of a map that has `present` already.
    pub(crate) fn entry(&mut self, present: usize, key: &str) -> Result<(), Exhausted> {
        let leaf = if present.is_multiple_of(ENTRIES_PER_LEAF) { LEAF_BYTES } else { 0 };
        self.take(leaf + key.len() + TEXT_BYTES)
    }

    /// One text of so many bytes.
    pub(crate) fn text(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.take(bytes + TEXT_BYTES)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Exhausted> {
        match self.left.checked_sub(bytes) {
            Some(left) if left > 0 => self.left = left,
            _ => {
                self.left = 0;
                return Err(Exhausted);
            }
        }
        Ok(())
    }
}

/// An upper bound of what a body's tree will take, at most [`MAX_TREE_BYTES`]: what a caller sets aside before it
/// decodes. None for small bodies, most of all. It looks at the bytes once and decodes nothing.
pub fn tree_bytes(body: &[u8], media_type: MediaType) -> Option<usize> {
    // An alias of YAML is as large as what it stands for, so that a small text can become a large tree.
    let expands = media_type == MediaType::Yaml && body.contains(&b'*');
    if body.len() <= SMALL_BODY_BYTES && !expands {
        return None;
    }
    // Two bytes of protobuf are a message.
    Some(if media_type == MediaType::Json { json_bytes(body) } else { MAX_TREE_BYTES })
}

/// The same for JSON of any size.
pub(crate) fn json_bytes(body: &[u8]) -> usize {
    let (mut maps, mut members) = (0_usize, 0_usize);
    for byte in body {
        maps += usize::from(*byte == b'{');
        members += usize::from(matches!(byte, b',' | b':' | b'['));
    }
    let count = maps * LEAF_BYTES + members * (LEAF_BYTES / ENTRIES_PER_LEAF + TEXT_BYTES) + body.len();
    count.min(MAX_TREE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let mut budget = Budget::default();
        assert!(budget.text(MAX_TREE_BYTES / 2).is_ok());
        assert_eq!(budget.text(MAX_TREE_BYTES / 2), Err(Exhausted));
        assert_eq!(budget.item(), Err(Exhausted));
        assert!(budget.is_exhausted());
    }

    #[test]
    fn many_small_maps_cost_more_than_one_long_text() {
        let text = format!("{{\"data\":{{\"x\":\"{}\"}}}}", "x".repeat(100_000));
        assert!(tree_bytes(text.as_bytes(), MediaType::Json).unwrap() < 110_000);
        let maps = format!("[{}]", vec!["{\"a\":1}"; 12_500].join(","));
        assert!(tree_bytes(maps.as_bytes(), MediaType::Json).unwrap() > 8_000_000);
        assert_eq!(tree_bytes(b"a: 1", MediaType::Yaml), None);
        assert_eq!(tree_bytes(b"a: *b", MediaType::Yaml), Some(MAX_TREE_BYTES));
    }
}
