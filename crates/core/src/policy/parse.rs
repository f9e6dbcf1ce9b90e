//! Reading policy documents, with errors that name the place, the value, and what IAM would say.
//!
//! Pure. Reads what IAM accepts: a statement or a list of them, a value or a list of them, names exactly as IAM writes them. What IAM
//! accepts but nobody should write is for `lint`.

use super::document::{Condition, Effect, Kind, Patterns, Policy, Principal, Principals, Statement, Version};
use super::json::{Json, shortened};
use super::operator::Operator;

/// Why a document is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", place(.at))]
pub struct ParseError {
    /// Where, as a JSON pointer: `/Statement/0/Effect`. Empty for the document as a whole.
    pub at: String,
    /// What is wrong there.
    pub problem: Problem,
}

fn place(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!("{at}: ") }
}

/// What is wrong at a place of a document. Wrong values are quoted, and cut where they are long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No JSON.
    #[error("the text is no JSON from line {line}, column {column} on")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1; 0 where the line is empty.
        column: usize,
    },
    /// A value of another kind than can stand here.
    #[error("{found} stands where {expected} belongs")]
    WrongType {
        /// What can stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// An element that has to be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A name that no element has here.
    #[error("there is no element {0}")]
    Unknown(String),
    /// A name that stands twice in one object.
    #[error("{0} stands twice")]
    Repeated(String),
    /// Two elements of which one excludes the other.
    #[error("{0} and {1} exclude each other")]
    Both(&'static str, &'static str),
    /// An element that this kind of policy must not have.
    #[error("{element} must not stand in a {kind}")]
    Prohibited {
        /// The element.
        element: &'static str,
        /// The kind of policy.
        kind: Kind,
    },
    /// Another version than the two there are.
    #[error("{0} is neither \"2012-10-17\" nor \"2008-10-17\"")]
    Version(String),
    /// Another effect than the two there are.
    #[error("{0} is neither \"Allow\" nor \"Deny\"")]
    Effect(String),
    /// An action without a service.
    #[error("{0} is no action: it has to begin with a service and a colon, as \"s3:GetObject\" does")]
    Action(String),
    /// A resource that is no ARN.
    #[error("{0} is neither an ARN nor \"*\"")]
    Resource(String),
    /// A kind of principal there is not.
    #[error("{0} is no kind of principal: AWS, Federated, Service or CanonicalUser")]
    PrincipalKind(String),
    /// A principal that cannot be one.
    #[error("{0} is no principal")]
    Principal(String),
    /// An operator there is not.
    #[error("{0} is no condition operator")]
    Operator(String),
    /// A condition key that cannot be one.
    #[error("{0} is no condition key: it has to begin with a service or a provider and a colon")]
    Key(String),
    /// A Sid with other characters than letters and digits, in a policy of IAM.
    #[error("{0} has other characters than letters and digits")]
    Sid(String),
    /// A Sid that another statement has.
    #[error("{0} is the Sid of another statement as well")]
    SidTwice(String),
}

impl ParseError {
    /// Returns what IAM says when it is given such a document, after `MalformedPolicyDocument: `. The wording is not documented by
    /// AWS; it is what people report.
    pub fn iam_message(&self) -> String {
        match &self.problem {
            Problem::NotJson { .. } => "This policy contains invalid Json".into(),
            Problem::Missing("Action") => "Policy statement must contain actions.".into(),
            Problem::Missing("Resource") => "Policy statement must contain resources.".into(),
            Problem::Missing(element) => format!("Missing required field {element}"),
            Problem::Prohibited { element: "Principal" | "NotPrincipal", .. } => {
                "Policy document should not specify a principal.".into()
            }
            Problem::Prohibited { element, .. } => format!("Has prohibited field {element}"),
            Problem::Version(_) => "The policy must contain a valid version string.".into(),
            Problem::Action(_) | Problem::Key(_) => {
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".into()
            }
            Problem::Resource(value) => {
                format!("Resource {} must be in ARN format or \"*\".", value.trim_matches('"'))
            }
            Problem::Principal(value) => format!("Invalid principal in policy: {value}"),
            Problem::Operator(value) => format!("Invalid Condition type : {}", value.trim_matches('"')),
            Problem::Sid(_) => "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*".into(),
            Problem::SidTwice(_) => "Statement IDs (SID) in a single policy must be unique.".into(),
            Problem::WrongType { .. }
            | Problem::Unknown(_)
            | Problem::Repeated(_)
            | Problem::Both(..)
            | Problem::Effect(_)
            | Problem::PrincipalKind(_) => "Syntax errors in policy.".into(),
        }
    }
}

impl Policy {
    /// Reads a document as a policy of a kind.
    ///
    /// # Errors
    /// With the first thing that IAM would refuse.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, ParseError> {
        let document = read(text)?;
        let members = object(&document, "", &["Version", "Id", "Statement"])?;
        let version = match document.member("Version") {
            None => Version::V2008,
            Some(value) => match string(value, "/Version")? {
                "2012-10-17" => Version::V2012,
                "2008-10-17" => Version::V2008,
                other => return Err(fail("/Version", Problem::Version(shortened(other)))),
            },
        };
        let id = match document.member("Id") {
            Some(value) => Some(string(value, "/Id")?.to_owned()),
            None => None,
        };
        let Some((_, written)) = members.iter().find(|(name, _)| name == "Statement") else {
            return Err(fail("", Problem::Missing("Statement")));
        };
        let mut statements = Vec::new();
        for (index, one) in written.elements().iter().enumerate() {
            let at = match written {
                Json::List(_) => format!("/Statement/{index}"),
                _ => "/Statement".to_owned(),
            };
            let statement = statement(one, &at, kind)?;
            let taken = |other: &Statement| {
                other.sid.as_deref().is_some_and(|sid| !sid.is_empty()) && other.sid == statement.sid
            };
            if statements.iter().any(taken) {
                let sid = shortened(statement.sid.as_deref().unwrap_or_default());
                return Err(fail(format!("{at}/Sid"), Problem::SidTwice(sid)));
            }
            statements.push(statement);
        }
        let characters = text.chars().filter(|c| !c.is_whitespace()).count();
        let single = !matches!(written, Json::List(_));
        Ok(Self { kind, version, id, statements, single, characters })
    }

    /// Guesses the kind of a document: a trust policy where the statements name principals and actions of STS, a resource policy where
    /// they name principals and other actions, else a permission policy.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn guess_kind(text: &str) -> Result<Kind, ParseError> {
        let document = read(text)?;
        let statements = document.member("Statement").map(Json::elements).unwrap_or_default();
        let names_principal =
            |one: &Json| one.member("Principal").is_some() || one.member("NotPrincipal").is_some();
        if !statements.iter().any(names_principal) {
            return Ok(Kind::Identity);
        }
        let for_sts =
            |action: &Json| matches!(action, Json::Text(text) if text.to_lowercase().starts_with("sts:"));
        let mut trusting = statements.iter().filter(|one| {
            let actions = one.member("Action").map(Json::elements).unwrap_or_default();
            !actions.is_empty() && actions.iter().all(for_sts)
        });
        Ok(if trusting.next().is_some() { Kind::Trust } else { Kind::Resource })
    }
}

fn fail(at: impl Into<String>, problem: Problem) -> ParseError {
    ParseError { at: at.into(), problem }
}

fn read(text: &str) -> Result<Json, ParseError> {
    Json::parse(text.strip_prefix('\u{feff}').unwrap_or(text))
        .map_err(|error| fail("", Problem::NotJson { line: error.line(), column: error.column() }))
}

fn wrong(at: &str, expected: &'static str, found: &Json) -> ParseError {
    let found = match found {
        Json::Text(_) | Json::Bool(_) | Json::Number(_) => format!("{} {}", found.kind(), found.shown()),
        other => other.kind().to_owned(),
    };
    fail(at, Problem::WrongType { expected, found })
}

/// Returns the members of an object that has these names only, each once.
fn object<'a>(value: &'a Json, at: &str, known: &[&str]) -> Result<&'a [(String, Json)], ParseError> {
    let members = once(value, at)?;
    match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(fail(at, Problem::Unknown(shortened(name)))),
        None => Ok(members),
    }
}

/// Returns the members of an object that has each name once.
fn once<'a>(value: &'a Json, at: &str) -> Result<&'a [(String, Json)], ParseError> {
    let Json::Object(members) = value else { return Err(wrong(at, "an object", value)) };
    for (index, (name, _)) in members.iter().enumerate() {
        if members[..index].iter().any(|(other, _)| other == name) {
            return Err(fail(at, Problem::Repeated(shortened(name))));
        }
    }
    Ok(members)
}

fn string<'a>(value: &'a Json, at: &str) -> Result<&'a str, ParseError> {
    match value {
        Json::Text(text) => Ok(text),
        other => Err(wrong(at, "a string", other)),
    }
}

/// Reads a string or a list of strings, each with its place.
fn strings(value: &Json, at: &str) -> Result<Vec<(String, String)>, ParseError> {
    let mut found = Vec::new();
    for (index, element) in value.elements().iter().enumerate() {
        let at = if matches!(value, Json::List(_)) { format!("{at}/{index}") } else { at.to_owned() };
        found.push((string(element, &at)?.to_owned(), at));
    }
    Ok(found)
}

/// The name of a member as a JSON pointer has it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn statement(value: &Json, at: &str, kind: Kind) -> Result<Statement, ParseError> {
    object(value, at, &ELEMENTS)?;
    let effect = match value.member("Effect") {
        None => return Err(fail(at, Problem::Missing("Effect"))),
        Some(effect) => match string(effect, &format!("{at}/Effect"))? {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            other => return Err(fail(format!("{at}/Effect"), Problem::Effect(shortened(other)))),
        },
    };
    let sid = match value.member("Sid") {
        Some(sid) => Some(read_sid(sid, &format!("{at}/Sid"), kind)?),
        None => None,
    };
    let principals = principals(value, at, kind)?;
    let Some(actions) = patterns(value, at, "Action", "NotAction", is_action, Problem::Action)? else {
        return Err(fail(at, Problem::Missing("Action")));
    };
    let resources = patterns(value, at, "Resource", "NotResource", is_resource, Problem::Resource)?;
    let resources = match (resources, kind) {
        (Some(found), Kind::Trust) => {
            let element = if found.negated { "NotResource" } else { "Resource" };
            return Err(fail(at, Problem::Prohibited { element, kind }));
        }
        (None, Kind::Trust) => None,
        (None, _) => return Err(fail(at, Problem::Missing("Resource"))),
        (found, _) => found,
    };
    let conditions = match value.member("Condition") {
        Some(condition) => conditions(condition, &format!("{at}/Condition"))?,
        None => Vec::new(),
    };
    Ok(Statement { sid, effect, principals, actions, resources, conditions })
}

fn read_sid(sid: &Json, at: &str, kind: Kind) -> Result<String, ParseError> {
    let sid = string(sid, at)?;
    // Policies of resources are checked by their service, and most services take any characters.
    if kind != Kind::Resource && !sid.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(fail(at, Problem::Sid(shortened(sid))));
    }
    Ok(sid.to_owned())
}

fn patterns(
    statement: &Json,
    at: &str,
    plain: &'static str,
    negated: &'static str,
    is_one: fn(&str) -> bool,
    problem: fn(String) -> Problem,
) -> Result<Option<Patterns>, ParseError> {
    let (element, value) = match (statement.member(plain), statement.member(negated)) {
        (Some(_), Some(_)) => return Err(fail(at, Problem::Both(plain, negated))),
        (Some(value), None) => (plain, value),
        (None, Some(value)) => (negated, value),
        (None, None) => return Ok(None),
    };
    let mut values = Vec::new();
    for (text, at) in strings(value, &format!("{at}/{element}"))? {
        if !is_one(&text) {
            return Err(fail(at, problem(shortened(&text))));
        }
        values.push(text);
    }
    Ok(Some(Patterns { negated: element == negated, values }))
}

fn is_action(text: &str) -> bool {
    text == "*"
        || text.split_once(':').is_some_and(|(service, action)| !service.is_empty() && !action.is_empty())
}

fn is_resource(text: &str) -> bool {
    // A whole ARN, `*`, or a pattern that begins as an ARN does: IAM takes `arn:aws:s3*`.
    text == "*" || text.starts_with("arn:") || text.starts_with("${") || text.starts_with('*')
}

fn principals(statement: &Json, at: &str, kind: Kind) -> Result<Option<Principals>, ParseError> {
    let (element, value) = match (statement.member("Principal"), statement.member("NotPrincipal")) {
        (Some(_), Some(_)) => return Err(fail(at, Problem::Both("Principal", "NotPrincipal"))),
        (Some(value), None) => ("Principal", value),
        (None, Some(value)) => ("NotPrincipal", value),
        (None, None) if kind.names_principals() => return Err(fail(at, Problem::Missing("Principal"))),
        (None, None) => return Ok(None),
    };
    if !kind.names_principals() {
        return Err(fail(at, Problem::Prohibited { element, kind }));
    }
    let at = format!("{at}/{element}");
    let negated = element == "NotPrincipal";
    let members = match value {
        Json::Text(text) if text == "*" => {
            return Ok(Some(Principals { negated, entries: vec![Principal::Everyone] }));
        }
        Json::Text(text) => return Err(fail(at, Problem::Principal(shortened(text)))),
        Json::Object(_) => once(value, &at)?,
        other => return Err(wrong(&at, "an object or \"*\"", other)),
    };
    let mut entries = Vec::new();
    for (name, value) in members {
        let make: fn(String) -> Principal = match name.as_str() {
            "AWS" => |text| if text == "*" { Principal::Everyone } else { Principal::Aws(text) },
            "Federated" => Principal::Federated,
            "Service" => Principal::Service,
            "CanonicalUser" => Principal::Canonical,
            other => return Err(fail(at, Problem::PrincipalKind(shortened(other)))),
        };
        for (text, at) in strings(value, &format!("{at}/{name}"))? {
            let possible = match name.as_str() {
                "AWS" => is_aws_principal(&text),
                _ => !text.is_empty() && !text.contains(char::is_whitespace),
            };
            if !possible {
                return Err(fail(at, Problem::Principal(shortened(&text))));
            }
            entries.push(make(text));
        }
    }
    if entries.is_empty() {
        return Err(fail(at, Problem::Missing("Principal")));
    }
    Ok(Some(Principals { negated, entries }))
}

/// An account, an ARN, everybody, or the ID that IAM leaves behind of somebody who is deleted.
fn is_aws_principal(text: &str) -> bool {
    let account = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let deleted = text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    text == "*" || account || deleted || text.starts_with("arn:")
}

fn conditions(value: &Json, at: &str) -> Result<Vec<Condition>, ParseError> {
    let mut lines = Vec::new();
    for (operator_text, keys) in once(value, at)? {
        let Some(operator) = Operator::parse(operator_text) else {
            return Err(fail(at, Problem::Operator(shortened(operator_text))));
        };
        let at = format!("{at}/{}", escaped(operator_text));
        for (key, values) in once(keys, &at)? {
            let at = format!("{at}/{}", escaped(key));
            let named =
                key.split_once(':').is_some_and(|(prefix, name)| !prefix.is_empty() && !name.is_empty());
            if !named {
                return Err(fail(at, Problem::Key(shortened(key))));
            }
            let mut texts = Vec::new();
            for value in values.elements() {
                match value {
                    Json::Text(text) | Json::Number(text) => texts.push(text.clone()),
                    Json::Bool(value) => texts.push(value.to_string()),
                    other => {
                        return Err(wrong(&at, "a string, a number, a boolean or a list of them", other));
                    }
                }
            }
            lines.push(Condition {
                operator,
                operator_text: operator_text.clone(),
                key: key.clone(),
                values: texts,
            });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests;
