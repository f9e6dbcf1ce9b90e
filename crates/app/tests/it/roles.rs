//! Several roles under one sign-in: `docs/behaviour.md`, sections roles, read-only.

use crate::cloud::Cloud;

/// behaviour: roles
#[test]
fn a_bookmark_of_several_roles_uses_the_first_and_then_the_last_chosen() {
    let cloud = Cloud::start();
    let (full, reader) = (cloud.summary().role_arn.clone(), cloud.summary().read_only_role_arn.clone());
    cloud.bookmark("lab", &["--role-arn", &full, "--role-arn", &reader]);
    cloud.sign_in("lab", 0).succeeded();
    let chosen = || {
        let lines = cloud.env.run(["roles", "lab", "--json"]).succeeded().json_lines();
        assert_eq!(lines.len(), 2);
        let chosen = lines.iter().find(|line| line["chosen"] == true).expect("one is chosen");
        chosen["role"].as_str().expect("an ARN").to_owned()
    };
    assert_eq!(chosen(), full);
    let name = reader.rsplit('/').next().expect("a name");
    let who = cloud.env.run(["whoami", "lab", "--role", name, "--json"]).succeeded().json();
    assert_eq!(who["role"], reader.as_str());
    assert_eq!(chosen(), reader, "the choice is remembered");
    cloud.env.pintail(["credentials", "lab", "--role", &full]).stdout_is_secret().output().succeeded();
    assert_eq!(chosen(), reader, "another command's choice counts for that run");
    let shown = cloud.env.run(["aws-config", "lab", "--dry-run"]).succeeded();
    let all = format!("{}{}", shown.stdout, shown.stderr);
    assert!(all.contains(&format!("--role {reader} lab")), "{all}");
    let bucket = cloud.bucket();
    let refused = cloud.env.run(["rm", &format!("lab:{bucket}/x")]).exited(5);
    assert!(refused.stderr.contains("permission is denied"), "{}", refused.stderr);
    let unknown = cloud.env.run(["ls", "lab:", "--role", "Nobody"]).exited(2);
    assert!(unknown.stderr.contains("Nobody") && unknown.stderr.contains(&full), "{}", unknown.stderr);
}

/// behaviour: roles
#[test]
fn the_roles_of_one_sign_in_have_credentials_of_their_own() {
    let cloud = Cloud::start();
    let (full, reader) = (cloud.summary().role_arn.clone(), cloud.summary().read_only_role_arn.clone());
    cloud.bookmark("lab", &["--role-arn", &full, "--role-arn", &reader]);
    cloud.sign_in("lab", 0).succeeded();
    for role in [&full, &reader, &full] {
        let who = cloud.env.run(["whoami", "lab", "--role", role, "--json"]).succeeded().json();
        assert_eq!(who["role"], role.as_str());
    }
    let exchanges =
        cloud.sandbox().recorder().count(pintail_sandbox::Service::Sts, "AssumeRoleWithWebIdentity");
    // One for each role (the first one learns how long the role lets a session live), none for coming back.
    let before = exchanges;
    cloud.env.run(["whoami", "lab", "--role", &reader]).succeeded();
    let after = cloud.sandbox().recorder().count(pintail_sandbox::Service::Sts, "AssumeRoleWithWebIdentity");
    assert_eq!(before, after);
}

/// behaviour: read-only
#[test]
fn a_read_only_bookmark_refuses_before_anybody_is_asked() {
    let cloud = Cloud::start();
    cloud.bookmark("lab", &["--read-only"]);
    cloud.sign_in("lab", 0).succeeded();
    let bucket = cloud.bucket();
    let target = format!("lab:{bucket}/new.txt");
    let before = cloud.sandbox().recorder().count(pintail_sandbox::Service::S3, "PutObject");
    let refused = cloud.env.pintail(["cp", "-", &target]).stdin("text").output().exited(5);
    assert!(refused.stderr.contains("read-only"), "{}", refused.stderr);
    let presigned = cloud.env.run(["presign", &target, "--put"]).exited(5);
    assert!(presigned.stderr.contains("read-only"), "{}", presigned.stderr);
    assert_eq!(cloud.sandbox().recorder().count(pintail_sandbox::Service::S3, "PutObject"), before);
    cloud.env.run(["ls", &format!("lab:{bucket}/")]).succeeded();
}

/// behaviour: roles
#[test]
fn the_roles_of_a_signed_claim_are_offered_and_one_is_chosen() {
    let cloud = Cloud::start();
    let (signed, reader) = {
        let summary = cloud.summary();
        (summary.signed_role_arn.clone(), summary.read_only_role_arn.clone())
    };
    cloud.env.run(["bookmark", "rm", "lab"]).succeeded();
    let (tenant, client, authority) =
        (cloud.summary().tenant.clone(), cloud.summary().client_id.clone(), cloud.authority());
    let (region, s3, sts) = (
        cloud.summary().region.clone(),
        cloud.summary().s3_endpoint.clone(),
        cloud.summary().sts_endpoint.clone(),
    );
    let add = [
        "bookmark",
        "add",
        "lab",
        "--tenant",
        &tenant,
        "--authority",
        &authority,
        "--client-id",
        &client,
        "--region",
        &region,
        "--endpoint",
        &s3,
        "--sts-endpoint",
        &sts,
    ];
    // No role in the bookmark: the sign-in brings them.
    cloud.env.run(add).succeeded();
    let before = cloud.env.run(["roles", "lab"]).exited(4);
    assert!(before.stderr.contains("pintail login lab"), "{}", before.stderr);

    let fay = cloud.summary().users.iter().position(|user| user.username.starts_with("fay"));
    let fay = fay.expect("the one whose tokens list roles");
    let unclear = cloud.sign_in("lab", fay).exited(2);
    assert!(unclear.stderr.contains(&signed) && unclear.stderr.contains("--role"), "{}", unclear.stderr);
    let offered = cloud.env.run(["roles", "lab", "--json"]).succeeded().json_lines();
    let named: Vec<_> = offered.iter().map(|line| line["role"].as_str().expect("an ARN")).collect();
    assert!(named.contains(&signed.as_str()) && named.contains(&reader.as_str()), "{named:?}");
    assert!(offered.iter().all(|line| line["chosen"] == false));

    let name = signed.rsplit('/').next().expect("a name");
    let who = cloud.env.run(["whoami", "lab", "--role", name, "--json"]).succeeded().json();
    assert_eq!(who["role"], signed.as_str());
    let who = cloud.env.run(["whoami", "lab", "--json"]).succeeded().json();
    assert_eq!(who["role"], signed.as_str(), "the choice is remembered");
    let other = cloud.summary().role_arn.clone();
    cloud.env.run(["whoami", "lab", "--role", &other]).exited(2);
}

/// behaviour: roles
#[test]
fn two_people_under_one_client_id_do_not_meet() {
    let cloud = Cloud::start();
    let names: Vec<String> = cloud.summary().users.iter().map(|user| user.username.clone()).collect();
    let reader = cloud.summary().read_only_role_arn.clone();
    for (number, bookmark) in [(0, "alice"), (1, "bob")] {
        cloud.bookmark(bookmark, &["--account", &names[number], "--role-arn", &reader]);
        cloud.sign_in(bookmark, number).succeeded();
    }
    let who = |bookmark: &str| {
        cloud.env.run(["whoami", bookmark, "--json"]).succeeded().json()["person"].as_str().map(str::to_owned)
    };
    assert_eq!(who("alice"), Some(names[0].clone()));
    assert_eq!(who("bob"), Some(names[1].clone()));
    cloud.env.run(["logout", "alice"]).succeeded();
    cloud.env.run(["whoami", "alice"]).exited(4);
    assert_eq!(who("bob"), Some(names[1].clone()));
}
