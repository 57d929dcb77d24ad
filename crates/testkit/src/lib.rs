//! Hermetic tests of Jobs: a cluster as a value.
