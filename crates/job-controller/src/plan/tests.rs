//! Tests of the plan: rules as tables (`rules`, `indexed`, `policies`, `ends`), laws over random histories (`laws`), and
//! what plans look at (`cost`), all in a small model of the API server and kubelet (`world`).

mod cost;
mod ends;
mod indexed;
mod laws;
mod policies;
mod rules;
mod world;
