//! The program `pintail`: S3 with the sign-in people already have.
//!
//! ```text
//! cli (what is typed, what is shown) ─► ops (what is done) ─► identity · store
//!                    └─► explain (what went wrong, in words that help)
//! ```

mod admin;
mod cli;
mod doctor;

mod explain;
mod ops;
mod setup;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
