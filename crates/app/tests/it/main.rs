//! The real binary, black box: against the sandbox in this process, and against the servers of the bench.
//!
//! Modules whose names are suites (`linters`, `seaweedfs`, `issuer`, `hostile`, `browser`, `scheme`, `keychain`) need `cargo xtask test`; the
//! others run anywhere.

mod addresses;
mod aws_config;
mod bookmarks;
mod browser;
mod cloud;
mod commands;
mod config;
mod contract;
mod copying;
mod credentials;
mod cyberduck;
mod doctor;
mod documents;
mod explain;
mod faults;
mod hostile;
mod issuer;
mod keychain;
mod lending;
mod linters;
mod listing;
mod policy;
mod profiles;
mod questions;
mod refusals;
mod renewal;
mod roles;
mod scheme;
mod seaweedfs;
mod setup;
mod sign_in;
mod ways;
