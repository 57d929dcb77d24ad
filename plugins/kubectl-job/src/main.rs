//! `kubectl job`: verbs and views for people.
fn main() {}
