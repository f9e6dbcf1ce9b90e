//! Comparisons of one value of a request with one value of a policy.
//!
//! Pure. Values that are not of the operator's kind (a word where a number belongs) fit nothing; whether that is good or bad for the
//! statement is decided in `condition.rs`.

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, civil};

use super::operator::Comparison;
use super::pattern::{Case, Pattern, Resolved};

/// Whether the actual value is what the policy wants. [`Comparison::Null`] compares presence, not values, and is never asked here.
pub(super) fn fits(comparison: Comparison, wanted: &Resolved, actual: &str) -> bool {
    let text = wanted.text.as_str();
    match comparison {
        Comparison::StringEquals => text == actual,
        Comparison::StringEqualsIgnoreCase => wanted.pattern.matches(actual, Case::Ignored),
        Comparison::StringLike => wanted.pattern.matches(actual, Case::Matters),
        Comparison::NumericEquals => numbers(text, actual, Ordering::is_eq),
        Comparison::NumericLessThan => numbers(text, actual, Ordering::is_lt),
        Comparison::NumericLessThanEquals => numbers(text, actual, Ordering::is_le),
        Comparison::NumericGreaterThan => numbers(text, actual, Ordering::is_gt),
        Comparison::NumericGreaterThanEquals => numbers(text, actual, Ordering::is_ge),
        Comparison::DateEquals => times(text, actual, Ordering::is_eq),
        Comparison::DateLessThan => times(text, actual, Ordering::is_lt),
        Comparison::DateLessThanEquals => times(text, actual, Ordering::is_le),
        Comparison::DateGreaterThan => times(text, actual, Ordering::is_gt),
        Comparison::DateGreaterThanEquals => times(text, actual, Ordering::is_ge),
        Comparison::Bool => boolean(text).is_some_and(|wanted| boolean(actual) == Some(wanted)),
        Comparison::BinaryEquals => bytes(text).is_some_and(|wanted| bytes(actual) == Some(wanted)),
        Comparison::IpAddress => in_range(text, actual),
        Comparison::Arn => arns(&wanted.pattern, actual),
        Comparison::Null => false,
    }
}

/// Whether a value of a policy can fit anything at all under this comparison.
pub(super) fn is_of_its_kind(comparison: Comparison, text: &str) -> bool {
    match comparison {
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike => true,
        Comparison::NumericEquals
        | Comparison::NumericLessThan
        | Comparison::NumericLessThanEquals
        | Comparison::NumericGreaterThan
        | Comparison::NumericGreaterThanEquals => number(text).is_some(),
        Comparison::DateEquals
        | Comparison::DateLessThan
        | Comparison::DateLessThanEquals
        | Comparison::DateGreaterThan
        | Comparison::DateGreaterThanEquals => time(text).is_some(),
        Comparison::Bool | Comparison::Null => boolean(text).is_some(),
        Comparison::BinaryEquals => bytes(text).is_some(),
        Comparison::IpAddress => range(text).is_some(),
        Comparison::Arn => Pattern::wild(text).arn_parts().is_some(),
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `test` gets how the actual number stands to the wanted one.
fn numbers(wanted: &str, actual: &str, test: fn(Ordering) -> bool) -> bool {
    // Integers beyond what a float can tell apart are compared as integers.
    if let (Ok(wanted), Ok(actual)) = (wanted.parse::<i128>(), actual.parse::<i128>()) {
        return test(actual.cmp(&wanted));
    }
    let (Some(wanted), Some(actual)) = (number(wanted), number(actual)) else { return false };
    actual.partial_cmp(&wanted).is_some_and(test)
}

/// Reads a point in time: ISO 8601 with an offset, a date alone for its midnight in UTC, or seconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    // A date alone; what has a time of day but no offset is no point in time.
    let date: civil::Date = (text.len() == "2026-11-27".len()).then(|| text.parse().ok())??;
    format!("{date}T00:00:00Z").parse().ok()
}

fn times(wanted: &str, actual: &str, test: fn(Ordering) -> bool) -> bool {
    let (Some(wanted), Some(actual)) = (time(wanted), time(actual)) else { return false };
    test(actual.cmp(&wanted))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads an address, or a range of addresses as `ADDRESS/BITS`.
fn range(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
        None => most,
    };
    Some((address, bits))
}

fn in_range(wanted: &str, actual: &str) -> bool {
    let (Some((network, bits)), Ok(address)) = (range(wanted), actual.parse::<IpAddr>()) else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// Compares ARNs part by part: each of the six can have wildcards, and none of them reaches beyond its colon. A lone `*` has one
/// part, and fits no ARN.
fn arns(wanted: &Pattern, actual: &str) -> bool {
    let actual: Vec<&str> = actual.splitn(6, ':').collect();
    if actual.len() < 6 || actual[0] != "arn" {
        return false;
    }
    let parts = wanted.arn_parts();
    parts.is_some_and(|parts| {
        parts.iter().zip(&actual).all(|(part, actual)| part.matches(actual, Case::Matters))
    })
}

#[cfg(test)]
mod tests {
    use super::super::document::Version;
    use super::super::operator::Operator;
    use super::super::pattern::resolve;
    use super::super::request::Context;
    use super::*;

    fn holds(operator: &str, wanted: &str, actual: &str) -> bool {
        let operator = Operator::parse(operator).unwrap();
        let wild = operator.takes_wildcards();
        let wanted = resolve(wanted, Version::V2012, &Context::new(), wild).unwrap();
        fits(operator.comparison, &wanted, actual)
    }

    #[test]
    fn texts() {
        for (operator, wanted, actual, expected) in [
            ("StringEquals", "a*", "a*", true),
            ("StringEquals", "a*", "ab", false),
            ("StringEquals", "A", "a", false),
            ("StringEqualsIgnoreCase", "Ä?", "ä?", true),
            ("StringEqualsIgnoreCase", "a?", "ab", false),
            ("StringLike", "a?*", "ab", true),
            ("StringLike", "${*}x", "*x", true),
            ("StringLike", "${*}x", "ax", false),
            ("Bool", "true", "True", true),
            ("Bool", "false", "true", false),
            ("Bool", "yes", "yes", false),
            ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true),
            ("BinaryEquals", "QmluYXJ5", "QmluYXJ6", false),
            ("BinaryEquals", "*", "*", false),
        ] {
            assert_eq!(holds(operator, wanted, actual), expected, "{operator} {wanted} {actual}");
        }
    }

    #[test]
    fn numbers_and_times() {
        for (operator, wanted, actual, expected) in [
            ("NumericEquals", "10", "10.0", true),
            ("NumericEquals", "9007199254740993", "9007199254740992", false),
            ("NumericLessThan", "10", "9.5", true),
            ("NumericLessThan", "10", "10", false),
            ("NumericLessThanEquals", "10", "10", true),
            ("NumericGreaterThan", "10", "11", true),
            ("NumericGreaterThanEquals", "-1", "-1", true),
            ("NumericEquals", "ten", "ten", false),
            ("NumericEquals", "NaN", "NaN", false),
            ("DateEquals", "2026-11-27T10:00:00Z", "2026-11-27T12:00:00+02:00", true),
            ("DateEquals", "1795773600", "2026-11-27T10:00:00Z", true),
            ("DateGreaterThan", "2026-11-27", "2026-11-27T00:00:01Z", true),
            ("DateLessThan", "2026-11-27", "2026-11-27T00:00:00Z", false),
            ("DateLessThanEquals", "2026-11-27", "2026-11-27T00:00:00Z", true),
            ("DateGreaterThanEquals", "2026-11-28", "2026-11-27T00:00:00Z", false),
            ("DateLessThan", "tomorrow", "2026-11-27T00:00:00Z", false),
        ] {
            assert_eq!(holds(operator, wanted, actual), expected, "{operator} {wanted} {actual}");
        }
    }

    #[test]
    fn addresses() {
        for (wanted, actual, expected) in [
            ("203.0.113.0/24", "203.0.113.9", true),
            ("203.0.113.0/24", "203.0.114.9", false),
            ("203.0.113.7/24", "203.0.113.9", true),
            ("203.0.113.9", "203.0.113.9", true),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("203.0.113.0/33", "203.0.113.9", false),
            ("203.0.113.*", "203.0.113.9", false),
        ] {
            assert_eq!(holds("IpAddress", wanted, actual), expected, "{wanted} {actual}");
        }
    }

    #[test]
    fn arns_are_compared_part_by_part() {
        for (wanted, actual, expected) in [
            ("arn:aws:iam::1:role/*", "arn:aws:iam::1:role/a/b", true),
            ("arn:*:iam::*:role/R", "arn:aws:iam::1:role/R", true),
            ("arn:aws:s3:::*", "arn:aws:s3:::b/a:b", true),
            ("arn:aws:*", "arn:aws:s3:::b", false),
            ("arn:aws:sns:*:x", "arn:aws:sns:eu:1:x", false),
            ("*", "arn:aws:s3:::b", false),
            ("*", "b", false),
            ("arn:aws:iam::1:role/R", "arn:aws:iam::1:role/r", false),
        ] {
            assert_eq!(holds("ArnLike", wanted, actual), expected, "{wanted} {actual}");
            assert_eq!(holds("ArnEquals", wanted, actual), expected, "{wanted} {actual}");
        }
    }
}
