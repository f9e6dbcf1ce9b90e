//! What transfers are made of: names, filters, comparison, policy, plans, parts, journals and the local side.
//!
//! ```text
//! request ─► listing ─► diff ─► policy ─► plan ─► journal ─► execute ─► verify ─► report
//!            local      diff    policy    plan    journal
//!            name                         parts
//!            filter
//! ```
//!
//! Rules are pure and stand apart from what touches the disk ([`journal`], [`local`], the file of a large [`plan`]). Nothing here knows a bookmark,
//! a sign-in or a screen, and nothing holds a whole tree: two sides are compared as sorted streams, and a plan of a million
//! steps lies in a file.

pub mod base;
mod codec;
pub mod diff;
pub mod entry;
pub mod execute;
pub mod filter;
pub mod fingerprint;
pub mod journal;
pub mod listing;
pub mod local;
pub mod manifest;
pub mod name;
pub mod parts;
pub mod plan;
pub mod policy;
mod positioned;
pub mod prepare;
pub mod site;
pub mod verify;
pub mod watch;

pub use codec::CodecError;
