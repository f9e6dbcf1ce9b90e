//! The committed seeds of `fuzz/`, played back without a fuzzer: what once was a finding stays fixed.

use std::fs;
use std::path::Path;

use pintail_core::address::{Address, Place};
use pintail_core::aws_config::SharedConfig;
use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Sources};
use pintail_core::import;
use pintail_core::java_properties::Properties;
use pintail_core::pasted;
use pintail_core::policy::trust::{self, Claims, TrustRequest};
use pintail_core::policy::{
    Caller, Decision, Effect, Kind, Named, Policy, PolicySet, Request, evaluate, lint,
};
use pintail_core::profile::Effective;
use pintail_core::profile::Profile;
use pintail_core::redact::Redactor;

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let seeds: Vec<_> = fs::read_dir(folder)
        .expect("a folder of seeds")
        .map(|entry| {
            let entry = entry.expect("an entry");
            (
                entry.file_name().into_string().expect("a name in UTF-8"),
                fs::read(entry.path()).expect("a file"),
            )
        })
        .collect();
    assert!(seeds.len() >= 8, "{} seeds for {target}", seeds.len());
    seeds
}

#[test]
fn bookmarks() {
    let mut read = 0;
    for (name, bytes) in seeds("bookmark_plist") {
        let Ok(bookmark) = Bookmark::read(&bytes) else { continue };
        let _ = (bookmark.name().is_ok(), means_something(&bookmark));
        assert_eq!(Bookmark::read(&bookmark.write().unwrap()).unwrap(), bookmark, "{name}");
        read += 1;
    }
    assert!(read >= 3, "only {read} seeds are bookmarks");
}

#[test]
fn profiles() {
    let mut read = 0;
    for (name, bytes) in seeds("profile_plist") {
        let Ok(profile) = Profile::read(&bytes) else { continue };
        let variable = |name: &str| (name.len() < 4).then(|| format!("${{{name}x:-${{{name}}}}}"));
        let effective = profile.effective(&variable);
        let _ = (effective.way(), effective.identity());
        let again = Profile::read(&profile.write().unwrap()).unwrap();
        assert_eq!((again.effective(&variable), again), (effective, profile), "{name}");
        read += 1;
    }
    assert!(read >= 8, "only {read} seeds are profiles");
}

#[test]
fn addresses() {
    for (name, bytes) in seeds("address") {
        let text = String::from_utf8(bytes).unwrap();
        let _ = text.parse::<Place>().is_ok();
        let Ok(address) = text.parse::<Address>() else { continue };
        assert_eq!(address.to_string().parse::<Address>().unwrap(), address, "{name}");
    }
}

#[test]
fn aws_configurations() {
    let (mut resolved, mut refused) = (0, 0);
    for (name, bytes) in seeds("aws_config") {
        let mut files = bytes.splitn(2, |&byte| byte == 0);
        let Ok(config) = SharedConfig::parse(files.next(), files.next()) else { continue };
        for profile in config.profiles() {
            match config.resolve(profile) {
                Ok(_) => resolved += 1,
                Err(error) => {
                    assert!(!error.to_string().is_empty(), "{name}");
                    refused += 1;
                }
            }
        }
        let imported = import::aws::read(&config);
        assert!(imported.found.len() + imported.skipped.len() <= config.profiles().len(), "{name}");
    }
    assert!(resolved >= 3 && refused >= 3, "{resolved} profiles resolved, {refused} refused");
}

#[test]
fn preferences() {
    let mut read = 0;
    for (name, bytes) in seeds("java_properties") {
        let Ok(mut properties) = Properties::read(&bytes) else { continue };
        assert_eq!(properties.write(), bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes), "{name}");
        read += 1;
        let Some((key, value)) =
            properties.iter().last().map(|(key, value)| (key.to_owned(), value.to_owned()))
        else {
            continue;
        };
        if properties.set(&key, &format!("{value}x")).is_err() {
            continue;
        }
        let again = Properties::read(&properties.write()).unwrap();
        assert_eq!(again.get(&key), Some(format!("{value}x").as_str()), "{name}");
        assert!(properties.unset(&key) && properties.get(&key).is_none(), "{name}");
    }
    assert!(read >= 5, "only {read} seeds are preferences");
}

#[test]
fn configurations_of_other_programs() {
    let rclone: usize = seeds("rclone")
        .iter()
        .filter_map(|(_, bytes)| import::rclone::read(bytes).ok())
        .map(|it| it.found.len())
        .sum();
    let s3cmd: usize = seeds("s3cmd")
        .iter()
        .filter_map(|(_, bytes)| import::s3cmd::read(bytes).ok())
        .map(|it| it.found.len())
        .sum();
    for (name, bytes) in seeds("rclone") {
        let Ok(imported) = import::rclone::read(&bytes) else { continue };
        assert!(imported.found.iter().all(|place| !place.name.is_empty()), "{name}");
    }
    assert!(rclone >= 3 && s3cmd >= 3, "{rclone} places in files of rclone, {s3cmd} in files of s3cmd");
}

#[test]
fn pasted_errors() {
    let known = |word: &str| (word == "AccessDenied").then_some("AccessDenied");
    let mut read = 0;
    for (name, bytes) in seeds("pasted_error") {
        let text = String::from_utf8_lossy(&bytes);
        read += usize::from(!pasted::read(&text, &known).is_empty());
        for redactor in [Redactor::of_secrets, || Redactor::for_bundle(Some("/srv/people/alice"))] {
            let once = redactor().text(&text);
            assert_eq!(redactor().text(&once), once, "{name}");
            assert!(!once.contains("planted"), "{name}: {once}");
        }
    }
    assert!(read >= 8, "only {read} seeds are errors");
}

fn means_something(bookmark: &Bookmark) -> bool {
    let sources = Sources { bookmark, profile: &Effective::s3(), preferences: &|_| None };
    Connection::of(&sources).is_ok()
}

#[test]
fn policies() {
    const PROVIDER: &str = "arn:aws:iam::111111111111:oidc-provider/login.example/t/v2.0";
    let (mut trusting, mut permitting) = (0, 0);
    for (name, bytes) in seeds("policy_json") {
        let mut parts = bytes.splitn(2, |&byte| byte == 0);
        let text = std::str::from_utf8(parts.next().unwrap()).unwrap();
        let claims: Claims =
            parts.next().and_then(|part| serde_json::from_slice(part).ok()).unwrap_or_default();
        let _ = Policy::guess_kind(text).is_ok();
        let request = TrustRequest {
            claims: &claims,
            provider: PROVIDER,
            role: Some("arn:aws:iam::111111111111:role/R"),
            session_name: "s",
            now: jiff::Timestamp::UNIX_EPOCH,
            source_ip: None,
            more: None,
        };
        for kind in Kind::ALL {
            let policy = match Policy::parse(text, kind) {
                Ok(policy) => Named::new("seed", policy),
                Err(error) => {
                    assert!(!error.to_string().is_empty() && !error.iam_message().is_empty(), "{name}");
                    continue;
                }
            };
            let home = lint::Home { account: Some("111111111111"), provider: Some(PROVIDER) };
            for found in lint::lint(&policy.policy, &home) {
                assert!(!found.finding.to_string().is_empty(), "{name}");
            }
            if kind == Kind::Trust {
                let verdict = trust::evaluate(&policy, &request);
                let all = verdict.actions.iter().all(|(_, one)| one.is_allow());
                assert_eq!(verdict.decision.is_allow(), all, "{name}");
                trusting += 1;
            }
            if kind == Kind::Identity {
                let policies = PolicySet { identity: vec![policy], ..PolicySet::default() };
                let verdict = evaluate(
                    &policies,
                    &Request {
                        caller: Caller::parse("arn:aws:sts::111111111111:assumed-role/R/s").unwrap(),
                        action: "s3:GetObject".into(),
                        resource: "arn:aws:s3:::b/k".into(),
                        resource_account: None,
                        context: trust::context(&request),
                    },
                );
                let statements = &verdict.policies[0].statements;
                let applies = |effect| statements.iter().any(|one| one.applies && one.effect == effect);
                let expected = match (applies(Effect::Deny), applies(Effect::Allow)) {
                    (true, _) => Decision::ExplicitDeny,
                    (_, true) => Decision::Allow,
                    _ => Decision::ImplicitDeny,
                };
                assert_eq!(verdict.decision, expected, "{name}");
                permitting += 1;
            }
        }
    }
    assert!(trusting >= 3 && permitting >= 5, "{trusting} trust policies, {permitting} permission policies");
}
