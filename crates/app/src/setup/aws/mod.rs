//! An AWS account's side: what is there, what would change, and changing it.
//!
//! ```text
//! read ──► AwsCurrent ─┐
//!          AccountWish ├─► plan ──► Change ──► apply ──► Undo ──► undo
//!          Facts ──────┘
//! ```

mod change;
mod current;
mod difference;
mod looked_at;
mod near_miss;
mod plan;
pub(crate) mod policies;
mod subjects;

pub(crate) use self::change::{Change, Undo, apply, undo};
pub(crate) use self::current::{AwsCurrent, read};
pub(crate) use self::looked_at::looked_at;
pub(crate) use self::plan::{INLINE_POLICY, MARK, description, managed, plan};
pub(crate) use self::subjects::{SubjectsError, grant, revoke};

#[cfg(test)]
mod tests;
