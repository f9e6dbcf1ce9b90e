//! Whether two policies mean the same, and in what lines they differ.
//!
//! Pure: values in, values out. IAM stores documents as they were sent; consoles and other tools write one text as a list of one, sort keys and values,
//! and name statements. None of that is a change.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The parts of a statement that hold one text or a list of them, in any order.
const SETS: [&str; 5] = ["Action", "NotAction", "Resource", "NotResource", "Statement"];

/// Tells whether two policies mean the same: whatever the order of keys and values, with one text or a list of one, and
/// whatever their statements are called.
pub(crate) fn same_policy(one: &Value, other: &Value) -> bool {
    normal(one) == normal(other)
}

fn normal(document: &Value) -> Value {
    let Value::Object(object) = document else { return document.clone() };
    let mut object = object.clone();
    object.remove("Id");
    let statements = match object.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    object.insert("Statement".into(), sorted(statements.iter().map(statement).collect()));
    ordered(object)
}

fn statement(value: &Value) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    let mut normal = Map::new();
    for (key, value) in object {
        let value = match key.as_str() {
            "Sid" => continue,
            "Action" | "NotAction" => texts(value, str::to_ascii_lowercase),
            key if SETS.contains(&key) => texts(value, str::to_owned),
            "Principal" | "NotPrincipal" => nested(value, 1),
            "Condition" => nested(value, 2),
            _ => value.clone(),
        };
        normal.insert(key.clone(), value);
    }
    ordered(normal)
}

/// Goes down so many levels of objects, and makes sets of the values there.
fn nested(value: &Value, levels: u32) -> Value {
    match value {
        Value::Object(object) if levels > 0 => {
            ordered(object.iter().map(|(key, value)| (key.clone(), nested(value, levels - 1))).collect())
        }
        other => texts(other, str::to_owned),
    }
}

/// Makes a sorted list of one text or several. Truth values and numbers stand for their spelling, as in IAM.
fn texts(value: &Value, spelling: fn(&str) -> String) -> Value {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let text = |item: &Value| match item {
        Value::String(text) => spelling(text).into(),
        Value::Bool(_) | Value::Number(_) => item.to_string().into(),
        other => other.clone(),
    };
    sorted(items.iter().map(text).collect())
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(Value::to_string);
    items.dedup();
    items.into()
}

fn ordered(object: Map<String, Value>) -> Value {
    let ordered: BTreeMap<String, Value> = object.into_iter().collect();
    ordered.into_iter().collect::<Map<_, _>>().into()
}

/// Returns the lines of the first document that the second has not, after `- `, and the other way round, after `+ `; lines of
/// both after two spaces. Empty where they are the same text.
pub(crate) fn difference(from: &Value, to: &Value) -> Vec<String> {
    let lines = |value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (from, to) = (lines(from), lines(to));
    if from == to {
        return Vec::new();
    }
    // The longest common run of lines, by the textbook: policies have some hundred lines at most.
    let mut common = vec![vec![0_usize; to.len() + 1]; from.len() + 1];
    for (i, old) in from.iter().enumerate().rev() {
        for (j, new) in to.iter().enumerate().rev() {
            common[i][j] =
                if old == new { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut told = Vec::new();
    while i < from.len() || j < to.len() {
        if i < from.len() && j < to.len() && from[i] == to[j] {
            told.push(format!("  {}", from[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == to.len() || (i < from.len() && common[i + 1][j] >= common[i][j + 1]) {
            told.push(format!("- {}", from[i]));
            i += 1;
        } else {
            told.push(format!("+ {}", to[j]));
            j += 1;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writing_it_otherwise_is_no_change() {
        let one = json!({ "Version": "2012-10-17", "Statement": [{
            "Sid": "A", "Effect": "Allow", "Principal": { "Federated": "arn:p" },
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "Condition": { "StringEquals": { "p:aud": "c", "p:sub": ["x", "y"] }, "Bool": { "k": true } } }] });
        let other = json!({ "Id": "console", "Statement": {
            "Action": ["sts:TagSession", "sts:assumerolewithwebidentity"],
            "Condition": { "Bool": { "k": "true" }, "StringEquals": { "p:sub": ["y", "x"], "p:aud": ["c"] } },
            "Principal": { "Federated": ["arn:p"] }, "Effect": "Allow" }, "Version": "2012-10-17" });
        assert!(same_policy(&one, &other));
    }

    #[test]
    fn meaning_something_else_is_a_change() {
        let statement = |condition: Value| json!({ "Statement": [{ "Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": condition }] });
        let one = statement(json!({ "StringEquals": { "k": "v" } }));
        for other in [
            statement(json!({ "StringLike": { "k": "v" } })),
            statement(json!({ "StringEquals": { "k": "V" } })),
            statement(json!({ "StringEquals": { "k": ["v", "w"] } })),
            statement(json!({})),
        ] {
            assert!(!same_policy(&one, &other), "{other}");
        }
        let resources =
            |list: Value| json!({ "Statement": { "Effect": "Allow", "Action": "a:b", "Resource": list } });
        assert!(!same_policy(&resources(json!("A")), &resources(json!("a"))));
    }

    #[test]
    fn lines_tell_the_difference() {
        let (one, two) = (json!({ "a": 1, "b": 2 }), json!({ "a": 1, "b": 3 }));
        assert_eq!(difference(&one, &two), ["  {", "    \"a\": 1,", "-   \"b\": 2", "+   \"b\": 3", "  }"]);
        assert!(difference(&one, &one).is_empty());
    }
}
