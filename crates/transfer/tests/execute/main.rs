//! The executor over the in-memory store: mixed plans, faults, deaths at every moment, stops, and limits.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

mod dying;
mod faults;
mod guards;
mod mixed;
mod moves;
mod planted;
mod resumed;
mod torn;
mod world;
