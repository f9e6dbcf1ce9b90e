//! The kernel's keyring and a real Secret Service (GNOME Keyring on a bus of its own).

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::seam::ManualClock;
use pintail_identity::keychain::{
    ChainKeychain, EntryName, FileKeychain, KernelKeychain, Keychain, KeychainKind, KeychainProblem,
    SecretBytes, SecretServiceKeychain, Unlock, conformance,
};

/// A session bus with GNOME Keyring on it; both end when their standard input is closed.
struct SecretService {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl SecretService {
    /// Starts a bus, and on it a keyring that is unlocked with an empty password, or locked.
    fn start(unlocked: bool) -> Self {
        const SCRIPT: &str = r#"
            if [ "$1" = unlocked ]; then printf '\n' | gnome-keyring-daemon --unlock --components=secrets; fi >/dev/null
            printf 'bus %s\n' "$DBUS_SESSION_BUS_ADDRESS"
            read -r _
        "#;
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("runtime");
        fs::create_dir(&runtime).unwrap();
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
        let mut process = Command::new("dbus-run-session")
            .args(["--", "/bin/sh", "-c", SCRIPT, "keychain", if unlocked { "unlocked" } else { "bare" }])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path().join("data"))
            .env("XDG_RUNTIME_DIR", &runtime)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("NOT RUN: dbus-run-session (Debian: dbus): {error}"));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| line.ok()?.strip_prefix("bus ").map(ToOwned::to_owned));
        let address = address.unwrap_or_else(|| panic!("NOT RUN: no session bus was started"));
        Self { process, address, folder }
    }

    fn keychain(&self) -> SecretServiceKeychain {
        SecretServiceKeychain::new(Some(self.address.clone()), Unlock::Never)
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_real_secret_service_conforms_and_keeps_secrets_sealed() {
    let service = SecretService::start(true);
    let keychain = service.keychain();
    if let Err(error) = keychain.list("pintail").await {
        panic!("NOT RUN: gnome-keyring-daemon (Debian: gnome-keyring): {error} {error:?}");
    }
    conformance::all(&keychain).await;

    let name = EntryName::new("pintail", "sign-in");
    keychain.set(&name, &SecretBytes::new("hunter2-hunter2-hunter2")).await.unwrap();
    let keyrings = service.folder.path().join("data/keyrings");
    for file in fs::read_dir(keyrings).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "a secret in clear text");
    }
}

#[tokio::test]
async fn a_bus_without_a_collection_sends_the_chain_on_to_the_file() {
    let service = SecretService::start(false);
    let keychain = service.keychain();
    let name = EntryName::new("pintail", "sign-in");
    let error = keychain.set(&name, &SecretBytes::new("x")).await.unwrap_err();
    assert!(
        matches!(error.problem, KeychainProblem::Unavailable | KeychainProblem::Locked),
        "{error} {error:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = FileKeychain::new(folder.path().join("data"), folder.path().join("state"));
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let chain = ChainKeychain::new(vec![Arc::new(keychain), Arc::new(file)], clock);
    chain.set(&name, &SecretBytes::new("x")).await.unwrap();
    assert_eq!(chain.get(&name).await.unwrap().unwrap().expose(), b"x");
    assert_eq!(chain.holder(), KeychainKind::EncryptedFile);
    assert_eq!(chain.unreachable(), [KeychainKind::SecretService]);
}

#[tokio::test]
async fn the_kernel_keyring_conforms() {
    if let Err(error) = KernelKeychain::check() {
        panic!("NOT RUN: this kernel or container denies keyrings: {error:?}");
    }
    let keychain = KernelKeychain::new();
    conformance::all(&keychain).await;
    // Larger than one key takes.
    let name = EntryName::new("pintail-conformance-kernel", format!("large {}", std::process::id()));
    for length in [60_000, 31_000, 100] {
        let secret = SecretBytes::new(vec![9; length]);
        match keychain.set(&name, &secret).await {
            Ok(()) => assert_eq!(keychain.get(&name).await.unwrap(), Some(secret)),
            Err(error) => assert_eq!(error.problem, KeychainProblem::TooLarge, "{error:?}"),
        }
    }
    keychain.delete(&name).await.unwrap();
    assert_eq!(keychain.get(&name).await.unwrap(), None);
}

/// In the folder of a child: the account to look for.
const ACCOUNT_FILE: &str = "account-to-read";

#[tokio::test]
async fn the_kernel_keyring_is_shared_by_processes() {
    let keychain = KernelKeychain::new();
    if let Ok(account) = fs::read_to_string(ACCOUNT_FILE) {
        let name = EntryName::new("pintail-conformance-process", account);
        let found = keychain.get(&name).await.unwrap().unwrap();
        println!("child found {} bytes", found.expose().len());
        return;
    }
    if let Err(error) = KernelKeychain::check() {
        panic!("NOT RUN: this kernel or container denies keyrings: {error:?}");
    }
    let account = format!("process {}", std::process::id());
    let name = EntryName::new("pintail-conformance-process", &account);
    keychain.set(&name, &SecretBytes::new("x")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(ACCOUNT_FILE), account).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "keychain::the_kernel_keyring_is_shared_by_processes", "--nocapture"])
        .current_dir(folder.path())
        .output();
    keychain.delete(&name).await.unwrap();
    let stdout = String::from_utf8_lossy(&child.unwrap().stdout).into_owned();
    assert!(stdout.contains("child found 1 bytes"), "{stdout}");
}
