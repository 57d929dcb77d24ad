//! The scenario suite: upstream's bugs, and every pattern of the documentation's page on Jobs, as whole clusters in
//! virtual time. Each scenario runs twice, with components that call the API and with components that speak HTTP to it,
//! and must end alike; after each, `oracles` reads every commit again.

mod harness;
mod oracles;

mod back_off;
mod counting;
mod cron_jobs;
mod ends;
mod garbage;
mod indexed;
mod large;
mod lifetime;
mod patterns;
mod policies;
mod probes;
mod staleness;
mod suspension;
