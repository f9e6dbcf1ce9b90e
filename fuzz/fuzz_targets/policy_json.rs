//! Any text as a policy of every kind, and what follows a zero byte as the claims of a token: no panic, and the verdict is what its trace says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::policy::trust::{self, Claims, TrustRequest};
use pintail_core::policy::{
    Caller, Context, Decision, Effect, Kind, Named, Policy, PolicySet, Request, evaluate, lint,
};

const PROVIDER: &str = "arn:aws:iam::111111111111:oidc-provider/login.example/t/v2.0";

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let Some(text) = parts.next().and_then(|part| std::str::from_utf8(part).ok()) else { return };
    let claims: Claims = parts.next().and_then(|part| serde_json::from_slice(part).ok()).unwrap_or_default();
    let _ = Policy::guess_kind(text).is_ok();
    for kind in Kind::ALL {
        match Policy::parse(text, kind) {
            Ok(policy) => ask(&Named::new("fuzzed", policy), kind, &claims),
            Err(error) => assert!(!error.to_string().is_empty() && !error.iam_message().is_empty()),
        }
    }
});

fn ask(policy: &Named, kind: Kind, claims: &Claims) {
    let home = lint::Home { account: Some("111111111111"), provider: Some(PROVIDER) };
    for found in lint::lint(&policy.policy, &home) {
        assert!(!found.finding.to_string().is_empty());
    }
    let request = TrustRequest {
        claims,
        provider: PROVIDER,
        role: Some("arn:aws:iam::111111111111:role/R"),
        session_name: "s",
        now: jiff::Timestamp::UNIX_EPOCH,
        source_ip: None,
        more: None,
    };
    let context = trust::context(&request);
    if kind == Kind::Trust {
        let verdict = trust::evaluate(policy, &request);
        assert_eq!(verdict.decision.is_allow(), verdict.actions.iter().all(|(_, one)| one.is_allow()));
        return;
    }
    if kind == Kind::Identity {
        alone(policy, context);
    }
}

/// One permission policy, whose statements say what comes out.
fn alone(policy: &Named, context: Context) {
    let policies = PolicySet { identity: vec![policy.clone()], ..PolicySet::default() };
    let request = Request {
        caller: Caller::parse("arn:aws:sts::111111111111:assumed-role/R/s").expect("a caller"),
        action: "s3:GetObject".into(),
        resource: "arn:aws:s3:::b/k".into(),
        resource_account: None,
        context,
    };
    let verdict = evaluate(&policies, &request);
    let applies = |effect| verdict.policies[0].statements.iter().any(|one| one.applies && one.effect == effect);
    let expected = match (applies(Effect::Deny), applies(Effect::Allow)) {
        (true, _) => Decision::ExplicitDeny,
        (_, true) => Decision::Allow,
        _ => Decision::ImplicitDeny,
    };
    assert_eq!(verdict.decision, expected);
}
