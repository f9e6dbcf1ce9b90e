//! Policies of several kinds together: what narrows, what a resource policy grants and to whom, and other accounts.

use serde_json::Value;

use super::oracle::{ACCOUNT, Case, SESSION, policy};

const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const READ: &str = r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#;
const WRITE: &str = r#"{"Effect":"Allow","Action":"s3:Put*","Resource":"*"}"#;
const NO_READ: &str = r#"{"Effect":"Deny","Action":"s3:Get*","Resource":"*"}"#;

const NOT_PRINCIPAL: &str = "the documentation of NotPrincipal checks the account first and then role and session: a list without one of them does not spare the session";

const SESSION_ARN: &str = "documented under session policies: what a resource policy grants to the ARN of the session is not limited by them; the other one asks them first";

/// Policies of the caller, boundary, session policy, levels of SCPs, RCPs, decision.
type Narrowing = (
    &'static [&'static str],
    Option<&'static str>,
    Option<&'static str>,
    &'static [&'static [&'static str]],
    &'static [&'static str],
    &'static str,
);

const NARROWING: &[Narrowing] = &[
    (&[ALL], None, None, &[], &[], "allow"),
    (&[], None, None, &[], &[], "implicit_deny"),
    (&[WRITE, READ], None, None, &[], &[], "allow"),
    (&[ALL, NO_READ], None, None, &[], &[], "explicit_deny"),
    // Boundaries.
    (&[ALL], Some(READ), None, &[], &[], "allow"),
    (&[ALL], Some(WRITE), None, &[], &[], "implicit_deny"),
    (&[ALL], Some(NO_READ), None, &[], &[], "explicit_deny"),
    (&[WRITE], Some(ALL), None, &[], &[], "implicit_deny"),
    (&[], Some(ALL), None, &[], &[], "implicit_deny"),
    // Session policies.
    (&[ALL], None, Some(READ), &[], &[], "allow"),
    (&[ALL], None, Some(WRITE), &[], &[], "implicit_deny"),
    (&[ALL], None, Some(NO_READ), &[], &[], "explicit_deny"),
    (&[WRITE], None, Some(ALL), &[], &[], "implicit_deny"),
    (&[], None, Some(ALL), &[], &[], "implicit_deny"),
    (&[READ], None, Some(READ), &[], &[], "allow"),
    (&[NO_READ], None, Some(ALL), &[], &[], "explicit_deny"),
    (&[ALL], Some(READ), Some(READ), &[], &[], "allow"),
    (&[ALL], Some(READ), Some(WRITE), &[], &[], "implicit_deny"),
    (&[ALL], Some(WRITE), Some(READ), &[], &[], "implicit_deny"),
    // Service control policies.
    (&[ALL], None, None, &[&[ALL]], &[], "allow"),
    (&[ALL], None, None, &[&[ALL], &[READ]], &[], "allow"),
    (&[ALL], None, None, &[&[ALL], &[WRITE]], &[], "implicit_deny"),
    (&[ALL], None, None, &[&[WRITE], &[ALL]], &[], "implicit_deny"),
    (&[ALL], None, None, &[&[WRITE, READ], &[ALL]], &[], "allow"),
    (&[ALL], None, None, &[&[ALL, NO_READ]], &[], "explicit_deny"),
    (&[ALL], None, None, &[&[ALL], &[ALL, NO_READ], &[ALL]], &[], "explicit_deny"),
    (&[WRITE], None, None, &[&[ALL]], &[], "implicit_deny"),
    (&[ALL], Some(READ), Some(READ), &[&[ALL], &[READ]], &[], "allow"),
    (&[ALL], Some(READ), Some(READ), &[&[ALL], &[WRITE]], &[], "implicit_deny"),
    // Resource control policies.
    (&[ALL], None, None, &[], &[NO_READ], "explicit_deny"),
    (&[WRITE], None, None, &[], &[NO_READ], "explicit_deny"),
];

const ROLE: &str = r#"{"AWS":"arn:aws:iam::111111111111:role/Reader"}"#;
const THE_SESSION: &str = r#"{"AWS":"arn:aws:sts::111111111111:assumed-role/Reader/ann"}"#;
const THE_ACCOUNT: &str = r#"{"AWS":"111111111111"}"#;
const THE_ROOT: &str = r#"{"AWS":"arn:aws:iam::111111111111:root"}"#;
const ANOTHER_ACCOUNT: &str = r#"{"AWS":"222222222222"}"#;
const ANOTHER_ROLE: &str = r#"{"AWS":"arn:aws:iam::111111111111:role/Writer"}"#;
const USER: &str = "arn:aws:iam::111111111111:user/ann";
const THE_USER: &str = r#"{"AWS":"arn:aws:iam::111111111111:user/ann"}"#;
const EVERYBODY: &str = r#""*""#;
const EVERYBODY_TOO: &str = r#"{"AWS":"*"}"#;

/// Who asks, whom the resource policy names and with which effect, policies of the caller, boundary, session policy, whose the resource is,
/// decision, and why the other evaluator says something else.
struct Resource {
    caller: &'static str,
    principal: &'static str,
    effect: &'static str,
    own: &'static [&'static str],
    boundary: Option<&'static str>,
    session: Option<&'static str>,
    owner: &'static str,
    decision: &'static str,
    differs: Option<&'static str>,
}

const fn row(
    caller: &'static str,
    principal: &'static str,
    effect: &'static str,
    own: &'static [&'static str],
    decision: &'static str,
) -> Resource {
    Resource {
        caller,
        principal,
        effect,
        own,
        boundary: None,
        session: None,
        owner: ACCOUNT,
        decision,
        differs: None,
    }
}

const OTHER: &str = "333333333333";

const RESOURCES: &[Resource] = &[
    row(SESSION, ROLE, "Allow", &[], "allow"),
    row(SESSION, THE_SESSION, "Allow", &[], "allow"),
    row(SESSION, EVERYBODY, "Allow", &[], "allow"),
    row(SESSION, EVERYBODY_TOO, "Allow", &[], "allow"),
    row(SESSION, THE_ACCOUNT, "Allow", &[], "implicit_deny"),
    row(SESSION, THE_ROOT, "Allow", &[], "implicit_deny"),
    row(SESSION, THE_ACCOUNT, "Allow", &[READ], "allow"),
    row(SESSION, ANOTHER_ACCOUNT, "Allow", &[], "implicit_deny"),
    row(SESSION, ANOTHER_ACCOUNT, "Allow", &[READ], "allow"),
    row(SESSION, ANOTHER_ROLE, "Allow", &[], "implicit_deny"),
    row(SESSION, ROLE, "Deny", &[ALL], "explicit_deny"),
    row(SESSION, THE_SESSION, "Deny", &[ALL], "explicit_deny"),
    row(SESSION, EVERYBODY, "Deny", &[ALL], "explicit_deny"),
    row(SESSION, THE_ROOT, "Deny", &[ALL], "explicit_deny"),
    row(SESSION, ANOTHER_ROLE, "Deny", &[ALL], "allow"),
    row(SESSION, ROLE, "Allow", &[NO_READ], "explicit_deny"),
    row(USER, THE_USER, "Allow", &[], "allow"),
    row(USER, ROLE, "Allow", &[], "implicit_deny"),
    row(USER, THE_ACCOUNT, "Allow", &[], "implicit_deny"),
    row(USER, THE_USER, "Deny", &[ALL], "explicit_deny"),
    row("*", EVERYBODY, "Allow", &[], "allow"),
    row("*", EVERYBODY_TOO, "Allow", &[], "allow"),
    row("*", THE_ACCOUNT, "Allow", &[], "implicit_deny"),
    row("*", EVERYBODY, "Deny", &[], "explicit_deny"),
    // Beside a boundary that does not allow it.
    Resource { boundary: Some(WRITE), ..row(SESSION, THE_SESSION, "Allow", &[], "allow") },
    Resource { boundary: Some(WRITE), ..row(SESSION, EVERYBODY, "Allow", &[], "allow") },
    Resource { boundary: Some(WRITE), ..row(SESSION, ROLE, "Allow", &[], "implicit_deny") },
    Resource { boundary: Some(READ), ..row(SESSION, ROLE, "Allow", &[], "allow") },
    Resource { boundary: Some(WRITE), ..row(USER, THE_USER, "Allow", &[], "allow") },
    Resource { boundary: Some(NO_READ), ..row(USER, THE_USER, "Allow", &[], "explicit_deny") },
    // Beside a session policy that does not allow it.
    Resource {
        session: Some(WRITE),
        differs: Some(SESSION_ARN),
        ..row(SESSION, THE_SESSION, "Allow", &[], "allow")
    },
    Resource { session: Some(WRITE), ..row(SESSION, ROLE, "Allow", &[], "implicit_deny") },
    Resource { session: Some(READ), ..row(SESSION, ROLE, "Allow", &[], "allow") },
    Resource { session: Some(NO_READ), ..row(SESSION, THE_SESSION, "Allow", &[], "explicit_deny") },
    // Of another account.
    Resource { owner: OTHER, ..row(SESSION, ROLE, "Allow", &[READ], "allow") },
    Resource { owner: OTHER, ..row(SESSION, ROLE, "Allow", &[], "implicit_deny") },
    Resource { owner: OTHER, ..row(SESSION, THE_SESSION, "Allow", &[], "implicit_deny") },
    Resource { owner: OTHER, ..row(SESSION, THE_ACCOUNT, "Allow", &[READ], "allow") },
    Resource { owner: OTHER, ..row(SESSION, THE_ROOT, "Allow", &[WRITE], "implicit_deny") },
    Resource { owner: OTHER, ..row(SESSION, EVERYBODY, "Allow", &[READ], "allow") },
    Resource { owner: OTHER, ..row(SESSION, ANOTHER_ACCOUNT, "Allow", &[ALL], "implicit_deny") },
    Resource { owner: OTHER, ..row(SESSION, ROLE, "Deny", &[ALL], "explicit_deny") },
    Resource { owner: OTHER, boundary: Some(WRITE), ..row(SESSION, ROLE, "Allow", &[READ], "implicit_deny") },
    Resource { owner: OTHER, boundary: Some(READ), ..row(SESSION, ROLE, "Allow", &[READ], "allow") },
    Resource { owner: OTHER, session: Some(WRITE), ..row(SESSION, ROLE, "Allow", &[READ], "implicit_deny") },
];

/// `NotPrincipal` with `Deny`: who is named, decision for the session, and why the other evaluator says something else.
const SPARED: &[(&str, &str, Option<&str>)] = &[
    (
        r#"{"AWS":["111111111111","arn:aws:iam::111111111111:role/Reader","arn:aws:sts::111111111111:assumed-role/Reader/ann"]}"#,
        "allow",
        None,
    ),
    (r#"{"AWS":"arn:aws:iam::222222222222:role/Reader"}"#, "explicit_deny", None),
    (r#"{"AWS":["222222222222","arn:aws:iam::111111111111:role/Writer"]}"#, "explicit_deny", None),
    (r#"{"AWS":"arn:aws:iam::111111111111:role/Reader"}"#, "explicit_deny", Some(NOT_PRINCIPAL)),
    (r#"{"AWS":"arn:aws:iam::111111111111:root"}"#, "explicit_deny", Some(NOT_PRINCIPAL)),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, (own, boundary, session, scps, rcps, decision)) in NARROWING.iter().enumerate() {
        let mut case = Case::new(format!("narrowing {index}")).expect(decision);
        case.identity = own.iter().map(|text| policy(text)).collect();
        case.boundary = boundary.map(policy);
        case.session = session.map(policy);
        case.scps = scps.iter().map(|level| level.iter().map(|text| policy(text)).collect()).collect();
        let to_everybody = |text: &&str| policy(&text.replacen("{", r#"{"Principal":"*","#, 1));
        case.rcps = rcps.iter().map(|text| vec![to_everybody(text)]).collect();
        cases.push(case);
    }
    for (index, one) in RESOURCES.iter().enumerate() {
        let mut case = Case::new(format!("resource {index}: {} {} {}", one.effect, one.principal, one.owner));
        case.principal = one.caller.to_owned();
        case.identity = one.own.iter().map(|text| policy(text)).collect();
        case.resource_policy = Some(bucket_policy(one.effect, "Principal", one.principal));
        case.boundary = one.boundary.map(policy);
        case.session = one.session.map(policy);
        case.resource_account = one.owner.to_owned();
        case.differs = one.differs;
        cases.push(case.expect(one.decision));
    }
    for (principals, decision, differs) in SPARED {
        let mut case = Case::new(format!("spared {principals}")).identity(ALL).expect(decision);
        case.resource_policy = Some(bucket_policy("Deny", "NotPrincipal", principals));
        case.differs = *differs;
        cases.push(case);
    }
    cases
}

fn bucket_policy(effect: &str, element: &str, principal: &str) -> Value {
    policy(&format!(
        r#"{{"Effect":"{effect}","{element}":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}}"#
    ))
}
