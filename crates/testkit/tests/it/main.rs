//! What simulations promise: time, repeatability, faults.

mod controllers;
mod faults;
mod repeats;
mod time;
mod transports;
