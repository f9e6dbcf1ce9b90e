//! The sign-in in a real browser: Chromium, headless, at the OpenID Provider and at the sandbox.

use pintail_testkit::bench::Bench;
use pintail_testkit::browser::Visit;

use crate::cloud::{Cloud, home};
use crate::seaweedfs::bookmark;

#[test]
fn chromium_signs_in_at_the_openid_provider() {
    let bench = Bench::load();
    let env = home();
    bookmark(&env, &bench, "weed", bench.seaweedfs(), "public", &[]);
    let mut login = env.pintail(["login", "weed", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    let landing = Visit::by("alice").open(&bench, open["url"].as_str().expect("an address"));
    assert!(landing.arrived, "{landing:?}");
    assert!(landing.text.contains("Signed in"), "{landing:?}");
    login.finish().succeeded();
    env.run(["ls", "weed:"]).succeeded();
}

#[test]
fn chromium_signs_in_at_the_sandbox() {
    let bench = Bench::load();
    let cloud = Cloud::start();
    let user = &cloud.summary().users[0];
    let mut login = cloud.env.pintail(["login", "lab", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    let visit = Visit::by(&user.username).with_password(&user.password);
    let landing = visit.open(&bench, open["url"].as_str().expect("an address"));
    assert!(landing.arrived, "{landing:?}");
    login.finish().succeeded();
}
