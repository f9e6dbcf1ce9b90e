//! Every way in but the web sign-in: from what a bookmark says to a source of credentials.
//!
//! ```text
//!   Way ──► Chain ──► WayIn { Access, what is kept of it, the portal behind it }
//!            keys · metadata · roles · aws_profile · portal
//! ```
//!
//! Nothing is asked of anyone while a way is put together, with one exception: at a portal of IAM Identity Center, account and
//! role are looked up where the bookmark leaves them open. What a person or a service had to be asked for (sessions of STS,
//! credentials of a portal) is kept in the keychain and serves later commands; what a machine gives at once is not.

mod aws_profile;
mod aws_tools;
mod caller;
mod chain;
mod keys;
mod metadata;
mod portal;
mod roles;
mod source;

use std::sync::Arc;

use pintail_core::connection::{Connection, LongTermKey, Way};
use pintail_core::credential::Credential;
use pintail_core::name::BookmarkName;
use pintail_core::retry::Retry;
use pintail_identity::identity_center::IdentityCenter;
use pintail_identity::source::{MfaCode, NoMfa, ProviderError, RenewingSource};

pub use self::aws_tools::AwsTools;
use self::chain::Chain;
pub use self::portal::{CenterRole, OfferedCenterRole};
pub use self::source::LastingSource;
use self::source::WaySource;
use crate::{Access, Connector, Error, NoCredential};

/// A way in that is not a web sign-in, before anything is asked of it.
#[derive(Debug)]
pub struct WayIn {
    /// The bookmark.
    pub name: BookmarkName,
    /// What it says, with what the AWS configuration adds.
    pub connection: Arc<Connection>,
    /// The portal that the way leads through.
    pub portal: Option<Arc<IdentityCenter>>,
    /// The role there.
    pub role_at_portal: Option<CenterRole>,
    /// A person has to type the code of a device for it.
    pub needs_code: bool,
    /// The credential can do no more than the bookmark says.
    narrowed: bool,
    source: Arc<WaySource>,
    /// What is kept in the keychain, the last step first.
    kept: Vec<RenewingSource>,
}

impl WayIn {
    /// Returns what the bookmark gives access with.
    pub fn access(&self) -> Access {
        Access::new(self.name.clone(), Arc::clone(&self.connection), Arc::clone(&self.source) as _)
            .narrowed(self.narrowed)
    }

    /// Returns the key whose secret half the keychain has to hold.
    pub fn long_term_key(&self) -> Option<&LongTermKey> {
        self.connection.way.long_term_key()
    }

    /// Asks for a new credential whatever is kept, step by step from the first one; `None` for anonymous access.
    ///
    /// # Errors
    /// When a step gives none. What was kept of that step stays.
    pub async fn anew(&self) -> Result<Option<Arc<Credential>>, NoCredential> {
        for step in self.kept.iter().rev() {
            step.anew().await.map_err(|error| self.source.missing(error))?;
        }
        self.access().ready().await
    }

    /// Removes what is kept of the way, and tells whether there was something.
    ///
    /// # Errors
    /// When the keychain fails.
    pub async fn forget(&self) -> Result<bool, NoCredential> {
        let mut found = false;
        for step in &self.kept {
            found |= step.forget().await.map_err(|error| self.source.missing(Arc::new(error)))?;
        }
        Ok(found)
    }
}

impl Connector {
    /// Prepares a way in that is not a web sign-in. `code` asks for the codes of MFA devices; without, nobody is asked.
    ///
    /// # Errors
    /// When the bookmark cannot be used, its AWS profile cannot, or account and role at a portal are not clear.
    pub async fn way_in(&self, name: &BookmarkName, code: Option<Arc<dyn MfaCode>>) -> Result<WayIn, Error> {
        let code = code.unwrap_or_else(|| Arc::new(NoMfa));
        let said = self.connection(name)?;
        self.hold_to_pin(name, &said)?;
        let (connection, resolved) = self.with_aws_profile(name, said)?;
        let choice = match &connection.way {
            Way::IdentityCenter(_) => Some(self.center_role(name, &connection).await?),
            _ => None,
        };
        self.join_way(name, connection, resolved, choice, code)
    }

    /// As [`Connector::way_in`], for a sign-out: account and role that are not clear are no obstacle.
    ///
    /// # Errors
    /// As [`Connector::way_in`].
    pub async fn ways_to_forget(&self, name: &BookmarkName) -> Result<Vec<WayIn>, Error> {
        let said = self.connection(name)?;
        let (connection, resolved) = self.with_aws_profile(name, said)?;
        let choices = match &connection.way {
            Way::IdentityCenter(_) => {
                let found = self.center_roles_to_forget(name, &connection).await?;
                found.into_iter().map(Some).collect()
            }
            _ => vec![None],
        };
        let join =
            |choice| self.join_way(name, connection.clone(), resolved.clone(), choice, Arc::new(NoMfa));
        choices.into_iter().map(join).collect()
    }

    fn join_way(
        &self,
        name: &BookmarkName,
        connection: Connection,
        resolved: Option<pintail_core::aws_config::Resolved>,
        choice: Option<CenterRole>,
        code: Arc<dyn MfaCode>,
    ) -> Result<WayIn, Error> {
        let narrowed = connection.wish.only.is_some()
            || connection.wish.policy.is_some()
            || !connection.wish.policy_arns.is_empty();
        let mut chain = Chain::new(self, &connection, code)?;
        let link = chain.of_way(&connection.way, resolved.as_ref(), choice.as_ref());
        let link = link.and_then(|link| chain.second_role(link));
        let failed = |error: ProviderError| NoCredential {
            name: name.clone(),
            connection: Arc::new(connection.clone()),
            source: Arc::new(error),
        };
        let link = link.map_err(failed)?;
        // A bookmark that says "only this bucket" must not reach others because its way has no session to narrow.
        if narrowed && !link.narrowed {
            return Err(Error::CannotNarrow { name: name.clone(), way: connection.way.name() });
        }
        let narrowed = link.narrowed;
        let Chain { kept, portal, role_at_portal, needs_code, .. } = chain;
        let connection = Arc::new(connection);
        let source = WaySource::new(name.clone(), Arc::clone(&connection), link.step);
        let kept = kept.into_iter().rev().collect();
        let name = name.clone();
        Ok(WayIn {
            name,
            connection,
            portal,
            role_at_portal,
            needs_code,
            narrowed,
            source: Arc::new(source),
            kept,
        })
    }
}

/// Makes the error of a way that cannot be gone.
fn refused(what: impl Into<String>, retry: Retry) -> ProviderError {
    ProviderError { what: what.into(), next: None, retry, source: None }
}

/// Adds what to do.
fn with_next(error: ProviderError, next: &str) -> ProviderError {
    ProviderError { next: Some(next.to_owned()), ..error }
}

/// Adds what lies behind an error.
fn because(error: ProviderError, source: impl std::error::Error + Send + Sync + 'static) -> ProviderError {
    ProviderError { source: Some(Arc::new(source)), ..error }
}
