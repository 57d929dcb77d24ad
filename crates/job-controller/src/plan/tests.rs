//! Tests of the plan: rules as tables (`rules`, `indexed`, `policies`), laws over random histories (`laws`), and what plans
//! look at (`cost`), all in
//! a small model of the API server and kubelet (`world`) that checks upstream's status invariants on every write.

mod cost;
mod indexed;
mod laws;
mod policies;
mod rules;
mod world;
