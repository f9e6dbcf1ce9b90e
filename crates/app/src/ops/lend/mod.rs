//! Lending the sign-in: other AWS tools work with the credential of a bookmark, and see nothing else of it.
//!
//! [`endpoint`] answers on loopback as the metadata service of a container does, which every AWS SDK asks again before a
//! credential ends; [`exec`](exec()) runs it for one command, [`serve`](serve()) until a signal. `variables` decides what the
//! environment of a tool has to say, [`shell`] writes it for a shell, and [`console`](console()) opens the web console. What
//! a refusal says to a tool is not known here: it is explained by the function that comes as [`Words`].

mod answer;
mod connection;
mod console;
mod endpoint;
mod error;
mod exec;
mod handover;
mod serve;
mod shell;
mod token;
mod variables;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use pintail_connect::{Access, Environment, LENT_LIFE_MIN, LastingSource, NoCredential};
use pintail_core::connection::Connection;
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::BookmarkName;
use pintail_core::seam::{BoxFuture, HttpClient};

pub(crate) use console::{Console, Opened, console};
pub(crate) use error::LendError;
pub(crate) use exec::{Exec, exec};
pub(crate) use serve::{Serve, Serving, serve};
pub(crate) use shell::Shell;
pub(crate) use variables::Variables;

use super::{App, Error};

/// What a bookmark has to lend.
#[derive(Debug)]
pub(crate) struct Lent {
    /// Its credential, renewed before it ends.
    pub(crate) source: Arc<dyn CredentialSource>,
    /// What it connects.
    pub(crate) connection: Arc<Connection>,
    /// How its services are reached.
    pub(crate) http: Arc<dyn HttpClient>,
}

impl Lent {
    /// Lends what a bookmark gives access with.
    pub(crate) fn new(access: Access, http: Arc<dyn HttpClient>, environment: &Environment) -> Self {
        let mut connection = Arc::clone(&access.connection);
        if let Some(text) = &access.connection.ca_bundle {
            // Other programs know neither `~` nor where this one was started. What cannot be told as text is told as it stands.
            let whole = environment.absolute(text).to_str().map(str::to_owned);
            let ca_bundle = whole.or_else(|| Some(text.clone()));
            connection = Arc::new(Connection { ca_bundle, ..Connection::clone(&connection) });
        }
        Self { source: Arc::new(LongLived(access.lasting_source())), connection, http }
    }
}

/// Why a tool gets no credential, in words for whoever reads its error message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// One word for programs.
    pub(crate) code: &'static str,
    /// What happened and what to do, in one line and without a secret.
    pub(crate) message: String,
}

/// Puts an error into words for the user of another tool.
#[derive(Clone)]
pub(crate) struct Words(pub(crate) Arc<dyn Fn(&Error) -> Refusal + Send + Sync>);

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

/// Returns the variables that hold a bookmark's credential of this moment, and when that ends.
pub(crate) async fn keys(app: &App, name: &BookmarkName) -> Result<(Variables, Option<Timestamp>), Error> {
    let lent = app.credential_source(name).await?;
    let credential = lendable(lent.source.as_ref()).await.map_err(failure)?;
    let credential = credential.ok_or_else(|| LendError::Anonymous(name.clone()))?;
    let ca_bundle = app.environment().ca_bundle.as_deref();
    Ok((Variables::keys(&lent.connection, &credential, ca_bundle)?, credential.expires_at))
}

/// The credentials of a bookmark with as much life as tools want: they renew what has less than a quarter of an hour, and
/// would ask for every request.
#[derive(Debug)]
struct LongLived(Arc<dyn LastingSource>);

impl CredentialSource for LongLived {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        self.0.lasting(LENT_LIFE_MIN)
    }

    fn refused(&self, credential: &Credential) {
        self.0.refused(credential);
    }
}

/// Gives the credential to lend.
async fn lendable(source: &dyn CredentialSource) -> Result<Option<Arc<Credential>>, CredentialError> {
    source.credential().await
}

/// Returns the operation's error for a credential that could not be had.
fn failure(error: CredentialError) -> Error {
    match error.source.downcast_ref::<NoCredential>() {
        Some(missing) => missing.clone().into(),
        None => LendError::Credential(error).into(),
    }
}
