//! Any text as an address: no panic, and an address that is printed is the same when it is read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::address::{Address, Place};

fuzz_target!(|text: &str| {
    let _ = text.parse::<Place>();
    let Ok(address) = text.parse::<Address>() else { return };
    let _ = (address.object(), address.bucket(), address.is_folder());
    assert!(address.to_string().parse::<Address>().is_ok_and(|again| again == address), "{address}");
});
