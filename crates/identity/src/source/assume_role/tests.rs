//! Roles and sessions bought with signatures, and codes that are good for one call.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use pintail_core::credential::CredentialError;
use pintail_core::retry::Schedule;
use pintail_core::secret::Secret;

use super::*;
use crate::source::testing::{STS, chain, context, endpoint};
use crate::source::{MfaCode, NoMfa, SessionToken, SessionTokenConfig, keys};

const DEVICE: &str = "arn:aws:iam::123456789012:mfa/alice";

/// A base that has several keys, one after the other.
#[derive(Debug)]
struct Keys(Mutex<Vec<&'static str>>, Option<&'static str>);

impl CredentialSource for Keys {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        let key = *self.0.lock().unwrap().last().unwrap();
        Box::pin(async move {
            Ok(Some(Arc::new(Credential {
                access_key_id: key.into(),
                secret_access_key: Secret::new("hunter2"),
                session_token: self.1.map(Secret::new),
                expires_at: None,
            })))
        })
    }

    fn refused(&self, credential: &Credential) {
        let mut keys = self.0.lock().unwrap();
        if keys.len() > 1 && keys.last().is_some_and(|key| *key == credential.access_key_id) {
            keys.pop();
        }
    }
}

fn base() -> Arc<dyn CredentialSource> {
    Arc::new(Keys(Mutex::new(vec!["AKIASECOND", "AKIAFIRST"]), None))
}

#[derive(Debug)]
struct Typed(Mutex<Vec<&'static str>>);

impl MfaCode for Typed {
    fn code(&self, serial: &str) -> BoxFuture<'_, Result<Secret, ProviderError>> {
        assert_eq!(serial, DEVICE);
        let code = self.0.lock().unwrap().pop().unwrap();
        Box::pin(async move { Ok(Secret::new(code)) })
    }
}

fn typing(codes: &[&'static str]) -> (Option<Mfa>, Arc<Typed>) {
    let typed = Arc::new(Typed(Mutex::new(codes.iter().rev().copied().collect())));
    (Some(Mfa::new(DEVICE, Arc::<Typed>::clone(&typed)).unwrap()), typed)
}

fn role() -> AssumeRoleConfig {
    AssumeRoleConfig {
        endpoint: endpoint(),
        role: "arn:aws:iam::123456789012:role/Data".parse().unwrap(),
        session_name: session_name_at("2026-11-23T12:00:00Z".parse().unwrap()),
        external_id: None,
        duration: None,
        policy: None,
        policy_arns: vec![],
        source_identity: None,
        tags: vec![],
        schedule: Schedule::INTERACTIVE,
    }
}

fn no(code: &str, message: &str) -> String {
    format!("<E><Error><Code>{code}</Code><Message>{message}</Message></Error></E>")
}

fn forms(http: &pintail_core::seam::ScriptedHttp) -> Vec<BTreeMap<String, String>> {
    let parse = |body: &[u8]| url::form_urlencoded::parse(body).into_owned().collect();
    http.requests().iter().map(|request| parse(&request.body)).collect()
}

#[tokio::test(start_paused = true)]
async fn everything_that_can_be_said_is_said() {
    let (context, http, _) = context();
    http.answer(200, STS);
    let request = AssumeRoleConfig {
        external_id: Some("ext:1".into()),
        duration: Some(Duration::from_secs(7200)),
        policy: Some("{}".into()),
        source_identity: Some("alice".parse().unwrap()),
        tags: vec![tag("team=data science").unwrap(), tag("empty=").unwrap()],
        ..role()
    };
    let (mfa, _) = typing(&["123 456"]);
    let provider = AssumeRole::new(context, base(), request, mfa).unwrap();
    assert!(provider.needs_person());
    assert_eq!(provider.fetch().await.unwrap().access_key_id, "ASIANEW");
    let form = &forms(&http)[0];
    for (name, value) in [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn:aws:iam::123456789012:role/Data"),
        ("RoleSessionName", "pintail-1795435200"),
        ("DurationSeconds", "7200"),
        ("Policy", "{}"),
        ("ExternalId", "ext:1"),
        ("SourceIdentity", "alice"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "data science"),
        ("Tags.member.2.Key", "empty"),
        ("Tags.member.2.Value", ""),
        ("SerialNumber", DEVICE),
        ("TokenCode", "123456"),
    ] {
        assert_eq!(form.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!format!("{provider:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_duration_that_is_too_long_is_halved_and_trouble_is_tried_again() {
    let (context, http, _) = context();
    http.answer(400, no("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"));
    http.answer(503, "");
    http.answer(200, STS);
    let request = AssumeRoleConfig { duration: Some(Duration::from_secs(7200)), ..role() };
    AssumeRole::new(context, base(), request, None).unwrap().fetch().await.unwrap();
    let asked: Vec<String> = forms(&http).iter().map(|form| form["DurationSeconds"].clone()).collect();
    assert_eq!(asked, ["7200", "3600", "3600"]);
}

#[tokio::test(start_paused = true)]
async fn a_base_that_sts_finds_over_is_asked_for_another_credential_once() {
    let (context, http, _) = context();
    http.answer(403, no("ExpiredToken", "The security token included in the request is expired"));
    http.answer(200, STS);
    AssumeRole::new(context.clone(), base(), role(), None).unwrap().fetch().await.unwrap();
    let signed = |n: usize| http.requests()[n].headers["authorization"].to_str().unwrap().to_owned();
    assert!(signed(0).contains("Credential=AKIAFIRST/") && signed(1).contains("Credential=AKIASECOND/"));
    // Keys that cannot change are not sent twice.
    http.answer(403, no("InvalidClientTokenId", "The security token included in the request is invalid"));
    let fixed = keys::keys("AKIAFIXED", &Secret::new("hunter2"), None).unwrap();
    let error = AssumeRole::new(context.clone(), fixed, role(), None).unwrap().fetch().await.unwrap_err();
    assert!(chain(&error).contains("InvalidClientTokenId"));
    assert_eq!(error.retry, Retry::Backoff);
    assert_eq!(http.requests().len(), 3);
    let error = AssumeRole::new(context, keys::anonymous(), role(), None).unwrap().fetch().await.unwrap_err();
    assert!(chain(&error).contains("anonymous access has no credential to ask with"));
}

// behaviour: sources
#[tokio::test(start_paused = true)]
async fn a_code_is_sent_once_whatever_happens() {
    for (status, body, retry) in [
        (503, String::new(), Retry::Backoff),
        (403, no("ExpiredToken", "expired"), Retry::Backoff),
        (
            400,
            no(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ),
            Retry::Never,
        ),
        (
            403,
            no("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code."),
            Retry::AfterSignIn,
        ),
    ] {
        let (context, http, _) = context();
        http.answer(status, body.clone());
        http.answer(status, body);
        let (mfa, typed) = typing(&["111111", "222222"]);
        let request = AssumeRoleConfig { duration: Some(Duration::from_secs(7200)), ..role() };
        let provider = AssumeRole::new(context, base(), request, mfa).unwrap();
        for (sent, left) in [(1, 1), (2, 0)] {
            let error = provider.fetch().await.unwrap_err();
            assert_eq!(error.retry, retry);
            assert!(!chain(&error).contains("111111") && !format!("{error:?}").contains("111111"));
            assert_eq!((http.requests().len(), typed.0.lock().unwrap().len()), (sent, left));
        }
        let codes: Vec<String> = forms(&http).iter().map(|form| form["TokenCode"].clone()).collect();
        assert_eq!(codes, ["111111", "222222"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_code_is_not_sent_and_nobody_there_is_said() {
    let (context, http, _) = context();
    for code in ["", "12345", "1234567", "12345a", "１２３４５６"] {
        let (mfa, _) = typing(&[code]);
        let error = AssumeRole::new(context.clone(), base(), role(), mfa).unwrap().fetch().await.unwrap_err();
        assert_eq!(error.to_string(), format!("the code of MFA device {DEVICE:?} is not six digits"));
        assert_eq!(error.retry, Retry::AfterSignIn);
    }
    let mfa = Mfa::new(DEVICE, Arc::new(NoMfa)).unwrap();
    let error = AssumeRole::new(context, base(), role(), Some(mfa)).unwrap().fetch().await.unwrap_err();
    assert_eq!(error.retry, Retry::AfterSignIn);
    assert!(error.next.is_some());
    assert_eq!(http.requests().len(), 0);
    assert!(Mfa::new("GAHT12345678", Arc::new(NoMfa)).is_ok());
    assert!(Mfa::new("a device", Arc::new(NoMfa)).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_session_is_bought_with_lasting_keys_only() {
    let (context, http, _) = context();
    let request = SessionTokenConfig {
        endpoint: endpoint(),
        duration: Some(Duration::from_secs(129_600)),
        schedule: Schedule::INTERACTIVE,
    };
    http.answer(200, STS);
    let (mfa, _) = typing(&["123456"]);
    let provider = SessionToken::new(context.clone(), base(), request.clone(), mfa).unwrap();
    assert_eq!(provider.fetch().await.unwrap().access_key_id, "ASIANEW");
    let form = &forms(&http)[0];
    assert_eq!((&*form["Action"], &*form["DurationSeconds"]), ("GetSessionToken", "129600"));
    assert_eq!((&*form["SerialNumber"], &*form["TokenCode"]), (DEVICE, "123456"));
    let temporary = Arc::new(Keys(Mutex::new(vec!["ASIA"]), Some("hunter2")));
    let (mfa, typed) = typing(&["123456"]);
    let provider = SessionToken::new(context.clone(), temporary, request.clone(), mfa).unwrap();
    assert!(chain(&provider.fetch().await.unwrap_err()).contains("they are temporary themselves"));
    assert_eq!(typed.0.lock().unwrap().len(), 1, "no code is asked for in vain");
    for (seconds, good) in [(899, false), (900, true), (129_600, true), (129_601, false)] {
        let request = SessionTokenConfig { duration: Some(Duration::from_secs(seconds)), ..request.clone() };
        assert_eq!(SessionToken::new(context.clone(), base(), request, None).is_ok(), good, "{seconds}");
    }
}

#[test]
fn what_sts_would_not_take_is_refused_here() {
    for (text, good) in [
        ("team=data", true),
        ("team = a=b", true),
        ("team", false),
        ("=x", false),
        ("team=a;b", false),
        ("te\u{1b}am=a", false),
    ] {
        assert_eq!(tag(text).is_ok(), good, "{text:?}");
    }
    let twice = vec![("Team".to_owned(), String::new()), ("team".to_owned(), String::new())];
    let many = (0..51).map(|n| (n.to_string(), String::new())).collect();
    for request in [
        AssumeRoleConfig { tags: twice, ..role() },
        AssumeRoleConfig { tags: many, ..role() },
        AssumeRoleConfig { external_id: Some("a".into()), ..role() },
        AssumeRoleConfig { external_id: Some("a b".into()), ..role() },
    ] {
        let (context, ..) = context();
        assert!(AssumeRole::new(context, base(), request, None).is_err());
    }
}
