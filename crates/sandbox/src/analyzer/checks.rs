//! The checks: a handful of those that AWS documents, with its codes and its words.
//!
//! Pure: a document in, findings out.

use serde_json::{Map, Value, json};

use super::actions::{Known, look_up};
use super::place::{Step, location, position};
use crate::policy::is_operator;

const LINK: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-";

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    Resource,
    /// A role's trust policy.
    Trust,
}

/// Collects findings about one document.
struct Findings<'a> {
    text: &'a str,
    found: Vec<Value>,
}

impl Findings<'_> {
    fn add(&mut self, kind: &str, code: &str, details: &str, path: &[Step]) {
        let place = location(self.text, path);
        self.push(kind, code, details, place);
    }

    fn push(&mut self, kind: &str, code: &str, details: &str, place: Value) {
        let anchor = format!("{}-{}", kind, code).to_ascii_lowercase().replace('_', "-");
        self.found.push(json!({
            "findingDetails": details,
            "findingType": kind,
            "issueCode": code,
            "learnMoreLink": format!("{LINK}{anchor}"),
            "locations": [place],
        }));
    }

    fn error(&mut self, code: &str, details: &str, path: &[Step]) {
        self.add("ERROR", code, details, path);
    }

    fn suggest(&mut self, code: &str, details: &str, path: &[Step]) {
        self.add("SUGGESTION", code, details, path);
    }
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

/// Validates a document.
pub(super) fn findings(text: &str, kind: Kind) -> Vec<Value> {
    let mut findings = Findings { text, found: Vec::new() };
    let parsed: Value = match serde_json::from_str(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let at = (start + column.saturating_sub(1)).min(text.len());
            let details = format!("Fix the JSON syntax error at index {at} line {line} column {column}.");
            let place = json!({"path": [], "span": {"start": position(text, at), "end": position(text, at)}});
            findings.push("ERROR", "JSON_SYNTAX_ERROR", &details, place);
            return findings.found;
        }
    };
    let Some(document) = parsed.as_object() else {
        findings.error(
            "DATA_TYPE_MISMATCH",
            "The text does not match the expected JSON data type Object.",
            &[],
        );
        return findings.found;
    };
    check_document(&mut findings, document, kind);
    findings.found
}

fn check_document(findings: &mut Findings<'_>, document: &Map<String, Value>, kind: Kind) {
    for name in document.keys().filter(|name| !["Version", "Id", "Statement"].contains(&name.as_str())) {
        let details = format!("The policy element {name} is not valid.");
        findings.error("INVALID_POLICY_ELEMENT", &details, &[key(name)]);
    }
    match document.get("Version").map(Value::as_str) {
        None => findings.add(
            "WARNING",
            "MISSING_VERSION",
            "We recommend that you specify the Version element to help you with debugging permission issues.",
            &[],
        ),
        Some(Some("2012-10-17")) => {}
        Some(Some("2008-10-17")) => findings.suggest(
            "POLICY_VERSION",
            "The policy element version 2008-10-17 is outdated. Update to 2012-10-17 to use policy variables.",
            &[key("Version")],
        ),
        Some(other) => {
            let details = format!(
                "The version {} is not valid. Use one of the following versions: 2012-10-17, 2008-10-17",
                other.unwrap_or_default()
            );
            findings.error("INVALID_VERSION", &details, &[key("Version")]);
        }
    }
    let statements: Vec<(Vec<Step>, &Value)> = match document.get("Statement") {
        None => {
            findings.error("MISSING_STATEMENT", "Add the Statement element to the policy.", &[]);
            return;
        }
        Some(Value::Array(all)) => {
            all.iter().enumerate().map(|(at, one)| (vec![key("Statement"), Step::Index(at)], one)).collect()
        }
        Some(single) => vec![(vec![key("Statement")], single)],
    };
    let mut sids: Vec<&str> = Vec::new();
    for (path, statement) in statements {
        let Some(object) = statement.as_object() else {
            let details = "The text does not match the expected JSON data type Object.";
            findings.error("DATA_TYPE_MISMATCH", details, &path);
            continue;
        };
        if let Some(sid) = object.get("Sid").and_then(Value::as_str) {
            if sids.contains(&sid) {
                let details =
                    "Duplicate statement IDs are not supported for this policy type. Update the Sid value.";
                findings.error("UNIQUE_SIDS_REQUIRED", details, &within(&path, "Sid"));
            }
            sids.push(sid);
        }
        check_statement(findings, object, kind, &path);
    }
}

fn within(path: &[Step], name: &str) -> Vec<Step> {
    path.iter().cloned().chain([key(name)]).collect()
}

/// The texts of an element, each with its own path.
fn texts(object: &Map<String, Value>, name: &str, path: &[Step]) -> Vec<(String, Vec<Step>)> {
    let path = within(path, name);
    match object.get(name) {
        Some(Value::String(text)) => vec![(text.clone(), path)],
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| {
                let inner = path.iter().cloned().chain([Step::Index(at)]).collect();
                Some((item.as_str()?.to_owned(), inner))
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn check_statement(findings: &mut Findings<'_>, statement: &Map<String, Value>, kind: Kind, path: &[Step]) {
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
    for name in statement.keys().filter(|name| !ELEMENTS.contains(&name.as_str())) {
        let details = format!("The policy element {name} is not valid.");
        findings.error("INVALID_POLICY_ELEMENT", &details, &within(path, name));
    }
    match statement.get("Effect").map(Value::as_str) {
        None => {
            let details = "Add the Effect element to the policy statement with a value of Allow or Deny.";
            findings.error("MISSING_EFFECT", details, path);
        }
        Some(Some("Allow" | "Deny")) => {}
        Some(other) => {
            let details =
                format!("The effect {} is not valid. Use Allow or Deny.", other.unwrap_or_default());
            findings.error("INVALID_EFFECT", &details, &within(path, "Effect"));
        }
    }
    let has = |name: &str| statement.contains_key(name) || statement.contains_key(&format!("Not{name}"));
    if !has("Action") {
        let details = "Add an Action or NotAction element to the policy statement.";
        findings.error("MISSING_ACTION", details, path);
    }
    match kind {
        Kind::Identity if has("Principal") => {
            let details = "The policy type IDENTITY_POLICY does not support the Principal element. Remove the Principal element.";
            findings.error("UNSUPPORTED_PRINCIPAL", details, &within(path, "Principal"));
        }
        Kind::Resource | Kind::Trust if !has("Principal") => {
            let details = "Add a Principal element to the policy statement.";
            findings.error("MISSING_PRINCIPAL", details, path);
        }
        _ => {}
    }
    match kind {
        Kind::Trust if has("Resource") => {
            let details =
                "Role trust policies do not support the Resource element. Remove the Resource element.";
            findings.error("ROLE_TRUST_POLICY_UNSUPPORTED_RESOURCE", details, &within(path, "Resource"));
        }
        Kind::Identity | Kind::Resource if !has("Resource") => {
            let details = "Add a Resource or NotResource element to the policy statement.";
            findings.error("MISSING_RESOURCE", details, path);
        }
        _ => {}
    }
    check_empty(findings, statement, path);
    check_actions(findings, statement, path);
    check_principal(findings, statement, kind, path);
    check_conditions(findings, statement, path);
    check_pass_role(findings, statement, path);
}

/// Lists and objects with nothing in them.
fn check_empty(findings: &mut Findings<'_>, statement: &Map<String, Value>, path: &[Step]) {
    for (name, what) in [("Action", "actions"), ("Resource", "resources")] {
        if statement.get(name).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            let details =
                format!("This statement includes no {what} and does not affect the policy. Specify {what}.");
            let code = format!("EMPTY_ARRAY_{}", name.to_ascii_uppercase());
            findings.suggest(&code, &details, &within(path, name));
        }
    }
    for (name, what) in [("Principal", "principals"), ("Condition", "conditions")] {
        if statement.get(name).and_then(Value::as_object).is_some_and(Map::is_empty) {
            let details = match name {
                "Principal" => {
                    format!(
                        "This statement includes no {what} and does not affect the policy. Specify {what}."
                    )
                }
                _ => "This condition block is empty and it does not affect the policy. Specify conditions."
                    .to_owned(),
            };
            let code = format!("EMPTY_OBJECT_{}", name.to_ascii_uppercase());
            findings.suggest(&code, &details, &within(path, name));
        }
    }
}

fn check_actions(findings: &mut Findings<'_>, statement: &Map<String, Value>, path: &[Step]) {
    for name in ["Action", "NotAction"] {
        for (action, place) in texts(statement, name, path) {
            match look_up(&action) {
                Known::Yes => {}
                Known::NoAction => {
                    let details = format!("The action {action} does not exist.");
                    findings.error("INVALID_ACTION", &details, &place);
                }
                Known::NoService => {
                    let service = action.split(':').next().unwrap_or_default();
                    let details = format!("The service {service} specified in the action does not exist.");
                    findings.error("INVALID_SERVICE_IN_ACTION", &details, &place);
                }
            }
        }
    }
}

fn check_principal(findings: &mut Findings<'_>, statement: &Map<String, Value>, kind: Kind, path: &[Step]) {
    let allows = statement.get("Effect").is_some_and(|effect| effect == "Allow");
    if allows && statement.contains_key("NotPrincipal") {
        let details = "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead.";
        findings.add("SECURITY_WARNING", "ALLOW_WITH_NOTPRINCIPAL", details, &within(path, "NotPrincipal"));
    }
    let Some(principal) = statement.get("Principal") else { return };
    let place = within(path, "Principal");
    match principal {
        Value::String(text) if text == "*" => {}
        Value::String(text) => {
            let details = format!(
                "The Principal element contents are not valid. Specify a key-value pair in the Principal element ({text})."
            );
            findings.error("INVALID_PRINCIPAL_FORMAT", &details, &place);
        }
        Value::Object(kinds) => {
            for (name, value) in kinds {
                if !["AWS", "Federated", "Service", "CanonicalUser"].contains(&name.as_str()) {
                    let details = format!("The principal key {name} is not valid.");
                    findings.error("INVALID_PRINCIPAL_KEY", &details, &within(&place, name));
                }
                let named = value
                    .as_str()
                    .into_iter()
                    .chain(value.as_array().into_iter().flatten().filter_map(Value::as_str));
                for one in named.filter(|_| kind == Kind::Trust && name == "Federated") {
                    let provider = one.contains(":oidc-provider/") || one.contains(":saml-provider/");
                    let known = [
                        "cognito-identity.amazonaws.com",
                        "accounts.google.com",
                        "graph.facebook.com",
                        "www.amazon.com",
                    ];
                    if !provider && !known.contains(&one) {
                        let details = format!(
                            "The principal value {one} does not match the format of an identity provider. Use the ARN of an OIDC or SAML provider."
                        );
                        findings.error(
                            "ROLE_TRUST_POLICY_SYNTAX_ERROR_PRINCIPAL",
                            &details,
                            &within(&place, name),
                        );
                    }
                    if one.contains('*') {
                        let details = "Wildcards in the Federated principal of a role trust policy are not supported. Specify the provider.";
                        findings.error(
                            "ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL",
                            details,
                            &within(&place, name),
                        );
                    }
                }
            }
        }
        _ => findings.error(
            "INVALID_PRINCIPAL_FORMAT",
            "The Principal element contents are not valid.",
            &place,
        ),
    }
}

fn check_conditions(findings: &mut Findings<'_>, statement: &Map<String, Value>, path: &[Step]) {
    let place = within(path, "Condition");
    for (operator, keys) in statement.get("Condition").and_then(Value::as_object).into_iter().flatten() {
        let place = within(&place, operator);
        if !is_operator(operator) {
            let details =
                format!("The condition operator {operator} is not valid. Use a valid condition operator.");
            findings.error("INVALID_CONDITION_OPERATOR", &details, &place);
        }
        let keys = keys.as_object();
        if keys.is_some_and(Map::is_empty) {
            let details =
                "This condition block is empty and it does not affect the policy. Specify conditions.";
            findings.suggest("EMPTY_OBJECT_CONDITION", details, &place);
        }
        for (name, values) in keys.into_iter().flatten() {
            let place = within(&place, name);
            if values.as_array().is_some_and(Vec::is_empty) {
                let details =
                    format!("There are no values specified for the condition key {name}. Specify a value.");
                findings.suggest("EMPTY_ARRAY_CONDITION", &details, &place);
            }
            if !name.contains(':') {
                let details =
                    format!("The condition key format {name} is not valid. Use the format service:keyname.");
                findings.error("INVALID_CONDITION_KEY_FORMAT", &details, &place);
            }
        }
        if operator.starts_with("ForAllValues:")
            && statement.get("Effect").is_some_and(|effect| effect == "Allow")
        {
            let details = "Using the ForAllValues qualifier with Allow can be overly permissive: a condition whose key is missing from the request is true.";
            findings.add("SECURITY_WARNING", "FORALLVALUES_WITH_SINGLE_VALUED_KEY", details, &place);
        }
    }
}

/// Handing any role to a service is as good as having its rights.
fn check_pass_role(findings: &mut Findings<'_>, statement: &Map<String, Value>, path: &[Step]) {
    let everything = |name: &str| texts(statement, name, path).into_iter().find(|(text, _)| text == "*");
    if statement.get("Effect").is_none_or(|effect| effect != "Allow") || everything("Resource").is_none() {
        return;
    }
    let conditions = statement.get("Condition").map(Value::to_string).unwrap_or_default();
    if conditions.to_ascii_lowercase().contains("iam:passedtoservice") {
        return;
    }
    for (action, place) in texts(statement, "Action", path) {
        let lowered = action.to_ascii_lowercase();
        let (code, details) = if lowered == "iam:passrole" {
            (
                "PASS_ROLE_WITH_STAR_IN_RESOURCE",
                "Using the iam:PassRole action with wildcards (*) in the resource can be overly permissive because it allows iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.",
            )
        } else if ["*", "iam:*", "iam:pass*"].contains(&lowered.as_str()) {
            (
                "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE",
                "Using wildcards (*) in the action and the resource can be overly permissive because it allows iam:PassRole permissions on all resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.",
            )
        } else {
            continue;
        };
        findings.add("SECURITY_WARNING", code, details, &place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(document: &str, kind: Kind) -> Vec<String> {
        findings(document, kind).iter().map(|one| one["issueCode"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn policies_are_found_out() {
        let statement = |inner: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{{inner}}}]}}"#);
        let good = statement(r#""Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*""#);
        for (document, kind, expected) in [
            (good.clone(), Kind::Identity, vec![]),
            ("{".to_owned(), Kind::Identity, vec!["JSON_SYNTAX_ERROR"]),
            ("[]".to_owned(), Kind::Identity, vec!["DATA_TYPE_MISMATCH"]),
            ("{}".to_owned(), Kind::Identity, vec!["MISSING_VERSION", "MISSING_STATEMENT"]),
            (good.replace("GetObject", "GetObjects"), Kind::Identity, vec!["INVALID_ACTION"]),
            (good.replace("s3:Get", "s4:Get"), Kind::Identity, vec!["INVALID_SERVICE_IN_ACTION"]),
            (good.replace("2012-10-17", "2020-01-01"), Kind::Identity, vec!["INVALID_VERSION"]),
            (statement(""), Kind::Identity, vec!["MISSING_EFFECT", "MISSING_ACTION", "MISSING_RESOURCE"]),
            (
                statement(r#""Effect":"Allow","Action":[],"Resource":"*","Condition":{}"#),
                Kind::Identity,
                vec!["EMPTY_ARRAY_ACTION", "EMPTY_OBJECT_CONDITION"],
            ),
            (
                statement(r#""Effect":"Allow","Action":"iam:PassRole","Resource":"*""#),
                Kind::Identity,
                vec!["PASS_ROLE_WITH_STAR_IN_RESOURCE"],
            ),
            (
                statement(r#""Effect":"Allow","Action":"*","Resource":"*""#),
                Kind::Identity,
                vec!["PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE"],
            ),
            (
                good.replace("\"Resource\"", "\"Principal\":\"*\",\"Resource\""),
                Kind::Identity,
                vec!["UNSUPPORTED_PRINCIPAL"],
            ),
            (good.clone(), Kind::Resource, vec!["MISSING_PRINCIPAL"]),
            (
                statement(
                    r#""Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"login.example/v2.0"},"Condition":{"StringEqual":{"aud":[]}}"#,
                ),
                Kind::Trust,
                vec![
                    "ROLE_TRUST_POLICY_SYNTAX_ERROR_PRINCIPAL",
                    "INVALID_CONDITION_OPERATOR",
                    "EMPTY_ARRAY_CONDITION",
                    "INVALID_CONDITION_KEY_FORMAT",
                ],
            ),
        ] {
            assert_eq!(codes(&document, kind), expected, "{document}");
        }
    }
}
