//! IAM Identity Center: signing in, choosing account and role, and the end of it.

use pintail_testkit::output::Output;

use super::wants_login;
use crate::cloud::Cloud;

impl Cloud {
    pub(super) fn portal(&self, name: &str, more: &[&str]) {
        let summary = self.summary();
        let options = [
            "--sso-start-url",
            &summary.sso_start_url,
            "--sso-region",
            &summary.region,
            "--sso-oidc-endpoint",
            &summary.sso_oidc_endpoint,
            "--sso-portal-endpoint",
            &summary.sso_portal_endpoint,
        ];
        self.way(name, &[&options[..], more].concat());
    }

    /// Signs a person in at the portal in a browser.
    pub(super) fn portal_sign_in(&self, name: &str, person: usize, more: &[&str]) -> Output {
        let arguments = [&["login", name, "--json"], more].concat();
        let mut login = self.env.pintail(arguments).start();
        while let Some(line) = login.next_line() {
            let event: serde_json::Value = serde_json::from_str(&line).expect("JSON lines");
            match event["event"].as_str() {
                Some("open") => {
                    let _ = self.person(person).sign_in(event["url"].as_str().expect("an address"));
                }
                Some("device_code") => {
                    let text = |key: &str| event[key].as_str().expect("a text").to_owned();
                    let approved = self.person(person).approve_device(&text("url"), &text("user_code"));
                    approved.expect("the person approves");
                }
                _ => continue,
            }
            break;
        }
        login.finish()
    }

    fn account(&self) -> String {
        self.summary().role_arn.split(':').nth(4).expect("an account").to_owned()
    }
}

/// behaviour: way-portal
#[test]
fn account_and_role_are_chosen_from_what_the_portal_offers() {
    let cloud = Cloud::start();
    cloud.portal("sso", &[]);
    wants_login(cloud.env.run(["ls", "sso:"]), "sso");
    let unclear = cloud.portal_sign_in("sso", 0, &[]).exited(2);
    let full = format!("{}/PintailFull", cloud.account());
    assert!(unclear.stdout.contains(&full), "{}", unclear.stdout);
    let offered = cloud.env.run(["roles", "sso", "--json"]).succeeded().json_lines();
    assert_eq!(offered.len(), 3);
    assert!(offered.iter().all(|line| line["chosen"] == false));
    cloud.env.run(["ls", "sso:", "--role", &full]).succeeded();
    cloud.env.run(["ls", "sso:"]).exited(2);
    cloud.env.run(["whoami", "sso", "--role", &full]).succeeded();
    cloud.env.run(["ls", "sso:"]).succeeded();
    let offered = cloud.env.run(["roles", "sso", "--json"]).succeeded().json_lines();
    let chosen: Vec<_> = offered.iter().filter(|line| line["chosen"] == true).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0]["role"], full.as_str());
    let who = cloud.env.run(["whoami", "sso", "--json"]).succeeded().json();
    assert_eq!((who["way"].as_str(), who["role"].as_str()), (Some("identity-center"), Some(full.as_str())));
    assert_eq!(who["renews"], true);
    let unknown = cloud.env.run(["ls", "sso:", "--role", "Nobody"]).exited(2);
    assert!(unknown.stderr.contains(&full), "{}", unknown.stderr);
}

/// behaviour: way-portal
#[test]
fn a_device_code_signs_in_as_well_and_one_sign_in_serves_all_roles() {
    let cloud = Cloud::start();
    let account = cloud.account();
    cloud.portal("full", &["--sso-account", &account, "--sso-role", "PintailFull"]);
    cloud.portal("read", &["--sso-account", &account, "--sso-role", "PintailRead"]);
    cloud.portal_sign_in("full", 0, &["--device"]).succeeded();
    cloud.env.run(["ls", "full:"]).succeeded();
    cloud.env.run(["ls", "read:"]).succeeded();
    cloud.env.run(["bookmark", "rm", "full"]).succeeded();
    cloud.env.run(["ls", "read:"]).succeeded();
    let out = cloud.env.run(["logout", "read", "--json"]).succeeded().json();
    assert_eq!(out["was_signed_in"], true);
    wants_login(cloud.env.run(["ls", "read:"]), "read");
}

/// behaviour: way-portal
#[test]
fn a_role_that_is_not_assigned_is_refused() {
    let cloud = Cloud::start();
    let account = cloud.account();
    cloud.portal("sso", &["--sso-account", &account, "--sso-role", "PintailFull"]);
    // Bob may only read.
    let refused = cloud.portal_sign_in("sso", 1, &[]).exited(5);
    assert!(refused.stdout.contains("not assigned to you"), "{}", refused.stdout);
    assert!(refused.stdout.contains("pintail roles sso"), "{}", refused.stdout);
}

/// behaviour: way-portal
#[test]
fn a_session_that_an_admin_ended_asks_for_another_sign_in() {
    let cloud = Cloud::start();
    let account = cloud.account();
    cloud.portal("sso", &["--sso-account", &account, "--sso-role", "PintailFull"]);
    cloud.portal_sign_in("sso", 0, &[]).succeeded();
    let world = cloud.sandbox().world();
    world.expire_sessions();
    cloud.env.run(["ls", "sso:"]).succeeded();
    world.end_portal_sessions(&cloud.summary().users[0].username);
    world.expire_sessions();
    wants_login(cloud.env.run(["ls", "sso:"]), "sso");
    cloud.portal_sign_in("sso", 0, &[]).succeeded();
    cloud.env.run(["ls", "sso:"]).succeeded();
}
