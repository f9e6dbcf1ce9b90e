//! What a machine is given: the role of its instance, the credentials of its container, keys in its environment.

use std::path::PathBuf;
use std::sync::Arc;

use pintail_core::credential::CredentialSource;
use pintail_core::retry::Retry;
use pintail_identity::source::{
    ContainerAuthorization, ContainerCredentials, ContainerPlace, InstanceMetadata, InstanceRole, Provider,
    ProviderContext, ProviderError, keys,
};
use url::Url;

use super::{refused, with_next};
use crate::environment::AwsEnvironment;

/// Finds the role of the instance. `named` is the address that a bookmark names: with a path, that of the credentials.
pub(super) fn instance(
    context: ProviderContext,
    aws: &AwsEnvironment,
    named: Option<&Url>,
) -> Result<Arc<dyn Provider>, ProviderError> {
    if aws.metadata_disabled {
        let error = refused(
            "AWS_EC2_METADATA_DISABLED keeps this program from the instance metadata service",
            Retry::Never,
        );
        return Err(with_next(error, "Unset AWS_EC2_METADATA_DISABLED where instance metadata is meant."));
    }
    // Profiles write the usual address out; the environment of the machine knows better.
    let is_usual = |url: &Url| url.host_str() == Some("169.254.169.254");
    let named = named.filter(|url| aws.metadata_address.is_none() || !is_usual(url));
    let from_environment = match (&aws.metadata_address, named) {
        (Some(text), None) => Some(address("AWS_EC2_METADATA_SERVICE_ENDPOINT", text)?),
        _ => None,
    };
    let place = named.or(from_environment.as_ref());
    let role = match place {
        Some(url) if !matches!(url.path(), "" | "/") => InstanceRole::At(url.clone()),
        _ => InstanceRole::Discovered,
    };
    Ok(Arc::new(InstanceMetadata::new(context, place, &role)?))
}

/// Finds the endpoint of the container. What the environment says an endpoint wants to see is shown to the endpoint of the
/// environment alone: a bookmark may come from a stranger.
pub(super) fn container(
    context: ProviderContext,
    aws: &AwsEnvironment,
    named: Option<&Url>,
    token_file: Option<PathBuf>,
) -> Result<Arc<dyn Provider>, ProviderError> {
    let own_token = token_file.map(ContainerAuthorization::File);
    let (place, token) = match (named, &aws.container_path, &aws.container_address) {
        (Some(url), _, _) => (ContainerPlace::Full(url.clone()), own_token),
        (None, Some(path), _) => {
            (ContainerPlace::Relative(path.clone()), own_token.or_else(|| token_of(aws)))
        }
        (None, None, Some(text)) => {
            let url = address("AWS_CONTAINER_CREDENTIALS_FULL_URI", text)?;
            (ContainerPlace::Full(url), own_token.or_else(|| token_of(aws)))
        }
        (None, None, None) => {
            let error = refused("no credential endpoint of a container is named", Retry::Never);
            return Err(with_next(
                error,
                "Run this in a container that has AWS_CONTAINER_CREDENTIALS_FULL_URI, or name the endpoint in the bookmark.",
            ));
        }
    };
    Ok(Arc::new(ContainerCredentials::new(context, &place, token)?))
}

fn token_of(aws: &AwsEnvironment) -> Option<ContainerAuthorization> {
    let file = aws.container_token_file.clone().map(ContainerAuthorization::File);
    file.or_else(|| aws.container_token.clone().map(ContainerAuthorization::Value))
}

/// Takes the keys of the environment.
pub(super) fn environment(aws: &AwsEnvironment) -> Result<Arc<dyn CredentialSource>, ProviderError> {
    match (&aws.access_key_id, &aws.secret_access_key) {
        (Some(id), Some(secret)) => keys::keys(id, secret, aws.session_token.as_ref()),
        _ => Err(with_next(
            refused("the environment holds no access key", Retry::Never),
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )),
    }
}

fn address(variable: &str, text: &str) -> Result<Url, ProviderError> {
    Url::parse(text).map_err(|_| refused(format!("{variable} is no address"), Retry::Never))
}

#[cfg(test)]
mod tests {
    use pintail_core::secret::Secret;

    use super::*;

    #[test]
    fn keys_of_the_environment_are_complete_or_none() {
        let mut aws =
            AwsEnvironment { access_key_id: Some("AKIDEXAMPLE".into()), ..AwsEnvironment::default() };
        assert!(environment(&aws).is_err());
        aws.secret_access_key = Some(Secret::new("hunter2"));
        assert!(environment(&aws).is_ok());
    }
}
