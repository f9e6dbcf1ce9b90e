//! Files that read as what they say, and those that say what is wrong with them.

use pintail_core::name::Partition;
use proptest::prelude::*;

use super::*;

const FULL: &str = r#"
version = 1
[entra]
tenant = "Contoso.com"
app-name = "Pintail for data"
redirects = ["loopback", "cyberduck", "mountain-duck"]
device-code = true
groups = ["S3 users"]
claims = ["email"]
[entra.aws-claims]
team = "user.department"
[[aws]]
account = "123456789012"
profile = "admin"
region = "eu-central-1"
role = "DataReaders"
role-path = "/pintail/"
session-hours = 4
access = "read"
buckets = ["data", "s3://logs/2026/", { place = "s3://drop/in", access = "read-write", kms-key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd" }]
require-mfa = true
[[aws]]
account = "210987654321"
bookmark = "admin"
region = "cn-north-1"
buckets = ["data"]
endpoints = { iam = "http://127.0.0.1:9001" }
honest-session-names = false
[bookmark]
name = "contoso"
path = "data/"
"#;

fn read(text: &str) -> Result<Desired, Faults> {
    Draft::parse(text)?.read()
}

fn faults(text: &str) -> Vec<String> {
    read(text).expect_err("the file is faulty").0.iter().map(ToString::to_string).collect()
}

/// A file in which one line of an account is replaced or added.
fn with_entra(line: &str) -> String {
    format!("version = 1\n[entra]\n{line}\n[[aws]]\nbuckets = [\"data\"]\n")
}

fn with_aws(lines: &str) -> String {
    format!("version = 1\n[entra]\ntenant = \"contoso.com\"\n[[aws]]\n{lines}\n")
}

#[test]
fn a_whole_file_is_read() {
    let desired = read(FULL).unwrap();
    let entra = desired.issuer.entra().unwrap();
    assert_eq!(entra.tenant, Tenant::Domain("contoso.com".into()));
    assert_eq!(
        entra.redirects,
        ["http://localhost", "x-cyberduck-action://oauth", "x-mountainduck-action://oauth"]
    );
    assert!(entra.device_code && entra.assignment_required && entra.users.is_empty());
    assert!(entra.claims.contains(&ExtraClaim::Amr), "require-mfa brings the claim that it tests");
    assert_eq!(entra.aws_claims["team"], "department");
    let [one, other] = &desired.accounts[..] else { panic!("two accounts") };
    assert_eq!((one.session_s, one.role_path.as_str()), (4 * 3600, "/pintail/"));
    assert_eq!(one.credential, CredentialFrom::Profile("admin".into()));
    assert!(one.session_tags && other.session_tags, "tokens carry tags in every account");
    let places: Vec<_> = one.places.iter().map(|place| (place.address(), place.access)).collect();
    assert_eq!(
        places,
        [
            ("s3://data".to_owned(), Access::Read),
            ("s3://logs/2026/".to_owned(), Access::Read),
            ("s3://drop/in".to_owned(), Access::ReadWrite)
        ]
    );
    assert_eq!((other.partition, other.role.as_str()), (Partition::China, "PintailS3"));
    assert_eq!(other.session_s, 12 * 3600);
    assert_eq!(desired.bookmark.start.as_deref(), Some("data/"));
}

#[test]
fn what_is_written_reads_as_the_same() {
    let issuer = "version = 1\n[issuer]\nurl = \"https://id.example/realms/staff\"\nclient-id = \"pintail\"\n\
                  [[aws]]\nbuckets = [\"s3://data/a\\\"b\\u007F\"]\npeople = [\"sub-1\"]\n";
    let issuer = issuer.replace("\\u007F", "");
    for text in [FULL, &with_entra("tenant = \"5affffff-0000-4000-8000-00000000000a\""), issuer.as_str()] {
        let desired = read(text).unwrap();
        assert_eq!(read(&desired.to_toml()).unwrap(), desired, "{}", desired.to_toml());
    }
}

#[test]
fn little_is_enough() {
    let desired = read(&with_entra("tenant = \"contoso.com\"")).unwrap();
    let entra = desired.issuer.entra().unwrap();
    assert_eq!(
        (entra.app_name.as_str(), &entra.redirects[..]),
        ("Pintail", &["http://localhost".to_owned()][..])
    );
    assert_eq!(entra.users, [ME], "with nobody named, it is the one who runs the setup");
    assert_eq!(desired.bookmark.name.as_str(), "contoso");
    assert_eq!(desired.accounts[0].credential, CredentialFrom::Environment);
    assert!(
        read(&with_entra("tenant = \"contoso.com\"\nassignment-required = false"))
            .unwrap()
            .issuer
            .entra()
            .unwrap()
            .users
            .is_empty()
    );
    let one = "version = 1\n[entra]\ntenant = \"contoso.com\"\n[aws]\nbuckets = \"data\"\n";
    assert_eq!(read(one).unwrap(), desired, "one account and one bucket need no list");
}

#[test]
fn every_fault_has_its_line_and_key() {
    for (text, expected) in [
        ("version = 1\n[entra\n".to_owned(), "line 2: this is no TOML"),
        ("version = 2".into(), "line 1: `version` is not 1"),
        (with_entra("tenant = \"contoso.com\"\ngrups = []"), "line 4: `entra.grups` is no key here; the nearest is `groups`"),
        (with_entra("tenant = 5"), "line 3: `entra.tenant` is a whole number, not a text"),
        (with_entra("app-name = \"x\""), "line 2: `entra.tenant` is missing"),
        (with_entra("tenant = \"common\""), "line 3: `entra.tenant` `common` stands for every tenant"),
        (with_entra("tenant = \"contoso\""), "line 3: `entra.tenant` tenant \"contoso\""),
        (with_entra("tenant = \"contoso.com\"\nclaims = [\"upn\"]"), "\"upn\" is no claim"),
        (with_entra("tenant = \"contoso.com\"\nredirects = [\n\"loopback\",\n\"http://localhost:8400\"]"), "line 4: `entra.redirects` `http://localhost` and `http://localhost:8400` differ in their port only"),
        (with_entra("tenant = \"contoso.com\"\nredirects = []"), "names no address"),
        (with_entra("tenant = \"contoso.com\"\n[entra.aws-claims]\nteam = 1"), "line 5: `entra.aws-claims.team` is a whole number"),
        (with_aws("buckets = []"), "line 5: `aws.buckets` is missing"),
        (with_aws("role = \"R\""), "line 4: `aws.buckets` is missing"),
        (with_aws("buckets = [\"data\"]\nsession-hours = 13"), "line 6: `aws.session-hours` is not a whole number from 1 to 12"),
        (with_aws("buckets = [\"data\"]\nsession-hours = 0.5"), "from 1 to 12"),
        (with_aws("buckets = [\"data\"]\naccount = \"1234\""), "line 6: `aws.account` account \"1234\""),
        (with_aws("buckets = [\"data\"]\nprofile = \"a\"\nbookmark = \"bb\""), "line 7: `aws.bookmark` stands beside `profile`"),
        (with_aws("buckets = [\"data\"]\nregion = \"cn-north-1\"\npartition = \"aws\""), "line 7: `aws.partition` is aws, and the region cn-north-1 is in aws-cn"),
        (with_aws("buckets = [\"data\", \"s3://data\"]"), "names s3://data twice"),
        (with_aws("buckets = [\"data\", { place = \"data/in\", access = \"read\" }]"), "lets s3://data be written, and with it s3://data/in"),
        (with_aws("buckets = [{ place = \"data/in\", access = \"read\" }, \"data\"]"), "lets s3://data be written"),
        (with_aws("buckets = [\"data/*\"]"), "IAM reads as a pattern"),
        (with_aws("buckets = [{ bucket = \"data\" }]"), "`aws.buckets.place` is missing"),
        (with_aws("buckets = [{ place = \"data\", kms-key = \"alias/x\" }]"), "no ARN of a KMS key"),
        (with_aws("buckets = [\"data\"]\nsession-tags = true"), "names no tag"),
        (with_aws("buckets = [\"data\"]\nrole-path = \"x\""), "no path of a role"),
        (with_aws("buckets = [\"data\"]\nendpoints = { s4 = \"http://x.example\" }"), "`aws.endpoints.s4` is no key here"),
        ("version = 1\n[[aws]]\nbuckets = [\"data\"]\n".into(), "`entra.tenant` is missing"),
        ("version = 1\n[entra]\ntenant = \"contoso.com\"\n".into(), "`aws.buckets` is missing"),
        ("version = 1\n[issuer]\nurl = \"https://accounts.google.com\"\nclient-id = \"x\"\n[[aws]]\nbuckets = [\"data\"]".into(), "`aws.people` is missing"),
        ("version = 1\n[issuer]\nurl = \"https://login.microsoftonline.com/x/v2.0\"\nclient-id = \"x\"\n[[aws]]\nbuckets = [\"data\"]\npeople = \"assigned\"".into(), "this is Entra"),
        ("version = 1\n[issuer]\n[entra]\ntenant = \"contoso.com\"\n[[aws]]\nbuckets = [\"data\"]".into(), "`issuer` stands beside [entra]"),
        ("version = 1\n[entra]\ntenant = \"contoso.com\"\n[[aws]]\nbuckets = [\"data\"]\naccount = \"123456789012\"\n[[aws]]\nbuckets = [\"data\"]\naccount = \"123456789012\"\nrol = \"R\"".into(), "line 10: `aws[2].rol` is no key here; near are `role`, `role-path`"),
    ] {
        let found = faults(&text);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected:?} is not in {found:?}\n{text}");
    }
}

#[test]
fn several_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = "version = 1\n[entra]\ntenant = \"common\"\ndevice-code = 1\n[[aws]]\nbuckets = [\"b\"]\nsession-hours = 99\n";
    let found = faults(text);
    let lines: Vec<_> = found.iter().map(|fault| &fault[..7]).collect();
    assert_eq!(lines, ["line 3:", "line 4:", "line 6:", "line 7:"], "{found:?}");
}

#[test]
fn redirect_addresses_follow_what_entra_takes() {
    for (text, good) in [
        ("loopback", true),
        ("pintail", true),
        ("http://localhost/callback", true),
        ("http://127.0.0.1:8400/", true),
        ("http://127.0.0.1", false),
        ("http://[::1]:8400/", false),
        ("http://example.com/", false),
        ("https://login.microsoftonline.com/common/oauth2/nativeclient", true),
        ("x-cyberduck-action:oauth", false),
        ("com.contoso.app://oauth", true),
        ("http://localhost/a b", false),
        ("http://localhost/*", false),
        ("http://localhost/#x", false),
        ("http://localhost/ü", false),
        ("app://", false),
    ] {
        assert_eq!(rules::redirect(text).is_ok(), good, "{text}");
    }
}

#[test]
fn what_is_typed_wins_over_the_file() {
    let mut draft = Draft::parse(FULL).unwrap();
    draft.say("entra.tenant", "fabrikam.com");
    draft.say_list("aws.buckets", ["other"]);
    draft.say_flag("entra.device-code", false);
    draft.say_number("aws.session-hours", 1);
    let desired = draft.read().unwrap();
    let entra = desired.issuer.entra().unwrap();
    assert_eq!((entra.tenant.to_string().as_str(), entra.device_code), ("fabrikam.com", false));
    assert_eq!(
        (desired.accounts[0].places[0].address().as_str(), desired.accounts[0].session_s),
        ("s3://other", 3600)
    );
    assert_eq!(draft.accounts(), 2);

    let mut typed = Draft::default();
    assert!(!typed.says("entra.tenant"));
    let missing: Vec<_> = typed.read().unwrap_err().0.into_iter().map(|fault| fault.key).collect();
    assert_eq!(missing, ["entra.tenant", "aws.buckets"]);
    typed.say("entra.tenant", "contoso.com");
    typed.say_list("aws.buckets", ["data"]);
    assert_eq!(typed.read().unwrap(), read(&with_entra("tenant = \"contoso.com\"")).unwrap());
    assert!(typed.says("entra.tenant"));
    typed.unsay("entra.tenant");
    assert!(!typed.says("entra.tenant"));
}

proptest! {
    #[test]
    fn reading_never_panics_and_what_reads_is_written(text in "[a-z\\[\\]=\" .0-9\n{}-]{0,200}") {
        if let Ok(desired) = read(&text) {
            prop_assert_eq!(read(&desired.to_toml()), Ok(desired));
        }
    }

    #[test]
    fn places_and_names_survive_the_file(
        prefix in "[^*?$\\x00-\\x1f\\x7f-\\u{9f}]{0,30}",
        app in "[^\\x00-\\x1f\\x7f-\\u{9f}]{1,30}",
    ) {
        let mut draft = Draft::default();
        draft.say("entra.tenant", "contoso.com");
        draft.say("entra.app-name", &app);
        let place = format!("s3://data/{prefix}");
        draft.say_list("aws.buckets", [place.as_str()]);
        if let Ok(desired) = draft.read() {
            prop_assert_eq!(read(&desired.to_toml()), Ok(desired));
        }
    }
}
