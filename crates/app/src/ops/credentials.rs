//! Lending the credential to other programs, one call at a time: what `credential_process` asks for.

use std::sync::Arc;

use pintail_connect::{Access, LENT_LIFE_MIN};
use pintail_core::credential::Credential;
use pintail_core::name::{AccountId, BookmarkName};

use super::lend::LendError;
use super::{App, Error};

/// A credential for another program.
#[derive(Debug)]
pub(crate) struct Lent {
    /// The credential.
    pub(crate) credential: Arc<Credential>,
    /// The account of its role, where the bookmark tells.
    pub(crate) account: Option<AccountId>,
}

/// Gives the credential of a bookmark without asking the person anything: the stored one, or a renewed one where the stored
/// one ends soon.
///
/// Nothing is sent anywhere while the stored one lives long enough.
pub(crate) async fn lend(app: &App, name: &BookmarkName) -> Result<Lent, Error> {
    let access: Access = app.access(name).await?;
    access.may_be_lent()?;
    let credential = access.lasting(LENT_LIFE_MIN).await?;
    let credential = credential.ok_or_else(|| LendError::Anonymous(name.clone()))?;
    Ok(Lent { credential, account: access.connection.role().map(|role| role.account().clone()) })
}
