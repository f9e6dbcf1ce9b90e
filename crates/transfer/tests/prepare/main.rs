//! Plans of whole requests, made against a store in memory and folders on the disk.
#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

mod generated;
mod links;
mod listing;
mod one_way;
mod stage;
mod two_way;
