//! Condition operators by name: the comparison, its negation, `IfExists`, `ForAnyValue:` and `ForAllValues:`.
//!
//! Pure: a name in, a value out. What an operator does with values is in `compare.rs`, what it does with keys that are absent or
//! have several values in `condition.rs`. Names are read without regard to case, as IAM does it.

/// What an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Texts, exactly.
    StringEquals,
    /// Texts, without regard to case.
    StringEqualsIgnoreCase,
    /// Texts, with `*` and `?`.
    StringLike,
    /// Numbers, equal.
    NumericEquals,
    /// A smaller number.
    NumericLessThan,
    /// A smaller or the same number.
    NumericLessThanEquals,
    /// A larger number.
    NumericGreaterThan,
    /// A larger or the same number.
    NumericGreaterThanEquals,
    /// The same point in time.
    DateEquals,
    /// Earlier.
    DateLessThan,
    /// Earlier, or at the same time.
    DateLessThanEquals,
    /// Later.
    DateGreaterThan,
    /// Later, or at the same time.
    DateGreaterThanEquals,
    /// `true` or `false`.
    Bool,
    /// Bytes, in base64.
    BinaryEquals,
    /// An address within a range of addresses.
    IpAddress,
    /// ARNs, part by part, with `*` and `?`; `ArnEquals` and `ArnLike` are the same.
    Arn,
    /// Whether the key is absent.
    Null,
}

/// What an operator asks of a key with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// `ForAnyValue:`, at least one; false where there is none.
    ForAnyValue,
    /// `ForAllValues:`, every one; true where there is none.
    ForAllValues,
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// What it compares.
    pub comparison: Comparison,
    /// Whether it is the `Not` form, which holds where none of the values fits.
    pub negated: bool,
    /// Whether an absent key is as good as a fitting one.
    pub if_exists: bool,
    /// The word before the colon.
    pub quantifier: Option<Quantifier>,
}

const NAMES: [(&str, Comparison, bool); 27] = {
    use Comparison::*;
    [
        ("StringEquals", StringEquals, false),
        ("StringNotEquals", StringEquals, true),
        ("StringEqualsIgnoreCase", StringEqualsIgnoreCase, false),
        ("StringNotEqualsIgnoreCase", StringEqualsIgnoreCase, true),
        ("StringLike", StringLike, false),
        ("StringNotLike", StringLike, true),
        ("NumericEquals", NumericEquals, false),
        ("NumericNotEquals", NumericEquals, true),
        ("NumericLessThan", NumericLessThan, false),
        ("NumericLessThanEquals", NumericLessThanEquals, false),
        ("NumericGreaterThan", NumericGreaterThan, false),
        ("NumericGreaterThanEquals", NumericGreaterThanEquals, false),
        ("DateEquals", DateEquals, false),
        ("DateNotEquals", DateEquals, true),
        ("DateLessThan", DateLessThan, false),
        ("DateLessThanEquals", DateLessThanEquals, false),
        ("DateGreaterThan", DateGreaterThan, false),
        ("DateGreaterThanEquals", DateGreaterThanEquals, false),
        ("Bool", Bool, false),
        ("BinaryEquals", BinaryEquals, false),
        ("IpAddress", IpAddress, false),
        ("NotIpAddress", IpAddress, true),
        ("ArnEquals", Arn, false),
        ("ArnLike", Arn, false),
        ("ArnNotEquals", Arn, true),
        ("ArnNotLike", Arn, true),
        ("Null", Null, false),
    ]
};

impl Operator {
    /// Reads an operator as policies write it, such as `ForAnyValue:StringLikeIfExists`.
    ///
    /// Returns `None` for everything that IAM has no operator for, `NullIfExists` among it.
    pub fn parse(text: &str) -> Option<Self> {
        let (quantifier, name) = match text.split_once(':') {
            None => (None, text),
            Some((word, name)) if word.eq_ignore_ascii_case("ForAnyValue") => {
                (Some(Quantifier::ForAnyValue), name)
            }
            Some((word, name)) if word.eq_ignore_ascii_case("ForAllValues") => {
                (Some(Quantifier::ForAllValues), name)
            }
            Some(_) => return None,
        };
        let suffix = name.len().checked_sub("IfExists".len());
        let (name, if_exists) = match suffix.and_then(|at| Some((name.get(..at)?, name.get(at..)?))) {
            Some((name, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (name, true),
            _ => (name, false),
        };
        let (_, comparison, negated) = NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        let bare = if_exists || quantifier.is_some();
        if *comparison == Comparison::Null && bare {
            return None;
        }
        Some(Self { comparison: *comparison, negated: *negated, if_exists, quantifier })
    }

    /// Whether `${…}` in its values is a variable: in operators for texts and ARNs, nowhere else.
    pub fn takes_variables(self) -> bool {
        matches!(
            self.comparison,
            Comparison::StringEquals
                | Comparison::StringEqualsIgnoreCase
                | Comparison::StringLike
                | Comparison::Arn
        )
    }

    /// Whether `*` and `?` in its values stand for other characters.
    pub fn takes_wildcards(self) -> bool {
        matches!(self.comparison, Comparison::StringLike | Comparison::Arn)
    }
}

/// Every name of an operator, for suggestions.
pub fn operator_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_read() {
        let read = |text| Operator::parse(text).map(|o| (o.comparison, o.negated, o.if_exists, o.quantifier));
        use Comparison::*;
        for (text, expected) in [
            ("StringEquals", Some((StringEquals, false, false, None))),
            ("stringnotequalsifexists", Some((StringEquals, true, true, None))),
            ("ForAnyValue:StringLike", Some((StringLike, false, false, Some(Quantifier::ForAnyValue)))),
            ("forallvalues:ArnNotLikeIfExists", Some((Arn, true, true, Some(Quantifier::ForAllValues)))),
            ("NotIpAddress", Some((IpAddress, true, false, None))),
            ("Null", Some((Null, false, false, None))),
            ("NullIfExists", None),
            ("ForAnyValue:Null", None),
            ("ForSomeValue:StringLike", None),
            ("StringEqual", None),
            ("IfExists", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for name in operator_names() {
            assert!(Operator::parse(name).is_some(), "{name}");
        }
    }
}
