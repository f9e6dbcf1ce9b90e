//! Any text as an ID token, and any bytes as the keys it is signed with: no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_identity::oidc::{KeySet, fuzzing};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(keys) = KeySet::parse(bytes) {
        let _ = keys.find(None).is_ok();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = fuzzing::id_token(text);
        // A fuzzer does not guess base64: the claims themselves, wrapped for it.
        let header = "eyJhbGciOiJSUzI1NiJ9";
        let _ = fuzzing::id_token(&format!("{header}.{}.eA", base64url(bytes)));
    }
});

/// RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}
