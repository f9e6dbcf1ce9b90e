//! Bookmarks: edited, found, imported, exported, shared, pinned: `docs/behaviour.md`, sections bookmarks, sharing, pins, places.

use std::fs;

use crate::cloud::{Cloud, home, sign_in};

/// A bookmark as Cyberduck writes it for Entra, with our properties for where the sandbox is.
fn as_cyberduck_writes_it(cloud: &Cloud, tenant: &str) -> String {
    let summary = cloud.summary();
    let custom: String = [
        ("OAuth Client ID", summary.client_id.as_str()),
        ("role_arn", &summary.role_arn),
        ("pintail.authority", &cloud.authority()),
        ("pintail.sts.endpoint", &summary.sts_endpoint),
        ("pintail.s3.endpoint", &summary.s3_endpoint),
        ("pintail.redirect", "http://localhost/"),
        ("pintail.tenant", tenant),
    ]
    .iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| format!("<key>{key}</key><string>{value}</string>"))
    .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>Protocol</key><string>s3</string>\
         <key>Provider</key><string>aws-s3-sts-entra-oidc</string><key>Nickname</key><string>Reports: shared</string>\
         <key>UUID</key><string>5a7ff1d2-3c0e-4a52-9f5c-2a2f6d9d1f10</string><key>Hostname</key><string>s3.amazonaws.com</string>\
         <key>Port</key><string>443</string><key>Custom</key><dict>{custom}</dict></dict></plist>"
    )
}

/// behaviour: sharing
#[test]
fn a_shared_bookmark_a_sign_in_and_nothing_else() {
    let cloud = Cloud::start();
    let file = cloud.env.work().join("shared-bookmark.duck");
    cloud.env.run(["bookmark", "export", "lab", "--output", "shared-bookmark.duck"]).succeeded();
    let other = home();
    fs::copy(&file, other.work().join("shared-bookmark.duck")).expect("a copy");
    let added = other.run(["add", "shared-bookmark.duck"]).succeeded();
    assert!(added.stderr.contains("AWS account") && added.stderr.contains("tenant"), "{}", added.stderr);
    let mut login = other.pintail(["login", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    cloud.person(0).sign_in(open["url"].as_str().expect("an address")).expect("a sign-in");
    login.finish().succeeded();
    assert!(!other.run(["ls"]).succeeded().stdout.is_empty());
    // The same file again changes nothing; a changed one does not slip in.
    let again = other.run(["add", "shared-bookmark.duck"]).succeeded();
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    let text = fs::read_to_string(&file).expect("a file");
    let changed = text.replace(&cloud.summary().role_arn, "arn:aws:iam::999999999999:role/Other");
    fs::write(other.work().join("shared-bookmark.duck"), changed).expect("a file");
    let refused = other.run(["add", "shared-bookmark.duck"]).exited(1);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
}

/// behaviour: sharing
#[test]
fn nothing_personal_is_exported_and_several_make_a_bundle() {
    let cloud = Cloud::start();
    let env = &cloud.env;
    cloud.bookmark("lab", &["--account", "alice@contoso.com"]);
    cloud.bookmark("other", &[]);
    env.run(["bookmark", "edit", "lab", "--set", "Comment=for alice", "--set", "unheard.of=hunter2"])
        .succeeded();
    let one = env.run(["bookmark", "export", "lab"]).succeeded();
    assert!(!one.stdout.contains("alice") && !one.stdout.contains("hunter2"), "{}", one.stdout);
    assert!(one.stderr.contains("unheard.of") && one.stderr.contains("Username"), "{}", one.stderr);
    let kept = env.run(["bookmark", "export", "lab", "--keep-username"]).succeeded();
    assert!(kept.stdout.contains("alice@contoso.com"), "{}", kept.stdout);
    env.run(["bookmark", "export", "lab", "other", "--output", "both.pintail"]).succeeded();
    env.run(["bookmark", "export", "lab", "other", "--output", "both.pintail"]).exited(1);
    let there = home();
    fs::copy(env.work().join("both.pintail"), there.work().join("both.pintail")).expect("a copy");
    there.run(["add", "both.pintail"]).succeeded();
    assert_eq!(there.run(["bookmark", "ls", "--json"]).succeeded().json_lines().len(), 2);
}

/// behaviour: sharing
#[test]
fn a_file_of_others_names_no_file_of_this_machine() {
    let env = home();
    let file = "<plist version=\"1.0\"><dict><key>Protocol</key><string>s3</string><key>Nickname</key><string>trap</string>\
        <key>Custom</key><dict><key>pintail.way</key><string>container-metadata</string>\
        <key>pintail.container.endpoint</key><string>http://127.0.0.1:1/</string>\
        <key>pintail.container.token_file</key><string>/etc/passwd</string></dict></dict></plist>";
    fs::write(env.work().join("trap.duck"), file).expect("a file");
    let added = env.run(["add", "trap.duck"]).succeeded();
    assert!(added.stderr.contains("pintail.container.token_file"), "{}", added.stderr);
    let kept = fs::read_to_string(env.home().join("config/bookmarks/trap.duck")).expect("a bookmark");
    assert!(!kept.contains("/etc/passwd"), "{kept}");
    fs::write(env.work().join("page.html"), "<html></html>").expect("a file");
    env.run(["add", "page.html"]).exited(1);
    let plain = env.run(["add", "http://example.org/x.duck"]).exited(1);
    assert!(plain.stderr.contains("https"), "{}", plain.stderr);
}

/// behaviour: pins
#[test]
fn a_bookmark_that_leads_elsewhere_warns_and_signs_nobody_in() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let path = env.home().join("config/bookmarks/lab.duck");
    let text = fs::read_to_string(&path).expect("a bookmark");
    let quiet = env.run(["ls", "lab:"]).succeeded();
    assert!(!quiet.stderr.contains("leads elsewhere"), "{}", quiet.stderr);
    let account = cloud.summary().role_arn.split(':').nth(4).expect("an account").to_owned();
    fs::write(&path, text.replace(&account, "999999999999")).expect("a file");
    let warned = env.run(["ls", "lab:"]);
    assert!(
        warned.stderr.contains("leads elsewhere") && warned.stderr.contains("999999999999"),
        "{}",
        warned.stderr
    );
    let refused = env.run(["login", "lab", "--no-browser"]).exited(5);
    assert!(refused.stderr.contains("--trust") && refused.stderr.contains(&account), "{}", refused.stderr);
    // Whose STS and S3 these are, nobody knows: neither token nor credential goes there.
    for (key, said) in [("sts", &cloud.summary().sts_endpoint), ("s3", &cloud.summary().s3_endpoint)] {
        assert!(text.contains(said.trim_end_matches('/')), "{text}");
        fs::write(&path, text.replace(said.trim_end_matches('/'), "https://collector.example"))
            .expect("a file");
        for command in [&["ls", "lab:"][..], &["credentials", "lab"], &["whoami", "lab"], &["roles", "lab"]] {
            let held = env.run(command.iter().copied()).exited(5);
            assert!(
                held.stderr.contains("leads elsewhere than when it was taken: "),
                "{key}: {}",
                held.stderr
            );
        }
    }
    // One that was put there by hand is first shown.
    let copy = env.home().join("config/bookmarks/copy.duck");
    fs::write(copy, &text).expect("a file");
    let first = env.run(["ls", "copy:"]).exited(4);
    assert!(first.stderr.contains("pintail login copy"), "{}", first.stderr);
    // What the person changes here is meant.
    fs::write(&path, &text).expect("a file");
    env.run(["bookmark", "edit", "lab", "--region", "eu-west-1"]).succeeded();
    let after = env.run(["ls", "lab:"]).succeeded();
    assert!(!after.stderr.contains("leads elsewhere"), "{}", after.stderr);
}

/// behaviour: pins
#[test]
fn a_sign_in_to_another_tenant_is_refused_until_it_is_trusted() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let file = env.home().join("state/pins.json");
    let kept = fs::read_to_string(&file).expect("pins");
    let (tenant, other) = (cloud.summary().tenant.clone(), "99999999-9999-4999-8999-999999999999");
    let said = format!("\"tenant_seen\": \"{tenant}\"");
    assert!(kept.contains(&said), "{kept}");
    let elsewhere = kept.replace(&said, &format!("\"tenant_seen\": \"{other}\""));
    fs::write(&file, &elsewhere).expect("a file");
    env.run(["logout", "lab"]).succeeded();
    let refused = cloud.sign_in("lab", 0).exited(5);
    for word in [tenant.as_str(), other, "pintail login lab --trust"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    assert_eq!(fs::read_to_string(&file).expect("pins"), elsewhere, "nothing is kept silently");
    env.run(["whoami", "lab"]).exited(4);
    let mut login = env.pintail(["login", "lab", "--trust", "--no-browser", "--json"]).start();
    let open = login.next_event("open");
    cloud.person(0).sign_in(open["url"].as_str().expect("an address")).expect("a sign-in");
    let trusted = login.finish().succeeded();
    assert!(trusted.stdout.contains("leads elsewhere"), "{}", trusted.stdout);
    assert_eq!(fs::read_to_string(&file).expect("pins"), kept);
    cloud.sign_in("lab", 0).succeeded();
}

/// behaviour: pins
#[test]
fn damaged_pins_are_no_first_use() {
    let cloud = Cloud::signed_in();
    let file = cloud.env.home().join("state/pins.json");
    fs::write(&file, "{\"cut\": ").expect("a file");
    for (command, place) in [("login", "lab"), ("ls", "lab:"), ("whoami", "lab")] {
        let refused = cloud.env.run([command, place]).exited(1);
        assert!(
            refused.stderr.contains("pins.json") && refused.stderr.contains("remove it"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(fs::read_to_string(&file).expect("pins"), "{\"cut\": ", "it is left as it is");
    fs::remove_file(&file).expect("a file");
    let first = cloud.sign_in("lab", 0).succeeded();
    assert!(first.stderr.contains("first time"), "{}", first.stderr);
}

/// behaviour: bookmarks
#[test]
fn an_edit_changes_what_is_given_and_renames_with_all_that_hangs_on_it() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let read = |name: &str| {
        fs::read_to_string(env.home().join(format!("config/bookmarks/{name}.duck"))).expect("a file")
    };
    let before = read("lab");
    env.run(["bookmark", "edit", "lab", "--label", "blue", "--set", "Comment=Quarterly reports"]).succeeded();
    let after = read("lab");
    for line in before.lines() {
        assert!(after.contains(line), "{line} is gone: {after}");
    }
    env.run(["bookmark", "default", "lab"]).succeeded();
    env.run(["bookmark", "edit", "lab", "--name", "reports"]).succeeded();
    env.run(["bookmark", "show", "lab"]).exited(6);
    assert_eq!(env.run(["bookmark", "default"]).succeeded().stdout.trim(), "reports");
    // The sign-in is the same one.
    env.run(["whoami", "reports"]).succeeded();
    env.run(["bookmark", "edit", "reports", "--set", "UUID=x"]).exited(2);
    env.run(["bookmark", "edit", "reports", "--role-arn", "S3Reader"]).exited(2);
    env.run(["bookmark", "edit", "reports", "--read-only"]).succeeded();
    assert_eq!(env.run(["bookmark", "show", "reports", "--json"]).succeeded().json()["read_only"], true);
    env.run(["bookmark", "edit", "reports", "--read-only=false", "--no-label", "blue"]).succeeded();
    assert_eq!(env.run(["bookmark", "show", "reports", "--json"]).succeeded().json()["read_only"], false);
}

/// behaviour: bookmarks
#[test]
fn bookmarks_are_found_by_label_and_words_and_one_is_the_default() {
    let cloud = Cloud::start();
    let env = &cloud.env;
    cloud.bookmark("other", &["--label", "Blue"]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let lines = env.run(arguments.iter().copied().chain(["--json"])).succeeded().json_lines();
        lines.iter().map(|line| line["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&["bookmark", "ls"]), ["lab", "other"]);
    assert_eq!(names(&["bookmark", "ls", "--label", "blue"]), ["other"]);
    assert_eq!(names(&["bookmark", "find", "OTHER", "127.0.0.1"]), ["other"]);
    assert!(names(&["bookmark", "find", "other", "absent"]).is_empty());
    env.run(["whoami"]).exited(2);
    env.run(["bookmark", "default", "other"]).succeeded();
    let unsigned = env.run(["whoami"]).exited(4);
    assert!(unsigned.stderr.contains("pintail login other"), "{}", unsigned.stderr);
    let chosen = env.pintail(["whoami"]).set("PINTAIL_BOOKMARK", "lab").output().exited(4);
    assert!(chosen.stderr.contains("pintail login lab"), "{}", chosen.stderr);
    env.run(["bookmark", "rm", "other"]).succeeded();
    assert_eq!(env.run(["bookmark", "default"]).succeeded().stdout.trim(), "lab");
}

/// behaviour: bookmarks
#[test]
fn what_is_missing_names_its_option_and_a_dry_run_writes_nothing() {
    let env = home();
    for (given, option) in [(&[][..], "--tenant"), (&["--tenant", "contoso.com"], "--client-id")] {
        let refused = env.run(["bookmark", "add", "work"].iter().chain(given)).exited(2);
        assert!(refused.stderr.contains(option), "{}", refused.stderr);
    }
    let shown = env
        .run([
            "bookmark",
            "add",
            "work",
            "--tenant",
            "contoso.com",
            "--client-id",
            "11111111-2222-3333-4444-555555555555",
            "--dry-run",
        ])
        .succeeded();
    assert!(shown.stdout.contains("<plist") && shown.stdout.contains("contoso.com"), "{}", shown.stdout);
    env.run(["bookmark", "show", "work"]).exited(6);
}

/// behaviour: places
#[test]
fn a_bookmark_starts_at_its_path_and_places_are_remembered() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let bucket = cloud.bucket();
    env.pintail(["cp", "-", &format!("lab:{bucket}/start/here/file.txt")]).stdin("text").output().succeeded();
    env.run(["bookmark", "edit", "lab", "--path", &format!("/{bucket}/start")]).succeeded();
    let listed = env.run(["ls", "lab:"]).succeeded();
    assert!(listed.stdout.contains("here/"), "{}", listed.stdout);
    assert_eq!(env.run(["ls"]).succeeded().stdout, listed.stdout);
    let buckets = env.run(["ls", "lab:/"]).succeeded();
    assert!(buckets.stdout.contains(&bucket) && !buckets.stdout.contains("here/"), "{}", buckets.stdout);
    let places = env.run(["recent", "--json"]).succeeded().json_lines();
    let texts: Vec<&str> = places.iter().filter_map(|place| place["place"].as_str()).collect();
    let (start, copied) = (format!("lab:{bucket}/start/"), format!("lab:{bucket}/start/here/"));
    assert_eq!(texts, ["lab:/", &start, &copied]);
    env.run(["recent", "--clear"]).succeeded();
    assert!(env.run(["recent", "--json"]).succeeded().json_lines().is_empty());
}

/// behaviour: import
#[test]
fn bookmarks_of_other_programs_are_imported_without_their_keys() {
    let cloud = Cloud::start();
    let env = &cloud.env;
    let folder = env.folder().join("home/.duck");
    fs::create_dir_all(folder.join("Bookmarks")).expect("a folder");
    let tenant = cloud.summary().tenant.clone();
    fs::write(folder.join("Bookmarks/one.duck"), as_cyberduck_writes_it(&cloud, &tenant)).expect("a file");
    fs::write(
        folder.join("Bookmarks/two.duck"),
        "<plist version=\"1.0\"><dict><key>Protocol</key><string>sftp</string></dict></plist>",
    )
    .expect("a file");
    fs::create_dir_all(env.folder().join("home/.config/rclone")).expect("a folder");
    fs::write(
        env.folder().join("home/.config/rclone/rclone.conf"),
        "[store]\ntype = s3\nprovider = Minio\nendpoint = http://127.0.0.1:9\naccess_key_id = AKIAEXAMPLE\nsecret_access_key = hunter2\n",
    )
    .expect("a file");
    let plan = env.run(["bookmark", "import", "--dry-run"]).succeeded();
    assert!(plan.stdout.contains("Reports-shared") && plan.stdout.contains("sftp"), "{}", plan.stdout);
    env.run(["bookmark", "show", "Reports-shared"]).exited(6);
    let done = env.run(["bookmark", "import", "--json"]).succeeded().json_lines();
    let end = done.last().expect("a line");
    assert_eq!((&end["added"], &end["keys_left"]), (&2.into(), &1.into()), "{end}");
    for file in fs::read_dir(env.home().join("config/bookmarks")).expect("a folder").flatten() {
        assert!(!fs::read_to_string(file.path()).expect("a file").contains("hunter2"));
    }
    sign_in(env, "Reports-shared", &mut cloud.person(0)).succeeded();
    env.run(["ls", "Reports-shared:"]).succeeded();
    let again = env.run(["bookmark", "import", "--json"]).succeeded().json_lines();
    assert_eq!(again.last().expect("a line")["here"], 2);
}

/// behaviour: import
#[test]
fn keys_of_other_programs_go_into_the_keychain_only_when_asked() {
    let cloud = Cloud::start();
    let (env, summary) = (&cloud.env, cloud.summary());
    let (id, secret) = (&summary.key_user.access_key_id, &summary.key_user.secret_access_key);
    env.secret("key", secret);
    let endpoint = &summary.s3_endpoint;
    let host = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let rclone = format!(
        "[store]\ntype = s3\nprovider = Minio\nendpoint = {endpoint}\naccess_key_id = {id}\nsecret_access_key = {secret}\n"
    );
    let s3cmd = format!(
        "[default]\naccess_key = {id}\nsecret_key = {secret}\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\n"
    );
    for (file, text, program) in [("rclone.conf", rclone, "rclone"), (".s3cfg", s3cmd, "s3cmd")] {
        fs::write(env.work().join(file), text).expect("a file");
        let import = |more: &[&str]| {
            let arguments =
                ["bookmark", "import", file, "--from", program].into_iter().chain(more.iter().copied());
            env.run(arguments).succeeded()
        };
        let dry = import(&["--with-keys", "--dry-run"]);
        assert!(dry.stdout.contains("into the keychain"), "{}", dry.stdout);
        let left = import(&[]);
        assert!(
            left.stdout.contains("stays in that file") && left.stderr.contains("--with-keys"),
            "{left:?}"
        );
        let listed = env.run(["bookmark", "ls", "--json"]).succeeded().json_lines();
        let names = listed.iter().filter_map(|line| line["name"].as_str());
        let name = names.filter(|name| *name != "lab").collect::<Vec<_>>();
        let [name] = name.as_slice() else { panic!("{name:?}") };
        let there = format!("{name}:");
        env.run(["ls", &there]).exited(4);
        // What is here already still gets its key.
        let kept = import(&["--with-keys", "--json"]).json_lines();
        let end = kept.last().expect("a line");
        assert_eq!((&end["keys_kept"], &end["keys_left"]), (&1.into(), &0.into()), "{end}");
        env.run(["ls", &there]).succeeded();
        env.run(["logout", name]).succeeded();
        env.run(["bookmark", "rm", name]).succeeded();
    }
}

/// behaviour: sharing
#[test]
fn a_bookmark_on_common_says_which_tenant_to_name() {
    let cloud = Cloud::start();
    let env = &cloud.env;
    fs::write(env.work().join("common.duck"), as_cyberduck_writes_it(&cloud, "common")).expect("a file");
    env.run(["add", "common.duck", "--name", "common"]).succeeded();
    // The page with AADSTS50194 never comes back: the advice has to be there before it.
    let mut login = env.pintail(["login", "common", "--no-browser", "--json"]).start();
    let warning = login.next_event("warning");
    let message = warning["message"].as_str().expect("a text");
    assert!(
        message.contains("50194") && message.contains("pintail bookmark edit common --tenant"),
        "{message}"
    );
    login.next_event("open");
    let _ = login.end_now();
    let mut app = cloud.sandbox().world().app(&cloud.summary().client_id).expect("the app");
    app.multi_tenant = true;
    cloud.sandbox().world().put_app(app);
    sign_in(env, "common", &mut cloud.person(0)).succeeded();
    env.run(["ls", "common:"]).succeeded();
}
