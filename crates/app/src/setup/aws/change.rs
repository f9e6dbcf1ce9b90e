//! One change of an account, how it is carried out, and its way back.
//!
//! Carrying out twice is the same as once; taking back what is gone already is no error. What was there before is read again right
//! before it is replaced, so that the way back leads to what really was.

use pintail_core::retry::Retry;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::{difference, same_policy};
use super::plan::MARK;
use super::policies::CLIENT_ID_TO_COME;
use crate::admin::AdminError;
use crate::admin::iam::{Iam, NewRole, Tags};
use crate::setup::plan::Facts;

/// One change of an account. Documents hold [`CLIENT_ID_TO_COME`] where the application is made first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// Makes the identity provider.
    CreateProvider {
        /// What its ARN will be.
        arn: String,
        /// The issuer.
        issuer: String,
        /// The client ID it takes.
        client_id: String,
        /// Its tags.
        tags: Tags,
    },
    /// Has an existing provider take the client ID.
    AddClientId {
        /// Its ARN.
        arn: String,
        /// The client ID.
        client_id: String,
    },
    /// Makes the role.
    CreateRole {
        /// Its name.
        role: String,
        /// Its path.
        path: String,
        /// Who may take it.
        trust: Value,
        /// The longest session.
        max_session_s: u32,
        /// What people read about it.
        description: String,
        /// Its tags.
        tags: Tags,
    },
    /// Replaces the trust policy of an existing role.
    SetTrust {
        /// Its name.
        role: String,
        /// What is there.
        from: Value,
        /// What will be.
        to: Value,
    },
    /// Sets the longest session of an existing role.
    SetSession {
        /// Its name.
        role: String,
        /// What is there.
        from: u32,
        /// What will be.
        to: u32,
    },
    /// Sets an inline policy.
    PutPolicy {
        /// The role.
        role: String,
        /// The policy's name.
        policy: String,
        /// What is there.
        from: Option<Value>,
        /// What will be.
        to: Value,
    },
    /// Removes an inline policy of an earlier setup.
    DropPolicy {
        /// The role.
        role: String,
        /// The policy's name.
        policy: String,
        /// What is there.
        from: Value,
    },
    /// Makes a managed policy and attaches it.
    AddManaged(Managed),
    /// Detaches and removes a managed policy of an earlier setup.
    DropManaged(Managed),
}

/// A managed policy of a setup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Managed {
    /// The role it is attached to.
    pub(crate) role: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Its name.
    pub(crate) name: String,
    /// Its path.
    pub(crate) path: String,
    /// What it says.
    pub(crate) document: Value,
    /// Its tags.
    pub(crate) tags: Tags,
}

/// The way back from a change that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Undo {
    /// Nothing was changed.
    Nothing,
    /// Removes the provider, if it bears the mark of the setup that made it.
    DeleteProvider {
        /// Its ARN.
        arn: String,
        /// The value of the tag.
        mark: Option<String>,
    },
    /// Has the provider no longer take a client ID.
    RemoveClientId {
        /// Its ARN.
        arn: String,
        /// The client ID.
        client_id: String,
    },
    /// Removes the role, if it bears the mark of the setup that made it, with everything that hangs on it.
    DeleteRole {
        /// Its name.
        role: String,
        /// The value of the tag.
        mark: Option<String>,
    },
    /// Puts an earlier trust policy back.
    RestoreTrust {
        /// The role.
        role: String,
        /// What was there.
        document: Value,
    },
    /// Puts an earlier length of sessions back.
    RestoreSession {
        /// The role.
        role: String,
        /// What was there.
        max_session_s: u32,
    },
    /// Puts an earlier inline policy back, or removes it where there was none.
    RestorePolicy {
        /// The role.
        role: String,
        /// The policy's name.
        policy: String,
        /// What was there.
        document: Option<Value>,
    },
    /// Detaches and removes a managed policy.
    DropManaged(Managed),
    /// Makes and attaches a managed policy again.
    AddManaged(Managed),
}

impl Change {
    /// Returns the way back as it looks before the change is carried out; [`apply`] returns the one that is true.
    pub(crate) fn way_back(&self, facts: &Facts) -> Undo {
        let mark = |tags: &Tags| tags.get(MARK).cloned();
        match self {
            Self::CreateProvider { arn, tags, .. } => {
                Undo::DeleteProvider { arn: arn.clone(), mark: mark(tags) }
            }
            Self::AddClientId { arn, client_id } => {
                let known = facts.client_id.as_ref().filter(|_| client_id == CLIENT_ID_TO_COME);
                let client_id = known.map_or_else(|| client_id.clone(), ToString::to_string);
                Undo::RemoveClientId { arn: arn.clone(), client_id }
            }
            Self::CreateRole { role, tags, .. } => Undo::DeleteRole { role: role.clone(), mark: mark(tags) },
            Self::SetTrust { role, from, .. } => {
                Undo::RestoreTrust { role: role.clone(), document: from.clone() }
            }
            Self::SetSession { role, from, .. } => {
                Undo::RestoreSession { role: role.clone(), max_session_s: *from }
            }
            Self::PutPolicy { role, policy, from, .. } => {
                Undo::RestorePolicy { role: role.clone(), policy: policy.clone(), document: from.clone() }
            }
            Self::DropPolicy { role, policy, from } => Undo::RestorePolicy {
                role: role.clone(),
                policy: policy.clone(),
                document: Some(from.clone()),
            },
            Self::AddManaged(managed) => Undo::DropManaged(managed.clone()),
            Self::DropManaged(managed) => Undo::AddManaged(managed.clone()),
        }
    }

    /// Returns the lines in which documents change; empty where none does.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::SetTrust { from, to, .. } => difference(from, to),
            Self::PutPolicy { from: Some(from), to, .. } => difference(from, to),
            _ => Vec::new(),
        }
    }
}

/// Carries a change out and returns the way back from it.
///
/// # Errors
/// When IAM refuses or cannot be asked, or the application that the change needs is not made yet.
pub(crate) async fn apply(iam: &Iam, change: &Change, facts: &Facts) -> Result<Undo, AdminError> {
    let way_back = change.way_back(facts);
    match change {
        Change::CreateProvider { arn, issuer, client_id, tags } => {
            let client_id = filled_text(client_id, facts)?;
            match iam.create_provider(issuer, std::slice::from_ref(&client_id), tags).await {
                Ok(_) => Ok(way_back),
                Err(error) if exists(&error) => add_client_id(iam, arn, client_id).await,
                Err(error) => Err(error),
            }
        }
        Change::AddClientId { arn, client_id } => {
            let client_id = filled_text(client_id, facts)?;
            add_client_id(iam, arn, client_id).await
        }
        Change::CreateRole { role, path, trust, max_session_s, description, tags } => {
            let new = NewRole {
                name: role.clone(),
                path: path.clone(),
                trust: filled(trust, facts)?.to_string(),
                max_session_s: *max_session_s,
                description: Some(description.clone()),
                tags: tags.clone(),
            };
            match iam.create_role(&new).await {
                Ok(_) => Ok(way_back),
                // Made by a run that was cut off, or by an attempt whose answer was lost: what it lacks is in no plan yet.
                Err(error) if exists(&error) => match iam.role(role).await? {
                    Some(found) if found.tags.get(MARK) == tags.get(MARK) => Ok(way_back),
                    _ => Err(error),
                },
                Err(error) => Err(error),
            }
        }
        Change::SetTrust { role, to, .. } => {
            let to = filled(to, facts)?;
            let found = iam.role(role).await?.map(|found| found.trust);
            let found: Option<Value> = found.and_then(|text| serde_json::from_str(&text).ok());
            if found.as_ref().is_some_and(|found| same_policy(found, &to)) {
                return Ok(Undo::Nothing);
            }
            settled(iam, async || iam.update_trust(role, &to.to_string()).await).await?;
            Ok(found.map_or(way_back, |document| Undo::RestoreTrust { role: role.clone(), document }))
        }
        Change::SetSession { role, to, .. } => {
            let found = iam.role(role).await?.map(|found| found.max_session_s);
            if found == Some(*to) {
                return Ok(Undo::Nothing);
            }
            iam.update_role(role, *to).await?;
            Ok(found
                .map_or(way_back, |max_session_s| Undo::RestoreSession { role: role.clone(), max_session_s }))
        }
        Change::PutPolicy { role, policy, to, .. } => {
            let found = read_policy(iam, role, policy).await?;
            if found.as_ref().is_some_and(|found| same_policy(found, to)) {
                return Ok(Undo::Nothing);
            }
            settled(iam, async || iam.put_role_policy(role, policy, &to.to_string()).await).await?;
            Ok(Undo::RestorePolicy { role: role.clone(), policy: policy.clone(), document: found })
        }
        Change::DropPolicy { role, policy, .. } => {
            let Some(found) = read_policy(iam, role, policy).await? else { return Ok(Undo::Nothing) };
            iam.delete_role_policy(role, policy).await?;
            Ok(Undo::RestorePolicy { role: role.clone(), policy: policy.clone(), document: Some(found) })
        }
        Change::AddManaged(managed) => add_managed(iam, managed).await.map(|()| way_back),
        Change::DropManaged(managed) => drop_managed(iam, managed).await.map(|()| way_back),
    }
}

/// Takes a change back.
///
/// # Errors
/// When IAM refuses or cannot be asked.
pub(crate) async fn undo(iam: &Iam, undo: &Undo) -> Result<(), AdminError> {
    match undo {
        Undo::Nothing => Ok(()),
        Undo::DeleteProvider { arn, mark } => match iam.provider(arn).await? {
            Some(found) if mark.is_none() || found.tags.get(MARK) == mark.as_ref() => {
                iam.delete_provider(arn).await
            }
            _ => Ok(()),
        },
        Undo::RemoveClientId { arn, client_id } => iam.remove_client_id(arn, client_id).await,
        Undo::DeleteRole { role, mark } => match iam.role(role).await? {
            Some(found) if mark.is_none() || found.tags.get(MARK) == mark.as_ref() => {
                for policy in iam.role_policies(role).await? {
                    iam.delete_role_policy(role, &policy).await?;
                }
                for policy in iam.attached_role_policies(role).await? {
                    iam.detach_role_policy(role, &policy.arn).await?;
                }
                iam.delete_role(role).await
            }
            _ => Ok(()),
        },
        Undo::RestoreTrust { role, document } => present(iam.update_trust(role, &document.to_string()).await),
        Undo::RestoreSession { role, max_session_s } => present(iam.update_role(role, *max_session_s).await),
        Undo::RestorePolicy { role, policy, document: None } => iam.delete_role_policy(role, policy).await,
        Undo::RestorePolicy { role, policy, document: Some(document) } => {
            present(iam.put_role_policy(role, policy, &document.to_string()).await)
        }
        Undo::DropManaged(managed) => drop_managed(iam, managed).await,
        Undo::AddManaged(managed) => present(add_managed(iam, managed).await),
    }
}

async fn add_client_id(iam: &Iam, arn: &str, client_id: String) -> Result<Undo, AdminError> {
    let found = iam.provider(arn).await?;
    if found.is_some_and(|found| found.client_ids.contains(&client_id)) {
        return Ok(Undo::Nothing);
    }
    iam.add_client_id(arn, &client_id).await?;
    Ok(Undo::RemoveClientId { arn: arn.to_owned(), client_id })
}

async fn read_policy(iam: &Iam, role: &str, policy: &str) -> Result<Option<Value>, AdminError> {
    let text = iam.role_policy(role, policy).await?;
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

async fn add_managed(iam: &Iam, managed: &Managed) -> Result<(), AdminError> {
    let Managed { name, path, document, tags, .. } = managed;
    match iam.create_policy(name, path, &document.to_string(), tags).await {
        Ok(_) => {}
        Err(error) if exists(&error) => {}
        Err(error) => return Err(error),
    }
    settled(iam, async || iam.attach_role_policy(&managed.role, &managed.arn).await).await
}

async fn drop_managed(iam: &Iam, managed: &Managed) -> Result<(), AdminError> {
    iam.detach_role_policy(&managed.role, &managed.arn).await?;
    match iam.delete_policy(&managed.arn).await {
        // Somebody attached it elsewhere as well: it is theirs now.
        Err(AdminError::Refused(refusal)) if refusal.code == "DeleteConflict" => Ok(()),
        other => other,
    }
}

/// Puts nothing back into what is gone.
fn present(result: Result<(), AdminError>) -> Result<(), AdminError> {
    crate::admin::absent_is_none(result).map(|_| ())
}

fn exists(error: &AdminError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.code == "EntityAlreadyExists")
}

/// Writes to something that was just made: for some seconds, parts of IAM say that there is no such thing.
async fn settled<F>(iam: &Iam, write: F) -> Result<(), AdminError>
where
    F: AsyncFn() -> Result<(), AdminError>,
{
    let mut failed = 0;
    loop {
        match write().await {
            Err(AdminError::Refused(refusal)) if refusal.is_absent() => {
                failed += 1;
                if !iam.client().wait(Retry::Backoff, failed).await {
                    return Err(AdminError::Refused(refusal));
                }
            }
            other => return other,
        }
    }
}

fn filled_text(text: &str, facts: &Facts) -> Result<String, AdminError> {
    if text != CLIENT_ID_TO_COME {
        return Ok(text.to_owned());
    }
    facts.client_id.as_ref().map(ToString::to_string).ok_or(AdminError::NoApplication)
}

/// Puts the client ID in the place that was kept for it.
fn filled(value: &Value, facts: &Facts) -> Result<Value, AdminError> {
    Ok(match value {
        Value::String(text) => filled_text(text, facts)?.into(),
        Value::Array(items) => {
            items.iter().map(|item| filled(item, facts)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(object) => {
            let one = |(key, value): (&String, &Value)| Ok((key.clone(), filled(value, facts)?));
            object.iter().map(one).collect::<Result<serde_json::Map<_, _>, AdminError>>()?.into()
        }
        other => other.clone(),
    })
}
