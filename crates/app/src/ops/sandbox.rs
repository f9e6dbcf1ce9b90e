//! The small cloud, kept running for people to play with.

use pintail_core::connection::property;
use pintail_core::name::BookmarkName;
use pintail_sandbox::{Sandbox, Summary};

use super::signal::Signals;
use super::{App, Error};
use pintail_connect::{self as connect, Settings};

/// How to run the sandbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The issuer's port, 0 for a free one.
    pub(crate) port: u16,
    /// Install the bookmark `sandbox` while it runs.
    pub(crate) bookmark: bool,
    /// Start with nothing set up, and so without a bookmark.
    pub(crate) empty: bool,
    /// The longest that a role's session lives.
    pub(crate) session_seconds: Option<u32>,
}

/// What is known once it is up.
#[derive(Clone, Debug)]
pub(crate) struct Ready<'a> {
    /// Where everything is.
    pub(crate) summary: &'a Summary,
    /// The bookmark that was installed.
    pub(crate) bookmark: Option<BookmarkName>,
}

/// Runs the sandbox until a signal ends it.
pub(crate) async fn run(
    app: &App,
    options: Options,
    ready: impl FnOnce(&Ready<'_>) -> std::io::Result<()>,
) -> Result<(), Error> {
    // Before anything is told: whoever reads that it is up may end it at once.
    let mut signals = Signals::take().map_err(|error| Error::Sandbox(error.into()))?;
    let sandbox = start(options.port, options.empty, options.session_seconds).await?;
    let bookmark =
        if options.bookmark && !options.empty { Some(install(app, sandbox.summary())?) } else { None };
    let told = ready(&Ready { summary: sandbox.summary(), bookmark: bookmark.clone() });
    if told.is_ok() {
        signals.wait().await;
    }
    let removed = bookmark.map_or(Ok(()), |name| uninstall(app, &name, sandbox.summary()));
    sandbox.stop().await;
    told.map_err(Error::Stdio)?;
    removed
}

/// The property that tells whose a bookmark of ours is.
const MARK: &str = "pintail.sandbox";

/// Starts a sandbox.
pub(super) async fn start(port: u16, empty: bool, session_seconds: Option<u32>) -> Result<Sandbox, Error> {
    let mut options = pintail_sandbox::Options { port, empty, ..pintail_sandbox::Options::default() };
    if let Some(seconds) = session_seconds {
        options.lifetimes.role_session_max_s = seconds.into();
    }
    Sandbox::start(options).await.map_err(|error| Error::Sandbox(error.into()))
}

/// Returns the settings of a bookmark that reaches a sandbox.
pub(super) fn settings(summary: &Summary) -> Settings {
    Settings {
        custom: vec![
            (property::TENANT, summary.tenant.clone()),
            (property::AUTHORITY, authority(&summary.issuer)),
            (property::CLIENT_ID, summary.client_id.clone()),
            (property::ROLE, summary.role_arn.clone()),
            (property::REGION, summary.region.clone()),
            (property::S3_ENDPOINT, summary.s3_endpoint.clone()),
            (property::STS_ENDPOINT, summary.sts_endpoint.clone()),
        ],
        ..Settings::default()
    }
}

/// Cuts an issuer's address down to scheme, host and port.
fn authority(issuer: &str) -> String {
    url::Url::parse(issuer).map_or_else(|_| issuer.to_owned(), |url| url.origin().ascii_serialization())
}

/// Installs the bookmark `sandbox`. One that no sandbox made stays, and is an error.
fn install(app: &App, summary: &Summary) -> Result<BookmarkName, Error> {
    let name: BookmarkName = "sandbox".parse()?;
    let bookmarks = app.bookmarks();
    match bookmarks.load(&name) {
        Ok(bookmark) if bookmark.custom(MARK).is_none() => {
            return Err(connect::Error::BookmarkExists(name).into());
        }
        Ok(_) | Err(connect::Error::NoBookmark { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut settings = settings(summary);
    settings.custom.push((MARK, summary.issuer.clone()));
    app.add_bookmark(&name, &settings, true)?;
    Ok(name)
}

/// Removes the bookmark if it is still the one of this sandbox.
fn uninstall(app: &App, name: &BookmarkName, summary: &Summary) -> Result<(), Error> {
    match app.bookmarks().load(name) {
        Ok(bookmark) if bookmark.custom(MARK).as_ref() == Some(&summary.issuer) => {
            Ok(app.bookmarks().remove(name)?)
        }
        Ok(_) | Err(connect::Error::NoBookmark { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
