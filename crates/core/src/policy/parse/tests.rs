//! Documents as people write them, right and wrong.

use super::*;

const GOOD: &str = r#""Effect":"Allow","Action":"s3:*","Resource":"*""#;

fn one(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement}}}]}}"#)
}

#[test]
fn a_whole_document() {
    let text = r#"{"Version":"2012-10-17","Id":"x","Statement":{
        "Sid":"One","Effect":"Deny","NotPrincipal":{"AWS":["123456789012","*"],"Service":"ec2.amazonaws.com"},
        "NotAction":["s3:Get*","iam:PassRole"],"NotResource":"arn:aws:s3:::b/${aws:username}",
        "Condition":{"NumericLessThan":{"s3:max-keys":10},"Bool":{"aws:SecureTransport":[false,"true"]}}}}"#;
    let policy = Policy::parse(text, Kind::Resource).unwrap();
    assert_eq!(policy.version, Version::V2012);
    assert_eq!(policy.characters, text.chars().filter(|c| !c.is_whitespace()).count());
    assert_eq!(policy.place(0), "/Statement");
    let [statement] = policy.statements.as_slice() else { panic!() };
    assert_eq!(statement.effect, Effect::Deny);
    let principals = statement.principals.as_ref().unwrap();
    assert!(principals.negated);
    assert_eq!(
        principals.entries,
        [
            Principal::Aws("123456789012".into()),
            Principal::Everyone,
            Principal::Service("ec2.amazonaws.com".into())
        ]
    );
    assert_eq!(statement.actions.values, ["s3:Get*", "iam:PassRole"]);
    assert!(statement.actions.negated && statement.resources.as_ref().unwrap().negated);
    assert_eq!(statement.conditions[0].values, ["10"]);
    assert_eq!(statement.conditions[1].values, ["false", "true"]);
    assert_eq!(Policy::parse(r#"{"Statement":[]}"#, Kind::Identity).unwrap().version, Version::V2008);
}

#[test]
fn errors_name_the_place_the_value_and_what_iam_says() {
    let trust = r#""Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole""#;
    let identity = |more: &str| one(&format!("{GOOD}{more}"));
    for (kind, text, error, iam) in [
        (
            Kind::Identity,
            "{".to_owned(),
            "the text is no JSON from line 1, column 1 on",
            "This policy contains invalid Json",
        ),
        (
            Kind::Identity,
            "[]".to_owned(),
            "a list stands where an object belongs",
            "Syntax errors in policy.",
        ),
        (Kind::Identity, "{}".to_owned(), "Statement is missing", "Missing required field Statement"),
        (
            Kind::Identity,
            r#"{"Version":"2012-10-18","Statement":[]}"#.to_owned(),
            r#"/Version: "2012-10-18" is neither "2012-10-17" nor "2008-10-17""#,
            "The policy must contain a valid version string.",
        ),
        (
            Kind::Identity,
            r#"{"version":"2012-10-17","Statement":[]}"#.to_owned(),
            r#"there is no element "version""#,
            "Syntax errors in policy.",
        ),
        (
            Kind::Identity,
            one(r#""Effect":"allow","Action":"s3:*","Resource":"*""#),
            r#"/Statement/0/Effect: "allow" is neither "Allow" nor "Deny""#,
            "Syntax errors in policy.",
        ),
        (
            Kind::Identity,
            one(r#""Effect":"Allow","Action":"GetObject","Resource":"*""#),
            r#"/Statement/0/Action: "GetObject" is no action: it has to begin with a service and a colon, as "s3:GetObject" does"#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            Kind::Identity,
            one(r#""Effect":"Allow","Action":["s3:*",7],"Resource":"*""#),
            "/Statement/0/Action/1: a number 7 stands where a string belongs",
            "Syntax errors in policy.",
        ),
        (
            Kind::Identity,
            one(r#""Effect":"Allow","Action":"s3:*","Resource":["*","b/*"]"#),
            r#"/Statement/0/Resource/1: "b/*" is neither an ARN nor "*""#,
            r#"Resource b/* must be in ARN format or "*"."#,
        ),
        (
            Kind::Identity,
            one(r#""Effect":"Allow","Action":"s3:*""#),
            "/Statement/0: Resource is missing",
            "Policy statement must contain resources.",
        ),
        (
            Kind::Identity,
            one(r#""Effect":"Allow","Resource":"*""#),
            "/Statement/0: Action is missing",
            "Policy statement must contain actions.",
        ),
        (
            Kind::Identity,
            one(r#""Action":"s3:*","Resource":"*""#),
            "/Statement/0: Effect is missing",
            "Missing required field Effect",
        ),
        (
            Kind::Identity,
            identity(r#","NotAction":"s3:*""#),
            "/Statement/0: Action and NotAction exclude each other",
            "Syntax errors in policy.",
        ),
        (
            Kind::Identity,
            identity(r#","Principal":"*""#),
            "/Statement/0: Principal must not stand in a permission policy",
            "Policy document should not specify a principal.",
        ),
        (
            Kind::Identity,
            identity(r#","Condition":{"StringEqual":{"aws:x":"1"}}"#),
            r#"/Statement/0/Condition: "StringEqual" is no condition operator"#,
            "Invalid Condition type : StringEqual",
        ),
        (
            Kind::Identity,
            identity(r#","Condition":{"StringEquals":{"username":"1"}}"#),
            r#"/Statement/0/Condition/StringEquals/username: "username" is no condition key: it has to begin with a service or a provider and a colon"#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            Kind::Identity,
            identity(r#","Condition":{"StringEquals":{"a/b:c":{}}}"#),
            "/Statement/0/Condition/StringEquals/a~1b:c: an object stands where a string, a number, a boolean or a list of them belongs",
            "Syntax errors in policy.",
        ),
        (
            Kind::Identity,
            identity(r#","Condition":{"Bool":{},"Bool":{}}"#),
            r#"/Statement/0/Condition: "Bool" stands twice"#,
            "Syntax errors in policy.",
        ),
        (
            Kind::Identity,
            identity(r#","Conditions":{}"#),
            r#"/Statement/0: there is no element "Conditions""#,
            "Syntax errors in policy.",
        ),
        (
            Kind::Identity,
            identity(r#","Sid":"with space""#),
            r#"/Statement/0/Sid: "with space" has other characters than letters and digits"#,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (
            Kind::Identity,
            format!(r#"{{"Statement":[{{"Sid":"A",{GOOD}}},{{"Sid":"A",{GOOD}}}]}}"#),
            r#"/Statement/1/Sid: "A" is the Sid of another statement as well"#,
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (
            Kind::Trust,
            one(&format!(r#"{trust},"Resource":"*""#)),
            "/Statement/0: Resource must not stand in a trust policy",
            "Has prohibited field Resource",
        ),
        (
            Kind::Trust,
            one(r#""Effect":"Allow","Action":"sts:AssumeRole""#),
            "/Statement/0: Principal is missing",
            "Missing required field Principal",
        ),
        (
            Kind::Trust,
            one(r#""Effect":"Allow","Principal":"ann","Action":"sts:AssumeRole""#),
            r#"/Statement/0/Principal: "ann" is no principal"#,
            r#"Invalid principal in policy: "ann""#,
        ),
        (
            Kind::Trust,
            one(r#""Effect":"Allow","Principal":{"AWS":"ann"},"Action":"sts:AssumeRole""#),
            r#"/Statement/0/Principal/AWS: "ann" is no principal"#,
            r#"Invalid principal in policy: "ann""#,
        ),
        (
            Kind::Trust,
            one(r#""Effect":"Allow","Principal":{"Aws":"*"},"Action":"sts:AssumeRole""#),
            r#"/Statement/0/Principal: "Aws" is no kind of principal: AWS, Federated, Service or CanonicalUser"#,
            "Syntax errors in policy.",
        ),
    ] {
        let found = Policy::parse(&text, kind).unwrap_err();
        assert_eq!((found.to_string().as_str(), found.iam_message().as_str()), (error, iam), "{text}");
    }
    assert!(Policy::parse(&one(trust), Kind::Trust).is_ok());
    assert!(Policy::parse(&identity(r#","Sid":"""#), Kind::Identity).is_ok());
}

#[test]
fn a_sid_of_a_bucket_policy_may_have_spaces() {
    let text = one(&format!(r#"{GOOD},"Principal":"*","Sid":"with space""#));
    assert!(Policy::parse(&text, Kind::Resource).is_ok());
    assert!(Policy::parse(&text, Kind::Rcp).is_err());
}

#[test]
fn the_kind_is_guessed() {
    for (text, kind) in [
        (one(GOOD), Kind::Identity),
        (one(&format!(r#"{GOOD},"Principal":"*""#)), Kind::Resource),
        (
            one(
                r#""Principal":{"Federated":"x"},"Action":["sts:AssumeRoleWithWebIdentity","STS:TagSession"]"#,
            ),
            Kind::Trust,
        ),
        ("{}".to_owned(), Kind::Identity),
    ] {
        assert_eq!(Policy::guess_kind(&text), Ok(kind), "{text}");
    }
    assert!(Policy::guess_kind("x").is_err());
}
