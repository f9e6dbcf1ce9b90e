//! `AssumeRole`: from a user to a role, or from one role to another, for an hour at most when it is a chain.

use std::collections::BTreeMap;

use super::mfa;
use super::session::{self, Origin, Wish};
use crate::authority::{Asking, Verdict, principal_context, request_context, verdict};
use crate::faults::Service;
use crate::locked;
use crate::params::Params;
use crate::policy::{Asker, Decision, Document, Request, decide};
use crate::query::{Refused, authenticate, element};
use crate::server::Inbound;
use crate::world::Core;
use crate::world::account::{Actor, Principal};

const CHAIN_LIMIT_S: i64 = 3600;

pub(super) fn assume(core: &Core, inbound: &Inbound, params: &Params) -> Result<String, Refused> {
    let principal = authenticate(core, inbound, Service::Sts)?;
    super::check_region(core, inbound)?;
    let wish = Wish::read(params)?;
    let account_id = wish.account()?;
    let chained =
        matches!(&principal, Principal::Session(session) if matches!(session.of, Actor::Role { .. }));
    if chained && wish.duration_s > CHAIN_LIMIT_S {
        return Err(Refused::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let with_code = mfa::check(core, inbound, &principal, params)?;
    let (role, policies, packed) = {
        let account = locked(&core.account);
        let denied = || {
            Refused::new(
                403,
                "AccessDenied",
                format!(
                    "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                    account.arn_of(&principal),
                    wish.role_arn
                ),
            )
        };
        let role = wish.role(&account).filter(|_| account.id == account_id).ok_or_else(denied)?.clone();
        let document = Document::trust(&role.trust_policy).map_err(|_| denied())?;
        let mut context = request_context(inbound.now, inbound.peer);
        context.extend(principal_context(&account, &principal, inbound.now));
        if with_code {
            context.insert("aws:multifactorauthpresent".into(), vec!["true".into()]);
            context.insert("aws:multifactorauthage".into(), vec!["0".into()]);
        }
        context.insert("sts:rolesessionname".into(), vec![wish.session_name.clone()]);
        context.extend(params.get("ExternalId").map(|id| ("sts:externalid".to_owned(), vec![id.to_owned()])));
        let asks = |arns: &[String]| {
            let request = Request {
                action: "sts:AssumeRole",
                resource: "",
                asker: Asker::Aws(arns),
                context: &context,
            };
            decide([&document], &request)
        };
        let mut by_name = vec![account.arn_of(&principal)];
        if let Principal::Session(session) = &principal
            && let Actor::Role { arn, .. } = &session.of
        {
            by_name.push(arn.clone());
        }
        let by_account = [account.id.clone(), format!("arn:aws:iam::{}:root", account.id)];
        let asking = Asking {
            principal: &principal,
            action: "sts:AssumeRole",
            resource: &role.arn,
            now: inbound.now,
            peer: inbound.peer,
            more: Vec::new(),
            resource_policy: None,
        };
        // Naming the account delegates to its own policies; naming the principal suffices in one account,
        // unless the principal's policies or session forbid or do not cover it.
        let own = verdict(&account, &asking);
        let allowed = match (asks(&by_name), asks(&by_account)) {
            (Decision::Deny, _) | (_, Decision::Deny) => false,
            (Decision::Allow, _) => {
                matches!(own, Verdict::Allowed | Verdict::Denied(crate::authority::Reason::NoIdentity))
            }
            (Decision::Silent, Decision::Allow) => own == Verdict::Allowed,
            (Decision::Silent, Decision::Silent) => false,
        };
        if !allowed {
            return Err(denied());
        }
        wish.check_duration(&role)?;
        let (policies, packed) = wish.session_policies(&account, &BTreeMap::new())?;
        (role, policies, packed)
    };
    let (context, source_identity) = match &principal {
        Principal::Admin | Principal::Anonymous | Principal::User(_) => (BTreeMap::new(), None),
        // The chain's origin stays visible: source identity survives, the provider's own keys do not.
        Principal::Session(session) => (BTreeMap::new(), session.source_identity.clone()),
    };
    let identity =
        source_identity.as_deref().map(|identity| element("SourceIdentity", identity)).unwrap_or_default();
    let common = session::issue(core, inbound, &wish, &role, policies, Origin { context, source_identity });
    Ok(format!(
        "<AssumeRoleResult>{common}{}{identity}</AssumeRoleResult>",
        element("PackedPolicySize", &packed.to_string())
    ))
}
