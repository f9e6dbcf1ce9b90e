//! What the admins of a tenant write besides people and apps: groups, consents, assignments, claims policies and
//! the tenant's own settings; and the questions that a sign-in asks of them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::directory::{App, Directory, User};
use crate::issuer::keys::SigningKey;
use crate::issuer::scopes;
use crate::random::sha256;

/// Microsoft Graph's own application ID, in every tenant.
pub(crate) const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";
/// "Microsoft Graph Command Line Tools", the public client that admins sign in with by default.
pub(crate) const GRAPH_TOOLS_APP: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";
/// The role that everybody has who is assigned to an app without roles of its own.
pub(crate) const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";
/// What an admin consents to for everybody with the usual registration.
pub(super) const USUAL_SCOPES: &str = "openid profile email offline_access User.Read";

/// What somebody may administer. Roles that this sandbox decides nothing by are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DirectoryRole {
    /// Everything.
    GlobalAdministrator,
    /// Every app, its consents and assignments.
    ApplicationAdministrator,
    /// The same without the application proxy.
    CloudApplicationAdministrator,
    /// Consents and assignments.
    PrivilegedRoleAdministrator,
    /// May register apps where ordinary members may not, and administer those.
    ApplicationDeveloper,
}

impl DirectoryRole {
    /// Returns the name that the portal shows and the ID of the role's template.
    pub(crate) fn named(self) -> (&'static str, &'static str) {
        match self {
            DirectoryRole::GlobalAdministrator => {
                ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10")
            }
            DirectoryRole::ApplicationAdministrator => {
                ("Application Administrator", "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3")
            }
            DirectoryRole::CloudApplicationAdministrator => {
                ("Cloud Application Administrator", "158c047a-c907-4556-b7ef-446551a6b5f7")
            }
            DirectoryRole::PrivilegedRoleAdministrator => {
                ("Privileged Role Administrator", "e8611ab8-c189-46e8-94e1-60213ab1f814")
            }
            DirectoryRole::ApplicationDeveloper => {
                ("Application Developer", "cf1c38e5-3621-4004-a7cb-879624dced7c")
            }
        }
    }

    /// Whether the role administers all apps.
    pub(crate) fn administers_apps(self) -> bool {
        matches!(
            self,
            DirectoryRole::GlobalAdministrator
                | DirectoryRole::ApplicationAdministrator
                | DirectoryRole::CloudApplicationAdministrator
        )
    }

    /// Whether the role may consent for everybody and assign people to apps.
    pub(crate) fn grants(self) -> bool {
        self.administers_apps() || self == DirectoryRole::PrivilegedRoleAdministrator
    }
}

/// A group of people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// The directory object's GUID.
    pub object_id: String,
    /// The display name.
    pub name: String,
    /// Whether it is a security group, which apps can be assigned to.
    pub security_enabled: bool,
    /// Object IDs of the members; groups within groups do not count for assignments, as at Entra.
    pub members: BTreeSet<String>,
}

impl Group {
    /// Returns an empty security group.
    pub fn security(object_id: &str, name: &str) -> Group {
        Group {
            object_id: object_id.to_owned(),
            name: name.to_owned(),
            security_enabled: true,
            members: BTreeSet::new(),
        }
    }
}

/// A consent: what a client may ask of a resource, for everybody or for one person.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: String,
    /// The client's service principal.
    pub(crate) client: String,
    /// The person who consented; `None` is everybody.
    pub(crate) principal: Option<String>,
    /// The resource's service principal.
    pub(crate) resource: String,
    pub(crate) scope: String,
}

impl Grant {
    pub(crate) fn new(client: &str, principal: Option<&str>, resource: &str, scope: &str) -> Grant {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let seed = format!("grant {client} {resource} {}", principal.unwrap_or("all"));
        Grant {
            id: URL_SAFE_NO_PAD.encode(sha256(seed.as_bytes())),
            client: client.to_owned(),
            principal: principal.map(str::to_owned),
            resource: resource.to_owned(),
            scope: scope.to_owned(),
        }
    }
}

/// Somebody, or a group, assigned to an app.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) id: String,
    /// A user, a group or a service principal.
    pub(crate) principal: String,
    /// The app's service principal.
    pub(crate) resource: String,
    pub(crate) role: String,
    pub(crate) created: Timestamp,
}

/// A claims mapping policy and the service principals it is linked to.
#[derive(Clone, Debug)]
pub(crate) struct ClaimsPolicy {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) definition: Vec<String>,
    pub(crate) organization_default: bool,
    pub(crate) applies_to: BTreeSet<String>,
}

impl ClaimsPolicy {
    /// A policy that says nothing yet and is linked to nothing.
    pub(crate) fn new(id: &str) -> ClaimsPolicy {
        ClaimsPolicy {
            id: id.to_owned(),
            name: String::new(),
            definition: Vec::new(),
            organization_default: false,
            applies_to: BTreeSet::new(),
        }
    }
}

/// The tenant's own switches.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Whether ordinary members may register apps.
    pub(crate) users_create_apps: bool,
    /// Whether ordinary members may consent for themselves.
    pub(crate) users_consent: bool,
    /// How many requests do not find a new object yet.
    pub(crate) replication_delay: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { users_create_apps: true, users_consent: true, replication_delay: 0 }
    }
}

/// The names of a scope text without the resource before them, in lower case.
pub(crate) fn short_scopes(scope: &str) -> BTreeSet<String> {
    scope.split_whitespace().map(|one| one.rsplit('/').next().unwrap_or(one).to_ascii_lowercase()).collect()
}

impl Directory {
    /// Whether an object can be found by now; asking brings a new one nearer.
    pub(crate) fn arrived(&mut self, object_id: &str) -> bool {
        match self.unseen.get_mut(object_id) {
            None => true,
            Some(0) => {
                self.unseen.remove(object_id);
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    /// Starts the way of a new object through the directory's copies.
    pub(crate) fn depart(&mut self, object_id: &str) {
        if self.settings.replication_delay > 0 {
            self.unseen.insert(object_id.to_owned(), self.settings.replication_delay);
        }
    }

    pub(crate) fn service_principal(&self, id: &str) -> Option<&App> {
        self.apps
            .iter()
            .find(|app| app.service_principal_id.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(id)))
    }

    pub(crate) fn person(&self, object_id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.object_id.eq_ignore_ascii_case(object_id))
    }

    pub(crate) fn group(&self, object_id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.object_id.eq_ignore_ascii_case(object_id))
    }

    /// The assignments by which somebody may use an app: their own, and those of their groups.
    pub(crate) fn assignments_of<'a>(
        &'a self,
        app: &'a App,
        user: &'a User,
    ) -> impl Iterator<Item = &'a Assignment> {
        self.assignments.iter().filter(move |one| {
            Some(&one.resource) == app.service_principal_id.as_ref()
                && (one.principal == user.object_id
                    || self
                        .group(&one.principal)
                        .is_some_and(|group| group.members.contains(&user.object_id)))
        })
    }

    /// The claims mapping policy of an app, if one is linked to it.
    pub(crate) fn claims_policy(&self, app: &App) -> Option<&ClaimsPolicy> {
        let id = app.service_principal_id.as_ref()?;
        self.claims_policies.iter().find(|policy| policy.applies_to.contains(id))
    }

    /// The key that signs an app's tokens: its own, or the tenant's.
    pub(crate) fn signing_key(&self, client_id: &str) -> &SigningKey {
        self.app_keys.get(&client_id.to_ascii_lowercase()).unwrap_or(&self.keys[0])
    }

    /// The scopes of Graph that a client was granted, for somebody or for everybody, in the grants' spelling.
    pub(crate) fn granted(&self, app: &App, user: &User) -> BTreeSet<String> {
        let Some(client) = app.service_principal_id.as_ref() else { return BTreeSet::new() };
        let applies = |grant: &&Grant| {
            grant.client == *client
                && grant.principal.as_ref().is_none_or(|principal| *principal == user.object_id)
        };
        self.grants
            .iter()
            .filter(applies)
            .flat_map(|grant| grant.scope.split_whitespace().map(str::to_owned))
            .collect()
    }

    /// The scopes asked for that nobody consented to yet, as short names.
    pub(crate) fn missing_consent(&self, app: &App, user: &User, scope: &str) -> BTreeSet<String> {
        if app.admin_consent {
            return BTreeSet::new();
        }
        let granted: BTreeSet<String> =
            self.granted(app, user).iter().map(|one| one.to_ascii_lowercase()).collect();
        // The app's own API needs no consent of its own users, and `.default` asks for what is granted, or,
        // where nothing is, for what is registered.
        let own = |one: &&str| one.starts_with("api://") || one.starts_with(&app.client_id);
        let others: Vec<&str> = scope.split_whitespace().filter(|one| !own(one)).collect();
        let mut asked = short_scopes(&others.join(" "));
        if asked.remove(".default") && granted.is_empty() {
            asked.extend(scopes::registered(app));
        }
        asked.difference(&granted).cloned().collect()
    }

    /// Writes down that somebody consented for themselves.
    pub(crate) fn consent(&mut self, client_id: &str, username: &str, scope: &str) {
        let (Some(app), Some(user)) = (self.app(client_id), self.user(username)) else { return };
        let graph = self.app(GRAPH_APP).and_then(|app| app.service_principal_id.clone());
        let (Some(client), Some(resource)) = (app.service_principal_id.clone(), graph) else { return };
        let mut names: Vec<String> = scope
            .split_whitespace()
            .map(|one| one.rsplit('/').next().unwrap_or(one).to_owned())
            .filter(|one| one != ".default")
            .collect();
        if short_scopes(scope).contains(".default") {
            names.extend(scopes::registered(app));
        }
        let grant = Grant::new(&client, Some(&user.object_id), &resource, "");
        let kept = match self.grants.iter_mut().find(|known| known.id == grant.id) {
            Some(known) => known,
            None => {
                self.grants.push(grant);
                self.grants.last_mut().expect("one was pushed just now")
            }
        };
        for name in names {
            if !kept.scope.split(' ').any(|known| known.eq_ignore_ascii_case(&name)) {
                kept.scope = format!("{} {name}", kept.scope).trim().to_owned();
            }
        }
    }

    /// Makes the grants agree with an app's [`App::admin_consent`].
    pub(crate) fn settle_admin_consent(&mut self, client_id: &str) {
        let Some(app) = self.app(client_id) else { return };
        let (Some(client), consented) = (app.service_principal_id.clone(), app.admin_consent) else { return };
        let Some(resource) = self.app(GRAPH_APP).and_then(|graph| graph.service_principal_id.clone()) else {
            return;
        };
        let for_all = |grant: &Grant| grant.client == client && grant.principal.is_none();
        if !consented {
            self.grants.retain(|grant| !for_all(grant));
        } else if !self.grants.iter().any(for_all) {
            self.grants.push(Grant::new(&client, None, &resource, USUAL_SCOPES));
        }
    }

    /// Removes a service principal and everything that hangs on it.
    pub(crate) fn forget_service_principal(&mut self, id: &str) {
        self.grants.retain(|grant| grant.client != id && grant.resource != id);
        self.assignments.retain(|one| one.resource != id && one.principal != id);
        for policy in &mut self.claims_policies {
            policy.applies_to.remove(id);
        }
        for app in &mut self.apps {
            if app.service_principal_id.as_deref() == Some(id) {
                app.service_principal_id = None;
                app.enterprise.clear();
                app.admin_consent = false;
                app.assignment_required = false;
                app.enabled = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_compare_without_their_resource() {
        let scopes = short_scopes("openid https://graph.microsoft.com/User.Read user.read .default");
        assert_eq!(scopes.into_iter().collect::<Vec<_>>(), [".default", "openid", "user.read"]);
    }
}
