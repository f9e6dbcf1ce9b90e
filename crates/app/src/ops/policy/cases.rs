//! A file of cases: what is to be allowed and what is not, for the checks of those who write policies.
//!
//! `docs/formats.md` describes the file. Every case is asked by itself; paths are relative to the folder of the file.

use std::path::{Path, PathBuf};

use pintail_core::policy::Decision;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::{
    ClaimsFrom, PolicyError, PolicyFiles, Reader, Surroundings, TestAnswers, TestQuestion, Together,
    TrustAnswer, TrustQuestion,
};
use crate::ops::{App, Error};

/// The only version of the format so far.
const VERSION: i64 = 1;

/// What a case expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Allowed.
    Allow,
    /// Denied, in whatever way.
    Deny,
    /// Denied by a statement.
    ExplicitDeny,
    /// Denied because nothing allows it.
    ImplicitDeny,
}

impl Expected {
    /// The name in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::ExplicitDeny => "explicit_deny",
            Self::ImplicitDeny => "implicit_deny",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Allow, Self::Deny, Self::ExplicitDeny, Self::ImplicitDeny]
            .into_iter()
            .find(|one| one.name() == text)
    }

    /// Whether a decision is as expected. What STS refuses by itself is a denial too.
    pub(crate) fn is_met(self, decision: Decision, refused: bool) -> bool {
        match self {
            Self::Allow => decision == Decision::Allow && !refused,
            Self::Deny => decision != Decision::Allow || refused,
            Self::ExplicitDeny => decision == Decision::ExplicitDeny,
            Self::ImplicitDeny => decision == Decision::ImplicitDeny,
        }
    }
}

/// A case that was read.
#[derive(Debug)]
struct Case {
    name: String,
    expected: Expected,
    question: Question,
}

#[derive(Debug)]
enum Question {
    Trust(Box<TrustQuestion>),
    Test(Box<TestQuestion>),
}

/// The cases of a file.
#[derive(Debug)]
pub(crate) struct Cases {
    reader: Reader,
    cases: Vec<Case>,
}

/// What came of a case.
#[derive(Debug)]
pub(crate) struct CaseResult {
    /// Its name.
    pub(crate) name: String,
    /// What it expects.
    pub(crate) expected: Expected,
    /// What came out.
    pub(crate) outcome: CaseOutcome,
}

/// What came out.
#[derive(Debug)]
pub(crate) enum CaseOutcome {
    /// Of a trust policy.
    Trust(Box<TrustAnswer>),
    /// Of permission policies.
    Test(Box<TestAnswers>),
    /// A file of it could not be read, or what it asks cannot be asked.
    Failed(Box<Error>),
}

impl CaseResult {
    /// Whether everything is as expected.
    pub(crate) fn is_met(&self) -> bool {
        match &self.outcome {
            CaseOutcome::Trust(answer) => {
                self.expected.is_met(answer.verdict.decision, !answer.verdict.faults.is_empty())
            }
            CaseOutcome::Test(answers) => {
                answers.answers.iter().all(|one| self.expected.is_met(one.verdict.decision, false))
            }
            CaseOutcome::Failed(_) => false,
        }
    }
}

impl Cases {
    /// Reads the file.
    pub(crate) async fn read(reader: &mut Reader, path: &Path) -> Result<Self, Error> {
        let text = reader.text(path).await?;
        let fail = |problem: String| PolicyError::Cases { path: path.to_owned(), problem };
        let cases = parse(&text).map_err(fail)?;
        Ok(Self { reader: reader.beside(path), cases })
    }

    /// Asks every case. `told` hears of each as soon as it is done.
    pub(crate) async fn run<E>(
        mut self,
        app: &App,
        mut told: impl FnMut(&CaseResult) -> Result<(), E>,
    ) -> Result<Together, E> {
        let mut met = Vec::new();
        for case in std::mem::take(&mut self.cases) {
            let outcome = match &case.question {
                Question::Trust(question) => super::trust(app, &mut self.reader, question)
                    .await
                    .map(|answer| CaseOutcome::Trust(Box::new(answer))),
                Question::Test(question) => super::test(app, &mut self.reader, question)
                    .await
                    .map(|answers| CaseOutcome::Test(Box::new(answers))),
            };
            let outcome = outcome.unwrap_or_else(|error| CaseOutcome::Failed(Box::new(error)));
            let result = CaseResult { name: case.name, expected: case.expected, outcome };
            met.push(result.is_met());
            told(&result)?;
        }
        Ok(Together::of(met))
    }
}

/// Keys that a case can have, and that `[defaults]` can have for all of them.
const KEYS: [&str; 21] = [
    "trust",
    "claims",
    "token",
    "provider",
    "role_arn",
    "session_name",
    "policies",
    "session_policies",
    "boundary",
    "scps",
    "rcps",
    "resource_policy",
    "action",
    "resource",
    "principal",
    "resource_account",
    "context",
    "source_ip",
    "at",
    "name",
    "expect",
];

fn parse(text: &str) -> Result<Vec<Case>, String> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        format!("line {line}: {}", error.message())
    })?;
    let root = object(table.get_ref());
    if let Some(key) = root.keys().find(|key| !["version", "defaults", "case"].contains(&key.as_str())) {
        return Err(format!("\"{key}\" is no key of a file of cases"));
    }
    match root.get("version") {
        Some(Value::Number(number)) if number.as_i64() == Some(VERSION) => {}
        Some(_) => return Err("the version is not 1, which is the only one there is".into()),
        None => return Err("version is missing; it is 1".into()),
    }
    let defaults = match root.get("defaults") {
        None => Map::new(),
        Some(Value::Object(defaults)) => defaults.clone(),
        Some(_) => return Err("defaults is no table".into()),
    };
    check_keys("defaults", &defaults)?;
    let Some(Value::Array(listed)) = root.get("case") else { return Err("there is no [[case]]".into()) };
    let mut cases = Vec::new();
    for (index, one) in listed.iter().enumerate() {
        let Value::Object(own) = one else { return Err(format!("case {} is no table", index + 1)) };
        let name = own
            .get("name")
            .and_then(Value::as_str)
            .map_or_else(|| format!("case {}", index + 1), str::to_owned);
        check_keys(&name, own)?;
        let fields = Fields { name: &name, own, defaults: &defaults };
        cases.push(fields.case()?);
    }
    Ok(cases)
}

fn check_keys(whose: &str, table: &Map<String, Value>) -> Result<(), String> {
    match table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        Some(key) => Err(format!("{whose}: \"{key}\" is no key of a case")),
        None => Ok(()),
    }
}

fn object(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
            .map_or_else(|_| Value::from(number.as_str()), Value::from),
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(object(table)),
    }
}

/// The keys of one case, its own before the defaults.
struct Fields<'a> {
    name: &'a str,
    own: &'a Map<String, Value>,
    defaults: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn case(&self) -> Result<Case, String> {
        let expected = self.required("expect")?;
        let expected = Expected::read(&expected)
            .ok_or_else(|| self.wrong("expect", "is none of allow, deny, explicit_deny, implicit_deny"))?;
        let is_trust = match (self.own.contains_key("trust"), self.own.contains_key("action")) {
            (true, true) => return Err(format!("{}: trust and action exclude each other", self.name)),
            (true, false) => true,
            (false, true) => false,
            (false, false) => self.get("trust").is_some() && self.get("action").is_none(),
        };
        let surroundings = self.surroundings()?;
        let question = if is_trust {
            let session_name = self.text("session_name")?.unwrap_or_else(|| DEFAULT_SESSION_NAME.to_owned());
            if surroundings.claims.is_none() {
                return Err(format!("{}: claims or token is missing", self.name));
            }
            Question::Trust(Box::new(TrustQuestion {
                policy: PathBuf::from(self.required("trust")?),
                role: self.text("role_arn")?,
                session_name,
                surroundings,
            }))
        } else {
            let files = PolicyFiles {
                identity: self.paths("policies")?,
                session: self.paths("session_policies")?,
                boundary: self.text("boundary")?.map(PathBuf::from),
                scps: self.paths("scps")?,
                rcps: self.paths("rcps")?,
                resource: self.text("resource_policy")?.map(PathBuf::from),
            };
            if files.identity.is_empty() && files.resource.is_none() {
                return Err(format!("{}: trust, policies or resource_policy is missing", self.name));
            }
            let question = TestQuestion {
                files,
                actions: self.texts("action")?,
                resources: self.texts("resource")?,
                principal: self.text("principal")?,
                resource_account: self.text("resource_account")?,
                surroundings,
            };
            for (key, values) in [("action", &question.actions), ("resource", &question.resources)] {
                if values.is_empty() {
                    return Err(format!("{}: {key} is missing", self.name));
                }
            }
            Question::Test(Box::new(question))
        };
        Ok(Case { name: self.name.to_owned(), expected, question })
    }

    fn surroundings(&self) -> Result<Surroundings, String> {
        let claims = match (self.get("claims"), self.text("token")?) {
            (Some(Value::Object(claims)), _) => Some(ClaimsFrom::Here(claims.clone())),
            (Some(Value::String(path)), _) => Some(ClaimsFrom::Json(PathBuf::from(path))),
            (Some(_), _) => return Err(self.wrong("claims", "is neither a table nor the name of a file")),
            (None, Some(path)) => Some(ClaimsFrom::Token(PathBuf::from(path))),
            (None, None) => None,
        };
        let source_ip = match self.text("source_ip")? {
            Some(text) => Some(text.parse().map_err(|_| self.wrong("source_ip", "is no address"))?),
            None => None,
        };
        let at = match self.text("at")? {
            Some(text) => Some(text.parse().map_err(|_| self.wrong("at", "is no point in time"))?),
            None => None,
        };
        let mut context = Vec::new();
        for from in [self.defaults, self.own] {
            let own: Vec<(String, String)> = match from.get("context") {
                None => continue,
                Some(Value::Object(table)) => self.pairs(table)?,
                Some(_) => return Err(self.wrong("context", "is no table")),
            };
            context.retain(|(key, _): &(String, String)| {
                !own.iter().any(|(other, _)| other.eq_ignore_ascii_case(key))
            });
            context.extend(own);
        }
        Ok(Surroundings { claims, provider: self.text("provider")?, source_ip, at, context })
    }

    fn pairs(&self, table: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
        let mut pairs = Vec::new();
        for (key, value) in table {
            let values = match value {
                Value::Array(values) => values.as_slice(),
                other => std::slice::from_ref(other),
            };
            for value in values {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Bool(_) | Value::Number(_) => value.to_string(),
                    _ => return Err(self.wrong("context", "has a value that is no text, number or boolean")),
                };
                pairs.push((key.clone(), text));
            }
        }
        Ok(pairs)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.own.get(key).or_else(|| self.defaults.get(key))
    }

    fn wrong(&self, key: &str, problem: &str) -> String {
        format!("{}: {key} {problem}", self.name)
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "is no text")),
        }
    }

    fn required(&self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        let wrong = || self.wrong(key, "is neither a text nor a list of texts");
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(values)) => {
                values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    fn paths(&self, key: &str) -> Result<Vec<PathBuf>, String> {
        Ok(self.texts(key)?.into_iter().map(PathBuf::from).collect())
    }
}

/// The name of a session where nobody gives one.
pub(crate) const DEFAULT_SESSION_NAME: &str = "pintail";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_takes_what_it_does_not_say_from_the_defaults() {
        let text = r#"
            version = 1
            [defaults]
            policies = ["p.json"]
            context = { "aws:SecureTransport" = true, "aws:x" = "1" }
            [[case]]
            name = "read"
            expect = "allow"
            action = ["s3:GetObject", "s3:ListBucket"]
            resource = "s3://b/k"
            context = { "aws:X" = ["2", "3"] }
            at = 2026-11-27T10:00:00Z
            [[case]]
            expect = "explicit_deny"
            trust = "t.json"
            claims = { sub = "a", amr = ["mfa"] }
        "#;
        let cases = parse(text).unwrap();
        let Question::Test(test) = &cases[0].question else { panic!() };
        assert_eq!(test.files.identity, [PathBuf::from("p.json")]);
        assert_eq!(test.actions.len(), 2);
        let context: Vec<_> = test.surroundings.context.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(context, ["aws:SecureTransport=true", "aws:X=2", "aws:X=3"]);
        assert_eq!(test.surroundings.at.unwrap().as_second(), 1_795_773_600);
        assert_eq!((cases[1].name.as_str(), cases[1].expected), ("case 2", Expected::ExplicitDeny));
        let Question::Trust(trust) = &cases[1].question else { panic!() };
        assert_eq!(trust.session_name, "pintail");
        assert!(
            matches!(&trust.surroundings.claims, Some(ClaimsFrom::Here(claims)) if claims["amr"][0] == "mfa")
        );
    }

    #[test]
    fn the_example_of_the_documentation_is_a_file_of_cases() {
        let document = include_str!("../../../../../docs/formats.md");
        let section = document.split("## file of cases").nth(1).unwrap();
        let example = section.split("```toml").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(parse(example).unwrap().len(), 2);
        for key in KEYS {
            assert!(section.contains(&format!("`{key}`")), "{key} is not described");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let case = |more: &str| format!("version = 1\n[[case]]\nname = \"c\"\n{more}");
        for (text, problem) in [
            ("version = ".to_owned(), "line 1: "),
            ("[[case]]".to_owned(), "version is missing"),
            ("version = 2".to_owned(), "the version is not 1"),
            ("version = 1".to_owned(), "there is no [[case]]"),
            ("version = 1\ncases = []".to_owned(), "\"cases\" is no key of a file of cases"),
            (case("expects = \"allow\""), "c: \"expects\" is no key of a case"),
            (case(""), "c: expect is missing"),
            (case("expect = \"maybe\""), "c: expect is none of allow"),
            (case("expect = \"allow\""), "c: trust, policies or resource_policy is missing"),
            (case("expect = \"allow\"\npolicies = \"p\""), "c: action is missing"),
            (case("expect = \"allow\"\ntrust = \"p\""), "c: claims or token is missing"),
            (case("expect = \"allow\"\npolicies = 7"), "c: policies is neither a text nor a list of texts"),
            (
                case("expect = \"allow\"\ntrust = \"t\"\naction = \"s3:GetObject\""),
                "c: trust and action exclude each other",
            ),
            (case("expect = \"allow\"\npolicies = \"p\"\nsource_ip = \"x\""), "c: source_ip is no address"),
        ] {
            let found = parse(&text).unwrap_err();
            assert!(found.starts_with(problem), "{text}: {found}");
        }
    }
}
