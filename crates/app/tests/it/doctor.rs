//! The doctor: a fault is planted, and it has to be named first. behaviour: doctor

mod bundle;
mod planted;
pub(crate) mod stage;
mod table;

use pintail_sandbox::Platform;
use stage::{Diagnosis, Stage};

/// A set-up that works raises nothing above information, at any depth of looking.
#[test]
fn a_healthy_set_up_raises_nothing() {
    let mut stage = Stage::start();
    for arguments in [
        vec!["doctor", "lab"],
        vec!["doctor", "lab", "--aws-profile", "admin"],
        vec!["doctor", "lab", "--aws-profile", "admin", "--write", "--place", &stage.bucket()],
        vec!["doctor"],
    ] {
        let diagnosis = stage.run(&arguments);
        assert_eq!(diagnosis.first(), None, "{arguments:?}: {}", diagnosis.text);
        assert_eq!(diagnosis.code, 0, "{arguments:?}: {}", diagnosis.text);
        assert_eq!(diagnosis.summary["broken"], 0);
        assert_eq!(diagnosis.summary["warning"], 0);
    }
    let whole = stage.run(&["doctor", "lab", "--aws-profile", "admin", "--write"]);
    for check in [
        "clock",
        "redirect",
        "client-kind",
        "claims",
        "exchange",
        "provider",
        "role",
        "trust",
        "permissions",
        "list",
        "get",
        "write",
        "checksums",
    ] {
        assert_eq!(whole.level(check), "ok", "{check}: {}", whole.text);
    }
    let scratch = stage.cloud.sandbox().world().keys(&stage.bucket());
    assert!(scratch.iter().all(|key| !key.contains("pintail-doctor")), "{scratch:?}");
}

/// Somebody who has not signed in is told so, and everything that needs no sign-in is looked at.
#[test]
fn without_a_sign_in_the_rest_is_looked_at() {
    let mut stage = Stage::start();
    stage.cloud.env.run(["logout", "lab"]).succeeded();
    let diagnosis = stage.run(&["doctor", "lab"]);
    assert_eq!((diagnosis.code, diagnosis.first()), (4, None), "{}", diagnosis.text);
    assert_eq!(diagnosis.level("client-kind"), "ok");
    assert_eq!(diagnosis.level("sign-in"), "not-run");
    assert!(
        diagnosis.finding("sign-in")["next"].as_str().is_some_and(|next| next.contains("pintail login lab"))
    );
    for check in ["claims", "exchange", "list"] {
        assert_eq!(diagnosis.level(check), "not-run", "{check}: {}", diagnosis.text);
    }
    let skipped = stage.run(&["doctor", "lab", "--only", "clock,redirect"]);
    assert_eq!(skipped.code, 0);
    assert_eq!(skipped.checks(), ["clock", "redirect"]);
    let machine = stage.run(&["doctor", "lab", "--skip", "sign-in,mount", "--only", "key-store,mount"]);
    assert_eq!(machine.checks(), ["key-store"]);
    let unknown = stage.cloud.env.run(["doctor", "lab", "--only", "clok"]);
    assert_eq!(unknown.code(), Some(2));
    assert!(unknown.stderr.contains("near: clock"), "{}", unknown.stderr);
}

/// People are told the broken link before anything else, and what to do about it.
#[test]
fn people_read_the_broken_link_first() {
    let stage = Stage::start();
    stage.cloud.bookmark("lab", &["--client-id", "00000000-0000-4000-8000-000000000000"]);
    let output = stage.cloud.env.run(["doctor", "lab"]);
    assert_eq!(output.code(), Some(1));
    let first = output.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("the broken link: client: the tenant has no application"), "{}", output.stdout);
    assert!(output.stdout.contains("next: Copy \"Application (client) ID\""), "{}", output.stdout);
    let all = stage.cloud.env.run(["doctor", "--list"]).succeeded();
    assert!(all.stdout.contains("signing-key") && all.stdout.contains("needs sign-in"), "{}", all.stdout);
}

/// `--login` signs in before the checks.
#[test]
fn the_doctor_signs_in_on_request() {
    let mut stage = Stage::start();
    stage.cloud.env.run(["logout", "lab"]).succeeded();
    let diagnosis: Diagnosis = stage.with_login(&["doctor", "lab", "--login", "--no-browser", "--json"], 0);
    assert_eq!((diagnosis.code, diagnosis.first()), (0, None), "{}", diagnosis.text);
    assert_eq!(diagnosis.level("exchange"), "ok");
}

/// Where the sign-in itself fails, what it was told is part of the diagnosis; a page that could only show an error is not opened.
#[test]
fn what_a_failed_sign_in_was_told_is_used() {
    let mut stage = Stage::start();
    let client = stage.cloud.summary().client_id.clone();
    let world = stage.cloud.sandbox().world();
    stage.cloud.env.run(["logout", "lab"]).succeeded();
    assert!(world.set_consent_for_all(&client, None));
    let mut login = stage.cloud.env.pintail(["doctor", "lab", "--login", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    stage.cloud.decline(open["url"].as_str().expect("an address"), 0);
    let diagnosis = Diagnosis::of(&login.finish());
    assert_eq!(diagnosis.first(), Some("sign-in"), "{}", diagnosis.text);
    assert!(diagnosis.words("sign-in").contains("access_denied"), "{}", diagnosis.text);

    assert!(
        world.edit_app(&client, |app| app.redirect_uris = vec![(Platform::Web, "http://localhost".into())])
    );
    let diagnosis = stage.run(&["doctor", "lab", "--login", "--no-browser"]);
    assert_eq!(diagnosis.first(), Some("client-kind"), "{}", diagnosis.text);
    assert!(diagnosis.words("client-kind").contains("Mobile and desktop applications"));
}

/// Every way in, every kind of bookmark: what works raises nothing.
#[test]
fn other_ways_in_raise_nothing_either() {
    let mut stage = Stage::start();
    let summary = stage.cloud.summary().clone();
    let bucket = stage.bucket();
    let place = format!("{bucket}/");
    let options: [(&str, Vec<&str>); 4] = [
        ("read", vec!["--role-arn", &summary.read_only_role_arn, "--path", &bucket]),
        ("reading", vec!["--read-only", "--path", &bucket]),
        ("domain", vec!["--tenant", "sandbox.example", "--path", &bucket]),
        ("hour", vec!["--duration", "3600", "--path", &bucket]),
    ];
    for (name, options) in options {
        stage.cloud.bookmark(name, &options);
        stage.cloud.sign_in(name, 0).succeeded();
        let diagnosis = stage.run(&["doctor", name, "--aws-profile", "admin", "--place", &place]);
        assert_eq!((diagnosis.first(), diagnosis.code), (None, 0), "{name}: {}", diagnosis.text);
        assert_eq!(diagnosis.level("list"), "ok", "{name}: {}", diagnosis.text);
    }
    let endpoints = ["--endpoint", &summary.s3_endpoint, "--sts-endpoint", &summary.sts_endpoint];
    let add = |name: &str, options: &[&str]| {
        let all = ["bookmark", "add", name].into_iter().chain(options.iter().copied()).chain(endpoints);
        stage.cloud.env.run(all).succeeded();
    };
    add("public", &["--anonymous", "--path", &summary.public_bucket]);
    add("tools", &["--aws-profile", "admin", "--path", &bucket]);
    for name in ["public", "tools"] {
        let diagnosis = stage.run(&["doctor", name]);
        assert_eq!((diagnosis.first(), diagnosis.code), (None, 0), "{name}: {}", diagnosis.text);
        assert_eq!(diagnosis.level("list"), "ok", "{name}: {}", diagnosis.text);
        assert!(!diagnosis.checks().contains(&"discovery"), "{name} has no issuer");
    }
}
