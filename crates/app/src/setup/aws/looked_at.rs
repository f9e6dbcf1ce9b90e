//! Amazon's own checks of the documents that a plan would write. Nothing is changed, and nothing waits for them.

use super::change::Change;
use super::policies::CLIENT_ID_TO_COME;
use crate::admin::analyzer::{Analyzer, Looked, PolicyKind};
use crate::setup::plan::{Change as AnyChange, NearMiss, Plan, Side};
use serde_json::Value;

/// A client ID in the place of one that does not exist yet: the checks want a value.
const ANY_CLIENT_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Has IAM Access Analyzer look at the documents that a plan writes in an account, and returns what it found.
///
/// Who may not ask it goes on without, and so does who gets no answer.
pub(crate) async fn looked_at(analyzer: &Analyzer, account: &str, plan: &Plan) -> Vec<NearMiss> {
    let here = Side::Aws { account: account.to_owned() };
    let mut found = Vec::new();
    for step in plan.steps.iter().filter(|step| step.side == here) {
        let AnyChange::Aws(change) = &step.change else { continue };
        let Some((kind, document)) = document_of(change) else { continue };
        match analyzer.look(kind, &document).await {
            // One that does not answer for one document does not for the next.
            Looked::NotAsked(why) => {
                tracing::info!(%why, "IAM Access Analyzer did not look at the policies");
                break;
            }
            Looked::Found(findings) => found.extend(findings.into_iter().map(|finding| NearMiss {
                side: here.clone(),
                seen: format!("IAM Access Analyzer says {} of: {}", finding.issue_code, step.what),
                means: finding.finding_details,
                next: "Look at the names and ARNs of the wish; what is written comes from them.".into(),
            })),
        }
    }
    found
}

fn document_of(change: &Change) -> Option<(PolicyKind, Value)> {
    let (kind, document) = match change {
        Change::CreateRole { trust, .. } => (PolicyKind::Trust, trust),
        Change::SetTrust { to, .. } => (PolicyKind::Trust, to),
        Change::PutPolicy { to, .. } => (PolicyKind::Identity, to),
        Change::AddManaged(managed) => (PolicyKind::Identity, &managed.document),
        _ => return None,
    };
    Some((kind, with_client_id(document)))
}

fn with_client_id(value: &Value) -> Value {
    match value {
        Value::String(text) if text == CLIENT_ID_TO_COME => ANY_CLIENT_ID.into(),
        Value::Array(items) => items.iter().map(with_client_id).collect::<Vec<_>>().into(),
        Value::Object(object) => {
            let one = |(key, value): (&String, &Value)| (key.clone(), with_client_id(value));
            object.iter().map(one).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
