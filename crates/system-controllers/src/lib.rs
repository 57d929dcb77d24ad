//! Garbage collection, namespaces, service accounts and the scheduler.
