//! Reads IAM, where somebody may, or takes the policies that were given, and has them judged.

use std::sync::Arc;

use pintail_connect::SystemRandom;
use pintail_core::connection::{Connection, SessionLength};
use pintail_core::credential::CredentialSource;
use pintail_core::name::RoleArn;
use pintail_core::retry::Schedule;
use pintail_identity::sts::{ExchangeSeams, caller_identity};

use super::case::{Admin, Case};
use super::finding::Finding;
use super::iam_facts::{self as facts, About, ProviderSeen, RoleSeen, Use};
use super::local::with_causes;
use super::token::TokenAtHand;
use crate::admin::AdminError;
use crate::admin::aws::aws_credentials;
use crate::admin::aws_query::AwsSeams;
use crate::admin::iam::Iam;
use crate::setup::desired::CredentialFrom;

/// What IAM holds, as far as it could be read.
struct Read {
    providers: Result<Vec<ProviderSeen>, String>,
    role: Result<Option<RoleSeen>, String>,
}

/// Looks at provider, role, trust policy and permissions, as far as `runs` says.
pub(super) async fn look(case: &mut Case<'_>, runs: &dyn Fn(&str) -> bool, can_ask: bool) -> Vec<Finding> {
    let all: Vec<&'static str> =
        ["provider", "role", "trust", "permissions"].into_iter().filter(|id| runs(id)).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let Some(role) = case.role_wanted().or_else(|| role_of_policies(case)) else {
        let next = "Name a bookmark with a role: `pintail doctor BOOKMARK`.";
        return all.into_iter().map(|id| Finding::not_run(id, "no role is known", next)).collect();
    };
    let given = case.request.trust_policy.is_some() || !case.request.permission_policies.is_empty();
    let read = match read(case, &role, can_ask).await {
        Ok(read) => Some(read),
        Err(why) if given => {
            tracing::debug!(why, "IAM is not read");
            None
        }
        Err(why) => {
            let next = format!(
                "Read IAM as an admin: `pintail doctor {} --aws-profile NAME`, or give the policies: `--trust-policy FILE`.",
                case.name()
            );
            return all.into_iter().map(|id| Finding::not_run(id, why.clone(), next.clone())).collect();
        }
    };
    let iam_was_read = read.as_ref().is_some_and(|read| read.role.is_ok());
    let findings = judge(case, &role, read.as_ref(), &all);
    case.iam_was_read = iam_was_read;
    findings
}

/// Returns the role that a token names, for policies that were given without a bookmark.
fn role_of_policies(case: &Case<'_>) -> Option<RoleArn> {
    case.request.trust_policy.as_ref()?;
    let listed = case.token.as_ref().and_then(super::token::listed_roles).unwrap_or_default();
    listed.first().and_then(|role| role.parse().ok()).or_else(|| {
        // A trust policy names the provider of the role's own account.
        let text = case.request.trust_policy.as_deref()?;
        let (_, rest) = text.split_once("arn:")?;
        let provider = rest.split('"').next()?;
        let mut parts = provider.split(':');
        let (partition, account) = (parts.next()?, parts.nth(2)?);
        format!("arn:{partition}:iam::{account}:role/ROLE").parse().ok()
    })
}

fn judge(case: &Case<'_>, role: &RoleArn, read: Option<&Read>, all: &[&'static str]) -> Vec<Finding> {
    let token = case.token.as_ref();
    let text = |claim: &str| token.and_then(|token| token.text(claim)).map(str::to_owned);
    let issuer = text("iss").or_else(|| case.issuer()).unwrap_or_default();
    let client = token
        .map(TokenAtHand::audience_for_aws)
        .filter(|audience| !audience.is_empty())
        .or_else(|| case.web().map(|web| web.client_id.to_string()))
        .unwrap_or_default();
    let name = case.name();
    let about = About { bookmark: &name, role, issuer: &issuer, client_id: &client };
    let session = case.session_name.clone().unwrap_or_else(|| "pintail".into());
    let now = case.app.now();
    let wished = case.connection.as_ref().and_then(|connection| match connection.wish.length {
        SessionLength::Exactly(wished) => Some(wished.as_secs()),
        SessionLength::Longest | SessionLength::Service => None,
    });
    let ask = format!("Read IAM as an admin: `pintail doctor {name} --aws-profile NAME`.");
    let mut findings = Vec::new();
    let role_read = read.map(|read| read.role.clone());
    for id in all {
        let finding = match *id {
            "provider" => match read.map(|read| &read.providers) {
                Some(Ok(_)) if issuer.is_empty() => {
                    Finding::not_run("provider", "the issuer is not known", ask.clone())
                }
                Some(Ok(providers)) => facts::provider(providers, &about),
                Some(Err(why)) => Finding::not_run("provider", why.clone(), ask.clone()),
                None => Finding::not_run("provider", "IAM was not read", ask.clone()),
            },
            "role" => match &role_read {
                Some(Ok(seen)) => facts::role(seen.as_ref(), &about, wished),
                Some(Err(why)) => Finding::not_run("role", why.clone(), ask.clone()),
                None => Finding::not_run("role", "IAM was not read", ask.clone()),
            },
            "trust" => {
                let own = match &role_read {
                    Some(Ok(Some(seen))) => Some(seen.trust.clone()),
                    _ => None,
                };
                let document = case.request.trust_policy.clone().or(own);
                match (document, token) {
                    (Some(document), Some(token)) => {
                        facts::trust(&document, "trust policy", token, &session, &about, now)
                    }
                    (Some(_), None) => Finding::not_run(
                        "trust",
                        "there is no token to hold the trust policy against",
                        format!(
                            "Sign in: `pintail login {name}`; or give a token's claims: `--claims FILE`."
                        ),
                    ),
                    (None, _) => missing("trust", role_read.as_ref(), &ask),
                }
            }
            _ => permissions(case, role_read.as_ref(), token, &session, &about, &ask),
        };
        findings.push(finding);
    }
    findings
}

fn missing(check: &'static str, role: Option<&Result<Option<RoleSeen>, String>>, ask: &str) -> Finding {
    match role {
        Some(Ok(None)) => Finding::blocked(check, "role", super::finding::Level::Broken),
        Some(Err(why)) => Finding::not_run(check, why.clone(), ask),
        _ => Finding::not_run(check, "IAM was not read", ask),
    }
}

fn permissions(
    case: &Case<'_>,
    read: Option<&Result<Option<RoleSeen>, String>>,
    token: Option<&TokenAtHand>,
    session: &str,
    about: &About<'_>,
    ask: &str,
) -> Finding {
    let given = &case.request.permission_policies;
    let seen = match read {
        Some(Ok(Some(seen))) if given.is_empty() => seen.clone(),
        other => {
            if given.is_empty() {
                return missing("permissions", other, ask);
            }
            let policies = given
                .iter()
                .enumerate()
                .map(|(at, text)| (format!("policy {}", at + 1), text.clone()))
                .collect();
            RoleSeen {
                arn: about.role.to_string(),
                trust: String::new(),
                max_session_s: 3600,
                policies,
                boundary: None,
                unread: Vec::new(),
            }
        }
    };
    let Some((bucket, prefix)) = place(case) else {
        return Finding::info("permissions", "no bucket is named, so the policies were not tried")
            .next(format!("Name one: `pintail doctor {} --place BUCKET/FOLDER`.", about.bookmark));
    };
    let writes = case.connection.as_ref().is_none_or(|connection| !connection.read_only);
    let wanted = Use { bucket: &bucket, prefix: &prefix, writes };
    facts::permissions(&seen, &wanted, session, token, about, case.app.now())
}

/// Returns where in S3 the bookmark leads.
pub(super) fn place(case: &Case<'_>) -> Option<(String, String)> {
    if let Some((bucket, prefix)) = &case.request.place {
        return Some((bucket.to_string(), prefix.to_string()));
    }
    let path = case.connection.as_ref()?.default_path.as_deref()?.trim_start_matches('/');
    let (bucket, rest) = path.split_once('/').unwrap_or((path, ""));
    let prefix = rest.trim_end_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    (!bucket.is_empty()).then(|| (bucket.to_owned(), prefix))
}

/// Reads what there is, with whatever credential was named.
async fn read(case: &Case<'_>, role: &RoleArn, can_ask: bool) -> Result<Read, String> {
    let (source, endpoint): (Arc<dyn CredentialSource>, _) = match &case.request.admin {
        Admin::Own => {
            if !can_ask {
                return Err("without a session of the role nobody may read IAM here".into());
            }
            let name = case.request.name.as_ref().ok_or("there is no bookmark")?;
            let access = case.app.access(name).await.map_err(|error| with_causes(&error))?;
            (access.source, None)
        }
        other => {
            let from = match other {
                Admin::Profile(name) => CredentialFrom::Profile(name.clone()),
                Admin::Bookmark(name) => CredentialFrom::Bookmark(name.clone()),
                Admin::Environment | Admin::Own => CredentialFrom::Environment,
            };
            let region = match &case.connection {
                Some(connection) => connection.region.clone(),
                None => role.partition().default_region(),
            };
            let admin = aws_credentials(case.app, &from, &region).await;
            let admin = admin.map_err(|error| with_causes(&error))?;
            (admin.source, admin.iam)
        }
    };
    let http = match &case.connection {
        Some(connection) => case.app.http(connection),
        None => case.app.plain_http(),
    }
    .map_err(|error| with_causes(&error))?;
    if case.request.admin != Admin::Own {
        same_account(case, source.as_ref(), &http, role).await?;
    }
    let seams = AwsSeams {
        http,
        clock: case.app.shared_clock(),
        random: Arc::new(SystemRandom),
        credentials: source,
    };
    let of_environment = case.app.environment().aws.iam_address.as_deref();
    let endpoint = of_environment.and_then(|text| text.parse().ok()).or(endpoint);
    let iam = Iam::new(seams, role.partition(), endpoint);
    let providers = providers(&iam).await;
    let seen = role_seen(&iam, role.role_name()).await;
    match (&providers, &seen) {
        (Err(why), Err(_)) => Err(why.clone()),
        _ => Ok(Read { providers, role: seen }),
    }
}

/// Makes sure that the admin's credential is of the role's account.
async fn same_account(
    case: &Case<'_>,
    source: &dyn CredentialSource,
    http: &Arc<dyn pintail_core::seam::HttpClient>,
    role: &RoleArn,
) -> Result<(), String> {
    let Some(connection) = &case.connection else { return Ok(()) };
    let credential = source.credential().await.map_err(|error| with_causes(&*error.source))?;
    let Some(credential) = credential else { return Err("access as admin is anonymous".into()) };
    let endpoint = sts(connection)?;
    let clock = case.app.shared_clock();
    let seams = ExchangeSeams { http: http.as_ref(), clock: clock.as_ref(), random: case.app.random() };
    let caller = caller_identity(seams, &endpoint, &credential, Schedule::INTERACTIVE).await;
    match caller {
        Ok(caller) if caller.account != role.account().as_str() => Err(format!(
            "the admin's credential is of account {}, and the role of {}",
            caller.account,
            role.account()
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("the admin's credential is refused: {}", with_causes(&error))),
    }
}

fn sts(connection: &Connection) -> Result<pintail_identity::sts::StsEndpoint, String> {
    pintail_connect::sts_endpoint(connection).map_err(|error| with_causes(&error))
}

fn text(error: &AdminError) -> String {
    match error {
        AdminError::Refused(refusal) if !refusal.message.is_empty() => {
            format!("{refusal}: {}", refusal.message)
        }
        error => with_causes(error),
    }
}

async fn providers(iam: &Iam) -> Result<Vec<ProviderSeen>, String> {
    let mut all = Vec::new();
    for arn in iam.provider_arns().await.map_err(|error| text(&error))? {
        if let Some(provider) = iam.provider(&arn).await.map_err(|error| text(&error))? {
            all.push(ProviderSeen { name: provider.name, client_ids: provider.client_ids });
        }
    }
    Ok(all)
}

async fn role_seen(iam: &Iam, name: &str) -> Result<Option<RoleSeen>, String> {
    let Some(role) = iam.role(name).await.map_err(|error| text(&error))? else { return Ok(None) };
    let mut seen = RoleSeen {
        arn: role.arn,
        trust: role.trust,
        max_session_s: u64::from(role.max_session_s),
        policies: Vec::new(),
        boundary: None,
        unread: Vec::new(),
    };
    match iam.role_policies(name).await {
        Ok(names) => {
            for policy in names {
                match iam.role_policy(name, &policy).await {
                    Ok(Some(text)) => seen.policies.push((policy, text)),
                    Ok(None) => {}
                    Err(_) => seen.unread.push(policy),
                }
            }
        }
        Err(_) => seen.unread.push("the inline policies".into()),
    }
    match iam.attached_role_policies(name).await {
        Ok(attached) => {
            for policy in attached {
                match iam.managed_policy(&policy.arn).await {
                    Ok(Some(text)) => seen.policies.push((policy.name, text)),
                    _ => seen.unread.push(policy.arn),
                }
            }
        }
        Err(_) => seen.unread.push("the attached policies".into()),
    }
    if let Some(boundary) = role.boundary {
        match iam.managed_policy(&boundary).await {
            Ok(Some(text)) => seen.boundary = Some(text),
            _ => seen.unread.push(boundary),
        }
    }
    Ok(Some(seen))
}
