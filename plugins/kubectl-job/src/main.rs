//! `kubectl job`: verbs and views for people.
mod duration;
mod exit;
mod jsonpath;
mod manifest;
mod output;
mod screen;
mod view;
fn main() {}
