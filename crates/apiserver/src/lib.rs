//! The Kubernetes API over the store: the generic verbs and the HTTP shell.
