//! What people see of Jobs: screens made of facts. Pure: objects and `now` in, text out. Facts, attempts, obstacles and
//! the failure screen are crate `explain`'s, which tests and history share.

pub(crate) mod cron;
pub(crate) mod describe;
pub(crate) mod table;

pub(crate) use explain::{attempts, facts, failure, stuck};
