//! Any bytes as a journal: no panic, and every record that is read is written and read again as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_transfer::journal::fuzzing::records;

fuzz_target!(|bytes: &[u8]| {
    let _ = records(bytes);
});
