//! Policies put together by a generator from the pieces that the tables are made of; the same ones in every run.
//!
//! Left out is what the tables list as different: variables that may have no value under a negated operator, `IfExists` behind `ForAnyValue:`,
//! and a resource policy that names the session beside a session policy.

use serde_json::{Map, Value};

use super::oracle::{ACCOUNT, Case, SESSION, policy};

/// How many.
const COUNT: usize = 600;

/// A small generator of numbers (SplitMix64): what it gives depends on nothing but its seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a small bound")
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn yes(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

const ACTIONS: &[&str] =
    &["s3:GetObject", "s3:PutObject", "s3:Get*", "s3:*", "*", "s3:?etObject", "iam:*", "S3:getobject"];
const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:s3:::bucket/*",
    "arn:aws:s3:::bucket/key",
    "arn:aws:s3:::bucket",
    "arn:aws:s3:::b*/k?y",
    "arn:aws:s3:::other/*",
    "arn:aws:s3:::bucket/${aws:PrincipalTag/team}",
    "arn:aws:s3:::bucket/${aws:PrincipalTag/none, 'key'}",
    "arn:aws:s3:::*/${aws:PrincipalTag/team}*",
];
const QUANTIFIERS: &[&str] = &["", "", "ForAnyValue:", "ForAllValues:"];
const TEXT_OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
];
const TEXT_VALUES: &[&str] =
    &["key", "KEY", "k*", "other", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/none}", "?ey", "*"];
/// Keys that requests have or do not have: with one value, with several, never.
const KEYS: &[&str] =
    &["aws:PrincipalTag/team", "aws:PrincipalTag/role", "aws:PrincipalOrgPaths", "aws:PrincipalTag/none"];
/// Operators of other kinds, each with a key and values of its kind.
const OTHERS: &[(&str, &str, &[&str])] = &[
    ("NumericLessThan", "aws:MultiFactorAuthAge", &["100", "300"]),
    ("NumericEquals", "aws:MultiFactorAuthAge", &["200", "300"]),
    ("NumericNotEquals", "aws:MultiFactorAuthAge", &["200", "300"]),
    ("DateGreaterThan", "aws:CurrentTime", &["2026-11-27T09:00:00Z", "2026-11-27T11:00:00Z"]),
    ("DateLessThanEquals", "aws:CurrentTime", &["2026-11-27T10:00:00Z", "2026-01-01T00:00:00Z"]),
    ("IpAddress", "aws:SourceIp", &["203.0.113.0/24", "10.0.0.0/8"]),
    ("NotIpAddress", "aws:SourceIp", &["203.0.113.0/24", "10.0.0.0/8"]),
    ("Bool", "aws:SecureTransport", &["true", "false"]),
    ("Null", "aws:PrincipalTag/role", &["true", "false"]),
    ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::111111111111:role/*", "arn:aws:iam::*:user/*"]),
    ("ArnNotEquals", "aws:PrincipalArn", &["arn:aws:iam::111111111111:role/*", "arn:aws:iam::*:user/*"]),
];

fn condition(chance: &mut Chance) -> String {
    if chance.yes(3) {
        let (operator, key, values) = OTHERS[chance.below(OTHERS.len())];
        let if_exists = if operator != "Null" && chance.yes(4) { "IfExists" } else { "" };
        return format!(r#""{operator}{if_exists}":{{"{key}":"{}"}}"#, chance.one(values));
    }
    let (quantifier, operator) = (chance.one(QUANTIFIERS), chance.one(TEXT_OPERATORS));
    let if_exists = if quantifier != "ForAnyValue:" && chance.yes(4) { "IfExists" } else { "" };
    let key = chance.one(KEYS);
    let values: Vec<String> = (0..=chance.below(3))
        .map(|_| chance.one(TEXT_VALUES))
        .filter(|value| !operator.contains("Not") || !value.contains("${"))
        .map(|value| format!("\"{value}\""))
        .collect();
    if values.is_empty() {
        return format!(r#""StringLike":{{"{key}":"*"}}"#);
    }
    format!(r#""{quantifier}{operator}{if_exists}":{{"{key}":[{}]}}"#, values.join(","))
}

/// Whom a statement names, where it names anybody.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Nobody,
    All,
    /// All but those that session policies do not limit.
    AllButTheSession,
}

fn statement(chance: &mut Chance, names: Names, deny_in: usize) -> String {
    let effect = if chance.yes(deny_in) { "Deny" } else { "Allow" };
    let principals = [
        r#"{"AWS":"111111111111"}"#,
        r#"{"AWS":"arn:aws:iam::111111111111:role/Reader"}"#,
        r#"{"AWS":"arn:aws:iam::222222222222:role/Reader"}"#,
        r#""*""#,
        r#"{"AWS":"arn:aws:sts::111111111111:assumed-role/Reader/ann"}"#,
    ];
    let principals = if names == Names::All { &principals[..] } else { &principals[..3] };
    let principal = match names {
        Names::Nobody => String::new(),
        _ => format!(r#""Principal":{},"#, chance.one(principals)),
    };
    let action = if chance.yes(6) { "NotAction" } else { "Action" };
    let resource = if chance.yes(6) { "NotResource" } else { "Resource" };
    let actions: Vec<String> =
        (0..=chance.below(2)).map(|_| format!("\"{}\"", chance.one(ACTIONS))).collect();
    let resources: Vec<String> =
        (0..=chance.below(2)).map(|_| format!("\"{}\"", chance.one(RESOURCES))).collect();
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..chance.below(3) {
        let line = condition(chance);
        // No operator twice: that would be no JSON.
        if !lines.iter().any(|other| other.split(':').next() == line.split(':').next()) {
            lines.push(line);
        }
    }
    format!(
        r#"{{"Effect":"{effect}",{principal}"{action}":[{}],"{resource}":[{}],"Condition":{{{}}}}}"#,
        actions.join(","),
        resources.join(","),
        lines.join(",")
    )
}

fn document(chance: &mut Chance, names: Names, deny_in: usize) -> Value {
    let statements: Vec<String> = (0..=chance.below(3)).map(|_| statement(chance, names, deny_in)).collect();
    policy(&statements.join(","))
}

fn context(chance: &mut Chance) -> Map<String, Value> {
    let mut context = Map::new();
    let mut set = |key: &str, value: Value| context.insert(key.to_owned(), value);
    set("aws:PrincipalArn", "arn:aws:iam::111111111111:role/Reader".into());
    set("aws:CurrentTime", "2026-11-27T10:00:00Z".into());
    set("aws:SourceIp", chance.one(&["203.0.113.9", "10.2.3.4"]).into());
    set("aws:SecureTransport", chance.one(&["true", "false"]).into());
    if chance.yes(2) {
        set("aws:PrincipalTag/team", chance.one(&["key", "Key", "other"]).into());
    }
    if chance.yes(2) {
        set("aws:PrincipalTag/role", chance.one(&["key", "k*"]).into());
    }
    if chance.yes(2) {
        set("aws:MultiFactorAuthAge", "200".into());
    }
    if chance.yes(2) {
        let lists: [&[&str]; 3] = [&["key", "other"], &["key"], &["KEY", "koala"]];
        set("aws:PrincipalOrgPaths", lists[chance.below(3)].iter().map(|&text| Value::from(text)).collect());
    }
    context
}

pub(crate) fn cases() -> Vec<Case> {
    let mut chance = Chance(2026);
    (0..COUNT).map(|index| case(&mut chance, index)).collect()
}

fn case(chance: &mut Chance, index: usize) -> Case {
    let mut case = Case::new(format!("generated {index}"));
    case.principal = SESSION.to_owned();
    case.action = chance.one(&["s3:GetObject", "s3:PutObject"]).to_owned();
    case.resource = chance.one(&["arn:aws:s3:::bucket/key", "arn:aws:s3:::bucket/other/a:b"]).to_owned();
    case.context = context(chance);
    case.identity = (0..=chance.below(2)).map(|_| document(chance, Names::Nobody, 5)).collect();
    let narrowed = chance.yes(3);
    if chance.yes(3) {
        let names = if narrowed { Names::AllButTheSession } else { Names::All };
        case.resource_policy = Some(document(chance, names, 5));
        case.resource_account = chance.one(&[ACCOUNT, ACCOUNT, "333333333333"]).to_owned();
    }
    if narrowed {
        case.session = Some(document(chance, Names::Nobody, 8));
    }
    if chance.yes(4) {
        case.boundary = Some(document(chance, Names::Nobody, 8));
    }
    if chance.yes(4) {
        case.scps = (0..=chance.below(2)).map(|_| vec![document(chance, Names::Nobody, 8)]).collect();
    }
    case
}
