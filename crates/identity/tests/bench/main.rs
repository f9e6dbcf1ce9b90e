//! Tests against stores that we did not write. One that cannot run says so and fails: not run never looks like passed.

#![expect(clippy::unwrap_used, reason = "fixtures fail the test that uses them")]

mod keychain;
