//! Machines, containers, the console's sign-in, and everybody: what each is given and what not.

use serde_json::{Value, json};

use super::bench::{Answer, Bench, Key, get, post_form, send};
use crate::{Effect, Fault, Options, Service};

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

impl Bench {
    async fn metadata(&self, path: &str, token: &str) -> Answer {
        let address = format!("{}{path}", self.sandbox.summary().metadata_endpoint);
        send("GET", &address, &[(TOKEN, token)], "").await
    }

    async fn metadata_token(&self, ttl: &str) -> Answer {
        let address = format!("{}/latest/api/token", self.sandbox.summary().metadata_endpoint);
        send("PUT", &address, &[(TTL, ttl)], "").await
    }
}

fn key(told: &Value) -> Key {
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    Key { id: text("AccessKeyId"), secret: text("SecretAccessKey"), token: Some(text("Token")) }
}

#[tokio::test]
async fn a_machine_needs_a_token_and_gets_its_role() {
    let bench = Bench::start().await;
    let base = bench.sandbox.summary().metadata_endpoint.clone();
    for ttl in ["0", "21601", "x", ""] {
        assert_eq!(bench.metadata_token(ttl).await.status, 400, "{ttl}");
    }
    let address = format!("{base}/latest/api/token");
    assert_eq!(send("PUT", &address, &[], "").await.status, 400);
    assert_eq!(send("PUT", &address, &[(TTL, "60"), ("x-forwarded-for", "10.0.0.1")], "").await.status, 403);
    assert_eq!(get(&address).await.status, 405);
    assert_eq!(get(&format!("{base}{ROLES}")).await.status, 401);
    assert_eq!(bench.metadata(ROLES, "wrong").await.status, 401);
    let answer = bench.metadata_token("60").await;
    assert_eq!(answer.header(TTL), Some("60"));
    let token = answer.text;
    assert_eq!(bench.metadata(ROLES, &token).await.text, "PintailInstance");
    let path = format!("{ROLES}PintailInstance");
    let told = bench.metadata(&path, &token).await.json();
    assert_eq!((&told["Code"], &told["Type"]), (&json!("Success"), &json!("AWS-HMAC")));
    assert_eq!(told["Expiration"], "2026-09-01T18:00:00Z");
    assert_eq!(bench.s3(&key(&told), "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    assert_eq!(bench.metadata(&path, &token).await.json(), told, "the same until shortly before the end");
    assert_eq!(bench.metadata(&format!("{ROLES}Other"), &token).await.status, 404);
    let region = bench.sandbox.summary().region.clone();
    assert_eq!(bench.metadata("/latest/meta-data/placement/region", &token).await.text, region);
    let document = bench.metadata("/latest/dynamic/instance-identity/document", &token).await.json();
    assert_eq!(document["region"], region);
    bench.sandbox.world().set_instance_role(false);
    assert_eq!(bench.metadata(ROLES, &token).await.status, 404);
    bench.sandbox.world().set_instance_role(true);
    bench.advance(60);
    assert_eq!(bench.metadata(ROLES, &token).await.status, 401, "the token has ended");

    let token = bench.metadata_token("21600").await.text;
    bench.advance(6 * 3600 - 360);
    let renewed = bench.metadata(&path, &token).await.json();
    assert_ne!(renewed["AccessKeyId"], told["AccessKeyId"]);
    for secret in [&token, renewed["Token"].as_str().unwrap()] {
        assert!(bench.sandbox.recorder().secrets().iter().any(|known| known == secret));
    }
    bench.sandbox.world().allow_metadata_v1(true);
    assert_eq!(get(&format!("{base}{ROLES}")).await.status, 200);
    bench.sandbox.faults().add(Fault::new(Service::Metadata, "roles", Effect::status(503, "", "busy")));
    assert_eq!(get(&format!("{base}{ROLES}")).await.status, 503);
}

#[tokio::test]
async fn a_container_needs_its_token() {
    let mut options = Options::default();
    options.lifetimes.container_credential_s = 60;
    let bench = Bench::with(options).await;
    let door = bench.sandbox.summary().container.clone();
    let fetch = async |token: &str| send("GET", &door.endpoint, &[("authorization", token)], "").await;
    assert_eq!(get(&door.endpoint).await.status, 401);
    assert_eq!(fetch("wrong").await.status, 401);
    assert_eq!(get(&format!("{}/more", door.endpoint)).await.status, 404);
    let told = fetch(&door.token).await.json();
    let first = key(&told);
    assert_eq!(bench.s3(&first, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    assert_eq!(bench.s3(&first, "PUT", "/pintail-demo/new", &[], b"x").await.status, 403);
    assert_eq!(fetch(&door.token).await.json(), told);
    bench.advance(31);
    assert_ne!(fetch(&door.token).await.json()["AccessKeyId"], told["AccessKeyId"]);
    bench.sandbox.world().forget_sessions();
    assert_eq!(bench.s3(&first, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 403);
    let fresh = key(&fetch(&door.token).await.json());
    assert_eq!(bench.s3(&fresh, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    bench.sandbox.faults().add(Fault::new(
        Service::Container,
        "credentials",
        Effect::status(500, "InternalError", "broken"),
    ));
    let broken = fetch(&door.token).await;
    assert_eq!((broken.status, &broken.json()["code"]), (500, &json!("InternalError")));
}

#[tokio::test]
async fn the_console_opens_once_for_a_session() {
    let bench = Bench::start().await;
    let session = bench.session("alice", &[]).await;
    let endpoint = bench.sandbox.summary().federation_endpoint.clone();
    let as_json = |key: &Key| {
        json!({"sessionId": key.id, "sessionKey": key.secret, "sessionToken": key.token}).to_string()
    };
    let ask = async |session: &str, more: &[(&str, &str)]| {
        let mut pairs = vec![("Action", "getSigninToken"), ("Session", session)];
        pairs.extend(more);
        get(url::Url::parse_with_params(&endpoint, pairs).unwrap().as_str()).await
    };
    let open = async |token: &str, destination: &str| {
        let pairs =
            [("Action", "login"), ("Issuer", "x"), ("Destination", destination), ("SigninToken", token)];
        get(url::Url::parse_with_params(&endpoint, pairs).unwrap().as_str()).await
    };
    let good = as_json(&session);
    for wrong in [
        "",
        "{",
        "{}",
        &as_json(&Key { secret: "wrong".into(), ..session.clone() }),
        &as_json(&bench.user_key()),
    ] {
        assert_eq!(ask(wrong, &[]).await.status, 400, "{wrong}");
    }
    assert_eq!(ask(&good, &[("SessionDuration", "899")]).await.status, 400);
    let users = bench.call("sts", &bench.user_key(), &[("Action", "GetSessionToken")]).await.key();
    assert_eq!(ask(&as_json(&users), &[]).await.status, 400, "a user's own session is not federated");
    let token = async || {
        let answer = ask(&good, &[("SessionDuration", "3600")]).await;
        answer.json()["SigninToken"].as_str().unwrap().to_owned()
    };
    let first = token().await;
    let console = "https://console.aws.amazon.com/s3/home";
    assert_eq!(open(&first, "https://evil.example/").await.status, 400);
    let opened = open(&first, console).await;
    assert_eq!((opened.status, opened.header("location")), (302, Some(console)));
    assert_eq!(open(&first, console).await.status, 400, "once");
    let late = token().await;
    bench.advance(900);
    assert_eq!(open(&late, console).await.status, 400);
    let form = [("Action", "getSigninToken"), ("Session", good.as_str())];
    assert_eq!(post_form(&endpoint, &form, &[]).await.status, 200);
    bench.advance(3600);
    assert_eq!(ask(&good, &[]).await.status, 400, "the session is over");
    assert!(bench.sandbox.recorder().secrets().contains(&late));
    assert_eq!(bench.sandbox.recorder().count(Service::Signin, "login"), 4);
}

#[tokio::test]
async fn everybody_may_what_the_bucket_says() {
    let bench = Bench::start().await;
    let base = bench.sandbox.summary().s3_endpoint.clone();
    let nobody = async |method: &str, path: &str| send(method, &format!("{base}{path}"), &[], "").await;
    assert_eq!(nobody("GET", "/pintail-public/hello.txt").await.text, "Everybody may read this.\n");
    assert_eq!(nobody("HEAD", "/pintail-public/hello.txt").await.status, 200);
    assert!(nobody("GET", "/pintail-public?list-type=2").await.text.contains("<Key>hello.txt</Key>"));
    assert_eq!(nobody("GET", "/pintail-public/missing").await.refusal(), (404, "NoSuchKey".into()));
    for (method, path) in [
        ("PUT", "/pintail-public/new"),
        ("DELETE", "/pintail-public/hello.txt"),
        ("GET", "/pintail-public?policy"),
        ("GET", "/pintail-demo/readme.txt"),
        ("GET", "/pintail-demo?list-type=2"),
        ("GET", "/"),
    ] {
        let answer = nobody(method, path).await;
        assert_eq!(answer.refusal(), (403, "AccessDenied".into()), "{method} {path}");
        assert_eq!(answer.element("Message"), "Access Denied");
    }
    let admin = bench.admin_key();
    let path = "/pintail-demo?policy";
    assert_eq!(bench.s3(&admin, "GET", path, &[], b"").await.refusal(), (404, "NoSuchBucketPolicy".into()));
    let statement = |effect: &str, action: &str| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": effect, "Principal": {"AWS": "*"}, "Action": action,
            "Resource": "arn:aws:s3:::pintail-demo/*"}]})
        .to_string()
    };
    let put = async |text: &str| bench.s3(&admin, "PUT", path, &[], text.as_bytes()).await;
    assert_eq!(put("{}").await.refusal(), (400, "MalformedPolicy".into()));
    let elsewhere = statement("Allow", "s3:GetObject").replace("pintail-demo", "pintail-other");
    assert_eq!(put(&elsewhere).await.refusal(), (400, "MalformedPolicy".into()));
    let open = statement("Allow", "s3:GetObject");
    assert!(put(&open).await.status < 300);
    assert_eq!(bench.s3(&admin, "GET", path, &[], b"").await.text, open);
    assert_eq!(nobody("GET", "/pintail-demo/readme.txt").await.status, 200);
    assert_eq!(nobody("GET", "/pintail-demo/missing").await.refusal(), (403, "AccessDenied".into()));
    let alice = bench.session("alice", &[]).await;
    assert!(put(&statement("Deny", "s3:GetObject")).await.status < 300);
    let denied = bench.s3(&alice, "GET", "/pintail-demo/readme.txt", &[], b"").await;
    assert!(denied.element("Message").ends_with("with an explicit deny in a resource-based policy"));
    assert!(bench.s3(&admin, "DELETE", path, &[], b"").await.status < 300);
    assert_eq!(bench.s3(&alice, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    assert_eq!(nobody("GET", "/pintail-demo/readme.txt").await.status, 403);
}
