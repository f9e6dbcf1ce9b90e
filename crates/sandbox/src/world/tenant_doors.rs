//! More hands on the world: what an admin of the tenant decides besides people and apps, and a Graph token for
//! tests that stand in for a tool which is signed in already.

use super::tenant::{Assignment, ClaimsPolicy, DEFAULT_ACCESS, GRAPH_APP, Grant, Group};
use super::{App, World};
use crate::issuer::claims::{self, Grant as TokenGrant};
use crate::locked;

/// The permissions that the Azure CLI's token for Graph carries.
pub const AZURE_CLI_SCOPES: [&str; 10] = [
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Group.ReadWrite.All",
    "User.Read.All",
    "email",
    "openid",
    "profile",
];

/// The Azure CLI's own client ID.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

impl World {
    /// Makes a Graph token for somebody with exactly these delegated permissions (short names, as in `scp`), good
    /// for the tokens' usual lifetime. `None` for an unknown person.
    pub fn graph_token(&self, username: &str, scopes: &[&str]) -> Option<String> {
        let mut directory = locked(&self.core.directory);
        let user = directory.user(username)?.clone();
        let grant = TokenGrant {
            user: &user,
            client_id: AZURE_CLI,
            scope: "",
            nonce: None,
            now: self.core.clock.now(),
        };
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Some(claims::mint(&self.core, &mut directory, &grant, scopes))
    }

    /// Makes the Graph token that `az account get-access-token --resource-type ms-graph` prints for somebody.
    pub fn azure_cli_token(&self, username: &str) -> Option<String> {
        self.graph_token(username, &AZURE_CLI_SCOPES)
    }

    /// Returns the registrations of the tenant's own apps, the oldest first.
    pub fn apps(&self) -> Vec<App> {
        let directory = locked(&self.core.directory);
        directory.apps.iter().filter(|app| app.object_id.is_some()).cloned().collect()
    }

    /// Removes an app with its service principal, consents and assignments; returns whether there was one.
    pub fn remove_app(&self, client_id: &str) -> bool {
        let mut directory = locked(&self.core.directory);
        let Some(app) = directory.app(client_id).cloned() else { return false };
        if let Some(id) = &app.service_principal_id {
            directory.forget_service_principal(id);
        }
        directory.apps.retain(|other| other.client_id != app.client_id);
        true
    }

    /// Changes an app in place; returns whether there is one. See [`World::put_app`].
    pub fn edit_app(&self, client_id: &str, edit: impl FnOnce(&mut App)) -> bool {
        let mut directory = locked(&self.core.directory);
        let found = directory.apps.iter_mut().find(|app| app.client_id.eq_ignore_ascii_case(client_id));
        let Some(app) = found else { return false };
        edit(app);
        let client_id = app.client_id.clone();
        directory.settle_admin_consent(&client_id);
        true
    }

    /// Returns the group of that display name.
    pub fn group(&self, name: &str) -> Option<Group> {
        locked(&self.core.directory).groups.iter().find(|group| group.name == name).cloned()
    }

    /// Adds a group, or replaces the one with that object ID.
    pub fn put_group(&self, group: Group) {
        let mut directory = locked(&self.core.directory);
        directory.groups.retain(|other| other.object_id != group.object_id);
        directory.groups.push(group);
    }

    /// Puts somebody into a group; returns whether both exist.
    pub fn join_group(&self, group: &str, username: &str) -> bool {
        self.change_members(group, username, |members, id| {
            members.insert(id);
        })
    }

    /// Takes somebody out of a group; returns whether both exist.
    pub fn leave_group(&self, group: &str, username: &str) -> bool {
        self.change_members(group, username, |members, id| {
            members.remove(&id);
        })
    }

    fn change_members(
        &self,
        group: &str,
        username: &str,
        change: impl FnOnce(&mut std::collections::BTreeSet<String>, String),
    ) -> bool {
        let mut directory = locked(&self.core.directory);
        let Some(id) = directory.user(username).map(|user| user.object_id.clone()) else { return false };
        let Some(group) = directory.groups.iter_mut().find(|known| known.name == group) else { return false };
        change(&mut group.members, id);
        true
    }

    /// Assigns a user (by name) or a group (by display name) to an app with its default access; returns whether
    /// both exist.
    pub fn assign_to_app(&self, client_id: &str, principal: &str) -> bool {
        let now = self.core.clock.now();
        let mut directory = locked(&self.core.directory);
        let resource = directory.app(client_id).and_then(|app| app.service_principal_id.clone());
        let principal = directory.user(principal).map(|user| user.object_id.clone()).or_else(|| {
            directory.groups.iter().find(|group| group.name == principal).map(|group| group.object_id.clone())
        });
        let (Some(resource), Some(principal)) = (resource, principal) else { return false };
        let id = self.core.ids.token(32);
        directory.assignments.push(Assignment {
            id,
            principal,
            resource,
            role: DEFAULT_ACCESS.to_owned(),
            created: now,
        });
        true
    }

    /// Takes all assignments of an app away.
    pub fn unassign_all(&self, client_id: &str) {
        let mut directory = locked(&self.core.directory);
        let resource = directory.app(client_id).and_then(|app| app.service_principal_id.clone());
        directory.assignments.retain(|one| Some(&one.resource) != resource.as_ref());
    }

    /// Returns the names of the people and groups that are assigned to an app.
    pub fn assigned_to_app(&self, client_id: &str) -> Vec<String> {
        let directory = locked(&self.core.directory);
        let resource = directory.app(client_id).and_then(|app| app.service_principal_id.clone());
        let assigned = directory.assignments.iter().filter(|one| Some(&one.resource) == resource.as_ref());
        assigned
            .filter_map(|one| {
                let user = directory.person(&one.principal).map(|user| user.username.clone());
                user.or_else(|| directory.group(&one.principal).map(|group| group.name.clone()))
            })
            .collect()
    }

    /// Returns the scopes an admin consented to for everybody; `None` where no admin did.
    pub fn consent_for_all(&self, client_id: &str) -> Option<String> {
        let directory = locked(&self.core.directory);
        let client = directory.app(client_id)?.service_principal_id.clone()?;
        let mut grants = directory.grants.iter();
        grants
            .find(|grant| grant.client == client && grant.principal.is_none())
            .map(|grant| grant.scope.clone())
    }

    /// Consents to these scopes of Graph for everybody in place of what was granted, or, with `None`, to nothing;
    /// returns whether the app has a service principal.
    pub fn set_consent_for_all(&self, client_id: &str, scope: Option<&str>) -> bool {
        let mut directory = locked(&self.core.directory);
        let principal = |app: Option<&App>| app.and_then(|app| app.service_principal_id.clone());
        let client = principal(directory.app(client_id));
        let (Some(client), Some(graph)) = (client, principal(directory.app(GRAPH_APP))) else { return false };
        directory.grants.retain(|grant| grant.client != client || grant.principal.is_some());
        directory.grants.extend(scope.map(|scope| Grant::new(&client, None, &graph, scope)));
        for app in &mut directory.apps {
            if app.service_principal_id.as_ref() == Some(&client) {
                app.admin_consent = false;
            }
        }
        true
    }

    /// Gives an app a signing key of its own, as "custom signing key" does, or takes it away. Such a key is published
    /// only at the address of keys with `?appid=`, where STS does not look.
    ///
    /// # Errors
    /// When the crypto library makes no key.
    pub fn set_own_signing_key(&self, client_id: &str, own: bool) -> Result<(), crate::StartError> {
        let key = if own { Some(crate::issuer::keys::SigningKey::generate()?) } else { None };
        let mut directory = locked(&self.core.directory);
        directory.app_keys.remove(&client_id.to_ascii_lowercase());
        directory.app_keys.extend(key.map(|key| (client_id.to_ascii_lowercase(), key)));
        Ok(())
    }

    /// Links a claims mapping policy to an app, by its definition (the JSON text that Graph takes), in place of the one
    /// it had; returns whether the app has a service principal.
    pub fn set_claims_policy(&self, client_id: &str, definition: Option<&str>) -> bool {
        let id = self.core.ids.guid();
        let mut directory = locked(&self.core.directory);
        let principal = directory.app(client_id).and_then(|app| app.service_principal_id.clone());
        let Some(principal) = principal else { return false };
        for policy in &mut directory.claims_policies {
            policy.applies_to.remove(&principal);
        }
        directory.claims_policies.extend(definition.map(|definition| {
            let mut policy = ClaimsPolicy::new(&id);
            policy.definition = vec![definition.to_owned()];
            policy.applies_to.insert(principal);
            policy
        }));
        true
    }

    /// Puts somebody into so many new security groups; returns whether there is such a person. Over 200, tokens name
    /// where the groups can be read in place of the groups.
    pub fn join_new_groups(&self, username: &str, count: usize) -> bool {
        let mut directory = locked(&self.core.directory);
        let Some(id) = directory.user(username).map(|user| user.object_id.clone()) else { return false };
        for n in 1..=count {
            let mut group = Group::security(&self.core.ids.guid(), &format!("Group {n}"));
            group.members.insert(id.clone());
            directory.groups.push(group);
        }
        true
    }

    /// Lets ordinary members register apps, as is usual, or not.
    pub fn let_users_create_apps(&self, allowed: bool) {
        locked(&self.core.directory).settings.users_create_apps = allowed;
    }

    /// Lets people consent for themselves to what needs no admin, as is usual, or not (AADSTS90094).
    pub fn let_users_consent(&self, allowed: bool) {
        locked(&self.core.directory).settings.users_consent = allowed;
    }

    /// Makes every app and service principal that is created from now on unknown to so many requests for it: Graph
    /// answers 404, sign-in 700016. This is what Entra's replication looks like from outside.
    pub fn delay_replication(&self, requests: u32) {
        locked(&self.core.directory).settings.replication_delay = requests;
    }
}
