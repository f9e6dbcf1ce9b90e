//! What IAM accepts and nobody should write: findings over a policy that was read.
//!
//! Pure. A finding states a fact and where it stands; what to do about it is for the people's side of the program. That nothing is found
//! does not mean that a policy is good.

mod permission;
mod s3;
mod trust;

use super::compare::is_of_its_kind;
use super::document::{Condition, Effect, Kind, Policy, Statement, Version};
use super::operator::{Comparison, Quantifier};
use super::pattern::{Pattern, variables};
use super::request::can_have_several;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Works, and probably means something else than its author thinks, or lets in more than it should.
    Warning,
    /// Cannot do what it is there for.
    Error,
}

impl Level {
    /// The name in JSON: `note`, `warning`, `error`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Where, as a JSON pointer; empty for the document as a whole.
    pub at: String,
    /// The Sid of the statement, where it has one.
    pub sid: Option<String>,
    /// What.
    pub finding: Finding,
}

/// What was found. Says facts, not advice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A trust policy that tests no audience.
    #[error(
        "no condition tests {prefix}:aud, so that the tokens of every client of the provider are admitted"
    )]
    NoAudience {
        /// What the key begins with.
        prefix: String,
    },
    /// `ForAllValues:` where it allows.
    #[error("{operator} on {key} holds for every request that does not have the key at all")]
    ForAllValuesAllows {
        /// The operator as written.
        operator: String,
        /// The key as written.
        key: String,
    },
    /// A wildcard under an operator that has none.
    #[error("{operator} compares {value} character by character: the wildcard in it is a plain character")]
    PlainWildcard {
        /// The operator as written.
        operator: String,
        /// The value.
        value: String,
    },
    /// A key that can have several values under an operator for one.
    #[error(
        "{key} can have several values, and {operator} without ForAnyValue: or ForAllValues: never holds for such a key"
    )]
    NeedsQuantifier {
        /// The operator as written.
        operator: String,
        /// The key as written.
        key: String,
    },
    /// A key of the right provider in other letters.
    #[error(
        "{key} is the provider's {prefix} in other upper and lower case; that works for keys, and hides a slip in the provider's address, where it does not"
    )]
    KeyCase {
        /// The key as written.
        key: String,
        /// What keys of the provider begin with.
        prefix: String,
    },
    /// A key with the scheme of an address, or a slash before the colon.
    #[error(
        "{key} never has a value: keys of the provider begin with {prefix}, without https:// and without a slash at the end"
    )]
    KeyAddress {
        /// The key as written.
        key: String,
        /// What keys of the provider begin with.
        prefix: String,
    },
    /// A key of another provider than the principal.
    #[error("{key} never has a value: the principal's provider is {prefix}")]
    KeyProvider {
        /// The key as written.
        key: String,
        /// What keys of the provider begin with.
        prefix: String,
    },
    /// A claim that never becomes a key.
    #[error("{key} never has a value: of this issuer's claims, AWS offers aud, sub, amr, email and oaud")]
    NeverFilled {
        /// The key as written.
        key: String,
    },
    /// A provider's ARN with the scheme of an address in it, or a slash at the end.
    #[error(
        "{arn} is no provider's ARN: it ends with the provider's address without https:// and without a slash at the end"
    )]
    ProviderArn {
        /// As written.
        arn: String,
    },
    /// A provider of another account.
    #[error("{arn} is of account {found}, and a role trusts providers of its own account {account} only")]
    OtherAccount {
        /// As written.
        arn: String,
        /// Its account.
        found: String,
        /// The role's account.
        account: String,
    },
    /// A provider with the action that is not for it.
    #[error("the principal is an identity provider, and no action is sts:AssumeRoleWithWebIdentity")]
    NotWebIdentity,
    /// An action that is none of STS, in a trust policy.
    #[error("{0} is no action of STS, and IAM takes no other in a trust policy")]
    NotSts(String),
    /// Everybody may take the role on.
    #[error("the principal is everybody")]
    EveryPrincipal,
    /// A wildcard within a principal.
    #[error("{0} names nobody: a principal is compared character by character, or is \"*\"")]
    PartlyWildPrincipal(String),
    /// More characters than fit.
    #[error("{characters} characters, not counting white space; at most {most} fit{beyond}")]
    TooLong {
        /// Without white space.
        characters: usize,
        /// The limit that is passed.
        most: usize,
        /// What else is to be said: a limit that is higher elsewhere.
        beyond: &'static str,
    },
    /// `${…}` in the old version of the language.
    #[error("{0} is plain text: variables need \"Version\": \"2012-10-17\"")]
    PlainVariable(String),
    /// A value of another kind than its operator compares.
    #[error("{operator} cannot compare {value}, which is of another kind")]
    OtherKind {
        /// The operator as written.
        operator: String,
        /// The value.
        value: String,
    },
    /// A list without anything in it.
    #[error("{0} is an empty list")]
    Empty(&'static str),
    /// An action on buckets with resources that are objects only.
    #[error("{action} is done to a bucket, and every resource beside it names objects")]
    BucketAction {
        /// The action.
        action: String,
    },
    /// An action on objects with resources that are buckets only.
    #[error("{action} is done to objects, and every resource beside it names a bucket")]
    ObjectAction {
        /// The action.
        action: String,
    },
    /// An action without a resource, with a resource beside it.
    #[error("{action} has no resource: it is allowed on \"*\" only")]
    NoResource {
        /// The action.
        action: String,
    },
    /// An action that S3 does not have.
    #[error("S3 has no action {action}{}", .instead.map_or_else(String::new, |name| format!("; what it is called is s3:{name}")))]
    UnknownAction {
        /// As written.
        action: String,
        /// What is probably meant.
        instead: Option<&'static str>,
    },
    /// Everything on everything.
    #[error(
        "{action} on {resource} allows everything, deleting buckets and changing who may use them included"
    )]
    Everything {
        /// As written.
        action: String,
        /// As written.
        resource: String,
    },
    /// Allowing all but some.
    #[error("{0} with Allow allows everything it does not name, what AWS adds later included")]
    AllowsTheRest(&'static str),
}

impl Finding {
    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::KeyCase { .. } | Self::Empty(_) | Self::AllowsTheRest(_) => Level::Note,
            Self::NoAudience { .. }
            | Self::ForAllValuesAllows { .. }
            | Self::PlainWildcard { .. }
            | Self::EveryPrincipal
            | Self::PlainVariable(_)
            | Self::UnknownAction { .. }
            | Self::Everything { .. } => Level::Warning,
            Self::NeedsQuantifier { .. }
            | Self::KeyAddress { .. }
            | Self::KeyProvider { .. }
            | Self::NeverFilled { .. }
            | Self::ProviderArn { .. }
            | Self::OtherAccount { .. }
            | Self::NotWebIdentity
            | Self::NotSts(_)
            | Self::PartlyWildPrincipal(_)
            | Self::TooLong { .. }
            | Self::OtherKind { .. }
            | Self::BucketAction { .. }
            | Self::ObjectAction { .. }
            | Self::NoResource { .. } => Level::Error,
        }
    }

    /// A short name for JSON and for people who look it up.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoAudience { .. } => "no-audience",
            Self::ForAllValuesAllows { .. } => "for-all-values-allows",
            Self::PlainWildcard { .. } => "plain-wildcard",
            Self::NeedsQuantifier { .. } => "needs-quantifier",
            Self::KeyCase { .. } => "key-case",
            Self::KeyAddress { .. } => "key-address",
            Self::KeyProvider { .. } => "key-provider",
            Self::NeverFilled { .. } => "never-filled",
            Self::ProviderArn { .. } => "provider-arn",
            Self::OtherAccount { .. } => "other-account",
            Self::NotWebIdentity => "not-web-identity",
            Self::NotSts(_) => "not-sts",
            Self::EveryPrincipal => "every-principal",
            Self::PartlyWildPrincipal(_) => "partly-wild-principal",
            Self::TooLong { .. } => "too-long",
            Self::PlainVariable(_) => "plain-variable",
            Self::OtherKind { .. } => "other-kind",
            Self::Empty(_) => "empty",
            Self::BucketAction { .. } => "bucket-action",
            Self::ObjectAction { .. } => "object-action",
            Self::NoResource { .. } => "no-resource",
            Self::UnknownAction { .. } => "unknown-action",
            Self::Everything { .. } => "everything",
            Self::AllowsTheRest(_) => "allows-the-rest",
        }
    }
}

/// What is known about where the policy belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Home<'a> {
    /// The account of the role, for trust policies.
    pub account: Option<&'a str>,
    /// The ARN of the identity provider that conditions are meant for, for trust policies whose principal is not it.
    pub provider: Option<&'a str>,
}

/// Looks a policy through. The findings are in the order of the document.
pub fn lint(policy: &Policy, home: &Home<'_>) -> Vec<Lint> {
    let mut found = Vec::new();
    length(policy, &mut found);
    if policy.statements.is_empty() {
        found.push(Lint { at: "/Statement".into(), sid: None, finding: Finding::Empty("Statement") });
    }
    for (index, statement) in policy.statements.iter().enumerate() {
        let mut notes = Notes { at: policy.place(index), sid: statement.sid.as_deref(), found: &mut found };
        lists(statement, &mut notes);
        for line in &statement.conditions {
            condition(line, statement.effect, policy, &mut notes);
        }
        old_variables(statement, policy.version, &mut notes);
        match policy.kind {
            Kind::Trust => trust::lint(statement, home, &mut notes),
            _ => permission::lint(statement, policy.kind, &mut notes),
        }
    }
    found
}

/// Takes the findings of one statement down.
struct Notes<'a> {
    at: String,
    sid: Option<&'a str>,
    found: &'a mut Vec<Lint>,
}

impl Notes<'_> {
    fn add(&mut self, place: &str, finding: Finding) {
        let at = format!("{}{place}", self.at);
        self.found.push(Lint { at, sid: self.sid.map(str::to_owned), finding });
    }
}

/// Returns where a line of `Condition` stands within its statement.
fn place_of(line: &Condition) -> String {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    format!("/Condition/{}/{}", escaped(&line.operator_text), escaped(&line.key))
}

fn length(policy: &Policy, found: &mut Vec<Lint>) {
    let (most, beyond) = match policy.kind {
        Kind::Trust if policy.characters > 4096 => (4096, ", after a quota increase"),
        Kind::Trust => (2048, "; 4096 after a quota increase"),
        Kind::Identity if policy.characters > 10_240 => (10_240, ", in an inline policy of a role"),
        Kind::Identity => (6144, " in a managed policy; 10240 in the inline policies of a role together"),
        kind => (kind.characters_max(), ""),
    };
    let characters = policy.characters;
    if characters > most {
        found.push(Lint {
            at: String::new(),
            sid: None,
            finding: Finding::TooLong { characters, most, beyond },
        });
    }
}

fn lists(statement: &Statement, notes: &mut Notes<'_>) {
    let element = |negated: bool, plain, not| if negated { not } else { plain };
    if statement.actions.values.is_empty() {
        let name = element(statement.actions.negated, "Action", "NotAction");
        notes.add(&format!("/{name}"), Finding::Empty(name));
    }
    if let Some(resources) = statement.resources.as_ref().filter(|resources| resources.values.is_empty()) {
        let name = element(resources.negated, "Resource", "NotResource");
        notes.add(&format!("/{name}"), Finding::Empty(name));
    }
    for line in statement.conditions.iter().filter(|line| line.values.is_empty()) {
        notes.add(&place_of(line), Finding::Empty("the list of values"));
    }
}

fn condition(line: &Condition, effect: Effect, policy: &Policy, notes: &mut Notes<'_>) {
    let (operator, key) = (line.operator_text.clone(), line.key.clone());
    let quantifier = line.operator.quantifier;
    if effect == Effect::Allow && quantifier == Some(Quantifier::ForAllValues) && !is_guarded(line, policy) {
        notes.add(
            &place_of(line),
            Finding::ForAllValuesAllows { operator: operator.clone(), key: key.clone() },
        );
    }
    let several = can_have_several(&key);
    let compares = line.operator.comparison != Comparison::Null;
    if several && compares && quantifier.is_none() {
        notes.add(&place_of(line), Finding::NeedsQuantifier { operator: operator.clone(), key });
    }
    for value in &line.values {
        let is_text =
            matches!(line.operator.comparison, Comparison::StringEquals | Comparison::StringEqualsIgnoreCase);
        if is_text && has_wildcard(value, policy.version) {
            let value = value.clone();
            notes.add(&place_of(line), Finding::PlainWildcard { operator: operator.clone(), value });
        } else if variables(value, Version::V2012).is_empty()
            && !is_of_its_kind(line.operator.comparison, value)
        {
            let value = value.clone();
            notes.add(&place_of(line), Finding::OtherKind { operator: operator.clone(), value });
        }
    }
}

/// Whether the same statement asks that the key be there, which takes the sting out of `ForAllValues:`.
fn is_guarded(line: &Condition, policy: &Policy) -> bool {
    let same = |other: &&Statement| other.conditions.iter().any(|one| std::ptr::eq(one, line));
    let statement = policy.statements.iter().find(same);
    statement.is_some_and(|statement| {
        statement.conditions.iter().any(|other| {
            let present = other.values.iter().all(|value| value.eq_ignore_ascii_case("false"));
            other.operator.comparison == Comparison::Null
                && present
                && other.key.eq_ignore_ascii_case(&line.key)
        })
    })
}

/// Whether a value has a wildcard outside of `${*}` and `${?}`.
fn has_wildcard(value: &str, version: Version) -> bool {
    let plain = match version {
        Version::V2012 => value.replace("${*}", "").replace("${?}", ""),
        Version::V2008 => value.to_owned(),
    };
    Pattern::wild(&plain).is_wild()
}

fn old_variables(statement: &Statement, version: Version, notes: &mut Notes<'_>) {
    if version == Version::V2012 {
        return;
    }
    let resources = statement.resources.iter().flat_map(|resources| &resources.values);
    let values = statement.conditions.iter().flat_map(|line| &line.values);
    for value in resources.chain(values).filter(|value| value.contains("${")) {
        notes.add("", Finding::PlainVariable(value.clone()));
    }
}

#[cfg(test)]
mod tests;
