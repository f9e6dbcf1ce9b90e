//! A Secret Service that is unlocked and belongs to one test: a private session bus and gnome-keyring on it.
//!
//! The keyring lies in a folder of the test and its password is empty, so nothing asks and nothing remains.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::bench::Bench;
use crate::environment::TestEnv;
use crate::process::Running;

/// How long a keychain may live.
const LIFE: Duration = Duration::from_secs(240);

/// Starts the daemon unlocked, says so with the address of the bus, and stays until standard input is closed.
const SCRIPT: &str = r#"
printf '\n' | "$1" --unlock --components=secrets >"$2" 2>&1 || { cat "$2" >&2; exit 1; }
printf 'bus %s\n' "$DBUS_SESSION_BUS_ADDRESS"
read -r _
"#;

/// A running Secret Service; ends when dropped.
#[derive(Debug)]
pub struct Keychain {
    session: Running,
    bus: String,
    folder: TempDir,
}

impl Keychain {
    /// Starts a bus and an unlocked Secret Service on it.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(bench: &Bench) -> Self {
        let folder = tempfile::Builder::new().prefix("pintail-keychain-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let runtime = folder.path().join("runtime");
        fs::create_dir(&runtime).unwrap_or_else(|error| panic!("no runtime folder: {error}"));
        restrict(&runtime);
        let mut command = Command::new(bench.tool("dbus-run-session"));
        command.args(["--", "/bin/sh", "-c", SCRIPT, "keychain"]).arg(bench.tool("gnome-keyring-daemon"));
        command.arg(folder.path().join("daemon.log")).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path().join("data"));
        command.env("XDG_RUNTIME_DIR", &runtime);
        let mut session = Running::start(command, "dbus-run-session", LIFE);
        let line = session.next_line().unwrap_or_default();
        let Some(bus) = line.strip_prefix("bus ").map(str::to_owned) else {
            panic!("no Secret Service\n{}", session.end_now().block());
        };
        Self { session, bus, folder }
    }

    /// Address of the session bus.
    #[must_use]
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// Where the keyring lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Process ID of the session.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.session.id()
    }

    /// Gives a test environment this session bus.
    pub fn adopt(&self, env: &mut TestEnv) {
        env.set("DBUS_SESSION_BUS_ADDRESS", &self.bus);
    }

    /// The keyring files, which must not contain a secret in clear text.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let keyrings = self.folder.path().join("data/keyrings");
        fs::read_dir(keyrings).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }
}

fn restrict(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
}
