//! A desktop that opens custom schemes: a virtual screen, a registry of handlers, and a browser that obeys it.
//!
//! A `.desktop` file in `XDG_DATA_HOME` and an `xdg-mime default` in `XDG_CONFIG_HOME` decide which program gets an
//! address such as `x-cyberduck-action://oauth?code=…`. Chromium asks before it hands an address over, unless a policy
//! allows it; policies lie in `/etc`, so `cargo xtask test` writes one for the time of this suite.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::bench::Bench;
use crate::environment::TestEnv;
use crate::process::Running;

/// How long a virtual screen may take to appear, and how long a desktop may live.
const LIFE: Duration = Duration::from_secs(240);

/// A running desktop; ends when dropped.
#[derive(Debug)]
pub struct Desktop {
    screen: Running,
    display: String,
    folder: TempDir,
}

impl Desktop {
    /// Starts a virtual screen on a display that nobody else has.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(bench: &Bench) -> Self {
        let folder = tempfile::Builder::new().prefix("pintail-desktop-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        for place in ["data/applications", "config"] {
            fs::create_dir_all(folder.path().join(place)).unwrap_or_else(|error| panic!("{place}: {error}"));
        }
        let mut command = Command::new(bench.tool("Xvfb"));
        command.args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]);
        let mut screen = Running::start(command, "Xvfb", LIFE);
        let Some(number) = screen.next_line() else { panic!("Xvfb named no display") };
        Self { screen, display: format!(":{}", number.trim()), folder }
    }

    /// The variables that make a program part of this desktop.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let place = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        vec![
            ("DISPLAY".to_owned(), self.display.clone()),
            ("XDG_DATA_HOME".to_owned(), place("data")),
            ("XDG_CONFIG_HOME".to_owned(), place("config")),
            ("XDG_DATA_DIRS".to_owned(), "/usr/local/share:/usr/share".to_owned()),
            // Without a desktop environment of that name, xdg-open asks `x-www-browser` first and never the registry.
            ("XDG_CURRENT_DESKTOP".to_owned(), "X-Generic".to_owned()),
        ]
    }

    /// Makes a test environment part of this desktop, so that what it registers counts here.
    pub fn adopt(&self, env: &mut TestEnv) {
        for (name, value) in self.variables() {
            env.set(&name, value);
        }
    }

    /// Registers a program for schemes the way a package would: a `.desktop` file, the database, the default.
    /// `command` is the whole `Exec` line and should contain `%u`.
    ///
    /// # Panics
    /// Where a step fails.
    pub fn register(&self, bench: &Bench, name: &str, command: &str, schemes: &[&str]) {
        let types: String = schemes.iter().map(|scheme| format!("x-scheme-handler/{scheme};")).collect();
        let applications = self.applications();
        let text = format!(
            "[Desktop Entry]\nType=Application\nName={name}\nExec={command}\nMimeType={types}\nNoDisplay=true\n"
        );
        let file = applications.join(format!("{name}.desktop"));
        fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut update = Command::new(bench.tool("update-desktop-database"));
        self.run(update.arg(&applications), "update-desktop-database");
        for scheme in schemes {
            let mut default = Command::new(bench.tool("xdg-mime"));
            default.args(["default", &format!("{name}.desktop"), &format!("x-scheme-handler/{scheme}")]);
            self.run(&mut default, "xdg-mime");
        }
    }

    /// Which `.desktop` file gets a scheme.
    ///
    /// # Panics
    /// Where `xdg-mime` fails.
    #[must_use]
    pub fn handler(&self, bench: &Bench, scheme: &str) -> String {
        let mut query = Command::new(bench.tool("xdg-mime"));
        query.args(["query", "default", &format!("x-scheme-handler/{scheme}")]);
        self.run(&mut query, "xdg-mime").trim().to_owned()
    }

    /// Where `.desktop` files of this desktop lie.
    #[must_use]
    pub fn applications(&self) -> PathBuf {
        self.folder.path().join("data/applications")
    }

    /// A folder that lives as long as the desktop.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Process ID of the virtual screen.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.screen.id()
    }

    fn run(&self, command: &mut Command, name: &str) -> String {
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.folder.path());
        command.envs(self.variables());
        let output = command.output().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
