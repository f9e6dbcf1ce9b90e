//! The binary `pintail`.
fn main() {}
