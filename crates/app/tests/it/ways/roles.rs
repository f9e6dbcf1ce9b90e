//! Roles and sessions bought with a key, with and without a second factor.

use pintail_sandbox::Service;

use super::wants_login;
use crate::cloud::Cloud;

impl Cloud {
    fn code(&self) -> String {
        self.sandbox().world().mfa_code(&self.summary().key_user.mfa_serial).expect("a code")
    }

    fn exchanges(&self, operation: &str) -> usize {
        self.sandbox().recorder().count(Service::Sts, operation)
    }
}

/// behaviour: ways
#[test]
fn a_role_is_taken_with_a_key_and_renewed_when_its_session_ends() {
    let cloud = Cloud::with_keys();
    let role = cloud.summary().user_role_arn.clone();
    cloud.way("role", &["--access-key-id", cloud.key_id(), "--role-arn", &role, "--duration", "3600"]);
    wants_login(cloud.env.run(["ls", "role:"]), "role");
    cloud.login_with("role", &[cloud.secret()]).succeeded();
    let asked = cloud.exchanges("AssumeRole");
    cloud.env.run(["ls", "role:"]).succeeded();
    assert_eq!(cloud.exchanges("AssumeRole"), asked, "one session serves all commands");
    let who = cloud.env.run(["whoami", "role", "--json"]).succeeded().json();
    assert_eq!((who["way"].as_str(), who["role"].as_str()), (Some("assume-role"), Some(role.as_str())));
    cloud.sandbox().world().expire_sessions();
    cloud.env.run(["ls", "role:"]).succeeded();
    assert_eq!(cloud.exchanges("AssumeRole"), asked + 1, "renewed without the person");
}

/// behaviour: roles
#[test]
fn the_roles_of_other_ways_are_those_that_decide() {
    let cloud = Cloud::start();
    let role = cloud.summary().user_role_arn.clone();
    cloud.way("role", &["--access-key-id", cloud.key_id(), "--role-arn", &role]);
    cloud.way("keys", &["--access-key-id", cloud.key_id()]);
    cloud.way("open", &["--anonymous"]);
    cloud.way("tool", &["--aws-profile", "theirs"]);
    let listed = cloud.env.run(["roles", "role", "--json"]).succeeded().json();
    assert_eq!((listed["role"].as_str(), listed["chosen"].as_bool()), (Some(role.as_str()), Some(true)));
    for (name, words) in [
        ("role", "pintail bookmark edit role --role-arn"),
        ("keys", "pintail whoami keys"),
        ("open", "not signed"),
        ("tool", "AWS configuration"),
    ] {
        let told = cloud.env.run(["roles", name]).succeeded();
        assert!(told.stderr.contains(words), "{name}: {}", told.stderr);
        assert_eq!(told.stdout.contains(&role), name == "role", "{}", told.stdout);
    }
}

/// behaviour: ways
#[test]
fn a_role_that_does_not_admit_the_user_is_refused() {
    let cloud = Cloud::with_keys();
    let role = cloud.summary().read_only_role_arn.clone();
    cloud.way("role", &["--access-key-id", cloud.key_id(), "--role-arn", &role, "--duration", "3600"]);
    let refused = cloud.login_with("role", &[cloud.secret()]).exited(5);
    assert!(refused.stderr.contains("STS gave no session of role"), "{}", refused.stderr);
    assert!(refused.stderr.contains("trust policy"), "{}", refused.stderr);
}

/// behaviour: ways
#[test]
fn a_code_typed_once_serves_later_commands() {
    let cloud = Cloud::with_keys();
    let (role, serial) = (cloud.summary().mfa_role_arn.clone(), cloud.summary().key_user.mfa_serial.clone());
    cloud.way("mfa", &["--access-key-id", cloud.key_id(), "--role-arn", &role, "--mfa-serial", &serial]);
    let code = cloud.code();
    cloud.login_with("mfa", &[cloud.secret(), &code]).succeeded();
    cloud.env.run(["ls", "mfa:"]).succeeded();
    let who = cloud.env.run(["whoami", "mfa", "--json"]).succeeded().json();
    assert_eq!(who["renews"], false);

    // The secret is kept: only the code is asked for. It was used already, and the session stays as it was.
    let used = wants_login(cloud.login_with("mfa", &[&code]), "mfa");
    assert!(used.stderr.contains("did not accept the code"), "{}", used.stderr);
    cloud.env.run(["ls", "mfa:"]).succeeded();
    wants_login(cloud.login_with("mfa", &["12345"]), "mfa");

    cloud.sandbox().world().expire_sessions();
    let over = wants_login(cloud.env.run(["ls", "mfa:"]), "mfa");
    assert!(over.stderr.contains("nobody can be asked"), "{}", over.stderr);
    cloud.login_with("mfa", &[&cloud.code()]).succeeded();
    cloud.env.run(["ls", "mfa:"]).succeeded();
    cloud.env.run(["logout", "mfa"]).succeeded();
    wants_login(cloud.env.run(["ls", "mfa:"]), "mfa");
}

/// behaviour: ways
#[test]
fn a_session_of_the_keys_own_user_is_bought_with_a_code() {
    let cloud = Cloud::with_keys();
    let serial = cloud.summary().key_user.mfa_serial.clone();
    cloud.way("session", &["--access-key-id", cloud.key_id(), "--mfa-serial", &serial]);
    wants_login(cloud.login_with("session", &[cloud.secret(), "000000"]), "session");
    cloud.login_with("session", &[&cloud.code()]).succeeded();
    cloud.env.run(["ls", "session:"]).succeeded();
    let who = cloud.env.run(["whoami", "session", "--json"]).succeeded().json();
    assert_eq!(who["way"], "session-token");
    assert_eq!(who["arn"], cloud.summary().key_user.arn.as_str());
    assert_eq!(cloud.exchanges("GetSessionToken"), 2);
}

/// behaviour: ways
#[test]
fn what_a_bookmark_narrows_goes_into_the_session() {
    let cloud = Cloud::with_keys();
    let role = cloud.summary().user_role_arn.clone();
    let world = cloud.sandbox().world();
    let bucket = cloud.bucket();
    world.put_object(&bucket, "in/a.txt", "a");
    world.put_object(&bucket, "out/b.txt", "b");
    let only = format!("s3://{bucket}/in/");
    let options =
        ["--access-key-id", cloud.key_id(), "--role-arn", &role, "--duration", "3600", "--only", &only];
    cloud.way("narrow", &[&options[..], &["--read-only", "--tag", "team=blue"]].concat());
    cloud.login_with("narrow", &[cloud.secret()]);
    cloud.way("narrow", &[&options[..], &["--read-only"]].concat());
    cloud.login_with("narrow", &[cloud.secret()]).succeeded();
    cloud.env.run(["cat", &format!("narrow:{bucket}/in/a.txt")]).succeeded();
    cloud.env.run(["cat", &format!("narrow:{bucket}/out/b.txt")]).exited(5);
}

/// behaviour: read-only
#[test]
fn what_can_write_is_not_lent_for_a_read_only_bookmark() {
    let cloud = Cloud::with_keys();
    cloud.way("mine", &["--access-key-id", cloud.key_id(), "--read-only"]);
    cloud.login_with("mine", &[cloud.secret()]).succeeded();
    cloud.env.run(["ls", "mine:"]).succeeded();
    for command in [
        &["exec", "mine", "--", "true"][..],
        &["env", "mine"],
        &["credentials", "mine"],
        &["console", "mine"],
    ] {
        let refused = cloud.env.run(command.iter().copied()).exited(5);
        assert!(refused.stderr.contains("mine is read-only"), "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
    cloud.env.run(["bookmark", "edit", "mine", "--read-only=false"]).succeeded();
    cloud.env.run(["exec", "mine", "--", "true"]).succeeded();
}
