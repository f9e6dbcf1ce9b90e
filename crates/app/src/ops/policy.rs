//! Policies asked: a trust policy with a token, permission policies with a request, a file of cases, and what nobody should write.
//!
//! Nothing here reaches a network. Files are read, the question is put to `pintail_core::policy`, and what came out is handed on with what
//! hides the person in it.

mod cases;
mod mask;
mod read;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pintail_core::policy::session::{S3Parameters, Session, s3_arn};
use pintail_core::policy::trust::{self, Claims, TrustRequest, TrustVerdict};
use pintail_core::policy::{
    Caller, Context, Decision, Effect, Kind, Named, NoCaller, ParseError, Policy, PolicySet, Principal,
    Request, Verdict, can_have_several, lint,
};

pub(crate) use cases::{CaseOutcome, CaseResult, Cases, DEFAULT_SESSION_NAME};
pub(crate) use mask::Mask;
pub(crate) use read::{Reader, refuse_token};

use super::{App, Error};

/// What is wrong with what was given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// A document is no policy.
    #[error("{} is no {kind}", called(path))]
    Document {
        /// The file.
        path: PathBuf,
        /// What it was read as.
        kind: Kind,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// A file has no claims in it.
    #[error("{} holds no claims of a token: {reason}", called(path))]
    Claims {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A file has no token in it. Says nothing of what is in it.
    #[error("{} holds no ID token: {reason}", called(path))]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A token stands on the command line, where others see it.
    #[error("a token stands on the command line")]
    TokenTyped,
    /// Somebody who cannot ask.
    #[error(transparent)]
    Caller(#[from] NoCaller),
    /// A key without a value.
    #[error("\"{0}\" is no KEY=VALUE")]
    Context(String),
    /// No action that can be asked for.
    #[error(
        "\"{0}\" is no action to ask for: it has a service and a name, as \"s3:GetObject\" has, and no wildcard"
    )]
    Action(String),
    /// No resource that can be asked for.
    #[error("\"{0}\" is neither an ARN nor s3://bucket/key")]
    Resource(String),
    /// The trust policy names no provider, or several.
    #[error("the trust policy names {count} identity providers, and the token's issuer is none of them")]
    Provider {
        /// How many.
        count: usize,
    },
    /// Policies of principals without a principal.
    #[error("a resource policy is asked about somebody, and nobody is named")]
    NobodyNamed,
    /// A file is not text.
    #[error("{} cannot be read", called(path))]
    Text {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pintail_core::foreign_text::TextError,
    },
    /// Standard input is asked for twice.
    #[error("standard input can be read once only")]
    StdinTwice,
    /// A file of cases cannot be read.
    #[error("{}: {problem}", called(path))]
    Cases {
        /// The file.
        path: PathBuf,
        /// Where and what.
        problem: String,
    },
}

/// How a file is called in what is shown.
pub(crate) fn called(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// The policies that have a say, as files.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyFiles {
    /// Permission policies of the caller.
    pub(crate) identity: Vec<PathBuf>,
    /// Session policies.
    pub(crate) session: Vec<PathBuf>,
    /// The permissions boundary.
    pub(crate) boundary: Option<PathBuf>,
    /// Service control policies, one level each.
    pub(crate) scps: Vec<PathBuf>,
    /// Resource control policies.
    pub(crate) rcps: Vec<PathBuf>,
    /// The policy of the resource.
    pub(crate) resource: Option<PathBuf>,
}

/// Where the claims of a token are.
#[derive(Clone, Debug)]
pub(crate) enum ClaimsFrom {
    /// A JSON object in a file.
    Json(PathBuf),
    /// A token in a file, which is decoded and not verified.
    Token(PathBuf),
    /// They are here.
    Here(Claims),
}

/// What is known beside the policies and the request itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// The claims of the token that the session began with, or that is to be exchanged.
    pub(crate) claims: Option<ClaimsFrom>,
    /// The ARN of the identity provider.
    pub(crate) provider: Option<String>,
    /// Where the request comes from.
    pub(crate) source_ip: Option<IpAddr>,
    /// When; now, where nothing is said.
    pub(crate) at: Option<Timestamp>,
    /// Further keys with their values.
    pub(crate) context: Vec<(String, String)>,
}

/// A trust policy and a token.
#[derive(Clone, Debug)]
pub(crate) struct TrustQuestion {
    /// The file of the trust policy.
    pub(crate) policy: PathBuf,
    /// The role.
    pub(crate) role: Option<String>,
    /// The name of the session.
    pub(crate) session_name: String,
    /// Everything else.
    pub(crate) surroundings: Surroundings,
}

/// What a trust policy says of a token.
#[derive(Debug)]
pub(crate) struct TrustAnswer {
    /// The verdict.
    pub(crate) verdict: TrustVerdict,
    /// The ARN of the provider that was asked.
    pub(crate) provider: String,
    /// The token was decoded, not verified.
    pub(crate) unverified: bool,
    /// Hides the person.
    pub(crate) mask: Mask,
}

/// Permission policies and requests: every action on every resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestQuestion {
    /// The policies.
    pub(crate) files: PolicyFiles,
    /// The actions.
    pub(crate) actions: Vec<String>,
    /// The resources: ARNs, or `s3://bucket/key`.
    pub(crate) resources: Vec<String>,
    /// Who asks.
    pub(crate) principal: Option<String>,
    /// Whose the resources are, if not the caller's account's.
    pub(crate) resource_account: Option<String>,
    /// Everything else.
    pub(crate) surroundings: Surroundings,
}

/// What the policies say of one action on one resource.
#[derive(Debug)]
pub(crate) struct TestAnswer {
    /// The action.
    pub(crate) action: String,
    /// The ARN.
    pub(crate) resource: String,
    /// The verdict.
    pub(crate) verdict: Verdict,
}

/// What the policies say.
#[derive(Debug)]
pub(crate) struct TestAnswers {
    /// One answer for each action and resource.
    pub(crate) answers: Vec<TestAnswer>,
    /// The kinds of policies that were not given, so that their say is not known.
    pub(crate) not_given: Vec<Kind>,
    /// Service control policies that only deny; the one that AWS attaches beside them was assumed.
    pub(crate) assumed_full_access: bool,
    /// Hides the person.
    pub(crate) mask: Mask,
}

/// What AWS attaches to every level of an organization unless somebody takes it away.
const FULL_ACCESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Asks a trust policy whether it admits a token.
pub(crate) async fn trust(
    app: &App,
    reader: &mut Reader,
    question: &TrustQuestion,
) -> Result<TrustAnswer, Error> {
    let policy = reader.policy(&question.policy, Kind::Trust).await?;
    let surroundings = &question.surroundings;
    let (claims, unverified) = match &surroundings.claims {
        Some(from) => reader.claims(from).await?,
        None => (Claims::new(), false),
    };
    let provider = match &surroundings.provider {
        Some(provider) => provider.clone(),
        None => provider_of(&policy.policy, &claims)?,
    };
    let more = context_of(&surroundings.context);
    let verdict = trust::evaluate(
        &policy,
        &TrustRequest {
            claims: &claims,
            provider: &provider,
            role: question.role.as_deref(),
            session_name: &question.session_name,
            now: surroundings.at.unwrap_or_else(|| app.now()),
            source_ip: surroundings.source_ip,
            more: Some(&more),
        },
    );
    let mask = Mask::of(&claims, &verdict.context);
    Ok(TrustAnswer { verdict, provider, unverified, mask })
}

/// Finds the provider in the trust policy: that of the token's issuer, or the only one.
fn provider_of(policy: &Policy, claims: &Claims) -> Result<String, PolicyError> {
    let principals = policy.statements.iter().filter_map(|one| one.principals.as_ref());
    let mut named: Vec<&str> = Vec::new();
    for entry in principals.flat_map(|principals| &principals.entries) {
        if let Principal::Federated(arn) = entry
            && trust::key_prefix(arn).is_some()
            && !named.contains(&arn.as_str())
        {
            named.push(arn);
        }
    }
    let issuer = claims.get("iss").and_then(|issuer| issuer.as_str()?.strip_prefix("https://"));
    let of_issuer = named.iter().find(|arn| issuer.is_some() && trust::key_prefix(arn) == issuer);
    match (of_issuer, named.as_slice()) {
        (Some(arn), _) | (None, [arn]) => Ok((*arn).to_owned()),
        (None, several) => Err(PolicyError::Provider { count: several.len() }),
    }
}

/// Asks permission policies for every action on every resource.
pub(crate) async fn test(
    app: &App,
    reader: &mut Reader,
    question: &TestQuestion,
) -> Result<TestAnswers, Error> {
    let caller = question.principal.as_deref().map(Caller::parse).transpose().map_err(PolicyError::from)?;
    if caller.is_none() && question.files.resource.is_some() {
        return Err(PolicyError::NobodyNamed.into());
    }
    for action in &question.actions {
        let whole =
            action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
        if !whole || action.contains(['*', '?']) {
            return Err(PolicyError::Action(action.clone()).into());
        }
    }
    let partition = question.principal.as_deref().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    let resources: Vec<String> =
        question.resources.iter().map(|text| resource(text, partition)).collect::<Result<_, _>>()?;
    let (policies, assumed_full_access) = reader.set(&question.files).await?;
    let claims = match &question.surroundings.claims {
        Some(from) => Some(reader.claims(from).await?.0),
        None => None,
    };
    let context = session_context(app, question, caller.as_ref(), claims.as_ref());
    let mask = Mask::of(&claims.unwrap_or_default(), &context);
    let caller = caller.unwrap_or_else(somebody);
    let mut answers = Vec::new();
    for action in &question.actions {
        for resource in &resources {
            let request = Request {
                caller: caller.clone(),
                action: action.clone(),
                resource: resource.clone(),
                resource_account: question.resource_account.clone(),
                context: context.clone(),
            };
            let verdict = pintail_core::policy::evaluate(&policies, &request);
            answers.push(TestAnswer { action: action.clone(), resource: resource.clone(), verdict });
        }
    }
    Ok(TestAnswers { answers, not_given: not_given(&policies), assumed_full_access, mask })
}

/// Who asks where nobody is named: a session of a role, which is all that permission policies alone need to know.
fn somebody() -> Caller {
    Caller::Session { role: "arn:aws:iam::000000000000:role/somebody".to_owned(), name: None }
}

fn resource(text: &str, partition: &str) -> Result<String, PolicyError> {
    if let Some(place) = text.strip_prefix("s3://") {
        let (bucket, key) = match place.split_once('/') {
            Some((bucket, "")) => (bucket, None),
            Some((bucket, key)) => (bucket, Some(key)),
            None => (place, None),
        };
        if !bucket.is_empty() {
            return Ok(s3_arn(partition, bucket, key));
        }
    }
    match text == "*" || text.split(':').count() >= 6 && text.starts_with("arn:") {
        true => Ok(text.to_owned()),
        false => Err(PolicyError::Resource(text.to_owned())),
    }
}

/// The keys of a request: those of the caller, those that the token left in the session, and those that were given.
fn session_context(
    app: &App,
    question: &TestQuestion,
    caller: Option<&Caller>,
    claims: Option<&Claims>,
) -> Context {
    let surroundings = &question.surroundings;
    let fallback = somebody();
    let (role, name) = match caller.unwrap_or(&fallback) {
        Caller::Session { role, name } => (role.as_str(), name.as_deref().unwrap_or("session")),
        _ => ("", ""),
    };
    let empty = Claims::new();
    let provider = surroundings.provider.as_deref();
    let session = Session {
        role,
        name,
        role_id: None,
        identity: provider.map(|provider| (provider, claims.unwrap_or(&empty))),
        now: surroundings.at.unwrap_or_else(|| app.now()),
        source_ip: surroundings.source_ip,
    };
    let mut context = session.context(&S3Parameters::default());
    match caller {
        Some(Caller::Session { .. }) => {}
        Some(Caller::User { arn } | Caller::Root { arn }) => {
            context.set("aws:PrincipalArn", arn);
            let is_user = matches!(caller, Some(Caller::User { .. }));
            context.set("aws:PrincipalType", if is_user { "User" } else { "Account" });
            if let Some(account) = caller.and_then(Caller::account) {
                context.set("aws:PrincipalAccount", account);
            }
            if let (true, Some(name)) = (is_user, arn.rsplit('/').next()) {
                context.set("aws:username", name);
            }
        }
        Some(Caller::Service { .. }) => {
            for key in ["aws:PrincipalArn", "aws:PrincipalType", "aws:PrincipalAccount"] {
                context.remove(key);
            }
            context.set("aws:PrincipalIsAWSService", "true");
        }
        // Nobody is known well enough to say.
        Some(Caller::Anonymous | Caller::WebIdentity { .. }) | None => {
            for key in ["aws:PrincipalArn", "aws:PrincipalType", "aws:PrincipalAccount"] {
                context.remove(key);
            }
        }
    }
    context.extend(&context_of(&surroundings.context));
    context
}

/// Reads `KEY=VALUE`.
pub(crate) fn key_and_value(text: &str) -> Result<(String, String), PolicyError> {
    match text.split_once('=') {
        Some((key, value)) if key.contains(':') => Ok((key.to_owned(), value.to_owned())),
        _ => Err(PolicyError::Context(text.to_owned())),
    }
}

/// A key that is given several times has several values.
fn context_of(pairs: &[(String, String)]) -> Context {
    let mut context = Context::new();
    for (key, _) in pairs {
        let same = |other: &&(String, String)| other.0.eq_ignore_ascii_case(key);
        let values: Vec<&str> = pairs.iter().filter(same).map(|(_, value)| value.as_str()).collect();
        match values.as_slice() {
            [value] if !can_have_several(key) => context.set(key.clone(), *value),
            values => context.set_all(key.clone(), values.iter().copied()),
        };
    }
    context
}

fn not_given(policies: &PolicySet) -> Vec<Kind> {
    let given = [
        (Kind::Resource, policies.resource.is_some()),
        (Kind::Session, !policies.session.is_empty()),
        (Kind::Boundary, policies.boundary.is_some()),
        (Kind::Scp, !policies.scps.is_empty()),
        (Kind::Rcp, !policies.rcps.is_empty()),
    ];
    given.into_iter().filter(|(_, given)| !given).map(|(kind, _)| kind).collect()
}

/// What was found in a document.
#[derive(Debug)]
pub(crate) struct Looked {
    /// The file.
    pub(crate) path: PathBuf,
    /// What it was read as.
    pub(crate) kind: Kind,
    /// What was found, in the order of the document.
    pub(crate) found: Vec<lint::Lint>,
}

/// Looks a document through.
pub(crate) async fn look_through(
    reader: &mut Reader,
    path: &Path,
    kind: Option<Kind>,
    account: Option<&str>,
    provider: Option<&str>,
) -> Result<Looked, Error> {
    let text = reader.text(path).await?;
    let failed =
        |kind: Kind, source: ParseError| PolicyError::Document { path: path.to_owned(), kind, source };
    let kind = match kind {
        Some(kind) => kind,
        None => Policy::guess_kind(&text).map_err(|source| failed(Kind::Identity, source))?,
    };
    let policy = Policy::parse(&text, kind).map_err(|source| failed(kind, source))?;
    let found = lint::lint(&policy, &lint::Home { account, provider });
    Ok(Looked { path: path.to_owned(), kind, found })
}

impl Reader {
    /// Reads every policy; says whether what AWS attaches beside policies that only deny was assumed.
    async fn set(&mut self, files: &PolicyFiles) -> Result<(PolicySet, bool), Error> {
        let mut set = PolicySet::default();
        for path in &files.identity {
            set.identity.push(self.policy(path, Kind::Identity).await?);
        }
        for path in &files.session {
            set.session.push(self.policy(path, Kind::Session).await?);
        }
        if let Some(path) = &files.boundary {
            set.boundary = Some(self.policy(path, Kind::Boundary).await?);
        }
        if let Some(path) = &files.resource {
            set.resource = Some(self.policy(path, Kind::Resource).await?);
        }
        for path in &files.rcps {
            set.rcps.push(self.policy(path, Kind::Rcp).await?);
        }
        let mut assumed = false;
        for path in &files.scps {
            let mut level = vec![self.policy(path, Kind::Scp).await?];
            if level[0].policy.statements.iter().all(|one| one.effect == Effect::Deny) {
                let full = Policy::parse(FULL_ACCESS, Kind::Scp).expect("it is a policy");
                level.push(Named::new("FullAWSAccess", full));
                assumed = true;
            }
            set.scps.push(level);
        }
        Ok((set, assumed))
    }
}

/// How several answers count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// All of them are good.
    All,
    /// Some are.
    Some,
    /// None is.
    None,
}

impl Together {
    /// Counts.
    pub(crate) fn of(good: impl IntoIterator<Item = bool>) -> Self {
        let (mut yes, mut no) = (false, false);
        for one in good {
            yes |= one;
            no |= !one;
        }
        match (yes, no) {
            (true, true) => Self::Some,
            (false, true) => Self::None,
            _ => Self::All,
        }
    }
}

impl TestAnswers {
    /// How many are allowed.
    pub(crate) fn together(&self) -> Together {
        Together::of(self.answers.iter().map(|answer| answer.verdict.decision == Decision::Allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_arns_or_places() {
        for (text, expected) in [
            ("s3://b/k/ü", Some("arn:aws-cn:s3:::b/k/ü")),
            ("s3://b", Some("arn:aws-cn:s3:::b")),
            ("s3://b/", Some("arn:aws-cn:s3:::b")),
            ("arn:aws:s3:::b/*", Some("arn:aws:s3:::b/*")),
            ("*", Some("*")),
            ("s3://", None),
            ("b/k", None),
            ("arn:aws:s3", None),
        ] {
            assert_eq!(resource(text, "aws-cn").ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn keys_given_twice_have_several_values() {
        let pairs =
            ["aws:x=1", "aws:y=a", "AWS:Y=b=c", "aws:TagKeys=k"].map(|text| key_and_value(text).unwrap());
        let context = context_of(&pairs);
        assert_eq!(context.single("aws:x"), Some("1"));
        assert_eq!(context.entry("aws:y").unwrap().values, ["a", "b=c"]);
        assert!(context.entry("aws:tagkeys").unwrap().several);
        assert!(key_and_value("x=1").is_err() && key_and_value("aws:x").is_err());
    }

    #[test]
    fn answers_count_together() {
        assert_eq!(Together::of([true, true]), Together::All);
        assert_eq!(Together::of([true, false]), Together::Some);
        assert_eq!(Together::of([false]), Together::None);
    }
}
