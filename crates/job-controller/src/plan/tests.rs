//! Tests of the plan: rules as tables (`rules`, `indexed`, `policies`), and laws over random histories (`laws`), all in
//! a small model of the API server and kubelet (`world`) that checks upstream's status invariants on every write.

mod indexed;
mod laws;
mod policies;
mod rules;
mod world;
