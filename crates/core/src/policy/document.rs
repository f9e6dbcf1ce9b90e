//! A policy as it means something: statements with who, what, on what, and under which conditions.
//!
//! Pure: values only. [`Policy::parse`] in `parse.rs` makes them; nothing here is half-read.

use std::fmt;

use super::operator::Operator;

/// What a policy is attached to, which decides what may stand in it and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The trust policy of a role: who may take it on. The only resource policy without `Resource`.
    Trust,
    /// A permission policy of a user or role.
    Identity,
    /// A policy that a session brought along; it narrows, and never grants.
    Session,
    /// A policy of a resource: that of a bucket, for example.
    Resource,
    /// A permissions boundary; it narrows, and never grants.
    Boundary,
    /// A service control policy of the organization of the caller.
    Scp,
    /// A resource control policy of the organization of the resource.
    Rcp,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Trust, Self::Identity, Self::Session, Self::Resource, Self::Boundary, Self::Scp, Self::Rcp];

    /// Whether every statement names a principal.
    pub fn names_principals(self) -> bool {
        matches!(self, Self::Trust | Self::Resource | Self::Rcp)
    }

    /// The most characters a document may have, white space not counted, where AWS documents one limit: 2048 for a trust
    /// policy (4096 after a quota increase), 6144 for a managed policy (also one that is a boundary), 2048 for a session policy
    /// together with the ARNs beside it, 20480 for a bucket policy, 5120 for SCP and RCP. An inline policy of a role
    /// may have 10240, which the lints tell apart.
    pub fn characters_max(self) -> usize {
        match self {
            Self::Trust | Self::Session => 2048,
            Self::Identity | Self::Boundary => 6144,
            Self::Resource => 20_480,
            Self::Scp | Self::Rcp => 5120,
        }
    }

    /// The name in options and JSON: `trust`, `identity`, `session`, `resource`, `boundary`, `scp`, `rcp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Identity => "identity",
            Self::Session => "session",
            Self::Resource => "resource",
            Self::Boundary => "boundary",
            Self::Scp => "scp",
            Self::Rcp => "rcp",
        }
    }
}

impl fmt::Display for Kind {
    /// Writes it as people call it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trust => "trust policy",
            Self::Identity => "permission policy",
            Self::Session => "session policy",
            Self::Resource => "resource policy",
            Self::Boundary => "permissions boundary",
            Self::Scp => "service control policy",
            Self::Rcp => "resource control policy",
        })
    }
}

/// The version of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `2008-10-17`, which is meant where a document says nothing: `${…}` is text.
    V2008,
    /// `2012-10-17`: `${…}` is a variable.
    V2012,
}

/// What a statement does where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allows.
    Allow,
    /// Denies, whatever else allows.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// One policy document.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it was read as.
    pub kind: Kind,
    /// The version that holds.
    pub version: Version,
    /// `Id`, which means nothing.
    pub id: Option<String>,
    /// Its statements, in order.
    pub statements: Vec<Statement>,
    /// Whether `Statement` is one object in place of a list.
    pub single: bool,
    /// Its size as IAM counts: characters without white space.
    pub characters: usize,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its name.
    pub sid: Option<String>,
    /// What it does.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; absent in policies of identities.
    pub principals: Option<Principals>,
    /// `Action` or `NotAction`.
    pub actions: Patterns,
    /// `Resource` or `NotResource`; absent in trust policies.
    pub resources: Option<Patterns>,
    /// The lines of `Condition`; all have to hold.
    pub conditions: Vec<Condition>,
}

/// `Action`, `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    /// Whether it is the `Not…` form.
    pub negated: bool,
    /// What is written, one pattern each.
    pub values: Vec<String>,
}

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principals {
    /// Whether it is `NotPrincipal`.
    pub negated: bool,
    /// Those who are named.
    pub entries: Vec<Principal>,
}

/// One principal as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// `"*"`, or `{"AWS": "*"}`, which means the same.
    Everyone,
    /// An account, user, role or session.
    Aws(String),
    /// An identity provider: the ARN of an OpenID Connect or SAML provider, or the name of one that AWS knows.
    Federated(String),
    /// A service, `ec2.amazonaws.com`.
    Service(String),
    /// A canonical user ID of S3.
    Canonical(String),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Aws(value) => write!(f, "AWS {value}"),
            Self::Federated(value) => write!(f, "Federated {value}"),
            Self::Service(value) => write!(f, "Service {value}"),
            Self::Canonical(value) => write!(f, "CanonicalUser {value}"),
        }
    }
}

/// One line of `Condition`: an operator, a key, and the values of which one has to fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// The operator as it is written.
    pub operator_text: String,
    /// The key as it is written; its case means nothing.
    pub key: String,
    /// The values as they are written; numbers and booleans as their text.
    pub values: Vec<String>,
}

impl Policy {
    /// Returns where a statement stands, as a JSON pointer.
    pub fn place(&self, index: usize) -> String {
        if self.single { "/Statement".to_owned() } else { format!("/Statement/{index}") }
    }
}

impl Statement {
    /// Returns how people find it: its Sid, or its number from 1.
    pub fn label(&self, index: usize) -> String {
        match &self.sid {
            Some(sid) if !sid.is_empty() => format!("\"{sid}\""),
            _ => format!("number {}", index + 1),
        }
    }
}
