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
