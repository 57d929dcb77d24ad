//! Everything in one process, as a value.
