//! Signing in, who one is, signing out: `docs/behaviour.md`, sections sign-in, whoami, keeping.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cloud::{Cloud, sign_in};

/// behaviour: sign-in
#[test]
fn login_prints_the_address_and_who_signed_in() {
    let cloud = Cloud::start();
    let output = cloud.sign_in("lab", 0).succeeded();
    let lines = output.json_lines();
    assert_eq!(lines[0]["event"], "open");
    let summary = cloud.summary();
    let end = lines.last().expect("a line");
    assert_eq!(end["event"], "signed_in");
    assert_eq!(end["bookmark"], "lab");
    assert_eq!(end["person"], summary.users[0].username.as_str());
    assert_eq!(end["issuer"], summary.issuer.as_str());
    assert_eq!(end["tenant"], summary.tenant.as_str());
    assert_eq!(end["role"], summary.role_arn.as_str());
    assert_eq!(end["account"].as_str().map(str::len), Some(12));
    assert!(end["until"].is_string(), "{end}");
}

/// behaviour: whoami
#[test]
fn whoami_tells_person_role_and_renews_what_ended() {
    let cloud = Cloud::start();
    let refused = cloud.env.run(["whoami", "lab", "--json"]).exited(4);
    assert!(refused.stderr.contains("pintail login lab"), "{}", refused.stderr);
    cloud.sign_in("lab", 0).succeeded();
    let who = cloud.env.run(["whoami", "lab", "--json"]).succeeded().json();
    assert_eq!(who["person"], cloud.summary().users[0].username.as_str());
    assert_eq!(who["renews"], true);
    let text = cloud.env.run(["whoami", "lab"]).succeeded().stdout;
    assert!(text.contains("PintailSandbox"), "{text}");
}

/// behaviour: keeping
#[test]
fn logout_removes_everything_and_names_the_sign_out_page() {
    let cloud = Cloud::signed_in();
    let done = cloud.env.run(["logout", "lab", "--json"]).succeeded().json();
    assert_eq!(done["was_signed_in"], true);
    let page = done["sign_out_page"].as_str().expect("a page");
    assert!(page.starts_with(&cloud.authority()) && page.contains("logout"), "{page}");
    cloud.env.run(["whoami", "lab"]).exited(4);
    assert_eq!(cloud.env.run(["logout", "lab", "--json"]).succeeded().json()["was_signed_in"], false);
}

/// behaviour: keeping
#[test]
fn kept_secrets_are_for_the_owner_alone_and_apart_from_their_key() {
    let cloud = Cloud::signed_in();
    let (state, data) = (cloud.env.home().join("state"), cloud.env.home().join("data"));
    for folder in [&state, &data] {
        let mut seen = 0;
        check_private(folder, &mut seen);
        assert!(seen > 0, "{} holds something", folder.display());
    }
}

fn check_private(path: &Path, seen: &mut usize) {
    let metadata = fs::metadata(path).expect("it exists");
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_dir() {
        assert_eq!(mode, 0o700, "{}", path.display());
        for entry in fs::read_dir(path).expect("a folder").flatten() {
            check_private(&entry.path(), seen);
        }
    } else {
        *seen += 1;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[test]
fn a_device_code_signs_in() {
    let cloud = Cloud::start();
    let mut app = cloud.sandbox().world().app(&cloud.summary().client_id).expect("the app");
    app.public_client_flows = true;
    cloud.sandbox().world().put_app(app);
    let mut login = cloud.env.pintail(["login", "lab", "--device", "--json"]).start();
    let device = login.next_event("device_code");
    let text = |name: &str| device[name].as_str().expect("a text").to_owned();
    cloud.person(0).approve_device(&text("url"), &text("user_code")).expect("approval");
    login.finish().succeeded();
    cloud.env.run(["ls", "lab:"]).succeeded();
}

#[test]
fn a_device_code_is_refused_with_the_switch_to_turn_on() {
    let cloud = Cloud::start();
    let mut app = cloud.sandbox().world().app(&cloud.summary().client_id).expect("the app");
    app.public_client_flows = false;
    cloud.sandbox().world().put_app(app);
    let login = cloud.env.pintail(["login", "lab", "--device", "--json"]).start();
    let output = login.finish();
    assert_ne!(output.code(), Some(0));
    assert!(output.stderr.contains("Allow public client flows"), "{}", output.stderr);
}

#[test]
fn an_address_can_be_pasted_where_no_browser_reaches_this_machine() {
    let cloud = Cloud::start();
    let mut login = cloud.env.pintail(["login", "lab", "--paste", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    let redirect = cloud.person(0).authorize(open["url"].as_str().expect("an address")).expect("a redirect");
    login.type_in(&format!("{redirect}\n"));
    login.finish().succeeded();
}

#[test]
fn a_tenant_can_be_named_by_its_domain() {
    let cloud = Cloud::start();
    let domain = cloud.summary().users[0].username.split_once('@').expect("an address").1.to_owned();
    cloud.bookmark("domain", &["--tenant", &domain]);
    let end = cloud.sign_in("domain", 0).succeeded().json_lines().pop().expect("a line");
    assert_eq!(end["tenant"], cloud.summary().tenant.as_str(), "the domain is resolved to its GUID");
}

#[test]
fn common_warns_that_iam_needs_one_issuer() {
    let cloud = Cloud::start();
    let added = cloud.bookmark("everyone", &["--tenant", "common"]);
    assert!(added.stderr.contains("one issuer"), "{}", added.stderr);
}

#[test]
fn a_person_who_refuses_is_told_so() {
    let cloud = Cloud::start();
    let mut app = cloud.sandbox().world().app(&cloud.summary().client_id).expect("the app");
    app.admin_consent = false;
    cloud.sandbox().world().put_app(app);
    let mut login = cloud.env.pintail(["login", "lab", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    cloud.decline(open["url"].as_str().expect("an address"), 0);
    let output = login.finish();
    assert_eq!(output.code(), Some(4), "{}", output.stderr);
}

#[test]
fn a_time_out_names_what_microsoft_only_shows_in_the_page() {
    let cloud = Cloud::start();
    let login = cloud.env.pintail(["login", "lab", "--no-browser", "--timeout", "5"]).start();
    let output = login.finish().exited(4);
    for number in ["50011", "700016", "90002", "50105", "50020"] {
        assert!(output.stderr.contains(number), "{number}: {}", output.stderr);
    }
}

#[test]
fn a_second_role_is_assumed_from_the_first() {
    let cloud = Cloud::start();
    let chained = cloud.summary().chained_role_arn.clone();
    cloud.bookmark("project", &["--second-role-arn", &chained, "--external-id", "pintail-project"]);
    let who = cloud.sign_in("project", 0).succeeded().json_lines().pop().expect("a line");
    assert_eq!(who["role"], chained.as_str());
    cloud.bookmark("stranger", &["--second-role-arn", &chained, "--external-id", "of-somebody-else"]);
    sign_in(&cloud.env, "stranger", &mut cloud.person(0)).exited(5);
}

#[test]
fn a_confidential_client_proves_itself_with_its_secret() {
    let cloud = Cloud::start();
    let world = cloud.sandbox().world();
    let mut app = world.app(&cloud.summary().client_id).expect("the app");
    for (platform, _) in &mut app.redirect_uris {
        *platform = pintail_sandbox::Platform::Web;
    }
    app.secrets = vec!["the-secret-of-the-application".into()];
    world.put_app(app);
    let without = cloud.sign_in("lab", 0);
    assert_ne!(without.code(), Some(0));
    assert!(without.stderr.contains("Mobile and desktop applications"), "{}", without.stderr);
    let summary = cloud.summary();
    let authority = cloud.authority();
    let add = [
        "bookmark",
        "add",
        "secretive",
        "--tenant",
        &summary.tenant,
        "--authority",
        &authority,
        "--client-id",
        &summary.client_id,
        "--role-arn",
        &summary.role_arn,
        "--endpoint",
        &summary.s3_endpoint,
        "--sts-endpoint",
        &summary.sts_endpoint,
        "--client-secret",
    ];
    cloud.env.pintail(add).stdin("the-secret-of-the-application\n").output().succeeded();
    cloud.sign_in("secretive", 0).succeeded();
}

/// behaviour: keeping
#[test]
fn a_bookmark_that_goes_takes_its_sign_in_along_unless_another_uses_it() {
    let cloud = Cloud::signed_in();
    cloud.bookmark("other", &["--read-only"]);
    cloud.env.run(["bookmark", "rm", "lab"]).succeeded();
    cloud.env.run(["whoami", "other"]).succeeded();
    cloud.env.run(["bookmark", "rm", "other"]).succeeded();
    cloud.bookmark("lab", &[]);
    cloud.env.run(["whoami", "lab"]).exited(4);
}
