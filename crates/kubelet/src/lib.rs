//! Runs pods as local processes: a pure plan, a shell and the process runtime.
