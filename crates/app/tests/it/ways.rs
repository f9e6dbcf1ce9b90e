//! Every way in that is no web sign-in, against the doubles of the sandbox: `docs/behaviour.md`, sections ways, way-keys,
//! way-portal, way-aws-profile, whoami-ways.

mod machines;
mod portal;
mod profiles;
mod roles;

use pintail_testkit::output::Output;

use crate::cloud::Cloud;

impl Cloud {
    /// Adds a bookmark for this cloud by another way than a web sign-in.
    fn way(&self, name: &str, options: &[&str]) -> Output {
        let summary = self.summary();
        let mut arguments = vec!["bookmark", "add", name, "--force", "--region", &summary.region];
        arguments.extend(["--endpoint", &summary.s3_endpoint, "--sts-endpoint", &summary.sts_endpoint]);
        arguments.extend(options);
        self.env.run(arguments).succeeded()
    }

    /// Returns a cloud whose key user's secrets are looked for in everything that is printed.
    fn with_keys() -> Self {
        let cloud = Self::start();
        let user = &cloud.summary().key_user;
        cloud.env.secret("key", &user.secret_access_key);
        cloud.env.secret("seed", &user.mfa_seed);
        cloud
    }

    /// Signs in to a bookmark with these lines on standard input.
    fn login_with(&self, name: &str, lines: &[&str]) -> Output {
        self.env.pintail(["login", name]).stdin(&format!("{}\n", lines.join("\n"))).output()
    }

    fn secret(&self) -> &str {
        &self.summary().key_user.secret_access_key
    }

    fn key_id(&self) -> &str {
        &self.summary().key_user.access_key_id
    }
}

/// Asserts that a run ended for want of a sign-in, and says which command mends it.
#[track_caller]
fn wants_login(output: Output, name: &str) -> Output {
    let output = output.exited(4);
    assert!(output.stderr.contains(&format!("pintail login {name}")), "{}", output.stderr);
    output
}

/// behaviour: way-keys
#[test]
fn keys_work_once_their_secret_is_kept() {
    let cloud = Cloud::with_keys();
    cloud.way("keys", &["--access-key-id", cloud.key_id()]);
    let missing = wants_login(cloud.env.run(["ls", "keys:"]), "keys");
    assert!(missing.stderr.contains("does not hold the secret"), "{}", missing.stderr);
    let signed_in = cloud.login_with("keys", &[cloud.secret()]).succeeded();
    assert!(!signed_in.stderr.contains(cloud.secret()) && !signed_in.stdout.contains(cloud.secret()));
    cloud.env.run(["ls", "keys:"]).succeeded();
    let again = cloud.env.run(["logout", "keys", "--json"]).succeeded().json();
    assert_eq!(again["was_signed_in"], true);
    wants_login(cloud.env.run(["ls", "keys:"]), "keys");
}

/// behaviour: way-keys
#[test]
fn a_wrong_secret_is_refused_and_not_kept() {
    let cloud = Cloud::with_keys();
    cloud.way("keys", &["--access-key-id", cloud.key_id()]);
    let wrong = cloud.login_with("keys", &["wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"]).exited(5);
    assert!(wrong.stderr.contains("STS does not accept the credential"), "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("wJalrXUtnFEMI"), "{}", wrong.stderr);
    wants_login(cloud.env.run(["ls", "keys:"]), "keys");
    cloud.login_with("keys", &[""]).exited(2);
}

/// behaviour: way-keys
#[test]
fn a_secret_stays_while_another_bookmark_uses_it() {
    let cloud = Cloud::with_keys();
    for name in ["one", "two"] {
        cloud.way(name, &["--access-key-id", cloud.key_id()]);
    }
    cloud.login_with("one", &[cloud.secret()]).succeeded();
    cloud.env.run(["ls", "two:"]).succeeded();
    cloud.env.run(["bookmark", "rm", "one"]).succeeded();
    cloud.env.run(["ls", "two:"]).succeeded();
    cloud.env.run(["bookmark", "rm", "two"]).succeeded();
    cloud.way("two", &["--access-key-id", cloud.key_id()]);
    wants_login(cloud.env.run(["ls", "two:"]), "two");
}

/// behaviour: whoami-ways
#[test]
fn whoami_tells_whose_the_key_is_and_no_more_of_it() {
    let cloud = Cloud::with_keys();
    cloud.way("keys", &["--access-key-id", cloud.key_id()]);
    cloud.login_with("keys", &[cloud.secret()]).succeeded();
    let who = cloud.env.run(["whoami", "keys", "--json"]).succeeded().json();
    assert_eq!(who["way"], "keys");
    assert_eq!(who["arn"], cloud.summary().key_user.arn.as_str());
    assert_eq!(who["until"], serde_json::Value::Null);
    let shown = who["access_key_id"].as_str().expect("a masked ID");
    assert!(
        shown != cloud.key_id()
            && cloud.key_id().ends_with(
                shown.trim_start_matches(|c: char| !c.is_ascii()).rsplit('…').next().expect("a part")
            ),
        "{shown}"
    );
    let text = cloud.env.run(["whoami", "keys"]).succeeded();
    assert!(text.stdout.contains("way in") && !text.stdout.contains(cloud.secret()), "{}", text.stdout);
}

/// behaviour: ways
#[test]
fn anonymous_access_reads_what_everybody_may_and_no_more() {
    let cloud = Cloud::start();
    cloud.way("public", &["--anonymous"]);
    let public = cloud.summary().public_bucket.clone();
    cloud.env.run(["ls", &format!("public:{public}/")]).succeeded();
    let private =
        cloud.sandbox().world().buckets().into_iter().find(|name| *name != public).expect("a bucket");
    let refused = cloud.env.run(["ls", &format!("public:{private}/")]).exited(5);
    assert!(refused.stderr.contains("permission"), "{}", refused.stderr);
    let who = cloud.env.run(["whoami", "public", "--json"]).succeeded().json();
    assert_eq!((who["way"].as_str(), &who["access_key_id"]), (Some("anonymous"), &serde_json::Value::Null));
    cloud.env.run(["login", "public"]).succeeded();
}

/// behaviour: ways
#[test]
fn a_way_without_a_session_does_not_pretend_to_be_narrowed() {
    let cloud = Cloud::with_keys();
    cloud.way("keys", &["--access-key-id", cloud.key_id(), "--only", "s3://a-bucket/x"]);
    let refused = cloud.env.run(["ls", "keys:"]).exited(2);
    assert!(refused.stderr.contains("no session that could be narrowed"), "{}", refused.stderr);
}
