//! Whose a credential is, as far as somebody can tell.

use std::sync::Arc;

use pintail_core::connection::{Connection, StsEndpoint, Way};
use pintail_core::credential::Credential;
use pintail_core::name::BookmarkName;
use pintail_core::retry::{Retry, Schedule};
use pintail_identity::sts::{CallerIdentity, ExchangeError, caller_identity};

use super::{because, refused, roles};
use crate::{Connector, NoCredential};

impl Connector {
    /// Asks STS whose a credential is. `None` where no STS is known to go with the service, or it cannot be asked now.
    ///
    /// # Errors
    /// When STS does not accept the credential.
    pub async fn caller(
        &self,
        name: &BookmarkName,
        connection: &Connection,
        credential: &Credential,
    ) -> Result<Option<CallerIdentity>, NoCredential> {
        let asks_sts = matches!(connection.way, Way::AssumeRole { .. } | Way::SessionToken { .. });
        let named = matches!(connection.sts_endpoint, StsEndpoint::Custom(_));
        if !(asks_sts || named || connection.s3_endpoint.is_none()) {
            return Ok(None);
        }
        let missing = |error| NoCredential {
            name: name.clone(),
            connection: Arc::new(connection.clone()),
            source: Arc::new(error),
        };
        let endpoint = roles::sts(connection).map_err(missing)?;
        let failed = |error| missing(because(refused("the network cannot be used", Retry::Never), error));
        let transport = self.transport(connection.ca_bundle.as_deref()).map_err(failed)?;
        let context = self.provider_context(&transport);
        match caller_identity(context.sts(), &endpoint, credential, Schedule::INTERACTIVE).await {
            Ok(caller) => Ok(Some(caller)),
            Err(error @ ExchangeError::Refused(_)) => {
                Err(missing(because(refused("STS does not accept the credential", Retry::Never), error)))
            }
            Err(error) => {
                tracing::warn!(%error, "STS could not be asked whose the credential is");
                Ok(None)
            }
        }
    }
}
