//! What people see of Jobs: facts read from objects, and screens made of facts. Pure: objects and `now` in, text out.

pub(crate) mod attempts;
pub(crate) mod describe;
pub(crate) mod facts;
pub(crate) mod failure;
pub(crate) mod stuck;
pub(crate) mod table;
