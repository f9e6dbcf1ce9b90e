//! Microsoft Graph: what is made there can be signed in with, who may do what, and how lists and errors look.

use serde_json::{Value, json};

use super::bench::{Answer, Bench, VERIFIER, claims, get, post_form, send, value};
use crate::visitor::VisitError;
use crate::{AZURE_CLI_SCOPES, Effect, Fault, Options, Service};

pub(super) const TOOLS: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
pub(super) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

pub(super) async fn empty() -> Bench {
    Bench::with(Options { empty: true, ..Options::default() }).await
}

/// A call at Graph with a token.
pub(super) async fn graph(bench: &Bench, token: &str, method: &str, path: &str, body: Value) -> Answer {
    let address = if path.starts_with("http") {
        path.to_owned()
    } else {
        format!("{}/v1.0{path}", bench.sandbox.summary().graph_endpoint)
    };
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(method, &address, &headers, &body).await
}

pub(super) fn admin(bench: &Bench) -> String {
    bench.sandbox.world().azure_cli_token(&bench.sandbox.summary().admin_person).unwrap()
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

pub(super) fn registration() -> Value {
    json!({
        "displayName": "Pintail",
        "signInAudience": "AzureADMyOrg",
        "publicClient": {"redirectUris": ["http://localhost", "pintail://oauth"]},
        "isFallbackPublicClient": false,
        "api": {"requestedAccessTokenVersion": 2},
        "optionalClaims": {"idToken": [{"name": "email", "essential": false}]},
        "requiredResourceAccess": [{"resourceAppId": GRAPH, "resourceAccess": [
            {"id": "37f7f235-527c-4136-accd-4a02d197296e", "type": "Scope"}]}],
        "tags": ["pintail-setup"],
        "notes": "made by a test",
    })
}

/// Makes an app with its service principal; returns the IDs of app, client and principal.
pub(super) async fn install(bench: &Bench, token: &str, registration: Value) -> (String, String, String) {
    let app = graph(bench, token, "POST", "/applications", registration).await;
    assert_eq!(app.status, 201, "{}", app.text);
    let (id, client_id) = (text(&app.json(), "id"), text(&app.json(), "appId"));
    let body = json!({"appId": client_id, "appRoleAssignmentRequired": true});
    let principal = graph(bench, token, "POST", "/servicePrincipals", body).await;
    assert_eq!(principal.status, 201, "{}", principal.text);
    (id, client_id, text(&principal.json(), "id"))
}

pub(super) async fn sign_in(
    bench: &Bench,
    client_id: &str,
    name: &str,
) -> Result<Vec<(String, String)>, VisitError> {
    bench.arrive(name, &[("client_id", client_id)]).await
}

pub(super) async fn refused(bench: &Bench, client_id: &str, name: &str) -> Option<u32> {
    match sign_in(bench, client_id, name).await {
        Err(VisitError::Refused { number, .. }) => number,
        other => panic!("expected a page, got {other:?}"),
    }
}

#[tokio::test]
async fn an_app_is_set_up_used_and_taken_down() {
    let bench = empty().await;
    let token = admin(&bench);
    let summary = bench.sandbox.summary();
    assert_eq!((summary.client_id.as_str(), summary.role_arn.as_str()), ("", ""));
    assert_eq!(bench.sandbox.world().apps().len(), 0);

    let (id, client_id, principal) = install(&bench, &token, registration()).await;
    let shown = graph(&bench, &token, "GET", &format!("/applications/{id}"), Value::Null).await.json();
    for (name, expected) in [
        ("displayName", json!("Pintail")),
        ("signInAudience", json!("AzureADMyOrg")),
        ("isFallbackPublicClient", json!(false)),
        ("tags", json!(["pintail-setup"])),
        ("notes", json!("made by a test")),
        ("publicClient", json!({"redirectUris": ["http://localhost", "pintail://oauth"]})),
        ("spa", json!({"redirectUris": []})),
    ] {
        assert_eq!(shown[name], expected, "{name}");
    }
    assert_eq!(shown["api"]["requestedAccessTokenVersion"], 2);

    // Nobody is assigned yet; the consent page would come after that.
    assert_eq!(refused(&bench, &client_id, "alice").await, Some(50_105));
    let groups = graph(
        &bench,
        &token,
        "GET",
        "/groups?$filter=displayName%20eq%20'S3%20users'&$select=id,displayName",
        Value::Null,
    );
    let groups = groups.await.json();
    let group = text(&groups["value"][0], "id");
    assert_eq!(groups["value"], json!([{"id": group, "displayName": "S3 users"}]));
    let path = format!("/servicePrincipals/{principal}/appRoleAssignedTo");
    let assignment = json!({"principalId": group, "resourceId": principal, "appRoleId": NOBODY});
    let assigned = graph(&bench, &token, "POST", &path, assignment.clone()).await;
    assert_eq!(assigned.status, 201, "{}", assigned.text);
    let again = graph(&bench, &token, "POST", &path, assignment).await;
    assert_eq!(code(&again), (400, "Request_BadRequest".into()));
    assert!(again.text.contains("Permission being assigned already exists on the object"));
    assert_eq!(refused(&bench, &client_id, "dave").await, Some(50_105));

    // Without a consent everybody is asked; with one for all, nobody is.
    let silent = [("client_id", client_id.as_str()), ("redirect_uri", "http://localhost:1/")];
    let url = bench.authorize_url(&silent);
    let fetched = |url: String| async move { get(&url).await };
    assert_eq!(fetched(url).await.status, 200);
    let graph_principal =
        graph(&bench, &token, "GET", &format!("/servicePrincipals(appId='{GRAPH}')"), Value::Null).await;
    let scopes = graph_principal.json()["oauth2PermissionScopes"].as_array().unwrap().len();
    assert!(scopes > 20);
    let grant = json!({"clientId": principal, "consentType": "AllPrincipals",
        "resourceId": text(&graph_principal.json(), "id"), "scope": "openid profile email offline_access"});
    let granted = graph(&bench, &token, "POST", "/oauth2PermissionGrants", grant.clone()).await;
    assert_eq!(granted.status, 201, "{}", granted.text);
    let twice = graph(&bench, &token, "POST", "/oauth2PermissionGrants", grant).await;
    assert_eq!(code(&twice), (409, "Request_MultipleObjectsWithSameKeyValue".into()));
    let alices = value(&sign_in(&bench, &client_id, "alice").await.unwrap(), "code");
    let tokens = bench
        .token(&[
            ("client_id", &client_id),
            ("grant_type", "authorization_code"),
            ("code", &alices),
            ("redirect_uri", "pintail://oauth"),
            ("code_verifier", VERIFIER),
        ])
        .await
        .json();
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["aud"], client_id.as_str());

    // A changed redirect URI counts at once.
    let change = json!({"publicClient": {"redirectUris": ["http://localhost"]}});
    let patched = graph(&bench, &token, "PATCH", &format!("/applications/{id}"), change).await;
    assert_eq!((patched.status, patched.text.as_str()), (204, ""));
    assert_eq!(refused(&bench, &client_id, "alice").await, Some(50_011));

    // A withdrawn consent ends renewal.
    let grant_path = format!("/oauth2PermissionGrants/{}", text(&granted.json(), "id"));
    let narrowed = graph(&bench, &token, "PATCH", &grant_path, json!({"scope": "openid"})).await;
    assert_eq!(narrowed.status, 204);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let renewed = bench
        .token(&[("client_id", &client_id), ("grant_type", "refresh_token"), ("refresh_token", refresh)])
        .await;
    assert_eq!(renewed.json()["error_codes"], json!([65_001]));

    // Without its service principal the app is unknown, and deleting the app takes both.
    let gone = graph(&bench, &token, "DELETE", &format!("/servicePrincipals/{principal}"), Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(refused(&bench, &client_id, "alice").await, Some(700_016));
    let by_app_id = format!("/applications(appId='{client_id}')");
    assert_eq!(graph(&bench, &token, "DELETE", &by_app_id, Value::Null).await.status, 204);
    let missing = graph(&bench, &token, "GET", &by_app_id, Value::Null).await;
    assert_eq!(code(&missing), (404, "Request_ResourceNotFound".into()));
    let deleted = format!("/directory/deletedItems/{id}");
    assert_eq!(graph(&bench, &token, "DELETE", &deleted, Value::Null).await.status, 204);
    assert_eq!(bench.sandbox.world().apps().len(), 0);
}

#[tokio::test]
async fn roles_and_permissions_decide_who_may_write() {
    let bench = empty().await;
    let world = bench.sandbox.world();
    let summary = bench.sandbox.summary();
    let denied = (403, "Authorization_RequestDenied".to_owned());
    let minted = |name: &str, scopes: &[&str]| world.graph_token(name, scopes).unwrap();
    let cli = |name: &str| minted(name, &AZURE_CLI_SCOPES);

    // The token's permissions, one by one.
    let hana = summary.admin_person.as_str();
    let app = json!({"displayName": "x", "signInAudience": "AzureADMyOrg"});
    for (scopes, method, path, body) in [
        (&["Application.Read.All"][..], "POST", "/applications", app.clone()),
        (&["User.Read"][..], "GET", "/applications", Value::Null),
        (&["Application.ReadWrite.All"][..], "GET", "/groups", Value::Null),
        (&["Application.ReadWrite.All"][..], "POST", "/oauth2PermissionGrants", json!({})),
        (
            &["AppRoleAssignment.ReadWrite.All"][..],
            "POST",
            "/servicePrincipals/x/appRoleAssignedTo",
            json!({}),
        ),
        (&AZURE_CLI_SCOPES[..], "GET", "/policies/claimsMappingPolicies", Value::Null),
        (&["openid", "profile"][..], "GET", "/me", Value::Null),
    ] {
        let answer = graph(&bench, &minted(hana, scopes), method, path, body).await;
        assert_eq!(code(&answer), denied, "{scopes:?} {method} {path}");
    }

    // The person's roles: a member may register and edit their own, not install; a developer may install their own.
    let member = cli("bob@sandbox.example");
    let made = graph(&bench, &member, "POST", "/applications", app.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let own = format!("/applications/{}", text(&made.json(), "id"));
    assert_eq!(graph(&bench, &member, "PATCH", &own, json!({"notes": "mine"})).await.status, 204);
    let install_it = json!({"appId": text(&made.json(), "appId")});
    assert_eq!(code(&graph(&bench, &member, "POST", "/servicePrincipals", install_it.clone()).await), denied);
    let developer = cli(&summary.developer_person);
    assert_eq!(code(&graph(&bench, &developer, "PATCH", &own, json!({"notes": "x"})).await), denied);
    assert_eq!(code(&graph(&bench, &developer, "POST", "/servicePrincipals", install_it).await), denied);
    let (_, _, principal) = install(&bench, &developer, app.clone()).await;
    let graph_id =
        graph(&bench, &developer, "GET", &format!("/servicePrincipals(appId='{GRAPH}')"), Value::Null).await;
    let grant = json!({"clientId": principal, "consentType": "AllPrincipals",
        "resourceId": text(&graph_id.json(), "id"), "scope": "openid"});
    assert_eq!(
        code(&graph(&bench, &developer, "POST", "/oauth2PermissionGrants", grant.clone()).await),
        denied
    );
    assert_eq!(graph(&bench, &cli(hana), "POST", "/oauth2PermissionGrants", grant).await.status, 201);

    // Where members may not register apps, developers still may; everybody can read the rule.
    world.let_users_create_apps(false);
    assert_eq!(code(&graph(&bench, &member, "POST", "/applications", app.clone()).await), denied);
    assert_eq!(graph(&bench, &developer, "POST", "/applications", app).await.status, 201);
    let reader = minted("bob@sandbox.example", &["Policy.Read.All"]);
    let policy = graph(&bench, &reader, "GET", "/policies/authorizationPolicy", Value::Null).await.json();
    assert_eq!(policy["defaultUserRolePermissions"]["allowedToCreateApps"], false);

    // Somebody's own roles and groups.
    let mine = graph(&bench, &cli(hana), "GET", "/me/memberOf", Value::Null).await.json();
    assert_eq!(mine["value"][0]["displayName"], "Cloud Application Administrator");
    assert_eq!(mine["value"][0]["@odata.type"], "#microsoft.graph.directoryRole");
}

#[tokio::test]
async fn errors_have_graphs_shape() {
    let bench = empty().await;
    let token = admin(&bench);
    let address = format!("{}/v1.0/me", bench.sandbox.summary().graph_endpoint);
    let nobody = get(&address).await;
    assert_eq!(code(&nobody), (401, "InvalidAuthenticationToken".into()));
    assert!(nobody.header("www-authenticate").unwrap().starts_with("Bearer "));
    assert_eq!(code(&graph(&bench, "no.jwt", "GET", "/me", Value::Null).await).0, 401);
    let marked = send(
        "GET",
        &address,
        &[("authorization", "Bearer x"), ("client-request-id", "11111111-2222-4333-8444-555555555555")],
        "",
    );
    let inner = marked.await.json()["error"]["innerError"].clone();
    assert_eq!(inner["client-request-id"], "11111111-2222-4333-8444-555555555555");
    assert_eq!(inner["date"], "2026-09-01T12:00:00");
    assert_eq!(text(&inner, "request-id").len(), 36);
    bench.advance(3601);
    let late = graph(&bench, &token, "GET", "/me", Value::Null).await;
    assert!(late.text.contains("the token is expired"), "{}", late.text);

    let token = admin(&bench);
    for (method, path, body, status, part) in [
        ("POST", "/applications", json!({}), 400, "'displayName'"),
        ("POST", "/applications", json!({"displayName": "x", "colour": 1}), 400, "'colour'"),
        (
            "POST",
            "/applications",
            json!({"displayName": "x", "signInAudience": "all"}),
            400,
            "'signInAudience'",
        ),
        (
            "POST",
            "/applications",
            json!({"displayName": "x", "publicClient": {"redirectUris": ["http://[::1]/"]}}),
            400,
            "publicClient/redirectUris",
        ),
        ("POST", "/servicePrincipals", json!({"appId": NOBODY}), 400, "NoBackingApplicationObject"),
        ("POST", "/servicePrincipals", json!({"appId": GRAPH}), 409, "already in use"),
        ("GET", "/applications?$filter=notes%20eq%20'x'", Value::Null, 400, "Request_UnsupportedQuery"),
        ("GET", "/applications?$select=colour", Value::Null, 400, "colour"),
        ("GET", "/applications?$top=1000", Value::Null, 400, "page size"),
        ("GET", "/applications/11111111-1111-4111-8111-111111111111", Value::Null, 404, "does not exist"),
        ("GET", "/moons", Value::Null, 400, "segment 'moons'"),
        ("PATCH", "/applications(appId='x')", json!({"notes": ""}), 404, "Resource 'x'"),
    ] {
        let answer = graph(&bench, &token, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert!(answer.text.contains(part), "{method} {path}: {}", answer.text);
    }
    let strange = send(
        "POST",
        &format!("{}/v1.0/applications", bench.sandbox.summary().graph_endpoint),
        &[("authorization", &format!("Bearer {token}")), ("content-type", "application/json")],
        "no json",
    )
    .await;
    assert_eq!(code(&strange), (400, "BadRequest".into()));

    let busy = Effect::Status {
        status: 429,
        code: "TooManyRequests".into(),
        message: "Too many requests".into(),
        retry_after_s: Some(7),
    };
    bench.sandbox.faults().add(Fault::new(Service::Graph, "listGroups", busy));
    let throttled = graph(&bench, &token, "GET", "/groups", Value::Null).await;
    assert_eq!(code(&throttled), (429, "TooManyRequests".into()));
    assert_eq!(throttled.header("retry-after"), Some("7"));
    assert_eq!(graph(&bench, &token, "GET", "/groups", Value::Null).await.status, 200);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let bench = empty().await;
    let token = admin(&bench);
    for n in 0..5 {
        let tags = if n % 2 == 0 { json!(["pintail-setup"]) } else { json!([]) };
        let app = json!({"displayName": format!("App {n}"), "signInAudience": "AzureADMyOrg", "tags": tags});
        assert_eq!(graph(&bench, &token, "POST", "/applications", app).await.status, 201);
    }
    let names = |page: &Value| -> Vec<String> {
        page["value"].as_array().unwrap().iter().map(|app| text(app, "displayName")).collect()
    };
    let mut path = "/applications?$top=2&$filter=tags/any(t:t%20eq%20'pintail-setup')".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = graph(&bench, &token, "GET", &path, Value::Null).await.json();
        pages.push(names(&page));
        match page["@odata.nextLink"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => break,
        }
    }
    assert_eq!(pages, [vec!["App 0", "App 2"], vec!["App 4"]]);
    for (filter, expected) in [
        ("displayName%20eq%20'App%203'", vec!["App 3"]),
        (
            "startswith(displayName,'App')%20and%20tags/any(t:startswith(t,'pin'))",
            vec!["App 0", "App 2", "App 4"],
        ),
    ] {
        let path = format!("/applications?$filter={filter}");
        assert_eq!(names(&graph(&bench, &token, "GET", &path, Value::Null).await.json()), expected);
    }
    let user = graph(&bench, &token, "GET", "/users/alice@sandbox.example", Value::Null).await.json();
    let filter = "/users?$filter=userPrincipalName%20eq%20'alice@sandbox.example'";
    let found = graph(&bench, &token, "GET", filter, Value::Null).await.json();
    assert_eq!(found["value"][0]["id"], user["id"]);
    assert!(user.get("accountEnabled").is_none(), "not among what users show unasked");
}

#[tokio::test]
async fn the_graph_tools_sign_an_admin_in() {
    let bench = empty().await;
    let summary = bench.sandbox.summary();
    let document = get(&format!("{}/.well-known/openid-configuration", summary.issuer)).await.json();
    let userinfo = text(&document, "userinfo_endpoint");
    assert_eq!(userinfo, format!("{}/oidc/userinfo", summary.graph_endpoint));
    assert_eq!(text(&document, "tenant_region_scope"), "EU");
    let wanted = format!(
        "openid profile offline_access https://graph.microsoft.com/Application.ReadWrite.All \
         {}/GroupMember.Read.All DelegatedPermissionGrant.ReadWrite.All",
        summary.graph_endpoint
    );

    // By browser.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let redirect = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
    let listen = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    });
    let more = [("client_id", TOOLS), ("redirect_uri", redirect.as_str()), ("scope", wanted.as_str())];
    let code_given = value(&bench.arrive("hana", &more).await.unwrap(), "code");
    listen.await.unwrap();
    let form = [
        ("client_id", TOOLS),
        ("grant_type", "authorization_code"),
        ("code", &code_given),
        ("redirect_uri", &redirect),
        ("code_verifier", VERIFIER),
    ];
    let tokens = bench.token(&form).await.json();
    let access = text(&tokens, "access_token");
    assert_eq!(claims(&access)["aud"], GRAPH);
    assert_eq!(
        claims(&access)["scp"],
        "Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All GroupMember.Read.All openid profile"
    );
    assert_eq!(graph(&bench, &access, "GET", "/applications", Value::Null).await.status, 200);
    assert_eq!(graph(&bench, &access, "GET", "/users", Value::Null).await.status, 403);
    let info = send("GET", &userinfo, &[("authorization", &format!("Bearer {access}"))], "").await.json();
    assert_eq!(info["name"], "Hana (administers the apps)");

    // By device code; what was consented to before comes along.
    let device = format!("{}/oauth2/v2.0/devicecode", bench.tenant_base());
    let form = [("client_id", TOOLS), ("scope", "https://graph.microsoft.com/.default")];
    let started = post_form(&device, &form, &[]).await.json();
    let (address, user_code) = (text(&started, "verification_uri"), text(&started, "user_code"));
    bench.visitor("hana").enter_device_code(&address, &user_code).await.unwrap();
    let polled = bench
        .token(&[
            ("client_id", TOOLS),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", &text(&started, "device_code")),
        ])
        .await
        .json();
    let scopes = text(&claims(&text(&polled, "access_token")), "scp");
    assert!(scopes.contains("Application.ReadWrite.All"), "{scopes}");

    // What only an admin may consent to is not Bob's to give.
    let url = bench.authorize_url(&more);
    let bob = bench.visitor("bob").sign_in(&url).await.unwrap_err();
    assert!(matches!(bob, VisitError::Refused { number: Some(90_094), .. }), "{bob:?}");
    for (scope, number) in
        [("openid Moon.Read", "AADSTS650053"), ("openid .default Application.Read.All", "AADSTS70011")]
    {
        let pairs = [("client_id", TOOLS), ("redirect_uri", "http://localhost:1/"), ("scope", scope)];
        let url = bench.authorize_url(&pairs);
        let answer = get(&url).await;
        assert!(
            answer.header("location").unwrap().contains(number),
            "{scope}: {:?}",
            answer.header("location")
        );
    }
}

#[tokio::test]
async fn claims_policies_are_made_linked_and_removed() {
    let bench = empty().await;
    let token = admin(&bench);
    let (_, _, principal) = install(&bench, &token, registration()).await;
    let world = bench.sandbox.world();
    let scopes = ["Application.ReadWrite.All", "Policy.ReadWrite.ApplicationConfiguration"];
    let token = world.graph_token(&bench.sandbox.summary().admin_person, &scopes).unwrap();
    let definition = json!({"ClaimsMappingPolicy": {"Version": 1, "IncludeBasicClaimSet": "true", "ClaimsSchema": [
        {"Source": "user", "ID": "department", "JwtClaimType": "https://aws.amazon.com/tags/principal_tags/Department"}]}});
    let body = json!({"displayName": "AWS", "definition": [definition.to_string()]});
    let made = graph(&bench, &token, "POST", "/policies/claimsMappingPolicies", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = text(&made.json(), "id");
    let links = format!("/servicePrincipals/{principal}/claimsMappingPolicies");
    let link =
        json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/policies/claimsMappingPolicies/{id}")});
    assert_eq!(graph(&bench, &token, "POST", &format!("{links}/$ref"), link.clone()).await.status, 204);
    assert_eq!(graph(&bench, &token, "POST", &format!("{links}/$ref"), link).await.status, 400);
    let linked = graph(&bench, &token, "GET", &links, Value::Null).await.json();
    assert_eq!(linked["value"][0]["id"], id.as_str());
    let unlink = format!("{links}/{id}/$ref");
    assert_eq!(graph(&bench, &token, "DELETE", &unlink, Value::Null).await.status, 204);
    assert_eq!(graph(&bench, &token, "DELETE", &unlink, Value::Null).await.status, 404);
    let path = format!("/policies/claimsMappingPolicies/{id}");
    assert_eq!(graph(&bench, &token, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(graph(&bench, &token, "GET", &path, Value::Null).await.status, 404);
}
