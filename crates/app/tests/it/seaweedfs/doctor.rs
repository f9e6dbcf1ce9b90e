//! The doctor on servers of others: a certified OpenID Provider that is not Entra, and an S3 and STS that are not Amazon's.
//! behaviour: doctor

use std::collections::BTreeSet;

use pintail_testkit::bench::{Bench, SeaweedFs};
use pintail_testkit::environment::TestEnv;
use pintail_testkit::person::Person;
use pintail_testkit::proxy::{Faults, Proxy};

use super::bookmark;
use crate::cloud::{home, sign_in};
use crate::doctor::stage::Diagnosis;

const BUCKET: &str = "it-doctor";

/// Has the doctor sign a person in and look.
fn diagnose(env: &TestEnv, name: &str, person: &str, more: &[&str]) -> Diagnosis {
    let arguments =
        ["doctor", name, "--login", "--no-browser", "--json"].into_iter().chain(more.iter().copied());
    let mut run = env.pintail(arguments).start();
    // What is broken before the sign-in is found without one.
    while let Some(line) = run.next_line() {
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON lines");
        if event["event"] == "open" {
            let _ = Person::new(person).sign_in(event["url"].as_str().expect("an address"));
            break;
        }
    }
    Diagnosis::of(&run.finish())
}

/// Makes the bucket, with an object in it.
fn bucket(bench: &Bench, env: &TestEnv) {
    bookmark(env, bench, "weed", bench.seaweedfs(), "public", &["--path", BUCKET]);
    sign_in(env, "weed", &mut Person::new("alice")).succeeded();
    let _ = env.run(["mb", &format!("weed:{BUCKET}")]);
    env.pintail(["cp", "-", &format!("weed:{BUCKET}/object")]).stdin("x").output().succeeded();
}

#[test]
fn what_works_raises_nothing() {
    let bench = Bench::load();
    let env = home();
    bucket(&bench, &env);
    let place = format!("{BUCKET}/");
    for arguments in [vec![], vec!["--write", "--place", &place]] {
        let diagnosis = diagnose(&env, "weed", "alice", &arguments);
        assert_eq!((diagnosis.first(), diagnosis.code), (None, 0), "{}", diagnosis.text);
        for check in
            ["issuer", "client", "redirect", "client-kind", "keys", "claims", "exchange", "list", "get"]
        {
            assert_eq!(diagnosis.level(check), "ok", "{check}: {}", diagnosis.text);
        }
    }
    let (seaweedfs, reader) = (bench.seaweedfs(), "reader");
    bookmark(
        &env,
        &bench,
        reader,
        seaweedfs,
        "public",
        &["--role-arn", seaweedfs.role("read_only"), "--path", BUCKET],
    );
    assert_eq!(diagnose(&env, reader, "bob", &[]).first(), None);
}

/// One planted fault: name, who signs in, options of the bookmark, options of the doctor, what is named first, a word of it.
type Row<'a> = (&'a str, &'a str, Vec<&'a str>, Vec<&'a str>, &'a str, &'a str);

#[test]
fn planted_faults_are_told_apart() {
    let bench = Bench::load();
    let env = home();
    bucket(&bench, &env);
    let (issuer, seaweedfs): (_, &SeaweedFs) = (bench.issuer(), bench.seaweedfs());
    let slash = format!("{}/", issuer.url);
    let elsewhere = issuer.url.replace("/v2.0", "/v3.0");
    let honest = bench.hostile().case("honest").url.clone();
    let tls = seaweedfs.tls_url.as_deref().expect("TLS");
    let clear_as_tls = seaweedfs.url.replace("http://", "https://");
    let slow =
        Proxy::before(&seaweedfs.url, Faults { upload_bytes_per_second: Some(120), ..Faults::default() });
    let slow = slow.url();
    let nowhere = "http://127.0.0.1:9/";
    let rows: Vec<Row<'_>> = vec![
        ("issuer-path", "alice", vec!["--issuer", &elsewhere], vec![], "discovery", "--issuer URL"),
        ("issuer-slash", "alice", vec!["--issuer", &slash], vec![], "issuer", "a slash at the end"),
        ("client", "alice", vec!["--client-id", "nobody-knows-me"], vec![], "client", "nobody-knows-me"),
        (
            "redirect",
            "alice",
            vec!["--redirect", "http://localhost/elsewhere"],
            vec![],
            "redirect",
            "not registered",
        ),
        (
            "confidential",
            "alice",
            vec!["--client-id", issuer.client("confidential")],
            vec![],
            "client-kind",
            "confidential one",
        ),
        (
            "audience",
            "alice",
            vec!["--client-id", issuer.client("unlisted")],
            vec![],
            "exchange",
            issuer.client("unlisted"),
        ),
        ("other-issuer", "alice", vec!["--issuer", &honest], vec![], "exchange", &honest),
        (
            "role",
            "alice",
            vec!["--role-arn", "arn:aws:iam::000000000000:role/NoSuchRole"],
            vec![],
            "exchange",
            "NoSuchRole",
        ),
        (
            "condition",
            "alice",
            vec!["--role-arn", seaweedfs.role("carol_only")],
            vec![],
            "exchange",
            "the subject alice",
        ),
        ("sts-away", "alice", vec!["--sts-endpoint", nowhere], vec![], "sts", "--sts-endpoint URL"),
        ("sts-other", "alice", vec!["--sts-endpoint", &issuer.url], vec![], "exchange", "does not speak STS"),
        ("s3-away", "alice", vec!["--endpoint", nowhere], vec![], "bucket", "--endpoint URL"),
        ("tls", "alice", vec!["--endpoint", tls], vec![], "tls", "Pintail bench CA"),
        ("no-tls", "alice", vec!["--endpoint", &clear_as_tls], vec![], "tls", "does not speak TLS"),
        ("bucket", "alice", vec!["--path", "it-no-such-bucket"], vec![], "bucket", "there is no bucket"),
        (
            "writing",
            "alice",
            vec!["--role-arn", seaweedfs.role("read_only")],
            vec!["--write"],
            "write",
            "s3:PutObject",
        ),
    ];
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, person, options, more, first, word) in &rows {
        let mut all = options.clone();
        if !all.contains(&"--path") {
            all.extend(["--path", BUCKET]);
        }
        bookmark(&env, &bench, name, seaweedfs, "public", &all);
        let diagnosis = diagnose(&env, name, person, more);
        if diagnosis.code != 1 || diagnosis.first() != Some(first) || !diagnosis.words(first).contains(word) {
            wrong.push(format!("{name}: {first} {word:?} expected: {}", diagnosis.text));
            continue;
        }
        seen.insert(diagnosis.words(first));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
    assert_eq!(seen.len(), rows.len(), "no two say the same: {seen:#?}");

    // A token that is over when it arrives: it travels longer than it lives.
    bookmark(&env, &bench, "over", seaweedfs, "short", &["--path", BUCKET]);
    sign_in(&env, "over", &mut Person::new("alice")).succeeded();
    bookmark(&env, &bench, "over", seaweedfs, "short", &["--path", BUCKET, "--sts-endpoint", &slow]);
    let diagnosis = diagnose(&env, "over", "alice", &[]);
    assert_eq!(diagnosis.first(), Some("exchange"), "{}", diagnosis.text);
    assert!(diagnosis.words("exchange").contains("over for STS"), "{}", diagnosis.text);
}
