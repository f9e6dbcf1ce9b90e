//! The printed script, run: `az` is a stand-in that speaks to the sandbox's Graph, `aws` is the real one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use pintail_sandbox::{Options, Sandbox};
use pintail_testkit::bench::Bench;
use pintail_testkit::environment::TestEnv;
use pintail_testkit::output::Output;
use tokio::runtime::Runtime;

use super::printed;
use crate::cloud::home;

/// A cloud where nothing is set up, and a home whose tools act there.
struct Empty {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    env: TestEnv,
}

impl Empty {
    fn start(bench: &Bench) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options {
            empty: true,
            tenant: Some(super::TENANT.to_owned()),
            account_id: Some("123456789012".to_owned()),
            ..Options::default()
        };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let mut env = home();
        let bin = env.work().join("bin");
        fs::create_dir(&bin).unwrap();
        let az = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/linters/az.py");
        program(
            &bin.join("az"),
            &format!("#!/bin/sh\nexec '{}' '{az}' \"$@\"\n", bench.tool("linter-python").display()),
        );
        program(&bin.join("aws"), &format!("#!/bin/sh\nexec '{}' \"$@\"\n", bench.tool("aws").display()));
        let summary = sandbox.summary();
        let token = sandbox.world().graph_token(
            &summary.admin_person,
            &[
                "Application.ReadWrite.All",
                "DelegatedPermissionGrant.ReadWrite.All",
                "AppRoleAssignment.ReadWrite.All",
                "Policy.ReadWrite.ApplicationConfiguration",
                "Policy.Read.All",
                "Group.Read.All",
                "User.Read.All",
                "Organization.Read.All",
            ],
        );
        let token = token.unwrap();
        env.secret("graph token", &token);
        env.secret("admin key", &summary.admin.secret_access_key);
        env.set("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))
            .set("AZ_GRAPH", summary.graph_endpoint.as_str())
            .set("AZ_TOKEN", token)
            .set("AZ_TENANT", summary.tenant.as_str())
            .set("AWS_ACCESS_KEY_ID", summary.admin.access_key_id.as_str())
            .set("AWS_SECRET_ACCESS_KEY", summary.admin.secret_access_key.as_str());
        Self { runtime, sandbox: Some(sandbox), env }
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap()
    }

    /// A wish for this cloud.
    fn wish(&self, entra: &str, aws: &str) -> String {
        let summary = self.sandbox().summary();
        let issuer: url::Url = summary.issuer.parse().unwrap();
        let authority = issuer.origin().ascii_serialization();
        format!(
            "version = 1\n[entra]\ntenant = \"{}\"\nauthority = \"{authority}\"\napp-name = \"Pintail\"\n{entra}\n[[aws]]\naccount = \"{}\"\nregion = \"{}\"\nrole = \"PintailS3\"\n{aws}\nendpoints = {{ iam = \"{}\", sts = \"{}\", s3 = \"{}\" }}\n[bookmark]\nname = \"contoso\"\n",
            summary.tenant,
            summary.account_id,
            summary.region,
            summary.iam_endpoint,
            summary.sts_endpoint,
            summary.s3_endpoint,
        )
    }

    fn run_script(&self, wish: &str) -> Output {
        let (name, text) = printed(&self.env, "cli", wish).pop_first().unwrap();
        let path = self.env.work().join(name);
        fs::write(&path, text).unwrap();
        let run = self.env.program(&PathBuf::from("/bin/sh"), [path.to_str().unwrap()]);
        run.deadline(Duration::from_secs(180)).output()
    }

    /// What both sides hold, without what differs from cloud to cloud: ports, and the IDs that Graph chooses.
    fn dump(&self) -> BTreeMap<String, String> {
        let world = self.sandbox().world();
        let summary = self.sandbox().summary();
        let issuer: url::Url = summary.issuer.parse().unwrap();
        let origin = issuer.origin().ascii_serialization();
        let host = origin.split_once("://").unwrap().1.to_owned();
        let mut told = BTreeMap::new();
        let mut clients = Vec::new();
        for app in world.apps() {
            if app.registration.get("tags").is_some_and(|tags| tags.to_string().contains("pintail-setup")) {
                clients.push(app.client_id.clone());
                let mut assigned = world.assigned_to_app(&app.client_id);
                assigned.sort();
                let mut properties = [app.registration, app.enterprise];
                properties.iter_mut().for_each(|properties| drop(properties.remove("createdDateTime")));
                told.insert("app".into(), format!("{properties:?}"));
                told.insert("assigned".into(), format!("{assigned:?}"));
                told.insert("consent".into(), format!("{:?}", world.consent_for_all(&app.client_id)));
            }
        }
        assert_eq!(clients.len(), 1, "one application is made");
        for arn in world.providers() {
            let value = format!("{:?} {:?}", world.provider_client_ids(&arn), world.iam_tags(&arn));
            told.insert(arn, value);
        }
        for name in world.roles() {
            let role = world.role(&name).unwrap();
            let value = format!(
                "{} {} {:?} {} {:?} {:?} {:?}",
                role.arn,
                role.trust_policy,
                role.inline_policies,
                role.max_session_s,
                role.attached_policies,
                role.tags,
                role.description
            );
            told.insert(name, value);
        }
        let plain = |text: String| {
            text.replace(&clients[0], "CLIENT").replace(&origin, "ORIGIN").replace(&host, "HOST")
        };
        told.into_iter().map(|(key, value)| (plain(key), plain(value))).collect()
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }
}

fn program(path: &std::path::Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

const CASES: [(&str, &str, &str); 3] = [
    (
        "plain",
        "groups = [\"S3 users\"]",
        "buckets = [\"data\", { place = \"s3://logs/2026/\", access = \"read\" }]",
    ),
    (
        "everything",
        "redirects = [\"loopback\", \"cyberduck\"]\ndevice-code = true\nclaims = [\"email\", \"amr\", \"groups\"]\nusers = [\"me\"]\naws-claims = { Department = \"user.department\" }",
        "buckets = [\"s3://data/it's \\\"home\\\"/\"]\nrequire-mfa = true\nhonest-session-names = true\nlist-all-buckets = true\nsession-tags = true\nrole-path = \"/team/\"\nsession-hours = 2",
    ),
    ("open", "assignment-required = false", "buckets = [\"data\"]\nhonest-session-names = false"),
];

/// behaviour: setup-print
#[test]
fn the_script_leads_to_the_same_state_as_setup_itself() {
    let bench = Bench::load();
    for (case, entra, aws) in CASES {
        let by_script = Empty::start(&bench);
        by_script.run_script(&by_script.wish(entra, aws)).succeeded();
        let made = by_script.dump();

        let by_setup = Empty::start(&bench);
        let path = by_setup.env.work().join("wish.toml");
        fs::write(&path, by_setup.wish(entra, aws)).unwrap();
        let arguments =
            ["setup", "--file", path.to_str().unwrap(), "--yes", "--no-verify", "--admin-sign-in", "az"];
        by_setup.env.run(arguments).succeeded();
        assert_eq!(made, by_setup.dump(), "{case}");

        by_script.run_script(&by_script.wish(entra, aws)).succeeded();
        assert_eq!(made, by_script.dump(), "{case}: running it again changes nothing");
        by_setup.run_script(&by_setup.wish(entra, aws)).succeeded();
        assert_eq!(made, by_setup.dump(), "{case}: what setup made is left as it is");
    }
}

/// behaviour: setup-print
#[test]
fn the_script_stops_at_what_belongs_to_others() {
    let bench = Bench::load();
    let cloud = Empty::start(&bench);
    let wish = cloud.wish("", "buckets = [\"data\"]");
    cloud.run_script(&wish).succeeded();
    let world = cloud.sandbox().world();
    let mut role = world.role("PintailS3").unwrap();
    role.tags.clear();
    world.put_role(role);
    let before = cloud.dump();
    let output = cloud.run_script(&wish);
    assert_eq!(output.code(), Some(1), "{}", output.block());
    assert!(output.stderr.contains("was not made by a setup"), "{}", output.block());
    assert_eq!(cloud.dump(), before);
    let elsewhere = wish.replace("account = \"123456789012\"", "account = \"210987654321\"");
    let output = cloud.run_script(&elsewhere);
    assert!(
        output.stderr.contains("the credential is of account 123456789012, not 210987654321"),
        "{}",
        output.block()
    );
}
