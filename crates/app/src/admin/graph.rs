//! Microsoft Graph v1.0: requests with a token, pages, and its ways to say no.
//!
//! Written after "Use the Microsoft Graph API", "Paging", "Throttling guidance" and "Error responses" of the Graph documentation.
//! What is asked of it is in the files of the folder, by what it is about. Passing trouble is tried again by a schedule; a request
//! that creates something is not, unless it surely was not carried out: two applications of one name are worse than an error.

mod access;
mod applications;
mod directory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, Random};
use pintail_core::secret::Secret;
use serde_json::{Map, Value};
use url::Url;

pub(crate) use self::access::{Assignment, DEFAULT_ROLE, Grant, MappingPolicy};
pub(crate) use self::applications::{Application, Find, ServicePrincipal};
pub(crate) use self::directory::{Directory, Organization, Principal, PrincipalKind};
use super::{AdminError, Refusal};

/// What people call it.
pub(crate) const SERVICE: &str = "Microsoft Graph";
/// The application ID of Microsoft Graph in every tenant.
pub(crate) const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";
/// Lists of a directory are long, and those asked for here are filtered: this many pages are a mistake.
const PAGES_MAX: usize = 200;
/// The most of a service's message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 600;

/// What has been created is not everywhere at once: for about a minute the next call may not find it ("known issues", replication).
const REPLICATION: Schedule =
    Schedule { attempts_max: 10, base: Duration::from_millis(500), cap: Duration::from_secs(15) };

/// Microsoft Graph of one tenant, as the owner of a token may see and change it.
pub(crate) struct Graph {
    http: Arc<dyn HttpClient>,
    random: Arc<dyn Random>,
    base: Url,
    token: Secret,
    schedule: Schedule,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Graph {
    /// Makes a client. Nothing is asked yet. `base` ends in `/v1.0`.
    pub(crate) fn new(http: Arc<dyn HttpClient>, random: Arc<dyn Random>, base: Url, token: Secret) -> Self {
        Self { http, random, base, token, schedule: Schedule::INTERACTIVE }
    }

    /// Returns the address that belongs to an issuer, told by its `userinfo_endpoint`: `https://graph.microsoft.com/v1.0` in the
    /// global cloud.
    pub(crate) fn base_of(userinfo_endpoint: &Url) -> Option<Url> {
        let path = userinfo_endpoint.path().strip_suffix("/oidc/userinfo")?;
        let mut base = userinfo_endpoint.clone();
        base.set_path(&format!("{path}/v1.0"));
        base.set_query(None);
        Some(base)
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Reads one thing.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, AdminError> {
        let request = HttpRequest::get(self.url(path, query));
        self.json(&format!("GET {path}"), request, self.schedule, false).await
    }

    /// Reads a whole list, page by page.
    async fn list(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, AdminError> {
        let operation = format!("GET {path}");
        let (mut all, mut next) = (Vec::new(), Some(self.url(path, query)));
        for _ in 0..PAGES_MAX {
            let Some(url) = next.take() else { return Ok(all) };
            let page = self.json(&operation, HttpRequest::get(url), self.schedule, false).await?;
            let Some(items) = page.get("value").and_then(Value::as_array) else {
                return Err(unusable(&operation, "it has no list"));
            };
            all.extend(items.iter().cloned());
            if let Some(link) = page.get("@odata.nextLink").and_then(Value::as_str) {
                next = Some(self.page_link(&operation, link)?);
            }
        }
        if next.is_some() { Err(unusable(&operation, "the list has no end")) } else { Ok(all) }
    }

    /// The token goes nowhere else, wherever a page may point.
    fn page_link(&self, operation: &str, link: &str) -> Result<Url, AdminError> {
        let url = Url::parse(link).map_err(|_| unusable(operation, "its next page is no address"))?;
        if url.origin() == self.base.origin() {
            Ok(url)
        } else {
            Err(unusable(operation, "its next page is elsewhere"))
        }
    }

    /// Creates something. `parents_are_new`: what it refers to was created a moment ago and may not be found yet.
    async fn post(&self, path: &str, body: &Value, parents_are_new: bool) -> Result<Value, AdminError> {
        let request = self.with_body(Method::POST, path, body);
        let schedule = if parents_are_new { REPLICATION } else { self.schedule };
        self.json(&format!("POST {path}"), request, schedule, parents_are_new).await
    }

    /// Changes something.
    async fn patch(&self, path: &str, body: &Value) -> Result<(), AdminError> {
        let request = self.with_body(Method::PATCH, path, body);
        self.json(&format!("PATCH {path}"), request, self.schedule, false).await.map(drop)
    }

    /// Removes something; what is gone already is as good.
    async fn delete(&self, path: &str) -> Result<(), AdminError> {
        let mut request = HttpRequest::get(self.url(path, &[]));
        request.method = Method::DELETE;
        let removed = self.json(&format!("DELETE {path}"), request, self.schedule, false).await;
        super::absent_is_none(removed).map(drop)
    }

    fn with_body(&self, method: Method, path: &str, body: &Value) -> HttpRequest {
        let mut request = HttpRequest::get(self.url(path, &[]));
        request.method = method;
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = Bytes::from(body.to_string());
        request
    }

    /// Sends a request until it is answered for good, and reads the answer; an empty one is `null`.
    async fn json(
        &self,
        operation: &str,
        mut request: HttpRequest,
        schedule: Schedule,
        absence_passes: bool,
    ) -> Result<Value, AdminError> {
        let bearer = format!("Bearer {}", self.token.expose());
        let mut bearer =
            HeaderValue::from_str(&bearer).map_err(|_| unusable(operation, "the token is no header"))?;
        bearer.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, bearer);
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let creates = request.method == Method::POST;
        let mut failed = 0;
        loop {
            let (error, verdict) = match self.http.send(request.clone()).await {
                Ok(response) if response.status.is_success() => return read(operation, &response),
                Ok(response) => {
                    let refusal = refusal(operation, &response);
                    let verdict = verdict(&refusal, creates, absence_passes);
                    (AdminError::Refused(Box::new(refusal)), verdict)
                }
                Err(source) => {
                    let verdict = if creates && !not_sent(&source) { Retry::Never } else { source.retry() };
                    (AdminError::Http { service: SERVICE, operation: operation.to_owned(), source }, verdict)
                }
            };
            failed += 1;
            let Some(wait) = schedule.delay(verdict, failed, &*self.random) else { return Err(error) };
            tracing::debug!(operation, failed, wait_ms = wait.as_millis(), "asking Graph again");
            tokio::time::sleep(wait).await;
        }
    }
}

/// Decides whether a refused request is sent again.
fn verdict(refusal: &Refusal, creates: bool, absence_passes: bool) -> Retry {
    let turned_away =
        matches!(refusal.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    // A reference to something new that has not arrived is told as its absence, or as a bad value that names it.
    let not_there_yet = refusal.is_absent() || refusal.message.contains("does not reference a valid");
    match refusal.retry() {
        Retry::Never if absence_passes && not_there_yet => Retry::Backoff,
        retry if creates && !turned_away && !not_there_yet => match retry {
            Retry::After(_) | Retry::Backoff => Retry::Never,
            other => other,
        },
        // A new token does not come by asking Graph again.
        Retry::AfterRenewal => Retry::Never,
        retry => retry,
    }
}

fn not_sent(error: &HttpError) -> bool {
    matches!(error.kind, HttpErrorKind::Resolve | HttpErrorKind::Connect)
}

fn read(operation: &str, response: &HttpResponse) -> Result<Value, AdminError> {
    if response.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&response.body).map_err(|_| unusable(operation, "it is no JSON"))
}

/// Reads an error: `{"error": {"code", "message", "innerError": {"request-id"}}}`.
fn refusal(operation: &str, response: &HttpResponse) -> Refusal {
    let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let header = |name: &str| response.headers.get(name)?.to_str().ok().map(str::to_owned);
    let message = text("/error/message").unwrap_or_default();
    Refusal {
        service: SERVICE,
        operation: operation.to_owned(),
        status: response.status,
        code: text("/error/code").unwrap_or_default(),
        message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
        request_id: text("/error/innerError/request-id").or_else(|| header("request-id")),
        retry_after: header(RETRY_AFTER.as_str())
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs),
    }
}

fn unusable(operation: &str, why: &str) -> AdminError {
    AdminError::Unusable { service: SERVICE, operation: operation.to_owned(), why: why.to_owned() }
}

/// Returns a text of an object; empty where there is none.
fn text(object: &Value, key: &str) -> String {
    object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Returns the texts of a list in an object.
fn texts(object: &Value, pointer: &str) -> Vec<String> {
    let items = object.pointer(pointer).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Writes a text as a literal of a filter.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Takes an object's identifier, without which nothing can be done with it.
fn identified(operation: &str, object: Value) -> Result<Value, AdminError> {
    match object.get("id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => Ok(object),
        _ => Err(unusable(operation, "it has no id")),
    }
}

/// Makes an object of keys and values.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests;
