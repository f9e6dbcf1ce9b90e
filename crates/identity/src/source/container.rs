//! The credential endpoint of a container: Amazon ECS, EKS, Greengrass, and local agents that speak the same.
//!
//! The address comes from the environment, relative to the ECS agent or in full. A plain `http` address is asked only on
//! this machine and at the addresses that AWS documents, because the answer is a credential.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, StatusCode};
use pintail_core::credential::Credential;
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, HttpRequest};
use pintail_core::secret::Secret;
use url::{Host, Url};

use super::metadata::{ask, is_loopback, refused, shown};
use super::{Provider, ProviderContext, ProviderError, credential_json, small_file};
use crate::oidc::untrusted::printable;

/// The ECS agent.
const ECS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
/// The EKS pod identity agent.
const EKS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 23);
/// The EKS pod identity agent over IPv6.
const EKS_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);
/// EKS tokens are JWTs of one or two kilobytes.
const TOKEN_MAX_BYTES: u64 = 16 << 10;

/// Where the endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerPlace {
    /// A whole address (`AWS_CONTAINER_CREDENTIALS_FULL_URI`).
    Full(Url),
    /// A path at the ECS agent (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`).
    Relative(String),
}

/// What the endpoint wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerAuthorization {
    /// The text in this file, read anew each time (`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`).
    File(PathBuf),
    /// This text (`AWS_CONTAINER_AUTHORIZATION_TOKEN`). A file goes before it.
    Value(Secret),
}

/// Fetches a credential from a container's endpoint.
#[derive(Clone, Debug)]
pub struct ContainerCredentials {
    context: ProviderContext,
    url: Url,
    authorization: Option<ContainerAuthorization>,
}

impl ContainerCredentials {
    /// Asks at `place`.
    ///
    /// # Errors
    /// When the address is not one that may be asked for a credential.
    pub fn new(
        context: ProviderContext,
        place: &ContainerPlace,
        authorization: Option<ContainerAuthorization>,
    ) -> Result<Self, ProviderError> {
        let url = match place {
            ContainerPlace::Full(url) => url.clone(),
            ContainerPlace::Relative(path) => {
                let url = Url::parse(&format!("http://{ECS}{path}")).ok();
                // Without its slash, `@host` or `0.1` would turn the path into another host.
                let url = url.filter(|url| path.starts_with('/') && url.host() == Some(Host::Ipv4(ECS)));
                url.ok_or_else(|| {
                    let what = format!("{:?} is not a path that begins with a slash", printable(path, 200));
                    ProviderError::new(what, Retry::Never)
                })?
            }
        };
        let documented = match url.host() {
            Some(Host::Ipv4(address)) if address == ECS || address == EKS => true,
            Some(Host::Ipv6(address)) if address == EKS_V6 => true,
            Some(host) => is_loopback(&host),
            None => false,
        };
        let plain = url.username().is_empty() && url.password().is_none();
        if !plain || !(url.scheme() == "https" || (url.scheme() == "http" && documented)) {
            let what = format!(
                "{:?} may not be asked for a credential: https, or http to this machine or an agent of AWS, may",
                shown(&url)
            );
            return Err(ProviderError::new(what, Retry::Never));
        }
        Ok(Self { context, url, authorization })
    }

    async fn fetch_now(&self) -> Result<Credential, ProviderError> {
        let mut request = HttpRequest::get(self.url.clone());
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = self.authorization().await? {
            request.headers.insert(AUTHORIZATION, authorization);
        }
        let place = shown(&self.url);
        let response = ask(&self.context, &request).await.map_err(|error| {
            let retry = error.retry();
            ProviderError::new(format!("no credential endpoint answers at {place}"), retry).because(error)
        })?;
        match response.status {
            StatusCode::OK => credential_json::of_metadata(&response.body).map_err(|error| {
                let what = format!("the credential endpoint at {place} gave no credential");
                ProviderError::new(what, Retry::Backoff).because(error)
            }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let what = match &self.authorization {
                    None => format!("the credential endpoint at {place} wants an authorization token"),
                    Some(_) => {
                        format!("the credential endpoint at {place} did not accept the authorization token")
                    }
                };
                Err(ProviderError::new(what, Retry::Never))
            }
            _ => Err(refused(&format!("the credential endpoint at {place}"), &response)),
        }
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, ProviderError> {
        let text = match &self.authorization {
            None => return Ok(None),
            Some(ContainerAuthorization::File(path)) => {
                small_file::read("authorization token", path, TOKEN_MAX_BYTES).await?
            }
            Some(ContainerAuthorization::Value(text)) => text.clone(),
        };
        // A line break would begin another header.
        let value =
            HeaderValue::from_str(text.expose()).ok().filter(|_| !text.expose().contains(['\r', '\n']));
        let mut value = value.ok_or_else(|| {
            ProviderError::new(
                "the authorization token holds a line break or another control character",
                Retry::Never,
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

impl Provider for ContainerCredentials {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(self.fetch_now())
    }
}

#[cfg(test)]
mod tests;
