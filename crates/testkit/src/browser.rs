//! A person with a real browser: Chromium, driven by a Node script of the bench.
//!
//! The browser sees loopback only; other host names do not resolve. Every visit has a new profile folder. `headed`
//! needs a display, which [`crate::scheme::Desktop`] brings.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::bench::Bench;
use crate::person;
use crate::process::Running;

/// How long a whole visit may take; a cold Chromium on a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(90);

/// A visit that has not begun.
#[derive(Debug, Clone)]
pub struct Visit {
    user: String,
    password: String,
    user_code: Option<String>,
    variables: Vec<(String, String)>,
    headed: bool,
    wait_for_file: Option<PathBuf>,
    screenshot: Option<PathBuf>,
}

/// The page on which a visit ended.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Landing {
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Its visible text.
    pub text: String,
    /// Whether the redirect arrived, or the awaited file was written.
    pub arrived: bool,
    /// Every address shown on the way.
    pub visited: Vec<String>,
    /// What pages complained about.
    pub console_errors: Vec<String>,
}

impl Visit {
    /// Prepares a visit by somebody with this login name.
    #[must_use]
    pub fn by(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: "a-password-of-the-bench".to_owned(),
            user_code: None,
            variables: Vec::new(),
            headed: false,
            wait_for_file: None,
            screenshot: None,
        }
    }

    /// Gives them another password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Has them type this code where a page asks for one.
    #[must_use]
    pub fn with_user_code(mut self, code: &str) -> Self {
        self.user_code = Some(code.to_owned());
        self
    }

    /// Takes a picture of the last page.
    #[must_use]
    pub fn with_screenshot(mut self, path: impl Into<PathBuf>) -> Self {
        self.screenshot = Some(path.into());
        self
    }

    /// Opens a window on this display, and lets the visit end when this file is written.
    #[must_use]
    pub fn headed(mut self, variables: &[(String, String)], wait_for_file: impl Into<PathBuf>) -> Self {
        self.headed = true;
        self.variables = variables.to_vec();
        self.wait_for_file = Some(wait_for_file.into());
        self
    }

    /// Opens an address, fills in every form, and returns where it ended. Where the address has a loopback
    /// `redirect_uri`, the visit ends there.
    ///
    /// # Panics
    /// Where the bench has no browser, or the browser fails.
    #[must_use]
    #[track_caller]
    pub fn open(self, bench: &Bench, url: &str) -> Landing {
        let parsed = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let loopback = |host: &str| ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        assert!(parsed.host_str().is_some_and(loopback), "a browser of the bench visits loopback only");
        let target = parsed.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value);
        let target = target.filter(|target| target.starts_with("http:"));
        let script =
            bench.browser_script.as_ref().unwrap_or_else(|| panic!("the bench has no browser script"));
        let profile = tempfile::Builder::new().prefix("pintail-browser-").tempdir();
        let profile = profile.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let order = json!({
            "chromium": bench.tool("chromium"), "profile": profile.path().join("profile"), "url": url,
            "user": self.user, "password": self.password, "userCode": self.user_code, "target": target,
            "headed": self.headed, "waitForFile": self.wait_for_file, "screenshot": self.screenshot,
            "timeoutMs": u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
        });
        let mut command = Command::new(bench.tool("node"));
        command.arg(script).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TZ", "UTC");
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, profile.path());
        }
        command.envs(self.variables);
        let mut running = Running::start(command, "browser", PATIENCE + Duration::from_secs(30));
        running.type_in(&order.to_string());
        let output = running.finish().succeeded();
        let landing: Landing = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("the browser said {:?}: {error}", output.stdout));
        for address in landing.visited.iter().filter_map(|address| Url::parse(address).ok()) {
            person::note_secrets(&address);
        }
        landing
    }
}
