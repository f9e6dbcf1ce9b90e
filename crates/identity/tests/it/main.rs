//! Sessions from the outside: one process, many tasks; many processes, one renewal.

#![expect(clippy::unwrap_used, reason = "fixtures fail the test that uses them")]

mod fakes;
mod processes;
mod session;
