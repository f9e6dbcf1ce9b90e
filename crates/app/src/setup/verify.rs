//! Trying what was set up: sign in, exchange, ask who one is, list every place.
//!
//! What was made a moment ago is not everywhere at once: Entra may not know the application for a minute, IAM may refuse a role for
//! some seconds. Both are waited for, with a bound, and only where something was changed.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::name::BookmarkName;
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::HttpRequest;
use pintail_identity::session::{SessionError, error::SignInOver};
use pintail_identity::sts::{ExchangeError, StsErrorKind};
use pintail_store::ErrorKind;
use pintail_store::object_store::List;
use serde_json::Value;

use super::desired::PlaceWish;
use super::hand_out::HandOut;
use super::sides::{Admin, Sides};
use super::{SetupError, SetupTalk, Told};
use crate::ops::sign_in::{self, Who};
use crate::ops::{App, Error};

/// About a minute and a half in all: what Microsoft and Amazon say that it takes, and some.
const PROPAGATION: Schedule =
    Schedule { attempts_max: 16, base: Duration::from_millis(500), cap: Duration::from_secs(12) };

/// AADSTS: the application is not known in the tenant.
const NOT_KNOWN: u64 = 700_016;

/// Tries everything that is handed out.
///
/// # Errors
/// When a sign-in, an exchange or a listing fails for good.
pub(crate) async fn verify(
    app: &App,
    sides: &Sides,
    hand_outs: &[HandOut],
    admin: &Admin,
    is_fresh: bool,
    talk: &dyn SetupTalk,
) -> Result<(), Error> {
    if is_fresh && sides.entra.is_some() {
        until_known(app, sides, talk).await?;
    }
    for (hand_out, side) in hand_outs.iter().zip(&sides.accounts) {
        let attempt = || one(app, sides, hand_out, &side.wish.places, admin, talk);
        let mut failed = 0;
        let who = loop {
            let error = match attempt().await {
                Ok(who) => break who,
                Err(error) => error,
            };
            failed += 1;
            let wait = passes(&error)
                .filter(|_| is_fresh)
                .and_then(|what| Some((what, PROPAGATION.delay(Retry::Backoff, failed, app.random())?)));
            let Some((what, wait)) = wait else {
                let name = hand_out.name.clone();
                return Err(SetupError::NotVerified { name, source: Box::new(error) }.into());
            };
            talk.told(Told::Waiting { what }).map_err(Error::Stdio)?;
            tokio::time::sleep(wait).await;
        };
        let places: Vec<_> = side.wish.places.iter().map(PlaceWish::address).collect();
        let works = Told::Works {
            bookmark: &hand_out.name,
            role: &who.role,
            session: who.session.as_deref(),
            places: &places,
        };
        talk.told(works).map_err(Error::Stdio)?;
    }
    Ok(())
}

async fn one(
    app: &App,
    sides: &Sides,
    hand_out: &HandOut,
    places: &[PlaceWish],
    admin: &Admin,
    talk: &dyn SetupTalk,
) -> Result<Who, Error> {
    let name = &hand_out.name;
    let who = match sign_in::who_am_i(app, name).await {
        Err(error) if needs_sign_in(&error) => {
            talk.told(Told::SignIn { what: &format!("to try the new way in{}", as_whom(sides)) })
                .map_err(Error::Stdio)?;
            sign_in::sign_in(app, name, admin.options.clone(), talk.sign_in()).await?
        }
        other => other?,
    };
    app.pin_seen(name, sides.facts.tenant.as_deref(), Some(&hand_out.account))?;
    let access = app.access(name).await?;
    if let Some(credential) = access.ready().await? {
        app.caller(name, &access.connection, &credential).await?;
    }
    for place in places {
        list(app, name, place).await?;
    }
    Ok(who)
}

/// Names who may sign in, where only some may: Entra's page tells the others no, and never comes back from there.
fn as_whom(sides: &Sides) -> String {
    let people = sides.entra.as_ref().map(|side| side.current.people.as_slice()).unwrap_or_default();
    let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(", as one of those assigned: {}", names.join(", ")) }
}

async fn list(app: &App, name: &BookmarkName, place: &PlaceWish) -> Result<(), Error> {
    let connected = app.connect_to(name).await?;
    let options = List { prefix: place.prefix.clone(), max: Some(1), ..List::default() };
    connected.store.list(&place.bucket, &options).await?;
    Ok(())
}

fn needs_sign_in(error: &Error) -> bool {
    let session = error.no_credential().and_then(|missing| missing.source.downcast_ref::<SessionError>());
    match session {
        Some(SessionError::NotSignedIn | SessionError::Record(_)) => true,
        // The sign-in itself is good; it is the role that is not ready.
        Some(SessionError::SignInAgain { why }) => !matches!(why, SignInOver::Sts(_)),
        _ => false,
    }
}

/// Tells whether an error is one that goes away when everything has arrived everywhere, and what is waited for.
fn passes(error: &Error) -> Option<&'static str> {
    let session = error.no_credential().and_then(|missing| missing.source.downcast_ref::<SessionError>());
    let exchange = match session {
        Some(
            SessionError::Exchange(exchange) | SessionError::SignInAgain { why: SignInOver::Sts(exchange) },
        ) => Some(exchange),
        _ => None,
    };
    if let Some(ExchangeError::Refused(refused)) = exchange {
        let kinds = [
            StsErrorKind::AccessDenied,
            StsErrorKind::KeysUnreachable,
            StsErrorKind::UnknownProvider,
            StsErrorKind::WrongAudience,
        ];
        return kinds.contains(&refused.kind).then_some("IAM to know the role everywhere");
    }
    match error {
        Error::Store(error) if *error.kind() == ErrorKind::PermissionDenied => {
            Some("IAM to know the role's permissions everywhere")
        }
        _ => None,
    }
}

/// Waits until Entra knows the application: asked for a device code, it says so without a browser.
async fn until_known(app: &App, sides: &Sides, talk: &dyn SetupTalk) -> Result<(), Error> {
    let endpoint = sides.issuer.metadata.device_authorization_endpoint.clone();
    let (Some(endpoint), Some(client_id)) = (endpoint, &sides.facts.client_id) else { return Ok(()) };
    let http: Arc<dyn pintail_core::seam::HttpClient> = app.plain_http()?;
    let mut failed = 0;
    loop {
        let fields = [("client_id", client_id.as_str()), ("scope", "openid")];
        let answer = http.send(HttpRequest::post_form(endpoint.clone(), fields)).await;
        // Whatever else it says, it knows the application; and whatever else is wrong, the sign-in tells better.
        let known = answer.map_or(true, |answer| !says_unknown(&answer.body));
        failed += 1;
        let wait = PROPAGATION.delay(Retry::Backoff, failed, app.random()).filter(|_| !known);
        let Some(wait) = wait else { return Ok(()) };
        talk.told(Told::Waiting { what: "Entra to know the application everywhere" })
            .map_err(Error::Stdio)?;
        tokio::time::sleep(wait).await;
    }
}

fn says_unknown(body: &[u8]) -> bool {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let codes = document.get("error_codes").and_then(Value::as_array);
    codes.into_iter().flatten().any(|code| code.as_u64() == Some(NOT_KNOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entra_says_by_a_number_that_it_does_not_know_an_application() {
        for (body, unknown) in [
            (r#"{"error":"unauthorized_client","error_codes":[700016]}"#, true),
            (r#"{"error":"invalid_client","error_codes":[7000218]}"#, false),
            (r#"{"device_code":"x"}"#, false),
            ("<html>", false),
        ] {
            assert_eq!(says_unknown(body.as_bytes()), unknown, "{body}");
        }
    }
}
