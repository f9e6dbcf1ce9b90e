//! What an evaluation found, line by line, for people who ask why.
//!
//! Pure values. Every statement of every policy is here, those that do not apply as well, with each of its parts and each line of its
//! conditions: what the policy wants, what the request has, and whether that holds. No text for people is made here.

use super::document::{Effect, Kind};
use super::operator::Operator;
use super::principal::Reach;
use super::request::Absence;

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed.
    Allow,
    /// A statement denies it, and nothing can allow it.
    ExplicitDeny,
    /// Nothing allows it.
    ImplicitDeny,
}

impl Decision {
    /// Whether it is allowed.
    pub fn is_allow(self) -> bool {
        self == Self::Allow
    }

    /// The name in JSON: `allow`, `explicit_deny`, `implicit_deny`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ExplicitDeny => "explicit_deny",
            Self::ImplicitDeny => "implicit_deny",
        }
    }
}

/// Where a statement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRef {
    /// The kind of its policy.
    pub kind: Kind,
    /// The name its policy was given, a file name for example.
    pub policy: String,
    /// Its place in the policy, from 0.
    pub index: usize,
    /// Its Sid.
    pub sid: Option<String>,
}

/// Why a decision is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This statement denies.
    Denied(StatementRef),
    /// These statements allow it together: the one that grants first, then one of each kind of policy that narrows.
    Allowed(Vec<StatementRef>),
    /// No statement of this kind of policy allows it, and one would have to.
    NothingAllows(Kind),
}

/// The whole of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What came out.
    pub decision: Decision,
    /// Why.
    pub reason: Reason,
    /// Every policy that was looked at, in the order in which they count.
    pub policies: Vec<PolicyTrace>,
}

/// One policy of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyTrace {
    /// Its kind.
    pub kind: Kind,
    /// The name it was given.
    pub name: String,
    /// What it alone says.
    pub decision: Decision,
    /// Its statements.
    pub statements: Vec<StatementTrace>,
}

/// One statement of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementTrace {
    /// Its place in the policy, from 0.
    pub index: usize,
    /// Its Sid.
    pub sid: Option<String>,
    /// What it would do.
    pub effect: Effect,
    /// Whether every part and every condition holds, so that its effect counts.
    pub applies: bool,
    /// `Principal` or `NotPrincipal`; absent where the policy has neither.
    pub principal: Option<PartTrace>,
    /// How closely the principal names the caller, where it does.
    pub reach: Option<Reach>,
    /// `Action` or `NotAction`.
    pub action: PartTrace,
    /// `Resource` or `NotResource`; absent where the policy has neither.
    pub resource: Option<PartTrace>,
    /// The lines of `Condition`, in order.
    pub conditions: Vec<ConditionTrace>,
}

/// A part of a statement beside its conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct PartTrace {
    /// The element as the policy writes it: `Action`, `NotAction` …
    pub element: &'static str,
    /// What the policy names.
    pub wanted: Vec<Wanted>,
    /// What the request has.
    pub actual: String,
    /// Whether that is good for the statement, the `Not` in the element considered.
    pub holds: bool,
}

/// A value of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// As it is written.
    pub written: String,
    /// With its variables put in; or the key of the variable that has no value, with which it fits nothing.
    pub value: Result<String, String>,
}

/// One line of `Condition`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionTrace {
    /// The operator.
    pub operator: Operator,
    /// The operator as the policy writes it.
    pub operator_text: String,
    /// The key as the policy writes it.
    pub key: String,
    /// The values as the policy has them; one is enough, or for a negated operator none may fit.
    pub wanted: Vec<Wanted>,
    /// The values of the request; absent where it does not have the key.
    pub actual: Option<Vec<String>>,
    /// Why the request does not have the key, where it has not.
    pub absence: Option<Absence>,
    /// Whether the line holds.
    pub holds: bool,
    /// How that came out.
    pub why: Why,
}

/// How a condition came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// By comparing values.
    Compared,
    /// By the key being absent: some operators hold then, others do not.
    Absent,
    /// Because the key can have several values and the operator has neither `ForAnyValue:` nor `ForAllValues:`; that never
    /// holds.
    NeedsQuantifier,
}

/// One thing that keeps a statement from applying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Obstacle<'a> {
    /// The principal, the action or the resource.
    Part(&'a PartTrace),
    /// A condition.
    Condition(&'a ConditionTrace),
}

impl StatementTrace {
    /// Returns what keeps the statement from applying, in the order people check it; nothing where it applies.
    pub fn obstacles(&self) -> impl Iterator<Item = Obstacle<'_>> {
        let parts = [Some(&self.action), self.resource.as_ref(), self.principal.as_ref()];
        let parts = parts.into_iter().flatten().filter(|part| !part.holds).map(Obstacle::Part);
        parts.chain(self.conditions.iter().filter(|line| !line.holds).map(Obstacle::Condition))
    }

    /// Whether it is about this action on this resource by this caller, so that only its conditions can keep it from applying.
    pub fn is_about_request(&self) -> bool {
        let resource = self.resource.as_ref().is_none_or(|part| part.holds);
        self.action.holds && resource && self.principal.as_ref().is_none_or(|part| part.holds)
    }
}

impl Verdict {
    /// Whether it is allowed.
    pub fn is_allow(&self) -> bool {
        self.decision.is_allow()
    }

    /// Returns the statement that decided: the one that denies, or the one that grants. `None` where nothing allows.
    pub fn decided_by(&self) -> Option<&StatementRef> {
        match &self.reason {
            Reason::Denied(statement) => Some(statement),
            Reason::Allowed(statements) => statements.first(),
            Reason::NothingAllows(_) => None,
        }
    }

    /// Returns the trace of a statement.
    pub fn statement(&self, wanted: &StatementRef) -> Option<&StatementTrace> {
        let policy = self.policies.iter().find(|p| p.kind == wanted.kind && p.name == wanted.policy)?;
        policy.statements.get(wanted.index)
    }

    /// Where nothing allows it: the `Allow` that comes closest in a kind of policy. Those come first that are about this action,
    /// then about this caller and resource, then those with the fewest conditions in the way.
    pub fn nearest(&self, kind: Kind) -> Option<(&PolicyTrace, &StatementTrace)> {
        let policies = self.policies.iter().filter(|policy| policy.kind == kind);
        let allowing = policies.flat_map(|policy| policy.statements.iter().map(move |one| (policy, one)));
        let allowing = allowing.filter(|(_, one)| one.effect == Effect::Allow && !one.applies);
        allowing.min_by_key(|(_, one)| {
            let parts = [one.principal.as_ref(), one.resource.as_ref()];
            let parts = parts.into_iter().flatten().filter(|part| !part.holds).count();
            (!one.action.holds, parts, one.conditions.iter().filter(|line| !line.holds).count())
        })
    }
}
