//! The decision: every statement of every policy, and how the kinds of policies count together.
//!
//! Pure. The rules, from the IAM User Guide ("Policy evaluation logic"):
//!
//! 1. One statement that denies, in any policy, denies.
//! 2. SCPs: one policy of each level has to allow. RCPs only deny; what AWS attaches everywhere allows the rest.
//! 3. Within one account, a resource policy that names the session or the user itself is enough. One that names the role is enough beside
//!    the identity's own policies, but a boundary and session policies have to allow as well. One that names the account
//!    leaves it to the identity's policies.
//! 4. Otherwise an identity policy has to allow, and so has the boundary, and so has one of the session policies.
//! 5. From another account, both the resource policy and all of point 4 have to allow.
//! 6. Who has no signature, or only an ID token, has no policies of their own: the resource policy alone decides.

use super::condition;
use super::document::{Effect, Kind, Patterns, Policy, Statement, Version};
use super::pattern::{Case, Pattern, resolve};
use super::principal::{self, Reach};
use super::request::{Caller, Context, Request};
use super::trace::{Decision, PartTrace, PolicyTrace, Reason, StatementRef, StatementTrace, Verdict, Wanted};

/// A policy with the name it is called by in the verdict: that of a file, for example.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The name. Policies of one kind are told apart by it.
    pub name: String,
    /// The policy.
    pub policy: Policy,
}

impl Named {
    /// Gives a policy a name.
    pub fn new(name: impl Into<String>, policy: Policy) -> Self {
        Self { name: name.into(), policy }
    }
}

/// Everything that has a say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySet {
    /// The permission policies of the user or role.
    pub identity: Vec<Named>,
    /// The policy of the resource, or the trust policy of the role.
    pub resource: Option<Named>,
    /// The session policies, an inline one and managed ones; where there are any, one of them has to allow.
    pub session: Vec<Named>,
    /// The permissions boundary.
    pub boundary: Option<Named>,
    /// The service control policies, level by level from the root of the organization to the account. AWS attaches at least one to every
    /// level, `FullAWSAccess` if nothing else; a level without policies is passed over.
    pub scps: Vec<Vec<Named>>,
    /// The resource control policies of every level. They only deny.
    pub rcps: Vec<Named>,
}

/// Asks the policies.
///
/// The answer has a trace of every statement. Costs a comparison of every value of every policy.
pub fn evaluate(policies: &PolicySet, request: &Request) -> Verdict {
    let trace = |kind: Kind, named: &Named| trace(kind, named, request);
    // Somebody with no more than an ID token has no organization of their own, and nobody has no account.
    let has_identity =
        matches!(request.caller, Caller::Root { .. } | Caller::User { .. } | Caller::Session { .. });
    let mut traces = Vec::new();
    let mut levels = Vec::new();
    for level in policies.scps.iter().filter(|level| has_identity && !level.is_empty()) {
        let start = traces.len();
        traces.extend(level.iter().map(|named| trace(Kind::Scp, named)));
        levels.push(start..traces.len());
    }
    traces.extend(policies.rcps.iter().map(|named| trace(Kind::Rcp, named)));
    if let Some(named) = &policies.resource {
        let kind = if named.policy.kind == Kind::Trust { Kind::Trust } else { Kind::Resource };
        traces.push(trace(kind, named));
    }
    if has_identity {
        traces.extend(policies.identity.iter().map(|named| trace(Kind::Identity, named)));
        traces.extend(policies.boundary.iter().map(|named| trace(Kind::Boundary, named)));
        traces.extend(policies.session.iter().map(|named| trace(Kind::Session, named)));
    }
    let mut layers = Layers { traces: &traces, allowed: Vec::new() };
    let reason = layers.decide(policies, request, &levels, has_identity);
    let decision = match &reason {
        Reason::Denied(_) => Decision::ExplicitDeny,
        Reason::Allowed(_) => Decision::Allow,
        Reason::NothingAllows(_) => Decision::ImplicitDeny,
    };
    Verdict { decision, reason, policies: traces }
}

/// The traces, and the statements that allow so far.
struct Layers<'a> {
    traces: &'a [PolicyTrace],
    allowed: Vec<StatementRef>,
}

impl Layers<'_> {
    fn decide(
        &mut self,
        policies: &PolicySet,
        request: &Request,
        levels: &[std::ops::Range<usize>],
        has_identity: bool,
    ) -> Reason {
        if let Some(denied) = first(self.traces.iter(), Effect::Deny, |_| true) {
            return Reason::Denied(denied);
        }
        let mut narrowing = Vec::new();
        for level in levels {
            match first(self.traces[level.clone()].iter(), Effect::Allow, |_| true) {
                Some(statement) => narrowing.push(statement),
                None => return Reason::NothingAllows(Kind::Scp),
            }
        }
        if let Some(missing) = self.grant(policies, request, has_identity, &mut narrowing) {
            return Reason::NothingAllows(missing);
        }
        self.allowed.append(&mut narrowing);
        Reason::Allowed(std::mem::take(&mut self.allowed))
    }

    /// Looks for what grants; returns the kind of policy in which that is missing.
    fn grant(
        &mut self,
        policies: &PolicySet,
        request: &Request,
        has_identity: bool,
        narrowing: &mut Vec<StatementRef>,
    ) -> Option<Kind> {
        let resource = |least: Reach| {
            let policies = self.traces.iter().filter(|p| matches!(p.kind, Kind::Resource | Kind::Trust));
            first(policies, Effect::Allow, |one| one.reach.is_some_and(|reach| reach >= least))
        };
        let of_resource = policies.resource.as_ref().map(|named| match named.policy.kind {
            Kind::Trust => Kind::Trust,
            _ => Kind::Resource,
        });
        if !has_identity {
            return match resource(Reach::Direct) {
                Some(statement) => {
                    self.allowed.push(statement);
                    None
                }
                None => Some(of_resource.unwrap_or(Kind::Resource)),
            };
        }
        let elsewhere =
            request.resource_account.as_deref().filter(|owner| Some(*owner) != request.caller.account());
        if elsewhere.is_some() {
            match resource(Reach::Account) {
                Some(statement) => narrowing.push(statement),
                None => return Some(Kind::Resource),
            }
        } else if let Some(statement) = resource(Reach::Direct) {
            self.allowed.push(statement);
            return None;
        }
        let by_role = if elsewhere.is_none() { resource(Reach::Role) } else { None };
        match by_role.or_else(|| self.first_of(Kind::Identity)) {
            Some(statement) => self.allowed.push(statement),
            None => return Some(Kind::Identity),
        }
        let narrows =
            [(Kind::Boundary, policies.boundary.is_some()), (Kind::Session, !policies.session.is_empty())];
        for (kind, _) in narrows.into_iter().filter(|(_, given)| *given) {
            match self.first_of(kind) {
                Some(statement) => narrowing.push(statement),
                None => return Some(kind),
            }
        }
        None
    }

    fn first_of(&self, kind: Kind) -> Option<StatementRef> {
        first(self.traces.iter().filter(|policy| policy.kind == kind), Effect::Allow, |_| true)
    }
}

/// Returns the first statement that applies with this effect.
fn first<'a>(
    policies: impl Iterator<Item = &'a PolicyTrace>,
    effect: Effect,
    counts: impl Fn(&StatementTrace) -> bool,
) -> Option<StatementRef> {
    for policy in policies {
        let mut statements = policy.statements.iter();
        if let Some(one) = statements.find(|one| one.applies && one.effect == effect && counts(one)) {
            let (policy, kind) = (policy.name.clone(), policy.kind);
            return Some(StatementRef { kind, policy, index: one.index, sid: one.sid.clone() });
        }
    }
    None
}

/// Evaluates one policy by itself.
fn trace(kind: Kind, named: &Named, request: &Request) -> PolicyTrace {
    let policy = &named.policy;
    let statements: Vec<_> = policy
        .statements
        .iter()
        .enumerate()
        .map(|(index, one)| statement(index, one, policy.version, request))
        .collect();
    let has = |effect| statements.iter().any(|one| one.applies && one.effect == effect);
    let decision = match (has(Effect::Deny), has(Effect::Allow)) {
        (true, _) => Decision::ExplicitDeny,
        (false, true) => Decision::Allow,
        (false, false) => Decision::ImplicitDeny,
    };
    PolicyTrace { kind, name: named.name.clone(), decision, statements }
}

fn statement(index: usize, one: &Statement, version: Version, request: &Request) -> StatementTrace {
    let (principal, reach) = match &one.principals {
        Some(principals) => {
            let (trace, reach) = principal::evaluate(principals, &request.caller);
            (Some(trace), reach)
        }
        None => (None, None),
    };
    let action = action(&one.actions, &request.action);
    let resource = one
        .resources
        .as_ref()
        .map(|resources| resource(resources, &request.resource, version, &request.context));
    let conditions: Vec<_> =
        one.conditions.iter().map(|line| condition::evaluate(line, version, &request.context)).collect();
    let applies = action.holds
        && resource.as_ref().is_none_or(|part| part.holds)
        && principal.as_ref().is_none_or(|part| part.holds)
        && conditions.iter().all(|line| line.holds);
    StatementTrace {
        index,
        sid: one.sid.clone(),
        effect: one.effect,
        applies,
        principal,
        reach,
        action,
        resource,
        conditions,
    }
}

fn action(actions: &Patterns, asked: &str) -> PartTrace {
    let named = actions.values.iter().any(|value| Pattern::wild(value).matches(asked, Case::Ignored));
    PartTrace {
        element: if actions.negated { "NotAction" } else { "Action" },
        wanted: actions
            .values
            .iter()
            .map(|value| Wanted { written: value.clone(), value: Ok(value.clone()) })
            .collect(),
        actual: asked.to_owned(),
        holds: named != actions.negated,
    }
}

fn resource(resources: &Patterns, asked: &str, version: Version, context: &Context) -> PartTrace {
    let mut named = false;
    let mut unresolved = false;
    let mut wanted = Vec::with_capacity(resources.values.len());
    for written in &resources.values {
        let value = resolve(written, version, context, true);
        unresolved |= value.is_err();
        if let Ok(resolved) = &value {
            named |= resolved.pattern.clone().bound_to_parts().matches(asked, Case::Matters);
        }
        wanted.push(Wanted { written: written.clone(), value: value.map(|resolved| resolved.text) });
    }
    // A NotResource that cannot be read in full must not reach further than its author meant.
    let holds = if resources.negated { !named && !unresolved } else { named };
    PartTrace {
        element: if resources.negated { "NotResource" } else { "Resource" },
        wanted,
        actual: asked.to_owned(),
        holds,
    }
}

#[cfg(test)]
mod tests;
