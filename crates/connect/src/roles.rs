//! Which of several roles a bookmark uses: the one asked for, the one used last, the usual one.

use std::collections::BTreeMap;

use pintail_core::name::{BookmarkName, RoleArn};

use crate::identity::{Identity, RoleSession};
use crate::state_file::StateFile;
use crate::{Connector, Error};

/// A role that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedRole {
    /// The role.
    pub role: RoleArn,
    /// It is the one that is used unless another is asked for.
    pub chosen: bool,
}

impl Connector {
    /// Returns the session of the role that a bookmark uses now. A role that was asked for counts for this run.
    ///
    /// # Errors
    /// When the bookmark cannot be used, its role is not clear, or nobody is signed in and the roles come with the sign-in.
    pub async fn role_session(&self, name: &BookmarkName) -> Result<RoleSession, Error> {
        let identity = self.identity(name).await?;
        let role = self.choose_role(&identity, identity.roles().await?)?;
        identity.session(&role)
    }

    /// Lists the roles of a bookmark.
    ///
    /// # Errors
    /// As [`Connector::role_session`].
    pub async fn roles(&self, name: &BookmarkName) -> Result<Vec<OfferedRole>, Error> {
        let identity = self.identity(name).await?;
        let offered = identity.roles().await?;
        let chosen = match self.choose_role(&identity, offered.clone()) {
            Ok(role) => Some(role),
            Err(Error::WhichRole { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(offered
            .into_iter()
            .map(|role| OfferedRole { chosen: chosen.as_ref() == Some(&role), role })
            .collect())
    }

    /// Chooses among the roles on offer: the one asked for in this run, the one used last, the bookmark's first one, the only
    /// one.
    ///
    /// # Errors
    /// When none is offered, the one asked for is not, or the token offers several and none was chosen yet.
    pub fn choose_role(&self, identity: &Identity, offered: Vec<RoleArn>) -> Result<RoleArn, Error> {
        let name = &identity.name;
        if let Some(wanted) = &self.role {
            let mut fitting = offered.iter().filter(|role| fits(role, wanted));
            return match (fitting.next(), fitting.next()) {
                (Some(role), None) => Ok(role.clone()),
                (Some(_), Some(_)) => Err(Error::WhichRole { name: name.clone(), offered }),
                (None, _) => Err(Error::NoSuchRole { name: name.clone(), wanted: wanted.clone(), offered }),
            };
        }
        if let Some(last) = self.remembered_text(name)
            && let Some(role) = offered.iter().find(|role| role.as_str() == last)
        {
            return Ok(role.clone());
        }
        let named = !identity.web().roles.is_empty();
        match offered.as_slice() {
            [] => Err(Error::NoRole { name: name.clone() }),
            [role] => Ok(role.clone()),
            [role, ..] if named => Ok(role.clone()),
            _ => Err(Error::WhichRole { name: name.clone(), offered }),
        }
    }

    /// Returns the role that other programs are to ask for where a bookmark names several: the one asked for in this run,
    /// the one used last, the first one. `None` where there is no choice.
    ///
    /// # Errors
    /// When the one asked for is not among them.
    pub fn role_to_name(&self, name: &BookmarkName, roles: &[RoleArn]) -> Result<Option<RoleArn>, Error> {
        let [first, _, ..] = roles else { return Ok(None) };
        if let Some(wanted) = &self.role {
            return match roles.iter().find(|role| fits(role, wanted)) {
                Some(role) => Ok(Some(role.clone())),
                None => Err(Error::NoSuchRole {
                    name: name.clone(),
                    wanted: wanted.clone(),
                    offered: roles.to_vec(),
                }),
            };
        }
        let last = self.remembered_text(name);
        let used = roles.iter().find(|role| last.as_deref() == Some(role.as_str()));
        Ok(Some(used.unwrap_or(first).clone()))
    }

    /// Remembers the role that a bookmark uses from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember_role(&self, name: &BookmarkName, role: &RoleArn) -> Result<(), Error> {
        self.remember_text(name, role.as_str())
    }

    /// Returns the role that a bookmark used last, as it was written.
    pub(crate) fn remembered_text(&self, name: &BookmarkName) -> Option<String> {
        self.last_roles().read().remove(name.as_str())
    }

    /// Remembers a role as a text.
    pub(crate) fn remember_text(&self, name: &BookmarkName, role: &str) -> Result<(), Error> {
        self.last_roles().change(|all| {
            all.insert(name.as_str().to_owned(), role.to_owned());
        })
    }

    /// Forgets which role a bookmark used.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_role(&self, name: &BookmarkName) -> Result<(), Error> {
        self.last_roles().change(|all| {
            all.remove(name.as_str());
        })
    }

    /// Lets the choice of a role follow a bookmark to its new name.
    pub(crate) fn rename_role(&self, name: &BookmarkName, new_name: &BookmarkName) -> Result<(), Error> {
        self.last_roles().change(|all| {
            if let Some(role) = all.remove(name.as_str()) {
                all.insert(new_name.as_str().to_owned(), role);
            }
        })
    }

    /// A file that is missing or damaged remembers nothing: the choice can be made again.
    fn last_roles(&self) -> StateFile<BTreeMap<String, String>> {
        StateFile::at(&self.environment.folders.state, "roles.json")
    }
}

/// Tells whether a role is meant by a text: its ARN, its name, `ACCOUNT/NAME` or `ACCOUNT`.
fn fits(role: &RoleArn, wanted: &str) -> bool {
    wanted == role.as_str()
        || wanted == role.role_name()
        || wanted == role.account().as_str()
        || wanted.split_once('/') == Some((role.account().as_str(), role.role_name()))
}
