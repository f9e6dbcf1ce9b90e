//! What the tenant is to hold, taken from the plan for a tenant where nothing is.
//!
//! Pure: the plan is made of values.

use pintail_core::name::BookmarkName;
use serde_json::Value;

use crate::admin::graph::ServicePrincipal;
use crate::setup::desired::EntraWish;
use crate::setup::entra::{self, EntraCurrent};
use crate::setup::plan::Change;

pub(crate) use crate::admin::graph::GRAPH_APP_ID;

/// What the tenant is to hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EntraParts {
    /// The application, as Graph takes it.
    pub(crate) app: Value,
    /// The tags of the enterprise application.
    pub(crate) principal_tags: Vec<String>,
    /// The scopes that are consented to for everybody.
    pub(crate) scopes: Vec<String>,
    /// The policy that fills session tags: its name, and what it says.
    pub(crate) claims: Option<(String, String)>,
}

/// Tells whether somebody is named by an object ID.
pub(crate) fn is_guid(text: &str) -> bool {
    matches!(text.parse::<pintail_core::name::Tenant>(), Ok(pintail_core::name::Tenant::Guid(_)))
}

impl EntraParts {
    /// Takes what a tenant is to hold out of the plan for a tenant that holds nothing.
    pub(crate) fn of(wish: &EntraWish, bookmark: &BookmarkName) -> Self {
        let nothing = EntraCurrent {
            organization: None,
            app: None,
            same_name: Vec::new(),
            principal: None,
            graph: ServicePrincipal(Value::Null),
            grant: None,
            assignments: Vec::new(),
            people: Vec::new(),
            unfound: Vec::new(),
            linked_policies: Vec::new(),
            own_policy: None,
        };
        let mut parts =
            Self { app: Value::Null, principal_tags: Vec::new(), scopes: Vec::new(), claims: None };
        for step in entra::plan(wish, bookmark, &nothing).steps {
            match step.change {
                Change::Entra(entra::Change::CreateApp { body }) => parts.app = body,
                Change::Entra(entra::Change::CreatePrincipal { tags, .. }) => parts.principal_tags = tags,
                Change::Entra(entra::Change::Consent { scope }) => {
                    parts.scopes = scope.split(' ').map(str::to_owned).collect();
                }
                Change::Entra(entra::Change::CreateClaims { name, definition }) => {
                    parts.claims = Some((name, definition));
                }
                _ => {}
            }
        }
        parts
    }
}
