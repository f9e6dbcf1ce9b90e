//! What looks like the wanted provider or role and does not work, or weakens it.
//!
//! Pure: each finding says what is there, what it leads to, and what to do; the rules are those of the IAM User Guide on OIDC
//! providers and on the condition keys that web identities have.

use pintail_core::name::Tenant;
use serde_json::{Map, Value};

use super::current::AwsCurrent;
use super::policies::{federated, issuer_name};
use crate::setup::desired::AccountWish;
use crate::setup::plan::{Facts, NearMiss, Side};

/// What STS knows of the token of an issuer that is not one of those it treats by name.
const KEYS: [&str; 5] = ["aud", "sub", "amr", "email", "oaud"];
/// The action that a web identity uses.
const WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// Tells what is wrong with a provider that is named like the wanted one; `None` for one that has nothing to do with it, and
/// for the wanted one.
pub(super) fn of_provider(name: &str, wanted: &str, facts: &Facts) -> Option<String> {
    if name == wanted {
        return None;
    }
    let bare = name.trim_end_matches('/');
    if bare == wanted.trim_end_matches('/') {
        return Some("a slash at the end makes it another issuer".into());
    }
    if bare.eq_ignore_ascii_case(wanted) {
        return Some("IAM compares letter by letter, and the case differs".into());
    }
    if bare == wanted.trim_end_matches("/.well-known/openid-configuration")
        || bare.strip_suffix("/.well-known/openid-configuration") == Some(wanted)
    {
        return Some("the address of the discovery document is not the issuer".into());
    }
    let tenant = facts.tenant.as_deref()?;
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let own_host = wanted.split('/').next().unwrap_or_default();
    let first = path.split('/').next().unwrap_or_default();
    if host.eq_ignore_ascii_case("sts.windows.net") && first.eq_ignore_ascii_case(tenant) {
        return Some(
            "this is the issuer of version 1 tokens; ID tokens of the v2.0 endpoint have another one".into(),
        );
    }
    if host.eq_ignore_ascii_case(own_host) && first.eq_ignore_ascii_case(tenant) {
        return Some("the path has to end with /v2.0".into());
    }
    if host.eq_ignore_ascii_case(own_host)
        && first.parse::<Tenant>().is_ok_and(|tenant| !matches!(tenant, Tenant::Guid(_)))
    {
        return Some("tokens name the tenant by its GUID, whatever was asked for at sign-in".into());
    }
    if host.starts_with("login.") && first.eq_ignore_ascii_case(tenant) {
        return Some("this is the same tenant in another cloud's address".into());
    }
    None
}

/// Finds everything that looks nearly right.
pub(super) fn all(wish: &AccountWish, facts: &Facts, current: &AwsCurrent) -> Vec<NearMiss> {
    let side = || Side::Aws { account: current.account.to_string() };
    let miss = |seen: String, means: String, next: String| NearMiss { side: side(), seen, means, next };
    let wanted = issuer_name(&facts.issuer);
    let mut found = Vec::new();
    for provider in &current.providers {
        if let Some(why) = of_provider(&provider.name, wanted, facts) {
            found.push(miss(
                format!("the account has the identity provider https://{}", provider.name),
                format!("no token comes from it: {why}; the issuer is {}", facts.issuer),
                format!(
                    "If nothing else uses it, remove it: aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {}",
                    provider.arn
                ),
            ));
        } else if let Some(client_id) = &facts.client_id
            && !provider.client_ids.iter().any(|id| id == client_id.as_str())
        {
            let others = provider.client_ids.join(", ");
            found.push(miss(
                format!(
                    "the identity provider takes {}",
                    if others.is_empty() { "no client ID".into() } else { others }
                ),
                format!("STS would answer \"Incorrect token audience\" to tokens for {client_id}"),
                "Nothing: the plan adds it.".into(),
            ));
        }
    }
    let Some(role) = &current.role else { return found };
    let name = &role.name;
    for (seen, means) in of_trust(wish, facts, current) {
        found.push(miss(seen, means, format!("Look at the plan's change of the trust policy of {name}.")));
    }
    if role.path != wish.role_path {
        found.push(miss(
            format!("role {name} has the path {}", role.path),
            format!("a role cannot move, and {} would be another role of the same name", wish.role_path),
            format!("Say role-path = {:?}, or choose another name.", role.path),
        ));
    }
    if let Some(boundary) = &role.boundary {
        found.push(miss(
            format!("role {name} is bounded by {boundary}"),
            "it can do no more than that policy allows, whatever else is granted".into(),
            "See that it allows S3 for the places of this setup.".into(),
        ));
    }
    for policy in &current.attached {
        let too_wide = [":aws:policy/AmazonS3FullAccess", ":aws:policy/AdministratorAccess"];
        if too_wide.iter().any(|end| policy.arn.ends_with(end)) {
            found.push(miss(
                format!("{} is attached to role {name}", policy.name),
                "everybody who takes the role reaches every bucket of the account, whatever the places are"
                    .into(),
                format!(
                    "When nobody needs it: aws iam detach-role-policy --role-name {name} --policy-arn {}",
                    policy.arn
                ),
            ));
        }
    }
    found
}

/// Finds what in a trust policy does not work or weakens it: what is there, and what it leads to.
fn of_trust(wish: &AccountWish, facts: &Facts, current: &AwsCurrent) -> Vec<(String, String)> {
    let ours = federated(wish.partition, current.account.as_str(), facts);
    let wanted = issuer_name(&facts.issuer);
    let mut found = Vec::new();
    let mut trusted = false;
    let mut actions: Vec<String> = Vec::new();
    for statement in statements(&current.trust) {
        if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
            continue;
        }
        for principal in federated_of(statement) {
            let name = principal.split_once(":oidc-provider/").map_or("", |(_, name)| name);
            if principal != ours {
                let same = name == wanted || of_provider(name, wanted, facts).is_some();
                if same {
                    found.push((
                        format!("the role trusts {principal}"),
                        format!("that is not the provider of this account and issuer, {ours}: nobody gets in by it"),
                    ));
                }
                continue;
            }
            trusted = true;
            actions.extend(texts(statement.get("Action")));
            found.extend(of_conditions(statement, wanted));
        }
    }
    let admits = |action: &String| {
        action == "*" || action.eq_ignore_ascii_case("sts:*") || action.eq_ignore_ascii_case(WEB_IDENTITY)
    };
    if trusted && !actions.iter().any(admits) {
        found.push((
            format!("the trust policy allows {} to the provider", actions.join(", ")),
            format!("a sign-in uses {WEB_IDENTITY}, which is not among it"),
        ));
    }
    if !trusted && !current.trust.is_null() {
        found.push((
            format!("role {} exists, and its trust policy does not name the provider", wish.role),
            "a sign-in is refused with \"Not authorized to perform sts:AssumeRoleWithWebIdentity\"".into(),
        ));
    }
    found
}

fn of_conditions(statement: &Map<String, Value>, wanted: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut audience = false;
    let none = Map::new();
    let operators = statement.get("Condition").and_then(Value::as_object).unwrap_or(&none);
    for (operator, keys) in operators {
        let keys = keys.as_object().unwrap_or(&none);
        if operator.to_ascii_lowercase().starts_with("forallvalues:") {
            found.push((
                format!("the trust policy tests with {operator}"),
                "it holds as well for tokens that lack the claim".into(),
            ));
        }
        for key in keys.keys() {
            let Some((issuer, claim)) = key.rsplit_once(':') else { continue };
            if issuer.eq_ignore_ascii_case(wanted) {
                let equals = ["stringequals", "foranyvalue:stringequals"]
                    .contains(&operator.to_ascii_lowercase().as_str());
                audience |= equals && claim.eq_ignore_ascii_case("aud");
                if !KEYS.iter().any(|known| claim.eq_ignore_ascii_case(known)) {
                    found.push((
                        format!("the trust policy tests {key}"),
                        format!("STS knows of {} only, so the test never holds", KEYS.join(", ")),
                    ));
                }
            } else if issuer.contains('/') || KEYS.contains(&claim) {
                found.push((
                    format!("the trust policy tests {key}"),
                    format!("keys of this issuer begin with {wanted}: (no scheme, no other slash), so the test never holds"),
                ));
            }
        }
    }
    if !audience {
        found.push((
            format!("the trust policy does not test {wanted}:aud"),
            "tokens for every other client ID of the provider are accepted as well".into(),
        ));
    }
    found
}

/// Returns the statements of a policy.
pub(super) fn statements(document: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let all = match document.get("Statement") {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    all.iter().filter_map(Value::as_object)
}

/// Returns the federated principals of a statement.
pub(super) fn federated_of(statement: &Map<String, Value>) -> Vec<String> {
    texts(statement.get("Principal").and_then(|principal| principal.get("Federated")))
}

/// Returns one text or a list of them as a list.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
