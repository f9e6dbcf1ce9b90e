//! What a step changes in the tenant, doing it, and undoing it.
//!
//! Doing what is done and undoing what is undone are no errors, so that a run that was cut off can be run again. What undoes a
//! change is known from the change and the client ID alone ([`undo_of`]): also a step whose end nobody saw can be taken back.

use pintail_core::name::ClientId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TAG, is_made_for};
use crate::admin::AdminError;
use crate::admin::graph::{Application, Assignment, Find, Graph, Principal, ServicePrincipal};

/// One change in the tenant. The application of new things is found by its client ID: it may not exist when the plan is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// Registers the application.
    CreateApp {
        /// The application, with mark and notes.
        body: Value,
    },
    /// Changes the application.
    UpdateApp {
        /// The object's ID.
        id: String,
        /// What it gets.
        patch: Value,
        /// What it had.
        before: Value,
    },
    /// Makes the application known in the tenant.
    CreatePrincipal {
        /// Only those who are assigned may use it.
        assignment_required: bool,
        /// Its tags.
        tags: Vec<String>,
    },
    /// Changes the enterprise application.
    UpdatePrincipal {
        /// The object's ID.
        id: String,
        /// What it gets.
        patch: Value,
        /// What it had.
        before: Value,
    },
    /// Consents for everybody.
    Consent {
        /// The scopes, separated by spaces.
        scope: String,
    },
    /// Adds to a consent.
    WidenConsent {
        /// The object's ID.
        id: String,
        /// All scopes.
        scope: String,
        /// Those it had.
        before: String,
    },
    /// Makes the policy that fills session tags.
    CreateClaims {
        /// Its name.
        name: String,
        /// What it says.
        definition: String,
    },
    /// Changes the policy that fills session tags.
    UpdateClaims {
        /// The object's ID.
        id: String,
        /// What it says from now on.
        definition: String,
        /// What it said.
        before: String,
    },
    /// Has the policy fill the claims of the application.
    LinkClaims {
        /// The policy's name.
        name: String,
    },
    /// Assigns somebody.
    Assign {
        /// Who.
        principal: Principal,
        /// The role of the application.
        role: String,
    },
    /// Takes an assignment back.
    Unassign {
        /// The assignment.
        assignment: Assignment,
    },
}

/// What takes a change back. Everything is found anew, by client ID or mark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Undo {
    /// Deletes the application with our mark and these notes.
    DeleteApp {
        /// The notes.
        notes: String,
    },
    /// Gives an application its earlier values back.
    PatchApp {
        /// The object's ID.
        id: String,
        /// The values.
        patch: Value,
    },
    /// Deletes the service principal.
    DeletePrincipal {
        /// The client ID.
        app_id: String,
    },
    /// Gives a service principal its earlier values back.
    PatchPrincipal {
        /// The client ID.
        app_id: String,
        /// The values.
        patch: Value,
    },
    /// Takes the consent back.
    DeleteConsent {
        /// The client ID.
        app_id: String,
    },
    /// Gives a consent its earlier scopes back.
    PatchConsent {
        /// The client ID.
        app_id: String,
        /// The scopes.
        scope: String,
    },
    /// Deletes a policy.
    DeleteClaims {
        /// Its name.
        name: String,
    },
    /// Has a policy say what it said.
    PatchClaims {
        /// The object's ID.
        id: String,
        /// What it said.
        definition: String,
    },
    /// Ends that a policy fills the claims.
    UnlinkClaims {
        /// The client ID.
        app_id: String,
        /// The policy's name.
        name: String,
    },
    /// Takes an assignment back.
    Unassign {
        /// The client ID.
        app_id: String,
        /// Who was assigned.
        principal_id: String,
    },
    /// Assigns somebody again.
    Assign {
        /// The client ID.
        app_id: String,
        /// Who.
        principal_id: String,
        /// The role of the application.
        role: String,
    },
}

/// What a run knows of the application by now. What was created a moment ago may not be found by asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// The client ID.
    pub(crate) client_id: Option<ClientId>,
    /// The service principal's ID.
    pub(crate) principal_id: Option<String>,
    /// The ID of the policy that fills session tags.
    pub(crate) policy_id: Option<String>,
}

impl Learned {
    fn app_id(&self) -> String {
        self.client_id.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// Tells what takes a change back, whether it was made or not.
pub(crate) fn undo_of(change: &Change, learned: &Learned) -> Undo {
    let app_id = learned.app_id();
    match change {
        Change::CreateApp { body } => Undo::DeleteApp {
            notes: body.get("notes").and_then(Value::as_str).unwrap_or_default().to_owned(),
        },
        Change::UpdateApp { id, before, .. } => Undo::PatchApp { id: id.clone(), patch: before.clone() },
        Change::CreatePrincipal { .. } => Undo::DeletePrincipal { app_id },
        Change::UpdatePrincipal { before, .. } => Undo::PatchPrincipal { app_id, patch: before.clone() },
        Change::Consent { .. } => Undo::DeleteConsent { app_id },
        Change::WidenConsent { before, .. } => Undo::PatchConsent { app_id, scope: before.clone() },
        Change::CreateClaims { name, .. } => Undo::DeleteClaims { name: name.clone() },
        Change::UpdateClaims { id, before, .. } => {
            Undo::PatchClaims { id: id.clone(), definition: before.clone() }
        }
        Change::LinkClaims { name } => Undo::UnlinkClaims { app_id, name: name.clone() },
        Change::Assign { principal, .. } => Undo::Unassign { app_id, principal_id: principal.id.clone() },
        Change::Unassign { assignment } => Undo::Assign {
            app_id,
            principal_id: assignment.principal_id.clone(),
            role: assignment.role_id.clone(),
        },
    }
}

/// Makes a change. What is done already is done.
///
/// # Errors
/// When Graph refuses, or what the change refers to is not there.
pub(crate) async fn apply(graph: &Graph, change: &Change, learned: &mut Learned) -> Result<(), AdminError> {
    match change {
        Change::CreateApp { body } => {
            let app = create_app(graph, body).await?;
            learned.client_id = app.app_id().parse().ok();
            Ok(())
        }
        Change::UpdateApp { id, patch, .. } => graph.update_application(id, patch).await,
        Change::CreatePrincipal { assignment_required, tags } => {
            let app_id = learned.app_id();
            let principal = match graph.service_principal(&app_id).await? {
                Some(principal) => principal,
                None => graph.create_service_principal(&app_id, *assignment_required, tags).await?,
            };
            learned.principal_id = Some(principal.id());
            Ok(())
        }
        Change::UpdatePrincipal { id, patch, .. } => graph.update_service_principal(id, patch).await,
        Change::Consent { scope } => {
            let (client, resource) =
                (principal_id(graph, learned).await?, graph.graph_principal().await?.id());
            match graph.grant(&client, &resource).await? {
                Some(_) => Ok(()),
                None => graph.create_grant(&client, &resource, scope).await.map(drop),
            }
        }
        Change::WidenConsent { id, scope, .. } => graph.update_grant(id, scope).await,
        Change::CreateClaims { name, definition } => {
            let known = graph.all_mapping_policies().await?.into_iter().find(|policy| policy.name == *name);
            let policy = match known {
                Some(policy) => policy,
                None => graph.create_mapping_policy(name, definition).await?,
            };
            learned.policy_id = Some(policy.id);
            Ok(())
        }
        Change::UpdateClaims { id, definition, .. } => graph.update_mapping_policy(id, definition).await,
        Change::LinkClaims { name } => {
            let principal = principal_id(graph, learned).await?;
            let linked = graph.mapping_policies(&principal).await?;
            if linked.iter().any(|policy| policy.name == *name) {
                return Ok(());
            }
            let all = match &learned.policy_id {
                Some(id) => Some(id.clone()),
                None => named_policy(graph, name).await?,
            };
            let policy = all.ok_or_else(|| lost("the policy of the session tags"))?;
            graph.link_mapping_policy(&principal, &policy).await
        }
        Change::Assign { principal, role } => {
            let application = principal_id(graph, learned).await?;
            assign(graph, &application, &principal.id, role).await
        }
        Change::Unassign { assignment } => {
            let application = principal_id(graph, learned).await?;
            graph.unassign(&application, &assignment.id).await
        }
    }
}

async fn create_app(graph: &Graph, body: &Value) -> Result<Application, AdminError> {
    let notes = body.get("notes").and_then(Value::as_str).unwrap_or_default();
    let known = graph.applications(Find::Tag(TAG)).await?;
    match known.into_iter().find(|app| is_made_for(app, notes)) {
        Some(app) => Ok(app),
        None => graph.create_application(body).await,
    }
}

async fn assign(graph: &Graph, application: &str, somebody: &str, role: &str) -> Result<(), AdminError> {
    let there = graph.assignments(application).await?;
    if there.iter().any(|assignment| assignment.principal_id == somebody) {
        return Ok(());
    }
    graph.assign(application, somebody, role).await.map(drop)
}

async fn principal_id(graph: &Graph, learned: &mut Learned) -> Result<String, AdminError> {
    if let Some(id) = &learned.principal_id {
        return Ok(id.clone());
    }
    let found = graph.service_principal(&learned.app_id()).await?;
    let id = found.map(|principal| principal.id()).ok_or_else(|| lost("the enterprise application"))?;
    learned.principal_id = Some(id.clone());
    Ok(id)
}

async fn named_policy(graph: &Graph, name: &str) -> Result<Option<String>, AdminError> {
    let all = graph.all_mapping_policies().await?;
    Ok(all.into_iter().find(|policy| policy.name == name).map(|policy| policy.id))
}

fn lost(what: &str) -> AdminError {
    AdminError::Unusable {
        service: crate::admin::graph::SERVICE,
        operation: "a change".to_owned(),
        why: format!("{what} is gone"),
    }
}

/// Takes a change back. What is gone already, or was never made, is as good.
///
/// # Errors
/// When Graph refuses.
pub(crate) async fn undo(graph: &Graph, undo: &Undo) -> Result<(), AdminError> {
    match undo {
        Undo::DeleteApp { notes } => {
            for app in graph.applications(Find::Tag(TAG)).await? {
                if is_made_for(&app, notes) {
                    graph.delete_application(&app.id()).await?;
                }
            }
            Ok(())
        }
        Undo::PatchApp { id, patch } => match graph.application(id).await? {
            Some(_) => graph.update_application(id, patch).await,
            None => Ok(()),
        },
        Undo::DeletePrincipal { app_id } => match graph.service_principal(app_id).await? {
            Some(principal) => graph.delete_service_principal(&principal.id()).await,
            None => Ok(()),
        },
        Undo::PatchPrincipal { app_id, patch } => match graph.service_principal(app_id).await? {
            Some(principal) => graph.update_service_principal(&principal.id(), patch).await,
            None => Ok(()),
        },
        Undo::DeleteConsent { app_id } => match consent_of(graph, app_id).await? {
            Some(id) => graph.delete_grant(&id).await,
            None => Ok(()),
        },
        Undo::PatchConsent { app_id, scope } => match consent_of(graph, app_id).await? {
            Some(id) => graph.update_grant(&id, scope).await,
            None => Ok(()),
        },
        Undo::DeleteClaims { name } => match named_policy(graph, name).await? {
            Some(id) => graph.delete_mapping_policy(&id).await,
            None => Ok(()),
        },
        Undo::PatchClaims { id, definition } => {
            let all = graph.all_mapping_policies().await?;
            match all.iter().any(|policy| policy.id == *id) {
                true => graph.update_mapping_policy(id, definition).await,
                false => Ok(()),
            }
        }
        Undo::UnlinkClaims { app_id, name } => {
            let Some(principal) = graph.service_principal(app_id).await? else { return Ok(()) };
            let linked = graph.mapping_policies(&principal.id()).await?;
            for policy in linked.iter().filter(|policy| policy.name == *name) {
                graph.unlink_mapping_policy(&principal.id(), &policy.id).await?;
            }
            Ok(())
        }
        Undo::Unassign { app_id, principal_id } => {
            let Some(principal) = graph.service_principal(app_id).await? else { return Ok(()) };
            for assignment in graph.assignments(&principal.id()).await? {
                if assignment.principal_id == *principal_id {
                    graph.unassign(&principal.id(), &assignment.id).await?;
                }
            }
            Ok(())
        }
        Undo::Assign { app_id, principal_id, role } => match graph.service_principal(app_id).await? {
            Some(principal) => assign(graph, &principal.id(), principal_id, role).await,
            None => Ok(()),
        },
    }
}

async fn consent_of(graph: &Graph, app_id: &str) -> Result<Option<String>, AdminError> {
    let Some(principal) = graph.service_principal(app_id).await? else { return Ok(None) };
    let resource = graph.graph_principal().await?;
    Ok(graph.grant(&principal.id(), &resource.id()).await?.map(|grant| grant.id))
}

/// Returns what a service principal has of the keys of a patch.
pub(super) fn earlier(principal: &ServicePrincipal, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return Value::Null };
    patch.keys().map(|key| (key.clone(), principal.0.get(key).cloned().unwrap_or(Value::Null))).collect()
}
