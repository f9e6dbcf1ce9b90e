//! Tables of odd files and profiles, with what botocore makes of them.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn config(text: &str) -> SharedConfig {
    SharedConfig::parse(Some(text.as_bytes()), None).unwrap()
}

fn both(config: &str, credentials: &str) -> SharedConfig {
    SharedConfig::parse(Some(config.as_bytes()), Some(credentials.as_bytes())).unwrap()
}

#[test]
fn odd_files_are_read_as_botocore_reads_them() {
    // (file, profile, key, value)
    for (text, profile, key, value) in [
        ("[default]\nregion = eu-west-1", "default", "region", Some("eu-west-1")),
        ("[default]\r\nregion=eu-west-1\r\n", "default", "region", Some("eu-west-1")),
        ("\u{feff}[default]\nregion: eu-west-1\n", "default", "region", Some("eu-west-1")),
        ("[default]\nREGION = x", "default", "region", Some("x")),
        ("[default]\nregion = x # no comment", "default", "region", Some("x # no comment")),
        ("[default]\nregion = x ; no comment", "default", "region", Some("x ; no comment")),
        ("# a\n ; b\n[default]\n# region = y\nregion = x", "default", "region", Some("x")),
        ("[default]\n\tregion\t=\tx\t", "default", "region", Some("x")),
        ("  [default]\n  region = x\n  output = y", "default", "output", Some("y")),
        ("[profile a]\nregion = x", "a", "region", Some("x")),
        ("[profile \"two words\"]\nregion = x", "two words", "region", Some("x")),
        ("[profile 'a']\nregion = x", "a", "region", Some("x")),
        ("[profile\ta ]\nregion = x", "a", "region", Some("x")),
        ("[profile a] # said\nregion = x", "a", "region", Some("x")),
        ("[profile a:b/c@d]\nregion = x", "a:b/c@d", "region", Some("x")),
        ("[profile a b]\nregion = x", "a b", "region", None),
        ("[profile default]\nregion = x", "default", "region", Some("x")),
        ("[a]\nregion = x", "a", "region", None),
        ("[profile a]\nregion = x\n[profile b]\n[profile a]\noutput = y", "a", "region", Some("x")),
        ("[profile a]\nregion = x\nregion = y", "a", "region", Some("y")),
        ("[default]\nkey = a=b:c", "default", "key", Some("a=b:c")),
        ("[default]\nkey = one\n  two\n\n  three\n", "default", "key", Some("one\ntwo\n\nthree")),
        ("[default]\nkey =\nregion = x", "default", "key", Some("")),
        ("[default]\ns3 =\n  a = b\nregion = x", "default", "region", Some("x")),
        ("[default]\ns3 =\n  a = b", "default", "s3", None),
        ("[DEFAULT]\nregion = x\n[profile a]\n", "a", "region", Some("x")),
        ("[DEFAULT]\nregion = x\n[profile a]\nregion = y", "a", "region", Some("y")),
    ] {
        let read = config(text);
        assert_eq!(read.profile(profile).and_then(|p| p.get(key)), value, "{text:?}");
    }
}

#[test]
fn blocks_are_nested() {
    let read = config(
        "[default]\ns3 =\n    addressing_style = path\n    # a comment\n\n    Max=10 = x\nregion = x\n  [profile b]\n",
    );
    let profile = read.profile("default").unwrap();
    assert_eq!(profile.get_nested("s3", "addressing_style"), Some("path"));
    assert_eq!(profile.get_nested("s3", "Max"), Some("10 = x"));
    assert_eq!(profile.get_nested("s3", "max"), None);
    assert_eq!(profile.get_nested("region", "max"), None);
    // A deeper line continues the value, whatever it looks like.
    assert_eq!(profile.get("region"), Some("x\n[profile b]"));
    assert_eq!(profile.keys().collect::<Vec<_>>(), ["region", "s3"]);
}

#[test]
fn both_files_make_one_profile() {
    let read = both(
        "[profile a]\nregion = x\noutput = json\n[default]\n",
        "[a]\nregion = y\naws_access_key_id = K\n[profile a]\nregion = z\n[c]\n",
    );
    assert_eq!(read.profiles().collect::<Vec<_>>(), ["a", "default", "profile a", "c"]);
    let profile = read.profile("a").unwrap();
    assert_eq!(profile.get("region"), Some("y"));
    assert_eq!(profile.get("output"), Some("json"));
    assert_eq!(SharedConfig::parse(None, None).unwrap().profiles().len(), 0);
}

#[test]
fn broken_files_name_line_and_text_but_no_secret() {
    for (text, message) in [
        ("region = x", "AWS config file, line 1: a line stands before the first [section]: \"region…\""),
        (
            "[a]\n\nregion",
            "AWS config file, line 3: a line is neither [section] nor key = value nor a continuation: \"region\"",
        ),
        (
            "[a]\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS config file, line 2: a line is neither [section] nor key = value nor a continuation: \"wJal…\"",
        ),
        ("[a]\n= x", "AWS config file, line 2: the name of the key is missing: \"…\""),
        (
            "[a]\r\ns3 =\r\n  a = b\r\n # c\r\n  b\r\n",
            "AWS config file, line 5: a line of a nested block is not key = value: \"b\"",
        ),
        ("[]", "AWS config file, line 1: a line stands before the first [section]: \"[]\""),
        (
            "[profile a\nb=c",
            "AWS config file, line 1: a line stands before the first [section]: \"[profile a\"",
        ),
    ] {
        assert_eq!(
            SharedConfig::parse(Some(text.as_bytes()), None).unwrap_err().to_string(),
            message,
            "{text:?}"
        );
    }
    let error = SharedConfig::parse(None, Some(b"[a]\nb = \xff")).unwrap_err();
    assert_eq!(error.to_string(), "the AWS credentials file cannot be read");
    let large = format!("[DEFAULT]\na = {}\n{}", "x".repeat(1 << 18), "[b]\n[c]\n".repeat(1 << 15));
    let many: String = (0..10_000).map(|n| format!("[s{n}]\n")).collect();
    assert!(SharedConfig::parse(Some(large.as_bytes()), None).is_ok());
    let error =
        SharedConfig::parse(Some(format!("[DEFAULT]\na = {}\n{many}", "x".repeat(1 << 16)).as_bytes()), None);
    assert!(matches!(error, Err(ConfigError::TooManyDefaults { file: FileKind::Config })));
}

const ROLE: &str = "arn:aws:iam::123456789012:role/R";

fn source(config: &str, credentials: &str) -> Source {
    both(config, credentials).resolve("a").unwrap().source
}

fn fault(config: &str, credentials: &str) -> String {
    both(config, credentials).resolve("a").unwrap_err().to_string()
}

fn key_of(source: &Source) -> &str {
    match source {
        Source::Keys(credential) => &credential.access_key_id,
        other => panic!("{other:?}"),
    }
}

const KEYS: &str = "aws_access_key_id = AKIACONFIG\naws_secret_access_key = s\n";

#[test]
fn the_order_inside_a_profile_is_botocores() {
    let role = format!("role_arn = {ROLE}\n");
    let sso = "sso_account_id = 123456789012\nsso_role_name = R\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n";
    let process = "credential_process = tool a\n";
    let token = "web_identity_token_file = /t\n";
    let in_credentials = "[a]\naws_access_key_id = AKIACREDENTIALS\naws_secret_access_key = s\n";
    let all = |parts: &[&str]| format!("[profile a]\n{}", parts.concat());

    let environment = "credential_source = Environment\n";
    let found = source(&all(&[&role, environment, sso, process, KEYS]), in_credentials);
    assert!(matches!(found, Source::AssumeRole { base, .. } if *base == Source::Environment));
    assert!(matches!(
        source(&all(&[&role, token, sso, process, KEYS]), in_credentials),
        Source::WebIdentityFile { .. }
    ));
    assert!(matches!(source(&all(&[sso, process, KEYS]), in_credentials), Source::IdentityCenter { .. }));
    assert_eq!(
        key_of(&source(&all(&["login_session = x\n", process, KEYS]), in_credentials)),
        "AKIACREDENTIALS"
    );
    assert!(fault(&all(&["login_session = x\n", process, KEYS]), "").contains("aws login"));
    assert!(matches!(source(&all(&[process, KEYS]), ""), Source::Process { .. }));
    assert_eq!(key_of(&source(&all(&[KEYS]), "")), "AKIACONFIG");
}

#[test]
fn keys_of_one_file_do_not_complete_those_of_the_other() {
    let message = fault("[profile a]\naws_secret_access_key = s", "[a]\naws_access_key_id = K");
    assert!(message.contains("no aws_secret_access_key"), "{message}");
    let found = source(
        "",
        "[a]\naws_access_key_id=K\naws_secret_access_key=s\naws_session_token=t\naws_security_token=u",
    );
    let Source::Keys(credential) = found else { panic!("{found:?}") };
    assert_eq!(credential.session_token, Some(Secret::new("u")));
}

use crate::secret::Secret;

#[test]
fn roles_are_chained_to_the_keys() {
    let text = format!(
        "[profile a]\nrole_arn = {ROLE}\nsource_profile = b\nexternal_id = e\nmfa_serial = m\nduration_seconds = 3600\nrole_session_name = me\n\
         [profile b]\nrole_arn = {ROLE}2\nsource_profile = c\n[profile c]\nrole_arn = {ROLE}3\nsource_profile = b\n{KEYS}"
    );
    let Source::AssumeRole { role, external_id, mfa_serial, duration, session_name, base } =
        source(&text, "")
    else {
        panic!()
    };
    assert_eq!(role.as_str(), ROLE);
    assert_eq!((external_id.as_deref(), mfa_serial.as_deref()), (Some("e"), Some("m")));
    assert_eq!(duration, Some(Duration::from_secs(3600)));
    assert_eq!(session_name.unwrap().as_str(), "me");
    let Source::AssumeRole { role, base, .. } = *base else { panic!() };
    assert_eq!(role.role_name(), "R2");
    // A source's own keys come before its own role.
    assert_eq!(key_of(&base), "AKIACONFIG");
}

#[test]
fn a_profile_may_be_its_own_source_if_it_has_keys() {
    let text = format!("[profile a]\nrole_arn = {ROLE}\nsource_profile = a\n");
    let Source::AssumeRole { base, .. } = source(&format!("{text}{KEYS}"), "") else { panic!() };
    assert_eq!(key_of(&base), "AKIACONFIG");
    assert_eq!(fault(&text, ""), "the source_profile of AWS profiles goes in a circle: \"a\" -> \"a\"");
    let round = format!(
        "{}[profile b]\nrole_arn = {ROLE}\nsource_profile = a\n",
        text.replace("source_profile = a", "source_profile = b")
    );
    assert!(fault(&round, "").ends_with("\"a\" -> \"b\" -> \"a\""), "{}", fault(&round, ""));
    let long: String = (0..5000)
        .map(|n| format!("[profile p{n}]\nrole_arn = {ROLE}\nsource_profile = p{}\n", n + 1))
        .collect();
    let error = config(&long).resolve("p0").unwrap_err().to_string();
    assert!(error.contains("more than 16"), "{error}");
}

#[test]
fn what_is_wrong_with_a_profile_is_named() {
    let role = format!("role_arn = {ROLE}\n");
    for (text, message) in [
        ("region = eu-west-1".to_owned(), "says nothing about where credentials come from"),
        (role.clone(), "neither source_profile nor credential_source"),
        (format!("{role}source_profile = b"), "has the source_profile \"b\", which is not there"),
        (format!("{role}source_profile = b\ncredential_source = Environment"), "has both"),
        (
            format!("{role}credential_source = environment"),
            "credential_source of the AWS profile \"a\" is \"environment\"",
        ),
        (
            "role_arn = R\ncredential_source = Environment".to_owned(),
            "role_arn of the AWS profile \"a\" cannot be used",
        ),
        (format!("{role}credential_source = Environment\nduration_seconds = 60"), "900 to 43200"),
        ("web_identity_token_file = /t".to_owned(), "web_identity_token_file but no role_arn"),
        ("sso_account_id = 1".to_owned(), "lacks sso_start_url, sso_region, sso_role_name"),
        ("sso_start_url = https://x".to_owned(), "lacks sso_region, sso_account_id, sso_role_name"),
        ("sso_session = s\nsso_role_name = R".to_owned(), "refers to [sso-session s], which is not there"),
        ("credential_process = 'x".to_owned(), "credential_process of the AWS profile \"a\" cannot be read"),
        ("credential_process =".to_owned(), "credential_process of the AWS profile \"a\" cannot be read"),
        (format!("{KEYS}services = s"), "refers to [services s]"),
        (
            format!("{KEYS}endpoint_url = localhost:9000"),
            "endpoint_url of the AWS profile \"a\" is \"localhost:9000\"",
        ),
        (format!("{KEYS}endpoint_url = https://u:hunter2@x"), "without a user or password"),
        (format!("{KEYS}use_fips_endpoint = yes"), "true or false"),
        (format!("{KEYS}region = EU west"), "region of the AWS profile"),
        (format!("{KEYS}s3 =\n  addressing_style = dns"), "auto, path or virtual"),
        (format!("{KEYS}sts_regional_endpoints = global"), "regional or legacy"),
        ("login_session = arn:aws:iam::123456789012:user/x".to_owned(), "aws configure export-credentials"),
    ] {
        let error = fault(&format!("[profile a]\n{text}"), "");
        assert!(error.contains(message) && !error.contains("hunter2"), "{text}: {error}");
    }
    let error = config("[default]\n[profile b]").resolve("x\u{1b}").unwrap_err().to_string();
    assert_eq!(error, "the AWS configuration has no profile \"x\\u{1b}\"; it has \"default\", \"b\"");
    let error = config("").resolve("x").unwrap_err().to_string();
    assert_eq!(error, "the AWS configuration has no profile \"x\"; it has none at all");
}

#[test]
fn identity_center_has_two_forms() {
    let session = "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\nsso_registration_scopes = sso:account:access, x\n";
    let text = format!(
        "{session}[profile a]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
    );
    let Source::IdentityCenter { session_name, start_url, region, account, role_name, registration_scopes } =
        source(&text, "")
    else {
        panic!()
    };
    assert_eq!(session_name.as_deref(), Some("corp"));
    assert_eq!(start_url.as_str(), "https://x.awsapps.com/start");
    assert_eq!(
        (region.as_str(), account.as_str(), role_name.as_str()),
        ("eu-west-1", "123456789012", "Reader")
    );
    assert_eq!(registration_scopes, ["sso:account:access", "x"]);

    let error = fault(&format!("{text}sso_region = us-east-1"), "");
    assert!(error.contains("different values of \"sso_region\""), "{error}");
    assert!(matches!(source(&format!("{text}sso_region = eu-west-1"), ""), Source::IdentityCenter { .. }));

    let legacy = "[profile a]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = R";
    let Source::IdentityCenter { session_name, registration_scopes, .. } = source(legacy, "") else {
        panic!()
    };
    assert_eq!((session_name, registration_scopes.len()), (None, 0));
}

#[test]
fn endpoints_and_styles() {
    let text = format!(
        "[services local]\ns3 =\n  endpoint_url = http://localhost:9000\n[profile a]\n{KEYS}services = local\nendpoint_url = https://all.example\n\
         region = eu-west-1\nca_bundle = ~/ca.pem\nuse_fips_endpoint = True\nsts_regional_endpoints = legacy\n\
         s3 =\n  addressing_style = path\n  use_dualstack_endpoint = true\n"
    );
    let found = config(&text).resolve("a").unwrap();
    assert_eq!(found.s3_endpoint.unwrap().as_str(), "http://localhost:9000/");
    assert_eq!(found.sts_endpoint.unwrap().as_str(), "https://all.example/");
    assert_eq!(found.region.unwrap().as_str(), "eu-west-1");
    assert_eq!(found.path_style, Some(true));
    assert_eq!(found.ca_bundle.as_deref(), Some("~/ca.pem"));
    assert!(found.use_fips && found.use_dualstack);
    assert_eq!(found.sts_regional, StsEndpoints::Legacy);
    let found = config(&format!("{text}ignore_configured_endpoint_urls = true")).resolve("a").unwrap();
    assert_eq!((found.s3_endpoint, found.sts_endpoint), (None, None));
    let found = config(&format!("[default]\n{KEYS}")).resolve("default").unwrap();
    assert_eq!(
        (found.region, found.path_style, found.use_fips, found.use_dualstack),
        (None, None, false, false)
    );
}

#[test]
fn debug_shows_no_secret() {
    let read = both(
        "[profile a]\ncredential_process = tool --password hunter2\n[sso-session s]\nx = hunter2\n",
        "[b]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hunter2\naws_session_token = hunter2\n",
    );
    for shown in [
        format!("{read:?}"),
        format!("{:?}", read.profile("b")),
        format!("{:?}", read.resolve("a").unwrap()),
        format!("{:?}", read.resolve("b").unwrap()),
    ] {
        assert!(!shown.contains("hunter2") && !shown.contains("AKIAIOS"), "{shown}");
    }
}

/// Names and values that stand in a file as they are.
fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_.-]{0,10}"
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        sections in prop::collection::btree_map(word(), prop::collection::btree_map(word(), "[!-~]{1,20}", 0..5), 0..5),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let mut text = String::new();
        for (name, keys) in &sections {
            text.push_str(&format!("[profile \"{name}\"]{end}"));
            for (key, value) in keys {
                text.push_str(&format!("{key} = {value}{end}# said{end}"));
            }
        }
        let read = SharedConfig::parse(Some(text.as_bytes()), None).unwrap();
        prop_assert_eq!(read.profiles().collect::<Vec<_>>(), sections.keys().collect::<Vec<_>>());
        for (name, keys) in &sections {
            let profile = read.profile(name).unwrap();
            prop_assert_eq!(profile.keys().collect::<Vec<_>>(), keys.keys().collect::<Vec<_>>());
            for (key, value) in keys {
                prop_assert_eq!(profile.get(key), Some(value.as_str()));
            }
        }
    }

    #[test]
    fn no_file_is_too_odd(config in prop::collection::vec(any::<u8>(), 0..300), credentials in any::<String>()) {
        let _ = SharedConfig::parse(Some(&config), Some(credentials.as_bytes()));
    }

    #[test]
    fn nothing_like_a_config_is_too_odd(lines in prop::collection::vec(prop::sample::select(vec![
        "[default]", "[profile a]", "[a]", "[DEFAULT]", "[sso-session s]", "[services s]", "s3 =", "  endpoint_url = x",
        "role_arn = arn:aws:iam::123456789012:role/R", "source_profile = a", "source_profile = default", "sso_session = s",
        "sso_account_id = 123456789012", "aws_access_key_id = K", "aws_secret_access_key = S", "services = s", "", "# x",
        "credential_process = \"a", "  x", "web_identity_token_file = f", "credential_source = Environment",
    ]), 0..20)) {
        let text = lines.join("\n");
        if let Ok(read) = SharedConfig::parse(Some(text.as_bytes()), Some(text.as_bytes())) {
            for name in read.profiles() {
                if let Err(error) = read.resolve(name) {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
