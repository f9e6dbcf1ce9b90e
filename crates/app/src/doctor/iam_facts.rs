//! Pure: what IAM holds, against the token at hand: provider, role, trust policy line by line, permissions.
//!
//! The policies are evaluated by `core::policy`; here its traces become findings.

use jiff::Timestamp;
use pintail_core::name::RoleArn;
use pintail_core::policy::lint::{self, Home, Level as LintLevel};
use pintail_core::policy::session::{S3Parameters, Session, s3_arn};
use pintail_core::policy::trust::{self, Cargo, TrustReason, TrustRequest};
use pintail_core::policy::{
    ConditionTrace, Kind, Named, Obstacle, PartTrace, Policy, PolicySet, Reason, StatementTrace, Why,
    evaluate,
};

use super::finding::{Finding, Line};
use super::issuer_facts::Difference;
use super::token::TokenAtHand;

/// A provider as IAM has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderSeen {
    /// Its URL without the scheme.
    pub(crate) name: String,
    /// The client IDs that it lists.
    pub(crate) client_ids: Vec<String>,
}

/// A role as IAM has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleSeen {
    /// Its ARN.
    pub(crate) arn: String,
    /// Its trust policy.
    pub(crate) trust: String,
    /// The longest session that it allows, in seconds.
    pub(crate) max_session_s: u64,
    /// Its permission policies, by name.
    pub(crate) policies: Vec<(String, String)>,
    /// Its permissions boundary.
    pub(crate) boundary: Option<String>,
    /// Policies that are attached and could not be read.
    pub(crate) unread: Vec<String>,
}

/// Whom the judgements are about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The bookmark.
    pub(crate) bookmark: &'a str,
    /// The role.
    pub(crate) role: &'a RoleArn,
    /// The issuer that tokens name.
    pub(crate) issuer: &'a str,
    /// The client ID that tokens are for.
    pub(crate) client_id: &'a str,
}

impl About<'_> {
    /// Returns the issuer as IAM names it.
    fn provider_name(&self) -> &str {
        without_scheme(self.issuer)
    }

    /// Returns the ARN of the provider for the issuer.
    pub(crate) fn provider_arn(&self) -> String {
        format!(
            "arn:{}:iam::{}:oidc-provider/{}",
            self.role.partition().name(),
            self.role.account(),
            self.provider_name()
        )
    }
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

/// Judges the providers of the role's account.
pub(crate) fn provider(providers: &[ProviderSeen], about: &About<'_>) -> Finding {
    let (wanted, account, client) = (about.provider_name(), about.role.account(), about.client_id);
    let list = |finding: Finding, found: &str, holds: bool| {
        finding.with(vec![Line::new(format!("provider in account {account}"), wanted, found, holds)])
    };
    if let Some(found) = providers.iter().find(|provider| provider.name == wanted) {
        let holds = found.client_ids.iter().any(|id| id == client);
        let evidence = vec![
            Line::new(format!("provider in account {account}"), wanted, &found.name, true),
            Line::new("client IDs of the provider", client, found.client_ids.join(", "), holds),
        ];
        let near = found.client_ids.iter().find(|id| id.trim().eq_ignore_ascii_case(client));
        let finding = if holds {
            Finding::ok("provider", format!("account {account} knows the issuer and the application"))
        } else {
            Finding::broken(
                "provider",
                match near {
                    Some(near) => {
                        format!("the provider lists the client ID {near:?}, and tokens say {client:?}")
                    }
                    None => format!("the provider does not list the client ID {client}"),
                },
                "STS refuses every token of this application: \"Incorrect token audience\"",
                format!(
                    "Ask your AWS admin: `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {} --client-id {client}`.",
                    about.provider_arn()
                ),
            )
        };
        return finding.with(evidence);
    }
    let create = format!(
        "Ask your AWS admin: `aws iam create-open-id-connect-provider --url {} --client-id-list {client}` in account {account}.",
        about.issuer
    );
    let nearest = providers
        .iter()
        .filter_map(|provider| Some((Difference::between(wanted, &provider.name)?, provider)))
        .find(|(difference, _)| *difference != Difference::Other);
    match nearest {
        Some((difference, found)) => list(
            Finding::broken(
                "provider",
                format!("the account has a provider {}, and tokens name {wanted}", found.name),
                format!(
                    "what differs is {}; AWS compares byte by byte: \"No OpenIDConnect provider found in your account\"",
                    difference.words()
                ),
                create,
            ),
            &found.name,
            false,
        ),
        None => {
            let all: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
            list(
                Finding::broken(
                    "provider",
                    format!("account {account} has no identity provider for {}", about.issuer),
                    "STS refuses every token of this issuer: \"No OpenIDConnect provider found in your account\"",
                    create,
                ),
                if all.is_empty() { "none" } else { all[0] },
                false,
            )
        }
    }
}

/// Judges whether the role is there, and whether it is the one that the ARN names.
pub(crate) fn role(seen: Option<&RoleSeen>, about: &About<'_>, wished_s: Option<u64>) -> Finding {
    let asked = about.role.as_str();
    let Some(seen) = seen else {
        return Finding::broken(
            "role",
            format!("account {} has no role {}", about.role.account(), about.role.role_name()),
            "STS says \"Not authorized to perform sts:AssumeRoleWithWebIdentity\", as for a role that does not let you in",
            format!("Compare the role's name letter by letter, or ask your AWS admin for its ARN: `pintail bookmark edit {} --role-arn ARN`.", about.bookmark),
        )
        .with(vec![Line::new("role", asked, "none", false)]);
    };
    let mut evidence = vec![Line::same("role", asked, &seen.arn)];
    if seen.arn != asked {
        return Finding::broken(
            "role",
            format!("the role's ARN is {}, and the bookmark says {asked}", seen.arn),
            "the path belongs to the ARN, and capital letters count",
            format!(
                "Write it as IAM has it: `pintail bookmark edit {} --role-arn {}`.",
                about.bookmark, seen.arn
            ),
        )
        .with(evidence);
    }
    if let Some(wished) = wished_s {
        evidence.push(Line::new(
            "MaxSessionDuration, in seconds",
            format!("at least {wished}"),
            seen.max_session_s.to_string(),
            seen.max_session_s >= wished,
        ));
        if seen.max_session_s < wished {
            return Finding::warning(
                "role",
                format!("the role allows sessions of {} s, and {wished} s are asked for", seen.max_session_s),
                "sessions are shorter than asked; other programs fail with a ValidationError",
                format!("Ask your AWS admin: `aws iam update-role --role-name {} --max-session-duration {wished}`.", about.role.role_name()),
            )
            .with(evidence);
        }
    }
    Finding::ok("role", format!("the role is there, with sessions of up to {} s", seen.max_session_s))
        .with(evidence)
}

/// Judges the trust policy with the token at hand.
pub(crate) fn trust(
    document: &str,
    name: &str,
    token: &TokenAtHand,
    session_name: &str,
    about: &About<'_>,
    now: Timestamp,
) -> Finding {
    let policy = match Policy::parse(document, Kind::Trust) {
        Ok(policy) => policy,
        Err(error) => {
            return Finding::broken(
                "trust",
                format!("the trust policy cannot be read: {error}"),
                "AWS would not take it either",
                "Ask your AWS admin to correct the trust policy; `pintail policy lint FILE` names the place.",
            );
        }
    };
    let named = Named::new(name, policy.clone());
    let provider = about.provider_arn();
    let request = TrustRequest {
        claims: &token.claims,
        provider: &provider,
        role: Some(about.role.as_str()),
        session_name,
        now,
        source_ip: None,
        more: None,
    };
    let verdict = trust::evaluate(&named, &request);
    let role_name = about.role.role_name();
    let denied = "STS says \"Not authorized to perform sts:AssumeRoleWithWebIdentity\" and nothing more";
    match &verdict.reason {
        TrustReason::Admitted(statement) => {
            let evidence = verdict
                .actions
                .first()
                .and_then(|(_, verdict)| verdict.statement(statement))
                .map(lines)
                .unwrap_or_default();
            lints(&policy, &provider, about)
                .unwrap_or_else(|| Finding::ok("trust", "the trust policy lets this token in"))
                .with(evidence)
        }
        TrustReason::Denied { action, statement } => {
            let trace = verdict.actions.iter().find(|(asked, _)| asked == action);
            let evidence =
                trace.and_then(|(_, verdict)| verdict.statement(statement)).map(lines).unwrap_or_default();
            Finding::broken(
                "trust",
                format!("a statement of the trust policy denies {action}: {}", place(statement.index, statement.sid.as_deref())),
                denied,
                format!("Ask your AWS admin to look at the statement with Deny in the trust policy of {role_name}."),
            )
            .with(evidence)
        }
        TrustReason::Carries { action, cargo } => {
            let what = match cargo {
                Cargo::Tags => "session tags",
                Cargo::SourceIdentity => "a source identity",
            };
            Finding::broken(
                "trust",
                format!("the token carries {what}, and the trust policy does not allow {action}"),
                "AWS refuses the whole exchange then, not the tags alone",
                format!(
                    "Ask your AWS admin to add {action} to the actions of the trust policy of {role_name}."
                ),
            )
            .with(vec![Line::new("Action", *action, "not in the statement", false)])
        }
        TrustReason::NotAdmitted => {
            let nearest = verdict.actions.first().and_then(|(_, verdict)| verdict.nearest(Kind::Trust));
            let Some((_, statement)) = nearest else {
                return Finding::broken(
                    "trust",
                    "no statement of the trust policy allows anything",
                    denied,
                    format!(
                        "Ask your AWS admin for a statement that lets {provider} in to {role_name}; `pintail setup` writes one."
                    ),
                );
            };
            not_admitted(statement, about, token).with(lines(statement))
        }
    }
}

fn place(index: usize, sid: Option<&str>) -> String {
    match sid {
        Some(sid) => format!("statement {} ({sid})", index + 1),
        None => format!("statement {}", index + 1),
    }
}

/// Says what keeps the nearest statement from letting the token in.
fn not_admitted(statement: &StatementTrace, about: &About<'_>, token: &TokenAtHand) -> Finding {
    let role_name = about.role.role_name();
    let here = place(statement.index, statement.sid.as_deref());
    let denied = "STS says \"Not authorized to perform sts:AssumeRoleWithWebIdentity\" and nothing more";
    let ask = |what: String| format!("Ask your AWS admin: in the trust policy of {role_name}, {what}.");
    let broken = |seen: String, means: &str, next: String| Finding::broken("trust", seen, means, next);
    match statement.obstacles().next() {
        None => broken(
            format!("{here} of the trust policy does not apply"),
            denied,
            ask("let the provider in".into()),
        ),
        Some(Obstacle::Part(part)) if part.element.contains("Principal") => {
            let wanted = part.wanted.iter().map(|wanted| wanted.written.clone()).collect::<Vec<_>>();
            let provider = about.provider_arn();
            let difference = wanted.iter().find_map(|one| {
                let name = one.split_once(":oidc-provider/").map(|(_, name)| name)?;
                Difference::between(about.provider_name(), name)
            });
            let means = match difference {
                Some(difference) => format!("what differs is {}; {denied}", difference.words()),
                None => denied.to_owned(),
            };
            broken(
                format!(
                    "the trust policy lets in {}, and the token is of {provider}",
                    if wanted.is_empty() { "nobody".into() } else { wanted.join(", ") }
                ),
                &means,
                ask(format!("set Principal.Federated to {provider}")),
            )
        }
        Some(Obstacle::Part(part)) if part.element.contains("Action") => broken(
            format!("{here} of the trust policy allows {}, not {}", written(part), trust::ASSUME),
            denied,
            ask(format!("set Action to {}", trust::ASSUME)),
        ),
        Some(Obstacle::Part(part)) => broken(
            format!("{here} of the trust policy has a {} that does not fit", part.element),
            denied,
            ask(format!("remove {}", part.element)),
        ),
        Some(Obstacle::Condition(condition)) => failed_condition(condition, &here, about, token),
    }
}

/// Says why a condition fails.
fn failed_condition(
    condition: &ConditionTrace,
    here: &str,
    about: &About<'_>,
    token: &TokenAtHand,
) -> Finding {
    let role_name = about.role.role_name();
    let prefix = about.provider_name();
    let key = condition.key.as_str();
    let wanted =
        condition.wanted.iter().map(|wanted| wanted.written.as_str()).collect::<Vec<_>>().join(" or ");
    let actual = condition.actual.as_ref().map(|values| values.join(", "));
    let ask = |what: String| format!("Ask your AWS admin: in the trust policy of {role_name}, {what}.");
    let claim = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'));
    let seen = |why: &str| {
        format!("{here} of the trust policy: the condition {} {key} fails: {why}", condition.operator_text)
    };
    let broken = |why: &str, means: &str, next: String| Finding::broken("trust", seen(why), means, next);
    if condition.why == Why::NeedsQuantifier {
        return broken(
            "the key can have several values",
            "without ForAnyValue: AWS never finds it true",
            ask(format!("write ForAnyValue:{} for {key}", condition.operator_text)),
        );
    }
    match (claim, &actual) {
        (Some("aud"), Some(actual)) => broken(
            &format!("wanted is {wanted}, and the token says {actual}"),
            "the audience is the application's client ID: the policy names another one",
            ask(format!("set {key} to {actual}")),
        ),
        (Some("sub"), Some(actual)) => broken(
            &format!("wanted is {wanted}, and the token says {actual}"),
            "`sub` is one person in one application: the policy names another person, or a person of another client ID, or their object ID",
            ask(format!("add {actual} to the values of {key}")),
        ),
        (Some("amr"), None) => broken(
            "the token has no amr",
            "Entra sends it only where it was added as an optional claim",
            format!(
                "Ask your Entra admin to add the optional claim `amr` to the ID token of the app registration {}.",
                about.client_id
            ),
        ),
        (Some("amr"), Some(actual)) => broken(
            &format!("wanted is {wanted}, and the token says {actual}"),
            "the person signed in without the method that is asked for",
            format!(
                "Sign in anew with it: `pintail login {} --fresh`; or ask your Entra admin to demand it by Conditional Access.",
                about.bookmark
            ),
        ),
        (Some("email"), None) => broken(
            "the token has no email",
            "Entra sends it with the scope `email` or as an optional claim, and only where the person has an address",
            format!(
                "Ask your Entra admin to add the optional claim `email` to the ID token of the app registration {}.",
                about.client_id
            ),
        ),
        (Some(claim), None) if !matches!(claim, "aud" | "sub" | "oaud") => {
            let has = token.claims.contains_key(claim);
            broken(
                if has { "AWS does not read this claim" } else { "there is no such key" },
                "of an issuer's claims AWS knows aud, sub, amr, email and oaud; a condition on another never holds",
                ask(format!(
                    "remove {key}; choose people by assignment to the application, by :sub, or by the claim https://aws.amazon.com/roles"
                )),
            )
        }
        (None, None) if key.contains(':') && condition.absence.is_some() => {
            let suffix = key.rsplit(':').next().unwrap_or_default();
            let other = key.strip_suffix(suffix).map(|rest| rest.trim_end_matches(':')).unwrap_or_default();
            match Difference::between(prefix, other).filter(|_| other.contains('/') || other.contains('.')) {
                Some(difference) => broken(
                    "the key belongs to another provider",
                    &format!("what differs from {prefix} is {}", difference.words()),
                    ask(format!("write {prefix}:{suffix} in place of {key}")),
                ),
                None => broken(
                    "the request does not have this key",
                    "nothing that AWS knows of the token or the call fills it",
                    ask(format!("look at the condition on {key}, which wants {wanted}")),
                ),
            }
        }
        (_, Some(actual)) if key.eq_ignore_ascii_case("sts:RoleSessionName") => broken(
            &format!("wanted is {wanted}, and the session is called {actual}"),
            "the policy prescribes the name of the session",
            format!(
                "Give the sessions that name: `pintail bookmark edit {} --session-name NAME`.",
                about.bookmark
            ),
        ),
        (_, actual) => broken(
            &format!("wanted is {wanted}, and the request has {}", actual.as_deref().unwrap_or("nothing")),
            "the condition is not about who signs in, but it decides all the same",
            ask(format!("look at the condition on {key}")),
        ),
    }
}

fn written(part: &PartTrace) -> String {
    part.wanted.iter().map(|wanted| wanted.written.as_str()).collect::<Vec<_>>().join(", ")
}

/// Returns the lines of a statement, each with what it wants and what it gets.
fn lines(statement: &StatementTrace) -> Vec<Line> {
    let parts = [statement.principal.as_ref(), Some(&statement.action), statement.resource.as_ref()];
    let mut lines: Vec<Line> = parts
        .into_iter()
        .flatten()
        .map(|part| Line::new(part.element, written(part), &part.actual, part.holds))
        .collect();
    for condition in &statement.conditions {
        let wanted: Vec<&str> = condition
            .wanted
            .iter()
            .map(|wanted| wanted.value.as_ref().map_or(wanted.written.as_str(), String::as_str))
            .collect();
        let actual =
            condition.actual.as_ref().map_or_else(|| "not there".to_owned(), |values| values.join(", "));
        lines.push(Line::new(
            format!("{} {}", condition.operator_text, condition.key),
            wanted.join(" or "),
            actual,
            condition.holds,
        ));
    }
    lines
}

/// Finds what in a trust policy lets in more than it should.
fn lints(policy: &Policy, provider: &str, about: &About<'_>) -> Option<Finding> {
    let home = Home { account: Some(about.role.account().as_str()), provider: Some(provider) };
    let worst =
        lint::lint(policy, &home).into_iter().filter(|lint| lint.finding.level() >= LintLevel::Warning);
    let worst = worst.max_by_key(|lint| lint.finding.level())?;
    Some(Finding::warning(
        "trust",
        format!("the trust policy lets this token in, but: {}", worst.finding),
        "it means something else than it seems to, or lets in more than it should",
        format!(
            "Ask your AWS admin to look at {} of the trust policy of {}.",
            worst.at,
            about.role.role_name()
        ),
    ))
}

/// What is to be done with the data.
#[derive(Clone, Debug)]
pub(crate) struct Use<'a> {
    /// The bucket.
    pub(crate) bucket: &'a str,
    /// The beginning of the keys.
    pub(crate) prefix: &'a str,
    /// Things are written as well.
    pub(crate) writes: bool,
}

/// Judges the permission policies for what the bookmark is used for.
pub(crate) fn permissions(
    seen: &RoleSeen,
    wanted: &Use<'_>,
    session_name: &str,
    token: Option<&TokenAtHand>,
    about: &About<'_>,
    now: Timestamp,
) -> Finding {
    let read = |(name, text): &(String, String), kind| {
        Policy::parse(text, kind)
            .map(|policy| Named::new(name.clone(), policy))
            .map_err(|error| (name.clone(), error))
    };
    let identity: Result<Vec<Named>, _> = seen.policies.iter().map(|one| read(one, Kind::Identity)).collect();
    let boundary = seen
        .boundary
        .as_ref()
        .map(|text| read(&("boundary".into(), text.clone()), Kind::Boundary))
        .transpose();
    let (identity, boundary) = match (identity, boundary) {
        (Ok(identity), Ok(boundary)) => (identity, boundary),
        (Err((name, error)), _) | (_, Err((name, error))) => {
            return Finding::broken(
                "permissions",
                format!("the policy {name} cannot be read: {error}"),
                "AWS would not take it either",
                "Ask your AWS admin to correct it; `pintail policy lint FILE` names the place.",
            );
        }
    };
    let set = PolicySet { identity, boundary, ..PolicySet::default() };
    let provider = about.provider_arn();
    let session = Session {
        role: about.role.as_str(),
        name: session_name,
        role_id: None,
        identity: token.map(|token| (provider.as_str(), &token.claims)),
        now,
        source_ip: None,
    };
    let partition = about.role.partition().name();
    let key = format!("{}pintail-doctor", wanted.prefix);
    let object = s3_arn(partition, wanted.bucket, Some(&key));
    let bucket = s3_arn(partition, wanted.bucket, None);
    let listing =
        S3Parameters { prefix: Some(wanted.prefix.to_owned()), max_keys: Some(1), ..S3Parameters::default() };
    let plain = S3Parameters::default();
    let asked = [
        ("s3:ListBucket", &bucket, &listing, true),
        ("s3:GetObject", &object, &plain, true),
        ("s3:PutObject", &object, &plain, wanted.writes),
        ("s3:DeleteObject", &object, &plain, wanted.writes),
    ];
    let mut evidence = Vec::new();
    let mut missing = Vec::new();
    for (action, resource, parameters, needed) in asked {
        let verdict = evaluate(&set, &session.request(action, resource, parameters));
        let said = match verdict.decided_by() {
            Some(statement) => format!(
                "{} by {} of {}",
                verdict.decision.name().replace('_', " "),
                place(statement.index, statement.sid.as_deref()),
                statement.policy
            ),
            None => "no policy allows it".to_owned(),
        };
        let holds = verdict.is_allow() || !needed;
        evidence.push(Line::new(
            format!("{action} on {resource}"),
            if needed { "allowed" } else { "not asked for" },
            said,
            holds,
        ));
        if needed && !verdict.is_allow() {
            missing.push((
                action,
                resource.clone(),
                matches!(verdict.reason, Reason::NothingAllows(Kind::Boundary)),
            ));
        }
    }
    let role_name = about.role.role_name();
    let unread = if seen.unread.is_empty() {
        String::new()
    } else {
        format!("; not read: {}", seen.unread.join(", "))
    };
    let reads_missing =
        missing.iter().any(|(action, ..)| matches!(*action, "s3:ListBucket" | "s3:GetObject"));
    match missing.first() {
        None => Finding::ok(
            "permissions",
            format!(
                "the role may list and read{}{unread}",
                if wanted.writes { ", write and delete" } else { "" }
            ),
        ),
        Some((action, resource, boundary)) if reads_missing => Finding::broken(
            "permissions",
            format!("the role's policies do not allow {action} on {resource}{unread}"),
            if *boundary {
                "the permissions boundary does not allow it, whatever the policies do"
            } else {
                "S3 says AccessDenied, unless the bucket's own policy lets the role in"
            },
            format!("Ask your AWS admin: allow {action} on {resource} in a policy of {role_name}."),
        ),
        Some((action, resource, _)) => {
            Finding::info("permissions", format!("the role may read, and not {action} on {resource}"))
                .means("for reading this is as it has to be")
        }
    }
    .with(evidence)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::finding::Level;
    use super::*;

    const ISSUER: &str = "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/v2.0";
    const NAME: &str = "login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/v2.0";

    fn role_arn() -> RoleArn {
        "arn:aws:iam::123456789012:role/S3".parse().unwrap()
    }

    fn about(role: &RoleArn) -> About<'_> {
        About { bookmark: "lab", role, issuer: ISSUER, client_id: "client-1" }
    }

    #[test]
    fn near_misses_of_a_provider_are_named() {
        let arn = role_arn();
        let seen = |name: &str, ids: &[&str]| ProviderSeen {
            name: name.into(),
            client_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        let v1 = "sts.windows.net/5affffff-0000-4000-8000-00000000000a/";
        let other = NAME.replace("5aff", "6bff");
        for (providers, level, part) in [
            (vec![seen(NAME, &["client-0", "client-1"])], Level::Ok, "knows the issuer"),
            (vec![seen(NAME, &["client-0"])], Level::Broken, "does not list the client ID client-1"),
            (vec![seen(NAME, &["CLIENT-1"])], Level::Broken, "lists the client ID \"CLIENT-1\""),
            (vec![seen(&format!("{NAME}/"), &["client-1"])], Level::Broken, "a slash at the end"),
            (vec![seen(v1, &["client-1"])], Level::Broken, "the version"),
            (vec![seen(&other, &["client-1"])], Level::Broken, "the tenant"),
            (vec![seen("accounts.google.com", &["client-1"])], Level::Broken, "has no identity provider"),
            (vec![], Level::Broken, "has no identity provider"),
        ] {
            let finding = provider(&providers, &about(&arn));
            assert_eq!(finding.level, level, "{providers:?}");
            let said = format!("{} {}", finding.seen, finding.means);
            assert!(said.contains(part), "{providers:?}: {said}");
        }
    }

    fn role_seen(policy: Value) -> RoleSeen {
        RoleSeen {
            arn: role_arn().to_string(),
            trust: String::new(),
            max_session_s: 3600,
            policies: vec![("s3".into(), policy.to_string())],
            boundary: None,
            unread: Vec::new(),
        }
    }

    #[test]
    fn a_role_is_held_against_what_the_bookmark_says() {
        let (arn, seen) = (role_arn(), role_seen(json!({})));
        let about = about(&arn);
        assert_eq!(role(None, &about, None).level, Level::Broken);
        assert_eq!(role(Some(&seen), &about, Some(3600)).level, Level::Ok);
        assert!(role(Some(&seen), &about, Some(7200)).next.contains("--max-session-duration 7200"));
        let moved = RoleSeen { arn: "arn:aws:iam::123456789012:role/team/S3".into(), ..seen };
        assert!(role(Some(&moved), &about, None).next.contains("role/team/S3"));
    }

    #[test]
    fn a_trust_policy_is_told_line_by_line() {
        let arn = role_arn();
        let about = about(&arn);
        let token = TokenAtHand::of_claims(
            &json!({ "iss": ISSUER, "aud": "client-1", "sub": "subject-1", "groups": ["g"] }).to_string(),
        )
        .unwrap();
        let provider = about.provider_arn();
        let judge = |statement: Value| {
            let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
            trust(&policy, "trust", &token, "me", &about, Timestamp::UNIX_EPOCH)
        };
        let with = |conditions: Value| {
            let mut all = json!({ "StringEquals": { format!("{NAME}:aud"): "client-1" } });
            for (operator, keys) in conditions.as_object().unwrap() {
                for (key, value) in keys.as_object().unwrap() {
                    all[operator][key] = value.clone();
                }
            }
            json!({ "Effect": "Allow", "Principal": { "Federated": provider.clone() }, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": all })
        };
        let healthy = judge(with(json!({})));
        assert_eq!(healthy.level, Level::Ok, "{healthy:?}");
        assert!(healthy.evidence.iter().any(|line| line.what.ends_with(":aud") && line.actual == "client-1"));
        for (statement, part) in [
            (with(json!({ "StringEquals": { format!("{NAME}:aud"): "client-2" } })), "set"),
            (with(json!({ "StringEquals": { format!("{NAME}:sub"): "subject-2" } })), "add subject-1"),
            (with(json!({ "StringEquals": { format!("{NAME}:groups"): "g" } })), "remove"),
            (with(json!({ "ForAnyValue:StringEquals": { format!("{NAME}:amr"): "mfa" } })), "`amr`"),
            (with(json!({ "StringEquals": { format!("{NAME}/:aud"): "client-1" } })), "in place of"),
            (with(json!({ "StringEquals": { "sts:RoleSessionName": "you" } })), "--session-name"),
            (with(json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } })), "aws:SourceIp"),
        ] {
            let finding = judge(statement.clone());
            assert_eq!(finding.level, Level::Broken, "{statement}");
            assert!(finding.next.contains(part), "{statement}: {}", finding.next);
            assert!(finding.evidence.iter().any(|line| !line.holds), "{statement}");
        }
        assert_eq!(trust("{", "trust", &token, "me", &about, Timestamp::UNIX_EPOCH).level, Level::Broken);
    }

    #[test]
    fn permissions_are_tried_for_what_the_bookmark_is_used_for() {
        let arn = role_arn();
        let about = about(&arn);
        let allow = |actions: Value| json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": actions, "Resource": "*" } });
        for (policy, boundary, level, part) in [
            (allow(json!("s3:*")), None, Level::Ok, "list and read"),
            (allow(json!(["s3:Get*", "s3:List*"])), None, Level::Info, "not s3:PutObject"),
            (allow(json!("s3:Get*")), None, Level::Broken, "s3:ListBucket"),
            (allow(json!("s3:*")), Some(allow(json!("ec2:*")).to_string()), Level::Broken, "boundary"),
            (json!({ "Statement": "x" }), None, Level::Broken, "cannot be read"),
        ] {
            let seen = RoleSeen { boundary, ..role_seen(policy.clone()) };
            let wanted = Use { bucket: "data", prefix: "team/", writes: true };
            let finding = permissions(&seen, &wanted, "me", None, &about, Timestamp::UNIX_EPOCH);
            assert_eq!(finding.level, level, "{policy}: {finding:?}");
            let said = format!("{} {}", finding.seen, finding.means);
            assert!(said.contains(part), "{policy}: {said}");
        }
    }
}
