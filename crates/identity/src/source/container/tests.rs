//! The endpoint of a container, with its literal answers.

use pintail_core::seam::HttpErrorKind;

use super::*;
use crate::source::testing::{METADATA, chain, context, url};

fn full(text: &str) -> ContainerPlace {
    ContainerPlace::Full(url(text))
}

#[tokio::test(start_paused = true)]
async fn the_agent_is_asked_by_a_relative_path() {
    let (context, http, _) = context();
    http.answer(500, "");
    http.answer(200, METADATA);
    let place = ContainerPlace::Relative("/v2/credentials/0f1e?a=b".into());
    let credential = ContainerCredentials::new(context, &place, None).unwrap().fetch().await.unwrap();
    assert_eq!(credential.access_key_id, "ASIAINSTANCE");
    let requests = http.requests();
    assert_eq!(requests.len(), 2, "trouble that passes is tried again");
    assert_eq!(requests[1].url.as_str(), "http://169.254.170.2/v2/credentials/0f1e?a=b");
    assert!(!requests[1].headers.contains_key("authorization"));
}

#[tokio::test(start_paused = true)]
async fn the_token_file_is_read_anew_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let (context, http, _) = context();
    let place = full("http://169.254.170.23/v1/credentials");
    let authorization = Some(ContainerAuthorization::File(file.clone()));
    let provider = ContainerCredentials::new(context, &place, authorization).unwrap();
    for token in ["hunter2-one", "hunter2-two\n"] {
        std::fs::write(&file, token).unwrap();
        http.answer(200, METADATA);
        provider.fetch().await.unwrap();
        let sent = http.requests().pop().unwrap().headers["authorization"].clone();
        assert_eq!(sent, token.trim());
        assert!(sent.is_sensitive());
    }
    for (text, problem) in [
        ("hunter2\r\nX-Other: 1", "the authorization token holds a line break or another control character"),
        (" \n", "is empty, which is no authorization token"),
    ] {
        std::fs::write(&file, text).unwrap();
        let told = chain(&provider.fetch().await.unwrap_err());
        assert!(told.ends_with(problem), "{told}");
    }
    std::fs::write(&file, vec![b'a'; 20_000]).unwrap();
    assert!(chain(&provider.fetch().await.unwrap_err()).contains("larger than any"));
    std::fs::remove_file(&file).unwrap();
    assert!(chain(&provider.fetch().await.unwrap_err()).contains("could not be read"));
    assert_eq!(http.requests().len(), 2, "without its token nothing is asked");
}

#[test]
fn only_https_this_machine_and_the_agents_are_asked() {
    for (address, good) in [
        ("https://anything.example/creds", true),
        ("http://127.0.0.1:8080/creds", true),
        ("http://127.9.9.9/creds", true),
        ("http://[::1]:8080/creds", true),
        ("http://localhost/creds", true),
        ("http://169.254.170.2/creds", true),
        ("http://169.254.170.23/creds", true),
        ("http://[fd00:ec2::23]/creds", true),
        ("http://169.254.170.3/creds", false),
        ("http://169.254.169.254/creds", false),
        ("http://[fd00:ec2::24]/creds", false),
        ("http://localhost.example/creds", false),
        ("http://example.com/creds?token=hunter2", false),
        ("https://me:hunter2@example.com/creds", false),
        ("ftp://127.0.0.1/creds", false),
    ] {
        let (context, ..) = context();
        let made = ContainerCredentials::new(context, &full(address), None);
        assert_eq!(made.is_ok(), good, "{address}");
        if let Err(error) = made {
            chain(&error);
        }
    }
    for path in ["", "creds", "@evil.example/", ":80@evil.example/", "0.1/x", "\\x"] {
        let (context, ..) = context();
        let place = ContainerPlace::Relative(path.into());
        assert!(ContainerCredentials::new(context, &place, None).is_err(), "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_and_nonsense_are_named() {
    let token = || Some(ContainerAuthorization::Value(Secret::new("hunter2")));
    for (authorization, status, body, retry, expected) in [
        (
            None,
            401,
            "",
            Retry::Never,
            "the credential endpoint at http://localhost:80/c wants an authorization token",
        ),
        (
            token(),
            403,
            "",
            Retry::Never,
            "the credential endpoint at http://localhost:80/c did not accept the authorization token",
        ),
        (
            None,
            404,
            "",
            Retry::Never,
            "the credential endpoint at http://localhost:80/c answered with status 404",
        ),
        (
            None,
            200,
            r#"{"AccessKeyId":"A","SecretAccessKey":"hunter2"}"#,
            Retry::Backoff,
            "the credential endpoint at http://localhost:80/c gave no credential: its Token is missing or empty",
        ),
    ] {
        let expected = expected.replace(":80", "");
        let (context, http, _) = context();
        http.answer(status, body);
        let provider =
            ContainerCredentials::new(context, &full("http://localhost/c?q=hunter2"), authorization).unwrap();
        let error = provider.fetch().await.unwrap_err();
        assert_eq!(chain(&error), expected);
        assert_eq!(error.retry, retry);
    }
    let (context, http, _) = context();
    for _ in 0..3 {
        http.fail(HttpErrorKind::Connect);
    }
    let provider = ContainerCredentials::new(context, &full("http://localhost/c"), token()).unwrap();
    let error = provider.fetch().await.unwrap_err();
    assert_eq!(error.to_string(), "no credential endpoint answers at http://localhost/c");
    assert_eq!(error.retry, Retry::Backoff);
    assert!(!format!("{provider:?}").contains("hunter2"));
}
