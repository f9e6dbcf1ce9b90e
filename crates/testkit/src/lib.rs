//! What the tests share: real servers, a person at a browser, recorded runs, and the rules of the house.
//!
//! - [`mod@bench`]: where `cargo xtask test` has started the real servers, read from `PINTAIL_BENCH`.
//! - `cloud`: our own sandbox in this process, for tests that are not async.
//! - [`environment`]: the binary `pintail` in a home of its own, with nothing inherited.
//! - [`person`]: somebody who signs in, without a browser. [`browser`] is the same with a real one.
//! - [`scheme`] and [`keychain`]: a desktop that opens custom schemes, a Secret Service that is unlocked.
//! - [`raw`]: sign-in and exchange in plain requests, without the code under test.
//! - [`proxy`]: a network that is slow or breaks.
//! - `killing`: a run that dies at a chosen moment of S3.
//! - [`names`] and [`trap`]: hostile keys, odd names, and a target folder with planted links.
//! - [`record`] and [`secrets`]: what was printed, what was secret, and the proof that the two never met.
//! - [`tidy`]: the rules of the house as functions.
//!
//! Nothing here asserts anything about the product; that is what the tests do.

pub mod bench;
pub mod browser;
#[cfg(feature = "sandbox")]
pub mod cloud;
pub mod environment;
pub mod http;
pub mod keychain;
#[cfg(feature = "sandbox")]
pub mod killing;
pub mod markup;
pub mod names;
pub mod output;
pub mod person;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod record;
pub mod scheme;
pub mod secrets;
pub mod tidy;
pub mod trap;
