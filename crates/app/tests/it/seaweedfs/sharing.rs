//! From an empty home with one file of a colleague: add, sign in, list, with no other word.

use std::fs;

use pintail_testkit::bench::Bench;
use pintail_testkit::environment::TestEnv;
use pintail_testkit::person::Person;

use super::bookmark;
use crate::cloud::{home, sign_in};

/// A colleague's home, with a bookmark that works and a bucket to see.
fn colleague(bench: &Bench, bucket: &str) -> TestEnv {
    let env = home();
    bookmark(&env, bench, "weed", bench.seaweedfs(), "public", &[]);
    sign_in(&env, "weed", &mut Person::new("alice")).succeeded();
    let _ = env.run(["mb", &format!("weed:{bucket}")]);
    env
}

/// Takes a file of a colleague into an empty home, signs in and lists, and names nothing on the way.
fn from_nothing(from: &TestEnv, file: &str, bucket: &str) {
    let env = home();
    assert_eq!(fs::read_dir(env.home()).expect("a folder").count(), 0, "the home is empty");
    fs::copy(from.work().join(file), env.work().join(file)).expect("a copy");
    env.run(["add", file]).succeeded();
    let mut login = env.pintail(["login", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    let address = open["url"].as_str().expect("an address");
    Person::new("bob").sign_in(address).expect("a sign-in");
    login.finish().succeeded();
    let listed = env.run(["ls"]).succeeded();
    assert!(listed.stdout.contains(bucket), "{}", listed.stdout);
}

/// behaviour: sharing
#[test]
fn a_shared_bookmark_is_all_a_colleague_needs() {
    let (bench, bucket) = (Bench::load(), "it-shared");
    let env = colleague(&bench, bucket);
    env.run(["bookmark", "export", "weed", "--output", "shared-bookmark.duck"]).succeeded();
    from_nothing(&env, "shared-bookmark.duck", bucket);
}

/// behaviour: sharing
#[test]
fn a_file_is_not_taken_from_a_server_whose_certificate_nobody_knows() {
    let (bench, env) = (Bench::load(), home());
    let url = format!("{}/x.duck?key=hunter2", bench.seaweedfs().tls_url.as_deref().expect("TLS"));
    for command in [&["add", &url][..], &["profile", "install", &url]] {
        let refused = env.run(command).exited(1);
        assert!(
            refused.stderr.contains("certificate") && !refused.stderr.contains("hunter2"),
            "{}",
            refused.stderr
        );
    }
}

/// behaviour: sharing
#[test]
fn so_is_a_bundle_with_the_profile_that_the_bookmark_needs() {
    let (bench, bucket) = (Bench::load(), "it-bundled");
    let env = colleague(&bench, bucket);
    let (issuer, seaweedfs) = (bench.issuer(), bench.seaweedfs());
    let properties = [
        ("pintail.issuer", issuer.url.as_str()),
        ("pintail.redirect", "http://localhost/"),
        ("pintail.s3.endpoint", &seaweedfs.url),
        ("pintail.sts.endpoint", &seaweedfs.url),
        ("s3.bucket.virtualhost.disable", "true"),
    ];
    let properties: String =
        properties.iter().map(|(key, value)| format!("<key>{key}</key><string>{value}</string>")).collect();
    let profile = format!(
        "<plist version=\"1.0\"><dict><key>Protocol</key><string>s3</string><key>Vendor</key><string>contoso</string>\
         <key>Description</key><string>Contoso</string><key>Authorization</key><string>AuthorizationCode</string>\
         <key>Region</key><string>{}</string><key>Properties</key><dict>{properties}</dict></dict></plist>",
        seaweedfs.region
    );
    fs::write(env.work().join("contoso.cyberduckprofile"), profile).expect("a file");
    env.run(["profile", "install", "contoso.cyberduckprofile"]).succeeded();
    let short = format!(
        "<plist version=\"1.0\"><dict><key>Protocol</key><string>s3</string><key>Provider</key><string>contoso</string>\
         <key>Nickname</key><string>contoso</string><key>Custom</key><dict>\
         <key>OAuth Client ID</key><string>{}</string><key>role_arn</key><string>{}</string></dict></dict></plist>",
        issuer.client("public"),
        seaweedfs.role("admin")
    );
    fs::write(env.work().join("contoso.duck"), short).expect("a file");
    env.run(["add", "contoso.duck", "--yes"]).succeeded();
    env.run(["bookmark", "export", "contoso", "--with-profile", "--output", "contoso.pintail"]).succeeded();
    from_nothing(&env, "contoso.pintail", bucket);
}
