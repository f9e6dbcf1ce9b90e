//! What this machine itself says, without the network: bookmark, variables, ~/.aws, keychain, sockets, browser, mounts.
//!
//! Each function looks and judges in one go where the look is a line; what is more than that is judged by a pure function below.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use pintail_connect::Environment;
use pintail_core::aws_config::SharedConfig;
use pintail_core::connection::profile_check::{self, Severity};
use pintail_core::connection::{Connection, Redirect, property};
use pintail_core::name::BookmarkName;
use pintail_core::setting;
use pintail_core::setting::Source;
use pintail_identity::keychain::{EntryName, Keychain, SecretBytes};

use super::finding::{Finding, Line};
use super::role_arn;
use crate::explain;
use crate::ops::nearest::nearest;
use crate::ops::{App, Error, scheme};

/// As large as a sign-in at Entra gets.
const SECRET_BYTES: usize = 4096;
/// The changes of a bookmark with which tokens or data would go to somebody else.
const GRAVE: [&str; 4] = ["issuer", "client ID", "S3", "STS"];

/// Looks at the bookmark: what it means, and what in it or its profile is a mistake.
pub(super) fn bookmark(app: &App, name: &BookmarkName) -> (Option<Connection>, Vec<Finding>) {
    let loaded = app.bookmarks().load(name);
    let meaning = loaded.and_then(|bookmark| {
        let meaning = app.meaning(name, &bookmark);
        let role = app.layered(Some(name)).ok().and_then(|layers| {
            let setting = setting::find(property::ROLE)?;
            layers.find(setting).map(|found| found.value)
        });
        match (meaning, role) {
            (Err(error), Some(text)) => Err(match role_arn::mistake(&text) {
                Some((what, next)) => return Ok(Err(arn(name, &text, what, next))),
                None => error,
            }),
            (meaning, _) => meaning.map(Ok),
        }
    });
    match meaning {
        Ok(Ok(connection)) => {
            let mut findings = odd_properties(app, name);
            if findings.is_empty() {
                findings.push(Finding::ok(
                    "bookmark",
                    format!("`{name}` says enough: {} in {}", connection.way.name(), connection.region),
                ));
            }
            (Some(connection), findings)
        }
        Ok(Err(finding)) => (None, vec![finding]),
        Err(error) => {
            let said = explain::explain(&Error::Connect(error));
            let seen = std::iter::once(said.message).chain(said.causes).collect::<Vec<_>>().join(": ");
            let next = said
                .next
                .into_iter()
                .next()
                .unwrap_or_else(|| format!("Correct it: `pintail bookmark edit {name}`."));
            (None, vec![Finding::broken("bookmark", seen, "nothing can be connected with it", next)])
        }
    }
}

fn arn(name: &BookmarkName, text: &str, what: &str, next: &str) -> Finding {
    Finding::broken(
        "bookmark",
        format!("the role ARN cannot be one: {what}"),
        "other programs send it as it is, and STS answers \"Request ARN is invalid\"",
        format!("{next} `pintail bookmark edit {name} --role-arn ARN`."),
    )
    .with(vec![Line::new("role ARN", "arn:aws:iam::ACCOUNT:role/NAME", text, false)])
}

/// Finds what in a profile or the preferences is misspelt or odd.
fn odd_properties(app: &App, name: &BookmarkName) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Ok(layers) = app.layered(Some(name)) else { return findings };
    for source in [Source::Profile, Source::Preferences] {
        let place = if source == Source::Profile { "profile has" } else { "preferences have" };
        for (unknown, _) in layers.unknown(source) {
            let known = setting::catalogue().iter().map(|setting| setting.name);
            if let Some(near) = nearest(unknown, known).into_iter().next() {
                findings.push(Finding::warning(
                    "bookmark",
                    format!("the {place} a property {unknown:?}, which is not known"),
                    format!("it has no effect; {near:?} would have"),
                    if source == Source::Preferences {
                        format!("Correct it: `pintail config set {near} VALUE`, and `pintail config unset {unknown}`.")
                    } else {
                        format!("Ask whoever made the profile to write {near} in place of {unknown}.")
                    },
                ));
            }
        }
    }
    let profile = app.profiles().and_then(|profiles| {
        let bookmark = app.bookmarks().load(name)?;
        profiles.of(&bookmark)
    });
    let Ok((Some(listed), preferences)) = profile.and_then(|listed| Ok((listed, app.preferences()?))) else {
        return findings;
    };
    let variable = |name: &str| preferences.variable(name);
    for odd in profile_check::check(&listed.profile, &variable) {
        let severe = odd.severity() == Severity::Error;
        if severe {
            findings.push(Finding::warning(
                "bookmark",
                format!("in the profile: {odd}"),
                "other bookmarks of the profile may not work",
                "Look at the profile: `pintail profile check FILE`.",
            ));
        }
    }
    findings
}

/// Looks whether the bookmark leads where it did.
pub(super) fn pins(app: &App, name: &BookmarkName) -> Finding {
    match app.pin_changes(name) {
        Err(error) => Finding::broken(
            "pins",
            format!("what is known of the bookmark cannot be read: {error}"),
            "nobody could tell that the bookmark was changed behind your back",
            format!("Look at the bookmark, then take it anew: `pintail login {name} --trust`."),
        ),
        Ok(changes) if changes.as_deref().unwrap_or_default().is_empty() => {
            Finding::ok("pins", "the bookmark leads where it led")
        }
        Ok(changes) => {
            let changes = changes.unwrap_or_default();
            let what: Vec<&str> = changes.iter().map(|change| change.what).collect();
            let evidence = changes
                .iter()
                .map(|change| Line::new(change.what, &change.pinned, &change.now, false))
                .collect();
            let grave = what.iter().any(|what| GRAVE.contains(what));
            let seen = format!("the bookmark leads elsewhere than it did: {}", what.join(", "));
            let next =
                format!("If you meant it: `pintail login {name} --trust`. If not, ask who changed the file.");
            let finding = if grave {
                Finding::broken(
                    "pins",
                    seen,
                    "nothing is signed in or renewed until you say that it is meant",
                    next,
                )
            } else {
                Finding::warning("pins", seen, "somebody changed the bookmark since it was taken", next)
            };
            finding.with(evidence)
        }
    }
}

/// Looks for variables that decide for other tools what Pintail should.
pub(super) fn environment(environment: &Environment, admin_keys: bool) -> Vec<Finding> {
    let telling = &environment.aws.telling;
    let mut findings: Vec<Finding> = telling
        .iter()
        .filter(|(name, _)| !(admin_keys && *name == "AWS_ACCESS_KEY_ID"))
        .filter_map(|(name, value)| variable(name, value))
        .collect();
    if let Some((name, profile)) =
        telling.iter().find(|(name, _)| matches!(*name, "AWS_PROFILE" | "AWS_DEFAULT_PROFILE"))
        && let Some(config) = shared_config(environment)
        && config.profile(profile).is_none()
    {
        findings.push(Finding::warning(
            "environment",
            format!("{name} names the AWS profile {profile:?}, which is not there"),
            "AWS's tools fail: \"The config profile could not be found\"",
            format!("Unset it: `unset {name}`, or name one that `aws configure list-profiles` shows."),
        ));
    }
    if findings.is_empty() {
        let set: Vec<&str> = telling.iter().map(|(name, _)| *name).collect();
        findings.push(if set.is_empty() {
            Finding::ok("environment", "no variable of AWS's tools is set")
        } else {
            Finding::info("environment", format!("set for AWS's tools: {}", set.join(", ")))
        });
    }
    findings
}

/// Judges one variable.
fn variable(name: &'static str, value: &str) -> Option<Finding> {
    let unset = format!("If it is not meant: `unset {name}`.");
    let (means, next) = match name {
        "AWS_ACCESS_KEY_ID" => (
            "AWS's tools and SDKs use these keys before any profile: \"why is it using the old account\"",
            "If they are not meant: `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN`."
                .to_owned(),
        ),
        "AWS_WEB_IDENTITY_TOKEN_FILE" if !Path::new(value).exists() => {
            ("it names a file that is not there; AWS's tools fail before they look at a profile", unset)
        }
        "AWS_WEB_IDENTITY_TOKEN_FILE" => {
            ("AWS's tools exchange the token in this file before they look at a profile", unset)
        }
        "AWS_ENDPOINT_URL" | "AWS_ENDPOINT_URL_S3" | "AWS_ENDPOINT_URL_STS" => {
            ("AWS's tools send their requests there, whatever the bookmark says", unset)
        }
        "AWS_CONTAINER_CREDENTIALS_FULL_URI" | "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" => {
            return Some(Finding::info(
                "environment",
                format!("{name} is set: AWS's tools ask there for credentials"),
            ));
        }
        "AWS_CA_BUNDLE" if !Path::new(value).exists() => {
            ("it names a file that is not there; every TLS connection fails", unset)
        }
        _ => return None,
    };
    Some(Finding::warning("environment", format!("{name} is set"), means, next))
}

fn shared_config(environment: &Environment) -> Option<SharedConfig> {
    let read = |path: &Option<std::path::PathBuf>| path.as_ref().and_then(|path| fs::read(path).ok());
    let (config, keys) = (read(&environment.aws.config_file), read(&environment.aws.credentials_file));
    SharedConfig::parse(config.as_deref(), keys.as_deref()).ok()
}

/// Looks at `~/.aws`.
pub(super) fn aws_files(environment: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files = [&environment.aws.config_file, &environment.aws.credentials_file];
    for path in files.into_iter().flatten() {
        if let Some(finding) = mode(path) {
            findings.push(finding);
        }
    }
    let read = |path: &Option<std::path::PathBuf>| path.as_ref().and_then(|path| fs::read(path).ok());
    let (config, keys) = (read(&environment.aws.config_file), read(&environment.aws.credentials_file));
    if config.is_none() && keys.is_none() {
        findings.push(Finding::ok("aws-files", "there is no ~/.aws"));
        return findings;
    }
    match SharedConfig::parse(config.as_deref(), keys.as_deref()) {
        Err(error) => findings.push(Finding::warning(
            "aws-files",
            format!("~/.aws cannot be read: {error}"),
            "AWS's tools fail on it, and profiles that borrow a sign-in are not found",
            "Correct the line by hand; `pintail aws-config` writes only its own section.",
        )),
        Ok(config) => findings.extend(profiles(&config, environment)),
    }
    if findings.is_empty() {
        findings.push(Finding::ok("aws-files", "~/.aws gets in nobody's way"));
    }
    findings
}

/// Judges who may read a file with keys, or change one with commands.
fn mode(path: &Path) -> Option<Finding> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        let is_keys = path.file_name().is_some_and(|name| name.to_string_lossy().contains("credentials"));
        if mode & 0o022 != 0 || (is_keys && mode & 0o044 != 0) {
            let who = if mode & 0o022 != 0 { "changed" } else { "read" };
            return Some(Finding::warning(
                "aws-files",
                format!("{} can be {who} by others (mode {mode:o})", path.display()),
                "whoever writes there chooses the commands that AWS's tools run as you",
                format!("Make it yours alone: `chmod 600 {}`.", path.display()),
            ));
        }
    }
    None
}

/// Judges the profiles of AWS's tools.
fn profiles(config: &SharedConfig, environment: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in config.profiles() {
        let Some(profile) = config.profile(name) else { continue };
        if let Some(program) = profile.get("credential_process").and_then(program_of)
            && environment.find_program(&program).is_none()
        {
            findings.push(Finding::warning(
                "aws-files",
                format!("the AWS profile {name:?} runs {program}, which is not there"),
                "AWS's tools fail with this profile",
                format!("Write it anew: `pintail aws-config BOOKMARK --profile {name} --force`, or remove the profile."),
            ));
        }
        if name == "default"
            && let Some(id) = profile.get("aws_access_key_id")
        {
            if profile.get("aws_session_token").is_some() {
                findings.push(Finding::warning(
                    "aws-files",
                    format!("[default] holds temporary keys (…{})", tail(id)),
                    "they end within hours and are used by every tool that names no profile: \"The security token included in the request is expired\" or \"… is invalid\"",
                    "Remove aws_access_key_id, aws_secret_access_key and aws_session_token from [default] in ~/.aws/credentials.",
                ));
            } else {
                findings.push(
                    Finding::info("aws-files", format!("[default] holds keys (…{})", tail(id)))
                        .means("AWS's tools use them where no profile is named"),
                );
            }
        }
    }
    findings
}

fn tail(id: &str) -> &str {
    id.get(id.len().saturating_sub(4)..).unwrap_or_default()
}

/// Returns the program of a command line, as AWS's tools split it.
fn program_of(line: &str) -> Option<String> {
    let line = line.trim();
    match line.strip_prefix('"') {
        Some(rest) => rest.split_once('"').map(|(program, _)| program.to_owned()),
        None => line.split_whitespace().next().map(str::to_owned),
    }
}

/// Writes a secret into the keychain, reads it and takes it out again.
pub(super) async fn key_store(app: &App) -> Finding {
    let keychain = match app.keychain() {
        Ok(keychain) => keychain,
        Err(error) => {
            return Finding::broken(
                "key-store",
                error.to_string(),
                "no sign-in can be kept",
                "Set PINTAIL_KEYCHAIN to auto, secret-service, keyutils or file, or unset it.",
            );
        }
    };
    match keep(app, keychain.as_ref()).await {
        Ok(true) => {
            Finding::ok("key-store", format!("{} keeps a secret of {SECRET_BYTES} bytes", keychain.holder()))
        }
        Ok(false) => Finding::broken(
            "key-store",
            format!("{} gives back something else than it was given", keychain.holder()),
            "a sign-in that is kept there is lost",
            "Choose another keychain: set PINTAIL_KEYCHAIN to secret-service, keyutils or file.",
        ),
        Err(error) => Finding::broken(
            "key-store",
            format!("the keychain does not keep a secret: {}", with_causes(&error)),
            "a sign-in cannot be kept",
            "Unlock the keychain, or choose another one: set PINTAIL_KEYCHAIN to secret-service, keyutils or file.",
        ),
    }
}

async fn keep(app: &App, keychain: &dyn Keychain) -> Result<bool, pintail_identity::keychain::KeychainError> {
    let mut number = [0; 8];
    app.random().fill(&mut number);
    let name = EntryName::new("pintail", format!("doctor/{:016x}", u64::from_le_bytes(number)));
    let mut bytes = vec![0; SECRET_BYTES];
    app.random().fill(&mut bytes);
    let secret = SecretBytes::new(bytes);
    keychain.set(&name, &secret).await?;
    let back = keychain.get(&name).await;
    keychain.delete(&name).await?;
    Ok(back?.as_ref() == Some(&secret))
}

/// Returns an error with what lies behind it.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let one = error.to_string();
        if !text.contains(&one) {
            text.push_str(": ");
            text.push_str(&one);
        }
        cause = error.source();
    }
    text
}

/// Takes a port on both families, as a sign-in does.
pub(super) fn loopback(redirect: Option<&Redirect>, name: Option<&BookmarkName>) -> Finding {
    let fixed = match redirect {
        Some(Redirect::Scheme(url)) => {
            return Finding::ok(
                "loopback",
                format!("the answer comes back by {}: and needs no port", url.scheme()),
            );
        }
        Some(Redirect::Loopback(url)) => url.port().filter(|port| *port != 0),
        None => None,
    };
    let port = fixed.unwrap_or(0);
    let bound = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let both = bound
        .as_ref()
        .ok()
        .and_then(|listener| listener.local_addr().ok())
        .map(|address| TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()))));
    match (bound, both) {
        (Err(error), _) => Finding::broken(
            "loopback",
            match fixed {
                Some(port) => format!("port {port} of 127.0.0.1 cannot be taken: {error}"),
                None => format!("no port of 127.0.0.1 can be taken: {error}"),
            },
            "the issuer's answer cannot come back to this program",
            match (fixed, name) {
                (Some(_), Some(name)) => format!(
                    "End the program that holds the port, or take any free one: `pintail bookmark edit {name} --redirect http://localhost/`."
                ),
                _ => "Allow programs to listen on 127.0.0.1, or sign in with `pintail login --device`."
                    .to_owned(),
            },
        ),
        (Ok(_), Some(Ok(_))) => Finding::ok("loopback", "127.0.0.1 and ::1 can be listened on"),
        (Ok(_), _) => Finding::info("loopback", "::1 cannot be listened on; browsers fall back to 127.0.0.1"),
    }
}

/// Looks whether a browser could be opened.
pub(super) fn browser(app: &App) -> Finding {
    let environment = app.environment();
    if let Some(browsers) = &environment.browser {
        let first = browsers.split(':').filter_map(program_of).collect::<Vec<_>>();
        if !first.is_empty() && first.iter().all(|program| environment.find_program(program).is_none()) {
            return Finding::warning(
                "browser",
                format!("BROWSER names {}, which is not there", first.join(", ")),
                "no browser opens at a sign-in",
                "Unset BROWSER, set it to a browser that is there, or use `pintail login --no-browser`.",
            );
        }
        return Finding::ok("browser", "BROWSER names one that is there");
    }
    if environment.is_remote {
        return Finding::info(
            "browser",
            "this is an SSH session: a browser opened here would not be in front of you",
        )
        .next("Sign in with `pintail login --paste`, or `--device` where the company allows it.");
    }
    if !environment.has_display {
        return Finding::info("browser", "no window can open here")
            .next("Sign in with `pintail login --no-browser`, `--paste` or `--device`.");
    }
    let openers = ["xdg-open", "gio", "wslview", "open", "explorer.exe"];
    if cfg!(target_os = "linux") && openers.iter().all(|name| environment.find_program(name).is_none()) {
        return Finding::warning(
            "browser",
            "there is a display, but no program that opens addresses",
            "no browser opens at a sign-in",
            "Install xdg-utils, or set BROWSER to your browser.",
        );
    }
    Finding::ok("browser", "a browser can be opened")
}

/// Looks whether this program is asked when the redirect's scheme is opened.
pub(super) fn handler(app: &App, redirect: &Redirect) -> Finding {
    let Redirect::Scheme(url) = redirect else {
        return Finding::ok("scheme", "the redirect needs no address scheme");
    };
    if scheme::is_handled(app, url.scheme()) {
        return Finding::ok("scheme", format!("addresses with {}: are opened with Pintail", url.scheme()));
    }
    let ducks = if url.scheme() == "pintail" { "" } else { " --ducks" };
    Finding::broken(
        "scheme",
        format!("nothing here opens {}: addresses with Pintail", url.scheme()),
        "the issuer's answer comes back by such an address, and would not arrive",
        format!("Register it: `pintail scheme install{ducks}`; or sign in with `--paste`."),
    )
}

/// Looks for what a mount needs.
pub(super) fn mount(environment: &Environment) -> Finding {
    if !cfg!(target_os = "linux") {
        return Finding::info("mount", "mounts are looked at on Linux only");
    }
    let device = Path::new("/dev/fuse").exists();
    let helper = environment.find_program("fusermount3").or_else(|| environment.find_program("fusermount"));
    let other = fs::read_to_string("/etc/fuse.conf")
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "user_allow_other"));
    let yes = |there: bool| if there { "there" } else { "missing" };
    let evidence = vec![
        Line::new("/dev/fuse", "there", yes(device), device),
        Line::new("fusermount3", "there", yes(helper.is_some()), helper.is_some()),
        Line::new(
            "user_allow_other in /etc/fuse.conf",
            "there, for mounts that others use",
            yes(other),
            other,
        ),
    ];
    let finding = match (device, helper.is_some()) {
        (true, true) => Finding::ok("mount", "FUSE is there"),
        (false, _) => Finding::info("mount", "there is no /dev/fuse")
            .means("nothing can be mounted here; everything else works")
            .next("Load the kernel's module `fuse`; for a container, start it with --device /dev/fuse."),
        (true, false) => Finding::info("mount", "fusermount3 is missing")
            .means("nothing can be mounted without root; everything else works")
            .next("Install the package fuse3."),
    };
    finding.with(evidence)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn variables_that_get_in_the_way_are_named() {
        for (name, value, level) in [
            ("AWS_ACCESS_KEY_ID", "AKIA", Some(Level::Warning)),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token", Some(Level::Warning)),
            ("AWS_ENDPOINT_URL", "http://x", Some(Level::Warning)),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://x", Some(Level::Info)),
            ("AWS_REGION", "eu-central-1", None),
        ] {
            let finding = variable(name, value);
            assert_eq!(finding.as_ref().map(|finding| finding.level), level, "{name}");
            assert!(
                finding.is_none_or(|finding| !finding.seen.contains(value)),
                "{name}: values may be secret"
            );
        }
    }

    #[test]
    fn profiles_that_fail_are_named() {
        let environment = Environment::in_folder(Path::new("/nowhere"));
        let config = b"[profile a]\ncredential_process = /nowhere/pintail credentials a\n[profile b]\ncredential_process = \"/no where/p\" x\n";
        let keys = b"[default]\naws_access_key_id = ASIAEXAMPLE1234\naws_secret_access_key = s\naws_session_token = t\n";
        let parsed = SharedConfig::parse(Some(config), Some(keys)).unwrap();
        let found = profiles(&parsed, &environment);
        let seen: Vec<&str> = found.iter().map(|finding| finding.seen.as_str()).collect();
        assert_eq!(found.len(), 3, "{seen:?}");
        assert!(seen.iter().any(|seen| seen.contains("runs /nowhere/pintail")), "{seen:?}");
        assert!(seen.iter().any(|seen| seen.contains("runs /no where/p")), "{seen:?}");
        assert!(seen.iter().any(|seen| seen.contains("temporary keys (…1234)")), "{seen:?}");
    }
}
