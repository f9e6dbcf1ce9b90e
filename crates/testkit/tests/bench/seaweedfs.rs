//! SeaweedFS checks the ID token, exchanges it, and lets the credential do what its role allows.

use std::path::Path;

use pintail_testkit::bench::{Bench, SeaweedFs};
use pintail_testkit::environment::TestEnv;
use pintail_testkit::http::Response;
use pintail_testkit::person::Person;
use pintail_testkit::raw::{self, Discovery, element};

fn id_token(bench: &Bench, client: &str, name: &str) -> String {
    let issuer = bench.issuer();
    let tokens = raw::sign_in(&issuer.url, issuer.client(client), &mut Person::new(name));
    tokens["id_token"].as_str().expect("an ID token").to_owned()
}

/// Runs a boto3 script against a server under an exchanged credential; `c` is the S3 client.
fn boto3(bench: &Bench, server: &SeaweedFs, url: &str, exchanged: &Response, script: &str) -> String {
    let xml = exchanged.text();
    assert_eq!(exchanged.status, 200, "{xml}");
    let part = |name: &str| element(&xml, name).unwrap_or_else(|| panic!("no {name}"));
    let head = "import boto3, botocore\nfrom botocore.config import Config\n\
        c = boto3.client('s3', config=Config(s3={'addressing_style': 'path'}))\n";
    let mut env = TestEnv::new(bench.tool("python"));
    env.set("AWS_ACCESS_KEY_ID", part("AccessKeyId"))
        .set("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey"))
        .set("AWS_SESSION_TOKEN", part("SessionToken"))
        .set("AWS_REGION", &server.region)
        .set("AWS_ENDPOINT_URL", url);
    if let Some(authority) = &server.ca_file {
        env.set("AWS_CA_BUNDLE", authority);
    }
    let python = bench.tool("python").to_owned();
    env.program(Path::new(&python), ["-c", &format!("{head}{script}")]).output().succeeded().stdout
}

#[test]
fn an_id_token_is_exchanged_and_the_credential_lists_buckets() {
    let bench = Bench::load();
    let server = bench.seaweedfs();
    let exchanged = raw::exchange(&server.url, server.role("admin"), &id_token(&bench, "public", "alice"));
    let script =
        "c.create_bucket(Bucket='exchanged'); print([b['Name'] for b in c.list_buckets()['Buckets']])";
    let printed = boto3(&bench, server, &server.url, &exchanged, script);
    assert!(printed.contains("'exchanged'"), "{printed}");
}

#[test]
fn it_answers_over_tls_with_a_certificate_of_the_test_authority() {
    let bench = Bench::load();
    let server = bench.seaweedfs();
    let exchanged = raw::exchange(&server.url, server.role("admin"), &id_token(&bench, "public", "bob"));
    let url = server.tls_url.as_deref().expect("TLS");
    let printed = boto3(&bench, server, url, &exchanged, "print(len(c.list_buckets()['Buckets']) >= 0)");
    assert_eq!(printed, "True\n");
}

#[test]
fn a_role_allows_what_its_policy_says() {
    let bench = Bench::load();
    let server = bench.seaweedfs();
    let token = id_token(&bench, "public", "alice");
    let admin = raw::exchange(&server.url, server.role("admin"), &token);
    boto3(&bench, server, &server.url, &admin, "c.create_bucket(Bucket='read-only')");
    let read_only = raw::exchange(&server.url, server.role("read_only"), &token);
    let script = "\
print(c.list_objects_v2(Bucket='read-only')['KeyCount'])
try:
    c.put_object(Bucket='read-only', Key='k', Body=b'')
except botocore.exceptions.ClientError as error:
    print(error.response['Error']['Code'])
try:
    c.put_object(Bucket='nobody-made-this', Key='k', Body=b'')
except botocore.exceptions.ClientError as error:
    print(error.response['Error']['Code'])
";
    let printed = boto3(&bench, server, &server.url, &read_only, script);
    assert_eq!(printed.lines().take(2).collect::<Vec<_>>(), ["0", "AccessDenied"], "{printed}");
}

#[test]
fn who_is_not_trusted_is_refused() {
    let bench = Bench::load();
    let server = bench.seaweedfs();
    let alice = id_token(&bench, "public", "alice");
    for (role, token, what) in [
        ("carol_only", alice.as_str(), "alice is not carol"),
        ("admin", &id_token(&bench, "public", "mallory"), "nobody trusts mallory"),
        ("admin", &format!("{}x", &alice[..alice.len() - 8]), "the signature is wrong"),
    ] {
        let refused = raw::exchange(&server.url, server.role(role), token);
        assert!((400..500).contains(&refused.status), "{what}: {} {}", refused.status, refused.text());
        assert!(element(&refused.text(), "Code").is_some(), "{what}: {}", refused.text());
    }
    let carol = raw::exchange(&server.url, server.role("carol_only"), &id_token(&bench, "public", "carol"));
    assert_eq!(carol.status, 200, "{}", carol.text());
}

#[test]
fn clients_of_every_kind_are_trusted_and_short_credentials_are_short() {
    let bench = Bench::load();
    let server = bench.seaweedfs_short();
    for client in ["public", "short", "no_refreshed_id_token", "no_refresh_token"] {
        let exchanged = raw::exchange(&server.url, server.role("admin"), &id_token(&bench, client, "alice"));
        assert_eq!(exchanged.status, 200, "{client}: {}", exchanged.text());
        let expires = element(&exchanged.text(), "Expiration").expect("an end");
        assert!(expires.ends_with('Z'), "{expires}");
    }
    assert_eq!(server.credential_seconds, 10);
}

#[test]
fn a_device_code_sign_in_is_exchanged_too() {
    let bench = Bench::load();
    let (server, issuer) = (bench.seaweedfs(), bench.issuer());
    let discovery = Discovery::read(&issuer.url);
    let device = discovery.device_code(issuer.client("public"));
    let text = |name: &str| device[name].as_str().expect("a text").to_owned();
    Person::new("alice").approve_device(&text("verification_uri"), &text("user_code")).expect("approval");
    let tokens = discovery.redeem_device(issuer.client("public"), &text("device_code")).json();
    let token = tokens["id_token"].as_str().expect("an ID token");
    assert_eq!(raw::exchange(&server.url, server.role("admin"), token).status, 200);
}
