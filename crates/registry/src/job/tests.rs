//! Jobs are defaulted, prepared, refused and shown as upstream does.

mod defaults;
mod more;
mod spec;
mod status;
mod table;
mod update;
