//! The issuer: discovery's quirks, where faults are shown, and the table of the token endpoint.

use serde_json::json;
use url::Url;

use super::bench::{Bench, REDIRECT, VERIFIER, claims, get, post_form, value};
use crate::visitor::VisitError;
use crate::{App, Lifetimes, Options, Platform};

/// Parameters that differ from a right request.
type Parameters<'a> = &'a [(&'a str, &'a str)];

async fn refused_on_a_page(bench: &Bench, name: &str, more: &[(&str, &str)]) -> Option<u32> {
    match bench.arrive(name, more).await {
        Err(VisitError::Refused { number, .. }) => number,
        other => panic!("expected a page, got {other:?}"),
    }
}

#[tokio::test]
async fn discovery_has_entras_quirks() {
    let bench = Bench::start().await;
    let summary = bench.sandbox.summary();
    let document = get(&format!("{}/.well-known/openid-configuration", summary.issuer)).await.json();
    assert_eq!(document["issuer"], summary.issuer.as_str());
    assert!(document.get("code_challenge_methods_supported").is_none());
    let methods = document["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(!methods.contains(&json!("none")));
    let keys = get(document["jwks_uri"].as_str().unwrap()).await.json();
    assert_eq!(keys["keys"][0]["issuer"], summary.issuer.as_str());

    let root = summary.issuer.split(&summary.tenant).next().unwrap().to_owned();
    let by_domain = get(&format!("{root}sandbox.example/v2.0/.well-known/openid-configuration")).await.json();
    assert_eq!(by_domain["issuer"], summary.issuer.as_str());
    let common = get(&format!("{root}common/v2.0/.well-known/openid-configuration")).await.json();
    assert_eq!(common["issuer"], format!("{root}{{tenantid}}/v2.0"));
    let nobody = get(&format!("{root}nobody.example/v2.0/.well-known/openid-configuration")).await;
    assert_eq!((nobody.status, &nobody.json()["error_codes"]), (400, &json!([90_002])));
}

#[tokio::test]
async fn a_sign_in_gives_entras_claims() {
    let bench = Bench::start().await;
    let summary = bench.sandbox.summary();
    let arrived = bench.arrive("alice", &[]).await.unwrap();
    assert_eq!(value(&arrived, "state"), "the-state");
    let answer = bench.redeem(&value(&arrived, "code")).await.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    let first = claims(answer["id_token"].as_str().unwrap());
    let now = bench.sandbox.world().now().as_second();
    for (name, expected) in [
        ("ver", json!("2.0")),
        ("iss", json!(summary.issuer)),
        ("aud", json!(summary.client_id)),
        ("tid", json!(summary.tenant)),
        ("nonce", json!("the-nonce")),
        ("exp", json!(now + 3600)),
        ("preferred_username", json!("alice@sandbox.example")),
        ("email", json!("alice@sandbox.example")),
        ("sub", json!(bench.sandbox.world().subject(&summary.client_id, "alice@sandbox.example"))),
    ] {
        assert_eq!(first[name], expected, "{name}");
    }
    assert!(first.get("azp").is_none());

    // Refreshing rotates without ending the old token, and drops the nonce.
    let old = answer["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        let again = bench
            .token(&[("grant_type", "refresh_token"), ("refresh_token", old), ("scope", "openid")])
            .await
            .json();
        let refreshed = claims(again["id_token"].as_str().unwrap());
        assert!(refreshed.get("nonce").is_none() && refreshed.get("oid").is_none());
        assert_eq!(refreshed["sub"], first["sub"]);
        assert!(again.get("refresh_token").is_none(), "offline_access was not asked for again");
    }
    bench.sandbox.world().revoke_sign_ins("alice@sandbox.example");
    let ended = bench.token(&[("grant_type", "refresh_token"), ("refresh_token", old)]).await.json();
    assert_eq!(ended["error_codes"], json!([50_173]));

    // Graph knows the owner of the access token.
    let url = Url::parse(&format!("{}/v1.0/me", summary.graph_endpoint)).unwrap();
    let bearer =
        [(http::header::AUTHORIZATION, format!("Bearer {}", answer["access_token"].as_str().unwrap()))];
    let me = crate::web::send(http::Method::GET, &url, &bearer, bytes::Bytes::new()).await.unwrap();
    let me: serde_json::Value = serde_json::from_slice(me.body()).unwrap();
    assert_eq!(me["id"], first["oid"]);
}

#[tokio::test]
async fn faults_before_the_redirect_is_trusted_stay_on_a_page() {
    let bench = Bench::start().await;
    let cases: [(&str, Parameters<'_>, u32); 7] = [
        ("alice", &[("client_id", "00000000-0000-4000-8000-000000000000")], 700_016),
        ("alice", &[("redirect_uri", "http://localhost:1/other")], 50_011),
        ("alice", &[("redirect_uri", "http://127.0.0.1:1/")], 50_011),
        ("alice", &[("redirect_uri", "")], 900_971),
        ("dave", &[], 50_105),
        ("erin", &[], 50_020),
        ("alice", &[("client_id", "")], 900_144),
    ];
    for (name, more, number) in cases {
        assert_eq!(refused_on_a_page(&bench, name, more).await, Some(number), "{name} {more:?}");
    }
    let stranger = crate::visitor::Visitor::new("alice@sandbox.example", "wrong password");
    let error = stranger.sign_in(&bench.authorize_url(&[])).await.unwrap_err();
    assert!(matches!(error, VisitError::Refused { number: Some(50_126), .. }), "{error:?}");
}

#[tokio::test]
async fn later_faults_travel_back_to_the_client() {
    let bench = Bench::start().await;
    let cases: [(Parameters<'_>, &str, &str); 9] = [
        (&[("response_type", "id_token")], "unsupported_response_type", "AADSTS700054"),
        (&[("scope", "")], "invalid_request", "AADSTS900144"),
        (&[("scope", "openid api://unknown/x")], "invalid_resource", "AADSTS500011"),
        (&[("prompt", "none")], "login_required", "AADSTS50058"),
        (&[("prompt", "sometimes")], "invalid_request", "AADSTS90023"),
        (&[("prompt", "select_account"), ("login_hint", "a@b")], "invalid_request", "AADSTS90023"),
        (&[("code_challenge", "short")], "invalid_request", "AADSTS501491"),
        (&[("code_challenge", "")], "invalid_request", "AADSTS50147"),
        (&[("response_mode", "okay")], "unsupported_response_mode", "AADSTS70007"),
    ];
    for (more, error, number) in cases {
        let arrived = bench.arrive("alice", more).await.unwrap();
        assert_eq!(value(&arrived, "error"), error, "{more:?}");
        assert!(value(&arrived, "error_description").starts_with(&format!("{number}: ")), "{more:?}");
        assert_eq!(value(&arrived, "state"), "the-state");
    }
    let declined = bench
        .visitor("alice")
        .declining()
        .sign_in(&bench.authorize_url(&[("prompt", "consent")]))
        .await
        .unwrap();
    assert!(declined.url.contains("error=access_denied"), "{}", declined.url);
}

#[tokio::test]
async fn a_browser_session_signs_in_silently() {
    let bench = Bench::start().await;
    // A web redirect has no confirmation page for an unknown scheme.
    let loopback = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let redirect = format!("http://localhost:{}/", loopback.local_addr().unwrap().port());
    let listen = async {
        for _ in 0..2 {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = loopback.accept().await.unwrap();
            let mut request = vec![0; 8192];
            let length = stream.read(&mut request).await.unwrap();
            assert!(String::from_utf8_lossy(&request[..length]).starts_with("GET /?code="));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
        }
    };
    let visit = async {
        let visitor = bench.visitor("alice");
        let first = visitor.sign_in(&bench.authorize_url(&[("redirect_uri", &redirect)])).await.unwrap();
        assert_eq!(first.page.unwrap().text, "done");
        let silent = [("redirect_uri", redirect.as_str()), ("prompt", "none")];
        assert!(visitor.sign_in(&bench.authorize_url(&silent)).await.unwrap().url.contains("code="));
    };
    tokio::join!(listen, visit);
    assert_eq!(bench.sandbox.recorder().count(crate::Service::Issuer, "login"), 1);
}

#[tokio::test]
async fn answers_in_a_fragment_or_a_posted_form() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let bench = Bench::start().await;
    let arrival =
        bench.visitor("bob").sign_in(&bench.authorize_url(&[("response_mode", "fragment")])).await.unwrap();
    assert!(arrival.url.starts_with(&format!("{REDIRECT}#code=")), "{}", arrival.url);

    let loopback = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let redirect = format!("http://localhost:{}/", loopback.local_addr().unwrap().port());
    let listen = async {
        let (mut stream, _) = loopback.accept().await.unwrap();
        let mut request = String::new();
        while !request.contains("state=the-state") {
            let mut piece = vec![0; 4096];
            let length = stream.read(&mut piece).await.unwrap();
            request.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
        request
    };
    let url = bench.authorize_url(&[("redirect_uri", &redirect), ("response_mode", "form_post")]);
    let visitor = bench.visitor("bob");
    let (request, arrival) = tokio::join!(listen, visitor.sign_in(&url));
    assert!(request.starts_with("POST / HTTP/1.1") && request.contains("code="), "{request}");
    assert_eq!(arrival.unwrap().page.unwrap().text, "done");
}

#[tokio::test]
async fn a_certificate_stands_in_for_a_secret() {
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let bench = Bench::start().await;
    let client_id = "22222222-2222-4222-8222-222222222222";
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let mut app = App::new(client_id, "Certified");
    app.redirect_uris = vec![(Platform::Web, "certified://cb".into())];
    app.certificates = vec![crate::Certificate {
        thumbprint: "the-thumbprint".into(),
        public_key_der: pair.public_key().as_ref().to_vec(),
    }];
    bench.sandbox.world().put_app(app);
    let token = format!("{}/oauth2/v2.0/token", bench.tenant_base());
    let expires = bench.sandbox.world().now().as_second() + 60;
    for (audience, expires, number) in [
        (token.as_str(), expires, None),
        ("https://elsewhere", expires, Some(700_023)),
        (&token, 1, Some(700_024)),
    ] {
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!(
            "{}.{}",
            encode(json!({"alg": "RS256", "x5t#S256": "the-thumbprint"})),
            encode(json!({"iss": client_id, "sub": client_id, "aud": audience, "exp": expires}))
        );
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        pair.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)
            .unwrap();
        let assertion = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        let arrived = bench
            .arrive("alice", &[("client_id", client_id), ("redirect_uri", "certified://cb")])
            .await
            .unwrap();
        let code = value(&arrived, "code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("redirect_uri", "certified://cb"),
            ("code_verifier", VERIFIER),
            ("code", code.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        let answer = post_form(&token, &form, &[]).await.json();
        assert_eq!(answer["error_codes"][0].as_u64(), number, "{answer}");
    }
}

#[tokio::test]
async fn the_token_endpoint_refuses_by_number() {
    let bench = Bench::start().await;
    let code = bench.code("alice").await;
    let right = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let cases: [(&str, &str, &str, u32); 8] = [
        ("grant_type", "", "invalid_request", 900_144),
        ("grant_type", "password", "unsupported_grant_type", 70_003),
        ("code", "nonsense", "invalid_grant", 9_002_313),
        ("redirect_uri", "http://localhost", "invalid_client", 500_112),
        ("code_verifier", "another-verifier-that-is-long-enough-012345678", "invalid_grant", 501_481),
        ("code_verifier", "", "invalid_grant", 501_481),
        ("client_secret", "a-secret", "invalid_client", 700_025),
        ("client_id", "00000000-0000-4000-8000-000000000000", "unauthorized_client", 700_016),
    ];
    for (name, wrong, error, number) in cases {
        let mut pairs = right.to_vec();
        pairs.retain(|(other, _)| *other != name);
        pairs.push((name, wrong));
        let answer = bench.token(&pairs).await.json();
        assert_eq!(
            (&answer["error"], &answer["error_codes"]),
            (&json!(error), &json!([number])),
            "{name}={wrong}"
        );
        let description = answer["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(&format!("AADSTS{number}: ")) && description.contains("\r\nTrace ID: ")
        );
        assert!(description.contains(answer["correlation_id"].as_str().unwrap()));
    }
    // Nothing above used the code up; once it is, it is.
    assert_eq!(bench.token(&right).await.status, 200);
    assert_eq!(bench.token(&right).await.json()["error_codes"], json!([54_005]));
    let late = bench.code("alice").await;
    bench.advance(601);
    assert_eq!(bench.redeem(&late).await.json()["error_codes"], json!([70_008]));
}

#[tokio::test]
async fn the_platform_of_the_redirect_uri_decides_what_a_client_is() {
    let bench = Bench::start().await;
    let client_id = "11111111-1111-4111-8111-111111111111";
    let mut app = App::new(client_id, "Mixed");
    app.redirect_uris = vec![
        (Platform::Web, "https://web.example/cb".into()),
        (Platform::Spa, "https://spa.example/cb".into()),
    ];
    app.secrets = vec!["the-secret-of-the-app".into()];
    bench.sandbox.world().put_app(app);
    let token = format!("{}/oauth2/v2.0/token", bench.tenant_base());
    for (redirect, headers, secret, number) in [
        ("https://web.example/cb", vec![], None, Some(7_000_218)),
        ("https://web.example/cb", vec![], Some("wrong-secret-of-it"), Some(7_000_215)),
        ("https://web.example/cb", vec![], Some("the-secret-of-the-app"), None),
        ("https://spa.example/cb", vec![], None, Some(9_002_327)),
        ("https://spa.example/cb", vec![("origin", "https://spa.example")], None, None),
    ] {
        // The browser cannot load https here: read the code off the redirect by form_post's page instead.
        let arrival = bench
            .visitor("alice")
            .sign_in(&bench.authorize_url(&[("client_id", client_id), ("redirect_uri", redirect)]))
            .await
            .unwrap();
        let pairs: Vec<(String, String)> =
            Url::parse(&arrival.url).unwrap().query_pairs().into_owned().collect();
        let code = value(&pairs, "code");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("redirect_uri", redirect),
            ("code_verifier", VERIFIER),
            ("code", code.as_str()),
        ];
        form.extend(secret.map(|secret| ("client_secret", secret)));
        let answer = post_form(&token, &form, &headers).await.json();
        assert_eq!(answer["error_codes"][0].as_u64(), number, "{redirect} {answer}");
    }
}

#[tokio::test]
async fn device_codes_go_through_their_states() {
    let lifetimes = Lifetimes { enforce_device_interval: true, ..Lifetimes::default() };
    let bench = Bench::with(Options { lifetimes, ..Options::default() }).await;
    let client_id = bench.sandbox.summary().client_id.clone();
    let start = async || {
        let form = [("client_id", client_id.as_str()), ("scope", "openid profile")];
        let answer =
            post_form(&format!("{}/oauth2/v2.0/devicecode", bench.tenant_base()), &form, &[]).await.json();
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("device_code"), text("user_code"), text("verification_uri"))
    };
    let poll = async |device_code: &str| {
        let form =
            [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", device_code)];
        bench.token(&form).await.json()
    };
    let (device_code, user_code, address) = start().await;
    assert_eq!(poll(&device_code).await["error_codes"], json!([70_016]));
    assert_eq!(poll(&device_code).await["error"], "slow_down");
    assert!(bench.visitor("bob").enter_device_code(&address, "WRONGCODE").await.is_err());
    bench.visitor("bob").enter_device_code(&address, &user_code).await.unwrap();
    let tokens = poll(&device_code).await;
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["preferred_username"], "bob@sandbox.example");
    assert_eq!(poll(&device_code).await["error"], "invalid_grant");

    let (declined, user_code, address) = start().await;
    bench.visitor("bob").declining().enter_device_code(&address, &user_code).await.unwrap();
    assert_eq!(poll(&declined).await["error"], "authorization_declined");

    let (late, ..) = start().await;
    bench.advance(901);
    assert_eq!(poll(&late).await["error"], "expired_token");
    assert_eq!(poll("unknown").await["error"], "bad_verification_code");

    let mut app = bench.sandbox.world().app(&client_id).unwrap();
    app.public_client_flows = false;
    bench.sandbox.world().put_app(app);
    assert_eq!(poll(&late).await["error_codes"], json!([7_000_218]));
}

#[tokio::test]
async fn a_tenantless_authority_refuses_a_single_tenant_app() {
    let bench = Bench::start().await;
    let url = bench.authorize_url(&[]).replace(&bench.sandbox.summary().tenant, "common");
    let error = bench.visitor("alice").sign_in(&url).await.unwrap_err();
    assert!(matches!(error, VisitError::Refused { number: Some(50_194), .. }), "{error:?}");
}
