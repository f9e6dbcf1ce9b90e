//! Any bytes as a list of a batch job, an inventory or a report: no panic, and rows are the same however they are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = pintail_transfer::manifest::fuzzing::lists(bytes);
});
