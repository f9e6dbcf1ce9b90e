//! Each lying issuer tells its own lie and no other.

use std::collections::BTreeSet;

use pintail_testkit::bench::{Bench, Expectation};
use pintail_testkit::person::Person;
use pintail_testkit::raw::{self, Discovery};
use serde_json::Value;
use url::Url;

/// Everything that a case lets a client see.
struct Seen {
    issuer: String,
    discovery: Value,
    keys: usize,
    redirect: Url,
    first: Value,
    first_status: u16,
    refreshed: Value,
    refreshed_status: u16,
}

impl Seen {
    fn header(&self) -> Value {
        raw::header(self.first["id_token"].as_str().expect("an ID token"))
    }

    fn claims(&self) -> Value {
        raw::claims(self.first["id_token"].as_str().expect("an ID token"))
    }

    fn refreshed_claims(&self) -> Value {
        raw::claims(self.refreshed["id_token"].as_str().expect("an ID token"))
    }
}

const CLIENT: &str = "any-client";

fn look(bench: &Bench, name: &str) -> Seen {
    let issuer = bench.hostile().case(name).url.clone();
    let discovery = Discovery::read(&issuer);
    let keys = pintail_testkit::http::get(&discovery.endpoint("jwks_uri"), &[]).expect("keys").json();
    let url = discovery.authorize_url(CLIENT, raw::REDIRECT);
    let redirect = Person::new("alice").authorize(url.as_str()).expect("a redirect");
    let code = raw::query(&redirect, "code").unwrap_or_else(|| "none".to_owned());
    let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::String(text.to_owned()));
    let first = discovery.redeem(CLIENT, raw::REDIRECT, &code);
    let token = json(&first.text())["refresh_token"].as_str().unwrap_or("none").to_owned();
    let refreshed = discovery.refresh(CLIENT, &token);
    Seen {
        issuer,
        discovery: discovery.document.clone(),
        keys: keys["keys"].as_array().map_or(0, Vec::len),
        redirect,
        first_status: first.status,
        first: json(&first.text()),
        refreshed_status: refreshed.status,
        refreshed: json(&refreshed.text()),
    }
}

/// What is wrong with a case, in words; a case that is checked here has to be named here.
fn lies(seen: &Seen) -> BTreeSet<&'static str> {
    let mut lies = BTreeSet::new();
    let mut note = |wrong: bool, what| {
        if wrong {
            lies.insert(what);
        }
    };
    note(seen.discovery["issuer"] != seen.issuer.as_str(), "discovery names another issuer");
    note(raw::query(&seen.redirect, "iss").as_ref() != Some(&seen.issuer), "iss of the redirect");
    note(raw::query(&seen.redirect, "state").as_deref() != Some(raw::STATE), "state");
    note(raw::query(&seen.redirect, "error").is_some(), "error in the redirect");
    note(seen.first_status != 200, "token status");
    note(seen.refreshed_status != 200, "refresh status");
    note(seen.first.is_string(), "not JSON");
    if seen.first["id_token"].is_null() {
        note(seen.first.is_object() && seen.first_status == 200, "no ID token");
        return lies;
    }
    let (header, claims) = (seen.header(), seen.claims());
    note(header["alg"] != "RS256", "algorithm");
    note(header["kid"].is_null(), "no kid");
    note(claims["iss"] != seen.issuer.as_str(), "issuer");
    note(claims["aud"] != CLIENT, "audience");
    for name in ["iat", "sub", "exp", "nonce"] {
        if claims[name].is_null() {
            note(true, name);
        }
    }
    note(!claims["nonce"].is_null() && claims["nonce"] != raw::NONCE, "another nonce");
    note(claims["tid"] != bench_tenant(&seen.issuer), "tenant");
    let time = |name: &str| claims[name].as_u64();
    note(
        time("exp").zip(time("iat")).is_some_and(|(exp, _)| exp < time("nbf").unwrap_or(0)),
        "ends before it begins",
    );
    if seen.refreshed_status == 200 {
        note(seen.refreshed["id_token"].is_null(), "no refreshed ID token");
    }
    if seen.refreshed["id_token"].is_string() {
        let refreshed = seen.refreshed_claims();
        for (name, what) in
            [("iss", "refreshed issuer"), ("sub", "refreshed subject"), ("aud", "refreshed audience")]
        {
            note(refreshed[name] != claims[name], what);
        }
    }
    lies
}

fn bench_tenant(issuer: &str) -> &str {
    issuer.rsplit('/').nth(1).unwrap_or_default()
}

#[test]
fn every_case_tells_the_lie_of_its_name() {
    let bench = Bench::load();
    // Lies of signature, of time and of a hash are not seen in the claims; their cases are looked at below.
    let expected: &[(&str, &[&str])] = &[
        ("honest", &[]),
        ("alg-none", &["algorithm", "no kid"]),
        ("hs256-public-key", &["algorithm"]),
        ("bad-signature-rs256", &[]),
        ("bad-signature-es256", &["algorithm"]),
        ("unknown-kid", &[]),
        ("no-kid-one-key", &["no kid"]),
        ("no-kid-several-keys", &["no kid"]),
        ("wrong-issuer", &["issuer"]),
        ("wrong-audience", &["audience"]),
        ("missing-audience", &["audience"]),
        ("several-audiences", &["audience"]),
        ("several-audiences-other-azp", &["audience"]),
        ("missing-iat", &["iat"]),
        ("missing-sub", &["sub"]),
        ("missing-exp", &["exp"]),
        ("expired", &[]),
        ("not-yet-valid", &[]),
        ("wrong-nonce", &["another nonce"]),
        ("missing-nonce", &["nonce"]),
        ("bad-at-hash", &[]),
        ("wrong-tenant", &["tenant"]),
        ("no-id-token", &["no ID token"]),
        ("refreshed-other-issuer", &["refreshed issuer"]),
        ("refreshed-other-subject", &["refreshed subject"]),
        ("refreshed-other-audience", &["refreshed audience"]),
        ("refreshed-without-id-token", &["no refreshed ID token"]),
        ("refresh-refused", &["refresh status"]),
        ("discovery-other-issuer", &["discovery names another issuer"]),
        ("redirect-other-iss", &["iss of the redirect"]),
        ("redirect-other-state", &["state"]),
        ("redirect-error", &["error in the redirect", "token status"]),
        ("token-not-json", &["not JSON"]),
        ("token-server-error", &["refresh status", "token status"]),
    ];
    let named: BTreeSet<&str> = expected.iter().map(|(name, _)| *name).collect();
    let known: BTreeSet<&str> = bench.hostile().cases.keys().map(String::as_str).collect();
    assert_eq!(named, known);
    for (name, want) in expected {
        let seen = look(&bench, name);
        assert_eq!(lies(&seen), want.iter().copied().collect(), "{name}");
    }
}

#[test]
fn lies_of_signature_time_and_hash_are_told() {
    let bench = Bench::load();
    let header = |name: &str| look(&bench, name).header();
    assert_eq!(header("hs256-public-key")["alg"], "HS256");
    assert_eq!(header("bad-signature-es256")["alg"], "ES256");
    assert_eq!(header("unknown-kid")["kid"], "nobody");
    assert_eq!(look(&bench, "no-kid-one-key").keys, 1);
    assert_eq!(look(&bench, "no-kid-several-keys").keys, 2);
    let token = look(&bench, "alg-none").first["id_token"].as_str().expect("an ID token").to_owned();
    assert!(token.ends_with('.'), "no signature at all");
    let expired = look(&bench, "expired").claims();
    let lifetime = expired["exp"].as_u64().zip(expired["iat"].as_u64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lifetime, Some(3600), "a token that was good for an hour, an hour ago");
    let later = look(&bench, "not-yet-valid").claims();
    assert!(later["nbf"].as_u64() > later["iat"].as_u64());
    let honest = look(&bench, "honest").claims();
    assert_eq!(honest["at_hash"].as_str().map(str::len), Some(22));
}

#[test]
fn one_case_is_honest_so_that_refusals_prove_something() {
    let bench = Bench::load();
    let cases = &bench.hostile().cases;
    assert_eq!(cases["honest"].expect, Expectation::Accept);
    assert!(cases.values().filter(|case| case.expect == Expectation::Refuse).count() > 25);
}

#[test]
fn signatures_are_good_or_bad_as_the_case_says() {
    use pintail_testkit::environment::TestEnv;
    let bench = Bench::load();
    // Python's `rsa` comes with the AWS command line and is somebody else's reading of RS256.
    let script = "\
import base64, json, rsa, sys
whole = lambda text: base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
token, keys = json.load(sys.stdin)
head, body, signature = token.split('.')
key = next(k for k in keys['keys'] if k['kid'] == 'main')
number = lambda name: int.from_bytes(whole(key[name]), 'big')
try:
    rsa.verify(f'{head}.{body}'.encode(), whole(signature), rsa.PublicKey(number('n'), number('e')))
    print('good')
except rsa.VerificationError:
    print('bad')
";
    for (name, want) in [("honest", "good\n"), ("bad-signature-rs256", "bad\n"), ("wrong-nonce", "good\n")] {
        let seen = look(&bench, name);
        let keys = Discovery::read(&seen.issuer).endpoint("jwks_uri");
        let keys = pintail_testkit::http::get(&keys, &[]).expect("keys").json();
        let input = serde_json::json!([seen.first["id_token"], keys]).to_string();
        let env = TestEnv::new(bench.tool("python"));
        let output = env.pintail(["-c", script]).stdin(&input).output().succeeded();
        assert_eq!(output.stdout, want, "{name}");
    }
}
