//! One line of `Condition` against a request: absent keys, keys with several values, negation.
//!
//! Pure. The rules, from the IAM User Guide ("Condition operators", "Set operators for multivalued context keys"):
//!
//! | the key is | operator | holds |
//! |---|---|---|
//! | absent | `…IfExists`, or a `Not…` without a quantifier, or `ForAllValues:` | yes |
//! | absent | everything else | no |
//! | one value | positive | if a value of the policy fits |
//! | one value | negated | if no value of the policy fits |
//! | several | `ForAnyValue:` | if that is so for at least one of them |
//! | several | `ForAllValues:` | if that is so for each of them |
//! | several | no quantifier | no |
//!
//! `Null` asks for the absence itself: `"true"` holds where the key is absent.

use super::compare;
use super::document::{Condition, Version};
use super::operator::{Comparison, Quantifier};
use super::pattern::{Resolved, resolve};
use super::request::{Context, Entry};
use super::trace::{ConditionTrace, Wanted, Why};

/// Evaluates a line.
pub(super) fn evaluate(line: &Condition, version: Version, context: &Context) -> ConditionTrace {
    let entry = context.entry(&line.key);
    let values: Vec<_> = line.values.iter().map(|written| value(line, written, version, context)).collect();
    let (holds, why) = match entry {
        _ if line.operator.comparison == Comparison::Null => (null(line, entry.is_none()), Why::Compared),
        None => (absent_holds(line), Why::Absent),
        Some(entry) if entry.several && line.operator.quantifier.is_none() => (false, Why::NeedsQuantifier),
        Some(entry) => (compared(line, &values, entry), Why::Compared),
    };
    let wanted = line.values.iter().zip(values).map(|(written, value)| Wanted {
        written: written.clone(),
        value: value.map(|resolved| resolved.text),
    });
    ConditionTrace {
        operator: line.operator,
        operator_text: line.operator_text.clone(),
        key: line.key.clone(),
        wanted: wanted.collect(),
        actual: entry.map(|entry| entry.values.clone()),
        absence: entry.is_none().then(|| context.absence(&line.key)),
        holds,
        why,
    }
}

/// A value with its variables put in; in operators that take none, `${…}` is text.
fn value(line: &Condition, written: &str, version: Version, context: &Context) -> Result<Resolved, String> {
    let version = if line.operator.takes_variables() { version } else { Version::V2008 };
    resolve(written, version, context, line.operator.takes_wildcards())
}

fn null(line: &Condition, absent: bool) -> bool {
    line.values.iter().any(|value| value.eq_ignore_ascii_case(if absent { "true" } else { "false" }))
}

fn absent_holds(line: &Condition) -> bool {
    let operator = line.operator;
    operator.if_exists
        || match operator.quantifier {
            Some(Quantifier::ForAllValues) => true,
            Some(Quantifier::ForAnyValue) => false,
            None => operator.negated,
        }
}

fn compared(line: &Condition, values: &[Result<Resolved, String>], entry: &Entry) -> bool {
    let operator = line.operator;
    let holds_for = |actual: &String| {
        let mut wanted = values.iter().filter_map(|value| value.as_ref().ok());
        wanted.any(|wanted| compare::fits(operator.comparison, wanted, actual)) != operator.negated
    };
    match operator.quantifier {
        // A set that has nothing but an empty text in it counts as empty.
        Some(Quantifier::ForAllValues) if entry.values.iter().all(String::is_empty) => true,
        Some(Quantifier::ForAllValues) => entry.values.iter().all(holds_for),
        Some(Quantifier::ForAnyValue) => entry.values.iter().any(holds_for),
        None => entry.values.iter().all(holds_for),
    }
}

#[cfg(test)]
mod tests {
    use super::super::operator::Operator;
    use super::super::request::Absence;
    use super::*;

    fn line(operator: &str, key: &str, values: &[&str]) -> Condition {
        Condition {
            operator: Operator::parse(operator).unwrap(),
            operator_text: operator.to_owned(),
            key: key.to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    fn request() -> Context {
        let mut context = Context::new();
        context.set("one", "a").set("number", "5").set_all("many", ["a", "b"]).set_all("empty", [""]);
        context
    }

    #[test]
    fn absent_keys_keys_with_one_and_with_several_values() {
        for (operator, key, values, expected) in [
            ("StringEquals", "ONE", &["x", "a"][..], true),
            ("StringEquals", "one", &["x"], false),
            ("StringNotEquals", "one", &["x", "y"], true),
            ("StringNotEquals", "one", &["x", "a"], false),
            ("StringEquals", "none", &["a"], false),
            ("StringNotEquals", "none", &["a"], true),
            ("StringEqualsIfExists", "none", &["a"], true),
            ("StringEqualsIfExists", "one", &["x"], false),
            ("StringNotEqualsIfExists", "one", &["a"], false),
            ("ForAnyValue:StringEquals", "many", &["b", "c"], true),
            ("ForAnyValue:StringEquals", "many", &["c"], false),
            ("ForAnyValue:StringEquals", "none", &["c"], false),
            ("ForAnyValue:StringEqualsIfExists", "none", &["c"], true),
            ("ForAnyValue:StringNotEquals", "many", &["a"], true),
            ("ForAnyValue:StringNotEquals", "many", &["a", "b"], false),
            ("ForAnyValue:StringNotEquals", "none", &["a"], false),
            ("ForAllValues:StringEquals", "many", &["a", "b", "c"], true),
            ("ForAllValues:StringEquals", "many", &["a"], false),
            ("ForAllValues:StringEquals", "none", &["a"], true),
            ("ForAllValues:StringEquals", "empty", &["a"], true),
            ("ForAllValues:StringNotEquals", "many", &["c"], true),
            ("ForAllValues:StringNotEquals", "many", &["a"], false),
            ("ForAnyValue:StringLike", "one", &["*"], true),
            ("StringEquals", "many", &["a", "b"], false),
            ("StringNotEquals", "many", &["c"], false),
            ("Null", "none", &["true"], true),
            ("Null", "one", &["true"], false),
            ("Null", "one", &["FALSE"], true),
            ("Null", "many", &["true", "false"], true),
            ("NumericNotEquals", "number", &["five"], true),
            ("NumericEquals", "number", &["${number}"], false),
            ("StringEquals", "one", &["${one}"], true),
            ("StringEquals", "one", &["${gone}"], false),
            ("StringNotEquals", "one", &["${gone}"], true),
            ("StringEquals", "one", &["${gone, 'a'}"], true),
            ("StringEquals", "one", &["${many}", "a"], true),
        ] {
            let trace = evaluate(&line(operator, key, values), Version::V2012, &request());
            assert_eq!(trace.holds, expected, "{operator} {key} {values:?}: {trace:?}");
        }
    }

    #[test]
    fn the_trace_says_what_was_compared() {
        let trace =
            evaluate(&line("StringEquals", "none", &["${one}", "${gone}"]), Version::V2012, &request());
        assert_eq!(trace.actual, None);
        assert_eq!(trace.absence, Some(Absence::NotInRequest));
        assert_eq!(trace.why, Why::Absent);
        assert_eq!(trace.wanted[0].value, Ok("a".into()));
        assert_eq!(trace.wanted[1].value, Err("gone".into()));
    }
}
