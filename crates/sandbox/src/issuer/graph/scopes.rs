//! The delegated permissions of Microsoft Graph that this sandbox knows, with the IDs that Microsoft's permissions
//! reference gives them, and which of them ask for an admin.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::directory::App;
use crate::world::tenant::GRAPH_APP;

/// One permission: ID, value, and whether only an admin may consent to it.
pub(crate) struct Scope {
    pub(crate) id: &'static str,
    pub(crate) value: &'static str,
    pub(crate) admin: bool,
}

const fn user(id: &'static str, value: &'static str) -> Scope {
    Scope { id, value, admin: false }
}

const fn admin(id: &'static str, value: &'static str) -> Scope {
    Scope { id, value, admin: true }
}

pub(crate) const SCOPES: [Scope; 26] = [
    user("37f7f235-527c-4136-accd-4a02d197296e", "openid"),
    user("14dad69e-099b-42c9-810b-d002981feec1", "profile"),
    user("64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", "email"),
    user("7427e0e9-2fba-42fe-b0c0-848c9e6a8182", "offline_access"),
    user("e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User.Read"),
    user("b4e74841-8e56-480b-be8b-910348b18b4c", "User.ReadWrite"),
    user("b340eb25-3456-403f-be2f-af7a0d370277", "User.ReadBasic.All"),
    admin("a154be20-db9c-4678-8ab7-66f6cc099a59", "User.Read.All"),
    admin("204e0828-b5ca-4ad8-b9f3-f32a958e7cc4", "User.ReadWrite.All"),
    admin("c79f8feb-a9db-4090-85f9-90d820caa0eb", "Application.Read.All"),
    admin("bdfbf15f-ee85-4955-8675-146e8e5296b5", "Application.ReadWrite.All"),
    admin("84bccea3-f856-4a8a-967b-dbe0a3d53a64", "AppRoleAssignment.ReadWrite.All"),
    admin("e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20", "AuditLog.Read.All"),
    admin("41ce6ca6-6826-4807-84f1-1c82854f7ee5", "DelegatedPermissionGrant.ReadWrite.All"),
    admin("0e263e50-5827-48a4-b97c-d940288653c7", "Directory.AccessAsUser.All"),
    admin("06da0dbc-49e2-44d2-8312-53f166ab848a", "Directory.Read.All"),
    admin("c5366453-9fb0-48a5-a156-24f0c49a4b84", "Directory.ReadWrite.All"),
    admin("5f8c59db-677d-491f-a6b8-5f174b11ec1d", "Group.Read.All"),
    admin("4e46008b-f24c-477d-8fff-7bb4ec7aafe0", "Group.ReadWrite.All"),
    admin("bc024368-1153-4739-b217-4326f2e966d0", "GroupMember.Read.All"),
    admin("4908d5b9-3fb2-4b1e-9336-1888b7937185", "Organization.Read.All"),
    admin("572fea84-0151-49b2-9301-11cb16974376", "Policy.Read.All"),
    admin("b27add92-efb2-4f16-84f5-8108ba77985c", "Policy.ReadWrite.ApplicationConfiguration"),
    admin("edd3c878-b384-41fd-95ad-e7407dd775be", "Policy.ReadWrite.Authorization"),
    admin("741c54c3-0c1e-44a1-818b-3f97ab4e8c83", "RoleManagement.Read.Directory"),
    admin("d01b97e9-cbc0-49fe-810a-750afd5527a3", "RoleManagement.ReadWrite.Directory"),
];

/// Finds a permission by its value, whatever its case.
pub(crate) fn named(value: &str) -> Option<&'static Scope> {
    SCOPES.iter().find(|scope| scope.value.eq_ignore_ascii_case(value))
}

/// The permissions that an app's registration lists for Graph: what `.default` asks for.
pub(crate) fn registered(app: &App) -> BTreeSet<String> {
    let listed = app.registration.get("requiredResourceAccess").and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .filter(|resource| resource["resourceAppId"] == GRAPH_APP)
        .filter_map(|resource| resource["resourceAccess"].as_array())
        .flatten()
        .filter(|access| access["type"] == "Scope")
        .filter_map(|access| SCOPES.iter().find(|scope| access["id"] == scope.id))
        .map(|scope| scope.value.to_ascii_lowercase())
        .collect()
}

/// The permissions as Graph's service principal lists them.
pub(crate) fn published() -> Value {
    SCOPES
        .iter()
        .map(|scope| {
            json!({
                "id": scope.id,
                "value": scope.value,
                "type": if scope.admin { "Admin" } else { "User" },
                "isEnabled": true,
                "adminConsentDisplayName": scope.value,
                "adminConsentDescription": format!("Allows the app to have {} on behalf of the signed-in user.", scope.value),
                "userConsentDisplayName": scope.value,
                "userConsentDescription": format!("Allows the app to have {} on your behalf.", scope.value),
            })
        })
        .collect()
}
