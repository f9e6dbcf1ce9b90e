//! The committed seeds of `fuzz/` for tokens and credentials, played back without a fuzzer.

use std::fs;
use std::path::Path;

use pintail_identity::oidc::{KeySet, fuzzing as oidc};
use pintail_identity::source::fuzzing as source;
use pintail_identity::sts::answer;

#[test]
fn answers_of_sts() {
    let credentials = seeds("sts_xml").iter().filter(|(_, bytes)| answer::assume_role(bytes).is_ok()).count();
    let callers = seeds("sts_xml").iter().filter(|(_, bytes)| answer::caller_identity(bytes).is_ok()).count();
    assert!(credentials >= 3 && callers >= 1, "{credentials} credentials, {callers} callers");
}

#[test]
fn tokens() {
    let (mut tokens, mut keys) = (0, 0);
    for (_, bytes) in seeds("jwt") {
        keys += usize::from(KeySet::parse(&bytes).is_ok());
        let text = String::from_utf8_lossy(&bytes);
        tokens += usize::from(oidc::id_token(&text) == 2);
    }
    assert!(tokens >= 1 && keys >= 1, "{tokens} tokens, {keys} sets of keys");
}

#[test]
fn credentials_in_json() {
    let read: usize = seeds("metadata_json")
        .iter()
        .map(|(_, bytes)| source::credential_json(bytes).into_iter().filter(|&it| it).count())
        .sum();
    assert!(read >= 3, "only {read} seeds are credentials");
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
