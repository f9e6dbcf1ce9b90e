//! The whole chain on servers of others: a certified OpenID Provider and SeaweedFS.

mod doctor;
mod lending;
mod sharing;

use std::fs;
use std::time::Duration;

use pintail_testkit::bench::{Bench, SeaweedFs};
use pintail_testkit::environment::TestEnv;
use pintail_testkit::person::Person;
use pintail_testkit::proxy::{Faults, Proxy};

use crate::cloud::{home, sign_in};
use crate::copying::bytes;

/// Adds a bookmark for a SeaweedFS with this client of the issuer.
pub(crate) fn bookmark(
    env: &TestEnv,
    bench: &Bench,
    name: &str,
    seaweedfs: &SeaweedFs,
    client: &str,
    more: &[&str],
) {
    let issuer = bench.issuer();
    let mut arguments = vec!["bookmark", "add", name, "--force"];
    let defaults = [
        ("--issuer", issuer.url.as_str()),
        ("--client-id", issuer.client(client)),
        ("--role-arn", seaweedfs.role("admin")),
        ("--region", &seaweedfs.region),
        ("--endpoint", &seaweedfs.url),
        ("--sts-endpoint", &seaweedfs.url),
    ];
    for (option, value) in defaults {
        if !more.contains(&option) {
            arguments.extend([option, value]);
        }
    }
    if seaweedfs.credential_seconds < 900 {
        // Only who does not ask for a length gets one that short.
        arguments.extend(["--duration", "service"]);
    }
    arguments.extend(more);
    env.run(arguments).succeeded();
}

fn signed_in(bench: &Bench, bucket: &str) -> TestEnv {
    let env = home();
    bookmark(&env, bench, "weed", bench.seaweedfs(), "public", &[]);
    sign_in(&env, "weed", &mut Person::new("alice")).succeeded();
    let _ = env.run(["mb", &format!("weed:{bucket}")]);
    env
}

#[test]
fn sizes_go_there_and_come_back() {
    let bench = Bench::load();
    let env = signed_in(&bench, "it-sizes");
    for size in [0, 1, 5 << 20, 100 << 20] {
        let content = bytes(size);
        fs::write(env.work().join("up"), &content).expect("a file");
        let there = format!("weed:it-sizes/{size}");
        env.run(["cp", "up", &there]).succeeded();
        env.run(["cp", &there, "down"]).succeeded();
        assert!(
            fs::read(env.work().join("down")).expect("a file") == content,
            "{size} bytes came back different"
        );
    }
    let listed = env.run(["ls", "weed:it-sizes/", "--json"]).succeeded().json_lines();
    let mut sizes: Vec<u64> = listed.iter().filter_map(|line| line["size"].as_u64()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 1, 5 << 20, 100 << 20]);
    env.run(["cp", "weed:it-sizes/5242880", "weed:it-sizes/copy"]).succeeded();
    env.run(["rm", "-r", "weed:it-sizes/"]).succeeded();
    env.run(["rb", "weed:it-sizes"]).succeeded();
}

#[test]
fn whoami_knows_the_person_and_the_role() {
    let bench = Bench::load();
    let env = signed_in(&bench, "it-who");
    let who = env.run(["whoami", "weed", "--json"]).succeeded().json();
    assert_eq!(who["person"], "alice@pintail.test");
    assert_eq!(who["issuer"], bench.issuer().url.as_str());
    assert_eq!(who["role"], bench.seaweedfs().role("admin"));
}

#[test]
fn tls_with_a_certificate_authority_of_ones_own() {
    let bench = Bench::load();
    let seaweedfs = bench.seaweedfs();
    let env = home();
    let (url, ca) = (seaweedfs.tls_url.as_deref().expect("TLS"), seaweedfs.ca_file.as_ref().expect("a CA"));
    bookmark(&env, &bench, "strange", seaweedfs, "public", &["--endpoint", url]);
    sign_in(&env, "strange", &mut Person::new("alice")).succeeded();
    let refused = env.run(["ls", "strange:"]).exited(1);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
    bookmark(
        &env,
        &bench,
        "known",
        seaweedfs,
        "public",
        &["--endpoint", url, "--ca-bundle", &ca.to_string_lossy()],
    );
    env.run(["ls", "known:"]).succeeded();
}

#[test]
fn ten_second_credentials_are_renewed_in_the_middle_of_a_long_copy() {
    let bench = Bench::load();
    let seaweedfs = bench.seaweedfs_short();
    assert_eq!(seaweedfs.credential_seconds, 10);
    let env = home();
    // Slow enough for a copy to outlive two credentials, each way.
    let rate = Some(1 << 20);
    let faults = Faults { bytes_per_second: rate, upload_bytes_per_second: rate, ..Faults::default() };
    let proxy = Proxy::before(&seaweedfs.url, faults);
    let slow = proxy.url();
    bookmark(&env, &bench, "short", seaweedfs, "public", &["--endpoint", &slow]);
    sign_in(&env, "short", &mut Person::new("alice")).succeeded();
    let who = env.run(["whoami", "short", "--json"]).succeeded().json();
    let until: jiff::Timestamp = who["until"].as_str().expect("a time").parse().expect("a time");
    #[expect(clippy::disallowed_methods, reason = "the servers of the bench live in real time")]
    let left = until.duration_since(jiff::Timestamp::now());
    assert!(left.as_secs() <= 10, "the credential lives {left:?}");
    let _ = env.run(["mb", "short:it-renewal"]);
    let content = bytes(64 << 20);
    fs::write(env.work().join("up"), &content).expect("a file");
    let patience = Duration::from_secs(180);
    let up = env.pintail(["cp", "up", "short:it-renewal/large"]).deadline(patience).output();
    up.succeeded();
    let down = env.pintail(["cp", "short:it-renewal/large", "down"]).deadline(patience).output();
    down.succeeded();
    assert!(fs::read(env.work().join("down")).expect("a file") == content, "the same bytes");
}

/// Every wrong thing: what it is, what it is refused with.
#[test]
fn each_wrong_thing_is_refused() {
    let bench = Bench::load();
    let (env, seaweedfs) = (home(), bench.seaweedfs());
    for (name, person, more, advice) in [
        ("trust", "mallory", vec![], "trust policy"),
        (
            "role",
            "alice",
            vec!["--role-arn", "arn:aws:iam::000000000000:role/NoSuchRole"],
            "letter by letter",
        ),
        ("condition", "alice", vec!["--role-arn", seaweedfs.role("carol_only")], "trust policy"),
    ] {
        bookmark(&env, &bench, name, seaweedfs, "public", &more);
        let output = sign_in(&env, name, &mut Person::new(person)).exited(5);
        assert!(output.stderr.contains(advice), "{name}: {}", output.stderr);
    }
    // A client ID that SeaweedFS does not know.
    bookmark(&env, &bench, "audience", seaweedfs, "unlisted", &[]);
    let output = sign_in(&env, "audience", &mut Person::new("alice")).exited(5);
    assert!(
        output.stderr.contains(bench.issuer().client("unlisted")),
        "the audience is shown: {}",
        output.stderr
    );
    assert!(output.stderr.contains("audience"), "{}", output.stderr);
    // A token of an issuer that SeaweedFS does not know: here the lying issuer, when it tells the truth.
    let honest = &bench.hostile().case("honest").url;
    bookmark(&env, &bench, "issuer", seaweedfs, "public", &["--issuer", honest]);
    let output = sign_in(&env, "issuer", &mut Person::new("alice")).exited(5);
    assert!(output.stderr.contains(honest), "the token's issuer is shown: {}", output.stderr);
}

#[test]
fn a_read_only_role_reads_and_is_refused_to_write() {
    let bench = Bench::load();
    let env = signed_in(&bench, "it-reading");
    fs::write(env.work().join("file"), "x").expect("a file");
    env.run(["cp", "file", "weed:it-reading/file"]).succeeded();
    let seaweedfs = bench.seaweedfs();
    bookmark(&env, &bench, "reader", seaweedfs, "public", &["--role-arn", seaweedfs.role("read_only")]);
    sign_in(&env, "reader", &mut Person::new("alice")).succeeded();
    assert_eq!(env.run(["cat", "reader:it-reading/file"]).succeeded().stdout, "x");
    env.run(["cp", "file", "reader:it-reading/other"]).exited(5);
}

/// The ID token ends on its way: the exchange travels for longer than the token lives.
#[test]
fn an_id_token_that_ends_on_the_way_is_renewed_once_and_then_explained() {
    let bench = Bench::load();
    let (env, seaweedfs) = (home(), bench.seaweedfs());
    let faults = Faults { upload_bytes_per_second: Some(120), ..Faults::default() };
    let proxy = Proxy::before(&seaweedfs.url, faults);
    bookmark(&env, &bench, "slow", seaweedfs, "short", &["--sts-endpoint", &proxy.url()]);
    let output = sign_in(&env, "slow", &mut Person::new("alice")).exited(4);
    assert!(output.stderr.contains("ExpiredTokenException"), "{}", output.stderr);
    assert!(output.stderr.contains("pintail login slow"), "{}", output.stderr);
}
