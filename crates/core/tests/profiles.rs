//! Profiles of every shape that is met in the world: each reads, means what it should, and is written without loss.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pintail_core::profile::{
    Answer, Authorization, Effective, Profile, ProfileError, Protocol, Scheme, WayName,
};
use pintail_core::property_list::Value;

fn corpus() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles");
    let files = fs::read_dir(folder).expect("the folder of shapes").map(|entry| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        (name.trim_end_matches(".cyberduckprofile").to_owned(), fs::read(entry.path()).expect("a file"))
    });
    files.collect()
}

fn profile(name: &str) -> Profile {
    Profile::read(&corpus()[name]).expect(name)
}

fn effective(name: &str) -> Effective {
    profile(name).effective(&|variable| {
        let value = match variable {
            "application.identifier" => "pintail",
            "application.name" => "Pintail",
            "oauth.handler.scheme" => "x-pintail-action",
            _ => return None,
        };
        Some(value.to_owned())
    })
}

#[test]
fn every_shape_reads_and_is_written_without_loss() {
    let corpus = corpus();
    assert!(corpus.len() >= 30, "{} files", corpus.len());
    for (name, file) in corpus {
        let profile = Profile::read(&file).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let written = profile.write().unwrap();
        let again = Profile::read(&written).unwrap();
        assert_eq!(again, profile, "{name}");
        assert_eq!(again.write().unwrap(), written, "{name}");
        // Not by our own reader: every key of the file stands in what is written, in the same order.
        assert_eq!(keys(&written), keys(&file), "{name}");
    }
}

/// The keys of a file as they follow each other, each once.
fn keys(file: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(file).expect("UTF-8");
    let mut keys: Vec<String> = Vec::new();
    for rest in text.split("<key>").skip(1) {
        let key = rest.split("</key>").next().unwrap_or_default().to_owned();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

#[test]
fn shapes_that_only_look_different_mean_the_same() {
    for name in [
        "usual",
        "no-declaration",
        "comment-first",
        "no-doctype",
        "crlf",
        "byte-order-mark",
        "latin-declared-ascii-inside",
        "non-ascii",
        "no-extension",
        "port-integer",
    ] {
        let effective = effective(name);
        assert_eq!(effective.protocol, Protocol::S3, "{name}");
        assert_eq!(effective.default_hostname.as_deref(), Some("s3.example.com"), "{name}");
        assert_eq!(
            (effective.default_port, effective.region.as_deref()),
            (Some(8443), Some("example-1")),
            "{name}"
        );
        assert_eq!((effective.scheme, effective.way()), (Some(Scheme::Https), Some(WayName::Keys)), "{name}");
    }
    assert_eq!(effective("crlf").help.as_deref(), Some("first\nsecond"));
    assert_eq!(effective("non-ascii").description, "Zürich ☁ 雲");
    assert_eq!(effective("tokens-on-one-line").description, "One line");
    assert_eq!(effective("key-twice").description, "Second");
    assert_eq!(effective("usual").regions, ["example-1", "example-2"]);
}

#[test]
fn loose_values_are_understood() {
    assert_eq!(effective("port-bad").default_port, Some(443));
    assert_eq!(effective("scheme-unknown").scheme, Some(Scheme::Https));
    let flags = effective("flags-as-text");
    assert!(
        flags.configurable.token && flags.configurable.role && !flags.configurable.path && flags.deprecated
    );

    for (name, expected) in [
        ("authorization-unknown", Authorization::Other("password".into())),
        ("authorization-short", Authorization::Other("AWS4".into())),
        ("authorization-version-2", Authorization::Signature2),
        ("authorization-blank", Authorization::Signature4),
    ] {
        assert_eq!(effective(name).authorization, expected, "{name}");
        assert_eq!(effective(name).way(), Some(WayName::Keys), "{name}");
    }

    let dictionary = effective("properties-dictionary");
    assert_eq!(dictionary.property("s3.bucket.virtualhost.disable"), Some("true"));
    assert_eq!((dictionary.property("unheard.of"), dictionary.property("absent")), (Some(""), None));
    let array = effective("properties-array");
    assert_eq!(array.property("s3.bucket.virtualhost.disable"), Some("true"));
    assert_eq!((array.property("policy"), array.property("role_arn")), (Some("a=b"), Some("")));
}

#[test]
fn blank_is_the_parent_and_variables_are_replaced() {
    let blank = effective("blank-everywhere");
    assert_eq!(blank.default_hostname.as_deref(), Some("s3.amazonaws.com"));
    assert_eq!((blank.default_port, blank.scheme), (Some(443), Some(Scheme::Https)));
    assert_eq!((blank.oauth_client_id, blank.oauth_client_secret), (Answer::Empty, Answer::Ask));
    assert!(blank.scopes.is_empty() && blank.properties.is_empty());

    let variables = effective("variables");
    assert_eq!(variables.description, "For Pintail");
    assert_eq!(variables.oauth_redirect_url.as_deref(), Some("x-pintail-action://oauth"));
    assert_eq!(variables.oauth_client_id, Answer::Value("built-in".into()));
    assert_eq!(variables.oauth_client_secret, Answer::Empty);
    assert_eq!(variables.help.as_deref(), Some("https://example.com/${literal}/${unknown}"));
    assert_eq!(variables.scopes, ["openid", "offline_access"]);
    assert_eq!(variables.property("role_session_name"), Some("pintail"));
    // The file keeps the variable.
    assert_eq!(profile("variables").text("Description").as_deref(), Some("For ${application.name}"));
}

#[test]
fn sign_in_is_read_from_the_oauth_keys() {
    let entra = effective("entra");
    assert_eq!(entra.way(), Some(WayName::WebIdentity));
    assert!(!entra.oauth_pkce && entra.configurable.role && !entra.configurable.password);
    assert_eq!(entra.sts_endpoint.as_deref(), Some("https://sts.eu-central-1.amazonaws.com/"));
    assert_eq!(entra.property("role_arn"), Some("arn:aws:iam::123456789012:role/Files"));

    let host = effective("oauth-at-the-host");
    assert_eq!(host.way(), Some(WayName::WebIdentity));
    let token = host.address(host.oauth_token_url.as_deref().unwrap(), "cloud.example.com", 443).unwrap();
    assert_eq!(token.as_str(), "https://cloud.example.com/oauth2/token");

    assert_eq!(effective("context-path").way(), Some(WayName::Keys));
    assert_eq!(effective("context-metadata").way(), Some(WayName::InstanceMetadata));
}

#[test]
fn other_protocols_are_named_and_kept() {
    for name in ["sftp", "davs", "ftp", "googledrive"] {
        let profile = profile(&format!("other-protocol-{name}"));
        assert_eq!(profile.protocol(), Protocol::Other(name.to_owned()));
        let effective = profile.effective(&|_| None);
        assert_eq!((effective.way(), effective.scheme, effective.default_port), (None, None, Some(2222)));
        assert!(effective.configurable.private_key);
    }
}

#[test]
fn images_and_unknown_values_are_kept() {
    let images = profile("images-with-newlines");
    let bytes = |key: &str| match images.entries().find(|(name, _)| *name == key).unwrap().1 {
        Value::Data(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    assert!(bytes("Disk").starts_with(b"II*\0") && bytes("Icon").starts_with(b"II*\0"));
    assert_eq!(bytes("Disk").len(), 2 * bytes("Icon").len() + 3);

    let unknown = profile("unknown-keys");
    assert_eq!(unknown.text("Space").as_deref(), Some(" around\tthis "));
    assert_eq!(unknown.text("Signs").as_deref(), Some("<a & b> \"c\"\r"));
    let text = String::from_utf8(unknown.write().unwrap()).unwrap();
    for kept in ["<real>1.50</real>", "<date>2026-01-02T03:04:05Z</date>", "<array/>"] {
        assert!(text.contains(kept), "{kept}");
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error_and_never_a_panic() {
    for name in ["usual", "crlf", "images-with-newlines", "non-ascii", "comment-first"] {
        let file = &corpus()[name];
        let end = file.windows(8).position(|window| window == b"</plist>").unwrap() + 8;
        for length in 0..end {
            let error = Profile::read(&file[..length]).expect_err(name);
            assert!(matches!(error, ProfileError::NotAPropertyList(_)), "{name}, {length} bytes: {error}");
        }
    }
}
