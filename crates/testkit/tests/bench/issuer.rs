//! The OpenID Provider has Entra's shape and signs a person in.

use pintail_testkit::bench::Bench;
use pintail_testkit::person::Person;
use pintail_testkit::raw::{self, Discovery};

#[test]
fn a_person_signs_in_with_a_code_and_gets_entras_claims() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let tokens = raw::sign_in(&issuer.url, issuer.client("public"), &mut Person::new("alice"));
    let claims = raw::claims(tokens["id_token"].as_str().expect("an ID token"));
    assert_eq!(claims["iss"], issuer.url);
    assert_eq!(claims["aud"], issuer.client("public"));
    assert_eq!((&claims["sub"], &claims["nonce"]), (&"alice".into(), &raw::NONCE.into()));
    assert_eq!((&claims["tid"], &claims["ver"]), (&issuer.tenant.as_str().into(), &"2.0".into()));
    assert_eq!(claims["preferred_username"], "alice@pintail.test");
    assert_eq!(claims["oid"].as_str().map(str::len), Some(36), "{claims}");
    assert!(tokens["refresh_token"].is_string());
}

#[test]
fn a_person_approves_a_device() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let client = issuer.client("public");
    let discovery = Discovery::read(&issuer.url);
    for address in ["verification_uri", "verification_uri_complete"] {
        let device = discovery.device_code(client);
        let text =
            |name: &str| device[name].as_str().unwrap_or_else(|| panic!("no {name}: {device}")).to_owned();
        let waiting = discovery.redeem_device(client, &text("device_code"));
        assert_eq!((waiting.status, &waiting.json()["error"]), (400, &"authorization_pending".into()));
        let page = Person::new("bob").approve_device(&text(address), &text("user_code")).expect("approval");
        assert!(page.text().contains("Sign-in Success"), "{}", page.text());
        let tokens = discovery.redeem_device(client, &text("device_code")).json();
        assert_eq!(raw::claims(tokens["id_token"].as_str().expect("an ID token"))["sub"], "bob");
    }
}

#[test]
fn a_person_may_refuse() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let url = Discovery::read(&issuer.url).authorize_url(issuer.client("public"), raw::REDIRECT);
    let redirect = Person::new("alice").cancel(url.as_str()).expect("a redirect");
    assert_eq!(raw::query(&redirect, "error").as_deref(), Some("access_denied"));
    assert_eq!(raw::query(&redirect, "state").as_deref(), Some(raw::STATE));
}

#[test]
fn redirects_may_be_loopback_on_any_port_or_a_custom_scheme() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let discovery = Discovery::read(&issuer.url);
    let mut alice = Person::new("alice");
    for redirect_uri in [
        "http://localhost:50123/",
        "http://127.0.0.1:50124/callback",
        "x-cyberduck-action://oauth",
        "x-mountainduck-action://oauth",
        "pintail://oauth",
    ] {
        let url = discovery.authorize_url(issuer.client("public"), redirect_uri);
        let redirect = alice.authorize(url.as_str()).expect(redirect_uri);
        assert!(redirect.as_str().starts_with(redirect_uri), "{redirect_uri} became {}", redirect.path());
        assert_eq!(raw::query(&redirect, "iss").as_deref(), Some(issuer.url.as_str()));
    }
    let url = discovery.authorize_url(issuer.client("public"), "http://localhost:50123/elsewhere");
    assert!(alice.authorize(url.as_str()).is_err(), "a path that is not registered is refused");
}

#[test]
fn refresh_tokens_rotate_and_a_used_one_is_refused() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let client = issuer.client("public");
    let discovery = Discovery::read(&issuer.url);
    let first = raw::sign_in(&issuer.url, client, &mut Person::new("alice"));
    let token = first["refresh_token"].as_str().expect("a refresh token");
    let second = discovery.refresh(client, token).json();
    assert_eq!(raw::claims(second["id_token"].as_str().expect("an ID token"))["sub"], "alice");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(discovery.refresh(client, token).json()["error"], "invalid_grant");
}

#[test]
fn each_client_is_what_its_name_says() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let discovery = Discovery::read(&issuer.url);
    let mut alice = Person::new("alice");

    let short = raw::sign_in(&issuer.url, issuer.client("short"), &mut alice);
    let claims = raw::claims(short["id_token"].as_str().expect("an ID token"));
    let lifetime = claims["exp"].as_u64().zip(claims["iat"].as_u64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lifetime, Some(issuer.short_id_token_seconds));

    let client = issuer.client("no_refreshed_id_token");
    let tokens = raw::sign_in(&issuer.url, client, &mut alice);
    let refreshed =
        discovery.refresh(client, tokens["refresh_token"].as_str().expect("a refresh token")).json();
    assert!(
        tokens["id_token"].is_string() && refreshed["id_token"].is_null(),
        "only the first answer has one"
    );

    let tokens = raw::sign_in(&issuer.url, issuer.client("no_refresh_token"), &mut alice);
    assert!(tokens["refresh_token"].is_null());

    let client = issuer.client("confidential");
    let url = discovery.authorize_url(client, raw::REDIRECT);
    let redirect = alice.authorize(url.as_str()).expect("a redirect");
    let code = raw::query(&redirect, "code").expect("a code");
    let refused = discovery.redeem(client, raw::REDIRECT, &code);
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (401, &"invalid_client".into()),
        "no secret was sent"
    );

    let key = std::fs::read_to_string(&issuer.certificate_key_file).expect("a key");
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));
}
