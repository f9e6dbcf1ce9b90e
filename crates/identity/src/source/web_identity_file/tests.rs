//! Tokens in files, good and bad.

use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::source::testing::{STS, chain, context, endpoint};

fn token(exp: &str, subject: &str) -> String {
    let exp: Timestamp = exp.parse().unwrap();
    let claims = serde_json::json!({ "iss": "https://oidc.example", "aud": ["sts.amazonaws.com"], "sub": subject, "exp": exp.as_second() });
    format!("eyJhbGciOiJSUzI1NiJ9.{}.hunter2", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn config(folder: &tempfile::TempDir) -> WebIdentityFileConfig {
    WebIdentityFileConfig {
        endpoint: endpoint(),
        role: "arn:aws:iam::123456789012:role/Pod".parse().unwrap(),
        token_file: folder.path().join("token"),
        session_name: None,
        duration: None,
        policy: None,
        policy_arns: vec![],
        schedule: Schedule::INTERACTIVE,
    }
}

#[tokio::test(start_paused = true)]
async fn the_file_is_read_anew_for_each_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let (context, http, _) = context();
    let config = config(&folder);
    let provider = WebIdentityFile::new(context, config.clone());
    for subject in ["system:serviceaccount:a:one", "system:serviceaccount:a:two"] {
        let token = token("2026-11-23T13:00:00Z", subject);
        std::fs::write(&config.token_file, format!("{token}\n")).unwrap();
        http.answer_with(200, HeaderMap::new(), STS);
        assert_eq!(provider.fetch().await.unwrap().access_key_id, "ASIANEW");
        let body = http.requests().pop().unwrap().body;
        let form: std::collections::BTreeMap<String, String> =
            url::form_urlencoded::parse(&body).into_owned().collect();
        assert_eq!(form["WebIdentityToken"], token);
        assert_eq!(form["RoleSessionName"], subject.replace(':', "-"));
        assert!(!form.contains_key("DurationSeconds"));
    }
    assert!(!format!("{provider:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_living_token_never_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let (context, http, _) = context();
    let config = config(&folder);
    let provider = WebIdentityFile::new(context, config.clone());
    let over = token("2026-11-23T11:54:00Z", "s");
    for (text, expected) in [
        ("", "is empty, which is no identity token"),
        ("hunter2", "holds no identity token (a JWT)"),
        ("a.b", "holds no identity token (a JWT)"),
        ("hunter2.%%.c", "holds no identity token (a JWT)"),
        (&over, "ended at 2026-11-23T11:54:00Z"),
        (&"a".repeat(20_001), "is larger than any identity token"),
    ] {
        std::fs::write(&config.token_file, text).unwrap();
        let error = provider.fetch().await.unwrap_err();
        assert!(chain(&error).contains(expected), "{error}");
        assert_eq!(error.retry, Retry::Backoff, "its keeper may write another one");
    }
    std::fs::remove_file(&config.token_file).unwrap();
    std::fs::create_dir(&config.token_file).unwrap();
    let error = provider.fetch().await.unwrap_err();
    assert!(chain(&error).ends_with("not a plain file"), "{error:?}");
    assert_eq!(http.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_file_and_role_and_keeps_what_sts_said() {
    let folder = tempfile::tempdir().unwrap();
    let (context, http, _) = context();
    let config = config(&folder);
    std::fs::write(&config.token_file, token("2026-11-23T11:58:00Z", "s")).unwrap();
    http.answer(
        400,
        "<E><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></E>",
    );
    let error = WebIdentityFile::new(context, config).fetch().await.unwrap_err();
    let told = chain(&error);
    assert!(told.contains("gave no session of role arn:aws:iam::123456789012:role/Pod"), "{told}");
    assert!(told.contains("ExpiredTokenException"), "{told}");
    assert_eq!(error.retry, Retry::Backoff);
}

proptest! {
    #[test]
    fn no_text_breaks_the_look(text in ".{0,200}", claims in "\\PC{0,80}") {
        let _ = look(&Secret::new(text));
        let _ = look(&Secret::new(format!("a.{}.c", URL_SAFE_NO_PAD.encode(claims))));
    }
}
