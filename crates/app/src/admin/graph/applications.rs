//! Applications and their service principals ("application resource type", "servicePrincipal resource type").
//!
//! An object is kept as Graph gave it, so that whatever is changed can be put back as it was.

use serde_json::{Value, json};

use super::{Graph, identified, literal, text, texts};
use crate::admin::{AdminError, absent_is_none};

/// An application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Application(pub(crate) Value);

impl Application {
    /// Returns the object's ID, by which it is changed.
    pub(crate) fn id(&self) -> String {
        text(&self.0, "id")
    }

    /// Returns the client ID, which is the same for the service principal.
    pub(crate) fn app_id(&self) -> String {
        text(&self.0, "appId")
    }

    /// Returns the name for people.
    pub(crate) fn name(&self) -> String {
        text(&self.0, "displayName")
    }

    /// Returns who may sign in: `AzureADMyOrg` for the tenant's own people.
    pub(crate) fn audience(&self) -> String {
        text(&self.0, "signInAudience")
    }

    /// Returns the notes for admins.
    pub(crate) fn notes(&self) -> String {
        text(&self.0, "notes")
    }

    /// Returns the tags.
    pub(crate) fn tags(&self) -> Vec<String> {
        texts(&self.0, "/tags")
    }

    /// Returns the redirect addresses of a platform: `publicClient`, `web` or `spa`.
    pub(crate) fn redirects(&self, platform: &str) -> Vec<String> {
        texts(&self.0, &format!("/{platform}/redirectUris"))
    }

    /// Tells whether flows without a redirect address, such as the device code, are those of a public client.
    pub(crate) fn allows_device_code(&self) -> bool {
        self.0.get("isFallbackPublicClient").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Returns the names of the optional claims of the ID token.
    pub(crate) fn optional_claims(&self) -> Vec<String> {
        let claims = self.0.pointer("/optionalClaims/idToken").and_then(Value::as_array);
        claims.into_iter().flatten().map(|claim| text(claim, "name")).collect()
    }

    /// Tells whether claims of policies are taken without a signing key of the application's own.
    pub(crate) fn accepts_mapped_claims(&self) -> bool {
        self.0.pointer("/api/acceptMappedClaims").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Returns the version of access tokens for the application's own API.
    pub(crate) fn access_token_version(&self) -> Option<i64> {
        self.0.pointer("/api/requestedAccessTokenVersion").and_then(Value::as_i64)
    }

    /// Returns which groups the token tells, `None` where none.
    pub(crate) fn group_claims(&self) -> Option<String> {
        let claims = text(&self.0, "groupMembershipClaims");
        (!claims.is_empty() && claims != "None").then_some(claims)
    }

    /// Counts the secrets and certificates that the application can prove itself with.
    pub(crate) fn credentials(&self) -> usize {
        let count = |key: &str| self.0.get(key).and_then(Value::as_array).map_or(0, Vec::len);
        count("passwordCredentials") + count("keyCredentials")
    }

    /// Returns the roles that people can be assigned to: IDs and names of those that are enabled and for users.
    pub(crate) fn user_roles(&self) -> Vec<(String, String)> {
        let roles = self.0.get("appRoles").and_then(Value::as_array);
        let enabled = |role: &&Value| role.get("isEnabled").and_then(Value::as_bool).unwrap_or(true);
        let for_users = |role: &&Value| texts(role, "/allowedMemberTypes").iter().any(|kind| kind == "User");
        roles
            .into_iter()
            .flatten()
            .filter(enabled)
            .filter(for_users)
            .map(|role| (text(role, "id"), text(role, "displayName")))
            .collect()
    }

    /// Returns when it was created, as Graph writes it; texts of one form that sort by time.
    pub(crate) fn created(&self) -> String {
        text(&self.0, "createdDateTime")
    }
}

/// An application in a tenant: who may use it there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServicePrincipal(pub(crate) Value);

impl ServicePrincipal {
    /// Returns the object's ID.
    pub(crate) fn id(&self) -> String {
        text(&self.0, "id")
    }

    /// Returns the client ID.
    pub(crate) fn app_id(&self) -> String {
        text(&self.0, "appId")
    }

    /// Tells whether people can sign in at all.
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.get("accountEnabled").and_then(Value::as_bool).unwrap_or(true)
    }

    /// Tells whether only those who are assigned can.
    pub(crate) fn assignment_required(&self) -> bool {
        self.0.get("appRoleAssignmentRequired").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Tells whether tokens are signed with a key of the application's own, which AWS does not find.
    pub(crate) fn has_own_signing_key(&self) -> bool {
        !text(&self.0, "preferredTokenSigningKeyThumbprint").is_empty()
    }

    /// Returns the ID of a delegated permission that it offers, by its value (`openid`).
    pub(crate) fn scope_id(&self, value: &str) -> Option<String> {
        let scopes = self.0.get("oauth2PermissionScopes").and_then(Value::as_array)?;
        let scope = scopes.iter().find(|scope| text(scope, "value") == value)?;
        Some(text(scope, "id")).filter(|id| !id.is_empty())
    }
}

impl Graph {
    /// Lists the applications of a name, or with a tag.
    pub(crate) async fn applications(&self, filter: Find<'_>) -> Result<Vec<Application>, AdminError> {
        let filter = match filter {
            Find::Name(name) => format!("displayName eq {}", literal(name)),
            Find::Tag(tag) => format!("tags/any(t:t eq {})", literal(tag)),
        };
        let found = self.list("/applications", &[("$filter", &filter)]).await?;
        found.into_iter().map(|object| identified("GET /applications", object).map(Application)).collect()
    }

    /// Reads an application by its object's ID.
    pub(crate) async fn application(&self, id: &str) -> Result<Option<Application>, AdminError> {
        let found = absent_is_none(self.get(&format!("/applications/{id}"), &[]).await)?;
        Ok(found.map(Application))
    }

    /// Creates an application.
    pub(crate) async fn create_application(&self, body: &Value) -> Result<Application, AdminError> {
        let made = self.post("/applications", body, false).await?;
        identified("POST /applications", made).map(Application)
    }

    /// Changes an application.
    pub(crate) async fn update_application(&self, id: &str, patch: &Value) -> Result<(), AdminError> {
        self.patch(&format!("/applications/{id}"), patch).await
    }

    /// Deletes an application; it stays among the deleted ones for 30 days.
    pub(crate) async fn delete_application(&self, id: &str) -> Result<(), AdminError> {
        self.delete(&format!("/applications/{id}")).await
    }

    /// Finds the service principal of an application.
    pub(crate) async fn service_principal(
        &self,
        app_id: &str,
    ) -> Result<Option<ServicePrincipal>, AdminError> {
        let filter = format!("appId eq {}", literal(app_id));
        let found = self.list("/servicePrincipals", &[("$filter", &filter)]).await?;
        let first = found.into_iter().next();
        first.map(|object| identified("GET /servicePrincipals", object).map(ServicePrincipal)).transpose()
    }

    /// Creates the service principal of an application that may have been created a moment ago.
    pub(crate) async fn create_service_principal(
        &self,
        app_id: &str,
        assignment_required: bool,
        tags: &[String],
    ) -> Result<ServicePrincipal, AdminError> {
        let body = json!({ "appId": app_id, "appRoleAssignmentRequired": assignment_required, "tags": tags });
        let made = self.post("/servicePrincipals", &body, true).await?;
        identified("POST /servicePrincipals", made).map(ServicePrincipal)
    }

    /// Changes a service principal.
    pub(crate) async fn update_service_principal(&self, id: &str, patch: &Value) -> Result<(), AdminError> {
        self.patch(&format!("/servicePrincipals/{id}"), patch).await
    }

    /// Deletes a service principal.
    pub(crate) async fn delete_service_principal(&self, id: &str) -> Result<(), AdminError> {
        self.delete(&format!("/servicePrincipals/{id}")).await
    }
}

/// What applications are looked for by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Find<'a> {
    /// The name for people, which several may have.
    Name(&'a str),
    /// A tag.
    Tag(&'a str),
}
