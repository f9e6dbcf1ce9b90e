//! Who may use an application: consent, assignments, and the policies that fill its claims.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{GRAPH_APP_ID, Graph, identified, literal, object, text, texts};
use crate::admin::AdminError;

/// The role of an assignment where the application has no roles of its own.
pub(crate) const DEFAULT_ROLE: &str = "00000000-0000-0000-0000-000000000000";

/// The consent for everybody in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The object's ID.
    pub(crate) id: String,
    /// The scopes, in their order.
    pub(crate) scopes: Vec<String>,
}

/// Somebody's assignment to an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    /// The object's ID.
    pub(crate) id: String,
    /// Who is assigned.
    pub(crate) principal_id: String,
    /// Their name for people.
    pub(crate) principal_name: String,
    /// `User`, `Group` or `ServicePrincipal`.
    pub(crate) principal_type: String,
    /// The role.
    pub(crate) role_id: String,
}

/// A policy that fills claims from attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappingPolicy {
    /// The object's ID.
    pub(crate) id: String,
    /// Its name for people.
    pub(crate) name: String,
    /// What it says, a JSON text.
    pub(crate) definition: String,
}

impl Graph {
    /// Reads Microsoft Graph's own service principal, whose scopes are consented to.
    pub(crate) async fn graph_principal(&self) -> Result<super::ServicePrincipal, AdminError> {
        let found = self.service_principal(GRAPH_APP_ID).await?;
        found.ok_or_else(|| {
            super::unusable("GET /servicePrincipals", "it does not know Microsoft Graph itself")
        })
    }

    /// Finds the consent for everybody, of a client for a resource.
    pub(crate) async fn grant(&self, client: &str, resource: &str) -> Result<Option<Grant>, AdminError> {
        let filter = format!("clientId eq {}", literal(client));
        let found = self.list("/oauth2PermissionGrants", &[("$filter", &filter)]).await?;
        let for_all = |object: &&Value| {
            text(object, "consentType") == "AllPrincipals" && text(object, "resourceId") == resource
        };
        Ok(found.iter().find(for_all).map(|object| Grant {
            id: text(object, "id"),
            scopes: text(object, "scope").split_whitespace().map(str::to_owned).collect(),
        }))
    }

    /// Consents for everybody.
    pub(crate) async fn create_grant(
        &self,
        client: &str,
        resource: &str,
        scope: &str,
    ) -> Result<String, AdminError> {
        let body = json!({
            "clientId": client, "consentType": "AllPrincipals", "resourceId": resource, "scope": scope,
        });
        let made = self.post("/oauth2PermissionGrants", &body, true).await?;
        Ok(text(&identified("POST /oauth2PermissionGrants", made)?, "id"))
    }

    /// Changes what is consented to.
    pub(crate) async fn update_grant(&self, id: &str, scope: &str) -> Result<(), AdminError> {
        self.patch(&format!("/oauth2PermissionGrants/{id}"), &json!({ "scope": scope })).await
    }

    /// Takes a consent back.
    pub(crate) async fn delete_grant(&self, id: &str) -> Result<(), AdminError> {
        self.delete(&format!("/oauth2PermissionGrants/{id}")).await
    }

    /// Lists who is assigned to an application, by its service principal.
    pub(crate) async fn assignments(&self, principal: &str) -> Result<Vec<Assignment>, AdminError> {
        let found = self.list(&format!("/servicePrincipals/{principal}/appRoleAssignedTo"), &[]).await?;
        Ok(found.iter().map(assignment).collect())
    }

    /// Assigns somebody to an application that may have been created a moment ago.
    pub(crate) async fn assign(
        &self,
        principal: &str,
        somebody: &str,
        role: &str,
    ) -> Result<Assignment, AdminError> {
        let path = format!("/servicePrincipals/{principal}/appRoleAssignedTo");
        let body = json!({ "principalId": somebody, "resourceId": principal, "appRoleId": role });
        let made = self.post(&path, &body, true).await?;
        identified(&format!("POST {path}"), made).map(|object| assignment(&object))
    }

    /// Takes an assignment back.
    pub(crate) async fn unassign(&self, principal: &str, assignment: &str) -> Result<(), AdminError> {
        self.delete(&format!("/servicePrincipals/{principal}/appRoleAssignedTo/{assignment}")).await
    }

    /// Lists the policies that fill the claims of an application.
    pub(crate) async fn mapping_policies(&self, principal: &str) -> Result<Vec<MappingPolicy>, AdminError> {
        let path = format!("/servicePrincipals/{principal}/claimsMappingPolicies");
        Ok(self.list(&path, &[]).await?.iter().map(mapping_policy).collect())
    }

    /// Lists the policies of the tenant that fill claims.
    pub(crate) async fn all_mapping_policies(&self) -> Result<Vec<MappingPolicy>, AdminError> {
        Ok(self.list("/policies/claimsMappingPolicies", &[]).await?.iter().map(mapping_policy).collect())
    }

    /// Creates a policy that fills claims.
    pub(crate) async fn create_mapping_policy(
        &self,
        name: &str,
        definition: &str,
    ) -> Result<MappingPolicy, AdminError> {
        let body = object([("displayName", name.into()), ("definition", json!([definition]))]);
        let made = self.post("/policies/claimsMappingPolicies", &body, false).await?;
        identified("POST /policies/claimsMappingPolicies", made).map(|object| mapping_policy(&object))
    }

    /// Changes what a policy says.
    pub(crate) async fn update_mapping_policy(&self, id: &str, definition: &str) -> Result<(), AdminError> {
        let body = object([("definition", json!([definition]))]);
        self.patch(&format!("/policies/claimsMappingPolicies/{id}"), &body).await
    }

    /// Removes a policy.
    pub(crate) async fn delete_mapping_policy(&self, id: &str) -> Result<(), AdminError> {
        self.delete(&format!("/policies/claimsMappingPolicies/{id}")).await
    }

    /// Has a policy fill the claims of an application.
    pub(crate) async fn link_mapping_policy(&self, principal: &str, policy: &str) -> Result<(), AdminError> {
        let path = format!("/servicePrincipals/{principal}/claimsMappingPolicies/$ref");
        let target = self.url(&format!("/policies/claimsMappingPolicies/{policy}"), &[]);
        self.post(&path, &json!({ "@odata.id": target.as_str() }), true).await.map(drop)
    }

    /// Ends that a policy fills the claims of an application.
    pub(crate) async fn unlink_mapping_policy(
        &self,
        principal: &str,
        policy: &str,
    ) -> Result<(), AdminError> {
        self.delete(&format!("/servicePrincipals/{principal}/claimsMappingPolicies/{policy}/$ref")).await
    }
}

fn assignment(object: &Value) -> Assignment {
    Assignment {
        id: text(object, "id"),
        principal_id: text(object, "principalId"),
        principal_name: text(object, "principalDisplayName"),
        principal_type: text(object, "principalType"),
        role_id: text(object, "appRoleId"),
    }
}

fn mapping_policy(object: &Value) -> MappingPolicy {
    MappingPolicy {
        id: text(object, "id"),
        name: text(object, "displayName"),
        definition: texts(object, "/definition").into_iter().next().unwrap_or_default(),
    }
}
