//! Tables of decisions: what IAM would say to one request under one policy.

use super::*;
use proptest::prelude::*;

fn context(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    pairs
        .iter()
        .map(|(key, values)| {
            (key.to_ascii_lowercase(), values.iter().map(|value| (*value).to_owned()).collect())
        })
        .collect()
}

fn ask(statements: &str, action: &str, resource: &str, pairs: &[(&str, &[&str])]) -> Decision {
    let document =
        Document::permission(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap();
    let context = context(pairs);
    decide([&document], &Request { action, resource, asker: Asker::Unnamed, context: &context })
}

#[test]
fn actions_and_resources_select() {
    let read = r#"{"Effect":"Allow","Action":["s3:Get*","s3:ListBucket"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/a/*"]}"#;
    let cases = [
        ("s3:GetObject", "arn:aws:s3:::b/a/x", Decision::Allow),
        ("S3:getobject", "arn:aws:s3:::b/a/x/y", Decision::Allow),
        ("s3:GetObject", "arn:aws:s3:::b/c", Decision::Silent),
        ("s3:PutObject", "arn:aws:s3:::b/a/x", Decision::Silent),
        ("s3:ListBucket", "arn:aws:s3:::b", Decision::Allow),
        ("s3:ListBucket", "arn:aws:s3:::B", Decision::Silent),
    ];
    for (action, resource, decision) in cases {
        assert_eq!(ask(read, action, resource, &[]), decision, "{action} on {resource}");
    }
}

#[test]
fn deny_wins_and_negations_select_the_rest() {
    let both = r#"{"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","NotAction":["s3:Get*","s3:List*"],"NotResource":"arn:aws:s3:::scratch/*"}"#;
    assert_eq!(ask(both, "s3:GetObject", "arn:aws:s3:::b/k", &[]), Decision::Allow);
    assert_eq!(ask(both, "s3:PutObject", "arn:aws:s3:::b/k", &[]), Decision::Deny);
    assert_eq!(ask(both, "s3:PutObject", "arn:aws:s3:::scratch/k", &[]), Decision::Allow);
}

#[test]
fn operators() {
    // operator, wanted, actual, holds
    let cases: [(&str, &str, Option<&[&str]>, bool); 44] = [
        ("StringEquals", r#""a""#, Some(&["a"]), true),
        ("StringEquals", r#""a""#, Some(&["A"]), false),
        ("StringEquals", r#"["b","a"]"#, Some(&["a"]), true),
        ("StringEquals", r#""a*""#, Some(&["ab"]), false),
        ("StringEquals", r#""a""#, None, false),
        ("StringEqualsIfExists", r#""a""#, None, true),
        ("StringEqualsIfExists", r#""a""#, Some(&["b"]), false),
        ("StringNotEquals", r#""a""#, Some(&["b"]), true),
        ("StringNotEquals", r#""a""#, Some(&["a"]), false),
        ("StringNotEquals", r#""a""#, None, true),
        ("StringEqualsIgnoreCase", r#""a""#, Some(&["A"]), true),
        ("StringNotEqualsIgnoreCase", r#""a""#, Some(&["A"]), false),
        ("StringLike", r#""re*ts/?""#, Some(&["reports/1"]), true),
        ("StringLike", r#""re*ts/?""#, Some(&["reports/12"]), false),
        ("StringNotLike", r#""x*""#, Some(&["xy"]), false),
        ("Bool", r#""true""#, Some(&["true"]), true),
        ("Bool", "true", Some(&["true"]), true),
        ("Bool", r#""true""#, Some(&["false"]), false),
        ("Bool", r#""true""#, None, false),
        ("BoolIfExists", r#""true""#, None, true),
        ("Null", r#""true""#, None, true),
        ("Null", r#""false""#, None, false),
        ("Null", r#""false""#, Some(&["x"]), true),
        ("NumericLessThanEquals", r#""10""#, Some(&["10"]), true),
        ("NumericLessThan", r#""10""#, Some(&["10"]), false),
        ("NumericGreaterThan", "5", Some(&["10"]), true),
        ("NumericNotEquals", "5", Some(&["10"]), true),
        ("NumericEquals", "5", Some(&["five"]), false),
        ("DateGreaterThan", r#""2026-01-01T00:00:00Z""#, Some(&["2026-06-01T00:00:00Z"]), true),
        ("DateLessThan", r#""2026-01-01""#, Some(&["2026-06-01T00:00:00Z"]), false),
        ("DateLessThan", r#""1900000000""#, Some(&["2026-06-01T00:00:00Z"]), true),
        ("IpAddress", r#""127.0.0.0/8""#, Some(&["127.0.0.1"]), true),
        ("IpAddress", r#""10.0.0.0/8""#, Some(&["127.0.0.1"]), false),
        ("IpAddress", r#""127.0.0.1""#, Some(&["127.0.0.1"]), true),
        ("IpAddress", r#""::/0""#, Some(&["::1"]), true),
        ("NotIpAddress", r#""10.0.0.0/8""#, Some(&["127.0.0.1"]), true),
        ("ForAnyValue:StringEquals", r#""mfa""#, Some(&["pwd", "mfa"]), true),
        ("ForAnyValue:StringEquals", r#""mfa""#, Some(&["pwd"]), false),
        ("ForAnyValue:StringEquals", r#""mfa""#, None, false),
        ("ForAllValues:StringEquals", r#"["pwd","mfa"]"#, Some(&["pwd", "mfa"]), true),
        ("ForAllValues:StringEquals", r#""mfa""#, Some(&["pwd", "mfa"]), false),
        ("ForAllValues:StringEquals", r#""mfa""#, None, true),
        ("ForAnyValue:StringNotEquals", r#""mfa""#, Some(&["pwd", "mfa"]), true),
        ("ArnLike", r#""arn:aws:iam::*:role/*""#, Some(&["arn:aws:iam::1:role/x"]), true),
    ];
    for (operator, wanted, actual, holds) in cases {
        let statement = format!(
            r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"{operator}":{{"test:Key":{wanted}}}}}}}"#
        );
        let pairs: Vec<(&str, &[&str])> = actual.map(|values| ("TEST:key", values)).into_iter().collect();
        let expected = if holds { Decision::Allow } else { Decision::Silent };
        assert_eq!(
            ask(&statement, "s3:GetObject", "r", &pairs),
            expected,
            "{operator} {wanted} over {actual:?}"
        );
    }
}

#[test]
fn all_conditions_of_a_statement_must_hold() {
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
        "StringEquals":{"a:x":"1","a:y":"2"},"Bool":{"a:z":"true"}}}"#;
    assert_eq!(
        ask(statement, "x:y", "r", &[("a:x", &["1"]), ("a:y", &["2"]), ("a:z", &["true"])]),
        Decision::Allow
    );
    assert_eq!(ask(statement, "x:y", "r", &[("a:x", &["1"]), ("a:y", &["2"])]), Decision::Silent);
}

#[test]
fn variables_are_replaced_and_stay_literal() {
    let home = r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${p:sub}/*"}"#;
    assert_eq!(
        ask(home, "s3:GetObject", "arn:aws:s3:::b/alice/x", &[("p:sub", &["alice"])]),
        Decision::Allow
    );
    assert_eq!(ask(home, "s3:GetObject", "arn:aws:s3:::b/bob/x", &[("p:sub", &["alice"])]), Decision::Silent);
    assert_eq!(ask(home, "s3:GetObject", "arn:aws:s3:::b/bob/x", &[]), Decision::Silent);
    assert_eq!(ask(home, "s3:GetObject", "arn:aws:s3:::b/bob/x", &[("p:sub", &["*"])]), Decision::Silent);
    let default = r#"{"Effect":"Allow","Action":"*","Resource":"b/${p:team, 'all'}/${*}"}"#;
    assert_eq!(ask(default, "s3:GetObject", "b/all/*", &[]), Decision::Allow);
    assert_eq!(ask(default, "s3:GetObject", "b/all/x", &[]), Decision::Silent);
    let named = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"sts:RoleSessionName":"${p:email}"}}}"#;
    let pairs: [(&str, &[&str]); 2] = [("sts:RoleSessionName", &["a@b"]), ("p:email", &["a@b"])];
    assert_eq!(ask(named, "x:y", "r", &pairs), Decision::Allow);
}

#[test]
fn principals_of_trust_policies() {
    let trust = |principal: &str| {
        Document::trust(&format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{principal}}}}}"#
        ))
        .unwrap()
    };
    let empty = BTreeMap::new();
    let ask = |principal: &str, asker| {
        let request =
            Request { action: "sts:AssumeRoleWithWebIdentity", resource: "", asker, context: &empty };
        decide([&trust(principal)], &request)
    };
    assert_eq!(ask(r#"{"Federated":"arn:p"}"#, Asker::Federated("arn:p")), Decision::Allow);
    assert_eq!(ask(r#"{"Federated":"arn:p/"}"#, Asker::Federated("arn:p")), Decision::Silent);
    assert_eq!(ask(r#"{"AWS":"*"}"#, Asker::Federated("arn:p")), Decision::Silent);
    let arns = ["arn:role".to_owned()];
    assert_eq!(ask(r#"{"AWS":["arn:other","arn:role"]}"#, Asker::Aws(&arns)), Decision::Allow);
    assert_eq!(ask(r#"{"Federated":"arn:role"}"#, Asker::Aws(&arns)), Decision::Silent);
}

proptest! {
    #[test]
    fn a_text_matches_itself_and_a_star(text in "[a-z/:]{0,20}", head in "[a-z/]{0,5}", tail in "[a-z/]{0,5}") {
        prop_assert!(matches_pattern(&text, &text));
        let whole = format!("{head}{text}{tail}");
        let pattern = format!("{head}*{tail}");
        prop_assert!(matches_pattern(&pattern, &whole));
    }

    #[test]
    fn a_substituted_value_matches_only_itself(value in "[a-z*?]{1,8}", other in "[a-z*?]{1,8}") {
        let context = context(&[("k:v", &[&value])]);
        let request = Request { action: "", resource: "", asker: Asker::Unnamed, context: &context };
        let pattern = request.substitute("${k:v}").unwrap();
        prop_assert_eq!(matches_pattern(&pattern, &other), value == other);
    }
}
