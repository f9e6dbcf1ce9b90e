//! The committed seeds of `fuzz/` for journals and lists, played back without a fuzzer.

use std::fs;
use std::path::Path;

use pintail_transfer::journal::fuzzing::records;
use pintail_transfer::journal::read_events;

#[test]
fn lists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/batch_lists");
    let (mut seeds, mut understood) = (0, 0);
    for entry in fs::read_dir(folder).expect("a folder of seeds") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a file");
        seeds += 1;
        understood += usize::from(pintail_transfer::manifest::fuzzing::lists(&bytes) > 0);
    }
    assert!(seeds >= 8 && understood >= 6, "{seeds} seeds, {understood} of them lists");
}

#[test]
fn journals() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/journal");
    let (mut seeds, mut read, mut bodies) = (0, 0, 0);
    for entry in fs::read_dir(folder).expect("a folder of seeds") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a file");
        seeds += 1;
        read += usize::from(read_events(&bytes).is_ok());
        bodies += records(&bytes);
    }
    assert!(seeds >= 8 && read >= 3, "{seeds} seeds, {read} of them journals");
    assert!(bodies >= 16, "only {bodies} bodies of records");
}

#[test]
fn every_body_of_steps_that_take_their_source_is_read() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/journal/takes-bodies");
    assert_eq!(records(&fs::read(seed).expect("the seed")), 3);
}
