//! The access portal (`sso`): accounts, roles, credentials and the end of a sign-in.
//!
//! Pure: requests out, answers in, after the service model `sso` of 2019-06-10. Every request bears the access token in a header of
//! the portal's own, which is why this is the one file of this crate that names such a header.

use std::fmt;
use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pintail_core::credential::Credential;
use pintail_core::name::AccountId;
use pintail_core::retry::Retry;
use pintail_core::seam::{HttpRequest, HttpResponse};
use pintail_core::secret::Secret;
use serde_json::{Map, Value};

use super::answer::{ANSWER_BYTES_MAX, AnswerError, Document, exception, object};
use super::config::Endpoints;
use crate::oidc::{Personal, WORD_CHARS_MAX, passing_fault, printable};

/// Carries the access token.
const BEARER_TOKEN: HeaderName = HeaderName::from_static("x-amz-sso_bearer_token");

/// How much of a page the portal gives at most.
const PAGE_ITEMS_MAX: u32 = 100;

/// More pages than this have no end: AWS's largest organizations have some ten thousand accounts.
pub(super) const PAGES_MAX: u32 = 1000;

/// The longest access key ID, by the limits of IAM.
const KEY_ID_BYTES_MAX: usize = 128;

/// A word that goes on to the next page, as the portal gave it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PageToken(String);

impl fmt::Debug for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageToken(…)")
    }
}

/// What the portal was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortalCall {
    /// `GetRoleCredentials`.
    GetRoleCredentials,
    /// `ListAccountRoles`.
    ListAccountRoles,
    /// `ListAccounts`.
    ListAccounts,
    /// `Logout`.
    Logout,
}

impl PortalCall {
    /// Returns the call as AWS names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetRoleCredentials => "GetRoleCredentials",
            Self::ListAccountRoles => "ListAccountRoles",
            Self::ListAccounts => "ListAccounts",
            Self::Logout => "Logout",
        }
    }
}

/// What a refusal of the portal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortalErrorKind {
    /// The person has no access to this account with this role (`ForbiddenException`). The service model does not list it; it is what
    /// the portal says to a role that is not assigned or misspelt.
    NoAccess,
    /// There is no such account or role (`ResourceNotFoundException`).
    NotFound,
    /// A value of the request is not valid (`InvalidRequestException`).
    RequestInvalid,
    /// The service failed.
    ServerFailure,
    /// Too many requests (`TooManyRequestsException`).
    Throttled,
    /// The access token is over, or its sign-in was ended (`UnauthorizedException`).
    Unauthorized,
    /// Something nobody knows.
    Unknown,
}

/// The portal answered, and said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access portal refused {}: {}{}", .call.name(), Named(code), .status.as_u16())]
pub struct PortalError {
    /// What was asked.
    pub call: PortalCall,
    /// What it means.
    pub kind: PortalErrorKind,
    /// The name of the exception; empty if the portal named none.
    pub code: String,
    /// The portal's own words, made printable and cut.
    pub message: Option<Personal>,
    /// The HTTP status.
    pub status: StatusCode,
    /// For AWS support.
    pub request_id: Option<String>,
    /// What would have to change.
    retry: Retry,
}

/// A name before a status, if there is one.
struct Named<'a>(&'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}, status ", self.0) }
    }
}

impl PortalError {
    fn read(
        call: PortalCall,
        response: &HttpResponse,
        object: Option<&Map<String, Value>>,
        now: Timestamp,
    ) -> Self {
        use PortalErrorKind as K;
        let name = exception(response, object);
        let kind = match (name.as_deref(), response.status.as_u16()) {
            (Some("Forbidden" | "AccessDenied"), _) => K::NoAccess,
            (Some("InvalidRequest" | "Validation"), _) => K::RequestInvalid,
            (Some("ResourceNotFound"), _) => K::NotFound,
            (Some("TooManyRequests" | "Throttling"), _) => K::Throttled,
            (Some("Unauthorized"), _) => K::Unauthorized,
            // Private endpoints and proxies answer with a status alone.
            (_, 400) => K::RequestInvalid,
            (_, 401) => K::Unauthorized,
            (_, 403) => K::NoAccess,
            (_, 404) => K::NotFound,
            (_, 429) => K::Throttled,
            (_, 500..=599) => K::ServerFailure,
            _ => K::Unknown,
        };
        let retry = match kind {
            K::NoAccess | K::NotFound | K::RequestInvalid => Retry::Never,
            K::Unauthorized => Retry::AfterSignIn,
            K::ServerFailure | K::Throttled => passing_fault(response, now).unwrap_or(Retry::Backoff),
            K::Unknown => passing_fault(response, now).unwrap_or(Retry::Never),
        };
        let message = object.and_then(|object| object.get("message").or_else(|| object.get("Message")));
        let id = response.headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok());
        Self {
            call,
            kind,
            code: name.map(|name| format!("{name}Exception")).unwrap_or_default(),
            message: message
                .and_then(Value::as_str)
                .map(|text| Personal::new(&text.chars().take(600).collect::<String>())),
            status: response.status,
            request_id: id.map(|id| printable(id, WORD_CHARS_MAX)),
            retry,
        }
    }

    /// Tells what would have to change before the same call can succeed.
    pub fn retry(&self) -> Retry {
        self.retry
    }
}

/// Why an answer gave nothing.
#[derive(Debug)]
pub(super) enum Refused {
    /// The portal said no.
    Portal(Box<PortalError>),
    /// Its answer is none that it should give.
    Answer(AnswerError),
}

impl From<AnswerError> for Refused {
    fn from(error: AnswerError) -> Self {
        Self::Answer(error)
    }
}

/// An AWS account that a person may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its name, made printable; empty if the portal tells none.
    pub name: String,
    /// The address of its owner.
    pub email: Option<Personal>,
}

/// A part of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<PageToken>,
}

/// Builds a request for the accounts of a person.
pub(super) fn accounts(endpoints: &Endpoints, token: &Secret, page: Option<&PageToken>) -> HttpRequest {
    list(endpoints, "/assignment/accounts", &[], page, token)
}

/// Builds a request for a person's roles in an account.
pub(super) fn roles(
    endpoints: &Endpoints,
    token: &Secret,
    account: &AccountId,
    page: Option<&PageToken>,
) -> HttpRequest {
    list(endpoints, "/assignment/roles", &[("account_id", account.as_str())], page, token)
}

fn list(
    endpoints: &Endpoints,
    path: &str,
    parameters: &[(&str, &str)],
    page: Option<&PageToken>,
    token: &Secret,
) -> HttpRequest {
    let page_items_max = PAGE_ITEMS_MAX.to_string();
    let mut parameters = parameters.to_vec();
    parameters.push(("max_result", &page_items_max));
    if let Some(PageToken(page)) = page {
        parameters.push(("next_token", page));
    }
    get(endpoints, path, &parameters, token)
}

/// Builds the request for a credential.
pub(super) fn role_credentials(
    endpoints: &Endpoints,
    token: &Secret,
    account: &AccountId,
    role: &str,
) -> HttpRequest {
    let parameters = [("account_id", account.as_str()), ("role_name", role)];
    get(endpoints, "/federation/credentials", &parameters, token)
}

/// Builds the request that ends a sign-in.
pub(super) fn logout(endpoints: &Endpoints, token: &Secret) -> HttpRequest {
    HttpRequest { method: Method::POST, ..get(endpoints, "/logout", &[], token) }
}

fn get(endpoints: &Endpoints, path: &str, parameters: &[(&str, &str)], token: &Secret) -> HttpRequest {
    let mut url = endpoints.portal(path);
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    let mut request = HttpRequest::get(url);
    let mut value = HeaderValue::from_str(token.expose()).expect("a token was taken in as visible ASCII");
    value.set_sensitive(true);
    request.headers.insert(BEARER_TOKEN, value);
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    request.response_limit_bytes = ANSWER_BYTES_MAX;
    request
}

/// Reads an answer whose content does not matter.
pub(super) fn read_done(call: PortalCall, response: &HttpResponse, now: Timestamp) -> Result<(), Refused> {
    if response.status.is_success() {
        return Ok(());
    }
    let object = object(response).ok();
    Err(Refused::Portal(Box::new(PortalError::read(call, response, object.as_ref(), now))))
}

fn read(call: PortalCall, response: &HttpResponse, now: Timestamp) -> Result<Map<String, Value>, Refused> {
    read_done(call, response, now)?;
    Ok(object(response)?)
}

/// Reads a page of accounts.
pub(super) fn read_accounts(response: &HttpResponse, now: Timestamp) -> Result<Page<Account>, Refused> {
    let object = read(PortalCall::ListAccounts, response, now)?;
    let document = Document(&object);
    let account = |item: Document<'_>| {
        let text = |entry: &str| item.0.get(entry).and_then(Value::as_str).filter(|text| !text.is_empty());
        let malformed = AnswerError::Malformed { entry: "accountId" };
        Ok(Account {
            id: text("accountId").and_then(|id| id.parse().ok()).ok_or(malformed)?,
            name: text("accountName").map(|name| printable(name, WORD_CHARS_MAX)).unwrap_or_default(),
            email: text("emailAddress").map(Personal::new),
        })
    };
    let items =
        document.objects("accountList")?.into_iter().map(account).collect::<Result<_, AnswerError>>()?;
    Ok(Page { items, next: next_page(&object)? })
}

/// Reads a page of role names.
pub(super) fn read_roles(response: &HttpResponse, now: Timestamp) -> Result<Page<String>, Refused> {
    let object = read(PortalCall::ListAccountRoles, response, now)?;
    let role = |item: Document<'_>| item.word("roleName", WORD_CHARS_MAX).map(str::to_owned);
    let items = Document(&object).objects("roleList")?.into_iter().map(role).collect::<Result<_, _>>()?;
    Ok(Page { items, next: next_page(&object)? })
}

fn next_page(object: &Map<String, Value>) -> Result<Option<PageToken>, AnswerError> {
    const NEXT_BYTES_MAX: usize = 8 << 10;
    match object.get("nextToken") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() <= NEXT_BYTES_MAX => Ok(Some(PageToken(text.clone()))),
        Some(_) => Err(AnswerError::Malformed { entry: "nextToken" }),
    }
}

/// Reads a credential.
pub(super) fn read_credential(response: &HttpResponse, now: Timestamp) -> Result<Credential, Refused> {
    let object = read(PortalCall::GetRoleCredentials, response, now)?;
    let inner = object.get("roleCredentials").and_then(Value::as_object);
    let document = Document(inner.ok_or(AnswerError::Malformed { entry: "roleCredentials" })?);
    Ok(Credential {
        access_key_id: document.word("accessKeyId", KEY_ID_BYTES_MAX)?.to_owned(),
        secret_access_key: document.secret("secretAccessKey")?,
        session_token: Some(document.secret("sessionToken")?),
        // Milliseconds here, while the sign-in service counts seconds.
        expires_at: Some(document.end("expiration", "credential", SignedDuration::from_millis(1), now)?),
    })
}

/// How long ending a sign-in may take: nobody waits longer to be signed out here.
pub(super) const LOGOUT_TIME_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity_center::IdentityCenterConfig;
    use http::HeaderMap;
    use serde_json::json;

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn endpoints() -> Endpoints {
        let start_url = "https://d-1.awsapps.com/start".parse().unwrap();
        IdentityCenterConfig::new(start_url, "eu-west-1".parse().unwrap()).endpoints().unwrap()
    }

    fn response(status: u16, body: &str) -> HttpResponse {
        let status = StatusCode::from_u16(status).unwrap();
        HttpResponse { status, headers: HeaderMap::new(), body: body.to_owned().into() }
    }

    #[test]
    fn requests_are_those_of_the_service_model() {
        let (endpoints, token) = (endpoints(), Secret::new("hunter2-token"));
        let account = "123456789012".parse().unwrap();
        let page = PageToken("a+/=".into());
        for (request, expected) in [
            (accounts(&endpoints, &token, None), "GET /assignment/accounts?max_result=100"),
            (
                roles(&endpoints, &token, &account, Some(&page)),
                "GET /assignment/roles?account_id=123456789012&max_result=100&next_token=a%2B%2F%3D",
            ),
            (
                role_credentials(&endpoints, &token, &account, "Data+Reader@x"),
                "GET /federation/credentials?account_id=123456789012&role_name=Data%2BReader%40x",
            ),
            (logout(&endpoints, &token), "POST /logout"),
        ] {
            let target = &request.url[url::Position::BeforePath..];
            assert_eq!(format!("{} {target}", request.method), expected);
            assert_eq!(request.url.host_str(), Some("portal.sso.eu-west-1.amazonaws.com"));
            assert_eq!(request.headers["x-amz-sso_bearer_token"], "hunter2-token");
            assert!(request.headers["x-amz-sso_bearer_token"].is_sensitive());
            assert!(!format!("{request:?} {:?}", request.headers).contains("hunter2"));
        }
    }

    #[test]
    fn every_refusal_has_its_meaning() {
        use PortalErrorKind as K;
        for (status, name, kind, verdict) in [
            (400, "InvalidRequestException", K::RequestInvalid, Retry::Never),
            (401, "UnauthorizedException", K::Unauthorized, Retry::AfterSignIn),
            (403, "ForbiddenException", K::NoAccess, Retry::Never),
            (404, "ResourceNotFoundException", K::NotFound, Retry::Never),
            (429, "TooManyRequestsException", K::Throttled, Retry::Backoff),
            (500, "InternalServerException", K::ServerFailure, Retry::Backoff),
        ] {
            let in_body = json!({ "__type": format!("com.amazonaws.switchboard.portal#{name}"), "message": "why\u{1b}" });
            let named = response(status, &in_body.to_string());
            let bare = response(status, "<html>");
            for (response, code) in [(named, name), (bare, "")] {
                let Err(Refused::Portal(error)) = read_credential(&response, noon()) else {
                    panic!("{status}")
                };
                assert_eq!((error.kind, error.retry(), error.code.as_str()), (kind, verdict, code));
                assert!(error.message.iter().all(|message| message.expose() == "why\\u{1b}"));
            }
        }
        let mut later = response(429, "{}");
        later.headers.insert("retry-after", HeaderValue::from_static("7"));
        later.headers.insert("x-amzn-RequestId", HeaderValue::from_static("id-1"));
        let Err(Refused::Portal(error)) = read_accounts(&later, noon()) else { panic!() };
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(7)));
        assert_eq!(error.request_id.as_deref(), Some("id-1"));
        let Err(Refused::Portal(error)) = read_done(PortalCall::Logout, &response(302, ""), noon()) else {
            panic!()
        };
        assert_eq!(error.to_string(), "the access portal refused Logout: 302");
        assert_eq!((error.kind, error.retry()), (K::Unknown, Retry::Never));
    }

    #[test]
    fn accounts_and_roles_are_read_and_made_printable() {
        let body = json!({ "nextToken": "page-2", "accountList": [
            { "accountId": "123456789012", "accountName": "Data\u{202e}", "emailAddress": "owner@example.com" },
            { "accountId": "210987654321" },
        ]});
        let page = read_accounts(&response(200, &body.to_string()), noon()).unwrap();
        assert_eq!(page.next, Some(PageToken("page-2".into())));
        assert_eq!((page.items[0].name.as_str(), page.items[1].name.as_str()), ("Data\\u{202e}", ""));
        assert_eq!(page.items[0].email.as_ref().unwrap().expose(), "owner@example.com");
        assert!(!format!("{page:?}").contains("owner"));
        let body = json!({ "nextToken": null, "roleList": [{ "roleName": "ReadOnly", "accountId": "123456789012" }] });
        let page = read_roles(&response(200, &body.to_string()), noon()).unwrap();
        assert_eq!((page.items, page.next), (vec!["ReadOnly".to_owned()], None));
        for body in [
            json!({ "accountList": [{ "accountId": "12" }] }),
            json!({ "accountList": {} }),
            json!({ "accountList": [], "nextToken": 3 }),
        ] {
            let refused = read_accounts(&response(200, &body.to_string()), noon()).unwrap_err();
            assert!(matches!(refused, Refused::Answer(AnswerError::Malformed { .. })), "{body}");
        }
        let body = json!({ "roleList": [{ "roleName": "a\nb" }] });
        assert!(read_roles(&response(200, &body.to_string()), noon()).is_err());
    }

    #[test]
    fn a_credential_is_believed_when_it_can_be_used() {
        let whole = json!({ "accessKeyId": "ASIA1234", "secretAccessKey": "hunter2-secret", "sessionToken": "hunter2-session",
            "expiration": 1_795_438_800_000_i64 });
        let read = |credential: &Value| {
            read_credential(&response(200, &json!({ "roleCredentials": credential }).to_string()), noon())
        };
        let credential = read(&whole).unwrap();
        assert_eq!(credential.expires_at, Some("2026-11-23T13:00:00Z".parse().unwrap()));
        assert!(credential.session_token.as_ref().unwrap().matches("hunter2-session"));
        for (entry, value) in [
            ("accessKeyId", json!("A".repeat(129))),
            ("secretAccessKey", json!("")),
            ("sessionToken", json!(null)),
            ("sessionToken", json!("a\r\nb")),
            ("expiration", json!("2026-11-23T13:00:00Z")),
        ] {
            let mut wrong = whole.clone();
            wrong[entry] = value;
            let refused = read(&wrong).unwrap_err();
            assert!(
                matches!(refused, Refused::Answer(AnswerError::Malformed { entry: seen }) if seen == entry)
            );
            assert!(!format!("{refused:?}").contains("hunter2"));
        }
        for over in [1_795_435_200_000_i64, 1_795_438_800] {
            let mut wrong = whole.clone();
            wrong["expiration"] = json!(over);
            assert!(matches!(read(&wrong).unwrap_err(), Refused::Answer(AnswerError::AlreadyOver { .. })));
        }
        let nothing = read_credential(&response(200, "{}"), noon()).unwrap_err();
        assert!(matches!(nothing, Refused::Answer(AnswerError::Malformed { entry: "roleCredentials" })));
        let page = read_credential(&response(200, "<html>"), noon()).unwrap_err();
        assert!(matches!(page, Refused::Answer(AnswerError::Unreadable { .. })));
    }
}
