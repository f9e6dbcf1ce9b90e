//! One policy: actions, resources and variables in them, and statements beside each other.

use super::oracle::{Case, policy};

/// Statement, context, decision, and why the other evaluator says something else.
type Row = (&'static str, &'static str, &'static str, Option<&'static str>);

/// About `s3:GetObject` on `arn:aws:s3:::bucket/key`.
const ROWS: &[Row] = &[
    // Actions.
    (r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"S3:GETOBJECT","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:*Object","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:Get?bject","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:GetObject?","Resource":"*"}"#, "{}", "implicit_deny", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:GetObjectAcl","Resource":"*"}"#, "{}", "implicit_deny", None),
    (r#"{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"*"}"#, "{}", "allow", None),
    (
        r#"{"Effect":"Allow","Action":["s3:PutObject","s3:List*"],"Resource":"*"}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    (r#"{"Effect":"Allow","Action":"iam:*","Resource":"*"}"#, "{}", "implicit_deny", None),
    (r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","NotAction":"s3:Put*","Resource":"*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","NotAction":"s3:get*","Resource":"*"}"#, "{}", "implicit_deny", None),
    (
        r#"{"Effect":"Allow","NotAction":["iam:*","s3:GetObject"],"Resource":"*"}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    // Resources.
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/key"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::buck?t/k*y"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::*/key"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket"}"#, "{}", "implicit_deny", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/"}"#, "{}", "implicit_deny", None),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::Bucket/key"}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/Key"}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::other/*"}"#, "{}", "implicit_deny", None),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::other/*","arn:aws:s3:::bucket/*"]}"#,
        "{}",
        "allow",
        None,
    ),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:*:s3:::bucket/*"}"#, "{}", "allow", None),
    (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:*:*:bucket/*"}"#, "{}", "allow", None),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws-cn:s3:::bucket/*"}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    (r#"{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::other/*"}"#, "{}", "allow", None),
    (
        r#"{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::bucket/*"}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","NotResource":["arn:aws:s3:::other/*","arn:aws:s3:::buc*"]}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    // Variables in resources.
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:y}"}"#,
        r#"{"aws:y":"key"}"#,
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${AWS:Y}"}"#,
        r#"{"aws:y":"key"}"#,
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:y}"}"#,
        r#"{"aws:y":"k*"}"#,
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:y}"}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::bucket/${aws:y}","arn:aws:s3:::bucket/*"]}"#,
        "{}",
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:y, 'key'}"}"#,
        "{}",
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:y, 'key'}"}"#,
        r#"{"aws:y":"other"}"#,
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:y}/key"}"#,
        r#"{"aws:y":"bucket"}"#,
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:m}"}"#,
        r#"{"aws:m":["key","other"]}"#,
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:PrincipalTag/team}"}"#,
        r#"{"aws:PrincipalTag/team":"key"}"#,
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${login.example/t/v2.0:sub}"}"#,
        r#"{"login.example/t/v2.0:sub":"key"}"#,
        "allow",
        None,
    ),
    // Statements beside each other.
    (r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#, "{}", "explicit_deny", None),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}"#,
        "{}",
        "explicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Deny","Action":"s3:Get*","Resource":"arn:aws:s3:::bucket/*"},{"Effect":"Allow","Action":"*","Resource":"*"}"#,
        "{}",
        "explicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}"#,
        "{}",
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::other/*"}"#,
        "{}",
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"}"#,
        "{}",
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","NotAction":"s3:Put*","Resource":"*"}"#,
        "{}",
        "explicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::bucket/*"}"#,
        "{}",
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::other/*"}"#,
        "{}",
        "explicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::bucket/${aws:y}"}"#,
        "{}",
        "allow",
        None,
    ),
    // Lines of a condition: all of them.
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":"1","aws:y":"2"}}}"#,
        r#"{"aws:x":"1","aws:y":"2"}"#,
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":"1","aws:y":"2"}}}"#,
        r#"{"aws:x":"1","aws:y":"3"}"#,
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":"1"},"Bool":{"aws:b":"true"}}}"#,
        r#"{"aws:x":"1","aws:b":"true"}"#,
        "allow",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":"1"},"Bool":{"aws:b":"true"}}}"#,
        r#"{"aws:x":"1"}"#,
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"aws:m":"false"},"ForAllValues:StringEquals":{"aws:m":["a"]}}}"#,
        "{}",
        "implicit_deny",
        None,
    ),
    (
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"aws:m":"false"},"ForAllValues:StringEquals":{"aws:m":["a"]}}}"#,
        r#"{"aws:m":["a"]}"#,
        "allow",
        None,
    ),
    (r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}"#, "{}", "allow", None),
];

/// The pattern of a resource, the resource, whether it fits, and why the other evaluator says something else.
const RESOURCES: &[(&str, &str, bool, Option<&str>)] = &[
    ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b/c", true, None),
    ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a:b", true, None),
    ("arn:aws:s3:::bucket/*/c", "arn:aws:s3:::bucket/a:b/c", true, None),
    ("arn:aws:s3:::bucket/a*/c", "arn:aws:s3:::bucket/a/b/c", true, None),
    ("arn:aws:s3:::bucket/?", "arn:aws:s3:::bucket/ab", false, None),
    ("arn:aws:s3:::bucket/a.b", "arn:aws:s3:::bucket/axb", false, None),
    ("arn:aws:s3:::bucket/[a]", "arn:aws:s3:::bucket/a", false, None),
    ("arn:aws:s3:::bucket/(a)+", "arn:aws:s3:::bucket/(a)+", true, None),
    ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket", true, None),
    ("arn:aws:s3:::buck*", "arn:aws:s3:::bucket", true, None),
    ("arn:aws:s3:::*", "arn:aws:s3:::bucket/key", true, None),
    (
        "arn:aws:dynamodb:eu-west-1:111111111111:table/t",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/t",
        true,
        None,
    ),
    (
        "arn:aws:dynamodb:*:111111111111:table/*",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/t",
        true,
        None,
    ),
    (
        "arn:aws:dynamodb:eu-west-2:111111111111:table/t",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/t",
        false,
        None,
    ),
    (
        "arn:aws:dynamodb:e*1:111111111111:table/t",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/t",
        true,
        None,
    ),
    (
        "arn:aws:dynamodb:e*t:111111111111:table/t",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/t",
        false,
        None,
    ),
    ("arn:aws:dynamodb:e*1:table/t", "arn:aws:dynamodb:eu-west-1:111111111111:table/t", false, None),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, (statements, context, decision, differs)) in ROWS.iter().enumerate() {
        let case =
            Case::new(format!("{index}: {statements} {context}")).identity(statements).context(context);
        cases.push(Case { differs: *differs, ..case.expect(decision) });
    }
    for (pattern, resource, fits, differs) in RESOURCES {
        let statement = format!(r#"{{"Effect":"Allow","Action":"*","Resource":"{pattern}"}}"#);
        let case = Case::new(format!("{pattern} {resource}")).identity(&statement);
        let case = case.expect(if *fits { "allow" } else { "implicit_deny" });
        cases.push(Case { resource: (*resource).to_owned(), differs: *differs, ..case });
    }
    // In the older version of the language, a variable is text.
    let old = policy(r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::bucket/${aws:y}"}"#);
    let old = old.to_string().replace("2012-10-17", "2008-10-17");
    let mut case = Case::new("version 2008-10-17").context(r#"{"aws:y":"key"}"#).expect("implicit_deny");
    case.identity.push(serde_json::from_str(&old).expect("JSON"));
    case.differs = Some(
        "the other evaluator does not look at the version; the documentation gives variables to 2012-10-17 only",
    );
    cases.push(case);
    cases
}
