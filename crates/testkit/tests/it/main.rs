//! What simulations promise: time, repeatability, faults.

mod controllers;
mod decisions;
mod faults;
mod repeats;
mod time;
mod transports;
