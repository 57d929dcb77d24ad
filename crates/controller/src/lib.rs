//! Work queue, runner and freshness gate: observe, plan, apply.
