//! Any bytes as a configuration of s3cmd: no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::import::s3cmd;

fuzz_target!(|bytes: &[u8]| {
    match s3cmd::read(bytes) {
        Ok(imported) => assert!(imported.found.len() + imported.skipped.len() <= 1),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
