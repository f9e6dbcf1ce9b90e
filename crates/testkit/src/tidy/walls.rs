//! Rules about who may know what: between crates, and inside them between files.

use super::text::{Keep, lines_with, strip, without_tests};
use super::{House, Source, Violation};

/// Crates of the product and the cloud in a box.
const PRODUCT: [&str; 7] = ["app", "connect", "core", "identity", "sandbox", "store", "transfer"];

/// What each crate may depend on among ours, in `[dependencies]`.
const ARROWS: [(&str, &[&str]); 9] = [
    (
        "app",
        &[
            "pintail-connect",
            "pintail-core",
            "pintail-identity",
            "pintail-store",
            "pintail-sandbox",
            "pintail-transfer",
        ],
    ),
    ("connect", &["pintail-core", "pintail-identity", "pintail-store"]),
    ("core", &[]),
    ("identity", &["pintail-core"]),
    ("sandbox", &[]),
    ("store", &["pintail-core"]),
    ("testkit", &["pintail-sandbox"]),
    ("transfer", &["pintail-core", "pintail-store"]),
    ("xtask", &["pintail-testkit"]),
];

/// What the sandbox may not even be tested with, lest a wrong reading agree with itself.
const CLIENT_CRATES: [&str; 6] =
    ["pintail", "pintail-connect", "pintail-core", "pintail-identity", "pintail-store", "pintail-transfer"];

/// What pure code does not know. An IP address is a value; a socket is not.
const IMPURE: [&str; 16] = [
    "Instant::now",
    "SystemTime::now",
    "TcpListener",
    "TcpStream",
    "Timestamp::now",
    "ToSocketAddrs",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
    "getrandom",
    "hyper",
    "hyper_util",
    "std::env",
    "std::fs",
    "std::thread",
    "tokio",
];

/// Lower never depends on higher; the sandbox depends on nothing of ours, and is not tested with the client.
#[must_use]
pub fn arrows(house: &House) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, allowed) in ARROWS {
        let path =
            if name == "xtask" { "xtask/Cargo.toml".to_owned() } else { format!("crates/{name}/Cargo.toml") };
        let Some(manifest) = house.files.iter().find(|file| file.path == path) else { continue };
        for (line, section, dependency) in dependencies(manifest) {
            let normal = section == "dependencies" || section == "build-dependencies";
            let wrong = if normal {
                !allowed.contains(&dependency.as_str())
            } else {
                name == "sandbox" && CLIENT_CRATES.contains(&dependency.as_str())
            };
            if wrong {
                found.push(manifest.violation(line, format!("`{name}` may not depend on `{dependency}`")));
            }
        }
    }
    found
}

/// Our own dependencies of a manifest: line, section, name.
fn dependencies(manifest: &Source) -> Vec<(usize, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for (index, line) in manifest.text.lines().enumerate() {
        if let Some(header) = line.trim().strip_prefix('[') {
            let header = header.trim_end_matches(']');
            // `[target.'cfg(…)'.dependencies]` counts as `[dependencies]`.
            section = header.rsplit('.').next().unwrap_or(header).to_owned();
        } else if section.ends_with("dependencies") {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            if name == "pintail" || name.starts_with("pintail-") {
                found.push((index + 1, section.clone(), name.to_owned()));
            }
        }
    }
    found
}

/// `core`, and every file whose head has a line that begins with `Pure:`, knows no runtime, network, disk, environment or clock.
#[must_use]
pub fn purity(house: &House) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in house.rust() {
        let head = file.text.lines().take_while(|line| line.starts_with("//!"));
        let marked =
            head.into_iter().any(|line| line.trim_start_matches("//!").trim_start().starts_with("Pure:"));
        if !marked && !file.path.starts_with("crates/core/src/") {
            continue;
        }
        found.extend(words_in(file, Keep::Code, &IMPURE, "pure code does not know"));
    }
    found
}

/// Only `crates/connect/src/environment.rs` reads the environment.
#[must_use]
pub fn environment(house: &House) -> Vec<Violation> {
    let words = ["env::var", "env::var_os", "env::vars", "env::vars_os"];
    elsewhere(
        house,
        &["crates/connect/src/environment.rs"],
        Keep::Code,
        &words,
        "only connect's environment.rs reads",
    )
}

/// Only `crates/app/src/cli/render` (and later the web page) writes to the screen.
#[must_use]
pub fn printing(house: &House) -> Vec<Violation> {
    let printers = ["crates/app/src/cli/render", "crates/app/src/web"];
    let macros = ["eprint!", "eprintln!", "print!", "println!"];
    let mut found = elsewhere(house, &printers, Keep::Code, &macros, "only render prints");
    // The environment asks whether a stream is a terminal.
    let others = [printers[0], printers[1], "crates/connect/src/environment.rs"];
    let streams = ["io::stdout", "io::stderr", "stdout()", "stderr()"];
    found.extend(elsewhere(house, &others, Keep::Code, &streams, "only render holds"));
    found
}

/// Only `store/src/s3` and `core/src/sign` name the S3 wire; the sandbox is the other side of it. The access portal of IAM
/// Identity Center takes its token in a header of the same family, which one file names.
#[must_use]
pub fn wire(house: &House) -> Vec<Violation> {
    let portal = "crates/identity/src/identity_center/portal.rs";
    let places = ["crates/core/src/sign", "crates/store/src/s3", "crates/sandbox/", portal];
    elsewhere(house, &places, Keep::CodeAndStrings, &["x-amz-", "X-Amz-"], "only the S3 client names")
}

/// `crates/app/src/cli` knows operations and explanations, not what is below them.
#[must_use]
pub fn cli_layers(house: &House) -> Vec<Violation> {
    let cli = house.sources_of(&["app"]).filter(|file| file.path.starts_with("crates/app/src/cli"));
    cli.flat_map(|file| {
        words_in(file, Keep::Code, &["pintail_identity", "pintail_store"], "cli does not know")
    })
    .collect()
}

/// These words in the product, outside these places and outside tests.
fn elsewhere(house: &House, places: &[&str], keep: Keep, words: &[&str], rule: &str) -> Vec<Violation> {
    let files = house.sources_of(&PRODUCT);
    let outside = files.filter(|file| !places.iter().any(|place| file.path.starts_with(place)));
    outside.flat_map(|file| words_in(file, keep, words, rule)).collect()
}

fn words_in(file: &Source, keep: Keep, words: &[&str], rule: &str) -> Vec<Violation> {
    // A file of a module of tests holds nothing but tests.
    if file.path.ends_with("/tests.rs") {
        return Vec::new();
    }
    let code = strip(without_tests(&file.text), keep);
    let found = words.iter().flat_map(|word| lines_with(&code, word).map(move |line| (line, *word)));
    found.map(|(line, word)| file.violation(line, format!("{rule} `{word}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: &[Violation]) -> Vec<(&str, usize)> {
        found.iter().map(|found| (found.path.as_str(), found.line)).collect()
    }

    #[test]
    fn a_wrong_arrow_is_seen() {
        let store = "[dependencies]\npintail-core.workspace = true\npintail-identity = { path = \"x\" }\n\
                     [dev-dependencies]\npintail-sandbox.workspace = true\n";
        let sandbox = "[dev-dependencies]\npintail-testkit.workspace = true\npintail-core.workspace = true\n";
        let core = "[target.'cfg(unix)'.dependencies]\npintail-store.workspace = true\n";
        let house = House::of(&[
            ("crates/store/Cargo.toml", store),
            ("crates/sandbox/Cargo.toml", sandbox),
            ("crates/core/Cargo.toml", core),
        ]);
        let mut found = arrows(&house);
        found.sort_by(|one, other| one.path.cmp(&other.path));
        assert_eq!(
            lines(&found),
            [("crates/core/Cargo.toml", 2), ("crates/sandbox/Cargo.toml", 3), ("crates/store/Cargo.toml", 3)]
        );
    }

    #[test]
    fn impure_code_is_seen_in_core_and_where_a_file_says_pure() {
        let house = House::of(&[
            ("crates/core/src/a.rs", "//! A.\nuse std::fs;\n"),
            ("crates/identity/src/b.rs", "//! B.\n//!\n//! Pure: no clock.\nfn f() { tokio::spawn(g()); }\n"),
            ("crates/identity/src/c.rs", "//! C.\nuse tokio::net;\n"),
            ("crates/core/src/d.rs", "//! D: no tokio.\n#[cfg(test)]\nmod tests { use std::fs; }\n"),
        ]);
        assert_eq!(lines(&purity(&house)), [("crates/core/src/a.rs", 2), ("crates/identity/src/b.rs", 4)]);
    }

    #[test]
    fn reading_the_environment_elsewhere_is_seen() {
        let text = "//! X.\nfn f() { std::env::var_os(\"A\"); }\n";
        let house = House::of(&[
            ("crates/connect/src/environment.rs", text),
            ("crates/app/src/ops/mod.rs", text),
            ("xtask/src/a.rs", text),
        ]);
        assert_eq!(lines(&environment(&house)), [("crates/app/src/ops/mod.rs", 2)]);
    }

    #[test]
    fn printing_elsewhere_is_seen() {
        let text = "//! X.\nfn f() { println!(); }\nfn g() { std::io::stdout().is_terminal(); }\n";
        let house = House::of(&[
            ("crates/app/src/cli/render/mod.rs", text),
            ("crates/connect/src/environment.rs", "//! X.\nfn g() { std::io::stdout().is_terminal(); }\n"),
            ("crates/store/src/lib.rs", text),
        ]);
        let found = printing(&house);
        assert!(found.iter().all(|found| found.path == "crates/store/src/lib.rs"), "{found:?}");
        assert!(
            found.iter().any(|found| found.line == 2) && found.iter().any(|found| found.line == 3),
            "{found:?}"
        );
    }

    #[test]
    fn the_wire_elsewhere_is_seen() {
        let text = "//! About x-amz-date.\nconst A: &str = \"x-amz-date\";\n";
        let house = House::of(&[
            ("crates/core/src/sign/mod.rs", text),
            ("crates/store/src/s3/request.rs", text),
            ("crates/identity/src/identity_center/portal.rs", text),
            ("crates/identity/src/identity_center/sign_in.rs", text),
            ("crates/app/src/ops/mod.rs", text),
        ]);
        let found = wire(&house);
        let mut found = lines(&found);
        found.sort_unstable();
        let elsewhere = "crates/identity/src/identity_center/sign_in.rs";
        assert_eq!(found, [("crates/app/src/ops/mod.rs", 2), (elsewhere, 2)]);
    }

    #[test]
    fn a_command_that_reaches_below_operations_is_seen() {
        let text = "//! X.\nuse pintail_store::ObjectStore;\n";
        let house = House::of(&[("crates/app/src/cli/cp.rs", text), ("crates/app/src/ops/cp.rs", text)]);
        assert_eq!(lines(&cli_layers(&house)), [("crates/app/src/cli/cp.rs", 2)]);
    }
}
