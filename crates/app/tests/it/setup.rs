//! Setting up both clouds: `docs/behaviour.md`, section setup.

mod after;
mod interrupted;
mod near_misses;
mod refusals;

use std::fmt::Write as _;
use std::fs;

use pintail_sandbox::{Call, Options, Service};
use pintail_testkit::cloud::Cloud;
use pintail_testkit::environment::TestEnv;
use pintail_testkit::output::Output;
use pintail_testkit::person::Person;

use crate::cloud::home;

/// Two clouds that hold nothing, and the home of their admin, who is signed in with the Azure CLI.
struct Ground {
    cloud: Cloud,
    env: TestEnv,
}

impl Ground {
    fn new() -> Self {
        Self::with(Options { empty: true, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let cloud = Cloud::start_with(options);
        let mut env = home();
        let (id, secret) = {
            let admin = &cloud.summary().admin;
            (admin.access_key_id.clone(), admin.secret_access_key.clone())
        };
        env.set("AWS_ACCESS_KEY_ID", id).set("AWS_SECRET_ACCESS_KEY", secret);
        let bin = env.folder().join("bin");
        fs::create_dir_all(&bin).expect("a folder");
        env.set("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        let ground = Self { cloud, env };
        ground.azure_cli(&ground.cloud.summary().admin_person.clone());
        ground
    }

    /// Puts a stand-in for the Azure CLI in the way, with a token of somebody's.
    fn azure_cli(&self, username: &str) {
        let token = self.cloud.world().azure_cli_token(username).expect("a token");
        self.azure_cli_with(&self.cloud.summary().tenant.clone(), &token);
    }

    fn azure_cli_with(&self, tenant: &str, token: &str) {
        let answer =
            format!(r#"{{"accessToken":"{token}","expires_on":1,"tenant":"{tenant}","tokenType":"Bearer"}}"#);
        let script = format!(
            "#!/bin/sh\n[ \"$1 $2 $3 $4\" = 'account get-access-token --resource-type ms-graph' ] || exit 2\ncat <<'END'\n{answer}\nEND\n"
        );
        let path = self.env.folder().join("bin/az");
        fs::write(&path, script).expect("a file");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    }

    fn without_azure_cli(&self) {
        fs::remove_file(self.env.folder().join("bin/az")).expect("it was there");
    }

    fn admin(&self) -> Person {
        self.person(&self.cloud.summary().admin_person.clone())
    }

    fn person(&self, username: &str) -> Person {
        let users = &self.cloud.summary().users;
        let user = users.iter().find(|user| user.username == username).expect("somebody of the tenant");
        Person::new(&user.username).with_password(&user.password)
    }

    fn authority(&self) -> String {
        let url: url::Url = self.cloud.summary().issuer.parse().expect("an address");
        url.origin().ascii_serialization()
    }

    fn bucket(&self) -> String {
        self.cloud.world().buckets().remove(0)
    }

    /// The words that say what is wanted.
    fn wish(&self) -> Vec<String> {
        let (summary, bucket) = (self.cloud.summary(), self.bucket());
        let authority = self.authority();
        [
            "--tenant",
            &summary.tenant,
            "--authority",
            &authority,
            "--region",
            &summary.region,
            "--iam-endpoint",
            &summary.iam_endpoint,
            "--sts-endpoint",
            &summary.sts_endpoint,
            "--s3-endpoint",
            &summary.s3_endpoint,
            "--bucket",
            &bucket,
            "--bookmark",
            "team",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Runs `pintail setup`, with somebody signing in wherever a page is to be opened.
    fn setup(&self, more: &[&str]) -> Output {
        let wish = self.wish();
        let words: Vec<_> = wish.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.run(&words)
    }

    fn run(&self, words: &[&str]) -> Output {
        let arguments = ["setup"].into_iter().chain(words.iter().copied()).chain(["--json"]);
        let mut running = self.env.pintail(arguments).start();
        let mut admin = self.admin();
        while let Some(line) = running.next_line() {
            let event: serde_json::Value = serde_json::from_str(&line).expect("JSON lines");
            if event["event"] == "open" {
                let _ = admin.sign_in(event["url"].as_str().expect("an address"));
            }
        }
        running.finish()
    }

    /// The whole way, told by no questions.
    fn set_up(&self) -> Output {
        self.setup(&["--yes", "--no-browser"]).succeeded()
    }

    /// What both clouds hold that a setup makes, without what is drawn by chance or tells the time.
    fn state(&self) -> String {
        let world = self.cloud.world();
        let mut text = String::new();
        let mut clients = Vec::new();
        for app in world.apps() {
            clients.push(app.client_id.clone());
            let mut redirects: Vec<_> = app.redirect_uris.iter().map(|one| format!("{one:?}")).collect();
            redirects.sort();
            let _ = writeln!(
                text,
                "app {} {redirects:?} flows {} assigned-only {} enabled {} principal {} {:?}",
                app.name,
                app.public_client_flows,
                app.assignment_required,
                app.enabled,
                app.service_principal_id.is_some(),
                app.registration.get("tags"),
            );
            let mut assigned = world.assigned_to_app(&app.client_id);
            assigned.sort();
            let _ =
                writeln!(text, "  assigned {assigned:?} consent {:?}", world.consent_for_all(&app.client_id));
        }
        for arn in world.providers() {
            let _ = writeln!(
                text,
                "provider {arn} {:?} {:?}",
                world.provider_client_ids(&arn),
                world.iam_tags(&arn)
            );
        }
        for name in world.roles() {
            let role = world.role(&name).expect("it is listed");
            let _ = writeln!(
                text,
                "role {} {} {} {:?} {:?} {:?}",
                role.arn,
                role.max_session_s,
                role.trust_policy,
                role.inline_policies,
                role.attached_policies,
                role.tags
            );
        }
        for client in clients {
            text = text.replace(&client, "CLIENT");
        }
        text
    }

    /// What was asked for that changes something, in order.
    fn writes(&self) -> Vec<(Service, String)> {
        let calls = self.cloud.recorder().calls();
        calls.iter().filter(|call| writes(call)).map(|call| (call.service, call.operation.clone())).collect()
    }
}

fn writes(call: &Call) -> bool {
    match call.service {
        Service::Graph => call.method != "GET",
        Service::Iam => !call.operation.starts_with("Get") && !call.operation.starts_with("List"),
        Service::S3 => call.method != "GET" && call.method != "HEAD",
        _ => false,
    }
}

fn events<'a>(lines: &'a [serde_json::Value], event: &str) -> Vec<&'a serde_json::Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

/// behaviour: setup
#[test]
fn two_empty_clouds_end_with_a_sign_in_that_works_and_a_second_run_changes_nothing() {
    let ground = Ground::new();
    // No Azure CLI: the admin signs in, at Microsoft's own application.
    ground.without_azure_cli();
    let done = ground.setup(&["--yes", "--no-browser", "--output", "out"]).succeeded().json_lines();
    let steps: Vec<_> =
        events(&done, "step_done").iter().map(|line| line["id"].as_str().expect("an ID")).collect();
    assert_eq!(&steps[..3], ["entra.app", "entra.principal", "entra.consent"]);
    assert!(steps.iter().any(|step| step.starts_with("entra.assign.")), "{steps:?}");
    assert!(
        steps.iter().any(|step| step.ends_with(".provider"))
            && steps.iter().any(|step| step.ends_with(".role"))
    );
    assert_eq!(events(&done, "verified").len(), 1, "{done:?}");
    let bucket = ground.bucket();
    ground.env.run(["ls", &format!("team:{bucket}/")]).succeeded();
    let refused = ground.env.run(["ls", "team:/"]).exited(5);
    assert!(refused.stderr.contains("permission"), "{}", refused.stderr);

    // The session bears the subject: the trust policy demands it.
    let who = ground.env.run(["whoami", "team", "--json"]).succeeded().json();
    let app = ground.cloud.world().apps().remove(0);
    let subject = ground.cloud.world().subject(&app.client_id, &ground.cloud.summary().admin_person);
    assert!(
        who["session"].as_str().expect("a session").ends_with(&format!("/{}", subject.expect("a subject")))
    );

    let state = ground.state();
    ground.cloud.recorder().clear();
    let again = ground.setup(&["--yes", "--no-browser", "--output", "out"]).succeeded().json_lines();
    assert_eq!(ground.writes(), []);
    assert_eq!(ground.state(), state);
    assert_eq!(events(&again, "setup_done")[0]["changed"], false);
    assert!(events(&again, "plan_step").is_empty() && events(&again, "near_miss").is_empty(), "{again:?}");
    let text = ground
        .env
        .run(["setup", "--bookmark", "team", "--output", "out", "--no-browser", "--admin-sign-in", "az"])
        .exited(4);
    assert!(text.stderr.contains("az"), "{}", text.stderr);
}

/// behaviour: setup
#[test]
fn what_is_handed_out_works_in_an_empty_home_and_says_everything_other_programs_need() {
    let ground = Ground::new();
    ground.setup(&["--yes", "--no-browser", "--output", "out", "--redirect", "cyberduck"]).succeeded();
    let (duck, profile) =
        (ground.env.work().join("out/team.duck"), ground.env.work().join("out/team.cyberduckprofile"));
    let other = home();
    other.run(["add", &duck.to_string_lossy(), "--yes"]).succeeded();
    crate::cloud::sign_in(&other, "team", &mut ground.admin()).succeeded();
    other.run(["ls", &format!("team:{}/", ground.bucket())]).succeeded();
    // A healthy set-up, to the last check.
    let found = other.run(["doctor", "team", "--json"]).succeeded().json_lines();
    let loud = |line: &&serde_json::Value| ["warning", "broken"].iter().any(|level| line["level"] == *level);
    assert_eq!(found.iter().find(loud), None);

    other.run(["profile", "install", &profile.to_string_lossy()]).succeeded();
    other.run(["ls", &format!("team:{}/", ground.bucket())]).succeeded();
    let text = fs::read_to_string(&profile).expect("the profile");
    let client = ground.cloud.world().apps().remove(0).client_id;
    let tenant = ground.cloud.summary().tenant.clone();
    for needed in [
        client.as_str(),
        &tenant,
        "role/PintailS3",
        "${oauth.handler.scheme:-x-cyberduck-action}://oauth",
        "OAuth Client Secret",
    ] {
        assert!(text.contains(needed), "{needed} is not in {text}");
    }
    assert!(!text.contains("/common/"), "{text}");
    let app = ground.cloud.world().apps().remove(0);
    assert!(app.redirect_uris.iter().any(|(_, uri)| uri == "x-cyberduck-action://oauth"));
}

/// behaviour: setup
#[test]
fn a_plan_is_shown_and_nothing_is_done_before_somebody_says_so() {
    let ground = Ground::new();
    let before = ground.state();
    let shown = ground.setup(&["--dry-run"]).succeeded().json_lines();
    assert!(events(&shown, "plan_step").len() >= 6);
    for step in events(&shown, "plan_step") {
        for said in ["id", "what", "why", "undo", "side"] {
            assert!(step[said].as_str().is_some_and(|text| !text.is_empty()), "{said} of {step}");
        }
    }
    let refused = ground.setup(&[]).exited(2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(ground.writes(), []);
    assert_eq!(ground.state(), before);
    let words = ground.wish();
    let text = ground
        .env
        .run(["setup", "--dry-run"].into_iter().chain(words.iter().map(String::as_str)))
        .succeeded();
    assert!(
        text.stdout.contains("why:") && text.stdout.contains("undo:") && text.stdout.contains("changes"),
        "{}",
        text.stdout
    );
}

/// behaviour: setup
#[test]
fn a_file_says_the_same_as_options_and_two_accounts_are_set_up_in_one_run() {
    let ground = Ground::new();
    let other = Cloud::start_with(Options {
        empty: true,
        account_id: Some("210987654321".into()),
        ..Options::default()
    });
    let (one, two) = (ground.cloud.summary().clone(), other.summary().clone());
    let aws = ground.env.folder().join("home/.aws");
    fs::create_dir_all(&aws).expect("a folder");
    let keys = format!(
        "[other]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        two.admin.access_key_id, two.admin.secret_access_key
    );
    fs::write(aws.join("credentials"), keys).expect("a file");
    let endpoints = |summary: &pintail_sandbox::Summary| {
        format!(
            "endpoints = {{ iam = \"{}\", sts = \"{}\", s3 = \"{}\" }}",
            summary.iam_endpoint, summary.sts_endpoint, summary.s3_endpoint
        )
    };
    let (bucket, other_bucket) = (ground.bucket(), other.world().buckets().remove(0));
    let file = format!(
        "version = 1\n[entra]\ntenant = \"{}\"\nauthority = \"{}\"\ngroups = [\"S3 users\"]\nusers = [\"me\"]\n\
         [[aws]]\naccount = \"{}\"\nregion = \"{}\"\nbuckets = [\"{bucket}\"]\n{}\n\
         [[aws]]\nprofile = \"other\"\nregion = \"{}\"\naccess = \"read\"\nbuckets = [\"{other_bucket}\"]\n{}\n[bookmark]\nname = \"team\"\n",
        one.tenant,
        ground.authority(),
        one.account_id,
        one.region,
        endpoints(&one),
        two.region,
        endpoints(&two)
    );
    fs::write(ground.env.work().join("wish.toml"), file).expect("a file");
    let done = ground.run(&["--file", "wish.toml", "--yes", "--no-browser"]).succeeded().json_lines();
    assert_eq!(events(&done, "verified").len(), 2, "{done:?}");
    assert_eq!(events(&done, "open").len(), 1, "one sign-in serves both accounts");
    ground.env.run(["ls", &format!("team-{}:{bucket}/", one.account_id)]).succeeded();
    ground.env.run(["ls", &format!("team-210987654321:{other_bucket}/")]).succeeded();
    let write =
        ground.env.pintail(["cp", "-", &format!("team-210987654321:{other_bucket}/x")]).stdin("x").output();
    write.exited(5);
    let refused = ground.run(&["--file", "wish.toml", "--bucket", "more"]).exited(2);
    assert!(refused.stderr.contains("several accounts"), "{}", refused.stderr);
}

/// behaviour: setup
#[test]
fn another_issuer_gets_the_half_in_aws() {
    let ground = Ground::with(Options::default());
    let summary = ground.cloud.summary().clone();
    let bucket = ground.bucket();
    let alice = summary.users[0].username.clone();
    let subject = ground.cloud.world().subject(&summary.client_id, &alice).expect("a subject");
    let words = [
        "--issuer",
        &summary.issuer,
        "--client-id",
        &summary.client_id,
        "--subject",
        &subject,
        "--region",
        &summary.region,
        "--iam-endpoint",
        &summary.iam_endpoint,
        "--sts-endpoint",
        &summary.sts_endpoint,
        "--s3-endpoint",
        &summary.s3_endpoint,
        "--bucket",
        &bucket,
        "--bookmark",
        "own",
        "--role-name",
        "Own",
        "--yes",
        "--no-verify",
    ];
    ground.cloud.recorder().clear();
    ground.run(&words).succeeded();
    assert!(ground.cloud.recorder().calls().iter().all(|call| call.service != Service::Graph));
    let trust = ground.cloud.world().role("Own").expect("the role").trust_policy;
    assert!(trust.contains(&subject) && trust.contains(":aud"), "{trust}");
    crate::cloud::sign_in(&ground.env, "own", &mut ground.person(&alice)).succeeded();
    ground.env.run(["ls", &format!("own:{bucket}/")]).succeeded();

    let bob =
        ground.cloud.world().subject(&summary.client_id, &summary.users[1].username).expect("a subject");
    ground.run(&["grant", &bob, "--bookmark", "own", "--yes"]).succeeded();
    let trust = ground.cloud.world().role("Own").expect("the role").trust_policy;
    assert!(trust.contains(&subject) && trust.contains(&bob), "{trust}");
    ground.run(&["revoke", &subject, "--bookmark", "own", "--yes"]).succeeded();
    let trust = ground.cloud.world().role("Own").expect("the role").trust_policy;
    assert!(!trust.contains(&subject) && trust.contains(&bob), "{trust}");
    let last = ground.run(&["revoke", &bob, "--bookmark", "own", "--yes"]).exited(1);
    assert!(last.stderr.contains("open to everybody"), "{}", last.stderr);
}

/// behaviour: setup
#[test]
fn what_is_made_a_moment_ago_is_waited_for() {
    let ground = Ground::new();
    ground.cloud.world().delay_replication(2);
    ground.cloud.world().delay_iam(2);
    ground.set_up();
    ground.env.run(["ls", &format!("team:{}/", ground.bucket())]).succeeded();
}
