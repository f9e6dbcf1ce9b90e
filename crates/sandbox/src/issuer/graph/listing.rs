//! Lists and single objects as OData shows them: filtered, cut into pages, reduced to what was selected.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::errors::GraphError;
use super::filter::{Asked, Filter};
use super::{Answer, Call, Reply};
use crate::world::directory::Directory;

/// Graph's own page size and the largest that may be asked for.
const USUAL_PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

/// A kind of object: its name in messages, its set, and what it can be filtered by.
pub(super) struct Kind {
    pub(super) resource: &'static str,
    pub(super) set: &'static str,
    pub(super) filterable: &'static [&'static str],
    /// What is shown when nothing is selected; empty shows everything.
    pub(super) usual: &'static [&'static str],
    /// An object of the kind, by which selections are checked where the list is empty.
    pub(super) example: fn(&Directory) -> Value,
}

/// Answers with a list.
pub(super) fn list(call: &Call<'_>, kind: &Kind, objects: Vec<Value>) -> Answer {
    let params = call.inbound.query();
    for name in ["$expand", "$search", "$apply"] {
        if params.raw(name).is_some() {
            return Err(GraphError::new(
                400,
                "BadRequest",
                &format!("Query option '{name}' is not supported for this request."),
            ));
        }
    }
    let counted = params.get("$count") == Some("true");
    let eventual = call.inbound.header("consistencylevel") == Some("eventual");
    if counted && !eventual {
        let message = "$count is not currently supported without the header ConsistencyLevel: eventual.";
        return Err(GraphError::new(400, "Request_BadRequest", message));
    }
    let asked = Asked { resource: kind.resource, filterable: kind.filterable, advanced: counted && eventual };
    let objects = match params.get("$filter") {
        None => objects,
        Some(text) => {
            let filter = Filter::parse(text, &asked)?;
            objects.into_iter().filter(|object| filter.passes(object)).collect()
        }
    };
    let page = match params.get("$top").map(str::parse::<usize>) {
        None => USUAL_PAGE,
        Some(Ok(count)) if (1..=LARGEST_PAGE).contains(&count) => count,
        Some(_) => {
            return Err(GraphError::new(
                400,
                "Request_BadRequest",
                "Invalid page size specified: it must be between 1 and 999 inclusive.",
            ));
        }
    };
    let start = match params.get("$skiptoken") {
        None => 0,
        Some(token) => position(token).ok_or_else(|| {
            GraphError::new(400, "Directory_ExpiredPageToken", "The specified page token value has expired.")
        })?,
    };
    let total = objects.len();
    select(call, kind, (kind.example)(call.directory))?;
    let shown: Result<Vec<Value>, GraphError> =
        objects.into_iter().skip(start).take(page).map(|object| select(call, kind, object)).collect();
    let mut answer = Map::new();
    answer.insert("@odata.context".into(), call.context(kind.set));
    if counted {
        answer.insert("@odata.count".into(), json!(total));
    }
    if start + page < total {
        answer.insert("@odata.nextLink".into(), json!(next(call, start + page)));
    }
    answer.insert("value".into(), Value::Array(shown?));
    Ok(Reply::ok(Value::Object(answer)))
}

/// Answers with one object.
pub(super) fn one(call: &Call<'_>, kind: &Kind, object: Value) -> Answer {
    Ok(Reply::ok(call.entity(kind.set, select(call, kind, object)?)))
}

fn select(call: &Call<'_>, kind: &Kind, object: Value) -> Result<Value, GraphError> {
    let params = call.inbound.query();
    let chosen: Vec<&str> = match params.get("$select") {
        Some(text) => text.split(',').map(str::trim).collect(),
        None if kind.usual.is_empty() => return Ok(object),
        None => kind.usual.to_vec(),
    };
    let Value::Object(all) = object else { return Ok(object) };
    let mut kept = Map::new();
    for name in chosen {
        let found = all.iter().find(|(known, _)| known.as_str() == name);
        let Some((name, value)) = found else {
            let message = format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
                 'microsoft.graph.{}'.",
                lowered(kind.resource)
            );
            return Err(GraphError::new(400, "BadRequest", &message));
        };
        kept.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(kept))
}

fn lowered(name: &str) -> String {
    let mut name = name.to_owned();
    name[..1].make_ascii_lowercase();
    name
}

fn next(call: &Call<'_>, start: usize) -> String {
    let query = call.inbound.uri.query().unwrap_or_default();
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "$skiptoken");
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("$skiptoken", &URL_SAFE_NO_PAD.encode(format!("position {start}")))
        .finish();
    format!("{}{}?{query}", call.core.authority, call.inbound.path())
}

fn position(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("position ")?.parse().ok()
}
