//! The sign-in machine against literal texts: no socket, no clock, no wait.

use super::*;
use crate::oidc::testing::{CLIENT, GUID, ISSUER, NOON, TestKey, discovery_document, entra_claims, key_set};
use crate::oidc::token_check::TokenRefusal;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use pintail_core::retry::Retry;
use pintail_core::seam::SeededRandom;
use serde_json::{Value, json};
use std::collections::HashMap;
use url::Url;

fn client() -> Client {
    Client::public(ISSUER.parse().unwrap(), CLIENT.parse().unwrap())
}

/// A sign-in with everything a test wants to look at.
struct Run {
    random: SeededRandom,
    time: Timestamp,
    sign_in: SignIn,
    step: Result<Step, SignInError>,
}

impl Run {
    fn new(start: impl FnOnce(Now<'_>) -> (SignIn, Result<Step, SignInError>)) -> Self {
        let (random, time) = (SeededRandom::new(1), NOON.parse().unwrap());
        let (sign_in, step) = start(Now { time, random: &random });
        Self { random, time, sign_in, step }
    }

    fn browser() -> Self {
        Self::new(|now| {
            let (options, known) = (SignInOptions::default(), KnownIssuer::default());
            SignIn::with_browser(client(), options, "http://localhost:4711/", known, now)
        })
    }

    fn device() -> Self {
        Self::new(|now| SignIn::with_device_code(client(), Scopes::default(), KnownIssuer::default(), now))
    }

    fn renewing(known: KnownIssuer) -> Self {
        let renewal = Renewal {
            refresh_token: Secret::new("refresh-1"),
            scopes: Scopes::default(),
            identity: Identity { issuer: ISSUER.into(), subject: "pairwise-subject".into() },
            nonce: None,
        };
        Self::new(|now| SignIn::renewing(client(), renewal, known, now))
    }

    fn give(&mut self, input: Input) -> &mut Self {
        self.step = self.sign_in.handle(input, Now { time: self.time, random: &self.random });
        self
    }

    fn respond(&mut self, status: u16, body: &str) -> &mut Self {
        assert!(matches!(self.step, Ok(Step::Fetch(_))), "{:?}", self.step);
        let status = StatusCode::from_u16(status).unwrap();
        self.give(Input::Response(HttpResponse {
            status,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        }))
    }

    /// Answers the discovery request and, with a browser, opens it; returns the address's parameters.
    fn opened(&mut self) -> HashMap<String, String> {
        self.respond(200, &discovery_document());
        let Ok(Step::OpenBrowser { url }) = &self.step else { panic!("{:?}", self.step) };
        let parameters = url.expose().parse::<Url>().unwrap().query_pairs().into_owned().collect();
        self.give(Input::Shown);
        assert!(matches!(self.step, Ok(Step::AwaitRedirect)));
        parameters
    }

    fn fetched(&self) -> (&Fetch, HashMap<String, String>) {
        let Ok(Step::Fetch(fetch)) = &self.step else { panic!("{:?}", self.step) };
        let form = url::form_urlencoded::parse(&fetch.request.body).into_owned().collect();
        (fetch, form)
    }

    fn tokens(&self) -> &Tokens {
        let Ok(Step::Done(tokens)) = &self.step else { panic!("{:?}", self.step) };
        tokens
    }

    fn error(&self) -> &SignInError {
        self.step.as_ref().unwrap_err()
    }
}

fn answer(id_token: &str) -> String {
    json!({ "token_type": "Bearer", "expires_in": "3599", "id_token": id_token, "refresh_token": "refresh-2",
        "access_token": "opaque" })
    .to_string()
}

#[test]
fn a_browser_sign_in_goes_from_discovery_to_checked_tokens() {
    let key = TestKey::rsa("k1");
    let mut run = Run::browser();
    let (first, _) = run.fetched();
    assert_eq!(first.endpoint, Endpoint::Discovery);
    assert_eq!(first.request.url.as_str(), format!("{ISSUER}/.well-known/openid-configuration"));

    let sent = run.opened();
    assert_eq!(sent["redirect_uri"], "http://localhost:4711/");
    run.give(Input::Redirect(Secret::new(format!("/?code=the-code&state={}", sent["state"]))));
    let (redeeming, form) = run.fetched();
    assert_eq!((redeeming.endpoint, redeeming.replay), (Endpoint::Token, Replay::UnlessSent));
    assert_eq!(redeeming.request.headers["client-request-id"], run.sign_in.request_id().as_str());
    assert_eq!(form["code"], "the-code");
    assert_eq!(form["redirect_uri"], "http://localhost:4711/");
    let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
    use base64::Engine;
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(challenge);
    assert_eq!(sent["code_challenge"], challenge);

    let mut claims = entra_claims();
    claims["nonce"] = json!(sent["nonce"]);
    run.respond(200, &answer(&key.token(&claims)));
    assert_eq!(run.fetched().0.endpoint, Endpoint::Keys);
    run.respond(200, &key_set(&[&key]));
    let tokens = run.tokens();
    assert_eq!(tokens.claims.tenant.as_deref(), Some(GUID));
    assert!(tokens.refresh_token.as_ref().is_some_and(|token| token.matches("refresh-2")));
    assert_eq!(tokens.identity(), Identity { issuer: ISSUER.into(), subject: "pairwise-subject".into() });
    run.give(Input::Waited);
    assert!(matches!(run.error(), SignInError::OutOfOrder), "a machine is used once");
}

#[test]
fn nothing_secret_is_in_debug_at_any_step() {
    let key = TestKey::rsa("k1");
    let mut run = Run::browser();
    let sent = run.opened();
    let mut seen = format!("{:?}", run.sign_in);
    run.give(Input::Redirect(Secret::new(format!("/?code=the-code&state={}", sent["state"]))));
    seen += &format!("{:?} {:?}", run.sign_in, run.step);
    let verifier = run.fetched().1["code_verifier"].clone();
    let mut claims = entra_claims();
    claims["nonce"] = json!(sent["nonce"]);
    let id_token = key.token(&claims);
    run.respond(200, &answer(&id_token));
    seen += &format!("{:?} {:?}", run.sign_in, run.step);
    run.respond(200, &key_set(&[&key]));
    seen += &format!("{:?} {:?}", run.sign_in, run.step);
    let signature = id_token.rsplit_once('.').unwrap().1;
    for secret in
        ["the-code", &sent["state"], &sent["nonce"], &verifier, "refresh-2", "opaque", signature, "Ada"]
    {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}

#[test]
fn answers_of_others_do_not_end_the_wait() {
    let mut run = Run::browser();
    let sent = run.opened();
    for foreign in
        ["/?code=stolen&state=guess", "/favicon.ico", "/?code=stolen", "/?error=access_denied&state=guess"]
    {
        run.give(Input::Redirect(Secret::new(foreign)));
        assert!(matches!(run.step, Ok(Step::AwaitRedirect)), "{foreign}");
    }
    run.give(Input::Redirect(Secret::new(format!("/?code=c&state={}", sent["state"]))));
    assert_eq!(run.fetched().0.endpoint, Endpoint::Token);

    let mut run = Run::browser();
    run.opened();
    for _ in 1..FOREIGN_ANSWERS_MAX {
        run.give(Input::Redirect(Secret::new("/?code=stolen&state=guess")));
    }
    assert!(matches!(run.step, Ok(Step::AwaitRedirect)));
    run.give(Input::Redirect(Secret::new("/?code=stolen&state=guess")));
    assert!(matches!(run.error(), SignInError::TooManyForeign { count: FOREIGN_ANSWERS_MAX }));
}

#[test]
fn a_refusal_in_the_browser_reaches_the_person_with_its_reason() {
    let mut run = Run::browser();
    let sent = run.opened();
    let address = format!(
        "/?error=access_denied&error_description=AADSTS65004%3a+Declined.%0d%0aTrace+ID%3a+t-1&state={}",
        sent["state"]
    );
    run.give(Input::Redirect(Secret::new(address)));
    let SignInError::Issuer { endpoint, source } = run.error() else { panic!("{:?}", run.step) };
    assert_eq!((*endpoint, source.aadsts), (Endpoint::Authorization, Some(65004)));
    assert_eq!(source.trace_id.as_deref(), Some("t-1"));
}

#[test]
fn an_issuer_that_promises_to_name_itself_must() {
    let mut document: Value = serde_json::from_str(&discovery_document()).unwrap();
    document["authorization_response_iss_parameter_supported"] = json!(true);
    for (iss, good) in [
        (format!("&iss={ISSUER}"), true),
        (String::new(), false),
        ("&iss=https://evil.example".into(), false),
    ] {
        let mut run = Run::browser();
        run.respond(200, &document.to_string());
        let state = run.sign_in.expected().unwrap().state().expose().to_owned();
        run.give(Input::Shown).give(Input::Redirect(Secret::new(format!("/?code=c&state={state}{iss}"))));
        assert_eq!(run.step.is_ok(), good, "{iss}");
        if !good {
            assert!(matches!(run.error(), SignInError::Answer(_)));
            assert_eq!(run.error().retry(), Retry::Never);
        }
    }
}

#[test]
fn a_device_code_sign_in_polls_as_politely_as_it_is_told() {
    let key = TestKey::rsa("k1");
    let mut run = Run::device();
    run.respond(200, &discovery_document());
    let (request, form) = run.fetched();
    assert_eq!(request.endpoint, Endpoint::DeviceAuthorization);
    assert_eq!(form["scope"], "openid profile offline_access");
    assert_eq!(form["client_id"], CLIENT);
    run.respond(
        200,
        r#"{"device_code":"dc","user_code":"ABCD","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5}"#,
    );
    assert!(matches!(&run.step, Ok(Step::ShowDeviceCode(prompt)) if prompt.user_code == "ABCD"));
    run.give(Input::Shown);
    for (body, wait_seconds) in [
        (r#"{"error":"authorization_pending","error_codes":[70016]}"#, 5),
        (r#"{"error":"slow_down"}"#, 10),
        (r#"{"error":"authorization_pending"}"#, 10),
    ] {
        run.give(Input::Waited);
        assert_eq!(run.fetched().1["device_code"], "dc");
        run.respond(400, body);
        assert!(matches!(run.step, Ok(Step::Wait(wait)) if wait.as_secs() == wait_seconds), "{body}");
    }
    run.give(Input::Waited);
    let mut claims = entra_claims();
    claims.as_object_mut().unwrap().remove("nonce");
    run.respond(200, &answer(&key.token(&claims))).respond(200, &key_set(&[&key]));
    assert!(run.tokens().nonce.is_none());
}

#[test]
fn a_device_code_ends_with_the_reason_it_ends_for() {
    let polled = |status: u16, body: &str| {
        let mut run = Run::device();
        run.respond(200, &discovery_document());
        run.respond(
            200,
            r#"{"device_code":"dc","user_code":"ABCD","verification_uri":"https://microsoft.com/devicelogin"}"#,
        );
        run.give(Input::Shown).give(Input::Waited).respond(status, body);
        run.step.unwrap_err()
    };
    let declined = polled(400, r#"{"error":"authorization_declined"}"#);
    assert!(matches!(declined, SignInError::Device(DeviceError::Declined)));
    assert_eq!(declined.retry(), Retry::AfterSignIn);
    assert!(matches!(polled(400, r#"{"error":"expired_token"}"#), SignInError::Device(DeviceError::Expired)));
    let policy = polled(400, r#"{"error":"access_denied","error_codes":[53003]}"#);
    assert!(matches!(policy, SignInError::Issuer { source, .. } if source.aadsts == Some(53003)));
    let switched_off = polled(401, r#"{"error":"invalid_client","error_codes":[7000218]}"#);
    assert_eq!(switched_off.retry(), Retry::Never);
    assert!(matches!(polled(502, "<html>"), SignInError::Status { endpoint: Endpoint::Token, .. }));

    let mut document: Value = serde_json::from_str(&discovery_document()).unwrap();
    document.as_object_mut().unwrap().remove("device_authorization_endpoint");
    let mut run = Run::device();
    run.respond(200, &document.to_string());
    assert!(matches!(run.error(), SignInError::Device(DeviceError::NotOffered)));
}

/// Renews once and returns the run at its end.
fn renewed(body: &str, keys: &[&TestKey]) -> Run {
    let mut run = Run::renewing(KnownIssuer::default());
    run.respond(200, &discovery_document());
    let (_, form) = run.fetched();
    assert_eq!((form["grant_type"].as_str(), form["refresh_token"].as_str()), ("refresh_token", "refresh-1"));
    assert_eq!(form["scope"], "openid profile offline_access");
    run.respond(200, body);
    if matches!(run.step, Ok(Step::Fetch(_))) {
        run.respond(200, &key_set(keys));
    }
    run
}

#[test]
fn a_renewal_brings_a_new_token_of_the_same_person() {
    let key = TestKey::rsa("k1");
    let mut claims = entra_claims();
    claims.as_object_mut().unwrap().remove("nonce");
    let run = renewed(&answer(&key.token(&claims)), &[&key]);
    assert!(run.tokens().refresh_token.as_ref().is_some_and(|token| token.matches("refresh-2")));

    let without = json!({ "id_token": key.token(&claims) }).to_string();
    let run = renewed(&without, &[&key]);
    let kept = run.tokens().refresh_token.as_ref();
    assert!(kept.is_some_and(|token| token.matches("refresh-1")), "the old one lives on");

    claims["sub"] = json!("someone-else");
    let run = renewed(&answer(&key.token(&claims)), &[&key]);
    let SignInError::Token(refusal) = run.error() else { panic!("{:?}", run.step) };
    assert_eq!(**refusal, TokenRefusal::SubjectChanged);
    assert_eq!(run.error().retry(), Retry::AfterSignIn);

    claims["iss"] = json!("https://old.example");
    let run = renewed(&answer(&key.token(&claims)), &[&key]);
    assert!(matches!(run.error(), SignInError::Token(_)));
}

#[test]
fn an_issuer_that_renews_no_id_token_wants_the_person_again() {
    let run = renewed(r#"{"access_token":"a","refresh_token":"r"}"#, &[]);
    assert!(matches!(run.error(), SignInError::NoIdToken { renewal: true }));
    assert_eq!(run.error().retry(), Retry::AfterSignIn);
}

#[test]
fn a_refused_refresh_token_wants_the_person_again() {
    let mut run = Run::renewing(KnownIssuer::default());
    run.respond(200, &discovery_document());
    run.respond(400, r#"{"error":"invalid_grant","error_codes":[700082],"suberror":"x","claims":"{}"}"#);
    assert_eq!(run.error().retry(), Retry::AfterSignIn);
    let SignInError::Issuer { source, .. } = run.error() else { panic!("{:?}", run.step) };
    assert!(source.claims.is_some());
}

#[test]
fn what_is_known_is_not_asked_again_until_it_is_old() {
    let key = TestKey::rsa("k1");
    let mut claims = entra_claims();
    claims.as_object_mut().unwrap().remove("nonce");
    let known = renewed(&answer(&key.token(&claims)), &[&key]).sign_in.into_known();

    let mut again = Run::renewing(known.clone());
    assert_eq!(again.fetched().0.endpoint, Endpoint::Token, "no discovery");
    again.respond(200, &answer(&key.token(&claims)));
    assert!(again.step.is_ok() && matches!(again.step, Ok(Step::Done(_))), "no key set");

    let (mut later, random) = (Timestamp::default(), SeededRandom::new(3));
    for (hours, endpoint) in [(23, Endpoint::Token), (24, Endpoint::Discovery), (-1, Endpoint::Discovery)] {
        later = NOON.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours);
        let now = Now { time: later, random: &random };
        let (_, step) = SignIn::with_device_code(client(), Scopes::default(), known.clone(), now);
        let Ok(Step::Fetch(fetch)) = step else { panic!("{step:?}") };
        let expected = if endpoint == Endpoint::Token { Endpoint::DeviceAuthorization } else { endpoint };
        assert_eq!(fetch.endpoint, expected, "{hours}");
    }
    let other = Client::public("https://idp.example".parse().unwrap(), CLIENT.parse().unwrap());
    let now = Now { time: later, random: &random };
    let (_, step) = SignIn::with_device_code(other, Scopes::default(), known, now);
    let Ok(Step::Fetch(fetch)) = step else { panic!("{step:?}") };
    assert_eq!(fetch.request.url.host_str(), Some("idp.example"), "another issuer's knowledge is not used");
}

#[test]
fn a_key_that_is_new_is_fetched_once_and_a_key_that_stays_unknown_is_refused() {
    let (old, new) = (TestKey::rsa("k1"), TestKey::other_rsa("k2"));
    let mut claims = entra_claims();
    claims.as_object_mut().unwrap().remove("nonce");
    let known = renewed(&answer(&old.token(&claims)), &[&old]).sign_in.into_known();

    let mut run = Run::renewing(known.clone());
    run.time += SignedDuration::from_mins(5);
    run.respond(200, &answer(&new.token(&claims)));
    assert_eq!(run.fetched().0.endpoint, Endpoint::Keys);
    run.respond(200, &key_set(&[&old, &new]));
    assert!(matches!(run.step, Ok(Step::Done(_))), "{:?}", run.step);

    let mut run = Run::renewing(known.clone());
    run.time += SignedDuration::from_mins(5);
    run.respond(200, &answer(&new.token(&claims))).respond(200, &key_set(&[&old]));
    let SignInError::Token(refusal) = run.error() else { panic!("{:?}", run.step) };
    assert_eq!(**refusal, TokenRefusal::KeyUnknown { kid: "k2".into() });

    let mut run = Run::renewing(known);
    run.respond(200, &answer(&new.token(&claims)));
    assert!(matches!(run.error(), SignInError::Token(_)), "too soon to ask again");
}

#[test]
fn an_unknown_tenant_is_explained_by_entra() {
    let mut run = Run::browser();
    run.respond(400, r#"{"error":"invalid_tenant","error_description":"AADSTS90002: Tenant 'x' not found.","error_codes":[90002]}"#);
    let SignInError::Issuer { endpoint, source } = run.error() else { panic!("{:?}", run.step) };
    assert_eq!((*endpoint, source.aadsts), (Endpoint::Discovery, Some(90002)));

    for (status, verdict) in [(404, Retry::Never), (302, Retry::Never), (503, Retry::Backoff)] {
        let mut run = Run::browser();
        run.respond(status, "<html>");
        assert!(matches!(run.error(), SignInError::Status { endpoint: Endpoint::Discovery, .. }));
        assert_eq!(run.error().retry(), verdict, "{status}");
    }
}

#[test]
fn steps_out_of_order_are_refused() {
    for input in [Input::Shown, Input::Waited, Input::Redirect(Secret::new("/?code=c&state=s"))] {
        let mut run = Run::browser();
        run.give(input);
        assert!(matches!(run.error(), SignInError::OutOfOrder));
    }
}
