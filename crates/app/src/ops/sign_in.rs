//! Signing in and out, and who one is.

mod portal;
pub(crate) mod ways;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pintail_core::connection::{Issuer, Redirect, WebIdentity};
use pintail_core::name::{AccountId, BookmarkName, ClientId, RoleArn, Tenant};
use pintail_core::seam::{HttpClient, HttpRequest};
use pintail_core::secret::Secret;
use pintail_identity::oidc::{
    self, Browser, Client, DriveError, Driver, Either, KnownIssuer, Loopback, LoopbackOptions, Metadata,
    NoBrowser, Pasted, Personal, Prompt, RedirectReceiver, Scopes, SignInOptions, SignOutOptions,
    SystemBrowser, Tokens, scheme::Scheme, sign_out_url,
};
use pintail_identity::session::{RenewalMeans, SessionError, SessionStatus};
use url::Url;

use super::{App, Error};
use pintail_connect::{Identity, RoleSession, fresh, private_folder, readable};

/// How the person signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// In a browser whose answer comes back to this machine.
    Redirect,
    /// In a browser somewhere; the address it ends on is pasted.
    Paste,
    /// On another device, with a code.
    Device,
}

/// How to sign in.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The way.
    pub(crate) method: Method,
    /// Open the browser, or only tell the address.
    pub(crate) open_browser: bool,
    /// The account to offer.
    pub(crate) account: Option<String>,
    /// Have the person prove who they are even if the browser is signed in.
    pub(crate) fresh: bool,
    /// Take it as meant that the sign-in leads to another tenant or account than the ones before.
    pub(crate) trust: bool,
    /// How long to wait.
    pub(crate) timeout: Duration,
}

/// Something to tell the person while a sign-in waits for them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// Open this address; `opened` says that a browser was started with it.
    Open {
        /// The address.
        url: &'a str,
        /// A browser was started.
        opened: bool,
    },
    /// Enter this code on that page.
    DeviceCode {
        /// The code.
        user_code: &'a str,
        /// The page.
        url: &'a str,
        /// Until when.
        until: Timestamp,
    },
    /// Paste the address that the browser ends on.
    Paste,
    /// Something is unusual.
    Warning {
        /// What.
        message: &'a str,
    },
}

/// Listens to a sign-in.
pub(crate) trait Talk: Send + Sync {
    /// Tells the person. An error means that nobody reads any more.
    fn event(&self, event: Event<'_>) -> io::Result<()>;
}

/// Who is signed in, as what.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The name the issuer gives the person.
    pub(crate) person: Option<String>,
    /// The issuer, as tokens name it.
    pub(crate) issuer: String,
    /// The tenant's identifier, at Entra.
    pub(crate) tenant: Option<String>,
    /// The application.
    pub(crate) client_id: ClientId,
    /// The account of the role.
    pub(crate) account: AccountId,
    /// The role.
    pub(crate) role: RoleArn,
    /// The session, as AWS names it.
    pub(crate) session: Option<String>,
    /// When the credential ends.
    pub(crate) until: Option<Timestamp>,
    /// It renews itself.
    pub(crate) renews: bool,
    /// Where the sign-in is kept.
    pub(crate) keychain: Option<String>,
    /// When this was found out.
    pub(crate) now: Timestamp,
}

/// What a sign-out did.
#[derive(Clone, Debug)]
pub(crate) struct SignedOut {
    /// There was something to remove.
    pub(crate) was_signed_in: bool,
    /// Keychains that could not be asked and may still hold a copy.
    pub(crate) not_asked: Vec<String>,
    /// The issuer's own sign-out page.
    pub(crate) page: Option<Url>,
    /// The page was opened.
    pub(crate) opened: bool,
}

/// Signs a person in and exchanges the token at once, so that a refusal is known now.
pub(crate) async fn sign_in(
    app: &App,
    name: &BookmarkName,
    options: Options,
    talk: &dyn Talk,
) -> Result<Who, Error> {
    let browser = browser_of(app, &options);
    let who = sign_in_with(app, name, options, browser.as_ref(), talk).await?;
    app.pin_seen(name, who.tenant.as_deref(), Some(who.account.as_str()))?;
    Ok(who)
}

/// As [`sign_in`], with a browser of the caller's.
pub(super) async fn sign_in_with(
    app: &App,
    name: &BookmarkName,
    options: Options,
    browser: &dyn Browser,
    talk: &dyn Talk,
) -> Result<Who, Error> {
    let identity = app.identity(name).await?;
    warn_of_many_issuers(name, identity.web(), talk)?;
    warn_of_no_handler(app, identity.web(), &options, talk)?;
    let ask = Ask {
        http: identity.http.as_ref(),
        client: &identity.client,
        scopes: &identity.scopes,
        redirect: &identity.web().redirect,
        account: options.account.as_deref().or_else(|| identity.web().login_hint.as_deref()),
    };
    let obtained = obtain(app, &ask, &options, browser, talk).await.map_err(|error| match error {
        Error::SignIn(source) => Error::SignInTo { name: name.clone(), source },
        other => other,
    });
    let tokens = fresh(obtained?);
    let named = !identity.web().roles.is_empty();
    let offered = if named { identity.web().roles.clone() } else { readable(&tokens.offered_roles) };
    let chosen = app.choose_role(&identity, offered);
    let tenant = tenant_of(identity.web(), &tokens.facts.issuer);
    let account = chosen.as_ref().ok().map(|role| role.account().as_str());
    still_leads_there(app, name, &options, tenant.as_deref(), account, talk)?;
    // The sign-in is kept even where the role is not clear yet: `pintail roles` then lists what it offers.
    let session = match &chosen {
        Ok(role) => identity.session(role)?,
        Err(_) => identity.any_session()?,
    };
    let signed_in = session.session.sign_in(tokens).await;
    signed_in.map_err(|error| session.missing(Arc::new(error)))?;
    let role = chosen?;
    session.session.current_credential().await.map_err(|error| session.missing(error))?;
    app.remember_role(name, &role)?;
    status(app, &session).await
}

/// Refuses a sign-in that leads to another tenant or account than those before, unless that is meant: then it says so.
fn still_leads_there(
    app: &App,
    name: &BookmarkName,
    options: &Options,
    tenant: Option<&str>,
    account: Option<&str>,
    talk: &dyn Talk,
) -> Result<(), Error> {
    let changes = app.seen_changes(name, tenant, account)?;
    if changes.is_empty() {
        return Ok(());
    }
    let elsewhere = pintail_connect::Error::Elsewhere { name: name.clone(), changes };
    if !options.trust {
        return Err(elsewhere.into());
    }
    talk.event(Event::Warning { message: &elsewhere.to_string() }).map_err(Error::Stdio)
}

/// Tells who is signed in, with a credential that works now.
pub(crate) async fn who_am_i(app: &App, name: &BookmarkName) -> Result<Who, Error> {
    let session = app.role_session(name).await?;
    session.session.current_credential().await.map_err(|error| session.missing(error))?;
    if let Some(role) = session.connection.first_role().filter(|_| app.asks_for_a_role()) {
        app.remember_role(name, role)?;
    }
    status(app, &session).await
}

/// Removes a sign-in and every credential bought with it.
pub(crate) async fn sign_out(app: &App, name: &BookmarkName, open: bool) -> Result<SignedOut, Error> {
    let identity = app.identity_to_forget(name)?;
    let session = identity.any_session()?;
    let removed = session.session.logout().await;
    let removed = removed.map_err(|error| session.missing(Arc::new(error)))?;
    let page = sign_out_page(&identity).await;
    let opened = match &page {
        Some(page) if open && app.can_open_browser() => {
            let browser = SystemBrowser::new(app.environment().browser.as_deref());
            browser.open(&Secret::new(page.as_str())).await.is_ok()
        }
        _ => false,
    };
    let not_asked = identity.keychain.unreachable().iter().map(ToString::to_string).collect();
    Ok(SignedOut { was_signed_in: removed.was_signed_in, not_asked, page, opened })
}

/// Removes what a bookmark that goes leaves behind: its sign-in and its application's secret, unless another bookmark uses them.
pub(crate) async fn forget(app: &App, name: &BookmarkName) -> Result<(), Error> {
    // A bookmark that cannot be read has nothing that could be found, and can still be removed.
    let Ok(connection) = app.connection(name) else { return Ok(()) };
    let Some(web) = connection.web_identity() else { return ways::forget(app, name).await };
    let mut shared = false;
    for other in app.bookmarks().names()? {
        let same = |other: Option<&WebIdentity>| {
            other.is_some_and(|other| {
                (&other.issuer, &other.client_id, &other.login_hint)
                    == (&web.issuer, &web.client_id, &web.login_hint)
            })
        };
        shared |= other != *name && app.connection(&other).is_ok_and(|other| same(other.web_identity()));
    }
    if !shared {
        let session = app.identity_to_forget(name)?.any_session()?;
        let removed = session.session.logout().await;
        removed.map_err(|error| session.missing(Arc::new(error)))?;
    }
    Ok(app.forget_client_secret(name).await?)
}

impl App {
    /// Tells whether a browser opened here would be in front of the person.
    pub(super) fn can_open_browser(&self) -> bool {
        self.environment().browser.is_some()
            || (self.environment().has_display && !self.environment().is_remote)
    }
}

fn warn_of_many_issuers(name: &BookmarkName, web: &WebIdentity, talk: &dyn Talk) -> Result<(), Error> {
    match &web.issuer {
        Issuer::Entra { tenant, .. } if !tenant.has_one_issuer() => {
            let message = format!(
                "the tenant `{tenant}` stands for many, each with an issuer of its own, and IAM needs one issuer; \
                 if the page shows AADSTS50194 or the role refuses you, name yours: `pintail bookmark edit {name} --tenant TENANT`"
            );
            talk.event(Event::Warning { message: &message }).map_err(Error::Stdio)
        }
        _ => Ok(()),
    }
}

/// Says at once that an answer by address scheme will not find its way back.
fn warn_of_no_handler(app: &App, web: &WebIdentity, options: &Options, talk: &dyn Talk) -> Result<(), Error> {
    let Redirect::Scheme(url) = &web.redirect else { return Ok(()) };
    if options.method != Method::Redirect || super::scheme::is_handled(app, url.scheme()) {
        return Ok(());
    }
    let (scheme, ducks) = (url.scheme(), if url.scheme() == "pintail" { "" } else { " --ducks" });
    let paste = if app.environment().terminal.stdin {
        "or paste here the address that the browser ends on"
    } else {
        "or use --paste"
    };
    let message = format!(
        "nothing here opens {scheme}: addresses, by which the answer comes back; `pintail scheme install{ducks}`, {paste}"
    );
    talk.event(Event::Warning { message: &message }).map_err(Error::Stdio)
}

/// What is asked of an issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The network.
    pub(crate) http: &'a dyn HttpClient,
    /// The issuer, and the application there.
    pub(crate) client: &'a Client,
    /// The scopes.
    pub(crate) scopes: &'a Scopes,
    /// How the answer comes back.
    pub(crate) redirect: &'a Redirect,
    /// The account to offer.
    pub(crate) account: Option<&'a str>,
}

/// Signs somebody in for what belongs to no bookmark, and keeps nothing of it.
pub(crate) async fn sign_in_for(
    app: &App,
    ask: &Ask<'_>,
    options: &Options,
    talk: &dyn Talk,
) -> Result<Tokens, Error> {
    let browser = browser_of(app, options);
    obtain(app, ask, options, browser.as_ref(), talk).await
}

/// Returns what opens pages.
fn browser_of(app: &App, options: &Options) -> Box<dyn Browser> {
    if options.open_browser && app.can_open_browser() {
        Box::new(SystemBrowser::new(app.environment().browser.as_deref()))
    } else {
        Box::new(NoBrowser)
    }
}

/// Runs the sign-in to its checked tokens.
async fn obtain(
    app: &App,
    ask: &Ask<'_>,
    options: &Options,
    browser: &dyn Browser,
    talk: &dyn Talk,
) -> Result<Tokens, Error> {
    let silence: Mutex<Option<io::Error>> = Mutex::new(None);
    let will_open = options.open_browser && app.can_open_browser();
    let events = |event: oidc::Event<'_>| {
        if let Err(error) = relay(event, options.method, will_open, talk) {
            silence.lock().expect("no holder of this lock panics").get_or_insert(error);
        }
    };
    let mut driver = Driver::new(ask.http, app.clock(), app.random(), &events);
    driver.time_max = options.timeout;
    let mut known = KnownIssuer::default();
    let tokens = if options.method == Method::Device {
        driver.sign_in_by_device_code(ask.client, ask.scopes, &mut known).await?
    } else {
        let mut redirect = receiver(app, ask.redirect, options.method)?;
        let sign_in_options = SignInOptions {
            scopes: ask.scopes.clone(),
            prompt: options.fresh.then_some(Prompt::Login),
            login_hint: ask.account.map(Personal::new),
            ..SignInOptions::default()
        };
        driver.sign_in(ask.client, &sign_in_options, redirect.as_mut(), browser, &mut known).await?
    };
    match silence.into_inner().expect("no holder of this lock panics") {
        Some(error) => Err(Error::Stdio(error)),
        None => Ok(tokens),
    }
}

/// Tells the person what happens in a sign-in.
fn relay(event: oidc::Event<'_>, method: Method, will_open: bool, talk: &dyn Talk) -> io::Result<()> {
    match event {
        oidc::Event::OpeningBrowser { url } => {
            talk.event(Event::Open { url: url.expose(), opened: will_open })?;
            if method == Method::Paste { talk.event(Event::Paste) } else { Ok(()) }
        }
        oidc::Event::DeviceCode(prompt) => talk.event(Event::DeviceCode {
            user_code: &prompt.user_code,
            url: prompt.verification_uri.as_str(),
            until: prompt.expires_at,
        }),
        oidc::Event::BrowserFailed(_) if will_open => {
            talk.event(Event::Warning { message: "the browser did not open; open the address yourself" })
        }
        oidc::Event::Retrying { endpoint, failed, wait } => {
            tracing::info!(%endpoint, failed, wait_ms = wait.as_millis(), "asking again");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Makes what waits for the browser's answer.
fn receiver(app: &App, redirect: &Redirect, method: Method) -> Result<Box<dyn RedirectReceiver>, Error> {
    let receiver: Box<dyn RedirectReceiver> = match redirect {
        Redirect::Loopback(url) => {
            let options = LoopbackOptions::from_redirect_uri(url.as_str()).map_err(DriveError::from)?;
            let loopback = Loopback::bind(&options).map_err(DriveError::from)?;
            if method == Method::Paste {
                let pasted = Pasted::new(loopback.redirect_uri().to_owned(), stdin());
                return Ok(Box::new(Either(loopback, pasted)));
            }
            Box::new(loopback)
        }
        Redirect::Scheme(url) => {
            let folder = &app.environment().folders.runtime;
            private_folder(folder)?;
            let scheme = Scheme::new(url.as_str(), folder.clone());
            let can_paste = app.environment().terminal.stdin && !super::scheme::is_handled(app, url.scheme());
            if method == Method::Paste || can_paste {
                return Ok(Box::new(Either(scheme, Pasted::new(url.as_str(), stdin()))));
            }
            Box::new(scheme)
        }
    };
    Ok(receiver)
}

fn stdin() -> tokio::io::BufReader<tokio::io::Stdin> {
    tokio::io::BufReader::new(tokio::io::stdin())
}

async fn status(app: &App, session: &RoleSession) -> Result<Who, Error> {
    let missing = |error| session.missing(Arc::new(error));
    let status = session.session.status().await.map_err(missing)?;
    let status = status.ok_or_else(|| missing(SessionError::NotSignedIn))?;
    let web = session.connection.web_identity().ok_or_else(|| missing(SessionError::NotSignedIn))?;
    Ok(who(web, status, app.now()))
}

/// Returns the tenant that an issuer of tokens names in its path, at Entra, whatever the bookmark calls it.
fn tenant_of(web: &WebIdentity, issuer: &str) -> Option<String> {
    match &web.issuer {
        Issuer::Entra { .. } => Url::parse(issuer)
            .ok()
            .and_then(|url| url.path_segments()?.next().map(str::to_owned))
            .filter(|segment| matches!(segment.parse(), Ok(Tenant::Guid(_)))),
        Issuer::Other(_) => None,
    }
}

fn who(web: &WebIdentity, status: SessionStatus, now: Timestamp) -> Who {
    let tenant = tenant_of(web, &status.issuer);
    Who {
        person: status.person,
        issuer: status.issuer,
        tenant,
        client_id: web.client_id.clone(),
        account: status.role.account().clone(),
        role: status.role,
        session: status.assumed_role_arn,
        until: status.expires_at,
        renews: status.renewal == RenewalMeans::RefreshToken,
        keychain: Some(status.kept_in.to_string()),
        now,
    }
}

/// Asks the issuer where its sign-out page is. A sign-out that worked here is not spoilt by an issuer that is away.
async fn sign_out_page(identity: &Identity) -> Option<Url> {
    let request = HttpRequest::get(identity.client.authority.discovery_url());
    let answer = identity.http.send(request).await.ok()?;
    let metadata = Metadata::parse(&identity.client.authority, &answer.body).ok()?;
    sign_out_url(&metadata, &identity.client.client_id, &SignOutOptions::default())
}
