//! Whether STS gives an ID token a role: the role's trust policy, asked with what the token says.
//!
//! Pure: claims, names and the time come in. The claims are taken as they are; whether the token is genuine, in time and known to the
//! provider is checked elsewhere. Which claim fills which key, and that a token with tags or a source identity needs two more
//! actions in the trust policy, is from the IAM User Guide ("Available keys for AWS OIDC federation", "Pass session tags in STS")
//! and from measurements at STS.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::document::Kind;
use super::evaluate::{Named, PolicySet};
use super::request::{Caller, Context, Request, account_of};
use super::trace::{Decision, Reason, StatementRef, Verdict};

/// The claims of an ID token.
pub type Claims = Map<String, Value>;

/// The action that the exchange is.
pub const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";
/// The action that a token with session tags needs besides.
pub const TAG: &str = "sts:TagSession";
/// The action that a token with a source identity needs besides.
pub const SET_SOURCE_IDENTITY: &str = "sts:SetSourceIdentity";

const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";
const ROLES: &str = "https://aws.amazon.com/roles";

/// One call of `AssumeRoleWithWebIdentity`.
#[derive(Clone, Copy, Debug)]
pub struct TrustRequest<'a> {
    /// The claims of the ID token.
    pub claims: &'a Claims,
    /// The ARN of the identity provider, `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`.
    pub provider: &'a str,
    /// The ARN of the role, where it is known. Without it, `sts:RoleAuthorizedByIdp` is not filled.
    pub role: Option<&'a str>,
    /// The name of the session, `RoleSessionName`.
    pub session_name: &'a str,
    /// When.
    pub now: Timestamp,
    /// Where the call comes from, where it is known.
    pub source_ip: Option<IpAddr>,
    /// Further keys, which win over those that are made of the rest.
    pub more: Option<&'a Context>,
}

/// What STS would do.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustVerdict {
    /// What the trust policy says.
    pub decision: Decision,
    /// Why.
    pub reason: TrustReason,
    /// What STS refuses about the token before it looks at the trust policy, as far as the claims show it.
    pub faults: Vec<TokenFault>,
    /// The keys and values that conditions were compared with.
    pub context: Context,
    /// One verdict for each action that the token needs: [`ASSUME`] first.
    pub actions: Vec<(&'static str, Verdict)>,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustReason {
    /// This statement admits the token.
    Admitted(StatementRef),
    /// This statement denies an action.
    Denied {
        /// The action.
        action: &'static str,
        /// The statement.
        statement: StatementRef,
    },
    /// Nothing allows the exchange itself.
    NotAdmitted,
    /// The exchange is allowed, and nothing allows what the token carries besides, which refuses all of it.
    Carries {
        /// The action that is missing.
        action: &'static str,
        /// What the token carries.
        cargo: Cargo,
    },
}

/// What a token can carry that needs an action of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cargo {
    /// Session tags.
    Tags,
    /// A source identity.
    SourceIdentity,
}

/// Why STS refuses a token whatever the trust policy says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// The issuer in the token is not the provider's address. STS looks the provider up by the issuer.
    #[error("the token is of the issuer {issuer}, and the provider stands for https://{provider}")]
    OtherIssuer {
        /// `iss`.
        issuer: String,
        /// The provider, without the scheme.
        provider: String,
    },
    /// The token has several audiences and no `azp`.
    #[error("the token has several audiences and no azp")]
    SeveralAudiences,
    /// The token lists the roles its bearer may take, and this one is not among them.
    #[error("the token lists roles, and {role} is not among them")]
    RoleNotListed {
        /// The role.
        role: String,
    },
    /// The role is of another account than the provider.
    #[error("the role is of account {role}, and the provider of account {provider}")]
    OtherAccount {
        /// The role's account.
        role: String,
        /// The provider's account.
        provider: String,
    },
}

impl TrustVerdict {
    /// Whether the exchange succeeds, as far as token and trust policy decide.
    pub fn is_admitted(&self) -> bool {
        self.decision.is_allow() && self.faults.is_empty()
    }
}

/// Returns what a condition key of a provider begins with: the provider's address without scheme, which its ARN ends with.
pub fn key_prefix(provider: &str) -> Option<&str> {
    provider.split_once(":oidc-provider/").map(|(_, prefix)| prefix).filter(|prefix| !prefix.is_empty())
}

/// Asks a trust policy.
pub fn evaluate(policy: &Named, request: &TrustRequest<'_>) -> TrustVerdict {
    let context = context(request);
    let policies = PolicySet { resource: Some(trusting(policy)), ..PolicySet::default() };
    let ask = |action: &'static str| {
        let question = Request {
            caller: Caller::WebIdentity { provider: request.provider.to_owned() },
            action: action.to_owned(),
            resource: request.role.unwrap_or("*").to_owned(),
            resource_account: None,
            context: context.clone(),
        };
        (action, super::evaluate(&policies, &question))
    };
    let mut needed = vec![(ASSUME, None)];
    if !tags(request.claims).is_empty() {
        needed.push((TAG, Some(Cargo::Tags)));
    }
    if text(request.claims, SOURCE_IDENTITY).is_some() {
        needed.push((SET_SOURCE_IDENTITY, Some(Cargo::SourceIdentity)));
    }
    let actions: Vec<_> = needed.iter().map(|(action, _)| ask(action)).collect();
    let (decision, reason) = conclude(&needed, &actions);
    TrustVerdict { decision, reason, faults: faults(request), context, actions }
}

/// A trust policy is asked as one, whatever it was read as.
fn trusting(policy: &Named) -> Named {
    let mut policy = policy.clone();
    policy.policy.kind = Kind::Trust;
    policy
}

fn conclude(
    needed: &[(&'static str, Option<Cargo>)],
    actions: &[(&'static str, Verdict)],
) -> (Decision, TrustReason) {
    for (action, verdict) in actions {
        if let Reason::Denied(statement) = &verdict.reason {
            return (Decision::ExplicitDeny, TrustReason::Denied { action, statement: statement.clone() });
        }
    }
    for ((action, cargo), (_, verdict)) in needed.iter().zip(actions) {
        if !verdict.is_allow() {
            let reason = match cargo {
                None => TrustReason::NotAdmitted,
                Some(cargo) => TrustReason::Carries { action, cargo: *cargo },
            };
            return (Decision::ImplicitDeny, reason);
        }
    }
    match actions.first().and_then(|(_, verdict)| verdict.decided_by()) {
        Some(statement) => (Decision::Allow, TrustReason::Admitted(statement.clone())),
        None => (Decision::ImplicitDeny, TrustReason::NotAdmitted),
    }
}

/// Returns the keys that conditions of a trust policy can test.
///
/// Without a value stay the keys that the token has no claim for, and the network's keys where they are not known.
pub fn context(request: &TrustRequest<'_>) -> Context {
    let mut context = Context::new();
    let claims = request.claims;
    if let Some(prefix) = key_prefix(request.provider) {
        context.set_provider(prefix);
        fill_provider_keys(&mut context, prefix, claims);
        if let Some(email) = text(claims, "email") {
            context.set(format!("{prefix}:email"), email);
        }
        if let Some(audience) = audiences(claims).first() {
            context.set(format!("{prefix}:oaud"), *audience);
        }
    }
    context.set("sts:RoleSessionName", request.session_name);
    if let Some(identity) = text(claims, SOURCE_IDENTITY) {
        context.set("sts:SourceIdentity", identity);
    }
    let tags = tags(claims);
    for (key, value) in &tags {
        context.set(format!("aws:RequestTag/{key}"), value);
    }
    context.set_all("aws:TagKeys", tags.into_iter().map(|(key, _)| key));
    context.set_all("sts:TransitiveTagKeys", transitive_keys(claims));
    if let (Some(roles), Some(role)) = (roles(claims), request.role) {
        context.set("sts:RoleAuthorizedByIdp", roles.iter().any(|listed| listed == role).to_string());
    }
    context.set("aws:PrincipalType", "User");
    context.set("aws:userid", request.provider);
    context.set("aws:FederatedProvider", request.provider);
    if let Some(account) = account_of(request.provider) {
        context.set("aws:PrincipalAccount", account);
    }
    fill_surroundings(&mut context, request.now, request.source_ip);
    if let Some(more) = request.more {
        context.extend(more);
    }
    context
}

/// `aud`, `sub` and `amr` of a provider, which the session keeps.
pub(super) fn fill_provider_keys(context: &mut Context, prefix: &str, claims: &Claims) {
    let audience = text(claims, "azp").or_else(|| audiences(claims).first().copied());
    if let Some(audience) = audience {
        context.set(format!("{prefix}:aud"), audience);
    }
    if let Some(subject) = text(claims, "sub") {
        context.set(format!("{prefix}:sub"), subject);
    }
    context.set_all(format!("{prefix}:amr"), texts(claims.get("amr")));
}

/// Time, transport and address, which every request has.
pub(super) fn fill_surroundings(context: &mut Context, now: Timestamp, source_ip: Option<IpAddr>) {
    let seconds = now.as_second();
    let whole = Timestamp::from_second(seconds).unwrap_or(now);
    context.set("aws:CurrentTime", whole.to_string());
    context.set("aws:EpochTime", seconds.to_string());
    context.set("aws:SecureTransport", "true");
    if let Some(address) = source_ip {
        context.set("aws:SourceIp", address.to_string());
    }
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// The texts of a claim that is one or a list of them.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn audiences(claims: &Claims) -> Vec<&str> {
    texts(claims.get("aud"))
}

/// Returns the session tags of a token, from either shape: one claim with an object in it, or one claim a tag.
///
/// In the first, every value is a list with one text.
pub fn tags(claims: &Claims) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Some(Value::Object(tags)) = claims.get(TAGS).and_then(|tags| tags.get("principal_tags")) {
        let first =
            |(key, value): (&String, &Value)| Some((key.clone(), (*texts(Some(value)).first()?).to_owned()));
        found.extend(tags.iter().filter_map(first));
    }
    for (name, value) in claims {
        let key = name.strip_prefix(TAGS).and_then(|rest| rest.strip_prefix("/principal_tags/"));
        if let (Some(key), Some(value)) = (key, texts(Some(value)).first()) {
            found.push((key.to_owned(), (*value).to_owned()));
        }
    }
    found
}

/// Returns the keys of the tags that stay when the session takes another role on.
pub fn transitive_keys(claims: &Claims) -> Vec<String> {
    let nested = claims.get(TAGS).and_then(|tags| tags.get("transitive_tag_keys"));
    let flat = claims.get(&format!("{TAGS}/transitive_tag_keys"));
    [nested, flat].into_iter().flat_map(texts).map(str::to_owned).collect()
}

/// Returns the source identity of a token.
pub fn source_identity(claims: &Claims) -> Option<&str> {
    text(claims, SOURCE_IDENTITY)
}

/// Returns the roles that a token lists; `None` where it has no such claim, which means that it does not restrict them.
///
/// A list of ARNs, or one text with `;` between them; white space around them does not count.
pub fn roles(claims: &Claims) -> Option<Vec<String>> {
    let claim = claims.get(ROLES).filter(|claim| !claim.is_null())?;
    let listed = texts(Some(claim));
    let split = listed.iter().flat_map(|text| match claim {
        Value::String(_) => text.split(';').collect::<Vec<_>>(),
        _ => vec![*text],
    });
    Some(split.map(|role| role.trim().to_owned()).filter(|role| !role.is_empty()).collect())
}

fn faults(request: &TrustRequest<'_>) -> Vec<TokenFault> {
    let mut faults = Vec::new();
    let claims = request.claims;
    if let (Some(issuer), Some(provider)) = (text(claims, "iss"), key_prefix(request.provider))
        && issuer.strip_prefix("https://") != Some(provider)
    {
        faults.push(TokenFault::OtherIssuer { issuer: issuer.to_owned(), provider: provider.to_owned() });
    }
    if audiences(claims).len() > 1 && text(claims, "azp").is_none() {
        faults.push(TokenFault::SeveralAudiences);
    }
    if let (Some(roles), Some(role)) = (roles(claims), request.role)
        && !roles.iter().any(|listed| listed == role)
    {
        faults.push(TokenFault::RoleNotListed { role: role.to_owned() });
    }
    if let (Some(role), Some(provider)) = (request.role.and_then(account_of), account_of(request.provider))
        && role != provider
    {
        faults.push(TokenFault::OtherAccount { role: role.to_owned(), provider: provider.to_owned() });
    }
    faults
}

#[cfg(test)]
mod tests;
