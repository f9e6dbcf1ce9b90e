//! Any bytes as a profile: no panic, and what is read is written and read again as it was, with the same meaning.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::profile::Profile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(profile) = Profile::read(bytes) else { return };
    let variable = |name: &str| (name.len() < 4).then(|| format!("${{{name}x:-${{{name}}}}}"));
    let effective = profile.effective(&variable);
    let _ = (effective.way(), effective.identity());
    // Escaping may make a file too large that was not.
    let Ok(file) = profile.write() else { return };
    let again = Profile::read(&file).expect("what is written is read");
    assert_eq!(again.effective(&variable), effective);
    assert!(again == profile);
});
