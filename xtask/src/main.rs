//! Runs the tests and the benchmarks of this workspace: `cargo xtask test`, `cargo xtask bench`.
fn main() {}
