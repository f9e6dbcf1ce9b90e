//! The bench itself: every server and every fixture does what tests of the product rely on.
//!
//! A module is a suite of `cargo xtask test`; without the bench these tests panic.

mod browser;
mod hostile;
mod issuer;
mod keychain;
mod scheme;
mod seaweedfs;
