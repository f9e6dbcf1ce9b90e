//! Any bytes as a bookmark: no panic, and what is read is written and read again as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Sources};
use pintail_core::profile::Effective;

fuzz_target!(|bytes: &[u8]| {
    let Ok(bookmark) = Bookmark::read(bytes) else { return };
    let _ = bookmark.name();
    let sources = Sources { bookmark: &bookmark, profile: &Effective::s3(), preferences: &|_| None };
    let _ = Connection::of(&sources);
    // Escaping may make a file too large that was not.
    let Ok(file) = bookmark.write() else { return };
    assert!(Bookmark::read(&file).is_ok_and(|again| again == bookmark));
});
