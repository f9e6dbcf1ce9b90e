//! Findings in permission policies: actions and resources that do not belong together, and rights without end.

use super::super::document::{Effect, Kind, Principal, Statement};
use super::super::pattern::Pattern;
use super::super::principal::is_partly_wild;
use super::s3::{Of, known, meant, of};
use super::{Finding, Notes};

pub(super) fn lint(statement: &Statement, kind: Kind, notes: &mut Notes<'_>) {
    let allows = statement.effect == Effect::Allow;
    if let Some(principals) = statement.principals.as_ref().filter(|one| !one.negated) {
        if allows && principals.entries.contains(&Principal::Everyone) && statement.conditions.is_empty() {
            notes.add("/Principal", Finding::EveryPrincipal);
        }
        for entry in principals.entries.iter().filter(|entry| is_partly_wild(entry)) {
            let (Principal::Aws(text) | Principal::Federated(text) | Principal::Service(text)) = entry else {
                continue;
            };
            notes.add("/Principal", Finding::PartlyWildPrincipal(text.clone()));
        }
    }
    // What narrows may well begin from everything.
    let grants = allows && matches!(kind, Kind::Identity | Kind::Resource);
    let element = if statement.actions.negated { "/NotAction" } else { "/Action" };
    for action in &statement.actions.values {
        unknown(action, element, notes);
    }
    if grants && statement.actions.negated {
        notes.add("/NotAction", Finding::AllowsTheRest("NotAction"));
    }
    let Some(resources) = &statement.resources else { return };
    if resources.negated {
        if grants {
            notes.add("/NotResource", Finding::AllowsTheRest("NotResource"));
        }
        return;
    }
    if statement.actions.negated {
        return;
    }
    for action in statement.actions.values.iter().filter(|_| grants) {
        let all = action == "*" || action.eq_ignore_ascii_case("s3:*");
        let everything = resources.values.iter().find(|one| is_everything(one));
        if let (true, Some(resource)) = (all, everything) {
            notes.add("/Action", Finding::Everything { action: action.clone(), resource: resource.clone() });
        }
    }
    if allows {
        for action in &statement.actions.values {
            mismatch(action, &resources.values, notes);
        }
    }
}

fn is_everything(resource: &str) -> bool {
    let mut parts = resource.splitn(6, ':');
    let bucket = parts.nth(5);
    resource == "*"
        || resource == "arn:*"
        || bucket.is_some_and(|bucket| bucket == "*") && resource.contains(":s3:")
}

/// Looks at the name of an action of S3. Names with a wildcard are known where they can stand for one that is.
fn unknown(action: &str, element: &str, notes: &mut Notes<'_>) {
    let Some((service, name)) = action.split_once(':') else { return };
    if service.eq_ignore_ascii_case("s3") && !known(name) {
        notes.add(element, Finding::UnknownAction { action: action.to_owned(), instead: meant(name) });
    }
}

/// Looks whether one action can be done to any of the resources beside it.
fn mismatch(action: &str, resources: &[String], notes: &mut Notes<'_>) {
    let Some((service, name)) = action.split_once(':') else { return };
    if !service.eq_ignore_ascii_case("s3") || resources.is_empty() || Pattern::wild(name).is_wild() {
        return;
    }
    let action = action.to_owned();
    match of(name) {
        Some(Of::Bucket) if !resources.iter().any(|one| can_be_bucket(one)) => {
            notes.add("/Resource", Finding::BucketAction { action });
        }
        Some(Of::Object) if !resources.iter().any(|one| can_be_object(one)) => {
            notes.add("/Resource", Finding::ObjectAction { action });
        }
        Some(Of::Nothing) if !resources.iter().any(|one| is_everything(one)) => {
            notes.add("/Resource", Finding::NoResource { action });
        }
        _ => {}
    }
}

/// What an ARN of S3 has after its fifth colon; `None` for what may be anything (access points have accounts in them).
fn path(resource: &str) -> Option<&str> {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "s3", "", "", path] => Some(path),
        _ => None,
    }
}

fn can_be_bucket(resource: &str) -> bool {
    path(resource).is_none_or(|path| !path.contains('/'))
}

fn can_be_object(resource: &str) -> bool {
    path(resource).is_none_or(|path| path.contains('/') || path.contains('*') || path.contains("${"))
}
