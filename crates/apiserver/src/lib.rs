//! The Kubernetes API over the store: registry, machinery and HTTP.
