//! A small cloud that works, a home that is signed in to it, and a doctor's findings to look into.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use pintail_sandbox::Role;
use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::{Cloud, sign_in};

/// The stage on which faults are planted.
pub(crate) struct Stage {
    pub(crate) cloud: Cloud,
    role: Role,
}

impl Stage {
    /// Starts a sandbox, signs Alice in, and gives the home an admin's AWS profile.
    pub(crate) fn start() -> Self {
        let mut cloud = Cloud::start();
        cloud.bookmark("lab", &["--path", &cloud.bucket()]);
        cloud.sign_in("lab", 0).succeeded();
        // What is broken for good is not waited for.
        cloud.env.run(["config", "set", "connection.retry", "1"]).succeeded();
        let summary = cloud.summary();
        let (admin, iam) = (summary.admin.clone(), summary.iam_endpoint.clone());
        let (name, role) = (role_name(&cloud), cloud.summary().role_arn.clone());
        assert!(role.ends_with(&name));
        let role = cloud.sandbox().world().role(&name).expect("the role");
        cloud.env.set("AWS_ENDPOINT_URL_IAM", iam);
        let stage = Self { cloud, role };
        stage.aws_file(
            "credentials",
            &format!(
                "[admin]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                admin.access_key_id, admin.secret_access_key
            ),
            0o600,
        );
        stage
    }

    /// Returns the first bucket.
    pub(crate) fn bucket(&self) -> String {
        self.cloud.bucket()
    }

    /// Returns the role as it was at the beginning.
    pub(crate) fn role(&self) -> Role {
        self.role.clone()
    }

    /// Writes a file of `~/.aws`.
    pub(crate) fn aws_file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let folder = self.cloud.env.folder().join("home/.aws");
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path
    }

    /// Returns the text of a file of `~/.aws`.
    pub(crate) fn aws_text(&self, name: &str) -> String {
        fs::read_to_string(self.cloud.env.folder().join("home/.aws").join(name)).unwrap_or_default()
    }

    /// Changes the bookmark behind the program's back.
    pub(crate) fn edit_bookmark(&self, edit: impl FnOnce(String) -> String) {
        let path = self.bookmark_file();
        let text = fs::read_to_string(&path).expect("the bookmark");
        let edited = edit(text.clone());
        assert_ne!(text, edited, "the edit changes something");
        fs::write(path, edited).expect("the bookmark");
    }

    /// Returns where the bookmark's file is.
    pub(crate) fn bookmark_file(&self) -> PathBuf {
        self.cloud.env.home().join("config/bookmarks/lab.duck")
    }

    /// Runs the doctor and reads what it found.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> Diagnosis {
        let all: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        Diagnosis::of(&self.cloud.env.run(all))
    }

    /// Runs a command that waits for a sign-in, and has a person sign in.
    pub(crate) fn with_login(&mut self, arguments: &[&str], person: usize) -> Diagnosis {
        let mut person = self.cloud.person(person);
        let mut login = self.cloud.env.pintail(arguments).start();
        while let Some(line) = login.next_line() {
            let event: Value = serde_json::from_str(&line).expect("JSON lines");
            if event["event"] == "open" {
                let _ = person.sign_in(event["url"].as_str().expect("an address"));
                break;
            }
        }
        Diagnosis::of(&login.finish())
    }

    /// Returns the issuer's description of itself.
    pub(crate) fn discovery(&self) -> Value {
        let url = format!("{}/.well-known/openid-configuration", self.cloud.summary().issuer);
        pintail_testkit::http::get(&url.parse().expect("an address"), &[]).expect("an answer").json()
    }

    /// Runs one check and returns how bad its finding is.
    pub(crate) fn run_only(&self, check: &str) -> String {
        let output = self.cloud.env.run(["doctor", "lab", "--only", check, "--json"]);
        Diagnosis::of(&output).level(check).to_owned()
    }

    /// Signs Alice in again, to whatever the bookmark says now.
    pub(crate) fn sign_in_again(&self) {
        sign_in(&self.cloud.env, "lab", &mut self.cloud.person(0)).succeeded();
    }
}

fn role_name(cloud: &Cloud) -> String {
    cloud.summary().role_arn.rsplit('/').next().unwrap_or_default().to_owned()
}

/// What a run of the doctor found.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    pub(crate) code: i32,
    pub(crate) findings: Vec<Value>,
    pub(crate) summary: Value,
    pub(crate) text: String,
}

impl Diagnosis {
    pub(crate) fn of(output: &Output) -> Self {
        let lines: Vec<Value> =
            output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
        let of =
            |event: &str| lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
        let text = format!("{}\n{}", output.stdout, output.stderr);
        let summary = of("summary").into_iter().next().unwrap_or_else(|| panic!("no summary: {text}"));
        Self { code: output.code().expect("no signal"), findings: of("finding"), summary, text }
    }

    /// Returns the check that is named first.
    pub(crate) fn first(&self) -> Option<&str> {
        self.summary["broken_link"].as_str()
    }

    /// Returns the worst finding of a check.
    pub(crate) fn finding(&self, check: &str) -> &Value {
        let mut of = self.findings.iter().filter(|finding| finding["check"] == check);
        let worst = |finding: &&Value| {
            ["broken", "warning", "not-run", "info", "ok"].iter().position(|level| finding["level"] == *level)
        };
        let found = of.by_ref().min_by_key(worst);
        found.unwrap_or_else(|| panic!("no finding of {check}: {}", self.text))
    }

    /// Returns how bad a check's finding is.
    pub(crate) fn level(&self, check: &str) -> &str {
        self.finding(check)["level"].as_str().unwrap_or_default()
    }

    /// Returns the checks that were shown, in order.
    pub(crate) fn checks(&self) -> Vec<&str> {
        self.findings.iter().filter_map(|finding| finding["check"].as_str()).collect()
    }

    /// Returns all that a check's worst finding says.
    pub(crate) fn words(&self, check: &str) -> String {
        let finding = self.finding(check);
        ["seen", "means", "next"].map(|part| finding[part].as_str().unwrap_or_default()).join(" | ")
    }
}
