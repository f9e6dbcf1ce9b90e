//! The suites: what each one proves, what it needs, and how its tests are found.
//!
//! A test joins a suite by its name. Integration tests of the app are in the binary `it`, those of the test kit in
//! the binary `bench`; in both, the module a test is in (`seaweedfs::`, `issuer::` …) is its suite. Tests in the
//! binary `aws_clients` are that suite, those in `policy_oracle` the suite `policy`. Every other test is `unit` and needs nothing that is not in the checkout.

use std::path::Path;
use std::process::Command;

use crate::process;
use crate::tools::on_path;

/// Every optional part of ours, on in everything that builds: the same features everywhere, so that what one suite has built
/// serves the next.
pub(crate) const FEATURES: &str = "pintail-connect/aws-sdk,pintail-connect/object-store";

/// How a suite is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Commands that must succeed; each counts as one test.
    Commands(&'static [&'static [&'static str]]),
    /// Tests that nextest finds.
    Tests(Selection),
    /// `cargo test --doc` and rustdoc.
    Docs,
    /// The leak scan over everything the suites before it printed.
    Secrets,
}

/// Which tests nextest is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Everything that no other suite has.
    Unit,
    /// A test binary.
    Binary(&'static str),
    /// A module of the bench binaries.
    Module,
}

/// A suite.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) proves: &'static str,
    pub(crate) needs: &'static [&'static str],
    pub(crate) kind: Kind,
}

/// Every suite, in the order they run.
pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "format",
        proves: "the code is formatted",
        needs: &[],
        kind: Kind::Commands(&[&["cargo", "fmt", "--all", "--check"]]),
    },
    Suite {
        name: "lint",
        proves: "clippy has nothing to say",
        needs: &[],
        kind: Kind::Commands(&[&[
            "cargo",
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--locked",
            "--features",
            FEATURES,
            "--",
            "-D",
            "warnings",
        ]]),
    },
    Suite {
        name: "licences",
        proves: "dependencies carry licences we accept and come from the public registry",
        needs: &["cargo-deny"],
        kind: Kind::Commands(&[&["cargo-deny", "--locked", "check", "licenses", "bans", "sources"]]),
    },
    Suite {
        name: "unit",
        proves: "the crates do what they say; needs nothing outside the checkout",
        needs: &["cargo-nextest"],
        kind: Kind::Tests(Selection::Unit),
    },
    Suite {
        name: "sweep",
        proves: "a transfer that is killed at any of 200 moments goes on, and nothing is lost, left over or sent twice",
        needs: &["cargo-nextest"],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "docs",
        proves: "examples in the documentation run, and its links lead somewhere",
        needs: &[],
        kind: Kind::Docs,
    },
    Suite {
        name: "instructions",
        proves: "a request of the store costs no more instructions than it did",
        needs: &["valgrind"],
        kind: Kind::Commands(&[&["cargo", "xtask", "bench", "instructions"]]),
    },
    Suite {
        name: "aws-clients",
        proves: "our sandbox is a cloud to other people's clients",
        needs: &["cargo-nextest", "python", "aws", "s5cmd", "rclone"],
        kind: Kind::Tests(Selection::Binary("aws_clients")),
    },
    Suite {
        name: "policy",
        proves: "the policy evaluator agrees with one that we did not write",
        needs: &["cargo-nextest", "node", "node-modules"],
        kind: Kind::Tests(Selection::Binary("policy_oracle")),
    },
    Suite {
        name: "linters",
        proves: "what set-up prints passes other people's linters, and runs",
        needs: &["cargo-nextest", "python", "aws", "linter-python", "cfn-lint"],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "seaweedfs",
        proves: "sign-in, exchange and objects work against somebody else's STS and S3",
        needs: &[
            "cargo-nextest",
            "python",
            "aws",
            "s5cmd",
            "rclone",
            "issuer",
            "seaweedfs",
            "seaweedfs_short",
            "hostile",
            "openssl",
            "s3fs",
            "fusermount3",
            "ip",
        ],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "issuer",
        proves: "sign-in works against a certified OpenID Provider",
        needs: &["cargo-nextest", "issuer", "seaweedfs", "seaweedfs_short"],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "hostile",
        proves: "an issuer that lies is refused",
        needs: &["cargo-nextest", "python", "hostile", "issuer", "seaweedfs"],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "browser",
        proves: "a person signs in with a real browser",
        needs: &["cargo-nextest", "node", "chromium", "issuer", "seaweedfs"],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "scheme",
        proves: "a browser hands a custom scheme over to its handler",
        needs: &[
            "cargo-nextest",
            "node",
            "chromium",
            "Xvfb",
            "xdg-mime",
            "update-desktop-database",
            "issuer",
            "seaweedfs",
        ],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "keychain",
        proves: "secrets are kept by a real Secret Service",
        needs: &["cargo-nextest", "dbus-run-session", "gnome-keyring-daemon", "secret-tool"],
        kind: Kind::Tests(Selection::Module),
    },
    Suite {
        name: "secrets",
        proves: "nothing that the suites before printed contains a secret",
        needs: &[],
        kind: Kind::Secrets,
    },
];

/// Programs that a need stands for.
pub(crate) fn programs_behind(need: &'static str) -> &'static [&'static str] {
    match need {
        "issuer" | "hostile" => &["node", "node-modules"],
        "seaweedfs" | "seaweedfs_short" => &["weed", "openssl", "node", "node-modules"],
        _ => &[],
    }
}

impl Suite {
    /// The nextest expression that selects its tests.
    pub(crate) fn expression(&self, selection: Selection) -> String {
        let bench = "binary(/^(it|bench)$/)";
        match selection {
            Selection::Module => format!("test(/^{}::/) & {bench}", self.name),
            Selection::Binary(binary) => {
                // nextest refuses an expression whose binary is not there yet; `bench` always is.
                format!("(binary(/^({binary}|bench)$/) - binary(bench))")
            }
            Selection::Unit => {
                let mut others = Vec::new();
                for suite in SUITES {
                    match suite.kind {
                        Kind::Tests(Selection::Unit) => {}
                        Kind::Tests(selection) => others.push(format!("({})", suite.expression(selection))),
                        _ => {}
                    }
                }
                format!("not ({})", others.join(" + "))
            }
        }
    }
}

/// Prints every suite with what it proves and needs.
pub(crate) fn list() {
    for suite in SUITES {
        println!("{:<12} {}", suite.name, suite.proves);
        if !suite.needs.is_empty() {
            println!("{:<12} needs {}", "", suite.needs.join(", "));
        }
    }
}

/// Compares the dependencies with the advisory database.
pub(crate) fn advisories(database: Option<&Path>) -> Result<bool, String> {
    let deny = on_path("cargo-deny").map_or_else(
        || {
            let needs = std::iter::once("cargo-deny").collect();
            let tools = crate::tools::Tools::prepare(&crate::cache::Cache::open()?, &needs);
            tools.get("cargo-deny").map(Path::to_owned)
        },
        Ok,
    )?;
    let mut check = Command::new(deny);
    check.arg("--locked");
    let configuration =
        tempfile::Builder::new().suffix(".toml").tempfile().map_err(|error| error.to_string())?;
    if let Some(folder) = database {
        // cargo-deny takes the folder of its databases from its configuration only.
        let text = std::fs::read_to_string("deny.toml").map_err(|error| format!("deny.toml: {error}"))?;
        let folder = serde_json::Value::from(folder.to_string_lossy());
        let text = text.replace("[advisories]", &format!("[advisories]\ndb-path = {folder}"));
        std::fs::write(configuration.path(), text).map_err(|error| error.to_string())?;
        check.arg("--offline").arg("--config").arg(configuration.path());
    }
    check.args(["check", "advisories"]);
    Ok(process::run(&mut check)?.success())
}

#[cfg(test)]
mod tests {
    use super::{SUITES, Selection};

    #[test]
    fn unit_is_what_no_other_suite_has() {
        let unit = SUITES.iter().find(|suite| suite.name == "unit").expect("unit");
        let expression = unit.expression(Selection::Unit);
        for part in ["aws_clients", "policy_oracle", "test(/^seaweedfs::/)", "test(/^keychain::/)"] {
            assert!(expression.starts_with("not (") && expression.contains(part), "{expression}");
        }
    }
}
