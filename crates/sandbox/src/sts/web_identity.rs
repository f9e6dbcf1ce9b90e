//! `AssumeRoleWithWebIdentity`: an ID token buys a session.
//!
//! The order is AWS's as far as it can be seen from outside: parameters, then the token (provider, audience,
//! key, signature, times, the roles claim), and only then role and trust policy.

use std::collections::BTreeMap;

use super::issuer_keys::KeyFault;
use super::session::{self, Origin, Wish, bounded};
use super::token::{Identity, invalid, missing};
use crate::authority::request_context;
use crate::jose::Jwt;
use crate::locked;
use crate::params::Params;
use crate::policy::{Asker, Decision, Document, Request, decide};
use crate::query::{Refused, element};
use crate::server::Inbound;
use crate::world::Core;
use crate::world::account::Provider;

/// STS forgives clocks this much.
const SLACK_S: i64 = 300;

const NOT_AUTHORIZED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

pub(super) async fn assume(core: &Core, inbound: &Inbound, params: &Params) -> Result<String, Refused> {
    super::check_region(core, inbound)?;
    let wish = Wish::read(params)?;
    let token = bounded(params, "WebIdentityToken", 4, 20_000)?;
    core.recorder.secret(&token);
    let account_id = wish.account()?.to_owned();
    let not_authorized = || Refused::new(403, "AccessDenied", NOT_AUTHORIZED);
    if params.get("ProviderId").is_some() {
        return Err(not_authorized());
    }
    let jwt = Jwt::parse(&token).ok_or_else(|| {
        invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        )
    })?;
    let issuer = jwt.claims["iss"].as_str().ok_or_else(|| missing("iss"))?.to_owned();
    let (provider_arn, provider) = provider(core, &account_id, &issuer)?;
    let identity = Identity::read(&jwt.claims)?;
    inbound.name_caller(&identity.subject);
    if !provider.client_ids.contains(&identity.audience) {
        return Err(invalid("Incorrect token audience"));
    }
    check_signature(core, inbound, &issuer, &jwt).await?;
    check_times(&jwt, inbound.now.as_second())?;
    if let Some(roles) = &identity.roles
        && !roles.contains(&wish.role_arn)
    {
        return Err(invalid(
            "The token's https://aws.amazon.com/roles claim does not list the requested role",
        ));
    }

    let (role, policies, packed) = {
        let account = locked(&core.account);
        let role = wish.role(&account).ok_or_else(not_authorized)?.clone();
        if !trusted(
            &role.trust_policy,
            &account.id,
            &provider_arn,
            provider.name(),
            &identity,
            &wish,
            inbound,
        ) {
            return Err(not_authorized());
        }
        wish.check_duration(&role)?;
        let (policies, packed) = wish.session_policies(&account, &identity.tags)?;
        (role, policies, packed)
    };
    let origin = Origin {
        context: kept_context(provider.name(), &provider_arn, &identity),
        source_identity: identity.source_identity.clone(),
    };
    let common = session::issue(core, inbound, &wish, &role, policies, origin);
    let source_identity =
        identity.source_identity.map(|identity| element("SourceIdentity", &identity)).unwrap_or_default();
    Ok(format!(
        "<AssumeRoleWithWebIdentityResult>{common}{}{}{}{}{source_identity}</AssumeRoleWithWebIdentityResult>",
        element("SubjectFromWebIdentityToken", &identity.subject),
        element("PackedPolicySize", &packed.to_string()),
        element("Provider", &provider_arn),
        element("Audience", &identity.audience),
    ))
}

/// Finds the provider in the role's account by the token's exact issuer.
fn provider(core: &Core, account_id: &str, issuer: &str) -> Result<(String, Provider), Refused> {
    let account = locked(&core.account);
    account
        .providers_seen()
        .find(|(_, provider)| account.id == account_id && provider.url == issuer)
        .map(|(arn, provider)| (arn.clone(), provider.clone()))
        .ok_or_else(|| invalid(format!("No OpenIDConnect provider found in your account for {issuer}")))
}

async fn check_signature(core: &Core, inbound: &Inbound, issuer: &str, jwt: &Jwt) -> Result<(), Refused> {
    let key = core.issuer_keys.find(issuer, jwt, inbound.now).await.map_err(|fault| match fault {
        KeyFault::Unreachable => Refused::new(
            400,
            "IDPCommunicationError",
            "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity token could not be reached.",
        ),
        KeyFault::NoKey => invalid(
            "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
        ),
    })?;
    if jwt.signed_by(&key) {
        Ok(())
    } else {
        Err(invalid("The web identity token's signature could not be verified"))
    }
}

fn check_times(jwt: &Jwt, now: i64) -> Result<(), Refused> {
    // JSON numbers may come with a fraction; whole seconds decide.
    let time = |name: &str| {
        jwt.claims[name].as_i64().or_else(|| jwt.claims[name].as_f64().map(|seconds| seconds as i64))
    };
    let expires = time("exp").ok_or_else(|| missing("exp"))?;
    let issued = time("iat").ok_or_else(|| missing("iat"))?;
    if expires + SLACK_S <= now {
        return Err(Refused::new(
            400,
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {now} must be before the expiration date/time {expires}"
            ),
        ));
    }
    let starts = time("nbf").map_or(issued, |not_before| issued.max(not_before));
    if starts - SLACK_S > now {
        return Err(invalid("Token is not yet valid: its iat or nbf claim lies in the future"));
    }
    Ok(())
}

/// Evaluates the trust policy for every action that this token makes necessary.
fn trusted(
    trust_policy: &str,
    account_id: &str,
    provider_arn: &str,
    provider_name: &str,
    identity: &Identity,
    wish: &Wish,
    inbound: &Inbound,
) -> bool {
    let Ok(document) = Document::trust(trust_policy) else { return false };
    let mut context = request_context(inbound.now, inbound.peer);
    context.extend(kept_context(provider_name, provider_arn, identity));
    let mut put = |key: String, values: Vec<String>| {
        context.insert(key.to_ascii_lowercase(), values);
    };
    put(format!("{provider_name}:oaud"), identity.audiences.clone());
    put(format!("{provider_name}:email"), identity.email.iter().cloned().collect());
    put("sts:RoleSessionName".into(), vec![wish.session_name.clone()]);
    put("aws:PrincipalType".into(), vec!["User".into()]);
    put("aws:userid".into(), vec![provider_arn.to_owned()]);
    put("aws:PrincipalAccount".into(), vec![account_id.to_owned()]);
    put("sts:SourceIdentity".into(), identity.source_identity.iter().cloned().collect());
    if identity.roles.is_some() {
        put("sts:RoleAuthorizedByIdp".into(), vec!["true".into()]);
    }
    put("aws:TagKeys".into(), identity.tags.keys().cloned().collect());
    put("sts:TransitiveTagKeys".into(), identity.transitive_tags.iter().cloned().collect());
    for (key, value) in &identity.tags {
        put(format!("aws:RequestTag/{key}"), vec![value.clone()]);
    }
    let allows = |action: &str| {
        let request =
            Request { action, resource: "", asker: Asker::Federated(provider_arn), context: &context };
        decide([&document], &request) == Decision::Allow
    };
    allows("sts:AssumeRoleWithWebIdentity")
        && (identity.tags.is_empty() || allows("sts:TagSession"))
        && (identity.source_identity.is_none() || allows("sts:SetSourceIdentity"))
}

/// The condition keys that stay with the session.
fn kept_context(
    provider_name: &str,
    provider_arn: &str,
    identity: &Identity,
) -> BTreeMap<String, Vec<String>> {
    let mut context = BTreeMap::from([
        (format!("{provider_name}:aud"), vec![identity.audience.clone()]),
        (format!("{provider_name}:sub"), vec![identity.subject.clone()]),
        (format!("{provider_name}:amr"), identity.amr.clone()),
        ("aws:federatedprovider".to_owned(), vec![provider_arn.to_owned()]),
    ]);
    context.extend(
        identity.tags.iter().map(|(key, value)| (format!("aws:principaltag/{key}"), vec![value.clone()])),
    );
    context.into_iter().map(|(key, values)| (key.to_ascii_lowercase(), values)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    #[test]
    fn times_are_forgiven_five_minutes() {
        let check = |claims: serde_json::Value| {
            let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let jwt = Jwt::parse(&format!("{}.{}.AA", part(&json!({})), part(&claims))).unwrap();
            check_times(&jwt, 10_000).map_err(|refused| refused.code)
        };
        assert_eq!(check(json!({"iat": 9_000, "exp": 10_001})), Ok(()));
        assert_eq!(check(json!({"iat": 9_000, "exp": 9_701})), Ok(()));
        assert_eq!(check(json!({"iat": 9_000, "exp": 9_700})), Err("ExpiredTokenException".into()));
        assert_eq!(check(json!({"iat": 10_300, "exp": 11_000})), Ok(()));
        assert_eq!(check(json!({"iat": 10_301, "exp": 11_000})), Err("InvalidIdentityToken".into()));
        assert_eq!(
            check(json!({"iat": 9_000, "nbf": 10_301, "exp": 11_000})),
            Err("InvalidIdentityToken".into())
        );
        assert_eq!(check(json!({"exp": 11_000})), Err("InvalidIdentityToken".into()));
    }
}
