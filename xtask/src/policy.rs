//! Lets Chromium hand custom schemes over without asking, for the time of one suite.
//!
//! Chromium reads policies from `/etc` only. The policy names our schemes and loopback, nothing else, and is taken
//! away afterwards. Two runs on one machine take turns.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cache::Cache;

const FOLDER: &str = "/etc/chromium/policies/managed";
const SCHEMES: [&str; 3] = ["x-cyberduck-action", "x-mountainduck-action", "pintail"];

/// The policy; gone when dropped.
#[derive(Debug)]
pub(crate) struct HandOver {
    path: PathBuf,
    _turn: File,
}

impl HandOver {
    /// Writes the policy, once no other run has it.
    pub(crate) fn allow() -> Result<Self, String> {
        let turn = Cache::open()?.lock("chromium-policy")?;
        let path = Path::new(FOLDER).join("pintail-bench.json");
        let failed = |error: std::io::Error| {
            format!(
                "Chromium asks before it hands over a scheme, and {} cannot be written: {error}",
                path.display()
            )
        };
        fs::create_dir_all(FOLDER).map_err(failed)?;
        let origins = ["http://127.0.0.1", "http://localhost"];
        let rules = SCHEMES.map(|scheme| json!({ "protocol": scheme, "allowed_origins": origins }));
        let policy = json!({ "AutoLaunchProtocolsFromOrigins": rules });
        fs::write(&path, policy.to_string()).map_err(failed)?;
        Ok(Self { path, _turn: turn })
    }
}

impl Drop for HandOver {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            eprintln!("  {} could not be removed: {error}", self.path.display());
        }
    }
}
