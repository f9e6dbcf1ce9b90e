//! Condition operators, with IAM's rules for missing keys, several values, `IfExists` and the set prefixes.

use std::net::IpAddr;

use jiff::Timestamp;

use super::document::Condition;
use super::evaluate::{Request, matches_pattern};

/// An operator name taken apart.
struct Operator<'a> {
    base: &'a str,
    set: Option<Set>,
    if_exists: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    All,
    Any,
}

const BASES: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnNotEquals",
    "ArnLike",
    "ArnNotLike",
    "Null",
];

impl<'a> Operator<'a> {
    fn parse(name: &'a str) -> Operator<'a> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Set::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
            _ => (None, name),
        };
        match rest.strip_suffix("IfExists") {
            Some(base) => Operator { base, set, if_exists: true },
            None => Operator { base: rest, set, if_exists: false },
        }
    }
}

/// Whether IAM knows an operator of that name.
pub(crate) fn is_operator(name: &str) -> bool {
    BASES.contains(&Operator::parse(name).base)
}

/// Whether a condition holds for a request.
pub(super) fn holds(condition: &Condition, request: &Request<'_>, variables: bool) -> bool {
    let operator = Operator::parse(&condition.operator);
    let present = request.values(&condition.key);
    if operator.base == "Null" {
        return condition.values.iter().any(|value| value.eq_ignore_ascii_case("true") == present.is_none());
    }
    let (base, negated) = positive(operator.base);
    let Some(present) = present else {
        return match operator.set {
            Some(Set::All) => true,
            Some(Set::Any) => operator.if_exists,
            None => operator.if_exists || negated,
        };
    };
    // A variable without a value matches nothing.
    let wanted: Vec<String> = condition
        .values
        .iter()
        .filter_map(|value| if variables { request.substitute(value) } else { Some(value.clone()) })
        .collect();
    let one = |value: &String| wanted.iter().any(|wanted| compare(base, value, wanted, variables)) != negated;
    match operator.set {
        Some(Set::All) => present.iter().all(one),
        Some(Set::Any) => present.iter().any(one),
        None if negated => present.iter().all(one),
        None => present.iter().any(one),
    }
}

/// The positive operator behind a negative one.
fn positive(base: &str) -> (&str, bool) {
    match base {
        "StringNotEquals" => ("StringEquals", true),
        "StringNotEqualsIgnoreCase" => ("StringEqualsIgnoreCase", true),
        "StringNotLike" => ("StringLike", true),
        "NumericNotEquals" => ("NumericEquals", true),
        "DateNotEquals" => ("DateEquals", true),
        "NotIpAddress" => ("IpAddress", true),
        "ArnNotEquals" | "ArnNotLike" => ("ArnLike", true),
        other => (other, false),
    }
}

fn compare(base: &str, value: &str, wanted: &str, escaped: bool) -> bool {
    let literal = || if escaped { unescape(wanted) } else { wanted.to_owned() };
    match base {
        "StringEquals" | "BinaryEquals" => value == literal(),
        "StringEqualsIgnoreCase" => value.eq_ignore_ascii_case(&literal()),
        "StringLike" | "ArnLike" | "ArnEquals" => matches_pattern(wanted, value),
        "Bool" => value.eq_ignore_ascii_case(wanted),
        "IpAddress" => in_network(value, wanted),
        numeric if numeric.starts_with("Numeric") => match (value.parse::<f64>(), wanted.parse::<f64>()) {
            (Ok(value), Ok(wanted)) => ordered(&numeric["Numeric".len()..], value.partial_cmp(&wanted)),
            _ => false,
        },
        date if date.starts_with("Date") => match (moment(value), moment(wanted)) {
            (Some(value), Some(wanted)) => ordered(&date["Date".len()..], Some(value.cmp(&wanted))),
            _ => false,
        },
        _ => false,
    }
}

/// Substitution leaves `*`, `?` and `$` that were meant literally behind a marker for patterns.
fn unescape(text: &str) -> String {
    text.replace(super::evaluate::LITERAL, "")
}

fn ordered(relation: &str, ordering: Option<std::cmp::Ordering>) -> bool {
    ordering.is_some_and(|ordering| match relation {
        "Equals" => ordering.is_eq(),
        "LessThan" => ordering.is_lt(),
        "LessThanEquals" => ordering.is_le(),
        "GreaterThan" => ordering.is_gt(),
        "GreaterThanEquals" => ordering.is_ge(),
        _ => false,
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

fn in_network(address: &str, network: &str) -> bool {
    let (base, bits) =
        network.split_once('/').map_or((network, None), |(base, bits)| (base, bits.parse::<u32>().ok()));
    match (address.parse(), base.parse()) {
        (Ok(IpAddr::V4(address)), Ok(IpAddr::V4(base))) => {
            let shift = 32 - bits.unwrap_or(32).min(32);
            u32::from(address).checked_shr(shift).unwrap_or(0)
                == u32::from(base).checked_shr(shift).unwrap_or(0)
        }
        (Ok(IpAddr::V6(address)), Ok(IpAddr::V6(base))) => {
            let shift = 128 - bits.unwrap_or(128).min(128);
            u128::from(address).checked_shr(shift).unwrap_or(0)
                == u128::from(base).checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}
