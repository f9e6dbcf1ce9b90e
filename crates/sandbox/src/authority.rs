//! What a principal may do: the role's policies and, where given, the session's must both allow.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::clock::iso_seconds;
use crate::policy::{Asker, Decision, Document, Request, decide};
use crate::world::account::{Account, Principal};

/// One action somebody wants to take.
pub(crate) struct Asking<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) peer: IpAddr,
    /// Condition keys of the service (`s3:prefix`, …).
    pub(crate) more: Vec<(String, String)>,
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
    ExplicitSession,
    NoIdentity,
    NoSession,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::ExplicitIdentity => "with an explicit deny in an identity-based policy",
            Reason::ExplicitSession => "with an explicit deny in a session policy",
            Reason::NoIdentity => "because no identity-based policy allows the action",
            Reason::NoSession => "because no session policy allows the action",
        })
    }
}

/// Decides one action.
pub(crate) fn verdict(account: &Account, asking: &Asking<'_>) -> Verdict {
    let Principal::Session(session) = asking.principal else { return Verdict::Allowed };
    let mut context = request_context(asking.now, asking.peer);
    context.extend(session.context.clone());
    context.extend(principal_context(account, asking.principal));
    context.extend(asking.more.iter().map(|(key, value)| (key.to_ascii_lowercase(), vec![value.clone()])));
    let request = Request {
        action: asking.action,
        resource: asking.resource,
        asker: Asker::Unnamed,
        context: &context,
    };
    let identity = account.permission_documents(&session.role_name);
    let identity: Vec<Document> =
        identity.iter().filter_map(|text| Document::permission(text).ok()).collect();
    match decide(&identity, &request) {
        Decision::Deny => return Verdict::Denied(Reason::ExplicitIdentity),
        Decision::Silent => return Verdict::Denied(Reason::NoIdentity),
        Decision::Allow => {}
    }
    if session.session_policies.is_empty() {
        return Verdict::Allowed;
    }
    let own: Vec<Document> =
        session.session_policies.iter().filter_map(|text| Document::permission(text).ok()).collect();
    match decide(&own, &request) {
        Decision::Allow => Verdict::Allowed,
        Decision::Deny => Verdict::Denied(Reason::ExplicitSession),
        Decision::Silent => Verdict::Denied(Reason::NoSession),
    }
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

/// Condition keys about who asks.
pub(crate) fn principal_context(account: &Account, principal: &Principal) -> BTreeMap<String, Vec<String>> {
    let mut keys = vec![("aws:principalaccount", account.id.clone())];
    match principal {
        Principal::Admin => {
            keys.push(("aws:principaltype", "User".into()));
            keys.push(("aws:principalarn", account.arn_of(principal)));
            keys.push(("aws:username", "sandbox-admin".into()));
        }
        Principal::Session(session) => {
            keys.push(("aws:principaltype", "AssumedRole".into()));
            keys.push(("aws:principalarn", session.role_arn.clone()));
            keys.push(("aws:userid", session.user_id.clone()));
            keys.extend(session.source_identity.clone().map(|identity| ("aws:sourceidentity", identity)));
        }
    }
    keys.into_iter().map(|(key, value)| (key.to_owned(), vec![value])).collect()
}
