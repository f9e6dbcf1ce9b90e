//! A case, and who is asked about it.

use std::process::Command;
use std::time::Duration;

use pintail_core::policy::{Caller, Context, Kind, Named, Policy, PolicySet, Request, evaluate};
use pintail_testkit::bench::Bench;
use pintail_testkit::process::Running;
use serde_json::{Map, Value, json};

/// How long Node may take for all of them.
const PATIENCE: Duration = Duration::from_secs(120);

/// The account of everybody in the cases.
pub(crate) const ACCOUNT: &str = "111111111111";
/// The session that asks where a case names nobody.
pub(crate) const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/Reader/ann";

/// One question with everything that has a say.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) principal: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) resource_account: String,
    /// A text for a key with one value, a list for a key with several.
    pub(crate) context: Map<String, Value>,
    pub(crate) identity: Vec<Value>,
    pub(crate) resource_policy: Option<Value>,
    pub(crate) session: Option<Value>,
    pub(crate) boundary: Option<Value>,
    pub(crate) scps: Vec<Vec<Value>>,
    pub(crate) rcps: Vec<Vec<Value>>,
    /// What the documentation says.
    pub(crate) expected: Option<&'static str>,
    /// Why the other evaluator says something else.
    pub(crate) differs: Option<&'static str>,
}

impl Case {
    /// A request to read an object, with no policies yet.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            principal: SESSION.to_owned(),
            action: "s3:GetObject".to_owned(),
            resource: "arn:aws:s3:::bucket/key".to_owned(),
            resource_account: ACCOUNT.to_owned(),
            context: Map::new(),
            identity: Vec::new(),
            resource_policy: None,
            session: None,
            boundary: None,
            scps: Vec::new(),
            rcps: Vec::new(),
            expected: None,
            differs: None,
        }
    }

    pub(crate) fn identity(mut self, statements: &str) -> Self {
        self.identity.push(policy(statements));
        self
    }

    pub(crate) fn context(mut self, text: &str) -> Self {
        self.context = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        self
    }

    /// As the other evaluator takes it.
    pub(crate) fn line(&self) -> String {
        json!({
            "name": self.name, "principal": self.principal, "action": self.action, "resource": self.resource,
            "resourceAccount": self.resource_account, "context": self.context, "identity": self.identity,
            "resourcePolicy": self.resource_policy, "session": self.session, "boundary": self.boundary,
            "scps": self.scps, "rcps": self.rcps,
        })
        .to_string()
    }

    pub(crate) fn expect(mut self, decision: &'static str) -> Self {
        self.expected = Some(decision);
        self
    }
}

/// A document of the newer version with these statements.
pub(crate) fn policy(statements: &str) -> Value {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Asks ours.
pub(crate) fn ask_ours(case: &Case) -> &'static str {
    let read = |kind: Kind, index: usize, document: &Value| {
        let policy = Policy::parse(&document.to_string(), kind);
        let policy = policy.unwrap_or_else(|error| panic!("{}: {error}: {document}", case.name));
        Named::new(format!("{kind} {index}"), policy)
    };
    let all = |kind: Kind, documents: &[Value]| -> Vec<Named> {
        documents.iter().enumerate().map(|(index, document)| read(kind, index, document)).collect()
    };
    let policies = PolicySet {
        identity: all(Kind::Identity, &case.identity),
        resource: case.resource_policy.as_ref().map(|document| read(Kind::Resource, 0, document)),
        session: case.session.iter().map(|document| read(Kind::Session, 0, document)).collect(),
        boundary: case.boundary.as_ref().map(|document| read(Kind::Boundary, 0, document)),
        scps: case.scps.iter().map(|level| all(Kind::Scp, level)).collect(),
        rcps: case.rcps.iter().flat_map(|level| all(Kind::Rcp, level)).collect(),
    };
    let mut context = Context::new();
    for (key, value) in &case.context {
        match value {
            Value::Array(values) => context.set_all(key, values.iter().filter_map(Value::as_str)),
            value => context.set(key, value.as_str().expect("a text")),
        };
    }
    let request = Request {
        caller: Caller::parse(&case.principal).expect("a caller"),
        action: case.action.clone(),
        resource: case.resource.clone(),
        resource_account: Some(case.resource_account.clone()),
        context,
    };
    evaluate(&policies, &request).decision.name()
}

/// Asks the other one, all cases at once.
pub(crate) fn ask_oracle(cases: &[Case]) -> Vec<String> {
    let bench = Bench::load();
    let mut command = Command::new(bench.tool("node"));
    command
        .arg(bench.folder.join("policy-oracle.mjs"))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.current_dir(&bench.folder);
    let lines: Vec<String> = cases.iter().map(Case::line).collect();
    let mut running = Running::start(command, "policy-oracle", PATIENCE);
    running.type_in(&(lines.join("\n") + "\n"));
    let output = running.finish().succeeded();
    let answers = output.json_lines();
    assert_eq!(answers.len(), cases.len(), "one answer for each case");
    let one = |(case, answer): (&Case, &Value)| {
        assert_eq!(answer["name"], case.name.as_str());
        let said = answer["decision"].as_str().or_else(|| answer["error"].as_str());
        said.unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    cases.iter().zip(&answers).map(one).collect()
}
