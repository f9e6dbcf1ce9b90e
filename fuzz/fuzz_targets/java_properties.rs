//! Any bytes as preferences: no panic, what is not touched stays as it was, and what is set is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::java_properties::Properties;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut properties) = Properties::read(bytes) else { return };
    // A byte order mark is not written again, unless what follows is ISO 8859-1 and it was none.
    let written = properties.write();
    assert!(written == bytes || Some(written.as_slice()) == bytes.strip_prefix(b"\xef\xbb\xbf"));
    let Some((key, value)) = properties.iter().last().map(|(key, value)| (key.to_owned(), value.to_owned())) else {
        return;
    };
    let others = |properties: &Properties, key: &str| -> Vec<(String, String)> {
        let others = properties.iter().filter(|(name, _)| *name != key);
        others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let before = others(&properties, &key);
    if properties.set(&key, &format!("{value}x")).is_err() {
        return;
    }
    assert_eq!(properties.get(&key), Some(format!("{value}x").as_str()));
    assert_eq!(others(&properties, &key), before);
    let again = Properties::read(&properties.write()).expect("what is written is read");
    assert_eq!(again.get(&key), properties.get(&key));
    assert!(properties.unset(&key));
    assert_eq!(properties.get(&key), None);
    assert_eq!(others(&properties, &key), before);
});
