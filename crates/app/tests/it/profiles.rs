//! Connection profiles: `docs/behaviour.md`, section profiles.

use std::fs;

use pintail_testkit::environment::TestEnv;

use crate::cloud::home;

const ACME: &str = r#"<plist version="1.0"><dict>
    <key>Protocol</key><string>s3</string>
    <key>Vendor</key><string>acme</string>
    <key>Description</key><string>Acme Storage</string>
    <key>Default Hostname</key><string>s3.acme.example</string>
    <key>OAuth Authorization Url</key><string>https://login.microsoftonline.com/common/oauth2/v2.0/authorize</string>
    <key>OAuth Token Url</key><string>https://login.microsoftonline.com/common/oauth2/v2.0/token</string>
    <key>OAuth Client Secret</key><string>hunter2</string>
    <key>OAuth Redirect Url</key><string>${oauth.handler.scheme}://oauth</string>
    <key>Authorization</key><string>AuthorizationCode</string>
    <key>Unheard Of</key><string>kept</string>
    <key>Properties</key><array><string>role_arn</string><string>s3.location=eu-west-1</string></array>
    <key>Disk</key><data>AAAA</data>
</dict></plist>"#;

const SFTP: &str = r#"<plist version="1.0"><dict><key>Protocol</key><string>sftp</string>
    <key>Vendor</key><string>files</string></dict></plist>"#;

fn with_files() -> TestEnv {
    let env = home();
    for (name, text) in
        [("acme.cyberduckprofile", ACME), ("sftp.cyberduckprofile", SFTP), ("broken", "<plist><dict>")]
    {
        fs::write(env.work().join(name), text).expect("a file");
    }
    env
}

/// behaviour: profiles
#[test]
fn a_profile_is_installed_listed_and_removed() {
    let env = with_files();
    let dry = env.run(["profile", "install", "acme.cyberduckprofile", "--dry-run"]).succeeded();
    assert!(dry.stderr.contains("s3.acme.example") && dry.stderr.contains("would install"), "{}", dry.stderr);
    assert!(
        dry.stderr.contains("x-cyberduck-action://oauth") && !dry.stderr.contains("hunter2"),
        "{}",
        dry.stderr
    );
    assert!(env.run(["profile", "ls", "acme"]).succeeded().stdout.is_empty());
    let first = env.run(["profile", "install", "acme.cyberduckprofile", "--json"]).succeeded().json();
    assert_eq!((&first["before"], &first["written"]), (&"nothing".into(), &true.into()));
    let same = env.run(["profile", "install", "acme.cyberduckprofile"]).succeeded();
    assert!(same.stderr.contains("the same"), "{}", same.stderr);
    fs::write(env.work().join("new"), ACME.replace("Acme Storage", "Acme Two")).expect("a file");
    let replaced = env.run(["profile", "install", "new", "--json"]).succeeded().json();
    assert_eq!(replaced["before"], "another");
    let listed = env.run(["profile", "ls", "ACME", "--json"]).succeeded().json();
    assert_eq!(
        (&listed["name"], &listed["from"], &listed["enabled"]),
        (&"Acme Two".into(), &"installed".into(), &true.into())
    );
    env.run(["profile", "disable", "acme"]).succeeded();
    assert_eq!(env.run(["profile", "ls", "acme", "--json"]).succeeded().json()["enabled"], false);
    env.run(["profile", "enable", "acme"]).succeeded();
    assert!(env.run(["profile", "ls", "acme"]).succeeded().stdout.contains("web-identity"));
    env.run(["profile", "rm", "acme"]).succeeded();
    let gone = env.run(["profile", "rm", "acme"]).exited(6);
    assert!(gone.stderr.contains("profile ls"), "{}", gone.stderr);
    let own = env.run(["profile", "rm", "s3-cli"]).exited(1);
    assert!(own.stderr.contains("profile disable s3-cli"), "{}", own.stderr);
}

/// behaviour: profiles
#[test]
fn a_damaged_profile_stops_its_bookmarks_until_it_is_mended() {
    let env = with_files();
    let add = |name: &str| {
        let custom = "<key>pintail.way</key><string>anonymous</string>";
        let bookmark = format!(
            "<plist><dict><key>Protocol</key><string>s3</string><key>Nickname</key><string>{name}</string>\
             <key>Provider</key><string>{name}</string><key>Hostname</key><string>127.0.0.1</string>\
             <key>Port</key><string>1</string><key>Custom</key><dict>{custom}</dict></dict></plist>"
        );
        fs::create_dir_all(env.home().join("config/bookmarks")).expect("a folder");
        fs::write(env.home().join(format!("config/bookmarks/{name}.duck")), bookmark).expect("a file");
    };
    // The program has a profile of the second name too, and must not use it instead.
    let minio = env.run(["profile", "export", "pintail-minio"]).succeeded().stdout;
    fs::write(env.work().join("minio"), minio).expect("a file");
    for (vendor, file) in [("acme", "acme.cyberduckprofile"), ("pintail-minio", "minio")] {
        env.run(["profile", "install", file]).succeeded();
        add(vendor);
        let show = ["bookmark", "show", vendor];
        env.run(show).succeeded();
        let installed = env.home().join(format!("config/profiles/s3.{vendor}.cyberduckprofile"));
        let whole = fs::read(&installed).expect("a file");
        fs::write(&installed, &whole[..whole.len() / 2]).expect("a file");
        let refused = env.run(["whoami", vendor]).exited(1);
        assert!(refused.stderr.contains(&format!("s3.{vendor}.cyberduckprofile")), "{}", refused.stderr);
        env.run(["profile", "install", file]).succeeded();
        env.run(show).succeeded();
        fs::write(&installed, &whole[..whole.len() / 2]).expect("a file");
        env.run(["profile", "rm", vendor]).succeeded();
        assert!(!installed.exists());
    }
}

/// behaviour: profiles
#[test]
fn a_profile_of_another_protocol_is_named_and_not_mangled() {
    let env = with_files();
    let refused = env.run(["profile", "install", "sftp.cyberduckprofile"]).exited(1);
    assert!(refused.stderr.contains("\"sftp\", and Pintail speaks S3"), "{}", refused.stderr);
    env.run(["profile", "install", "sftp.cyberduckprofile", "--force"]).succeeded();
    let listed = env.run(["profile", "ls", "files"]).succeeded();
    assert!(listed.stdout.contains("for sftp, not S3"), "{}", listed.stdout);
    assert_eq!(env.run(["profile", "export", "files"]).succeeded().stdout, SFTP);
}

/// behaviour: profiles
#[test]
fn values_are_shown_with_where_they_come_from() {
    let env = with_files();
    let shown = env.run(["profile", "show", "acme.cyberduckprofile", "--json"]).succeeded().json();
    let values = shown["values"].as_array().expect("values");
    let value = |key: &str| {
        values.iter().find(|row| row["key"] == key).map(|row| (row["value"].clone(), row["from"].clone()))
    };
    assert_eq!(value("Default Hostname"), Some(("s3.acme.example".into(), "profile".into())));
    assert_eq!(value("Default Port"), Some(("443".into(), "parent".into())));
    assert_eq!(value("OAuth Redirect Url"), Some(("x-cyberduck-action://oauth".into(), "profile".into())));
    assert_eq!(value("OAuth Client Secret"), Some(("(not shown)".into(), "profile".into())));
    assert_eq!(shown["asks"], serde_json::json!(["tenant", "client ID", "role ARN"]));
    assert_eq!(shown["unknown_keys"], serde_json::json!(["Unheard Of"]));
    let text = env.run(["profile", "show", "acme.cyberduckprofile"]).succeeded();
    assert!(
        text.stdout.contains("kept, not known")
            && !text.stdout.contains("hunter2")
            && !text.stdout.contains("AAAA")
    );
    let unknown = env.run(["profile", "show", "s3-clii"]).exited(6);
    assert!(unknown.stderr.contains("Did you mean s3-cli"), "{}", unknown.stderr);
}

/// behaviour: profiles
#[test]
fn a_check_tells_what_will_not_work() {
    let env = with_files();
    let acme = env.run(["profile", "check", "acme.cyberduckprofile"]).succeeded();
    for expected in [
        "AADSTS50194",
        "Mobile and desktop",
        "OAuth Client Secret is in the file",
        "\"Unheard Of\" is not known",
    ] {
        assert!(acme.stdout.contains(expected), "{expected}: {}", acme.stdout);
    }
    assert!(!acme.stdout.contains("hunter2"));
    env.run(["profile", "check", "sftp.cyberduckprofile"]).exited(1);
    env.run(["profile", "check", "broken"]).exited(1);
    let some = env.run(["profile", "check", "broken", "acme.cyberduckprofile", "--json"]).exited(3);
    let lines = some.json_lines();
    assert_eq!((&lines[0]["ok"], &lines[1]["ok"]), (&false.into(), &true.into()));
    assert_eq!(lines[0]["findings"][0]["severity"], "error");
}

/// behaviour: profiles
#[test]
fn a_profile_goes_out_as_it_stands() {
    let env = with_files();
    env.run(["profile", "install", "acme.cyberduckprofile"]).succeeded();
    env.run(["profile", "export", "acme", "--output", "out"]).succeeded();
    assert_eq!(fs::read_to_string(env.work().join("out")).expect("a file"), ACME);
    env.run(["profile", "export", "acme", "--output", "out"]).exited(1);
    env.run(["profile", "export", "acme", "--json"]).exited(2);
    env.run(["profile", "export", "aws-s3-sts-entra-oidc", "--output", "entra"]).succeeded();
    env.run(["profile", "check", "entra"]).succeeded();
    fs::write(env.home().join("config/profiles/odd.cyberduckprofile"), "x").expect("a file");
    let listed = env.run(["profile", "ls"]).succeeded();
    assert!(
        listed.stderr.contains("broken:") && listed.stderr.contains("odd.cyberduckprofile"),
        "{}",
        listed.stderr
    );
}

/// behaviour: profiles
#[test]
fn profiles_are_fetched_over_https_or_on_this_machine_only() {
    let env = with_files();
    for address in ["http://profiles.example/acme", "https://user:hunter2@127.0.0.1/acme"] {
        let refused = env.run(["profile", "install", address]).exited(2);
        assert!(refused.stderr.contains("is not fetched from"), "{}", refused.stderr);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for answer in [
            format!("200 OK\r\nContent-Length: {}\r\n\r\n{ACME}", ACME.len()),
            "302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ] {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 4096]).expect("a request");
            write!(stream, "HTTP/1.1 {answer}").expect("an answer");
        }
    });
    let address = format!("http://127.0.0.1:{port}/acme?token=hunter2");
    env.run(["profile", "install", &address]).succeeded();
    assert!(env.run(["profile", "ls", "acme"]).succeeded().stdout.contains("installed"));
    let moved = env.run(["profile", "install", &address]).exited(1);
    assert!(moved.stderr.contains("302") && !moved.stderr.contains("hunter2"), "{}", moved.stderr);
    server.join().expect("the server");
}
