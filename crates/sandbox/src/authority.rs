//! What a principal may do: the identity's policies and, where given, the session's must both allow; a
//! bucket's policy may allow by itself within the account, and must allow too from outside it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::clock::iso_seconds;
use crate::policy::{Asker, Decision, Document, Request, decide};
use crate::world::account::{ADMIN_NAME, Account, Actor, Principal};

/// One action somebody wants to take.
pub(crate) struct Asking<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) peer: IpAddr,
    /// Condition keys of the service (`s3:prefix`, …).
    pub(crate) more: Vec<(String, String)>,
    /// The policy that the resource itself carries.
    pub(crate) resource_policy: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Denied(Reason),
}

/// Why not, as AWS puts it at the end of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    ExplicitIdentity,
    ExplicitResource,
    ExplicitSession,
    ExplicitBoundary,
    NoBoundary,
    NoIdentity,
    NoResource,
    NoSession,
}

impl Reason {
    /// The end of the message about an action.
    pub(crate) fn about(self, action: &str) -> String {
        let denied = |kind: &str| format!("with an explicit deny in {kind}");
        let silent = |kind: &str| format!("because no {kind} allows the {action} action");
        match self {
            Reason::ExplicitIdentity => denied("an identity-based policy"),
            Reason::ExplicitResource => denied("a resource-based policy"),
            Reason::ExplicitSession => denied("a session policy"),
            Reason::ExplicitBoundary => denied("a permissions boundary"),
            Reason::NoBoundary => silent("permissions boundary"),
            Reason::NoIdentity => silent("identity-based policy"),
            Reason::NoResource => silent("resource-based policy"),
            Reason::NoSession => silent("session policy"),
        }
    }
}

/// Decides one action.
pub(crate) fn verdict(account: &Account, asking: &Asking<'_>) -> Verdict {
    let mut context = request_context(asking.now, asking.peer);
    if let Principal::Session(session) = asking.principal {
        context.extend(session.context.clone());
    }
    context.extend(principal_context(account, asking.principal, asking.now));
    context.extend(asking.more.iter().map(|(key, value)| (key.to_ascii_lowercase(), vec![value.clone()])));
    let own_names = own_names(account, asking.principal);
    let of_resource = asking.resource_policy.map_or(Decision::Silent, |text| {
        let asker = match asking.principal {
            Principal::Anonymous => Asker::Nobody,
            _ => Asker::Aws(&own_names),
        };
        let request = Request { action: asking.action, resource: asking.resource, asker, context: &context };
        Document::bucket(text).map_or(Decision::Silent, |document| decide([&document], &request))
    });
    if of_resource == Decision::Deny {
        return Verdict::Denied(Reason::ExplicitResource);
    }
    let by_resource = of_resource == Decision::Allow;
    let session_policies: &[String] = match asking.principal {
        Principal::Admin => return Verdict::Allowed,
        Principal::Anonymous if by_resource => return Verdict::Allowed,
        Principal::Anonymous => return Verdict::Denied(Reason::NoResource),
        Principal::User(_) => &[],
        Principal::Session(session) => &session.session_policies,
    };
    let says = |texts: &[String]| {
        let documents: Vec<Document> =
            texts.iter().filter_map(|text| Document::permission(text).ok()).collect();
        let request = Request {
            action: asking.action,
            resource: asking.resource,
            asker: Asker::Unnamed,
            context: &context,
        };
        decide(&documents, &request)
    };
    let foreign = account_of(&account.arn_of(asking.principal)) != account.id;
    match says(&account.identity_documents(asking.principal)) {
        Decision::Deny => return Verdict::Denied(Reason::ExplicitIdentity),
        Decision::Silent if foreign || !by_resource => return Verdict::Denied(Reason::NoIdentity),
        Decision::Silent | Decision::Allow => {}
    }
    if foreign && !by_resource {
        return Verdict::Denied(Reason::NoResource);
    }
    if let Some(boundary) = account.boundary_document(asking.principal) {
        match says(std::slice::from_ref(&boundary)) {
            Decision::Deny => return Verdict::Denied(Reason::ExplicitBoundary),
            Decision::Silent => return Verdict::Denied(Reason::NoBoundary),
            Decision::Allow => {}
        }
    }
    if session_policies.is_empty() {
        return Verdict::Allowed;
    }
    match says(session_policies) {
        Decision::Allow => Verdict::Allowed,
        Decision::Deny => Verdict::Denied(Reason::ExplicitSession),
        Decision::Silent => Verdict::Denied(Reason::NoSession),
    }
}

/// The account number inside an ARN.
pub(crate) fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// The texts by which a policy may name somebody: the own ARN, the role's, the account.
fn own_names(account: &Account, principal: &Principal) -> Vec<String> {
    let arn = account.arn_of(principal);
    let home = account_of(&arn).to_owned();
    let mut names = vec![format!("arn:aws:iam::{home}:root"), home, arn];
    if let Principal::Session(session) = principal
        && let Actor::Role { arn, .. } = &session.of
    {
        names.push(arn.clone());
    }
    names
}

/// Condition keys of every request.
pub(crate) fn request_context(now: Timestamp, peer: IpAddr) -> BTreeMap<String, Vec<String>> {
    [
        ("aws:currenttime", iso_seconds(now)),
        ("aws:epochtime", now.as_second().to_string()),
        ("aws:sourceip", peer.to_string()),
        ("aws:securetransport", "false".to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), vec![value]))
    .collect()
}

/// Condition keys about who asks. Long-term keys carry no word about a one-time code, temporary ones do.
pub(crate) fn principal_context(
    account: &Account,
    principal: &Principal,
    now: Timestamp,
) -> BTreeMap<String, Vec<String>> {
    let arn = account.arn_of(principal);
    let mut keys = Vec::new();
    if !matches!(principal, Principal::Anonymous) {
        keys.push(("aws:principalaccount", account_of(&arn).to_owned()));
    }
    let user = |name: &str| {
        vec![
            ("aws:principaltype", "User".to_owned()),
            ("aws:principalarn", arn.clone()),
            ("aws:username", name.to_owned()),
        ]
    };
    match principal {
        Principal::Admin => keys.extend(user(ADMIN_NAME)),
        Principal::Anonymous => keys.push(("aws:principaltype", "Anonymous".into())),
        Principal::User(person) => {
            keys.extend(user(&person.name));
            keys.push(("aws:userid", person.id.clone()));
        }
        Principal::Session(session) => {
            match &session.of {
                Actor::User { name } => keys.extend(user(name)),
                Actor::Role { arn, .. } => {
                    keys.push(("aws:principaltype", "AssumedRole".into()));
                    keys.push(("aws:principalarn", arn.clone()));
                }
            }
            keys.push(("aws:userid", session.user_id.clone()));
            keys.push(("aws:multifactorauthpresent", session.mfa_at.is_some().to_string()));
            keys.extend(
                session
                    .mfa_at
                    .map(|at| ("aws:multifactorauthage", (now.as_second() - at.as_second()).to_string())),
            );
            keys.extend(session.source_identity.clone().map(|identity| ("aws:sourceidentity", identity)));
        }
    }
    keys.into_iter().map(|(key, value)| (key.to_owned(), vec![value])).collect()
}
