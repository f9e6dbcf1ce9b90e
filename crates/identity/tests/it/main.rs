//! Sessions from the outside: one process, many tasks; many processes, one renewal.

#![expect(clippy::unwrap_used, reason = "fixtures fail the test that uses them")]
#![expect(clippy::print_stdout, reason = "a child process reports to its parent")]

mod fakes;
mod kept;
mod processes;
mod session;
