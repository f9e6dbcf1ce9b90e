//! What must never come out, and what must stay: tables and properties.

use proptest::prelude::*;

use super::*;

fn secrets_out(text: &str) -> String {
    Redactor::of_secrets().text(text)
}

fn bundled(text: &str) -> String {
    Redactor::for_bundle(Some("/srv/people/alice")).text(text)
}

const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDf";
const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4eHgifQ.c2lnbmF0dXJl-_x";
const REFRESH: &str = "0.AXoAvaN9YtZ5p0KZqwerty1234567890AbCdEfGhIjKl.AgABAwEAAAD";

#[test]
fn every_kind_of_secret_is_hidden_wherever_it_stands() {
    for (text, secret) in [
        (format!("token {JWT} end"), JWT),
        (format!("a={JWT}&b=c"), JWT),
        (format!("refresh {REFRESH}"), REFRESH),
        ("code 1.AXoAvaN9YtZ5p0KZqwerty1234567890AbCdEf".to_owned(), "AvaN9YtZ5p0"),
        ("M.C507_BAY.2.U.4f1c0dbb-7f1e-9a2b-1111-CgAAbbCC".to_owned(), "4f1c0dbb"),
        (format!("x\n{KEY}\n"), KEY),
        (format!(",AKIAIOSFODNN7EXAMPLE,{KEY}"), KEY),
        (format!("aws_session_token = {SESSION}"), SESSION),
        (format!("found {SESSION} there"), SESSION),
        ("http://localhost:4711/?code=abcdefgh&state=xyz&session_state=1".to_owned(), "abcdefgh"),
        ("http://localhost:4711/?code=a&state=some-state-1&x=1".to_owned(), "some-state-1"),
        ("code=abcdef&state=q".to_owned(), "abcdef"),
        ("%access_token=-opaque".to_owned(), "-opaque"),
        ("x%20access_token=opaque".to_owned(), "opaque"),
        ("https%3A%2F%2Flocalhost%2F%3Fcode%3DsecretCode%26state%3Dq1".to_owned(), "secretCode"),
        ("https%3A%2F%2Flocalhost%2F%3Fcode%3DsecretCode%26state%3Dstate9".to_owned(), "state9"),
        ("{\"code\": \"OAQABAAIAAAD3x\"}".to_owned(), "OAQABAAIAAAD3x"),
        ("{\"access_token\":\"opaque words\"}".to_owned(), "opaque words"),
        ("{\\\"refresh_token\\\":\\\"opaque\\\"}".to_owned(), "opaque"),
        ("{&quot;id_token&quot;:&quot;opaque&quot;}".to_owned(), "opaque"),
        ("{'client_secret': 'p~8Q.x'}".to_owned(), "p~8Q.x"),
        ("{'password': u'hunter2'}".to_owned(), "hunter2"),
        ("\"password\": 4711".to_owned(), "4711"),
        ("\"refresh_tokens\": 1, \"refresh_token\": [\"one]\", \"two\"]".to_owned(), "two"),
        ("password = hunter 2; yes".to_owned(), "hunter"),
        ("  secret_access_key = abc, def".to_owned(), "def"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=X/1, SignedHeaders=host, Signature=abc0".to_owned(),
            "abc0",
        ),
        ("curl -H 'Authorization: Bearer abc.def' http://x".to_owned(), "abc.def"),
        ("\"authorization\": \"Basic dXNlcjpwYXNz\"".to_owned(), "dXNlcjpwYXNz"),
        ("with Bearer 9c5d7e1f2a3b4c5d6e7f".to_owned(), "9c5d7e1f2a3b4c5d6e7f"),
        ("Cookie: ESTSAUTH=x; y=z".to_owned(), "y=z"),
        ("https://b.s3.amazonaws.com/k?X-Amz-Signature=0f1e2d&X-Amz-Expires=60".to_owned(), "0f1e2d"),
        ("?X-Amz-Security-Token=a%2Fb%2Bc&X-Amz-Date=1".to_owned(), "a%2Fb%2Bc"),
        ("?X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261127%2Feu".to_owned(), "IOSFODNN7"),
        ("?X-Amz-Credential=minioadministrator/20261127/eu".to_owned(), "minioadmin"),
        ("x-amz-security-token: abcd".to_owned(), "abcd"),
        ("<SecretAccessKey>abc</SecretAccessKey>".to_owned(), "abc"),
        ("<sts:SessionToken>abc</sts:SessionToken>".to_owned(), "abc"),
        ("<key>OAuth Client Secret</key>\n\t<string>abc</string>".to_owned(), "abc"),
        ("pintail bookmark add x --client-secret hunter2 --force".to_owned(), "hunter2"),
        ("AKIAIOSFODNN7EXAMPLE".to_owned(), "IOSFODNN7"),
        ("https://alice:hunter2@proxy.example:3128/".to_owned(), "hunter2"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEv\n-----END PRIVATE KEY-----".to_owned(), "MIIEv"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEv".to_owned(), "MIIEv"),
        ("x-amz-server-side-encryption-customer-key: Zm9v".to_owned(), "Zm9v"),
        ("TokenCode=123456&x=1".to_owned(), "123456"),
        ("user_code=ABCD1234".to_owned(), "ABCD1234"),
        ("nonce: 9f8e7d6c5b4a".to_owned(), "9f8e7d6c5b4a"),
        ("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=".to_owned(), "frJIUN8DYpKD"),
    ] {
        let out = secrets_out(&text);
        assert!(!out.contains(secret), "{text}\n→ {out}");
        assert_eq!(secrets_out(&out), out, "a second time: {text}");
        assert!(!bundled(&text).contains(secret), "{text}");
    }
}

#[test]
fn what_support_needs_stays() {
    for text in [
        "AADSTS50011: The redirect URI 'http://localhost' specified in the request does not match (app '6731de76-14a6-49ae-97bc-6eba6914391e').",
        "Trace ID: 0b1d2c3e-aaaa-bbbb-cccc-0123456789ab Correlation ID: 11111111-2222-3333-4444-555555555555 Timestamp: 2026-11-27 10:00:00Z",
        "https://login.microsoftonline.com/error?code=50011",
        "{\"error\":{\"code\":\"Authorization_RequestDenied\",\"message\":\"Insufficient privileges\"}}",
        "{\"Code\": \"XAmzContentSHA256Mismatch\"} code: AccessDenied, code=AADSTS50105, exit code=5",
        "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        "<HostId>vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=</HostId><RequestId>4442587FB7D0A2F9</RequestId>",
        "arn:aws:iam::123456789012:role/path/S3-Reader in region eu-central-1, tenant 8cf9b537-8553-4ece-a7a8-020492cb0174",
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.",
        "InvalidToken: The provided token is malformed. SignatureDoesNotMatch: no. state: enabled, token: 5 minutes",
        "s3://bucket/photos/2024/Summer/IMG_0001.jpg sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "the access key ID is wrong; the sign-in took 3.4 s; ratio 0.Added; nothing secret: [secret]",
        "uti 9xZk_abcDEF012 error 400 (invalid_grant) suberror bad_token",
    ] {
        assert_eq!(secrets_out(text), text);
        let bundle = bundled(text);
        assert_eq!(bundle, text);
    }
}

#[test]
fn people_and_their_folders_are_masked_alike() {
    let mut redactor = Redactor::for_bundle(Some("/srv/people/alice/"));
    let out = redactor.text(
        "alice@contoso.com signed in; {\"preferred_username\":\"Alice@Contoso.com\",\"sub\":\"AAAAbbbbCCCC1234\",\"oid\":\"11111111-2222-3333-4444-555555555555\"}",
    );
    assert_eq!(
        out,
        "[person 1] signed in; {\"preferred_username\":\"[person 1]\",\"sub\":\"[person 2]\",\"oid\":\"[person 3]\"}"
    );
    for (text, expected) in [
        ("alice%40contoso.com", "[person 1]"),
        (
            "arn:aws:sts::123456789012:assumed-role/S3/alice@contoso.com is",
            "arn:aws:sts::123456789012:assumed-role/S3/[person 1] is",
        ),
        (
            "arn:aws:sts::123456789012:assumed-role/S3/bob.",
            "arn:aws:sts::123456789012:assumed-role/S3/[person 4].",
        ),
        ("AROAEXAMPLEEXAMPLE99:bob", "AROAEXAMPLEEXAMPLE99:[person 4]"),
        (
            "\"login.microsoftonline.com/x/v2.0:sub\": [\"AAAAbbbbCCCC1234\", \"other\"]",
            "\"login.microsoftonline.com/x/v2.0:sub\": [\"[person 2]\", \"[person 5]\"]",
        ),
        ("condition sub: the token's own", "condition sub: the token's own"),
        ("guest_fabrikam.com#EXT#@contoso.onmicrosoft.com", "[person 6]"),
        ("/srv/people/alice/.config and /srv/people/alicex", "~/.config and /srv/people/alicex"),
        ("in /home/bob/work, not in s3://b/home/bob", "in ~/work, not in s3://b/home/bob"),
        ("C:\\Users\\bob\\x and C:\\\\Users\\\\bob\\\\x", "~\\x and ~\\\\x"),
        ("\"sub\": 123456789012", "\"sub\": \"[person 7]\""),
        ("file:///home/bob/x", "file://~/x"),
    ] {
        let out = redactor.text(text);
        assert_eq!(out, expected);
        assert_eq!(redactor.text(&out), expected, "a second time");
    }
    assert_eq!(format!("{redactor:?}"), "Redactor { people: Some(People(7)) }");
}

/// A secret of some kind in surroundings that give it away by name or by shape.
fn planted() -> impl Strategy<Value = (String, String)> {
    let by_name = (
        prop::sample::select(vec![
            "access_token",
            "refreshToken",
            "id_token",
            "client_secret",
            "SecretAccessKey",
            "SessionToken",
            "password",
            "code_verifier",
            "device_code",
            "WebIdentityToken",
            "client_assertion",
        ]),
        "[A-Za-z0-9_.~/+-]{8,60}[0-9a-f]{6}",
        prop::sample::select(vec![
            "{N}={V}",
            "?a=b&{N}={V}&c=d",
            "\"{N}\": \"{V}\"",
            "{\\\"{N}\\\":\\\"{V}\\\"}",
            "<{N}>{V}</{N}>",
            "{N}: {V}",
            "'{N}': '{V}'",
            "--{N} {V}",
            "x%3F{N}%3D{V}%26y%3D1",
        ]),
    )
        .prop_map(|(name, value, shape)| (shape.replace("{N}", name).replace("{V}", &value), value));
    let by_shape = prop_oneof![
        "eyJ[A-Za-z0-9_-]{20,200}\\.[A-Za-z0-9_-]{10,300}\\.[A-Za-z0-9_-]{10,100}",
        "[01]\\.A[A-Za-z0-9_-]{30,300}\\.[A-Za-z0-9_-]{10,40}",
        "IQoJ[A-Za-z0-9/+]{60,400}",
        "FwoG[A-Za-z0-9/+]{60,400}={0,2}",
    ]
    .prop_flat_map(|value| {
        prop::sample::select(vec!["{V}", "token {V}.", "\"{V}\"", "x={V}", "({V})", "https://h/{V}", "`{V}`"])
            .prop_map(move |shape: &str| (shape.replace("{V}", &value), value.clone()))
    });
    let by_query =
        (prop::sample::select(vec!["code", "state", "nonce", "X-Amz-Signature"]), "[A-Za-z0-9_-]{9,80}")
            .prop_map(|(name, value)| (format!("http://localhost:1/?{name}={value}&x=y"), value));
    prop_oneof![by_name, by_shape, by_query]
}

/// Texts as they stand around secrets in logs.
fn harmless() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ,.;()]{0,40}",
        "AADSTS[0-9]{5,7}: [a-z ]{0,20}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        Just("arn:aws:iam::123456789012:role/S3Reader".to_owned()),
        Just("s3://bucket/a/b c.txt".to_owned()),
        Just("{\"error\":{\"code\":\"AccessDenied\"}}".to_owned()),
        Just("ä€😀\u{202e}".to_owned()),
    ]
}

proptest! {
    #[test]
    fn a_planted_secret_never_comes_out(before in harmless(), (text, secret) in planted(), after in harmless()) {
        let whole = format!("{before}\n{text}\n{after}");
        for out in [secrets_out(&whole), bundled(&whole)] {
            prop_assert!(!out.contains(&secret), "{}\n→ {}", whole, out);
            // Not its middle either.
            let middle = &secret[secret.len() / 4..secret.len() * 3 / 4];
            prop_assert!(middle.len() < 6 || !out.contains(middle), "{}\n→ {}", whole, out);
        }
    }

    #[test]
    fn twice_is_once(text in ".{0,400}", (planted, _) in planted(), tail in "[a-z:=\"'@%&? {}\\[\\]\\\\0-9A-Z]{0,60}") {
        let whole = format!("{text} {planted} {tail}");
        let once = secrets_out(&whole);
        prop_assert_eq!(&secrets_out(&once), &once);
        let mut redactor = Redactor::for_bundle(None);
        let once = redactor.text(&whole);
        prop_assert_eq!(&redactor.text(&once), &once);
    }

    #[test]
    fn harmless_text_is_unchanged(pieces in prop::collection::vec(harmless(), 0..6)) {
        let text = pieces.join("\n");
        prop_assert_eq!(&secrets_out(&text), &text);
        prop_assert_eq!(&bundled(&text), &text);
    }

    #[test]
    fn json_stays_json(
        key in prop::sample::select(vec!["password", "sub", "code", "authorization", "message", "access_token", "line"]),
        value in prop_oneof![
            any::<String>().prop_map(serde_json::Value::from),
            any::<u64>().prop_map(serde_json::Value::from),
            any::<bool>().prop_map(serde_json::Value::from),
            planted().prop_map(|(text, _)| serde_json::Value::from(text)),
            prop::collection::vec("[a-z\\[\\]\"0-9@.]{0,20}", 0..3).prop_map(serde_json::Value::from),
        ],
    ) {
        let text = serde_json::json!({ key: value, "next": { "name": "bob" } }).to_string();
        for out in [secrets_out(&text), bundled(&text)] {
            let read = serde_json::from_str::<serde_json::Value>(&out);
            prop_assert!(read.as_ref().is_ok_and(|read| read["next"]["name"] == "bob"), "{}\n→ {}", text, out);
        }
    }
}
