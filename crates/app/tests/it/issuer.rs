//! Sign-in at a certified OpenID Provider: every way in, and what happens when the ID token ends.

use pintail_testkit::bench::Bench;
use pintail_testkit::person::Person;

use crate::cloud::{home, sign_in};
use crate::seaweedfs::bookmark;

#[test]
fn a_device_code_signs_in() {
    let bench = Bench::load();
    let env = home();
    bookmark(&env, &bench, "weed", bench.seaweedfs(), "public", &[]);
    let mut login = env.pintail(["login", "weed", "--device", "--json"]).start();
    let device = login.next_event("device_code");
    let text = |name: &str| device[name].as_str().expect("a text").to_owned();
    Person::new("bob").approve_device(&text("url"), &text("user_code")).expect("approval");
    let end = login.finish().succeeded().json_lines().pop().expect("a line");
    assert_eq!(end["person"], "bob@pintail.test");
    env.run(["ls", "weed:"]).succeeded();
}

#[test]
fn a_person_may_refuse() {
    let bench = Bench::load();
    let env = home();
    bookmark(&env, &bench, "weed", bench.seaweedfs(), "public", &[]);
    let mut login = env.pintail(["login", "weed", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    let redirect =
        Person::new("alice").cancel(open["url"].as_str().expect("an address")).expect("a redirect");
    pintail_testkit::http::get(&redirect, &[]).expect("an answer");
    let output = login.finish().exited(4);
    assert!(output.stderr.contains("access_denied"), "{}", output.stderr);
}

#[test]
fn the_sign_in_outlives_the_id_token() {
    let bench = Bench::load();
    let env = home();
    // Both end within seconds: the ID token by its client, the credential by its server.
    bookmark(&env, &bench, "short", bench.seaweedfs_short(), "short", &[]);
    sign_in(&env, "short", &mut Person::new("alice")).succeeded();
    let until = |who: &serde_json::Value| {
        who["until"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time")
    };
    let first = until(&env.run(["whoami", "short", "--json"]).succeeded().json());
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // Asked until the credential is another one: then both have been renewed.
    loop {
        let now = until(&env.run(["whoami", "short", "--json"]).succeeded().json());
        if now > first {
            break;
        }
        assert!(std::time::Instant::now() < give_up, "never renewed");
    }
    env.run(["ls", "short:"]).succeeded();
}

#[test]
fn an_issuer_that_renews_no_id_token_means_signing_in_again() {
    let bench = Bench::load();
    let env = home();
    for client in ["no_refreshed_id_token", "no_refresh_token"] {
        bookmark(&env, &bench, client, bench.seaweedfs_short(), client, &[]);
        sign_in(&env, client, &mut Person::new("alice")).succeeded();
        let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let output = loop {
            let output = env.run(["ls", &format!("{client}:")]);
            if output.code() != Some(0) {
                break output;
            }
            assert!(std::time::Instant::now() < give_up, "the credential never ended");
        };
        let output = output.exited(4);
        assert!(output.stderr.contains(&format!("pintail login {client}")), "{}", output.stderr);
    }
}

#[test]
fn a_confidential_client_proves_itself() {
    let bench = Bench::load();
    let env = home();
    let (issuer, seaweedfs) = (bench.issuer(), bench.seaweedfs());
    env.secret("client secret", &issuer.client_secret);
    let add = [
        "bookmark",
        "add",
        "secretive",
        "--issuer",
        &issuer.url,
        "--client-id",
        issuer.client("confidential"),
        "--role-arn",
        seaweedfs.role("admin"),
        "--region",
        &seaweedfs.region,
        "--endpoint",
        &seaweedfs.url,
        "--sts-endpoint",
        &seaweedfs.url,
        "--client-secret",
    ];
    env.pintail(add).stdin(&format!("{}\n", issuer.client_secret)).output().succeeded();
    sign_in(&env, "secretive", &mut Person::new("alice")).succeeded();
    env.run(["ls", "secretive:"]).succeeded();
}

#[test]
fn the_address_can_be_pasted() {
    let bench = Bench::load();
    let env = home();
    bookmark(&env, &bench, "weed", bench.seaweedfs(), "public", &[]);
    let mut login = env.pintail(["login", "weed", "--paste", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    let redirect =
        Person::new("alice").authorize(open["url"].as_str().expect("an address")).expect("a redirect");
    login.type_in(&format!("{redirect}\n"));
    login.finish().succeeded();
}

#[test]
fn a_certificate_proves_the_client() {
    let bench = Bench::load();
    let env = home();
    let (issuer, seaweedfs) = (bench.issuer(), bench.seaweedfs());
    let key = issuer.certificate_key_file.to_string_lossy().into_owned();
    let make =
        ["req", "-x509", "-days", "2", "-subj", "/CN=pintail", "-key", &key, "-out", "certificate.pem"];
    env.program(bench.tool("openssl"), make).output().succeeded();
    let certificate = env.work().join("certificate.pem").to_string_lossy().into_owned();
    let more = ["--certificate", &certificate, "--certificate-key", &key];
    bookmark(&env, &bench, "certified", seaweedfs, "certificate", &more);
    sign_in(&env, "certified", &mut Person::new("alice")).succeeded();
    env.run(["ls", "certified:"]).succeeded();
}
