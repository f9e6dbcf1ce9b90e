//! The committed seeds of `fuzz/` for journals, played back without a fuzzer.

use std::fs;
use std::path::Path;

use pintail_transfer::journal::fuzzing::records;
use pintail_transfer::journal::read_events;

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
