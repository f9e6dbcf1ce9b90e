//! The metadata service of an instance, with its literal answers.

use pintail_core::seam::HttpErrorKind;

use super::*;
use crate::source::testing::{METADATA, chain, context, url};

const ROLES: &str = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";

#[tokio::test(start_paused = true)]
async fn the_role_is_discovered_in_a_session_of_version_2() {
    let (context, http, _) = context();
    http.answer(200, "hunter2-session==");
    http.answer(200, "web-server\n");
    http.answer(200, METADATA);
    let provider = InstanceMetadata::new(context, None, &InstanceRole::Discovered).unwrap();
    let credential = provider.fetch().await.unwrap();
    assert_eq!(credential.access_key_id, "ASIAINSTANCE");
    assert_eq!(credential.expires_at.unwrap().to_string(), "2026-11-23T18:00:00Z");
    let requests = http.requests();
    let asked: Vec<String> = requests.iter().map(|request| format!("{request:?}")).collect();
    assert_eq!(
        asked,
        [
            "PUT http://169.254.169.254/latest/api/token".to_owned(),
            format!("GET {ROLES}"),
            format!("GET {ROLES}web-server"),
        ]
    );
    assert_eq!(requests[0].headers["x-aws-ec2-metadata-token-ttl-seconds"], "60");
    for request in &requests[1..] {
        assert_eq!(request.headers["x-aws-ec2-metadata-token"], "hunter2-session==");
        assert!(request.headers["x-aws-ec2-metadata-token"].is_sensitive());
    }
    assert!(!format!("{provider:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_name_or_an_address_of_a_profile_needs_no_discovery() {
    let local = url("http://127.0.0.1:1338/");
    for (endpoint, role, expected) in [
        (None, InstanceRole::Named("web".into()), format!("{ROLES}web")),
        (
            Some(&local),
            InstanceRole::Named("web".into()),
            "http://127.0.0.1:1338/latest/meta-data/iam/security-credentials/web".into(),
        ),
        (Some(&local), InstanceRole::At(url(&format!("{ROLES}s3access"))), format!("{ROLES}s3access")),
    ] {
        let (context, http, _) = context();
        http.answer(200, "session");
        http.answer(200, METADATA);
        InstanceMetadata::new(context, endpoint, &role).unwrap().fetch().await.unwrap();
        let requests = http.requests();
        assert_eq!(requests[1].url.as_str(), expected);
        assert_eq!(requests[0].url.origin(), requests[1].url.origin());
        assert_eq!(requests[0].url.path(), "/latest/api/token");
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_that_is_no_credential_is_told_apart() {
    for (answers, retry, expected) in [
        (vec![(403, "")], Retry::Never, "the instance metadata service is switched off"),
        (
            vec![(404, "")],
            Retry::Never,
            "the metadata service at http://169.254.169.254/ speaks version 1 only",
        ),
        (
            vec![(405, "")],
            Retry::Never,
            "the metadata service at http://169.254.169.254/ speaks version 1 only",
        ),
        (vec![(400, "")], Retry::Never, "the instance metadata service answered with status 400"),
        (vec![(503, ""); 3], Retry::Backoff, "the instance metadata service answered with status 503"),
        (
            vec![(200, "a\nb")],
            Retry::Never,
            "the instance metadata service gave a session token that is none",
        ),
        (vec![(200, "t"), (404, "")], Retry::Never, "this instance has no role"),
        (vec![(200, "t"), (200, "\n")], Retry::Never, "this instance has no role"),
        (
            vec![(200, "t"), (200, "../../user-data")],
            Retry::Never,
            "\"../../user-data\" is not the name of a role",
        ),
        (
            vec![(200, "t"), (401, "")],
            Retry::Backoff,
            "the instance metadata service took its own session token for over",
        ),
        (vec![(200, "t"), (200, "web"), (404, "")], Retry::Never, "this instance has no role \"web\""),
        (
            vec![
                (200, "t"),
                (200, "web"),
                (200, r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"no trust"}"#),
            ],
            Retry::Backoff,
            "the instance metadata service has no credential of role \"web\": it says AssumeRoleUnauthorizedAccess: no trust",
        ),
        (
            vec![(200, "t"), (200, "web"), (200, "<html>hunter2")],
            Retry::Backoff,
            "the instance metadata service has no credential of role \"web\": it is not one JSON object",
        ),
    ] {
        let (context, http, _) = context();
        for (status, body) in &answers {
            http.answer(*status, *body);
        }
        let provider = InstanceMetadata::new(context, None, &InstanceRole::Discovered).unwrap();
        let error = provider.fetch().await.unwrap_err();
        assert_eq!(chain(&error), expected);
        assert_eq!(error.retry, retry, "{expected}");
        assert_eq!(http.requests().len(), answers.len(), "{expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_there_is_found_out_in_three_short_tries() {
    let (context, http, _) = context();
    for _ in 0..3 {
        http.fail(HttpErrorKind::Timeout);
    }
    let provider = InstanceMetadata::new(context, None, &InstanceRole::Discovered).unwrap();
    let error = provider.fetch().await.unwrap_err();
    assert_eq!(error.to_string(), "no instance metadata service answers at http://169.254.169.254/");
    assert_eq!(error.retry, Retry::Never);
    assert!(error.next.is_some());
    let requests = http.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.timeout.as_secs() <= 2));
}

#[test]
fn an_address_that_is_no_metadata_service_is_not_asked() {
    for (address, good) in [
        ("http://169.254.169.254/latest/meta-data/iam/security-credentials/x", true),
        ("http://[fd00:ec2::254]/latest/meta-data/iam/security-credentials/x", true),
        ("http://localhost:1338/x", true),
        ("http://[::1]:1338/x", true),
        ("https://metadata.example/x", true),
        ("http://metadata.example/x", false),
        ("http://10.0.0.1/x", false),
        ("http://localhost.example/x", false),
        ("http://user:hunter2@169.254.169.254/x", false),
        ("ftp://169.254.169.254/x", false),
    ] {
        let (context, ..) = context();
        let made = InstanceMetadata::new(context, None, &InstanceRole::At(url(address)));
        assert_eq!(made.is_ok(), good, "{address}");
        if let Err(error) = made {
            chain(&error);
        }
    }
    let (context, ..) = context();
    assert!(InstanceMetadata::new(context, None, &InstanceRole::Named("a/b".into())).is_err());
}
