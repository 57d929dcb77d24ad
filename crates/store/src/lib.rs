//! Ordered objects, one revision counter and one bounded event log.
