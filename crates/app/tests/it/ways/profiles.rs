//! Profiles of the AWS command line, in a home of their own.

use std::fs;
use std::path::PathBuf;

use pintail_testkit::person::Person;
use pintail_testkit::raw;

use super::wants_login;
use crate::cloud::Cloud;

impl Cloud {
    fn aws_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.env.folder().join("home/.aws").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// Writes the configuration, with the key user's key as `[base]`.
    fn aws_config(&self, config: &str) {
        self.aws_file("config", config);
        let (id, secret) = (self.key_id(), self.secret());
        let text = format!("[base]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        self.aws_file("credentials", &text);
    }

    fn aws(&self, profile: &str) {
        self.way("aws", &["--aws-profile", profile]);
    }
}

/// behaviour: way-aws-profile
#[test]
fn keys_roles_and_chains_of_profiles_work() {
    let cloud = Cloud::with_keys();
    let role = cloud.summary().user_role_arn.clone();
    cloud.aws_config(&format!(
        "[profile role]\nrole_arn = {role}\nsource_profile = base\n\
         [profile env]\nrole_arn = {role}\ncredential_source = Environment\n"
    ));
    cloud.aws("base");
    cloud.env.run(["ls", "aws:"]).succeeded();
    cloud.aws("role");
    cloud.env.run(["ls", "aws:"]).succeeded();
    let who = cloud.env.run(["whoami", "aws", "--json"]).succeeded().json();
    assert_eq!(who["way"], "aws-profile");
    assert!(who["arn"].as_str().is_some_and(|arn| arn.contains("PintailForUsers")), "{who}");
    cloud.aws("env");
    let without = cloud.env.run(["ls", "aws:"]).exited(1);
    assert!(without.stderr.contains("the environment holds no access key"), "{}", without.stderr);
    let run = cloud.env.pintail(["ls", "aws:"]).set("AWS_ACCESS_KEY_ID", cloud.key_id());
    run.set("AWS_SECRET_ACCESS_KEY", cloud.secret()).output().succeeded();
}

/// behaviour: way-aws-profile
#[test]
fn a_profile_says_what_the_bookmark_leaves_open() {
    let cloud = Cloud::with_keys();
    let summary = cloud.summary();
    let (endpoint, region) = (&summary.s3_endpoint, &summary.region);
    let (id, secret) = (cloud.key_id(), cloud.secret());
    let other = cloud.aws_file(
        "elsewhere",
        &format!(
            "[profile here]\nregion = {region}\nendpoint_url = {endpoint}\naws_access_key_id = {id}\n\
             aws_secret_access_key = {secret}\ns3 =\n  addressing_style = path\n"
        ),
    );
    cloud.env.run(["bookmark", "add", "aws", "--aws-profile", "here"]).succeeded();
    cloud.env.pintail(["ls", "aws:"]).set("AWS_CONFIG_FILE", &other).output().succeeded();
    let tilde = cloud.env.pintail(["ls", "aws:"]).set("AWS_CONFIG_FILE", "~/.aws/elsewhere");
    tilde.output().succeeded();
    let unknown = cloud.env.run(["ls", "aws:"]).exited(6);
    assert!(unknown.stderr.contains("has no profile \"here\""), "{}", unknown.stderr);
}

/// behaviour: way-aws-profile
#[test]
fn a_second_factor_of_a_profile_is_asked_for_at_login_only() {
    let cloud = Cloud::with_keys();
    let (role, serial) = (&cloud.summary().mfa_role_arn, &cloud.summary().key_user.mfa_serial);
    cloud.aws_config(&format!(
        "[profile mfa]\nrole_arn = {role}\nsource_profile = base\nmfa_serial = {serial}\n"
    ));
    cloud.aws("mfa");
    wants_login(cloud.env.run(["ls", "aws:"]), "aws");
    let code = cloud.sandbox().world().mfa_code(serial).expect("a code");
    cloud.login_with("aws", &[&code]).succeeded();
    cloud.env.run(["ls", "aws:"]).succeeded();
}

/// behaviour: way-aws-profile
#[test]
fn a_program_gives_credentials_or_says_why_not() {
    let cloud = Cloud::with_keys();
    let (id, secret) = (cloud.key_id(), cloud.secret());
    let answer = cloud.env.work().join("answer.json");
    let json = serde_json::json!({"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret});
    fs::write(&answer, json.to_string()).expect("a file");
    cloud.aws_config(&format!(
        "[profile good]\ncredential_process = /bin/cat {0}\n\
         [profile junk]\ncredential_process = /bin/echo hunter2-junk\n\
         [profile bad]\ncredential_process = /bin/sh -c \"echo the vault is shut >&2; exit 3\"\n\
         [profile gone]\ncredential_process = /nowhere/at/all\n",
        answer.display()
    ));
    cloud.aws("good");
    cloud.env.run(["ls", "aws:"]).succeeded();
    for (profile, words) in [
        ("junk", "printed no credential"),
        ("bad", "ended with exit code 3: the vault is shut"),
        ("gone", "could not be started"),
    ] {
        cloud.aws(profile);
        let failed = cloud.env.run(["ls", "aws:"]).exited(1);
        assert!(failed.stderr.contains(words), "{profile}: {}", failed.stderr);
        assert!(!failed.stderr.contains("hunter2"), "{}", failed.stderr);
    }
}

/// behaviour: way-aws-profile
#[test]
fn profiles_that_lead_nowhere_are_named() {
    let cloud = Cloud::with_keys();
    let role = cloud.summary().user_role_arn.clone();
    cloud.aws_config(&format!(
        "[profile a]\nrole_arn = {role}\nsource_profile = b\n[profile b]\nrole_arn = {role}\nsource_profile = a\n"
    ));
    cloud.aws("a");
    let circle = cloud.env.run(["ls", "aws:"]).exited(1);
    assert!(circle.stderr.contains("goes in a circle"), "{}", circle.stderr);
    cloud.aws("nobody");
    let unknown = cloud.env.run(["ls", "aws:"]).exited(6);
    assert!(
        unknown.stderr.contains("\"nobody\"") && unknown.stderr.contains("\"base\""),
        "{}",
        unknown.stderr
    );
    cloud.aws_file("config", "[profile a\n");
    let broken = cloud.env.run(["ls", "aws:"]).exited(1);
    assert!(broken.stderr.contains("line 1"), "{}", broken.stderr);
}

/// behaviour: way-aws-profile
#[test]
fn a_token_file_is_exchanged_for_its_role() {
    let cloud = Cloud::with_keys();
    let summary = cloud.summary();
    let user = &summary.users[0];
    let mut person = Person::new(&user.username).with_password(&user.password);
    let tokens = raw::sign_in(&summary.issuer, &summary.client_id, &mut person);
    let path = cloud.aws_file("token", tokens["id_token"].as_str().expect("an ID token"));
    let role = &summary.role_arn;
    cloud.aws_config(&format!(
        "[profile web]\nrole_arn = {role}\nweb_identity_token_file = ~/.aws/token\nservices = here\n\
         [services here]\nsts =\n  endpoint_url = {}\n",
        summary.sts_endpoint
    ));
    cloud.aws("web");
    cloud.env.run(["ls", "aws:"]).succeeded();
    // The token goes where the AWS configuration says: a bookmark can come from a stranger.
    cloud.env.run(["bookmark", "edit", "aws", "--sts-endpoint", "http://127.0.0.1:1/"]).succeeded();
    cloud.env.run(["ls", "aws:"]).succeeded();
    fs::write(&path, "no token").expect("a file");
    let wrong = cloud.env.run(["ls", "aws:"]).exited(1);
    assert!(wrong.stderr.contains("holds no identity token"), "{}", wrong.stderr);
}

/// behaviour: way-aws-profile
#[test]
fn the_sign_in_of_the_aws_command_line_serves_its_profiles() {
    let cloud = Cloud::with_keys();
    let summary = cloud.summary();
    let account = summary.role_arn.split(':').nth(4).expect("an account");
    cloud.aws_config(&format!(
        "[profile sso]\nsso_session = work\nsso_account_id = {account}\nsso_role_name = PintailFull\n\
         [sso-session work]\nsso_start_url = {}\nsso_region = {}\n",
        summary.sso_start_url, summary.region
    ));
    cloud.aws("sso");
    let run = |arguments: &[&str]| {
        let run = cloud.env.pintail(arguments).set("AWS_ENDPOINT_URL_SSO", &summary.sso_portal_endpoint);
        run.set("AWS_ENDPOINT_URL_SSO_OIDC", &summary.sso_oidc_endpoint)
    };
    wants_login(run(&["ls", "aws:"]).output(), "aws");
    // What `aws sso login` leaves behind, under the SHA-1 of `work`.
    let leave = |token: &str| {
        let cache = serde_json::json!({
            "startUrl": summary.sso_start_url, "region": summary.region,
            "accessToken": token, "expiresAt": "2099-01-01T00:00:00Z"
        });
        cloud.aws_file("sso/cache/e274eeff768c6396088ec6eb091f4bf4d47ab1e0.json", &cache.to_string());
    };
    leave("aoaAAAAA-made-up");
    wants_login(run(&["ls", "aws:"]).output(), "aws");
    cloud.portal("other", &["--sso-account", account, "--sso-role", "PintailRead"]);
    cloud.portal_sign_in("other", 0, &[]).succeeded();
    let known = cloud.sandbox().recorder().secrets();
    leave(known.iter().find(|secret| secret.starts_with("aoa")).expect("an access token"));
    run(&["ls", "aws:"]).output().succeeded();
    run(&["logout", "aws"]).output().succeeded();
    leave("aoaAAAAA-made-up");
    wants_login(run(&["ls", "aws:"]).output(), "aws");
    let mut login = run(&["login", "aws", "--no-browser", "--json"]).start();
    let line = login.next_line().expect("an address to open");
    let event: serde_json::Value = serde_json::from_str(&line).expect("JSON lines");
    let _ = cloud.person(0).sign_in(event["url"].as_str().expect("an address"));
    login.finish().succeeded();
    run(&["ls", "aws:"]).output().succeeded();
    run(&["logout", "aws"]).output().succeeded();
    wants_login(run(&["ls", "aws:"]).output(), "aws");
}
