//! Identity Center as a client meets it: registration, both sign-ins, renewal, and the portal.

use serde_json::{Value, json};
use url::Url;

use super::bench::{Answer, Bench, CHALLENGE, Key, VERIFIER, get, send, value};
use crate::{Effect, Fault, Service};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const BACK: &str = "http://127.0.0.1:1/oauth/callback";

impl Bench {
    async fn oidc(&self, path: &str, input: Value) -> Answer {
        let address = format!("{}{path}", self.sandbox.summary().sso_oidc_endpoint);
        send("POST", &address, &[("content-type", "application/json")], &input.to_string()).await
    }

    /// Registers a client and returns its ID and secret.
    async fn client(&self, more: Value) -> (String, String) {
        let mut input = json!({"clientName": "test", "clientType": "public"});
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let told = self.oidc("/client/register", input).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let told = told.json();
        (told["clientId"].as_str().unwrap().to_owned(), told["clientSecret"].as_str().unwrap().to_owned())
    }

    async fn start_device(&self, client: &(String, String)) -> Value {
        let input = json!({
            "clientId": client.0, "clientSecret": client.1, "startUrl": self.sandbox.summary().sso_start_url});
        self.oidc("/device_authorization", input).await.json()
    }

    async fn sso_token(&self, client: &(String, String), more: Value) -> Answer {
        let mut input = json!({"clientId": client.0, "clientSecret": client.1});
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        self.oidc("/token", input).await
    }

    async fn portal(&self, method: &str, path: &str, bearer: &str) -> Answer {
        let address = format!("{}{path}", self.sandbox.summary().sso_portal_endpoint);
        send(method, &address, &[("x-amz-sso_bearer_token", bearer)], "").await
    }

    /// The whole way by device code.
    async fn device_token(&self, name: &str) -> ((String, String), Value) {
        let client = self.client(json!({"scopes": ["sso:account:access"]})).await;
        let device = self.start_device(&client).await;
        let (page, code) =
            (device["verificationUri"].as_str().unwrap(), device["userCode"].as_str().unwrap());
        self.visitor(name).enter_device_code(page, code).await.unwrap();
        let token =
            self.sso_token(&client, json!({"grantType": DEVICE, "deviceCode": device["deviceCode"]})).await;
        assert_eq!(token.status, 200, "{}", token.text);
        (client, token.json())
    }
}

fn bearer(token: &Value) -> String {
    token["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn registration_is_checked_and_ends() {
    let bench = Bench::start().await;
    for (more, exception) in [
        (json!({"clientType": "confidential"}), "InvalidClientMetadataException"),
        (json!({"clientName": ""}), "InvalidRequestException"),
        (json!({"scopes": ["nonsense"]}), "InvalidScopeException"),
        (json!({"grantTypes": ["password"]}), "UnsupportedGrantTypeException"),
        (
            json!({"grantTypes": ["authorization_code"], "redirectUris": ["http://evil.example/x"]}),
            "InvalidRedirectUriException",
        ),
        (json!({"grantTypes": ["authorization_code"]}), "InvalidRedirectUriException"),
    ] {
        let mut input = json!({"clientName": "test", "clientType": "public"});
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let answer = bench.oidc("/client/register", input).await;
        assert_eq!(answer.exception(), (400, exception.to_owned()), "{more}");
        assert!(answer.json()["error_description"].is_string());
    }
    let client = bench.client(json!({})).await;
    let wrong = (client.0.clone(), "wrong".to_owned());
    let poll = json!({"grantType": DEVICE, "deviceCode": "x"});
    assert_eq!(
        bench.sso_token(&wrong, poll.clone()).await.exception(),
        (401, "InvalidClientException".into())
    );
    assert_eq!(
        bench.sso_token(&client, poll.clone()).await.exception(),
        (400, "InvalidGrantException".into())
    );
    bench.sandbox.world().expire_client_registrations();
    let late = bench.sso_token(&client, poll).await;
    assert_eq!(late.exception(), (401, "InvalidClientException".into()));
    assert_eq!(late.json()["error"], "invalid_client");
}

#[tokio::test]
async fn a_device_is_signed_in_or_refused() {
    let bench = Bench::start().await;
    let client = bench.client(json!({})).await;
    let poll = async |device: &Value| {
        bench.sso_token(&client, json!({"grantType": DEVICE, "deviceCode": device["deviceCode"]})).await
    };
    let device = bench.start_device(&client).await;
    assert!(
        device["verificationUriComplete"].as_str().unwrap().ends_with(device["userCode"].as_str().unwrap())
    );
    let waiting = poll(&device).await;
    assert_eq!(waiting.exception(), (400, "AuthorizationPendingException".into()));
    assert_eq!(waiting.json()["error"], "authorization_pending");
    let page = device["verificationUri"].as_str().unwrap();
    assert!(bench.visitor("alice").enter_device_code(page, "AAAA-AAAA").await.is_err());
    let code = device["userCode"].as_str().unwrap();
    assert!(bench.visitor("erin").enter_device_code(page, code).await.is_err(), "another tenant's");
    bench.visitor("alice").enter_device_code(page, code).await.unwrap();
    let token = poll(&device).await.json();
    assert_eq!((&token["tokenType"], &token["refreshToken"]), (&json!("Bearer"), &Value::Null));
    assert_eq!(poll(&device).await.exception(), (400, "InvalidGrantException".into()), "redeemed");

    let declined = bench.start_device(&client).await;
    let code = declined["userCode"].as_str().unwrap();
    bench.visitor("alice").declining().enter_device_code(page, code).await.unwrap();
    assert_eq!(poll(&declined).await.exception(), (400, "AccessDeniedException".into()));
    let forgotten = bench.start_device(&client).await;
    bench.advance(601);
    assert_eq!(poll(&forgotten).await.exception(), (400, "ExpiredTokenException".into()));
    let input =
        json!({"clientId": client.0, "clientSecret": client.1, "startUrl": "https://other.example/start"});
    let elsewhere = bench.oidc("/device_authorization", input).await;
    assert_eq!(elsewhere.exception(), (400, "InvalidRequestException".into()));
}

#[tokio::test]
async fn impatient_polls_are_slowed_down_where_told() {
    let mut options = crate::Options::default();
    options.lifetimes.enforce_device_interval = true;
    let bench = Bench::with(options).await;
    let client = bench.client(json!({})).await;
    let device = bench.start_device(&client).await;
    let poll = json!({"grantType": DEVICE, "deviceCode": device["deviceCode"]});
    assert_eq!(bench.sso_token(&client, poll.clone()).await.exception().1, "AuthorizationPendingException");
    assert_eq!(bench.sso_token(&client, poll.clone()).await.exception(), (400, "SlowDownException".into()));
    bench.advance(1);
    assert_eq!(bench.sso_token(&client, poll).await.exception().1, "AuthorizationPendingException");
}

#[tokio::test]
async fn a_browser_comes_back_with_a_code() {
    let bench = Bench::start().await;
    let client = bench
        .client(json!({
            "scopes": ["sso:account:access"],
            "grantTypes": ["authorization_code", "refresh_token"],
            "redirectUris": ["http://127.0.0.1/oauth/callback"],
        }))
        .await;
    let base = bench.sandbox.summary().sso_oidc_endpoint.clone();
    let address = |redirect: &str, challenge: &str| {
        let pairs = [
            ("response_type", "code"),
            ("client_id", client.0.as_str()),
            ("redirect_uri", redirect),
            ("state", "the-state"),
            ("code_challenge_method", "S256"),
            ("scopes", "sso:account:access"),
            ("code_challenge", challenge),
        ];
        String::from(Url::parse_with_params(&format!("{base}/authorize"), pairs).unwrap())
    };
    // Nothing listens at the redirect: what the last page sends is looked at by hand.
    let through = async |action: &str| {
        let page = get(&address(BACK, CHALLENGE)).await;
        let flow =
            page.text.split("name=\"flow\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let alice = bench.sandbox.summary().users[0].clone();
        let form = [("flow", flow.as_str()), ("username", &alice.username), ("password", &alice.password)];
        let asked = super::bench::post_form(&format!("{base}/login"), &form, &[]).await;
        assert!(asked.text.contains("Allow test to access"), "{}", asked.text);
        let answer = [("flow", flow.as_str()), ("do", action)];
        let sent = super::bench::post_form(&format!("{base}/confirm"), &answer, &[]).await;
        assert_eq!(sent.status, 302);
        let target = Url::parse(sent.header("location").unwrap()).unwrap();
        assert!(target.as_str().starts_with(BACK));
        target.query_pairs().into_owned().collect::<Vec<_>>()
    };
    assert_eq!(value(&through("cancel").await, "error"), "access_denied");
    let back = through("accept").await;
    assert_eq!(value(&back, "state"), "the-state");
    let code = value(&back, "code");
    let redeem = async |code: &str, verifier: &str, redirect: &str| {
        bench
            .sso_token(
                &client,
                json!({"grantType": "authorization_code", "code": code, "codeVerifier": verifier,
                    "redirectUri": redirect}),
            )
            .await
    };
    let other = VERIFIER.replace('d', "e");
    assert_eq!(redeem(&code, &other, BACK).await.exception(), (400, "InvalidGrantException".into()));
    assert_eq!(redeem(&code, VERIFIER, "http://127.0.0.1:2/oauth/callback").await.status, 400);
    let token = redeem(&code, VERIFIER, BACK).await.json();
    assert!(token["refreshToken"].is_string());
    assert_eq!(redeem(&code, VERIFIER, BACK).await.status, 400, "a code counts once");
    assert_eq!(get(&address("https://evil.example/x", CHALLENGE)).await.status, 400);
    let bare = get(&address(BACK, "")).await;
    assert!(bare.status == 302 && bare.header("location").unwrap().contains("error=invalid_request"));
    let device = bench.sso_token(&client, json!({"grantType": DEVICE, "deviceCode": "x"})).await;
    assert_eq!(device.exception(), (400, "UnauthorizedClientException".into()));
}

#[tokio::test]
async fn tokens_are_renewed_until_the_sign_in_ends() {
    let bench = Bench::start().await;
    let (client, first) = bench.device_token("alice").await;
    assert_eq!(first["expiresIn"], 3600);
    bench.advance(3600);
    let list = async |token: &Value| bench.portal("GET", "/assignment/accounts", &bearer(token)).await;
    let expired = list(&first).await;
    assert_eq!(expired.exception(), (401, "UnauthorizedException".into()));
    assert_eq!(expired.json()["message"], "Session token not found or invalid");
    let refresh = async |token: &Value| {
        bench
            .sso_token(&client, json!({"grantType": "refresh_token", "refreshToken": token["refreshToken"]}))
            .await
    };
    let second = refresh(&first).await.json();
    assert_eq!(list(&second).await.status, 200);
    let again = refresh(&first).await;
    assert_eq!(again.json()["error_description"], "Invalid refresh token provided");
    bench.advance(6 * 3600 + 1800);
    let third = refresh(&second).await.json();
    assert_eq!(third["expiresIn"], 1800, "no longer than the sign-in");
    bench.advance(1800);
    assert_eq!(refresh(&third).await.exception(), (400, "InvalidGrantException".into()));
}

#[tokio::test]
async fn the_portal_gives_what_is_assigned() {
    let bench = Bench::start().await;
    let (client, token) = bench.device_token("alice").await;
    let bearer = bearer(&token);
    let first = bench.portal("GET", "/assignment/accounts?max_result=1", &bearer).await.json();
    let next = first["nextToken"].as_str().unwrap();
    let second =
        bench.portal("GET", &format!("/assignment/accounts?max_result=1&next_token={next}"), &bearer).await;
    let second = second.json();
    assert!(second["nextToken"].is_null());
    let own = bench.sandbox.summary().role_arn.split(':').nth(4).unwrap().to_owned();
    let mut ids =
        [&first, &second].map(|page| page["accountList"][0]["accountId"].as_str().unwrap().to_owned());
    ids.sort_by_key(|id| *id != own);
    assert_eq!(ids[0], own);
    let roles = bench.portal("GET", &format!("/assignment/roles?account_id={own}"), &bearer).await.json();
    let names: Vec<&str> =
        roles["roleList"].as_array().unwrap().iter().map(|role| role["roleName"].as_str().unwrap()).collect();
    assert_eq!(names, ["PintailFull", "PintailRead"]);

    let fetch = async |account: &str, role: &str| {
        let path = format!("/federation/credentials?role_name={role}&account_id={account}");
        bench.portal("GET", &path, &bearer).await
    };
    let key = |answer: &Answer| {
        let told = answer.json()["roleCredentials"].clone();
        assert_eq!(told["expiration"], 1_788_267_600_000_i64);
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Key { id: text("accessKeyId"), secret: text("secretAccessKey"), token: Some(text("sessionToken")) }
    };
    let full = key(&fetch(&own, "PintailFull").await);
    assert_eq!(bench.s3(&full, "PUT", "/pintail-demo/new", &[], b"x").await.status, 200);
    let who = bench.call("sts", &full, &[("Action", "GetCallerIdentity")]).await;
    assert!(who.element("Arn").contains(":assumed-role/AWSReservedSSO_PintailFull_"), "{}", who.text);
    let read = key(&fetch(&own, "PintailRead").await);
    assert_eq!(bench.s3(&read, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    assert_eq!(bench.s3(&read, "PUT", "/pintail-demo/new", &[], b"x").await.status, 403);
    let foreign = key(&fetch(&ids[1], "PintailRead").await);
    let who = bench.call("sts", &foreign, &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(who.element("Account"), ids[1]);
    assert_eq!(bench.s3(&foreign, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 403);
    assert_eq!(bench.s3(&foreign, "GET", "/pintail-public/hello.txt", &[], b"").await.status, 200);

    assert_eq!(fetch(&ids[1], "PintailFull").await.exception(), (403, "ForbiddenException".into()));
    assert_eq!(fetch("1", "PintailFull").await.exception(), (400, "InvalidRequestException".into()));
    let none = bench.portal("GET", "/assignment/accounts", "").await;
    assert_eq!(none.exception(), (401, "UnauthorizedException".into()));
    assert_eq!(none.json()["__type"], "com.amazonaws.switchboard.portal#UnauthorizedException");
    assert_eq!(bench.portal("POST", "/logout", &bearer).await.status, 200);
    assert_eq!(fetch(&own, "PintailFull").await.status, 401);
    let renewed = bench
        .sso_token(&client, json!({"grantType": "refresh_token", "refreshToken": token["refreshToken"]}))
        .await;
    assert_eq!(renewed.status, 400);
    assert_eq!(bench.s3(&full, "GET", "/pintail-demo/new", &[], b"").await.status, 200, "sessions live on");

    let (_, bobs) = bench.device_token("bob").await;
    let world = bench.sandbox.world();
    assert!(world.assign("bob@sandbox.example", &own, "PintailFull"));
    assert!(!world.assign("bob@sandbox.example", &own, "NoSuchSet"));
    let path = format!("/federation/credentials?role_name=PintailFull&account_id={own}");
    assert_eq!(bench.portal("GET", &path, &super::center::bearer(&bobs)).await.status, 200);
    world.unassign("bob@sandbox.example");
    assert!(world.portal_accounts("bob@sandbox.example").is_empty());
    world.end_portal_sessions("bob@sandbox.example");
    assert_eq!(bench.portal("GET", &path, &super::center::bearer(&bobs)).await.status, 401);
}

#[tokio::test]
async fn faults_strike_and_secrets_are_known() {
    let bench = Bench::start().await;
    let faults = bench.sandbox.faults();
    faults.add(Fault::new(
        Service::SsoOidc,
        "RegisterClient",
        Effect::status(500, "InternalServerException", "broken"),
    ));
    let answer = bench.oidc("/client/register", json!({"clientName": "n", "clientType": "public"})).await;
    assert_eq!(answer.exception(), (500, "InternalServerException".into()));
    assert_eq!(answer.json()["error"], "server_error");
    faults.add(Fault::new(
        Service::Sso,
        "ListAccounts",
        Effect::status(429, "TooManyRequestsException", "HTTP 429 Unknown Code"),
    ));
    let (client, token) = bench.device_token("alice").await;
    let bearer = bearer(&token);
    let slowed = bench.portal("GET", "/assignment/accounts", &bearer).await;
    assert_eq!(slowed.exception(), (429, "TooManyRequestsException".into()));
    let told = bench.portal("GET", "/assignment/accounts", &bearer).await;
    assert_eq!(told.status, 200);
    let secrets = bench.sandbox.recorder().secrets();
    for secret in [&client.1, &bearer, token["refreshToken"].as_str().unwrap()] {
        assert!(secrets.iter().any(|known| known == secret));
    }
    let calls = bench.sandbox.recorder();
    assert_eq!(calls.count(Service::Sso, "ListAccounts"), 2);
    assert_eq!(calls.count(Service::SsoOidc, "CreateToken"), 1);
}
