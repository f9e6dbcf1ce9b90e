//! The role of an EC2 instance, from its metadata service in version 2.
//!
//! Version 1 is never spoken, not even where version 2 is missing: a service that answers plain requests can be made to
//! answer a stranger's through any open proxy on the machine, and every instance has had version 2 since 2019. The
//! session token of version 2 is asked for anew with each fetch and lives a minute.

use std::net::Ipv6Addr;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use pintail_core::credential::Credential;
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, HttpErrorKind, HttpRequest};
use url::{Host, Url};

use super::metadata::{ask, is_loopback, refused, shown};
use super::{Provider, ProviderContext, ProviderError, credential_json};
use crate::oidc::untrusted::printable;

const TOKEN_PATH: &str = "/latest/api/token";
const ROLES_PATH: &str = "/latest/meta-data/iam/security-credentials/";
const TOKEN_LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
/// Long enough for the two questions it is used for.
const TOKEN_LIFE_SECONDS: HeaderValue = HeaderValue::from_static("60");

/// Which role of the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InstanceRole {
    /// The credentials are at this address, as connection profiles write it: with the role's name as its last part, or
    /// the list of roles with a slash.
    At(Url),
    /// The one that the service names.
    #[default]
    Discovered,
    /// The one with this name.
    Named(String),
}

/// Fetches the credential of an instance's role.
#[derive(Clone, Debug)]
pub struct InstanceMetadata {
    context: ProviderContext,
    /// Where credentials are: of a role, or (with a slash at its end) the list of roles.
    place: Url,
}

impl InstanceMetadata {
    /// The address of the service, the same on every instance.
    pub const ENDPOINT: &str = "http://169.254.169.254/";

    /// Asks the service at `endpoint`, or at its usual address. [`InstanceRole::At`] has its own.
    ///
    /// # Errors
    /// When the address is neither `https` nor one of this machine or its link, or the name is no role's: an address
    /// from a stranger's profile must not be able to hand over the stranger's credentials.
    pub fn new(
        context: ProviderContext,
        endpoint: Option<&Url>,
        role: &InstanceRole,
    ) -> Result<Self, ProviderError> {
        let usual = Url::parse(Self::ENDPOINT).expect("the usual address is one");
        let base = endpoint.unwrap_or(&usual);
        let place = match role {
            InstanceRole::At(url) => url.clone(),
            InstanceRole::Discovered => at(base, ROLES_PATH),
            InstanceRole::Named(name) => at(base, &format!("{ROLES_PATH}{}", role_name(name)?)),
        };
        check(&place)?;
        Ok(Self { context, place })
    }

    async fn fetch_now(&self) -> Result<Credential, ProviderError> {
        let token = self.token().await?;
        let place =
            if self.place.path().ends_with('/') { self.discover(&token).await? } else { self.place.clone() };
        let role =
            printable(place.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default(), 100);
        let body = self
            .get(&place, &token)
            .await?
            .ok_or_else(|| ProviderError::new(format!("this instance has no role {role:?}"), Retry::Never))?;
        credential_json::of_metadata(&body).map_err(|error| {
            let what = format!("the instance metadata service has no credential of role {role:?}");
            ProviderError::new(what, Retry::Backoff).because(error)
        })
    }

    /// Opens a session of version 2.
    async fn token(&self) -> Result<HeaderValue, ProviderError> {
        let mut request = HttpRequest::get(at(&self.place, TOKEN_PATH));
        request.method = Method::PUT;
        request.headers.insert(TOKEN_LIFE, TOKEN_LIFE_SECONDS);
        let host = shown(&at(&self.place, "/"));
        let response = ask(&self.context, &request).await.map_err(|error| {
            let absent = matches!(
                error.kind,
                HttpErrorKind::Connect | HttpErrorKind::Resolve | HttpErrorKind::Timeout
            );
            // Nothing answers on other machines, and waiting would not turn them into instances.
            let retry = if absent { Retry::Never } else { error.retry() };
            let failed = ProviderError::new(format!("no instance metadata service answers at {host}"), retry);
            failed.because(error).with_next(
                "Use this on an EC2 instance; inside a container there, let the metadata answers pass two hops.",
            )
        })?;
        match response.status {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => {
                return Err(ProviderError::new(
                    "the instance metadata service is switched off",
                    Retry::Never,
                )
                .with_next("Switch on the metadata service of this instance."));
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                let what = format!("the metadata service at {host} speaks version 1 only");
                return Err(ProviderError::new(what, Retry::Never)
                    .with_next("Use a metadata service of version 2: version 1 is not spoken, for safety."));
            }
            _ => return Err(refused("the instance metadata service", &response)),
        }
        let text = std::str::from_utf8(&response.body).map(str::trim).ok();
        let token = text.filter(|text| !text.is_empty()).and_then(|text| HeaderValue::from_str(text).ok());
        let mut token = token.ok_or_else(|| {
            ProviderError::new(
                "the instance metadata service gave a session token that is none",
                Retry::Never,
            )
        })?;
        token.set_sensitive(true);
        Ok(token)
    }

    /// Asks for the list of roles, which has one line on every instance.
    async fn discover(&self, token: &HeaderValue) -> Result<Url, ProviderError> {
        let none = || {
            ProviderError::new("this instance has no role", Retry::Never)
                .with_next("Attach an instance profile with a role to the instance.")
        };
        let body = self.get(&self.place, token).await?.ok_or_else(none)?;
        let list = String::from_utf8_lossy(&body);
        let name = list.lines().map(str::trim).find(|line| !line.is_empty()).ok_or_else(none)?;
        let path = format!("{}{}", self.place.path(), role_name(name)?);
        Ok(at(&self.place, &path))
    }

    /// Asks for a text; `None` when there is no such thing.
    async fn get(&self, url: &Url, token: &HeaderValue) -> Result<Option<bytes::Bytes>, ProviderError> {
        let mut request = HttpRequest::get(url.clone());
        request.headers.insert(TOKEN, token.clone());
        let response = ask(&self.context, &request).await.map_err(|error| {
            let retry = error.retry();
            ProviderError::new("the instance metadata service broke off", retry).because(error)
        })?;
        match response.status {
            StatusCode::OK => Ok(Some(response.body)),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED => {
                let what = "the instance metadata service took its own session token for over";
                Err(ProviderError::new(what, Retry::Backoff))
            }
            _ => Err(refused("the instance metadata service", &response)),
        }
    }
}

impl Provider for InstanceMetadata {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(self.fetch_now())
    }
}

/// Returns another place of the same service.
fn at(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Checks that a name is one of a role (IAM's grammar), which also keeps it one part of a path.
fn role_name(name: &str) -> Result<&str, ProviderError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(good) && name != "." && name != ".." {
        Ok(name)
    } else {
        Err(ProviderError::new(format!("{:?} is not the name of a role", printable(name, 100)), Retry::Never))
    }
}

fn check(url: &Url) -> Result<(), ProviderError> {
    let near = match url.host() {
        Some(Host::Ipv4(address)) if address.is_link_local() => true,
        Some(Host::Ipv6(address)) if address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) => true,
        Some(host) => is_loopback(&host),
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" if plain => Ok(()),
        "http" if plain && near => Ok(()),
        _ => Err(ProviderError::new(
            format!("{:?} is not the address of an instance metadata service", shown(url)),
            Retry::Never,
        )),
    }
}

#[cfg(test)]
mod tests;
