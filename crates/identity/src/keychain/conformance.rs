//! What every keychain must do, as plain functions that take any of them.
//!
//! Each function uses a service name of its own and cleans up. A store with little room (the kernel's keyring gives an
//! ordinary user 20 kB in all) is asked for no more than [`LARGE_BYTES`] at a time.

use super::{EntryName, Keychain, SecretBytes};

/// The size that every store must take: twice an Entra refresh token with its record.
pub const LARGE_BYTES: usize = 8 << 10;

/// Runs everything below.
///
/// # Panics
/// When the store breaks the contract of [`Keychain`].
pub async fn all(keychain: &dyn Keychain) {
    keeps_bytes_as_they_are(keychain).await;
    replaces_whole_entries(keychain).await;
    keeps_entries_apart(keychain).await;
    deletes_and_lists(keychain).await;
    serves_many_at_once(keychain).await;
}

/// Secrets come back byte for byte, of any size and content.
///
/// # Panics
/// When they do not.
pub async fn keeps_bytes_as_they_are(keychain: &dyn Keychain) {
    let name = EntryName::new("pintail-conformance-bytes", "entry");
    delete(keychain, &name).await;
    assert_eq!(get(keychain, &name).await, None, "an entry that was never set");
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..LARGE_BYTES).map(|n| (n * 31 % 251) as u8).collect();
    for bytes in [Vec::new(), b"a".to_vec(), vec![0; 33], every_byte, large, "über".into()] {
        set(keychain, &name, &bytes).await;
        let kept = get(keychain, &name).await.expect("the entry is there");
        assert_eq!(kept.expose(), bytes, "{} bytes come back as they were", bytes.len());
    }
    delete(keychain, &name).await;
}

/// A shorter secret leaves nothing of a longer one.
///
/// # Panics
/// When it does.
pub async fn replaces_whole_entries(keychain: &dyn Keychain) {
    let name = EntryName::new("pintail-conformance-replace", "entry");
    for length in [LARGE_BYTES, 10, 4096, 0] {
        set(keychain, &name, &vec![7; length]).await;
        assert_eq!(get(keychain, &name).await.map(|kept| kept.expose().len()), Some(length));
    }
    delete(keychain, &name).await;
}

/// Entries with similar names are different entries.
///
/// # Panics
/// When one is taken for another.
pub async fn keeps_entries_apart(keychain: &dyn Keychain) {
    let names = [
        ("pintail-conformance-a", "b:c"),
        ("pintail-conformance-a:b", "c"),
        ("pintail-conformance-a", "b/c"),
        ("pintail-conformance-a", "B:C"),
        ("pintail-conformance-a", "b:c "),
        ("pintail-conformance-a", "ä ö"),
    ]
    .map(|(service, account)| EntryName::new(service, account));
    for (number, name) in names.iter().enumerate() {
        set(keychain, name, format!("secret {number}").as_bytes()).await;
    }
    for (number, name) in names.iter().enumerate() {
        let kept = get(keychain, name).await.expect("the entry is there");
        assert_eq!(kept.expose(), format!("secret {number}").as_bytes(), "{name:?}");
    }
    for name in &names {
        delete(keychain, name).await;
    }
}

/// Deleting removes one entry, and listing shows what is left, of one service only.
///
/// # Panics
/// When it does not.
pub async fn deletes_and_lists(keychain: &dyn Keychain) {
    let service = "pintail-conformance-list";
    let names = ["b", "a/1", "c"].map(|account| EntryName::new(service, account));
    let other = EntryName::new("pintail-conformance-list-other", "d");
    for name in names.iter().chain([&other]) {
        set(keychain, name, b"x").await;
    }
    assert_eq!(list(keychain, service).await, ["a/1", "b", "c"]);
    delete(keychain, &names[0]).await;
    delete(keychain, &names[0]).await;
    assert_eq!(get(keychain, &names[0]).await, None);
    assert_eq!(list(keychain, service).await, ["a/1", "c"]);
    for name in names.iter().chain([&other]) {
        delete(keychain, name).await;
    }
    assert_eq!(list(keychain, service).await, [""; 0]);
}

/// Readers and writers at once see whole secrets.
///
/// # Panics
/// When one sees a mixture.
pub async fn serves_many_at_once(keychain: &dyn Keychain) {
    let name = EntryName::new("pintail-conformance-many", "entry");
    set(keychain, &name, &[0; 3000]).await;
    let write = async {
        for value in 1..10_u8 {
            set(keychain, &name, &[value; 3000]).await;
        }
    };
    let read = async {
        for _ in 0..10 {
            let kept = get(keychain, &name).await.expect("the entry is there");
            let bytes = kept.expose();
            assert!(bytes.len() == 3000 && bytes.iter().all(|byte| *byte == bytes[0]), "a whole secret");
        }
    };
    tokio::join!(write, read);
    delete(keychain, &name).await;
}

async fn get(keychain: &dyn Keychain, name: &EntryName) -> Option<SecretBytes> {
    keychain.get(name).await.unwrap_or_else(|error| panic!("get {name:?}: {error} {error:?}"))
}

async fn set(keychain: &dyn Keychain, name: &EntryName, bytes: &[u8]) {
    let secret = SecretBytes::new(bytes);
    keychain.set(name, &secret).await.unwrap_or_else(|error| panic!("set {name:?}: {error} {error:?}"));
}

async fn delete(keychain: &dyn Keychain, name: &EntryName) {
    keychain.delete(name).await.unwrap_or_else(|error| panic!("delete {name:?}: {error} {error:?}"));
}

async fn list(keychain: &dyn Keychain, service: &str) -> Vec<String> {
    keychain.list(service).await.unwrap_or_else(|error| panic!("list {service:?}: {error} {error:?}"))
}
