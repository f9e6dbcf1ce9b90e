//! Decisions over several policies: tables, and what holds for any of them.

use proptest::prelude::*;

use super::*;

const ACCOUNT: &str = "111111111111";
const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/R/ann";

fn policy(kind: Kind, statements: &str) -> Named {
    let text = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}");
    Named::new(kind.name(), Policy::parse(&text, kind).unwrap())
}

fn allow(action: &str, resource: &str) -> String {
    format!(r#"{{"Sid":"A","Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
}

fn deny(action: &str, resource: &str) -> String {
    format!(r#"{{"Sid":"D","Effect":"Deny","Action":"{action}","Resource":"{resource}"}}"#)
}

fn by(principal: &str, effect: &str) -> String {
    format!(
        r#"{{"Sid":"P","Effect":"{effect}","Principal":{principal},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}}"#
    )
}

fn request(caller: &str) -> Request {
    Request {
        caller: Caller::parse(caller).unwrap(),
        action: "s3:GetObject".into(),
        resource: "arn:aws:s3:::b/k".into(),
        resource_account: None,
        context: Context::new(),
    }
}

fn identity(statements: &str) -> PolicySet {
    PolicySet { identity: vec![policy(Kind::Identity, statements)], ..PolicySet::default() }
}

#[test]
fn one_policy() {
    use Decision::*;
    for (statements, expected) in [
        (allow("s3:GetObject", "arn:aws:s3:::b/*"), Allow),
        (allow("S3:gET*", "*"), Allow),
        (allow("*", "arn:aws:s3:::b/?"), Allow),
        (allow("s3:PutObject", "*"), ImplicitDeny),
        (allow("s3:GetObject", "arn:aws:s3:::b"), ImplicitDeny),
        (allow("s3:GetObject", "arn:aws:s3:::B/*"), ImplicitDeny),
        (format!("{},{}", allow("*", "*"), deny("s3:Get*", "*")), ExplicitDeny),
        (format!("{},{}", deny("s3:Put*", "*"), allow("*", "*")), Allow),
        (deny("*", "*"), ExplicitDeny),
        (r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#.into(), Allow),
        (r#"{"Effect":"Allow","NotAction":["iam:*","s3:get*"],"Resource":"*"}"#.into(), ImplicitDeny),
        (r#"{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::c/*"}"#.into(), Allow),
        (r#"{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::b/*"}"#.into(), ImplicitDeny),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}"}"#.into(),
            ImplicitDeny,
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username, 'k'}"}"#.into(),
            Allow,
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::b/${aws:username}"}"#.into(),
            ImplicitDeny,
        ),
        (String::new(), ImplicitDeny),
    ] {
        let verdict = evaluate(&identity(&statements), &request(SESSION));
        assert_eq!(verdict.decision, expected, "{statements}");
    }
    assert_eq!(
        evaluate(&PolicySet::default(), &request(SESSION)).reason,
        Reason::NothingAllows(Kind::Identity)
    );
}

#[test]
fn what_narrows_has_to_allow_as_well() {
    let all = allow("*", "*");
    let get = allow("s3:GetObject", "*");
    let put = allow("s3:PutObject", "*");
    for (boundary, session, scps, expected) in [
        (None, vec![], vec![], None),
        (Some(&get), vec![], vec![], None),
        (Some(&put), vec![], vec![], Some(Kind::Boundary)),
        (None, vec![&get], vec![], None),
        (None, vec![&put], vec![], Some(Kind::Session)),
        (None, vec![&put, &get], vec![], None),
        (Some(&get), vec![&put], vec![], Some(Kind::Session)),
        (None, vec![], vec![vec![&all], vec![&get, &put]], None),
        (None, vec![], vec![vec![&all], vec![&put]], Some(Kind::Scp)),
        (None, vec![], vec![vec![], vec![&all]], None),
    ] {
        let mut policies = identity(&all);
        policies.boundary = boundary.map(|text| policy(Kind::Boundary, text));
        policies.session = session.into_iter().map(|text| policy(Kind::Session, text)).collect();
        policies.scps = scps
            .into_iter()
            .map(|level| level.into_iter().map(|text| policy(Kind::Scp, text)).collect())
            .collect();
        let verdict = evaluate(&policies, &request(SESSION));
        match expected {
            None => assert!(verdict.is_allow(), "{policies:?}"),
            Some(kind) => assert_eq!(verdict.reason, Reason::NothingAllows(kind)),
        }
    }
    let mut policies = identity(&all);
    policies.rcps = vec![policy(Kind::Rcp, &by("\"*\"", "Deny"))];
    let verdict = evaluate(&policies, &request(SESSION));
    assert_eq!(verdict.decided_by().map(|one| (one.kind, one.index)), Some((Kind::Rcp, 0)));
    policies.rcps = vec![policy(Kind::Rcp, "")];
    assert!(evaluate(&policies, &request(SESSION)).is_allow(), "an RCP need not allow");
}

#[test]
fn a_resource_policy_counts_as_closely_as_it_names_the_caller() {
    let (none, all) = (String::new(), allow("*", "*"));
    let role = r#"{"AWS":"arn:aws:iam::111111111111:role/R"}"#;
    let session = format!(r#"{{"AWS":"{SESSION}"}}"#);
    let account = r#"{"AWS":"111111111111"}"#;
    // The caller's own policies, boundary and session policy: none of them allows.
    for (principal, own, narrow, owner, expected) in [
        (session.as_str(), &none, true, None, None),
        ("\"*\"", &none, true, None, None),
        (role, &none, false, None, None),
        (role, &none, true, None, Some(Kind::Boundary)),
        (account, &none, false, None, Some(Kind::Identity)),
        (account, &all, false, None, None),
        (account, &all, true, None, Some(Kind::Boundary)),
        (r#"{"AWS":"222222222222"}"#, &none, false, None, Some(Kind::Identity)),
        (session.as_str(), &none, false, Some("333333333333"), Some(Kind::Identity)),
        (session.as_str(), &all, false, Some("333333333333"), None),
        (account, &all, false, Some("333333333333"), None),
        (session.as_str(), &all, true, Some("333333333333"), Some(Kind::Boundary)),
        (r#"{"AWS":"222222222222"}"#, &all, false, Some("333333333333"), Some(Kind::Resource)),
        (session.as_str(), &none, true, Some(ACCOUNT), None),
    ] {
        let mut policies = identity(own);
        policies.resource = Some(policy(Kind::Resource, &by(principal, "Allow")));
        if narrow {
            policies.boundary = Some(policy(Kind::Boundary, ""));
            policies.session = vec![policy(Kind::Session, "")];
        }
        let mut asked = request(SESSION);
        asked.resource_account = owner.map(str::to_owned);
        let verdict = evaluate(&policies, &asked);
        match expected {
            None => assert!(verdict.is_allow(), "{principal} {narrow} {owner:?}: {:?}", verdict.reason),
            Some(kind) => assert_eq!(verdict.reason, Reason::NothingAllows(kind), "{principal} {owner:?}"),
        }
    }
    let public =
        PolicySet { resource: Some(policy(Kind::Resource, &by("\"*\"", "Allow"))), ..PolicySet::default() };
    assert!(evaluate(&public, &request("*")).is_allow());
    let private =
        PolicySet { resource: Some(policy(Kind::Resource, &by(account, "Allow"))), ..PolicySet::default() };
    assert_eq!(evaluate(&private, &request("*")).reason, Reason::NothingAllows(Kind::Resource));
    let spares = r#"{"AWS":["111111111111","arn:aws:iam::111111111111:role/R"]}"#;
    let statement = by(spares, "Deny").replace("\"Principal\"", "\"NotPrincipal\"");
    let mut policies = identity(&all);
    policies.resource = Some(policy(Kind::Resource, &statement));
    assert!(evaluate(&policies, &request(SESSION)).is_allow());
    assert!(!evaluate(&policies, &request("arn:aws:iam::111111111111:user/u")).is_allow());
}

#[test]
fn the_trace_has_everything_and_names_the_nearest_statement() {
    let statements = format!(
        r#"{},{{"Sid":"Near","Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{{"Bool":{{"aws:SecureTransport":"true"}}}}}},{}"#,
        allow("iam:*", "*"),
        allow("s3:PutObject", "*").replace("\"A\"", "\"B\""),
    );
    let verdict = evaluate(&identity(&statements), &request(SESSION));
    assert_eq!(verdict.policies[0].statements.len(), 3);
    let (_, nearest) = verdict.nearest(Kind::Identity).unwrap();
    assert_eq!(nearest.sid.as_deref(), Some("Near"));
    assert!(nearest.is_about_request());
    let obstacles: Vec<_> = nearest.obstacles().collect();
    let [crate::policy::Obstacle::Condition(line)] = obstacles.as_slice() else { panic!("{obstacles:?}") };
    assert_eq!((line.key.as_str(), line.actual.as_deref()), ("aws:SecureTransport", None));
}

/// Statements of every shape over a small world.
fn statement() -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec!["s3:GetObject", "s3:*", "*", "s3:Put*", "s3:Get?bject"]);
    let resource =
        prop::sample::select(vec!["*", "arn:aws:s3:::b/*", "arn:aws:s3:::c/*", "arn:aws:s3:::b/k"]);
    let condition = prop::sample::select(vec![
        "",
        r#","Condition":{"StringEquals":{"aws:x":"1"}}"#,
        r#","Condition":{"StringNotEquals":{"aws:x":"1"}}"#,
        r#","Condition":{"Null":{"aws:x":"true"}}"#,
    ]);
    let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
    (effect, any::<bool>(), action, any::<bool>(), resource, condition).prop_map(
        |(effect, not_action, action, not_resource, resource, condition)| {
            let (a, r) = (if not_action { "Not" } else { "" }, if not_resource { "Not" } else { "" });
            format!(r#"{{"Effect":"{effect}","{a}Action":"{action}","{r}Resource":"{resource}"{condition}}}"#)
        },
    )
}

fn statements() -> impl Strategy<Value = String> {
    prop::collection::vec(statement(), 0..4).prop_map(|all| all.join(","))
}

proptest! {
    #[test]
    fn an_explicit_deny_always_wins(own in statements(), kind in 0..5_usize) {
        let mut policies = identity(&own);
        let everything = deny("*", "*");
        match kind {
            0 => policies.identity.push(policy(Kind::Identity, &everything)),
            1 => policies.session = vec![policy(Kind::Session, &everything)],
            2 => policies.boundary = Some(policy(Kind::Boundary, &everything)),
            3 => policies.scps = vec![vec![policy(Kind::Scp, &everything)]],
            _ => policies.resource = Some(policy(Kind::Resource, &by("\"*\"", "Deny"))),
        }
        prop_assert_eq!(evaluate(&policies, &request(SESSION)).decision, Decision::ExplicitDeny);
    }

    #[test]
    fn what_narrows_never_widens(own in statements(), resource in any::<bool>(), more in statements(), value in any::<bool>()) {
        let mut asked = request(SESSION);
        if value {
            asked.context.set("aws:x", "1");
        }
        let mut policies = identity(&own);
        if resource {
            policies.resource = Some(policy(Kind::Resource, &by(r#"{"AWS":"arn:aws:iam::111111111111:role/R"}"#, "Allow")));
        }
        let before = evaluate(&policies, &asked).is_allow();
        for kind in [Kind::Session, Kind::Boundary, Kind::Scp, Kind::Rcp] {
            let mut narrowed = policies.clone();
            match kind {
                Kind::Session => narrowed.session = vec![policy(kind, &more)],
                Kind::Boundary => narrowed.boundary = Some(policy(kind, &more)),
                Kind::Scp => narrowed.scps = vec![vec![policy(kind, &more)]],
                _ => {
                    let deny = more.replace("\"Effect\"", "\"Principal\":\"*\",\"Effect\"");
                    narrowed.rcps = vec![policy(kind, &deny)];
                }
            }
            prop_assert!(before || !evaluate(&narrowed, &asked).is_allow(), "{:?}", kind);
        }
    }

    #[test]
    fn the_decision_is_what_the_trace_says(own in statements(), value in any::<bool>()) {
        let mut asked = request(SESSION);
        if value {
            asked.context.set("aws:x", "1");
        }
        let verdict = evaluate(&identity(&own), &asked);
        let statements = &verdict.policies[0].statements;
        let applies = |effect| statements.iter().any(|one| one.applies && one.effect == effect);
        let expected = match (applies(Effect::Deny), applies(Effect::Allow)) {
            (true, _) => Decision::ExplicitDeny,
            (_, true) => Decision::Allow,
            _ => Decision::ImplicitDeny,
        };
        prop_assert_eq!(verdict.decision, expected);
        for one in statements {
            prop_assert_eq!(one.applies, one.obstacles().next().is_none());
        }
        if let Some(decided) = verdict.decided_by() {
            prop_assert!(verdict.statement(decided).is_some_and(|one| one.applies));
        }
    }
}
