//! The API server asked as any transport asks it: through `call` and `watch`, with no socket in between.

mod admission;
mod apply;
mod common;
mod deletes;
mod evictions;
mod hostile;
mod lists;
mod patches;
mod reviews;
mod scale;
mod verbs;
mod versions;
mod watches;
