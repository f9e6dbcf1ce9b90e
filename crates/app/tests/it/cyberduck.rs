//! A bookmark as Cyberduck writes it, with nothing of ours in it: `docs/behaviour.md`, section sharing.

use std::fs;

use pintail_testkit::output::Output;

use crate::cloud::Cloud;

/// What Cyberduck keeps of a connection with its profile for Entra: client ID and role, and Amazon's host.
fn write_bookmark(cloud: &Cloud) {
    let summary = cloud.summary();
    let texts = [
        ("Protocol", "s3"),
        ("Provider", "aws-s3-sts-entra-oidc"),
        ("Nickname", "s3.amazonaws.com – S3"),
        ("UUID", "0a4a1c52-6c55-4c0e-9f3c-0a6a5f1e7c21"),
        ("Hostname", "s3.amazonaws.com"),
        ("Port", "443"),
    ];
    let pairs = |pairs: &[(&str, &str)]| -> String {
        pairs.iter().map(|(key, value)| format!("\t<key>{key}</key>\n\t<string>{value}</string>\n")).collect()
    };
    let custom = pairs(&[("OAuth Client ID", &summary.client_id), ("role_arn", &summary.role_arn)]);
    let file = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n{}\
         \t<key>Custom</key>\n\t<dict>\n{custom}\t</dict>\n</dict>\n</plist>\n",
        pairs(&texts)
    );
    fs::write(cloud.env.work().join("theirs.duck"), file).expect("a file");
    cloud.env.run(["add", "theirs.duck", "--name", "theirs"]).succeeded();
}

/// The test cloud by preferences: the built-in profile leads to Entra's `common` there.
fn by_preferences(cloud: &Cloud) {
    let summary = cloud.summary();
    for (key, value) in [
        ("pintail.authority", cloud.authority().as_str()),
        ("pintail.s3.endpoint", &summary.s3_endpoint),
        ("pintail.sts.endpoint", &summary.sts_endpoint),
    ] {
        cloud.env.run(["config", "set", key, value]).succeeded();
    }
}

/// The test cloud by a profile of the same vendor, which an admin hands out.
fn by_profile(cloud: &Cloud) {
    let (summary, authority) = (cloud.summary(), cloud.authority());
    let texts: String = [
        ("Protocol", "s3"),
        ("Vendor", "aws-s3-sts-entra-oidc"),
        ("Description", "S3 of the lab"),
        ("Default Hostname", "s3.amazonaws.com"),
        ("STS Endpoint", &summary.sts_endpoint),
        ("OAuth Authorization Url", &format!("{authority}/common/oauth2/v2.0/authorize")),
        ("OAuth Token Url", &format!("{authority}/common/oauth2/v2.0/token")),
        ("OAuth Redirect Url", "${oauth.handler.scheme}://oauth"),
        ("Authorization", "AuthorizationCode"),
    ]
    .iter()
    .map(|(key, value)| format!("<key>{key}</key><string>{value}</string>"))
    .collect();
    let file = format!(
        "<plist version=\"1.0\"><dict>{texts}<key>Properties</key><array>\
         <string>pintail.s3.endpoint={}</string></array></dict></plist>",
        summary.s3_endpoint
    );
    fs::write(cloud.env.work().join("lab.cyberduckprofile"), file).expect("a file");
    cloud.env.run(["profile", "install", "lab.cyberduckprofile"]).succeeded();
}

/// Signs Alice in: the redirect is Cyberduck's, which nothing here opens, so its address is pasted.
fn login(cloud: &Cloud) -> Output {
    let mut login = cloud.env.pintail(["login", "theirs", "--paste", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    match cloud.person(0).authorize(open["url"].as_str().expect("an address")) {
        Ok(redirect) => {
            assert_eq!(redirect.scheme(), "x-cyberduck-action");
            login.type_in(&format!("{redirect}\n"));
        }
        // The page never sends the person back: what to do has to be said before it.
        Err(page) => {
            assert!(page.contains("AADSTS50194"), "{page}");
            return login.end_now();
        }
    }
    login.finish()
}

/// behaviour: sharing
#[test]
fn common_and_a_client_id_work_where_the_app_takes_many_tenants() {
    for place in [by_preferences, by_profile] {
        let cloud = Cloud::start();
        place(&cloud);
        write_bookmark(&cloud);
        let mut app = cloud.sandbox().world().app(&cloud.summary().client_id).expect("the app");
        app.multi_tenant = true;
        cloud.sandbox().world().put_app(app);
        login(&cloud).succeeded();
        assert!(cloud.env.run(["ls", "theirs:"]).succeeded().stdout.contains(&cloud.bucket()));
    }
}

/// behaviour: sharing
#[test]
fn where_the_app_takes_one_tenant_it_says_what_to_change_and_then_works() {
    for place in [by_preferences, by_profile] {
        let cloud = Cloud::start();
        place(&cloud);
        write_bookmark(&cloud);
        let ended = login(&cloud);
        assert_ne!(ended.code(), Some(0));
        assert!(ended.stdout.contains("pintail bookmark edit theirs --tenant"), "{}", ended.stdout);
        cloud.env.run(["bookmark", "edit", "theirs", "--tenant", &cloud.summary().tenant]).succeeded();
        login(&cloud).succeeded();
        assert!(cloud.env.run(["ls", "theirs:"]).succeeded().stdout.contains(&cloud.bucket()));
    }
}
