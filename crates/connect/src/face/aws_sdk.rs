//! The face towards the AWS SDK: a provider that any of its clients takes.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use jiff::Timestamp;

use super::{CredentialUnavailable, PintailCredentials};

/// By what name the SDK's logs call the provider.
const PROVIDER: &str = "Pintail";

/// Needs the feature `aws-sdk`. What a program does with it (`aws-config` and `aws-sdk-s3` are its own dependencies):
///
/// ```text
/// let work = PintailCredentials::open("work").await?;
/// let region = Region::new(work.access().connection.region.to_string());
/// let config = aws_config::defaults(BehaviorVersion::latest())
///     .region(region)
///     .credentials_provider(work)
///     .load()
///     .await;
/// let buckets = aws_sdk_s3::Client::new(&config).list_buckets().send().await?;
/// ```
///
/// Every credential tells its end, so the SDK asks again shortly before it. No failure says "not loaded": a chain of
/// providers stops here, and does not go on with a credential of somebody else.
impl ProvideCredentials for PintailCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
    }
}

impl PintailCredentials {
    async fn provide(&self) -> Result {
        let credential = self.credential().await.map_err(|unavailable| match unavailable {
            CredentialUnavailable::Anonymous { .. } | CredentialUnavailable::Writable { .. } => {
                CredentialsError::invalid_configuration(unavailable)
            }
            CredentialUnavailable::Missing { .. } => CredentialsError::provider_error(unavailable),
        })?;
        Ok(Credentials::new(
            credential.access_key_id.as_str(),
            credential.secret_access_key.expose(),
            credential.session_token.as_ref().map(|token| token.expose().to_owned()),
            credential.expires_at.map(system_time),
            PROVIDER,
        ))
    }
}

/// An end before 1970 is as much over as one in 1970.
fn system_time(end: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::try_from(end.as_duration()).unwrap_or(Duration::ZERO)
}
