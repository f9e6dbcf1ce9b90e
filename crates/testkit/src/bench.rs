//! Where the real servers of this run are: the file that `cargo xtask test` writes and every bench test reads.
//!
//! `PINTAIL_BENCH` holds the path of a JSON file. A test that needs a server calls [`Bench::load`] and asks for it by
//! name; without the file, or without that server, it panics. So a bench test never passes by not running.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Environment variable that names the file.
pub const BENCH_VARIABLE: &str = "PINTAIL_BENCH";

/// Everything that runs, by name. What could not be prepared is absent and has its reason in `missing`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Bench {
    /// Folder of this run, removed after it.
    pub folder: PathBuf,
    /// Programs, by name: `python aws s5cmd rclone node chromium openssl Xvfb xdg-mime dbus-run-session …`.
    pub tools: BTreeMap<String, PathBuf>,
    /// The Node script that drives a real browser.
    pub browser_script: Option<PathBuf>,
    /// SeaweedFS with one-hour credentials.
    pub seaweedfs: Option<SeaweedFs>,
    /// SeaweedFS whose credentials end after ten seconds.
    pub seaweedfs_short: Option<SeaweedFs>,
    /// A certified OpenID Provider in Entra's shape.
    pub issuer: Option<Issuer>,
    /// Issuers that lie, one lie each.
    pub hostile: Option<Hostile>,
    /// What could not be prepared, and why.
    pub missing: BTreeMap<String, String>,
}

/// A SeaweedFS server: S3, and STS with a real check of the ID token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeaweedFs {
    /// S3 and STS over plain HTTP, without a trailing slash.
    pub url: String,
    /// The same over TLS, with a certificate of the test CA for `localhost` and `127.0.0.1`.
    pub tls_url: Option<String>,
    /// The test CA, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Region to sign for.
    pub region: String,
    /// Access key of a user who may do everything without the issuer.
    pub root_access_key: String,
    /// Its secret key.
    pub root_secret_key: String,
    /// How long an exchanged credential lives.
    pub credential_seconds: u64,
    /// Role ARNs by short name: `admin` (alice, bob), `read_only` (alice, bob), `carol_only`.
    pub roles: BTreeMap<String, String>,
}

/// The OpenID Provider. Any login name with any password signs in; that name becomes `sub`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Issuer {
    /// Issuer URL, `http://127.0.0.1:PORT/TENANT/v2.0`.
    pub url: String,
    /// Tenant GUID.
    pub tenant: String,
    /// Its keys, for a server that wants the address.
    pub jwks_uri: String,
    /// Client IDs by what they are for: `public`, `short`, `no_refreshed_id_token`, `no_refresh_token`,
    /// `confidential`, `certificate`, and `unlisted`, which SeaweedFS does not know.
    pub clients: BTreeMap<String, String>,
    /// Secret of the client `confidential` (`client_secret_post`).
    pub client_secret: String,
    /// Private key of the client `certificate` (`private_key_jwt`, RS256, key ID `bench`), as PKCS #8 PEM.
    pub certificate_key_file: PathBuf,
    /// How long the ID tokens of the client `short` live.
    pub short_id_token_seconds: u64,
}

/// The lying issuers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hostile {
    /// Tenant GUID, the same for every case.
    pub tenant: String,
    /// Cases by name.
    pub cases: BTreeMap<String, HostileCase>,
}

/// One lie.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostileCase {
    /// Issuer URL. Takes every client ID and every redirect URI; the authorize endpoint redirects at once.
    pub url: String,
    /// What a careful client does.
    pub expect: Expectation,
}

/// What a careful client does with a hostile case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// Signs in: the control, which proves that refusals come from the lie.
    Accept,
    /// Refuses.
    Refuse,
    /// The specifications leave the choice.
    Either,
}

impl Bench {
    /// Reads the file that `PINTAIL_BENCH` names.
    ///
    /// # Panics
    /// Where the variable or the file is absent: a bench test must not pass by not running.
    #[must_use]
    pub fn load() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the bench is handed to tests by this variable")]
        let path = std::env::var_os(BENCH_VARIABLE);
        let Some(path) = path else {
            panic!("no bench: run through `cargo xtask test` ({BENCH_VARIABLE} is not set)");
        };
        match Self::read(Path::new(&path)) {
            Ok(bench) => bench,
            Err(reason) => panic!("no bench: run through `cargo xtask test` ({reason})"),
        }
    }

    /// Reads a bench file.
    ///
    /// # Errors
    /// Says why the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes a bench file.
    ///
    /// # Errors
    /// Says why the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The main SeaweedFS.
    ///
    /// # Panics
    /// Where it does not run.
    #[must_use]
    pub fn seaweedfs(&self) -> &SeaweedFs {
        self.present(self.seaweedfs.as_ref(), "seaweedfs")
    }

    /// The SeaweedFS with ten-second credentials.
    ///
    /// # Panics
    /// Where it does not run.
    #[must_use]
    pub fn seaweedfs_short(&self) -> &SeaweedFs {
        self.present(self.seaweedfs_short.as_ref(), "seaweedfs_short")
    }

    /// The OpenID Provider.
    ///
    /// # Panics
    /// Where it does not run.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        self.present(self.issuer.as_ref(), "issuer")
    }

    /// The lying issuers.
    ///
    /// # Panics
    /// Where they do not run.
    #[must_use]
    pub fn hostile(&self) -> &Hostile {
        self.present(self.hostile.as_ref(), "hostile")
    }

    /// Path of a program.
    ///
    /// # Panics
    /// Where it could not be prepared.
    #[must_use]
    pub fn tool(&self, name: &str) -> &Path {
        self.present(self.tools.get(name).map(PathBuf::as_path), name)
    }

    fn present<'a, T: ?Sized>(&self, thing: Option<&'a T>, name: &str) -> &'a T {
        let reason = self.missing.get(name).map_or("not prepared in this run", String::as_str);
        thing.unwrap_or_else(|| panic!("the bench has no {name}: {reason}"))
    }
}

impl SeaweedFs {
    /// ARN of a role by its short name.
    ///
    /// # Panics
    /// Where there is no such role.
    #[must_use]
    pub fn role(&self, name: &str) -> &str {
        self.roles.get(name).unwrap_or_else(|| panic!("the bench has no role {name}"))
    }
}

impl Issuer {
    /// Client ID by what it is for.
    ///
    /// # Panics
    /// Where there is no such client.
    #[must_use]
    pub fn client(&self, name: &str) -> &str {
        self.clients.get(name).unwrap_or_else(|| panic!("the bench has no client {name}"))
    }
}

impl Hostile {
    /// Issuer URL of a case.
    ///
    /// # Panics
    /// Where there is no such case.
    #[must_use]
    pub fn case(&self, name: &str) -> &HostileCase {
        self.cases.get(name).unwrap_or_else(|| panic!("the bench has no hostile case {name}"))
    }
}
