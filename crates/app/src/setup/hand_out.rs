//! What people get at the end: a bookmark and a connection profile, without a secret, also for Cyberduck and Mountain Duck.
//!
//! The profile names the tenant's own addresses by its GUID, client ID and role, so that nothing is left to type. The bookmark says
//! the same in Pintail's properties and points to the profile. With several accounts there is one of each for every account.

use std::fs;
use std::path::{Path, PathBuf};

use pintail_core::bookmark::Bookmark;
use pintail_core::connection::property;
use pintail_core::name::BookmarkName;
use pintail_core::profile::{Profile, ProfileId, key};
use pintail_core::share;

use super::desired::{Access, Desired, ExtraClaim, IssuerWish, named_redirect};
use super::sides::{AccountSide, Sides};
use crate::ops::{App, Error};
use pintail_connect::Settings;

/// What the two programs put in place of their own scheme.
const DUCK_REDIRECT: &str = "${oauth.handler.scheme:-x-cyberduck-action}://oauth";

/// A way in to hand out.
#[derive(Debug)]
pub(crate) struct HandOut {
    /// The bookmark's name.
    pub(crate) name: BookmarkName,
    /// The account.
    pub(crate) account: String,
    /// The bookmark, as it is in the collection here.
    pub(crate) bookmark: Bookmark,
    /// The bookmark as it goes to others.
    pub(crate) shared: Vec<u8>,
    /// The connection profile.
    pub(crate) profile: Vec<u8>,
    /// Whether Cyberduck and Mountain Duck can sign in with it.
    pub(crate) for_ducks: bool,
}

/// Puts together what is handed out. Nothing is written.
///
/// # Errors
/// When a bookmark cannot be read that is to be replaced, or a text cannot be written.
pub(crate) fn prepare(app: &App, desired: &Desired, sides: &Sides) -> Result<Vec<HandOut>, Error> {
    let named = names(desired, sides)?.into_iter().zip(&sides.accounts);
    named.map(|(name, side)| one(app, desired, sides, side, name)).collect()
}

fn one(
    app: &App,
    desired: &Desired,
    sides: &Sides,
    side: &AccountSide,
    name: BookmarkName,
) -> Result<HandOut, Error> {
    let settings = Settings {
        custom: customs(desired, sides, side),
        username: None,
        path: start(desired, side),
        read_only: side.wish.places.iter().all(|place| place.access == Access::Read),
    };
    let mut bookmark = app.bookmarks().draft(&name, &settings, true, app.random())?;
    let id = ProfileId::s3(Some(&vendor(&name)));
    bookmark.set("Provider", &id.vendor);
    app.finish_draft(&name, &mut bookmark)?;
    // One that says the same stays as it is, in its order.
    if let Ok(here) = app.bookmarks().load(&name)
        && says_the_same(&here, &bookmark)
    {
        bookmark = here;
    }
    let for_ducks = redirects(desired).iter().any(|uri| is_duck(uri));
    let profile = profile(desired, sides, side, &name, &id, for_ducks);
    let unusable = |source| {
        Error::Connect(pintail_connect::Error::Bookmark { path: app.bookmarks().file(&name), source })
    };
    let shared = share::shareable(&bookmark, false).bookmark.write().map_err(unusable)?;
    Ok(HandOut {
        account: side.account().to_string(),
        shared,
        profile: profile.write().map_err(|error| Error::Usage(error.to_string()))?,
        name,
        bookmark,
        for_ducks,
    })
}

fn says_the_same(one: &Bookmark, other: &Bookmark) -> bool {
    let sorted = |bookmark: &Bookmark| {
        let mut entries: Vec<_> =
            bookmark.entries().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries
    };
    sorted(one) == sorted(other)
}

fn vendor(name: &BookmarkName) -> String {
    format!("pintail-setup-{}", name.as_str().to_lowercase())
}

/// Tells whether a bookmark of the collection was made by a setup.
pub(crate) fn is_made_by_a_setup(app: &App, name: &BookmarkName) -> bool {
    let bookmark = app.bookmarks().load(name);
    bookmark.is_ok_and(|bookmark| bookmark.text("Provider").is_some_and(|known| known == vendor(name)))
}

/// Makes sure that no bookmark of somebody's own is replaced.
///
/// # Errors
/// When there is one of the name.
pub(crate) fn check_names(app: &App, desired: &Desired, sides: &Sides) -> Result<(), Error> {
    for name in names(desired, sides)? {
        if app.bookmarks().file(&name).exists() && !is_made_by_a_setup(app, &name) {
            return Err(super::SetupError::BookmarkTaken { name }.into());
        }
    }
    Ok(())
}

/// Returns the name of the bookmark of each account.
fn names(desired: &Desired, sides: &Sides) -> Result<Vec<BookmarkName>, Error> {
    let base = &desired.bookmark.name;
    match &sides.accounts[..] {
        [_] => Ok(vec![base.clone()]),
        several => several.iter().map(|side| Ok(format!("{base}-{}", side.account()).parse()?)).collect(),
    }
}

fn redirects(desired: &Desired) -> Vec<String> {
    desired.issuer.entra().map(|wish| wish.redirects.clone()).unwrap_or_default()
}

fn is_duck(uri: &str) -> bool {
    ["cyberduck", "mountain-duck"].iter().any(|name| named_redirect(name) == Some(uri))
}

/// What the bookmark says in Pintail's words.
fn customs(desired: &Desired, sides: &Sides, side: &AccountSide) -> Vec<(&'static str, String)> {
    let (wish, facts) = (&side.wish, &sides.facts);
    let mut customs = Vec::new();
    match &desired.issuer {
        IssuerWish::Entra(entra) => {
            customs.push((property::TENANT, facts.tenant.clone().unwrap_or_default()));
            customs.extend(entra.authority.as_ref().map(|url| (property::AUTHORITY, url.to_string())));
            if entra.claims.contains(&ExtraClaim::Email) {
                customs.push((property::SCOPES, "email".to_owned()));
            }
        }
        IssuerWish::Other(other) => customs.push((property::ISSUER, other.url.clone())),
    }
    customs.extend(facts.client_id.as_ref().map(|id| (property::CLIENT_ID, id.to_string())));
    customs.push((property::ROLE, side.role_arn()));
    customs.push((property::REGION, wish.region.to_string()));
    if wish.honest_session_names {
        customs.push((property::NAMED_BY_SUBJECT, "true".to_owned()));
    }
    customs.extend(wish.endpoints.s3.as_ref().map(|url| (property::S3_ENDPOINT, url.to_string())));
    customs.extend(wish.endpoints.sts.as_ref().map(|url| (property::STS_ENDPOINT, url.to_string())));
    customs
}

/// Where the bookmark starts: where it is wanted, else in the first place, since the list of buckets may not be seen.
fn start(desired: &Desired, side: &AccountSide) -> Option<String> {
    let place = side.wish.places.first().filter(|_| !side.wish.list_all_buckets);
    let first = || place.map(|place| place.address().trim_start_matches("s3://").to_owned());
    desired.bookmark.start.clone().or_else(first)
}

fn profile(
    desired: &Desired,
    sides: &Sides,
    side: &AccountSide,
    name: &BookmarkName,
    id: &ProfileId,
    for_ducks: bool,
) -> Profile {
    let (wish, facts, metadata) = (&side.wish, &sides.facts, &sides.issuer.metadata);
    let mut profile = Profile::new(id, &format!("Amazon S3 ({name})"));
    profile.set_text(key::NAME, &format!("S3 ({name})"));
    profile.set_text(key::DEFAULT_NICKNAME, name.as_str());
    let usual = format!("s3.{}", wish.partition.dns_suffix());
    let (scheme, host, port) = match &wish.endpoints.s3 {
        Some(url) => (
            url.scheme().to_owned(),
            url.host_str().unwrap_or_default().to_owned(),
            url.port_or_known_default().unwrap_or(443),
        ),
        None => ("https".to_owned(), usual, 443),
    };
    profile.set_text(key::DEFAULT_HOSTNAME, &host);
    profile.set_text(key::DEFAULT_PORT, &port.to_string());
    profile.set_text(key::SCHEME, &scheme);
    if let Some(path) = start(desired, side) {
        profile.set_text(key::DEFAULT_PATH, &format!("/{path}"));
    }
    profile.set_text(key::REGION, wish.region.as_str());
    profile.set_text(key::AUTHORIZATION, "AuthorizationCode");
    profile.set_flag("OAuth Configurable", true);
    profile.set_text(key::OAUTH_CLIENT_ID, facts.client_id.as_ref().map_or("", |id| id.as_str()));
    // Present and empty: a public client has no secret, and nobody is asked for one.
    profile.set_text(key::OAUTH_CLIENT_SECRET, "");
    let authorization = metadata.authorization_endpoint.as_ref().map_or("", |url| url.as_str());
    profile.set_text(key::OAUTH_AUTHORIZATION_URL, authorization);
    profile.set_text(key::OAUTH_TOKEN_URL, metadata.token_endpoint.as_str());
    let redirect = if for_ducks { DUCK_REDIRECT } else { "http://localhost/" };
    profile.set_text(key::OAUTH_REDIRECT_URL, redirect);
    profile.set_flag(key::OAUTH_PKCE, true);
    let mut scopes = vec!["openid", "profile", "offline_access"];
    if desired.issuer.entra().is_some_and(|entra| entra.claims.contains(&ExtraClaim::Email)) {
        scopes.push("email");
    }
    profile.set_texts(key::SCOPES, &scopes);
    let sts = match &wish.endpoints.sts {
        Some(url) => url.to_string(),
        None => format!("https://sts.{}.{}/", wish.region, wish.partition.dns_suffix()),
    };
    profile.set_text(key::STS_ENDPOINT, &sts);
    profile.set_flag("Role Configurable", true);
    for settable in ["Username", "Password", "Anonymous"] {
        profile.set_flag(&format!("{settable} {}", key::CONFIGURABLE), false);
    }
    profile.set_property(property::ROLE, Some(&side.role_arn()));
    profile.set_property(property::DURATION, Some(&wish.session_s.to_string()));
    profile
}

impl HandOut {
    /// Tells whether the bookmark is in the collection as it would be added.
    pub(crate) fn is_here(&self, app: &App) -> bool {
        app.bookmarks().load(&self.name).is_ok_and(|here| here == self.bookmark)
    }

    /// Adds the bookmark here, or replaces the one of the setup before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn take_in(&mut self, app: &App) -> Result<(), Error> {
        if self.is_here(app) {
            return Ok(());
        }
        app.add_drafted(&self.name, &mut self.bookmark)?;
        app.pin_bookmark(&self.name)?;
        Ok(())
    }

    /// Writes bookmark and profile into a folder. Returns the files, and whether any of them is new or another one.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<(Vec<PathBuf>, bool), Error> {
        let mut news = false;
        let mut files = Vec::new();
        for (extension, bytes) in [("duck", &self.shared), ("cyberduckprofile", &self.profile)] {
            let path = folder.join(format!("{}.{extension}", self.name));
            if fs::read(&path).ok().as_ref() != Some(bytes) {
                fs::create_dir_all(folder).map_err(|error| Error::local("make the folder", folder, error))?;
                fs::write(&path, bytes).map_err(|error| Error::local("write", &path, error))?;
                news = true;
            }
            files.push(path);
        }
        Ok((files, news))
    }
}
