//! Findings in trust policies: who is trusted, for what, and whether the conditions can ever see what they test.

use super::super::document::{Condition, Effect, Principal, Statement};
use super::super::operator::Comparison;
use super::super::pattern::{Case, Pattern};
use super::super::principal::is_partly_wild;
use super::super::request::{PROVIDER_KEYS, account_of};
use super::super::trust::{ASSUME, key_prefix};
use super::{Finding, Home, Notes, place_of};

/// Claims that people write into conditions although they never become keys.
const NEVER_KEYS: [&str; 11] =
    ["groups", "roles", "tid", "oid", "upn", "azp", "iss", "appid", "preferred_username", "name", "wids"];

pub(super) fn lint(statement: &Statement, home: &Home<'_>, notes: &mut Notes<'_>) {
    let providers = principals(statement, home, notes);
    actions(statement, !providers.is_empty(), notes);
    let given = home.provider.and_then(key_prefix);
    let prefixes: Vec<&str> = providers.iter().map(String::as_str).chain(given).collect();
    for line in &statement.conditions {
        key(line, &prefixes, notes);
    }
    if statement.effect == Effect::Allow && admits_tokens(statement) {
        for prefix in providers {
            if !statement.conditions.iter().any(|line| tests_audience(line, &prefix)) {
                notes.add("", Finding::NoAudience { prefix });
            }
        }
    }
}

/// Looks at who is named; returns what the keys of the named providers begin with.
fn principals(statement: &Statement, home: &Home<'_>, notes: &mut Notes<'_>) -> Vec<String> {
    let mut prefixes = Vec::new();
    let Some(principals) = statement.principals.as_ref().filter(|one| !one.negated) else { return prefixes };
    for entry in &principals.entries {
        if statement.effect == Effect::Allow && *entry == Principal::Everyone {
            notes.add("/Principal", Finding::EveryPrincipal);
        }
        if is_partly_wild(entry) {
            let (Principal::Aws(text) | Principal::Federated(text) | Principal::Service(text)) = entry else {
                continue;
            };
            notes.add("/Principal", Finding::PartlyWildPrincipal(text.clone()));
            continue;
        }
        let Principal::Federated(arn) = entry else { continue };
        let Some(prefix) = key_prefix(arn) else { continue };
        let prefix_only = without_address(prefix);
        if prefix_only != prefix {
            notes.add("/Principal/Federated", Finding::ProviderArn { arn: arn.clone() });
        }
        if let (Some(account), Some(found)) = (home.account, account_of(arn))
            && account != found
        {
            let (found, account) = (found.to_owned(), account.to_owned());
            notes.add("/Principal/Federated", Finding::OtherAccount { arn: arn.clone(), found, account });
        }
        prefixes.push(prefix_only.to_owned());
    }
    prefixes
}

fn actions(statement: &Statement, trusts_provider: bool, notes: &mut Notes<'_>) {
    for action in &statement.actions.values {
        let service = action.split(':').next().unwrap_or_default();
        if action != "*" && !service.eq_ignore_ascii_case("sts") {
            notes.add(element(statement), Finding::NotSts(action.clone()));
        }
    }
    let allows = statement.effect == Effect::Allow;
    // A statement of its own for the tags is good style.
    let only_more = statement.actions.values.iter().all(|action| {
        action.eq_ignore_ascii_case("sts:TagSession") || action.eq_ignore_ascii_case("sts:SetSourceIdentity")
    });
    if allows && trusts_provider && !only_more && !admits_tokens(statement) {
        notes.add(element(statement), Finding::NotWebIdentity);
    }
}

fn element(statement: &Statement) -> &'static str {
    if statement.actions.negated { "/NotAction" } else { "/Action" }
}

fn admits_tokens(statement: &Statement) -> bool {
    let mut values = statement.actions.values.iter();
    values.any(|action| Pattern::wild(action).matches(ASSUME, Case::Ignored)) != statement.actions.negated
}

/// The address of a provider without scheme and without slashes at the end.
fn without_address(prefix: &str) -> &str {
    let prefix = prefix.strip_prefix("https://").or_else(|| prefix.strip_prefix("http://")).unwrap_or(prefix);
    prefix.trim_end_matches('/')
}

fn key(line: &Condition, prefixes: &[&str], notes: &mut Notes<'_>) {
    let Some((written, claim)) = line.key.rsplit_once(':') else { return };
    let claim = claim.to_lowercase();
    let of_a_provider = written.contains('.') || written.contains('/');
    if prefixes.is_empty() || !of_a_provider {
        return;
    }
    let known = PROVIDER_KEYS.contains(&claim.as_str());
    // `aws:RequestTag/a.b:sub` and the like are no keys of a provider.
    let names_claim = known || NEVER_KEYS.contains(&claim.as_str());
    let lower = written.to_lowercase();
    if lower.starts_with("aws:") || lower.starts_with("sts:") || lower.starts_with("saml:") {
        return;
    }
    let (key, first) = (line.key.clone(), prefixes[0].to_owned());
    if let Some(prefix) = prefixes.iter().find(|prefix| prefix.eq_ignore_ascii_case(written)) {
        if !known {
            notes.add(&place_of(line), Finding::NeverFilled { key: key.clone() });
        }
        if *prefix != written {
            notes.add(&place_of(line), Finding::KeyCase { key, prefix: (*prefix).to_owned() });
        }
        return;
    }
    let bare = without_address(written);
    if let Some(prefix) = prefixes.iter().find(|prefix| prefix.eq_ignore_ascii_case(bare)) {
        notes.add(&place_of(line), Finding::KeyAddress { key, prefix: (*prefix).to_owned() });
    } else if names_claim {
        notes.add(&place_of(line), Finding::KeyProvider { key, prefix: first });
    }
}

/// Whether a line keeps tokens of other clients out.
fn tests_audience(line: &Condition, prefix: &str) -> bool {
    let names = |claim: &str| line.key.eq_ignore_ascii_case(&format!("{prefix}:{claim}"));
    let compares = matches!(
        line.operator.comparison,
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike
    );
    let anything = line.operator.takes_wildcards() && line.values.iter().any(|value| value == "*");
    // `oaud` is `aud` of the token; without `azp` they are the same, and Entra's ID tokens have none.
    (names("aud") || names("oaud")) && compares && !line.operator.negated && !anything
}
