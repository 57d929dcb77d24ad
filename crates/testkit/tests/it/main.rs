//! What simulations promise: time, repeatability, faults.

mod faults;
mod repeats;
mod time;
mod transports;
