//! Any bytes as a configuration of rclone: no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::import::rclone;

fuzz_target!(|bytes: &[u8]| {
    match rclone::read(bytes) {
        Ok(imported) => assert!(imported.found.iter().all(|place| !place.name.is_empty())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
