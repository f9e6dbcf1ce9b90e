//! Signing in and out by the ways that are no web sign-in: a secret, a code, a portal, or nothing at all.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pintail_connect::WayIn;
use pintail_core::connection::{Connection, LongTermKey, Way, WayName};
use pintail_core::credential::Credential;
use pintail_core::name::{BookmarkName, RoleArn};
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use pintail_identity::session::RenewalMeans;
use pintail_identity::source::{MfaCode, ProviderError};
use pintail_identity::sts::CallerIdentity;

use super::{Options, SignedOut, Talk, portal, still_leads_there};
use crate::ops::{App, Error};

/// The IDs of temporary keys begin with this (IAM user guide, "Unique identifiers").
const TEMPORARY: &str = "ASIA";

/// Asks the person who runs the program.
pub(crate) trait Asks: Send + Sync + fmt::Debug {
    /// Asks for something that is not shown while it is typed; where nobody types, a line of standard input.
    fn hidden<'a>(&'a self, question: &'a str) -> BoxFuture<'a, io::Result<Secret>>;

    /// Has the person choose one of several; `None` where nobody can be asked.
    fn choose<'a>(
        &'a self,
        question: &'a str,
        offered: &'a [String],
    ) -> BoxFuture<'a, io::Result<Option<usize>>>;
}

/// Whose credential a bookmark uses, by another way than a web sign-in.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The way in.
    pub(crate) way: WayName,
    /// The access key ID, masked; `None` for anonymous access.
    pub(crate) access_key_id: Option<String>,
    /// The account.
    pub(crate) account: Option<String>,
    /// Whom STS takes the credential for.
    pub(crate) arn: Option<String>,
    /// The role: its ARN, or `ACCOUNT/NAME` at a portal.
    pub(crate) role: Option<String>,
    /// When the credential ends.
    pub(crate) until: Option<Timestamp>,
    /// It goes on without the person.
    pub(crate) renews: bool,
    /// Where secrets of it are kept.
    pub(crate) keychain: Option<String>,
    /// When this was found out.
    pub(crate) now: Timestamp,
}

/// Asks for the codes of MFA devices.
#[derive(Debug)]
struct AskedCode(Arc<dyn Asks>);

impl MfaCode for AskedCode {
    fn code(&self, serial: &str) -> BoxFuture<'_, Result<Secret, ProviderError>> {
        let shown: String = serial.chars().filter(|c| !c.is_control()).collect();
        Box::pin(async move {
            let failed = |what: String, source: Option<io::Error>| ProviderError {
                what,
                next: None,
                retry: Retry::AfterSignIn,
                source: source.map(|error| Arc::new(error) as Arc<dyn std::error::Error + Send + Sync>),
            };
            let typed = self.0.hidden(&format!("code of the MFA device {shown}:")).await;
            match typed {
                Ok(code) if code.is_empty() => {
                    Err(failed(format!("no code of the MFA device {shown:?} was given"), None))
                }
                Ok(code) => Ok(code),
                Err(error) => Err(failed("the code could not be asked for".to_owned(), Some(error))),
            }
        })
    }
}

/// Does what a bookmark's way asks a person for, and tries the credential at once.
pub(crate) async fn sign_in(
    app: &App,
    name: &BookmarkName,
    options: &Options,
    talk: &dyn Talk,
    asks: Arc<dyn Asks>,
) -> Result<Holder, Error> {
    let connection = app.connection(name)?;
    if let Some(key) = connection.way.long_term_key() {
        let always = options.fresh || matches!(connection.way, Way::Keys(_));
        if always || !app.has_key_secret(key, &connection).await? {
            ask_for_secret(app, name, &connection, key, asks.as_ref()).await?;
        }
    }
    if let Some(portal) = app.portal(name)? {
        portal::sign_in(app, name, &portal, options, talk).await?;
        if matches!(connection.way, Way::IdentityCenter(_)) {
            portal::choose(app, name, asks.as_ref()).await?;
        }
    }
    let way = app.way_in(name, Some(Arc::new(AskedCode(asks)))).await?;
    let credential = way.anew().await?;
    let holder = holder(app, &way, credential).await?;
    // Only the credential itself tells the account.
    let account = holder.account.as_deref();
    if let Err(refused) = still_leads_there(app, name, options, None, account, talk) {
        forget(app, name).await?;
        return Err(refused);
    }
    app.pin_seen(name, None, account)?;
    Ok(holder)
}

/// Asks for the secret half of a key, and keeps it unless STS says that it is wrong.
async fn ask_for_secret(
    app: &App,
    name: &BookmarkName,
    connection: &Connection,
    key: &LongTermKey,
    asks: &dyn Asks,
) -> Result<(), Error> {
    let ask = async |what: &str| {
        let typed = asks.hidden(&format!("{what} of {}:", key.id)).await.map_err(Error::Stdio)?;
        match typed.is_empty() {
            false => Ok(typed),
            true => Err(Error::Usage(format!("the {what} is missing on standard input"))),
        }
    };
    let secret = ask("secret access key").await?;
    let token = if key.id.starts_with(TEMPORARY) { Some(ask("session token").await?) } else { None };
    let credential = Credential {
        access_key_id: key.id.clone(),
        secret_access_key: secret.clone(),
        session_token: token.clone(),
        expires_at: None,
    };
    app.caller(name, connection, &credential).await?;
    Ok(app.keep_key_secret(key, connection, &secret, token.as_ref()).await?)
}

/// Tells whose credential a bookmark uses, with one that works now. Nobody is asked for anything.
pub(crate) async fn who_am_i(app: &App, name: &BookmarkName) -> Result<Holder, Error> {
    let way = app.way_in(name, None).await?;
    let credential = way.access().lasting(Duration::ZERO).await?;
    holder(app, &way, credential).await
}

async fn holder(app: &App, way: &WayIn, credential: Option<Arc<Credential>>) -> Result<Holder, Error> {
    let connection = &way.connection;
    if let (Way::IdentityCenter(_), true, Some(role)) =
        (&connection.way, app.asks_for_a_role(), &way.role_at_portal)
    {
        app.remember_center_role(&way.name, role)?;
    }
    let caller = match &credential {
        Some(credential) => app.caller(&way.name, connection, credential).await?,
        None => None,
    };
    let (account, arn) = match caller {
        Some(CallerIdentity { account, arn, .. }) => (Some(account), Some(arn)),
        None => (connection.role().map(|role| role.account().to_string()), None),
    };
    let renews = match &way.portal {
        Some(portal) => {
            let status = portal.status().await.map_err(|error| portal::failure(app, &way.name, error))?;
            status.is_some_and(|status| status.renewal == RenewalMeans::RefreshToken)
        }
        None => !way.needs_code,
    };
    let keeps = way.long_term_key().is_some() || way.portal.is_some() || way.needs_code;
    Ok(Holder {
        way: connection.way.name(),
        access_key_id: credential.as_ref().map(|credential| credential.masked_key_id()),
        account,
        arn,
        role: connection
            .role()
            .map(RoleArn::to_string)
            .or_else(|| way.role_at_portal.as_ref().map(ToString::to_string)),
        until: credential.and_then(|credential| credential.expires_at),
        renews,
        keychain: if keeps { Some(app.keychain()?.kind().to_string()) } else { None },
        now: app.now(),
    })
}

/// Removes what a bookmark's way keeps on this machine: sessions, the sign-in at a portal, and the secret half of its key
/// unless another bookmark uses it.
pub(crate) async fn sign_out(app: &App, name: &BookmarkName) -> Result<SignedOut, Error> {
    let mut was_signed_in = false;
    for way in app.ways_to_forget(name).await? {
        was_signed_in |= way.forget().await?;
    }
    if let Some(portal) = app.portal(name)? {
        let ended = portal.sign_out().await.map_err(|error| portal::failure(app, name, error))?;
        was_signed_in |= ended.was_signed_in;
    }
    was_signed_in |= app.forget_key_secret(name).await?;
    let not_asked = app.keychain()?.unreachable().iter().map(ToString::to_string).collect();
    Ok(SignedOut { was_signed_in, not_asked, page: None, opened: false })
}

/// Removes what a bookmark that goes leaves behind, unless another bookmark uses it.
pub(super) async fn forget(app: &App, name: &BookmarkName) -> Result<(), Error> {
    let connection = app.connection(name)?;
    if matches!(connection.way, Way::IdentityCenter(_)) && portal::is_shared(app, name, &connection)? {
        return Ok(());
    }
    // The sign-in of an AWS profile belongs to all who use the profile; and one that cannot be read is no obstacle.
    if matches!(connection.way, Way::AwsProfile { .. }) {
        for way in app.ways_to_forget(name).await.unwrap_or_default() {
            way.forget().await?;
        }
        return Ok(());
    }
    sign_out(app, name).await.map(|_| ())
}
