//! Any text as what people paste: no panic, redacted twice is redacted once, and a token in it never comes out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::pasted;
use pintail_core::redact::Redactor;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ";

fuzz_target!(|text: &str| {
    let known = |word: &str| (word == "AccessDenied").then_some("AccessDenied");
    // Blanks around it: what stands right before a token can make it part of another word.
    let half = text.floor_char_boundary(text.len() / 2);
    let planted = format!("{} {TOKEN} {}", &text[..half], &text[half..]);
    let found = pasted::read(&planted, &known);
    assert!(!format!("{found:?}").contains("c2lnbmF0dXJlLXBsYW50ZWQ"));
    for redactor in [Redactor::of_secrets, || Redactor::for_bundle(None)] {
        let once = redactor().text(&planted);
        assert!(!once.contains("c2lnbmF0dXJlLXBsYW50ZWQ"));
        assert_eq!(redactor().text(&once), once);
    }
});
