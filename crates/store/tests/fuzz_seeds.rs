//! The committed seeds of `fuzz/` for the documents of S3, played back without a fuzzer.

use std::fs;
use std::path::Path;

use pintail_store::s3::fuzzing;

#[test]
fn documents() {
    let seeds = seeds("s3_xml");
    for (name, bytes) in &seeds {
        assert!(fuzzing::listings_agree(bytes), "{name}");
    }
    let understood = seeds.iter().filter(|(_, bytes)| fuzzing::documents(bytes) > 0).count();
    assert!(understood >= 8, "only {understood} seeds are documents of S3");
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let seeds: Vec<_> = fs::read_dir(folder)
        .expect("a folder of seeds")
        .map(|entry| {
            let entry = entry.expect("an entry");
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file"))
        })
        .collect();
    assert!(seeds.len() >= 8, "{} seeds for {target}", seeds.len());
    seeds
}
