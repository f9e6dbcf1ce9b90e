//! What it means that a call of an admin failed: which permission, which role, whose credential.

use pintail_core::retry::Retry;

use super::store::network;
use super::{Exit, Explanation, sts};
use crate::admin::{AdminError, Refusal};
use crate::ops::Error;

/// Explains an admin's call that failed.
pub(super) fn explain(error: &Error, admin: &AdminError) -> Explanation {
    let with = |exit, next: &[&str]| Explanation::new(error, exit, next.iter().map(|&text| text.to_owned()));
    match admin {
        AdminError::Anonymous { .. } => with(
            Exit::SignInNeeded,
            &[
                "Name a profile of AWS's tools (--aws-profile) or a bookmark (--aws-bookmark) that may change IAM.",
            ],
        ),
        AdminError::Caller(source) => {
            let mut explanation = with(Exit::Refused, &[]);
            let advice = sts::advise(source, None);
            explanation.causes.extend(advice.causes);
            explanation.next = advice.next;
            explanation.next.push(
                "Look at the admin's credential: `aws sts get-caller-identity` with the same profile.".into(),
            );
            explanation
        }
        AdminError::Connect(source) => super::connect::explain(error, source),
        AdminError::Credential { .. } => with(
            Exit::SignInNeeded,
            &[
                "Name a profile of AWS's tools with --aws-profile, or a bookmark with --aws-bookmark; without either, AWS_ACCESS_KEY_ID or the profile `default` is used.",
            ],
        ),
        AdminError::Http { service, source, .. } => {
            let mut explanation = with(Exit::Failed, &[]);
            explanation.next = network(source.kind, service);
            explanation.next.push("Then run the same command again: it goes on where it was cut off.".into());
            explanation
        }
        AdminError::NoApplication => with(Exit::Failed, &["Run the setup again: it reads both clouds anew."]),
        AdminError::NoToken { .. } => with(
            Exit::SignInNeeded,
            &["Sign in with `az login --tenant TENANT`, or here in the browser: --admin-sign-in browser."],
        ),
        AdminError::OtherAccount { .. } => with(
            Exit::Refused,
            &["Name the credential of the account that is meant: --aws-profile or --aws-bookmark."],
        ),
        AdminError::Refused(refusal) => refused(error, refusal),
        AdminError::TooLong(_) => with(
            Exit::Usage,
            &["Name whole buckets or shorter prefixes, or spread the places over several roles."],
        ),
        AdminError::Unusable { .. } => with(
            Exit::Failed,
            &[
                "Run it again with -v; if it stays, something between here and the service answers in its place.",
            ],
        ),
    }
}

fn refused(error: &Error, refusal: &Refusal) -> Explanation {
    let mut explanation = Explanation::new(error, Exit::Refused, []);
    if !refusal.message.is_empty() {
        explanation.causes.push(refusal.message.clone());
    }
    if let Some(id) = &refusal.request_id {
        explanation.causes.push(format!("request {id}"));
    }
    match refusal.service {
        crate::admin::graph::SERVICE => graph(&mut explanation, refusal),
        service if refusal.is_forbidden() => {
            let prefix = if service == "IAM" { "iam" } else { "access-analyzer" };
            explanation.next.push(format!(
                "The credential needs the permission {prefix}:{}; ask an admin of the account for it, or let them run the setup.",
                refusal.operation
            ));
        }
        _ => {}
    }
    if explanation.next.is_empty() {
        explanation.exit = Exit::Failed;
        if refusal.retry() != Retry::Never {
            explanation.next.push("Try again in a minute: the service has too much to do.".into());
        }
    }
    explanation
}

/// The calls of a setup, the permission that each needs, and the least role that has it (Graph permissions reference; Entra
/// built-in roles).
fn graph(explanation: &mut Explanation, refusal: &Refusal) {
    if !refusal.is_forbidden() {
        if refusal.status == 401 {
            explanation.exit = Exit::SignInNeeded;
            explanation.next.push("The token is over: run the same command again.".into());
        } else if refusal.operation.contains("appRoleAssignedTo") {
            explanation.next.push(
                "Groups can be assigned with Entra ID P1 only; without it, assign users: --user NAME@DOMAIN."
                    .into(),
            );
        }
        return;
    }
    let (permission, role) = needed(&refusal.operation);
    explanation.next.push(format!("It takes the permission {permission}, which the role {role} has."));
    explanation.next.push(
        "Have the role assigned to you (Entra admin center, Roles & admins), or let somebody with it run the same command; `pintail setup --print portal` writes down what is to be done by hand. AADSTS90094 and 65001 on the sign-in page mean the same."
            .into(),
    );
}

fn needed(operation: &str) -> (&'static str, &'static str) {
    let (method, path) = operation.split_once(' ').unwrap_or((operation, ""));
    if method == "GET" {
        return match path {
            _ if path.starts_with("/groups") => ("Group.Read.All", "Directory Readers"),
            _ if path.starts_with("/users") => ("User.ReadBasic.All", "Directory Readers"),
            _ if path.contains("laimsMappingPolicies") => {
                ("Policy.Read.All", "Cloud Application Administrator")
            }
            _ => ("Application.Read.All", "Directory Readers"),
        };
    }
    match path {
        "/applications" => ("Application.ReadWrite.All", "Application Developer"),
        _ if path.contains("appRoleAssignedTo") => {
            ("AppRoleAssignment.ReadWrite.All", "Cloud Application Administrator")
        }
        _ if path.contains("laimsMappingPolicies") => {
            ("Policy.ReadWrite.ApplicationConfiguration", "Cloud Application Administrator")
        }
        _ if path.starts_with("/oauth2PermissionGrants") => {
            ("DelegatedPermissionGrant.ReadWrite.All", "Cloud Application Administrator")
        }
        _ => ("Application.ReadWrite.All", "Cloud Application Administrator"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_a_setup_names_its_permission_and_role() {
        for (operation, permission, role) in [
            ("POST /applications", "Application.ReadWrite.All", "Application Developer"),
            ("POST /servicePrincipals", "Application.ReadWrite.All", "Cloud Application Administrator"),
            (
                "POST /servicePrincipals/1/appRoleAssignedTo",
                "AppRoleAssignment.ReadWrite.All",
                "Cloud Application Administrator",
            ),
            (
                "POST /oauth2PermissionGrants",
                "DelegatedPermissionGrant.ReadWrite.All",
                "Cloud Application Administrator",
            ),
            (
                "POST /policies/claimsMappingPolicies",
                "Policy.ReadWrite.ApplicationConfiguration",
                "Cloud Application Administrator",
            ),
            ("GET /groups", "Group.Read.All", "Directory Readers"),
            ("GET /applications", "Application.Read.All", "Directory Readers"),
        ] {
            assert_eq!(needed(operation), (permission, role), "{operation}");
        }
    }
}
