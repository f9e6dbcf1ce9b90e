//! Somebody who signs in, without a browser: follows redirects, keeps cookies, fills in forms by the type of a field.
//!
//! A person types their name into text and e-mail fields and their password into password fields, and presses the
//! first button that does not refuse. That is enough for oidc-provider's development pages, for the sandbox's page and
//! for a device-code page. The road ends at the `redirect_uri` of the authorize address, or at a custom scheme.
//! Only loopback addresses are visited.

use std::collections::BTreeMap;

use url::Url;

use crate::http::{self, Response};
use crate::markup::{self, Form};
use crate::record;

/// More pages than any sign-in has.
const PAGES: usize = 25;

/// What buttons and links that refuse are called.
const REFUSALS: [&str; 6] = ["abort", "cancel", "decline", "deny", "refuse", "reject"];

/// A person with a name, a password and a cookie jar.
#[derive(Debug, Clone)]
pub struct Person {
    name: String,
    password: String,
    cookies: BTreeMap<(String, String), String>,
}

/// Where a sign-in ended: the redirect was delivered to whoever listens there.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The whole redirect, code and state included.
    pub redirect: Url,
    /// What the listener answered.
    pub response: Response,
}

enum Page {
    Redirect(Url),
    Shown(Url, Response),
}

impl Person {
    /// Returns somebody with this login name, who has not been seen before.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: "a-password-of-the-bench".to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    /// Gives them another password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Signs in and returns the redirect without delivering it. It may be a loopback address or a custom scheme.
    ///
    /// # Errors
    /// Says on which page the road ended instead.
    pub fn authorize(&mut self, authorize_url: &str) -> Result<Url, String> {
        let start = Url::parse(authorize_url).map_err(|error| format!("{authorize_url}: {error}"))?;
        let target = redirect_target(&start);
        let redirect = self.walk(start, target.as_ref(), |form| Some(form.clone()))?;
        match redirect {
            Page::Redirect(url) => Ok(url),
            Page::Shown(url, response) => Err(ended(&url, &response)),
        }
    }

    /// Signs in and delivers the redirect to the loopback listener.
    ///
    /// # Errors
    /// Says on which page the road ended, or why the listener did not answer.
    pub fn sign_in(&mut self, authorize_url: &str) -> Result<Delivered, String> {
        let redirect = self.authorize(authorize_url)?;
        let response = http::get(&redirect, &[])?;
        Ok(Delivered { redirect, response })
    }

    /// Refuses at the first page that offers it, and returns the redirect (with `error=`) without delivering it.
    ///
    /// # Errors
    /// Says where no way to refuse was offered.
    pub fn cancel(&mut self, authorize_url: &str) -> Result<Url, String> {
        let start = Url::parse(authorize_url).map_err(|error| format!("{authorize_url}: {error}"))?;
        let target = redirect_target(&start);
        let (url, response) = match self.walk(start, target.as_ref(), |_| None)? {
            Page::Redirect(url) => return Ok(url),
            Page::Shown(url, response) => (url, response),
        };
        let page = response.text();
        let end = if let Some(link) = markup::link(&page, &REFUSALS) {
            let next = url.join(&link).map_err(|error| error.to_string())?;
            self.walk(next, target.as_ref(), |_| None)?
        } else {
            let form = markup::forms(&page)
                .into_iter()
                .find(|form| form.fields.iter().any(|f| refuses(&f.name, &f.value)));
            let form = form.ok_or_else(|| format!("no way to refuse at {}", url.path()))?;
            let response = self.submit(&url, &form, true)?;
            self.follow(url, response, target.as_ref(), |_| None)?
        };
        match end {
            Page::Redirect(url) => Ok(url),
            Page::Shown(url, response) => Err(ended(&url, &response)),
        }
    }

    /// Approves a device: opens the address, types the user code where it is asked for, signs in, agrees.
    /// Returns the last page.
    ///
    /// # Errors
    /// Says on which page the road ended instead.
    pub fn approve_device(&mut self, verification_uri: &str, user_code: &str) -> Result<Response, String> {
        let start = Url::parse(verification_uri).map_err(|error| format!("{verification_uri}: {error}"))?;
        let code = user_code.to_owned();
        let end = self.walk(start, None, |form| {
            let mut form = form.clone();
            for field in &mut form.fields {
                if ["user_code", "usercode", "otc", "code"].contains(&field.name.as_str())
                    && field.kind != "hidden"
                {
                    code.clone_into(&mut field.value);
                    "hidden".clone_into(&mut field.kind);
                }
            }
            Some(form)
        })?;
        match end {
            Page::Shown(_, response) if response.status == 200 => Ok(response),
            Page::Shown(url, response) => Err(ended(&url, &response)),
            Page::Redirect(url) => Err(format!("redirected to {}", url.scheme())),
        }
    }

    fn walk(
        &mut self,
        start: Url,
        target: Option<&Url>,
        fill: impl Fn(&Form) -> Option<Form>,
    ) -> Result<Page, String> {
        let response = self.visit(&start)?;
        self.follow(start, response, target, fill)
    }

    /// Goes on from an answer until a redirect leaves for the target, or a page has nothing to fill in.
    fn follow(
        &mut self,
        mut url: Url,
        mut response: Response,
        target: Option<&Url>,
        fill: impl Fn(&Form) -> Option<Form>,
    ) -> Result<Page, String> {
        for _ in 0..PAGES {
            if (300..400).contains(&response.status) {
                let location = response.header("location").ok_or("a redirect without a location")?;
                let next = url.join(location).map_err(|error| format!("{location}: {error}"))?;
                if next.scheme() != "http" || target.is_some_and(|target| same_place(target, &next)) {
                    note_secrets(&next);
                    return Ok(Page::Redirect(next));
                }
                response = self.visit(&next)?;
                url = next;
                continue;
            }
            let forms = markup::forms(&response.text());
            let form = forms.iter().find(|form| form.post && response.status < 400).and_then(&fill);
            let Some(form) = form else { return Ok(Page::Shown(url, response)) };
            response = self.submit(&url, &form, false)?;
            if let Ok(next) = url.join(&form.action) {
                url = next;
            }
        }
        Err(format!("more than {PAGES} pages, the last one at {}", url.path()))
    }

    fn submit(&mut self, page: &Url, form: &Form, refuse: bool) -> Result<Response, String> {
        let url = page.join(&form.action).map_err(|error| format!("{}: {error}", form.action))?;
        let mut pressed = false;
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for field in &form.fields {
            let value = match field.kind.as_str() {
                "password" => self.password.as_str(),
                "text" | "email" => self.name.as_str(),
                "submit" if pressed || refuses(&field.name, &field.value) != refuse => continue,
                "submit" => {
                    pressed = true;
                    field.value.as_str()
                }
                "button" | "reset" | "image" => continue,
                _ => field.value.as_str(),
            };
            fields.push((&field.name, value));
        }
        let cookies = self.cookies_for(&url);
        let response = http::post_form(&url, &[("cookie", &cookies)], &fields)?;
        self.keep_cookies(&url, &response);
        Ok(response)
    }

    fn visit(&mut self, url: &Url) -> Result<Response, String> {
        let cookies = self.cookies_for(url);
        let response = http::get(url, &[("cookie", &cookies), ("accept", "text/html")])?;
        self.keep_cookies(url, &response);
        Ok(response)
    }

    fn cookies_for(&self, url: &Url) -> String {
        let origin = url.origin().ascii_serialization();
        let known = self.cookies.iter().filter(|((of, _), _)| *of == origin);
        known.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, url: &Url, response: &Response) {
        let origin = url.origin().ascii_serialization();
        for (name, value) in &response.headers {
            if name != "set-cookie" {
                continue;
            }
            let pair = value.split(';').next().unwrap_or_default();
            if let Some((cookie, value)) = pair.split_once('=') {
                let key = (origin.clone(), cookie.trim().to_owned());
                if value.is_empty() {
                    self.cookies.remove(&key);
                } else {
                    self.cookies.insert(key, value.to_owned());
                }
            }
        }
    }
}

fn redirect_target(authorize_url: &Url) -> Option<Url> {
    let target = authorize_url.query_pairs().find(|(name, _)| name == "redirect_uri")?.1;
    Url::parse(&target).ok()
}

fn same_place(target: &Url, url: &Url) -> bool {
    target.scheme() == url.scheme()
        && target.host_str() == url.host_str()
        && target.port() == url.port()
        && target.path().trim_end_matches('/') == url.path().trim_end_matches('/')
}

fn refuses(name: &str, value: &str) -> bool {
    let text = format!("{name} {value}").to_ascii_lowercase();
    REFUSALS.iter().any(|word| text.contains(word))
}

/// Remembers the code of a redirect as a secret of this run.
pub fn note_secrets(redirect: &Url) {
    for (name, value) in redirect.query_pairs() {
        if name == "code" {
            record::secret("authorization code", &value);
        }
    }
}

fn ended(url: &Url, response: &Response) -> String {
    let text = markup::words(&response.text());
    format!("ended at {} with status {}: {text}", url.path(), response.status)
}
