//! How long `pintail credentials` takes when the credential is at hand: what every command of an AWS tool pays that gets its
//! credential from us.
//!
//! The cloud is the sandbox of the same build, in a home of its own that goes with the run. Beside it stand what a helper in
//! Python pays before its first line, what the aws CLI takes to print a key that stands in a file, and what the machine takes to
//! start any program at all.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pintail_testkit::environment::TestEnv;
use pintail_testkit::person::Person;
use pintail_testkit::process::Running;

use super::{Contestant, OTHERS, contestant};
use crate::tools::Tools;

/// The keychains that are measured: every machine has the first, most Linux machines the second.
const KEYCHAINS: [(&str, &str); 2] = [("file", "pintail file"), ("keyutils", "pintail kernel")];

/// How long the sandbox may live: longer than any number of rounds that makes sense.
const LIFE: Duration = Duration::from_secs(3600);

/// A home that is signed in to its sandbox. Both end with it.
pub(super) struct Home {
    sandbox: Option<Running>,
    env: TestEnv,
    signed_in: Vec<&'static str>,
}

impl Home {
    /// Starts the sandbox and signs in, once for each keychain that this machine has.
    pub(super) fn prepare(pintail: &Path) -> Result<Self, String> {
        let mut env = TestEnv::new(pintail);
        env.unset("PINTAIL_LOG").unset("PINTAIL_LOG_FILE").set("PINTAIL_KEYCHAIN", "file");
        let mut sandbox =
            env.pintail(["sandbox", "--port", "0", "--json"]).stdout_is_secret().deadline(LIFE).start();
        let ready = sandbox.next_json();
        let mut home = Self { sandbox: Some(sandbox), env, signed_in: Vec::new() };
        let text = |name: &str| ready["users"][0][name].as_str().unwrap_or_default().to_owned();
        for (keychain, name) in KEYCHAINS {
            let mut person = Person::new(&text("username")).with_password(&text("password"));
            let login = home.env.pintail(["login", "sandbox", "--no-browser", "--json"]);
            let mut login = login.set("PINTAIL_KEYCHAIN", keychain).start();
            let Some(line) = login.next_line() else {
                println!("{name} is left out: {}", login.finish().stderr.trim());
                continue;
            };
            let open: serde_json::Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
            let Some(url) = open["url"].as_str() else {
                println!("{name} is left out: {line}");
                continue;
            };
            person.sign_in(url).map_err(|error| format!("{name}: {error}"))?;
            let output = login.finish();
            if output.code() != Some(0) {
                println!("{name} is left out: {}", output.stderr.trim());
                continue;
            }
            home.signed_in.push(keychain);
        }
        Ok(home)
    }

    /// Returns what is measured.
    pub(super) fn contestants(&self, tools: &Tools, pintail: &Path) -> Result<Vec<Contestant>, String> {
        let mut contestants = Vec::new();
        for (keychain, name) in
            KEYCHAINS.into_iter().filter(|(keychain, _)| self.signed_in.contains(keychain))
        {
            let (program, home) = (pintail.to_owned(), self.env.home());
            let command = move || {
                let mut command = Command::new(&program);
                command.args(["credentials", "--keychain", keychain, "--home"]).arg(&home).arg("sandbox");
                command.env_clear().env("HOME", "/nonexistent");
                command
            };
            contestants.push(Contestant { name: name.to_owned(), command: Box::new(command) });
        }
        let config = self.env.work().join("config");
        let text = "[profile static]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = an-example\n";
        fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let aws = tools.get(OTHERS[2])?.to_owned();
        let command = move || {
            let mut command = Command::new(&aws);
            command.args(["--profile", "static", "configure", "get", "aws_access_key_id"]);
            command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
            command.env("AWS_CONFIG_FILE", &config).env("AWS_EC2_METADATA_DISABLED", "true");
            command
        };
        contestants.push(Contestant { name: "aws".to_owned(), command: Box::new(command) });
        contestants.push(contestant("python", tools.get("python")?, "-cpass"));
        contestants.push(contestant("true", Path::new("/bin/true"), "-"));
        Ok(contestants)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for keychain in &self.signed_in {
            // The kernel would keep what it was given.
            let _ = self.env.pintail(["logout", "sandbox"]).set("PINTAIL_KEYCHAIN", *keychain).output();
        }
        if let Some(sandbox) = self.sandbox.take() {
            let _ = sandbox.end_now();
        }
    }
}
