//! A policy document, parsed strictly: what does not parse is refused before it is stored.

use serde_json::{Map, Value};

/// A parsed policy.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) allow: bool,
    pub(crate) principal: Option<Principals>,
    pub(crate) actions: Selection,
    /// Absent in trust policies.
    pub(crate) resources: Option<Selection>,
    pub(crate) conditions: Vec<Condition>,
    /// Whether `${…}` is replaced: since version 2012-10-17.
    pub(crate) variables: bool,
}

/// `X` or `NotX` with its patterns.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) negated: bool,
    pub(crate) patterns: Vec<String>,
}

/// Who a statement is about.
#[derive(Clone, Debug)]
pub(crate) struct Principals {
    pub(crate) negated: bool,
    /// `"*"` without a kind.
    pub(crate) anyone: bool,
    pub(crate) aws: Vec<String>,
    pub(crate) federated: Vec<String>,
    /// Services, as `batchoperations.s3.amazonaws.com`.
    pub(crate) services: Vec<String>,
}

/// One operator over one key.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) operator: String,
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
}

/// Why a document is refused, in IAM's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) String);

fn malformed(text: &str) -> Malformed {
    Malformed(text.to_owned())
}

impl Document {
    /// Parses a role's trust policy: principals, no resources.
    pub(crate) fn trust(text: &str) -> Result<Document, Malformed> {
        let document = Document::parse(text)?;
        for statement in &document.statements {
            if statement.resources.is_some() {
                return Err(malformed("Has prohibited field Resource"));
            }
            if statement.principal.is_none() {
                return Err(malformed("Missing required field Principal"));
            }
            if !statement
                .actions
                .patterns
                .iter()
                .all(|action| action.to_ascii_lowercase().starts_with("sts:"))
            {
                return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
            }
        }
        Ok(document)
    }

    /// Parses a permission or session policy: resources, no principals.
    pub(crate) fn permission(text: &str) -> Result<Document, Malformed> {
        let document = Document::parse(text)?;
        for statement in &document.statements {
            if statement.principal.is_some() {
                return Err(malformed("Policy document should not specify a principal."));
            }
            if statement.resources.is_none() {
                return Err(malformed("Policy statement must contain resources."));
            }
        }
        Ok(document)
    }

    /// Parses a bucket's policy: principals and resources.
    pub(crate) fn bucket(text: &str) -> Result<Document, Malformed> {
        let document = Document::parse(text)?;
        for statement in &document.statements {
            if statement.principal.is_none() {
                return Err(malformed("Missing required field Principal"));
            }
            if statement.resources.is_none() {
                return Err(malformed("Missing required field Resource"));
            }
        }
        Ok(document)
    }

    fn parse(text: &str) -> Result<Document, Malformed> {
        if text.starts_with(char::is_whitespace) {
            return Err(malformed("JSON strings must not have leading spaces"));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
        let object = value.as_object().ok_or_else(|| malformed("Syntax errors in policy."))?;
        let variables = match object.get("Version").map(Value::as_str) {
            None | Some(Some("2008-10-17")) => false,
            Some(Some("2012-10-17")) => true,
            Some(_) => return Err(malformed("The policy must contain a valid version string")),
        };
        if let Some(unknown) =
            object.keys().find(|key| !["Version", "Id", "Statement"].contains(&key.as_str()))
        {
            return Err(Malformed(format!("Unknown field {unknown}")));
        }
        let statements = match object.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(single @ Value::Object(_)) => vec![single],
            _ => return Err(malformed("Missing required field Statement")),
        };
        if statements.is_empty() {
            return Err(malformed("Empty statements!"));
        }
        let statements = statements
            .into_iter()
            .map(|statement| {
                let object = statement.as_object().ok_or_else(|| malformed("Syntax errors in policy."))?;
                parse_statement(object, variables)
            })
            .collect::<Result<_, _>>()?;
        Ok(Document { statements })
    }
}

fn parse_statement(object: &Map<String, Value>, variables: bool) -> Result<Statement, Malformed> {
    const FIELDS: [&str; 9] = [
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
    if let Some(unknown) = object.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(Malformed(format!("Unknown field {unknown}")));
    }
    let allow = match object.get("Effect").map(Value::as_str) {
        Some(Some("Allow")) => true,
        Some(Some("Deny")) => false,
        Some(_) => return Err(malformed("Invalid effect")),
        None => return Err(malformed("Missing required field Effect")),
    };
    let actions = selection(object, "Action")?.ok_or_else(|| malformed("Missing required field Action"))?;
    if let Some(bad) = actions.patterns.iter().find(|action| *action != "*" && !action.contains(':')) {
        return Err(Malformed(format!(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. ({bad})"
        )));
    }
    let principal = match (object.get("Principal"), object.get("NotPrincipal")) {
        (None, None) => None,
        (Some(value), None) => Some(principals(value, false)?),
        (None, Some(value)) => Some(principals(value, true)?),
        (Some(_), Some(_)) => return Err(malformed("Syntax errors in policy.")),
    };
    let conditions = match object.get("Condition") {
        None => Vec::new(),
        Some(Value::Object(operators)) => conditions(operators)?,
        Some(_) => return Err(malformed("Syntax errors in policy.")),
    };
    Ok(Statement {
        allow,
        principal,
        actions,
        resources: selection(object, "Resource")?,
        conditions,
        variables,
    })
}

fn selection(object: &Map<String, Value>, name: &str) -> Result<Option<Selection>, Malformed> {
    let (negated, value) = match (object.get(name), object.get(&format!("Not{name}"))) {
        (None, None) => return Ok(None),
        (Some(value), None) => (false, value),
        (None, Some(value)) => (true, value),
        (Some(_), Some(_)) => return Err(malformed("Syntax errors in policy.")),
    };
    Ok(Some(Selection { negated, patterns: texts(value)? }))
}

fn principals(value: &Value, negated: bool) -> Result<Principals, Malformed> {
    let mut principals =
        Principals { negated, anyone: false, aws: Vec::new(), federated: Vec::new(), services: Vec::new() };
    match value {
        Value::String(text) if text == "*" => principals.anyone = true,
        Value::Object(kinds) => {
            for (kind, value) in kinds {
                match kind.as_str() {
                    "AWS" => principals.aws = texts(value)?,
                    "Federated" => principals.federated = texts(value)?,
                    "Service" => principals.services = texts(value)?,
                    "CanonicalUser" => {}
                    other => return Err(Malformed(format!("Invalid principal in policy: \"{other}\""))),
                }
            }
        }
        _ => return Err(malformed("Invalid principal in policy")),
    }
    Ok(principals)
}

fn conditions(operators: &Map<String, Value>) -> Result<Vec<Condition>, Malformed> {
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        if !super::conditions::is_operator(operator) {
            return Err(Malformed(format!("Invalid Condition type : {operator}.")));
        }
        let keys = keys.as_object().ok_or_else(|| malformed("Syntax errors in policy."))?;
        for (key, values) in keys {
            conditions.push(Condition {
                operator: operator.clone(),
                key: key.clone(),
                values: texts(values)?,
            });
        }
    }
    Ok(conditions)
}

/// One text or a list of them; booleans and numbers stand for their spelling.
fn texts(value: &Value) -> Result<Vec<String>, Malformed> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Bool(_) | Value::Number(_) => Ok(vec![value.to_string()]),
        Value::Array(items) if items.iter().all(|item| !item.is_array()) => {
            Ok(items.iter().map(texts).collect::<Result<Vec<_>, _>>()?.concat())
        }
        _ => Err(malformed("Syntax errors in policy.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_refused_in_iams_words() {
        let cases = [
            ("{", "This policy contains invalid Json"),
            (" {}", "JSON strings must not have leading spaces"),
            (r#"{"Statement":[]}"#, "Empty statements!"),
            (r#"{"Version":"2020-01-01","Statement":[]}"#, "The policy must contain a valid version string"),
            (r#"{"Statement":{"Action":"s3:*","Resource":"*"}}"#, "Missing required field Effect"),
            (r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#, "Missing required field Action"),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*"}}"#,
                "Policy statement must contain resources.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}}"#,
                "Policy document should not specify a principal.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bogus":{"a:b":"c"}}}}"#,
                "Invalid Condition type : Bogus.",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(Document::permission(text).unwrap_err().0, message, "{text}");
        }
        let trust = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"},"Resource":"*"}}"#;
        assert_eq!(Document::trust(trust).unwrap_err().0, "Has prohibited field Resource");
    }
}
