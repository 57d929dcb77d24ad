//! The Job controller: a pure plan and the shell that applies it.
