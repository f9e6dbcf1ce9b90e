//! Asking for what a bookmark lacks, one thing after the other, each answer checked at once.

use pintail_connect::Error;
use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, ConnectionError, WayName, property};
use pintail_core::name::BookmarkName;
use pintail_core::setting;

use crate::cli::{Failure, render::Output, show};
use crate::ops::{App, Error as OpsError};

/// Completes a bookmark: asks on a terminal for what is missing, and puts the answers into it. Without a terminal, what is
/// missing is the error.
pub(in crate::cli::commands) async fn complete(
    app: &App,
    output: &Output,
    name: &BookmarkName,
    bookmark: &mut Bookmark,
) -> Result<Connection, Failure> {
    let hint = hint(bookmark);
    if hint {
        bookmark.set_custom(property::WAY, Some(WayName::WebIdentity.as_str()));
    }
    let done = questions(app, output, name, bookmark).await;
    // Tenant or issuer say the way from now on.
    if hint && (bookmark.custom(property::TENANT).is_some() || bookmark.custom(property::ISSUER).is_some()) {
        bookmark.set_custom(property::WAY, None);
    }
    done
}

/// A bookmark that says nothing of how to sign in is one for Entra or another issuer: that is what most people have.
fn hint(bookmark: &Bookmark) -> bool {
    let keys =
        [property::WAY, property::TENANT, property::ISSUER, property::AWS_PROFILE, property::SSO_START_URL];
    keys.iter().all(|key| bookmark.custom(key).is_none())
        && bookmark.text("Username").is_none()
        && bookmark.text("Provider").is_none()
}

async fn questions(
    app: &App,
    output: &Output,
    name: &BookmarkName,
    bookmark: &mut Bookmark,
) -> Result<Connection, Failure> {
    let mut asked = false;
    loop {
        let meaning = app.meaning(name, bookmark);
        let missing = match &meaning {
            Err(Error::Connection { source: ConnectionError::Missing { what, key, .. }, .. }) => {
                Some((*what, *key, true))
            }
            // Not needed, since the sign-in may offer roles; but who was asked for the rest has one to give.
            Ok(connection) if asked && lacks_a_role(connection) => Some(("role ARN", property::ROLE, false)),
            _ => None,
        };
        let Some((what, key, is_needed)) = missing.filter(|_| output.can_ask()) else { return Ok(meaning?) };
        asked = true;
        match answer(output, what, key, is_needed).await? {
            Some((key, text)) if ["Username", "Hostname"].contains(&key) => bookmark.set(key, &text),
            Some((key, text)) => bookmark.set_custom(key, Some(&text)),
            None => return Ok(meaning?),
        }
    }
}

fn lacks_a_role(connection: &Connection) -> bool {
    connection.web_identity().is_some_and(|web| web.roles.is_empty())
}

/// Asks until the answer is one that can be; `None` when there is none.
async fn answer(
    output: &Output,
    what: &str,
    key: &'static str,
    is_needed: bool,
) -> Result<Option<(&'static str, String)>, Failure> {
    loop {
        let question = match key {
            property::TENANT => {
                "Tenant (its ID or domain; or the https address of another issuer):".to_owned()
            }
            property::CLIENT_ID => "Application (client) ID:".to_owned(),
            property::ROLE if !is_needed => {
                "Role ARN (empty: choose among those that the sign-in offers):".to_owned()
            }
            property::ROLE => "Role ARN:".to_owned(),
            _ => format!("The {what}:"),
        };
        let Some(text) = output.ask_line(&question).await.map_err(OpsError::Stdio)? else { return Ok(None) };
        if text.is_empty() {
            if !is_needed {
                return Ok(None);
            }
            continue;
        }
        let key = if key == property::TENANT && text.contains("://") { property::ISSUER } else { key };
        match setting::find(key).map(|setting| setting.check(&text)) {
            Some(Err(error)) => show::wrong_answer(output, &error),
            _ => return Ok(Some((key, text))),
        }
    }
}
