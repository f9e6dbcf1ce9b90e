//! Each wrong thing in the chain is refused with its own explanation and exit code.

use pintail_sandbox::{Effect, Fault, Service};

use crate::cloud::Cloud;

/// What STS says in each case of its table of errors, and what we make of it.
#[test]
fn what_sts_refuses_is_explained() {
    let cloud = Cloud::start();
    for (code, status, message, exit, advice) in [
        (
            "InvalidIdentityToken",
            400,
            "No OpenIDConnect provider found in your account for ISS",
            5,
            "add an OpenID Connect provider with exactly this URL",
        ),
        ("InvalidIdentityToken", 400, "Incorrect token audience", 5, "to the audiences of the provider"),
        (
            "ExpiredTokenException",
            400,
            "Token expired: current date/time must be before the expiration",
            4,
            "Sign in",
        ),
        ("IDPRejectedClaim", 403, "rejected", 4, "Sign in"),
        (
            "AccessDenied",
            403,
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            5,
            "letter by letter",
        ),
        ("ValidationError", 400, "Request ARN is invalid", 2, "Correct the role ARN"),
        ("MalformedPolicyDocument", 400, "policy", 2, "--policy"),
        (
            "PackedPolicyTooLarge",
            400,
            "Packed size of session tags consumes 105% of allotted space.",
            1,
            "Shorten",
        ),
        (
            "RegionDisabledException",
            403,
            "STS is not activated in this region for account",
            1,
            "--sts-endpoint global",
        ),
    ] {
        let refusal = Effect::status(status, code, message);
        cloud.sandbox().faults().clear();
        cloud
            .sandbox()
            .faults()
            .add(Fault::new(Service::Sts, "AssumeRoleWithWebIdentity", refusal).times(100));
        let output = cloud.sign_in("lab", 0);
        assert_eq!(output.code(), Some(exit), "{code} {message}: {}", output.stderr);
        assert!(output.stderr.contains(advice), "{code} {message}: {}", output.stderr);
        if exit == 5 {
            assert!(
                output.stderr.contains(&cloud.summary().issuer),
                "the token's issuer is shown: {}",
                output.stderr
            );
            assert!(
                output.stderr.contains(&cloud.summary().client_id),
                "and its audience: {}",
                output.stderr
            );
        }
    }
}

#[test]
fn a_role_that_does_not_exist_or_does_not_trust_is_refused() {
    let cloud = Cloud::start();
    let role = cloud.summary().role_arn.clone();
    cloud.bookmark("nowhere", &["--role-arn", &format!("{role}-that-is-not-there")]);
    let missing = cloud.sign_in("nowhere", 0).exited(5);
    assert!(missing.stderr.contains("letter by letter"), "{}", missing.stderr);
    // Bob may sign in, and the role trusts Alice.
    let stranger = cloud.sign_in("lab", 1).exited(5);
    assert!(stranger.stderr.contains("trust policy"), "{}", stranger.stderr);
}

#[test]
fn a_provider_without_our_client_id_is_named() {
    let cloud = Cloud::start();
    let world = cloud.sandbox().world();
    let mut app = world.app(&cloud.summary().client_id).expect("the app");
    app.client_id = "99999999-8888-4777-8666-555555555555".into();
    world.put_app(app);
    cloud.bookmark("other-app", &["--client-id", "99999999-8888-4777-8666-555555555555"]);
    let output = cloud.sign_in("other-app", 0).exited(5);
    assert!(output.stderr.contains("99999999-8888-4777-8666-555555555555"), "{}", output.stderr);
    assert!(output.stderr.contains("audiences of the provider"), "{}", output.stderr);
}

/// Entra's errors at the token endpoint, with the fix of the table.
#[test]
fn what_entra_refuses_is_explained() {
    let cloud = Cloud::start();
    for (number, error, exit, advice) in [
        (7000218, "invalid_client", 4, "Mobile and desktop applications"),
        (9002327, "invalid_request", 4, "Mobile and desktop"),
        (50105, "invalid_grant", 4, "Enterprise applications"),
        (65001, "invalid_grant", 4, "consent"),
        (53003, "invalid_grant", 4, "sign-in log"),
        (50194, "invalid_request", 4, "tenant"),
        (700025, "invalid_client", 4, "secret"),
        (54005, "invalid_grant", 4, "gain"),
    ] {
        let description = format!(
            "AADSTS{number}: words of Microsoft.\r\nTrace ID: 1\r\nCorrelation ID: 22222222-3333-4444-8555-666666666666"
        );
        let body =
            serde_json::json!({ "error": error, "error_description": description, "error_codes": [number] })
                .to_string();
        cloud.sandbox().faults().clear();
        cloud
            .sandbox()
            .faults()
            .add(Fault::new(Service::Issuer, "token", Effect::status(400, error, &description)).times(10));
        cloud
            .sandbox()
            .faults()
            .add(Fault::new(Service::Issuer, "token", Effect::ReplaceBody(body.into())).times(10));
        let output = cloud.sign_in("lab", 0);
        assert_eq!(output.code(), Some(exit), "{number}: {}", output.stderr);
        assert!(output.stderr.contains(&format!("AADSTS{number}")), "{number}: {}", output.stderr);
        assert!(output.stderr.contains(advice), "{number}: {}", output.stderr);
    }
}

#[test]
fn a_clock_that_is_off_is_corrected_by_what_servers_say() {
    let cloud = Cloud::start();
    // The services live twenty minutes in the future: tokens look old, signatures look late.
    for service in [Service::Issuer, Service::Sts, Service::S3] {
        cloud.sandbox().faults().add(Fault::new(service, "*", Effect::SkewClock(1200)).times(10_000));
    }
    cloud.sign_in("lab", 0).succeeded();
    cloud.env.run(["ls", "lab:"]).succeeded();
}

#[test]
fn an_issuer_that_is_plain_http_and_far_away_is_refused() {
    let cloud = Cloud::start();
    cloud.bookmark("far-away", &["--authority", "http://login.example.com"]);
    let output = cloud.env.run(["login", "far-away", "--no-browser"]);
    assert_ne!(output.code(), Some(0));
    assert!(output.stderr.contains("not encrypted"), "{}", output.stderr);
}

/// What `--only` and `--read-only` leave out cannot be done by whoever holds the credential: STS narrows it, not we.
#[test]
fn a_narrowed_session_reaches_only_what_it_names() {
    let cloud = Cloud::start();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    world.put_object(&bucket, "mine/file", "mine");
    world.put_object(&bucket, "theirs/file", "theirs");
    cloud.bookmark("narrow", &["--only", &format!("s3://{bucket}/mine/")]);
    cloud.sign_in("narrow", 0).succeeded();
    assert_eq!(env.run(["cat", &format!("narrow:{bucket}/mine/file")]).succeeded().stdout, "mine");
    env.run(["ls", &format!("narrow:{bucket}/mine/")]).succeeded();
    env.run(["cat", &format!("narrow:{bucket}/theirs/file")]).exited(5);
    env.run(["ls", &format!("narrow:{bucket}/theirs/")]).exited(5);
    env.pintail(["cp", "-", &format!("narrow:{bucket}/mine/new")]).stdin("x").output().succeeded();
    env.pintail(["cp", "-", &format!("narrow:{bucket}/theirs/new")]).stdin("x").output().exited(5);
    cloud.bookmark("reading", &["--only", &format!("s3://{bucket}/mine/"), "--read-only"]);
    cloud.sign_in("reading", 0).succeeded();
    assert_eq!(env.run(["cat", &format!("reading:{bucket}/mine/file")]).succeeded().stdout, "mine");
    env.run(["rm", &format!("reading:{bucket}/mine/file")]).exited(5);
}

/// The issuer's own address in place of tenant and authority: the same tokens, the same checks.
#[test]
fn the_issuers_address_will_do() {
    let cloud = Cloud::start();
    let summary = cloud.summary();
    cloud
        .env
        .run([
            "bookmark",
            "add",
            "plain",
            "--issuer",
            &summary.issuer,
            "--client-id",
            &summary.client_id,
            "--role-arn",
            &summary.role_arn,
            "--endpoint",
            &summary.s3_endpoint,
            "--sts-endpoint",
            &summary.sts_endpoint,
            "--region",
            &summary.region,
        ])
        .succeeded();
    cloud.sign_in("plain", 0).succeeded();
    cloud.env.run(["ls", "plain:"]).succeeded();
}
