//! Any bytes as what STS answers: no panic, and a credential that is read is whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_identity::sts::answer;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = answer::assume_role(bytes) {
        assert!(!answer.credential.access_key_id.is_empty() && answer.credential.expires_at.is_some());
    }
    let _ = answer::caller_identity(bytes).is_ok();
});
