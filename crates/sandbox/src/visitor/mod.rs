//! A person at a browser, for tests and demonstrations: opens a sign-in address, fills what the pages ask
//! for, keeps cookies, follows redirects, and ends where the client listens.
//!
//! It knows the pages only by their forms and works on loopback alone.

mod forms;

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, Response, header};
use url::Url;

use crate::locked;
use crate::web::{self, WebError};
use forms::Form;

/// A sign-in takes a handful of pages; more is a loop.
const MOST_PAGES: usize = 20;

/// Somebody with a user name, a password and a browser.
pub struct Visitor {
    username: String,
    password: String,
    declines: bool,
    /// Cookies by host and port, then name.
    cookies: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitor").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Where a sign-in ended.
#[derive(Clone)]
#[non_exhaustive]
pub struct Arrival {
    /// The last redirect's address, with the code or the error in it. For `form_post`, the address posted to.
    pub url: String,
    /// What the loopback listener answered; `None` for a custom scheme, which is not followed.
    pub page: Option<Page>,
}

impl std::fmt::Debug for Arrival {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.url.split(['?', '#']).next().unwrap_or_default();
        f.debug_struct("Arrival").field("url", &place).field("page", &self.page).finish()
    }
}

/// A page that was shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The body as text.
    pub text: String,
}

/// Why a visit did not end where it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VisitError {
    /// The issuer showed a page that leads nowhere.
    #[error("the issuer showed an error page: {message}")]
    Refused {
        /// The AADSTS number on the page, if there is one.
        number: Option<u32>,
        /// What the page says.
        message: String,
    },
    /// A page without the form that was expected.
    #[error("no way on from a page with status {0}")]
    DeadEnd(u16),
    /// An address that is none.
    #[error("not an address: {0}")]
    Address(String),
    /// The exchange failed: nothing listens, or the connection broke.
    #[error("cannot fetch a page")]
    Fetch(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More pages than any sign-in has.
    #[error("the pages go on for ever")]
    Loop,
}

impl From<WebError> for VisitError {
    fn from(error: WebError) -> VisitError {
        VisitError::Fetch(Box::new(error))
    }
}

/// What came of one request.
enum Turn {
    Page(Url, Box<Response<Bytes>>),
    /// A redirect to an address that no browser loads.
    Away(String),
}

impl Visitor {
    /// Returns a person with an empty browser.
    pub fn new(username: &str, password: &str) -> Visitor {
        Visitor {
            username: username.to_owned(),
            password: password.to_owned(),
            declines: false,
            cookies: Mutex::new(BTreeMap::new()),
        }
    }

    /// Makes the person press "Cancel" wherever there is such a button.
    pub fn declining(self) -> Visitor {
        Visitor { declines: true, ..self }
    }

    /// Opens an authorize address and goes on until the client's redirect URI is reached.
    ///
    /// # Errors
    /// When the issuer shows an error page, or nothing listens at the redirect URI.
    pub async fn sign_in(&self, authorize_url: &str) -> Result<Arrival, VisitError> {
        let start = parse(authorize_url)?;
        let issuer = start.origin();
        let mut turn = self.open(Method::GET, start, Bytes::new()).await?;
        for _ in 0..MOST_PAGES {
            let (url, response) = match turn {
                Turn::Away(url) => return Ok(Arrival { url, page: None }),
                Turn::Page(url, response) => (url, response),
            };
            if url.origin() != issuer {
                return Ok(Arrival { url: url.to_string(), page: Some(page(&response)) });
            }
            turn = self.fill(&url, &response, None).await?;
        }
        Err(VisitError::Loop)
    }

    /// Opens a device-login address, enters the code and signs in.
    ///
    /// # Errors
    /// When the code or the sign-in is refused.
    pub async fn enter_device_code(
        &self,
        verification_uri: &str,
        user_code: &str,
    ) -> Result<Page, VisitError> {
        let mut turn = self.open(Method::GET, parse(verification_uri)?, Bytes::new()).await?;
        for _ in 0..MOST_PAGES {
            let Turn::Page(url, response) = turn else { return Err(VisitError::DeadEnd(302)) };
            let html = String::from_utf8_lossy(response.body()).into_owned();
            if forms::parse(&html).is_empty() && forms::complaint(&html).is_none() {
                return Ok(page(&response));
            }
            turn = self.fill(&url, &response, Some(user_code)).await?;
        }
        Err(VisitError::Loop)
    }

    /// Fills the first form of a page and submits it.
    async fn fill(
        &self,
        url: &Url,
        response: &Response<Bytes>,
        user_code: Option<&str>,
    ) -> Result<Turn, VisitError> {
        let html = String::from_utf8_lossy(response.body());
        if let Some(message) = forms::complaint(&html) {
            let number = message
                .split_once("AADSTS")
                .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
                .and_then(|digits| digits.parse().ok());
            return Err(VisitError::Refused { number, message });
        }
        let form =
            forms::parse(&html).into_iter().next().ok_or(VisitError::DeadEnd(response.status().as_u16()))?;
        let target = url.join(&form.action).map_err(|_| VisitError::Address(form.action.clone()))?;
        self.open(Method::POST, target, Bytes::from(self.filled(&form, user_code))).await
    }

    fn filled(&self, form: &Form, user_code: Option<&str>) -> String {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for field in &form.fields {
            let value = match (field.kind.as_str(), field.autocomplete.as_str()) {
                ("hidden", _) => field.value.as_str(),
                ("password", _) => &self.password,
                (_, "one-time-code") => user_code.unwrap_or_default(),
                (_, "username") => &self.username,
                _ => field.value.as_str(),
            };
            body.append_pair(&field.name, value);
        }
        let cancel = form.buttons.iter().find(|(_, value)| self.declines && value == "cancel");
        if let Some((name, value)) = cancel.or_else(|| form.buttons.first())
            && !name.is_empty()
        {
            body.append_pair(name, value);
        }
        body.finish()
    }

    /// Fetches a page, following redirects as a browser does.
    async fn open(&self, method: Method, url: Url, body: Bytes) -> Result<Turn, VisitError> {
        let (mut method, mut url, mut body) = (method, url, body);
        for _ in 0..MOST_PAGES {
            let response = self.fetch(&method, &url, body).await?;
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location.filter(|_| response.status().is_redirection()) else {
                return Ok(Turn::Page(url, Box::new(response)));
            };
            let next = url.join(location).map_err(|_| VisitError::Address(location.to_owned()))?;
            if next.scheme() != "http" {
                return Ok(Turn::Away(location.to_owned()));
            }
            (method, url, body) = (Method::GET, next, Bytes::new());
        }
        Err(VisitError::Loop)
    }

    async fn fetch(&self, method: &Method, url: &Url, body: Bytes) -> Result<Response<Bytes>, VisitError> {
        let place = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let jar: Vec<String> = locked(&self.cookies)
            .get(&place)
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut headers = vec![(header::USER_AGENT, "Mozilla/5.0 (visitor)".to_owned())];
        if !jar.is_empty() {
            headers.push((header::COOKIE, jar.join("; ")));
        }
        if method == Method::POST {
            headers.push((header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned()));
        }
        let mut fetched = url.clone();
        fetched.set_fragment(None);
        let response = web::send(method.clone(), &fetched, &headers, body).await?;
        let mut cookies = locked(&self.cookies);
        for set in
            response.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok())
        {
            let pair = set.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.entry(place.clone()).or_default().insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

fn parse(address: &str) -> Result<Url, VisitError> {
    Url::parse(address)
        .map_err(|_| VisitError::Address(address.split('?').next().unwrap_or_default().to_owned()))
}

fn page(response: &Response<Bytes>) -> Page {
    Page { status: response.status().as_u16(), text: String::from_utf8_lossy(response.body()).into_owned() }
}
