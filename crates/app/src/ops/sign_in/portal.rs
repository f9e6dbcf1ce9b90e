//! Signing in and out at IAM Identity Center.

use std::io;
use std::sync::{Arc, Mutex};

use pintail_connect::{CenterRole, NoCredential};
use pintail_core::connection::{Connection, Way};
use pintail_core::name::BookmarkName;
use pintail_identity::identity_center::{CenterError, IdentityCenter, loopback_options};
use pintail_identity::oidc::{
    Browser, DriveError, Either, Loopback, NoBrowser, Pasted, RedirectReceiver, SystemBrowser,
};

use super::ways::Asks;
use super::{Method, Options, Talk, relay, stdin};
use crate::ops::{App, Error};

/// Signs a person in at a portal.
pub(super) async fn sign_in(
    app: &App,
    name: &BookmarkName,
    portal: &IdentityCenter,
    options: &Options,
    talk: &dyn Talk,
) -> Result<(), Error> {
    let will_open = options.open_browser && app.can_open_browser();
    let browser: Box<dyn Browser> = if will_open {
        Box::new(SystemBrowser::new(app.environment().browser.as_deref()))
    } else {
        Box::new(NoBrowser)
    };
    let silence: Mutex<Option<io::Error>> = Mutex::new(None);
    let events = |event: pintail_identity::oidc::Event<'_>| {
        if let Err(error) = relay(event, options.method, will_open, talk) {
            silence.lock().expect("no holder of this lock panics").get_or_insert(error);
        }
    };
    let signing_in = async {
        if options.method == Method::Device {
            let browser = will_open.then_some(browser.as_ref());
            return Ok(portal.sign_in_by_device_code(browser, &events).await);
        }
        let loopback = Loopback::bind(&loopback_options()).map_err(DriveError::from)?;
        let mut receiver: Box<dyn RedirectReceiver> = if options.method == Method::Paste {
            let pasted = Pasted::new(loopback.redirect_uri().to_owned(), stdin());
            Box::new(Either(loopback, pasted))
        } else {
            Box::new(loopback)
        };
        Ok::<_, Error>(portal.sign_in(receiver.as_mut(), browser.as_ref(), &events).await)
    };
    let ended = match tokio::time::timeout(options.timeout, signing_in).await {
        Ok(ended) => ended?,
        Err(_) => Err(CenterError::TimedOut { time_max: options.timeout }),
    };
    ended.map_err(|error| failure(app, name, error))?;
    match silence.into_inner().expect("no holder of this lock panics") {
        Some(error) => Err(Error::Stdio(error)),
        None => Ok(()),
    }
}

/// Has the person choose account and role where neither the bookmark nor an earlier choice says them.
pub(super) async fn choose(app: &App, name: &BookmarkName, asks: &dyn Asks) -> Result<(), Error> {
    let offered = match app.way_in(name, None).await {
        Err(pintail_connect::Error::WhichCenterRole { .. }) => app.center_roles(name).await?,
        Err(error) => return Err(error.into()),
        Ok(_) => return Ok(()),
    };
    let texts: Vec<String> =
        offered.iter().map(|one| format!("{} ({})", one.role, one.account_name)).collect();
    let chosen = asks.choose("which account and role?", &texts).await.map_err(Error::Stdio)?;
    match chosen.and_then(|at| offered.get(at)) {
        Some(one) => Ok(app.remember_center_role(name, &one.role)?),
        None => {
            let offered: Vec<CenterRole> = offered.into_iter().map(|one| one.role).collect();
            let offered = offered.iter().map(ToString::to_string).collect();
            Err(pintail_connect::Error::WhichCenterRole { name: name.clone(), offered }.into())
        }
    }
}

/// Tells whether another bookmark uses the same sign-in at a portal.
pub(super) fn is_shared(app: &App, name: &BookmarkName, connection: &Connection) -> Result<bool, Error> {
    let place = |connection: &Connection| match &connection.way {
        Way::IdentityCenter(center) => Some((
            center.start_url.clone(),
            center.region.clone(),
            center.label.clone(),
            center.oidc_endpoint.clone(),
            center.portal_endpoint.clone(),
        )),
        _ => None,
    };
    let own = place(connection);
    let names = app.bookmarks().names()?;
    Ok(names.iter().any(|other| {
        other != name && app.connection(other).is_ok_and(|other| own.is_some() && place(&other) == own)
    }))
}

/// Makes the error of a portal that names the bookmark.
pub(super) fn failure(app: &App, name: &BookmarkName, error: CenterError) -> Error {
    match app.connection(name) {
        Ok(connection) => {
            let connection = Arc::new(connection);
            NoCredential { name: name.clone(), connection, source: Arc::new(error) }.into()
        }
        Err(error) => error.into(),
    }
}
