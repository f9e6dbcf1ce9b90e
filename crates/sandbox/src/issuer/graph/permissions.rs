//! Which delegated permissions each operation asks for, from the least privileged upwards, as Microsoft documents
//! it. Roles and ownership are asked where something is written.

use super::Caller;
use super::errors::GraphError;

/// All of one of these sets must be in the token.
type Needs = &'static [&'static [&'static str]];

/// The token of a tool that acts with all the rights of its person, as the Azure CLI does.
const AS_USER: &str = "Directory.AccessAsUser.All";

const READ_SELF: Needs =
    &[&["User.Read"], &["User.ReadBasic.All"], &["User.Read.All"], &["Directory.Read.All"]];
const READ_APPS: Needs = &[&["Application.Read.All"], &["Directory.Read.All"]];
const WRITE_APPS: Needs = &[&["Application.ReadWrite.All"]];
const READ_GRANTS: Needs = &[&["Directory.Read.All"], &["DelegatedPermissionGrant.ReadWrite.All"]];
const WRITE_GRANTS: Needs = &[&["DelegatedPermissionGrant.ReadWrite.All"], &["Directory.ReadWrite.All"]];
const ASSIGN: Needs = &[
    &["AppRoleAssignment.ReadWrite.All", "Application.Read.All"],
    &["AppRoleAssignment.ReadWrite.All", "Directory.Read.All"],
];
const READ_GROUPS: Needs = &[&["GroupMember.Read.All"], &["Group.Read.All"], &["Directory.Read.All"]];
const READ_USERS: Needs = &[&["User.ReadBasic.All"], &["User.Read.All"], &["Directory.Read.All"]];
const READ_POLICIES: Needs = &[&["Policy.Read.All"], &["Policy.ReadWrite.ApplicationConfiguration"]];
const WRITE_POLICIES: Needs = &[&["Policy.ReadWrite.ApplicationConfiguration"]];
const LINK_POLICIES: Needs = &[
    &["Policy.Read.All", "Application.ReadWrite.All"],
    &["Policy.ReadWrite.ApplicationConfiguration", "Application.ReadWrite.All"],
];

fn needs(operation: &str) -> Needs {
    match operation {
        "me" => READ_SELF,
        "memberOf" => {
            &[&["User.Read"], &["User.Read.All"], &["GroupMember.Read.All"], &["Directory.Read.All"]]
        }
        "organization" => &[&["User.Read"], &["Organization.Read.All"], &["Directory.Read.All"]],
        "listUsers" | "getUser" => READ_USERS,
        "listGroups" | "getGroup" | "listMembers" => READ_GROUPS,
        "listApplications"
        | "getApplication"
        | "listOwners"
        | "listDeletedItems"
        | "listServicePrincipals"
        | "getServicePrincipal"
        | "listAppRoleAssignedTo" => READ_APPS,
        "createApplication"
        | "updateApplication"
        | "deleteApplication"
        | "deleteDeletedItem"
        | "createServicePrincipal"
        | "updateServicePrincipal"
        | "deleteServicePrincipal" => WRITE_APPS,
        "createAppRoleAssignedTo" | "deleteAppRoleAssignedTo" => ASSIGN,
        "listClientGrants" | "listOauth2PermissionGrants" | "getOauth2PermissionGrant" => READ_GRANTS,
        "createOauth2PermissionGrant" | "updateOauth2PermissionGrant" | "deleteOauth2PermissionGrant" => {
            WRITE_GRANTS
        }
        "listClaimsMappingPolicies" | "getClaimsMappingPolicy" => READ_POLICIES,
        "createClaimsMappingPolicy" | "updateClaimsMappingPolicy" | "deleteClaimsMappingPolicy" => {
            WRITE_POLICIES
        }
        "listAssignedClaimsMappingPolicies" => &[
            &["Policy.Read.All", "Application.Read.All"],
            &["Policy.ReadWrite.ApplicationConfiguration", "Application.Read.All"],
        ],
        "assignClaimsMappingPolicy" | "removeClaimsMappingPolicy" => LINK_POLICIES,
        "getAuthorizationPolicy" => &[&["Policy.Read.All"], &["Policy.ReadWrite.Authorization"]],
        // Whatever this is, no permission is what it lacks.
        _ => &[&[]],
    }
}

/// Refuses a call whose token does not cover it.
pub(super) fn check(operation: &str, caller: &Caller) -> Result<(), GraphError> {
    let sets = needs(operation);
    let of_directory = !sets.iter().flat_map(|set| set.iter()).any(|scope| scope.starts_with("Policy."));
    let covered = sets.iter().any(|set| set.iter().all(|wanted| holds(caller, wanted)))
        || of_directory && holds(caller, AS_USER);
    if covered { Ok(()) } else { Err(GraphError::denied()) }
}

/// Whether the token carries a permission or the one to write, which includes it.
fn holds(caller: &Caller, wanted: &str) -> bool {
    let writing = wanted.replace(".Read.", ".ReadWrite.");
    caller
        .scopes
        .iter()
        .any(|scope| scope.eq_ignore_ascii_case(wanted) || scope.eq_ignore_ascii_case(&writing))
}
