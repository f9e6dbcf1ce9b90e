//! Users with long-term keys: what they may, how a one-time code counts, what a session of theirs is worth.

use serde_json::json;

use super::bench::{Bench, Key};

const PATH: &str = "/pintail-demo/readme.txt";

async fn assume(bench: &Bench, key: &Key, role: &str, more: &[(&str, &str)]) -> super::bench::Answer {
    let mut pairs = vec![("Action", "AssumeRole"), ("RoleArn", role), ("RoleSessionName", "test")];
    pairs.extend(more);
    bench.call("sts", key, &pairs).await
}

async fn whoami(bench: &Bench, key: &Key) -> super::bench::Answer {
    bench.call("sts", key, &[("Action", "GetCallerIdentity")]).await
}

#[tokio::test]
async fn a_key_works_until_it_is_deleted() {
    let bench = Bench::start().await;
    let key = bench.user_key();
    let user = bench.sandbox.summary().key_user.clone();
    let who = whoami(&bench, &key).await;
    assert_eq!(who.element("Arn"), user.arn);
    assert!(who.element("UserId").starts_with("AIDA"));
    assert_eq!(bench.s3(&key, "GET", PATH, &[], b"").await.status, 200);
    let wrong = Key { secret: "wrong".into(), ..key.clone() };
    assert_eq!(whoami(&bench, &wrong).await.refusal(), (403, "SignatureDoesNotMatch".into()));
    assert_eq!(
        bench.s3(&wrong, "GET", PATH, &[], b"").await.refusal(),
        (403, "SignatureDoesNotMatch".into())
    );
    let refused = bench.call("iam", &key, &[("Action", "ListRoles")]).await;
    assert_eq!(refused.refusal(), (403, "AccessDenied".into()));

    let made = bench.call("iam", &key, &[("Action", "CreateAccessKey")]).await;
    let second =
        Key { id: made.element("AccessKeyId"), secret: made.element("SecretAccessKey"), token: None };
    assert!(bench.sandbox.recorder().secrets().contains(&second.secret));
    assert_eq!(whoami(&bench, &second).await.status, 200);
    let third = bench.call("iam", &key, &[("Action", "CreateAccessKey")]).await;
    assert_eq!(third.refusal(), (409, "LimitExceeded".into()));
    let gone = bench.call("iam", &second, &[("Action", "DeleteAccessKey"), ("AccessKeyId", &key.id)]).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    assert_eq!(whoami(&bench, &key).await.refusal(), (403, "InvalidClientTokenId".into()));
    assert_eq!(bench.s3(&key, "GET", PATH, &[], b"").await.refusal(), (403, "InvalidAccessKeyId".into()));
}

#[tokio::test]
async fn a_role_may_ask_for_a_code_and_takes_it_once() {
    let bench = Bench::start().await;
    let key = bench.user_key();
    let summary = bench.sandbox.summary().clone();
    let (role, serial) = (summary.mfa_role_arn.as_str(), summary.key_user.mfa_serial.as_str());
    let plain = assume(&bench, &key, &summary.user_role_arn, &[("DurationSeconds", "43200")]).await.key();
    assert!(whoami(&bench, &plain).await.element("Arn").ends_with(":assumed-role/PintailForUsers/test"));
    assert_eq!(bench.s3(&plain, "GET", PATH, &[], b"").await.status, 200);

    assert_eq!(assume(&bench, &key, role, &[]).await.refusal(), (403, "AccessDenied".into()));
    let code = bench.sandbox.world().mfa_code(serial).unwrap();
    let other = format!("arn:aws:iam::{}:mfa/nobody", &summary.key_user.arn[13..25]);
    let cases = [
        (vec![("SerialNumber", serial)], "must provide both MFA serial number and one time pass code"),
        (vec![("TokenCode", "123456")], "must provide both MFA serial number and one time pass code"),
        (
            vec![("SerialNumber", &other), ("TokenCode", &code)],
            "unable to validate MFA code.  Please verify your MFA serial number is valid",
        ),
    ];
    for (more, message) in cases {
        let answer = assume(&bench, &key, role, &more).await;
        assert_eq!(answer.refusal(), (403, "AccessDenied".into()));
        assert!(answer.element("Message").contains(message), "{}", answer.text);
    }
    for short in ["12345", "1234567", "12345a"] {
        let answer = assume(&bench, &key, role, &[("SerialNumber", serial), ("TokenCode", short)]).await;
        assert_eq!(answer.refusal(), (400, "ValidationError".into()), "{short}");
    }
    let with = |code: &str| {
        vec![("SerialNumber".to_owned(), serial.to_owned()), ("TokenCode".to_owned(), code.to_owned())]
    };
    let try_code = async |code: &str| {
        let pairs = with(code);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assume(&bench, &key, role, &pairs).await
    };
    let opened = try_code(&code).await.key();
    assert_eq!(bench.s3(&opened, "GET", PATH, &[], b"").await.status, 200);
    let again = try_code(&code).await;
    assert_eq!(
        again.element("Message").trim(),
        "MultiFactorAuthentication failed with invalid MFA one time pass code."
    );
    assert_eq!(again.refusal(), (403, "AccessDenied".into()));
    bench.advance(30);
    assert_eq!(try_code(&bench.sandbox.world().mfa_code(serial).unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_session_token_is_the_user_with_limits() {
    let bench = Bench::start().await;
    let key = bench.user_key();
    let summary = bench.sandbox.summary().clone();
    let get = async |key: &Key, more: &[(&str, &str)]| {
        let mut pairs = vec![("Action", "GetSessionToken")];
        pairs.extend(more);
        bench.call("sts", key, &pairs).await
    };
    for (seconds, right) in [("899", false), ("900", true), ("129600", true), ("129601", false)] {
        let answer = get(&key, &[("DurationSeconds", seconds)]).await;
        assert_eq!(answer.status == 200, right, "{seconds}: {}", answer.text);
    }
    let answer = get(&key, &[]).await;
    assert_eq!(answer.element("Expiration"), "2026-09-02T00:00:00Z");
    let session = answer.key();
    assert_eq!(whoami(&bench, &session).await.element("Arn"), summary.key_user.arn);
    assert_eq!(bench.s3(&session, "GET", PATH, &[], b"").await.status, 200);
    let keys = bench.call("iam", &session, &[("Action", "ListAccessKeys")]).await;
    assert_eq!(keys.refusal(), (403, "InvalidClientTokenId".into()));
    let nested = get(&session, &[]).await;
    assert_eq!(nested.element("Message"), "Cannot call GetSessionToken with session credentials");
    // Not a chain: the hour's limit is for roles.
    let long = assume(&bench, &session, &summary.user_role_arn, &[("DurationSeconds", "43200")]).await;
    assert_eq!(long.status, 200, "{}", long.text);
    assert_eq!(assume(&bench, &session, &summary.mfa_role_arn, &[]).await.refusal().1, "AccessDenied");

    let serial = summary.key_user.mfa_serial.as_str();
    let code = bench.sandbox.world().mfa_code(serial).unwrap();
    let proven = get(&key, &[("SerialNumber", serial), ("TokenCode", &code)]).await.key();
    assert_eq!(bench.call("iam", &proven, &[("Action", "ListAccessKeys")]).await.status, 200);
    assert_eq!(assume(&bench, &proven, &summary.mfa_role_arn, &[]).await.status, 200);
    bench.advance(43_200);
    assert_eq!(whoami(&bench, &proven).await.refusal(), (403, "ExpiredToken".into()));
    assert_eq!(bench.s3(&proven, "GET", PATH, &[], b"").await.refusal(), (400, "ExpiredToken".into()));
}

#[tokio::test]
async fn users_and_devices_are_made_through_iam() {
    let bench = Bench::start().await;
    let admin = bench.admin_key();
    let iam = async |pairs: &[(&str, &str)]| bench.call("iam", &admin, pairs).await;
    let made = iam(&[("Action", "CreateUser"), ("UserName", "robot")]).await;
    assert!(made.element("Arn").ends_with(":user/robot"));
    let twice = iam(&[("Action", "CreateUser"), ("UserName", "robot")]).await;
    assert_eq!(twice.refusal(), (409, "EntityAlreadyExists".into()));
    let created = iam(&[("Action", "CreateAccessKey"), ("UserName", "robot")]).await;
    let key =
        Key { id: created.element("AccessKeyId"), secret: created.element("SecretAccessKey"), token: None };
    assert_eq!(bench.s3(&key, "GET", PATH, &[], b"").await.refusal(), (403, "AccessDenied".into()));
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pintail-demo/*"}]})
    .to_string();
    let put = iam(&[
        ("Action", "PutUserPolicy"),
        ("UserName", "robot"),
        ("PolicyName", "read"),
        ("PolicyDocument", &policy),
    ])
    .await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(bench.s3(&key, "GET", PATH, &[], b"").await.status, 200);

    let device = iam(&[("Action", "CreateVirtualMFADevice"), ("VirtualMFADeviceName", "robot")]).await;
    let serial = device.element("SerialNumber");
    let world = bench.sandbox.world();
    let first = world.mfa_code(&serial).unwrap();
    bench.advance(30);
    let second = world.mfa_code(&serial).unwrap();
    let enable = async |one: &str, two: &str| {
        iam(&[
            ("Action", "EnableMFADevice"),
            ("UserName", "robot"),
            ("SerialNumber", &serial),
            ("AuthenticationCode1", one),
            ("AuthenticationCode2", two),
        ])
        .await
    };
    assert_eq!(enable(&second, &first).await.refusal(), (403, "InvalidAuthenticationCode".into()));
    assert_eq!(enable(&first, &second).await.status, 200);
    let listed = bench.call("iam", &admin, &[("Action", "ListMFADevices"), ("UserName", "robot")]).await;
    assert_eq!(listed.element("SerialNumber"), serial);
    assert_eq!(
        iam(&[("Action", "DeleteUser"), ("UserName", "robot")]).await.refusal(),
        (409, "DeleteConflict".into())
    );
}

#[tokio::test]
async fn the_issuer_signs_roles_for_one_person() {
    let bench = Bench::start().await;
    let summary = bench.sandbox.summary().clone();
    let ask = async |name: &str, role: &str| {
        let token = bench.id_token(name).await;
        bench.exchange(&token, &[("RoleArn", role)]).await
    };
    assert_eq!(ask("fay", &summary.signed_role_arn).await.status, 200);
    assert_eq!(ask("fay", &summary.read_only_role_arn).await.status, 200);
    assert_eq!(ask("fay", &summary.role_arn).await.refusal(), (400, "InvalidIdentityToken".into()));
    assert_eq!(ask("alice", &summary.signed_role_arn).await.refusal(), (403, "AccessDenied".into()));
    let world = bench.sandbox.world();
    let alice = summary.users[0].username.as_str();
    assert!(world.sign_roles_as_text(alice, &[&summary.signed_role_arn, &summary.role_arn]));
    assert_eq!(ask("alice", &summary.signed_role_arn).await.status, 200);
    assert!(world.sign_roles(alice, &[]));
    assert_eq!(ask("alice", &summary.role_arn).await.refusal(), (400, "InvalidIdentityToken".into()));
    assert!(world.unsign_roles(alice));
    assert_eq!(ask("alice", &summary.role_arn).await.status, 200);
    assert!(!world.sign_roles("nobody@sandbox.example", &[]));
}
