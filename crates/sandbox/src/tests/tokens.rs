//! What tokens carry because an app is set up for it, which keys sign them, and what the endpoints tell a prober
//! that has no sign-in.

use serde_json::{Value, json};

use super::bench::{Answer, Bench, VERIFIER, claims, get, post_form, value};
use crate::visitor::VisitError;
use crate::{Options, Platform};

const TAG: &str = "https://aws.amazon.com/tags/principal_tags/Department";

fn policy() -> String {
    json!({"ClaimsMappingPolicy": {"Version": 1, "IncludeBasicClaimSet": "true", "ClaimsSchema": [
        {"Source": "user", "ID": "department", "JwtClaimType": TAG},
        {"Value": "constant", "JwtClaimType": "made"},
    ]}})
    .to_string()
}

fn configure(bench: &Bench, properties: Value) {
    let client_id = &bench.sandbox.summary().client_id;
    let edited = bench.sandbox.world().edit_app(client_id, |app| {
        app.registration.extend(properties.as_object().unwrap().clone());
    });
    assert!(edited);
}

async fn refused(bench: &Bench, name: &str) -> Option<u32> {
    match bench.arrive(name, &[]).await {
        Err(VisitError::Refused { number, .. }) => number,
        other => panic!("expected a page, got {other:?}"),
    }
}

#[tokio::test]
async fn optional_claims_groups_and_roles() {
    let bench = Bench::start().await;
    let world = bench.sandbox.world();
    let plain = claims(&bench.id_token("alice").await);
    for name in ["amr", "groups", "login_hint", "upn", "roles"] {
        assert!(plain.get(name).is_none(), "{name}");
    }
    let optional = ["amr", "login_hint", "upn", "acct"].map(|name| json!({"name": name, "essential": false}));
    configure(
        &bench,
        json!({"optionalClaims": {"idToken": optional}, "groupMembershipClaims": "SecurityGroup"}),
    );
    let told = claims(&bench.id_token("alice").await);
    assert_eq!(told["amr"], json!(["pwd", "mfa"]));
    assert_eq!((&told["upn"], &told["acct"]), (&json!("alice@sandbox.example"), &json!(0)));
    assert!(told["login_hint"].as_str().unwrap().starts_with("O."));
    let ids = ["S3 users", "S3 admins"].map(|name| world.group(name).unwrap().object_id);
    assert_eq!(told["groups"], json!(ids));

    let mut user = world.user("alice@sandbox.example").unwrap();
    user.mfa = false;
    world.put_user(user);
    configure(&bench, json!({"groupMembershipClaims": "ApplicationGroup"}));
    let told = claims(&bench.id_token("alice").await);
    assert_eq!(told["amr"], json!(["pwd"]));
    assert_eq!(told["groups"], json!([ids[0]]), "only the group that the app is assigned to");

    configure(&bench, json!({"groupMembershipClaims": "All"}));
    assert!(world.join_new_groups("alice@sandbox.example", 199));
    let told = claims(&bench.id_token("alice").await);
    assert!(told.get("groups").is_none());
    assert_eq!(told["_claim_names"], json!({"groups": "src1"}));
    let source = told["_claim_sources"]["src1"]["endpoint"].as_str().unwrap();
    assert!(source.ends_with("/getMemberObjects"), "{source}");
}

#[tokio::test]
async fn mapped_claims_need_a_word_from_the_app_or_a_key_of_its_own() {
    let bench = Bench::start().await;
    let (world, summary) = (bench.sandbox.world(), bench.sandbox.summary());
    let mut user = world.user("alice@sandbox.example").unwrap();
    user.attributes.insert("department".into(), "Birds".into());
    world.put_user(user);
    assert!(world.set_claims_policy(&summary.client_id, Some(&policy())));
    assert_eq!(refused(&bench, "alice").await, Some(50_146));

    // Said by the app: the tenant's keys sign, and STS takes the tag where the trust policy lets it.
    configure(&bench, json!({"api": {"acceptMappedClaims": true}}));
    let token = bench.id_token("alice").await;
    assert_eq!((&claims(&token)[TAG], &claims(&token)["made"]), (&json!("Birds"), &json!("constant")));
    assert_eq!(bench.exchange(&token, &[]).await.status, 200);
    let trust = world.role("PintailSandbox").unwrap().trust_policy.replace("\"sts:TagSession\",", "");
    assert!(world.set_trust_policy("PintailSandbox", &trust));
    assert_eq!(bench.exchange(&token, &[]).await.refusal(), (403, "AccessDenied".into()));

    // A key of its own: the token names a key that only `?appid=` shows, and STS looks elsewhere.
    configure(&bench, json!({"api": {}}));
    world.set_own_signing_key(&summary.client_id, true).unwrap();
    let token = bench.id_token("alice").await;
    let kid = crate::jose::Jwt::parse(&token).unwrap().header["kid"].clone();
    let keys = async |query: &str| {
        let document =
            get(&format!("{}/.well-known/openid-configuration{query}", summary.issuer)).await.json();
        get(document["jwks_uri"].as_str().unwrap()).await.json()["keys"].clone()
    };
    let shows = |keys: &Value| keys.as_array().unwrap().iter().any(|key| key["kid"] == kid);
    assert!(!shows(&keys("").await));
    assert!(shows(&keys(&format!("?appid={}", summary.client_id)).await));
    let lost = bench.exchange(&token, &[]).await;
    assert_eq!(lost.refusal(), (400, "InvalidIdentityToken".into()));
    assert!(lost.text.contains("retrieve verification key"), "{}", lost.text);
}

#[tokio::test]
async fn the_api_decides_the_version_of_its_tokens() {
    let bench = Bench::start().await;
    let client_id = bench.sandbox.summary().client_id.clone();
    let scope = format!("openid api://{client_id}/access");
    let access = async || {
        let code = value(&bench.arrive("alice", &[("scope", &scope)]).await.unwrap(), "code");
        claims(bench.redeem(&code).await.json()["access_token"].as_str().unwrap())
    };
    let first = access().await;
    assert_eq!((&first["ver"], &first["aud"]), (&json!("1.0"), &json!(format!("api://{client_id}"))));
    assert!(first["iss"].as_str().unwrap().starts_with("https://sts.windows.net/"));
    assert_eq!(first["appid"], client_id.as_str());
    configure(&bench, json!({"api": {"requestedAccessTokenVersion": 2}}));
    let second = access().await;
    assert_eq!((&second["ver"], &second["aud"]), (&json!("2.0"), &json!(client_id)));
    assert_eq!(second["iss"], bench.sandbox.summary().issuer.as_str());
    assert_eq!(second["azp"], client_id.as_str());
}

/// What a doctor may ask before anybody signs in.
#[tokio::test]
async fn a_prober_is_told_what_kind_of_client_it_is() {
    let bench = Bench::start().await;
    let client_id = bench.sandbox.summary().client_id.clone();
    let code = async |redirect: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", "no-code-at-all"),
            ("redirect_uri", redirect),
            ("code_verifier", VERIFIER),
        ];
        bench.token(&form).await.json()["error_codes"][0].as_u64().unwrap()
    };
    assert_eq!(code("http://localhost").await, 9_002_313);
    for (platform, number) in
        [(Platform::Web, 7_000_218), (Platform::Spa, 9_002_327), (Platform::Mobile, 9_002_313)]
    {
        bench.sandbox.world().edit_app(&client_id, |app| {
            app.redirect_uris = vec![(platform, "http://localhost".into())];
        });
        assert_eq!(code("http://localhost:7777/").await, number, "{platform:?}");
    }

    let authorize = async |more: &[(&str, &str)]| get(&bench.authorize_url(more)).await;
    let located = |answer: &Answer| answer.header("location").unwrap_or_default().to_owned();
    let silent = authorize(&[("prompt", "none"), ("redirect_uri", "http://localhost:7777/")]).await;
    assert!(
        located(&silent).starts_with("http://localhost:7777/?error=login_required"),
        "{}",
        located(&silent)
    );
    let mismatch = authorize(&[("prompt", "none"), ("redirect_uri", "http://127.0.0.1:7777/")]).await;
    assert_eq!((mismatch.status, located(&mismatch)), (200, String::new()));
    assert!(mismatch.text.contains("AADSTS50011"));
    let device = format!("{}/oauth2/v2.0/devicecode", bench.tenant_base());
    let unknown = [("client_id", "00000000-0000-4000-8000-000000000000"), ("scope", "openid")];
    assert_eq!(post_form(&device, &unknown, &[]).await.json()["error_codes"], json!([700_016]));
    bench.sandbox.world().edit_app(&client_id, |app| app.enabled = false);
    assert_eq!(
        authorize(&[("redirect_uri", "http://localhost:7777/")]).await.text.matches("AADSTS7000112").count(),
        1
    );
}

#[tokio::test]
async fn consent_is_asked_for_and_kept() {
    let bench = Bench::with(Options::default()).await;
    let (world, client_id) = (bench.sandbox.world(), bench.sandbox.summary().client_id.clone());
    assert_eq!(
        world.consent_for_all(&client_id).as_deref(),
        Some("openid profile email offline_access User.Read")
    );
    assert!(world.set_consent_for_all(&client_id, None));
    let silent = [("prompt", "none"), ("redirect_uri", "http://localhost:7777/")];
    let visitor = bench.visitor("bob");
    assert!(visitor.sign_in(&bench.authorize_url(&[])).await.unwrap().url.contains("code="));
    assert_eq!(world.consent_for_all(&client_id), None, "Bob spoke for himself");
    // Where people may not consent themselves, those who have not are stopped; an admin may.
    world.let_users_consent(false);
    assert_eq!(refused(&bench, "alice").await, Some(90_094));
    assert!(bench.arrive("bob", &[]).await.is_ok());
    assert!(world.set_consent_for_all(&client_id, Some("openid profile offline_access")));
    assert!(bench.arrive("alice", &[("scope", "openid profile")]).await.is_ok());
    assert_eq!(refused(&bench, "alice").await, Some(90_094), "email was not consented to");
    assert!(get(&bench.authorize_url(&silent)).await.header("location").unwrap().contains("login_required"));
}
