//! The committed seeds of `fuzz/`, played back without a fuzzer: what once was a finding stays fixed.

use std::fs;
use std::path::Path;

use pintail_core::address::{Address, Place};
use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Sources};
use pintail_core::profile::Effective;
use pintail_core::profile::Profile;

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let seeds: Vec<_> = fs::read_dir(folder)
        .expect("a folder of seeds")
        .map(|entry| {
            let entry = entry.expect("an entry");
            (
                entry.file_name().into_string().expect("a name in UTF-8"),
                fs::read(entry.path()).expect("a file"),
            )
        })
        .collect();
    assert!(seeds.len() >= 8, "{} seeds for {target}", seeds.len());
    seeds
}

#[test]
fn bookmarks() {
    let mut read = 0;
    for (name, bytes) in seeds("bookmark_plist") {
        let Ok(bookmark) = Bookmark::read(&bytes) else { continue };
        let _ = (bookmark.name().is_ok(), means_something(&bookmark));
        assert_eq!(Bookmark::read(&bookmark.write().unwrap()).unwrap(), bookmark, "{name}");
        read += 1;
    }
    assert!(read >= 3, "only {read} seeds are bookmarks");
}

#[test]
fn profiles() {
    let mut read = 0;
    for (name, bytes) in seeds("profile_plist") {
        let Ok(profile) = Profile::read(&bytes) else { continue };
        let variable = |name: &str| (name.len() < 4).then(|| format!("${{{name}x:-${{{name}}}}}"));
        let effective = profile.effective(&variable);
        let _ = (effective.way(), effective.identity());
        let again = Profile::read(&profile.write().unwrap()).unwrap();
        assert_eq!((again.effective(&variable), again), (effective, profile), "{name}");
        read += 1;
    }
    assert!(read >= 8, "only {read} seeds are profiles");
}

#[test]
fn addresses() {
    for (name, bytes) in seeds("address") {
        let text = String::from_utf8(bytes).unwrap();
        let _ = text.parse::<Place>().is_ok();
        let Ok(address) = text.parse::<Address>() else { continue };
        assert_eq!(address.to_string().parse::<Address>().unwrap(), address, "{name}");
    }
}

fn means_something(bookmark: &Bookmark) -> bool {
    let sources = Sources { bookmark, profile: &Effective::s3(), preferences: &|_| None };
    Connection::of(&sources).is_ok()
}
