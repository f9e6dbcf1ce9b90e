//! Any bytes as the JSON in which metadata services and processes hand out credentials: no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = pintail_identity::source::fuzzing::credential_json(bytes);
});
