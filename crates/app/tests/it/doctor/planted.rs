//! Plants a fault, has the doctor look, and puts everything back as it was.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;

use bytes::Bytes;
use pintail_sandbox::{App, Effect, Fault, Role, Service, User};
use serde_json::{Value, json};

use super::stage::{Diagnosis, Stage};

/// One planted fault.
pub(super) struct Planted {
    /// What it is called.
    pub(super) name: &'static str,
    /// What is broken.
    pub(super) side: Side,
    /// How.
    pub(super) plant: fn(&mut Scene<'_>),
    /// The check that has to be named first.
    pub(super) first: &'static str,
    /// A word of what it says.
    pub(super) word: &'static str,
    /// It does not break anything; something else will.
    pub(super) warns: bool,
}

/// On which side something is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Aws,
    Bookmark,
    Entra,
    Machine,
    S3,
}

/// A fault that breaks something.
pub(super) const fn broken(
    name: &'static str,
    side: Side,
    first: &'static str,
    word: &'static str,
    plant: fn(&mut Scene<'_>),
) -> Planted {
    Planted { name, side, plant, first, word, warns: false }
}

/// A fault that breaks nothing yet.
pub(super) const fn warning(
    name: &'static str,
    side: Side,
    first: &'static str,
    word: &'static str,
    plant: fn(&mut Scene<'_>),
) -> Planted {
    Planted { name, side, plant, first, word, warns: true }
}

/// The stage while a fault is on it.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    listeners: Vec<TcpListener>,
}

impl Scene<'_> {
    /// Sets a variable for the doctor.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Adds the bookmark anew, with options that differ, and with nobody signed in to it if that matters.
    pub(super) fn bookmark(&mut self, options: &[&str]) {
        let bucket = self.stage.bucket();
        let mut all = vec!["--path", bucket.as_str()];
        if options.contains(&"--path") {
            all.clear();
        }
        all.extend(options);
        self.stage.cloud.bookmark("lab", &all);
    }

    /// Nobody reads IAM.
    pub(super) fn without_admin(&mut self) {
        self.arguments.retain(|argument| !argument.contains("admin") && argument != "--aws-profile");
    }

    /// Changes the role of the bookmark.
    pub(super) fn role(&mut self, edit: impl FnOnce(&mut Role)) {
        let mut role = self.stage.role();
        edit(&mut role);
        self.stage.cloud.sandbox().world().put_role(role);
    }

    /// Changes the one statement of the role's trust policy.
    pub(super) fn trust(&mut self, edit: impl FnOnce(&mut Value)) {
        self.role(|role| {
            let mut policy: Value = serde_json::from_str(&role.trust_policy).expect("a policy");
            edit(&mut policy["Statement"][0]);
            role.trust_policy = policy.to_string();
        });
    }

    /// Adds a condition on a key of the provider.
    pub(super) fn condition(&mut self, operator: &str, key: &str, value: &str) {
        let key = if key.contains(':') { key.to_owned() } else { format!("{}:{key}", self.provider_name()) };
        self.trust(|statement| statement["Condition"][operator][key] = json!(value));
    }

    /// Replaces what the role may do.
    pub(super) fn permissions(&mut self, statements: Value) {
        self.role(|role| {
            let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
            role.inline_policies = BTreeMap::from([("s3".to_owned(), policy)]);
        });
    }

    /// Changes the app registration.
    pub(super) fn app(&mut self, edit: impl FnOnce(&mut App)) {
        let client_id = self.stage.cloud.summary().client_id.clone();
        assert!(self.stage.cloud.sandbox().world().edit_app(&client_id, edit));
    }

    /// Changes Alice.
    pub(super) fn alice(&mut self, edit: impl FnOnce(&mut User)) {
        let world = self.stage.cloud.sandbox().world();
        let mut alice = world.user(&self.stage.cloud.summary().users[0].username).expect("Alice");
        edit(&mut alice);
        world.put_user(alice);
    }

    /// Puts a claim into Alice's tokens.
    pub(super) fn claim(&mut self, name: &str, value: Value) {
        self.alice(|alice| {
            alice.claims.insert(name.to_owned(), value);
        });
    }

    /// Breaks every call of an operation.
    pub(super) fn fault(&mut self, service: Service, operation: &str, effect: Effect) {
        self.stage.cloud.sandbox().faults().add(Fault::new(service, operation, effect).always());
    }

    /// Has the issuer describe itself in another way.
    pub(super) fn discovery(&mut self, edit: impl FnOnce(&mut Value)) {
        let mut document = self.stage.discovery();
        edit(&mut document);
        let effect = Effect::ReplaceBody(Bytes::from(document.to_string()));
        self.fault(Service::Issuer, "discovery", effect);
    }

    /// Replaces the account's provider by one of another address or with other client IDs.
    pub(super) fn provider(&mut self, issuer: Option<&str>, client_ids: &[&str]) {
        let world = self.stage.cloud.sandbox().world();
        for arn in world.providers() {
            world.remove_provider(&arn);
        }
        if let Some(issuer) = issuer {
            world.put_provider(issuer, client_ids);
        }
    }

    /// Returns the provider's name: the issuer without its scheme.
    pub(super) fn provider_name(&self) -> String {
        let issuer = &self.stage.cloud.summary().issuer;
        issuer.split_once("://").map_or(issuer.as_str(), |(_, rest)| rest).to_owned()
    }

    /// Takes a port of this machine and returns its number.
    pub(super) fn taken_port(&mut self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        self.listeners.push(listener);
        port
    }
}

/// Plants every fault of a table in turn.
pub(super) fn each(table: &[Planted]) {
    let mut stage = Stage::start();
    let mut wrong = Vec::new();
    for planted in table {
        let whole = Whole::of(&stage);
        let diagnosis = look(&mut stage, planted);
        whole.restore(&stage);
        let level = if planted.warns { "warning" } else { "broken" };
        let fits = diagnosis.first() == Some(planted.first)
            && diagnosis.level(planted.first) == level
            && diagnosis.words(planted.first).contains(planted.word)
            && diagnosis.finding(planted.first)["next"].as_str().is_some_and(|next| !next.is_empty());
        if !fits {
            let found: Vec<String> = diagnosis
                .findings
                .iter()
                .filter(|finding| ["broken", "warning"].iter().any(|level| finding["level"] == *level))
                .map(|finding| format!("    {finding}"))
                .collect();
            wrong.push(format!(
                "{} ({:?}): {} {:?} expected, {:?} named first\n{}",
                planted.name,
                planted.side,
                planted.first,
                planted.word,
                diagnosis.first(),
                found.join("\n")
            ));
        }
        let expected = if planted.warns { 0 } else { diagnosis.code };
        assert_eq!(diagnosis.code, expected, "{}: a warning does not fail", planted.name);
        assert!(planted.warns || diagnosis.code != 0, "{}: what is broken fails", planted.name);
    }
    let healthy = stage.run(&["doctor", "lab", "--aws-profile", "admin"]);
    assert_eq!(healthy.first(), None, "everything was put back: {}", healthy.text);
    assert!(
        wrong.is_empty(),
        "{} of {} are not named first:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
}

fn look(stage: &mut Stage, planted: &Planted) -> Diagnosis {
    let arguments = ["doctor", "lab", "--aws-profile", "admin", "--json"].map(str::to_owned).to_vec();
    let mut scene = Scene { stage, arguments, variables: BTreeMap::new(), listeners: Vec::new() };
    (planted.plant)(&mut scene);
    let mut run = scene.stage.cloud.env.pintail(&scene.arguments);
    for (name, value) in &scene.variables {
        run = run.set(name, value);
    }
    Diagnosis::of(&run.output())
}

/// Everything that a fault may touch.
struct Whole {
    app: App,
    alice: User,
    roles: Vec<Role>,
    files: Vec<(&'static str, String)>,
    objects: BTreeMap<String, Bytes>,
}

impl Whole {
    fn of(stage: &Stage) -> Self {
        let (world, summary) = (stage.cloud.sandbox().world(), stage.cloud.summary());
        let bucket = stage.bucket();
        let object = |key: &String| Some((key.clone(), world.object(&bucket, key)?));
        Self {
            app: world.app(&summary.client_id).expect("the app"),
            alice: world.user(&summary.users[0].username).expect("Alice"),
            roles: vec![stage.role()],
            files: ["config", "credentials"].map(|name| (name, stage.aws_text(name))).to_vec(),
            objects: world.keys(&bucket).iter().filter_map(object).collect(),
        }
    }

    fn restore(self, stage: &Stage) {
        let (world, summary) = (stage.cloud.sandbox().world(), stage.cloud.summary());
        stage.cloud.sandbox().faults().clear();
        world.put_app(self.app);
        world.put_user(self.alice);
        self.roles.into_iter().for_each(|role| world.put_role(role));
        for arn in world.providers() {
            world.remove_provider(&arn);
        }
        world.put_provider(&summary.issuer, &[&summary.client_id]);
        for (name, text) in self.files {
            if text.is_empty() {
                let _ = fs::remove_file(stage.cloud.env.folder().join("home/.aws").join(name));
            } else {
                stage.aws_file(name, &text, 0o600);
            }
        }
        let bucket = stage.bucket();
        for (key, bytes) in self.objects {
            world.put_object(&bucket, &key, bytes);
        }
        world.set_bucket_policy(&bucket, None);
        world.set_bucket_kms_key(&bucket, None);
        let _ = world.set_own_signing_key(&summary.client_id, false);
        world.assign_to_app(&summary.client_id, &summary.users_group);
        stage.cloud.bookmark("lab", &["--path", &bucket]);
        if stage.cloud.env.run(["whoami", "lab"]).code() != Some(0) || stage.run_only("sign-in") != "ok" {
            stage.sign_in_again();
        }
    }
}
