//! The tenant, the one who asks, and the groups and users of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Graph, identified, literal, text};
use crate::admin::{AdminError, absent_is_none};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Organization {
    /// Its GUID.
    pub(crate) id: String,
    /// Its name for people.
    pub(crate) name: String,
    /// Its verified domains.
    pub(crate) domains: Vec<String>,
}

/// Somebody who can be assigned to an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Principal {
    /// The object's ID.
    pub(crate) id: String,
    /// Its name for people: a group's name, a user's principal name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: PrincipalKind,
}

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PrincipalKind {
    /// A group. Assigning it needs a licence with Entra ID P1, and reaches direct members only.
    Group,
    /// A user.
    User,
}

impl PrincipalKind {
    /// Returns the word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::User => "user",
        }
    }
}

/// What was found under the name of a group or user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Directory {
    /// One.
    One(Principal),
    /// None.
    Nobody,
    /// Several of one name, by their IDs.
    Several(Vec<Principal>),
}

impl Graph {
    /// Reads the tenant.
    pub(crate) async fn organization(&self) -> Result<Option<Organization>, AdminError> {
        let found = self.list("/organization", &[]).await?;
        Ok(found.into_iter().next().map(|object| {
            let domains = object.get("verifiedDomains").and_then(Value::as_array);
            let domains = domains.into_iter().flatten().map(|domain| text(domain, "name")).collect();
            Organization { id: text(&object, "id"), name: text(&object, "displayName"), domains }
        }))
    }

    /// Reads who asks. `None` where that is no person.
    pub(crate) async fn me(&self) -> Result<Option<Principal>, AdminError> {
        match self.get("/me", &[]).await {
            Ok(object) => Ok(Some(user(&identified("GET /me", object)?))),
            // A token of an application's own has nobody behind it.
            Err(AdminError::Refused(refusal)) if refusal.is_absent() || refusal.status == 400 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds a group by its ID or its name.
    pub(crate) async fn find_group(&self, name: &str) -> Result<Directory, AdminError> {
        if is_guid(name) {
            let found = absent_is_none(self.get(&format!("/groups/{name}"), &[]).await)?;
            return Ok(found.map_or(Directory::Nobody, |object| Directory::One(group(&object))));
        }
        let filter = format!("displayName eq {}", literal(name));
        let found = self.list("/groups", &[("$filter", &filter)]).await?;
        Ok(one_of(found.iter().map(group).collect()))
    }

    /// Finds a user by ID, principal name or mail address.
    pub(crate) async fn find_user(&self, name: &str) -> Result<Directory, AdminError> {
        if is_guid(name) {
            let found = absent_is_none(self.get(&format!("/users/{name}"), &[]).await)?;
            return Ok(found.map_or(Directory::Nobody, |object| Directory::One(user(&object))));
        }
        for property in ["userPrincipalName", "mail"] {
            let filter = format!("{property} eq {}", literal(name));
            let found = self.list("/users", &[("$filter", &filter)]).await?;
            if !found.is_empty() {
                return Ok(one_of(found.iter().map(user).collect()));
            }
        }
        Ok(Directory::Nobody)
    }
}

fn one_of(mut found: Vec<Principal>) -> Directory {
    match found.len() {
        0 => Directory::Nobody,
        1 => Directory::One(found.remove(0)),
        _ => Directory::Several(found),
    }
}

fn group(object: &Value) -> Principal {
    Principal { id: text(object, "id"), name: text(object, "displayName"), kind: PrincipalKind::Group }
}

fn user(object: &Value) -> Principal {
    let name = Some(text(object, "userPrincipalName")).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| text(object, "displayName"));
    Principal { id: text(object, "id"), name, kind: PrincipalKind::User }
}

/// Tells whether a text is an object's ID.
fn is_guid(text: &str) -> bool {
    text.parse::<pintail_core::name::ClientId>().is_ok_and(|id| id.is_guid())
}
