//! The real binary, black box: against the sandbox in this process, and against the servers of the bench.
//!
//! Modules whose names are suites (`linters`, `seaweedfs`, `issuer`, `hostile`, `browser`, `scheme`, `keychain`) need `cargo xtask test`; the
//! others, and `sweep`, which is a suite because it takes its time, run anywhere.

mod addresses;
mod aws_config;
mod batch;
mod bookmarks;
mod browser;
mod cloud;
mod commands;
mod config;
mod contract;
mod copying;
mod costs;
mod credentials;
mod cyberduck;
mod doctor;
mod documents;
mod explain;
mod faults;
mod giving_up;
mod hostile;
mod hostile_keys;
mod issuer;
mod keychain;
mod killing;
mod lending;
mod linters;
mod listing;
mod moving;
mod policy;
mod profiles;
mod questions;
mod racing;
mod rates;
mod refusals;
mod renewal;
mod roles;
mod scheme;
mod seaweedfs;
mod setup;
mod shards;
mod sign_in;
mod storms;
mod sweep;
mod syncing;
mod transfers;
mod two_way;
mod verifying;
mod watching;
mod ways;
