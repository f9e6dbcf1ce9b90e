//! IAM policies: documents as written, conditions, and the decision over one request.

mod conditions;
mod document;
mod evaluate;

pub(crate) use conditions::is_operator;
pub(crate) use document::{Document, Malformed};
pub(crate) use evaluate::{Asker, Decision, Request, decide, matches_pattern};
