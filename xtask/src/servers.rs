//! Starts the servers that suites share, writes the bench file for the tests, and ends everything when dropped.
//!
//! A server that does not start is named in the bench file with its reason; suites that need it are not run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pintail_testkit::bench::{Bench, Hostile, HostileCase, Issuer};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use crate::process::Server;
use crate::seaweedfs::{self, Settings};
use crate::tools::Tools;

/// Variables that would lead a client under test, or a foreign one, to somewhere or someone else.
pub(crate) const FOREIGN_VARIABLES: &[&str] = &[
    "ALL_PROXY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "CURL_CA_BUNDLE",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "WAYLAND_DISPLAY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
];

const TENANT: &str = "5f1c2b9e-6a44-4c1d-9b57-2d1e0c8f7a31";
const SHORT_ID_TOKEN_SECONDS: u64 = 8;
const CLIENT_SECRET: &str = "confidential-client-secret-of-the-bench";
const CLIENTS: [(&str, &str); 7] = [
    ("public", "0d1f6a52-3c1b-4f0e-8a5d-000000000001"),
    ("short", "0d1f6a52-3c1b-4f0e-8a5d-000000000002"),
    ("no_refreshed_id_token", "0d1f6a52-3c1b-4f0e-8a5d-000000000003"),
    ("no_refresh_token", "0d1f6a52-3c1b-4f0e-8a5d-000000000004"),
    ("confidential", "0d1f6a52-3c1b-4f0e-8a5d-000000000005"),
    ("certificate", "0d1f6a52-3c1b-4f0e-8a5d-000000000006"),
    ("unlisted", "0d1f6a52-3c1b-4f0e-8a5d-000000000007"),
];

/// How long a Node issuer may take to listen; making its keys is most of it.
const PATIENCE: Duration = Duration::from_secs(60);

const SCRIPTS: [(&str, &str); 4] = [
    ("issuer.mjs", include_str!("../bench/issuer.mjs")),
    ("hostile.mjs", include_str!("../bench/hostile.mjs")),
    ("browser.mjs", include_str!("../bench/browser.mjs")),
    ("policy-oracle.mjs", include_str!("../bench/policy-oracle.mjs")),
];

/// The folder of this run and the servers in it.
#[derive(Debug)]
pub(crate) struct Servers {
    // Servers end before their folder goes.
    running: Vec<Server>,
    folder: TempDir,
    pub(crate) bench: Bench,
}

impl Servers {
    /// Starts the servers among these needs.
    pub(crate) fn start(tools: &Tools, needs: &BTreeSet<&str>) -> Result<Self, String> {
        let folder =
            tempfile::Builder::new().prefix("pintail-bench-").tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().to_owned();
        let bench = Bench {
            folder: path.clone(),
            tools: tools.present(),
            missing: tools.missing(),
            ..Bench::default()
        };
        let mut servers = Self { running: Vec::new(), folder, bench };
        for kind in ["secrets", "outputs"] {
            let folder = servers.record().join(kind);
            fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        if let Ok(modules) = tools.get("node-modules") {
            servers.stage_scripts(modules)?;
        }
        let seaweedfs = needs.contains("seaweedfs");
        if needs.contains("issuer") || seaweedfs {
            let issuer = servers.issuer(tools);
            servers.bench.issuer = servers.or_missing("issuer", issuer);
        }
        if needs.contains("hostile") {
            let hostile = servers.hostile(tools);
            servers.bench.hostile = servers.or_missing("hostile", hostile);
        }
        if seaweedfs {
            let server = servers.seaweedfs(tools, "seaweedfs", 3600);
            servers.bench.seaweedfs = servers.or_missing("seaweedfs", server);
            let server = servers.seaweedfs(tools, "seaweedfs_short", 10);
            servers.bench.seaweedfs_short = servers.or_missing("seaweedfs_short", server);
        }
        servers.bench.write(&servers.bench_file())?;
        Ok(servers)
    }

    /// Path of the bench file.
    pub(crate) fn bench_file(&self) -> PathBuf {
        self.folder.path().join("bench.json")
    }

    /// Where tests put what they printed and what was secret.
    pub(crate) fn record(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    /// Why a server of this name does not run; `None` where it does.
    pub(crate) fn missing(&self, name: &str) -> Option<&str> {
        self.bench.missing.get(name).map(String::as_str)
    }

    fn or_missing<T>(&mut self, name: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(thing) => Some(thing),
            Err(reason) => {
                println!("  {name} does not run: {reason}");
                self.bench.missing.insert(name.to_owned(), reason);
                None
            }
        }
    }

    /// Puts the scripts beside a link to their modules: Node looks for modules where a script lies.
    fn stage_scripts(&mut self, modules: &Path) -> Result<(), String> {
        let folder = self.folder.path();
        for (name, text) in SCRIPTS {
            fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))?;
        }
        std::os::unix::fs::symlink(modules, folder.join("node_modules"))
            .map_err(|error| error.to_string())?;
        self.bench.browser_script = Some(folder.join("browser.mjs"));
        Ok(())
    }

    fn issuer(&mut self, tools: &Tools) -> Result<Issuer, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Started {
            url: String,
            jwks_uri: String,
            certificate_key_pem: String,
        }
        let clients: BTreeMap<&str, &str> = CLIENTS.into_iter().collect();
        let settings = json!({
            "clients": clients, "clientSecret": CLIENT_SECRET, "shortIdTokenSeconds": SHORT_ID_TOKEN_SECONDS,
        });
        self.keep_secret("client secret", CLIENT_SECRET)?;
        let started: Started = self.script(tools, "issuer", settings)?;
        let certificate_key_file = self.folder.path().join("certificate-client.pem");
        fs::write(&certificate_key_file, &started.certificate_key_pem).map_err(|error| error.to_string())?;
        Ok(Issuer {
            url: started.url,
            tenant: TENANT.to_owned(),
            jwks_uri: started.jwks_uri,
            clients: CLIENTS.into_iter().map(|(name, id)| (name.to_owned(), id.to_owned())).collect(),
            client_secret: CLIENT_SECRET.to_owned(),
            certificate_key_file,
            short_id_token_seconds: SHORT_ID_TOKEN_SECONDS,
        })
    }

    fn hostile(&mut self, tools: &Tools) -> Result<Hostile, String> {
        #[derive(Deserialize)]
        struct Started {
            cases: BTreeMap<String, HostileCase>,
        }
        let started: Started = self.script(tools, "hostile", json!({}))?;
        Ok(Hostile { tenant: TENANT.to_owned(), cases: started.cases })
    }

    /// Starts a Node script with settings and reads the one line it says once it listens.
    fn script<T: for<'de> Deserialize<'de>>(
        &mut self,
        tools: &Tools,
        name: &str,
        mut settings: serde_json::Value,
    ) -> Result<T, String> {
        println!("start: {name}");
        let node = tools.get("node")?;
        let folder = self.folder.path();
        settings["tenant"] = TENANT.into();
        settings["record"] = self.secrets_file(name).to_string_lossy().into();
        let path = folder.join(format!("{name}.json"));
        fs::write(&path, settings.to_string()).map_err(|error| format!("{}: {error}", path.display()))?;
        let arguments = [format!("{name}.mjs"), format!("{name}.json")];
        let mut server = Server::start(name, node, &arguments, folder)?;
        let line = server.first_line(PATIENCE)?;
        self.running.push(server);
        serde_json::from_str(&line).map_err(|error| format!("{name} said {line:?}: {error}"))
    }

    fn seaweedfs(
        &mut self,
        tools: &Tools,
        name: &str,
        credential_seconds: u64,
    ) -> Result<pintail_testkit::bench::SeaweedFs, String> {
        println!("start: {name}");
        let issuer = self.bench.issuer.as_ref().ok_or("it trusts the issuer, which does not run")?;
        let settings =
            Settings { name, folder: self.folder.path(), issuer, credential_seconds, metrics_port: None };
        let (server, started) = seaweedfs::start(tools, &settings)?;
        self.running.push(server);
        self.keep_secret("root secret key of SeaweedFS", &started.root_secret_key)?;
        Ok(started)
    }

    fn secrets_file(&self, name: &str) -> PathBuf {
        self.record().join("secrets").join(format!("{name}.jsonl"))
    }

    fn keep_secret(&self, name: &str, value: &str) -> Result<(), String> {
        use std::io::Write as _;
        let file = fs::File::options().create(true).append(true).open(self.secrets_file("bench"));
        let line = json!({ "name": name, "value": value });
        file.and_then(|mut file| writeln!(file, "{line}")).map_err(|error| error.to_string())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if !self.running.is_empty() {
            println!("stop: {} servers", self.running.len());
        }
    }
}
