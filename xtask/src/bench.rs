//! Measures a release build of `pintail` beside other programs: `cargo xtask bench startup`.
//!
//! Contestants take turns within a round, so that a busy machine hurts all of them alike. Shown are medians of wall
//! time, CPU time and peak memory, read from the kernel's account of each child.

use crate::arguments::BenchOptions;

/// Runs the named benchmarks.
pub(crate) fn run(options: &BenchOptions) -> Result<bool, String> {
    Err(format!("not written yet: {}", options.names.join(" ")))
}
