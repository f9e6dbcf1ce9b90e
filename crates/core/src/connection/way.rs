//! The ways to a credential.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::ConnectionError;
use crate::name::{AccountId, ClientId, Region, RoleArn, Tenant};
use crate::profile::WayName;
use crate::secret::Secret;

/// How a credential is had, with what that needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// See [`WayName::WebIdentity`].
    WebIdentity(Box<WebIdentity>),
    /// See [`WayName::Keys`].
    Keys(LongTermKey),
    /// See [`WayName::Anonymous`].
    Anonymous,
    /// See [`WayName::AwsProfile`].
    AwsProfile {
        /// The profile's name.
        profile: String,
    },
    /// See [`WayName::InstanceMetadata`].
    InstanceMetadata {
        /// Another service than the link-local one; with a path, the address of the credentials themselves.
        endpoint: Option<Url>,
    },
    /// See [`WayName::ContainerMetadata`].
    ContainerMetadata {
        /// Another endpoint than the environment names.
        endpoint: Option<Url>,
        /// The file with the token for it.
        token_file: Option<String>,
    },
    /// See [`WayName::AssumeRole`].
    AssumeRole {
        /// The key to ask with.
        key: LongTermKey,
        /// The role.
        role: RoleArn,
        /// The device whose code is asked for.
        mfa_serial: Option<String>,
    },
    /// See [`WayName::SessionToken`].
    SessionToken {
        /// The key to ask with.
        key: LongTermKey,
        /// The device whose code is asked for.
        mfa_serial: Option<String>,
    },
    /// See [`WayName::IdentityCenter`].
    IdentityCenter(Box<IdentityCenter>),
}

impl Way {
    /// Returns the way's name.
    pub fn name(&self) -> WayName {
        match self {
            Self::WebIdentity(_) => WayName::WebIdentity,
            Self::Keys(_) => WayName::Keys,
            Self::Anonymous => WayName::Anonymous,
            Self::AwsProfile { .. } => WayName::AwsProfile,
            Self::InstanceMetadata { .. } => WayName::InstanceMetadata,
            Self::ContainerMetadata { .. } => WayName::ContainerMetadata,
            Self::AssumeRole { .. } => WayName::AssumeRole,
            Self::SessionToken { .. } => WayName::SessionToken,
            Self::IdentityCenter(_) => WayName::IdentityCenter,
        }
    }

    /// Returns the key whose secret half the keychain holds.
    pub fn long_term_key(&self) -> Option<&LongTermKey> {
        match self {
            Self::Keys(key) | Self::AssumeRole { key, .. } | Self::SessionToken { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// An access key that does not end by itself. Its secret half is in the keychain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LongTermKey {
    /// The access key ID.
    pub id: String,
}

/// A sign-in at an issuer and the roles it may be exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    /// Who signs the person in.
    pub issuer: Issuer,
    /// The application's ID at the issuer.
    pub client_id: ClientId,
    /// How the application proves itself.
    pub authentication: Authentication,
    /// Scopes beyond `openid profile offline_access`.
    pub extra_scopes: Vec<String>,
    /// How the issuer's answer comes back.
    pub redirect: Redirect,
    /// The account to offer on the sign-in page.
    pub login_hint: Option<String>,
    /// The roles to choose from, the usual one first. Empty: those that the token offers.
    pub roles: Vec<RoleArn>,
}

/// Who signs the person in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Microsoft Entra ID, by tenant, at the global cloud or the authority given.
    Entra {
        /// The tenant.
        tenant: Tenant,
        /// Another authority than the global one, such as a national cloud or a sandbox.
        authority: Option<Url>,
    },
    /// Any OpenID Connect issuer, by its issuer address.
    Other(IssuerAddress),
}

/// The address of an issuer, byte for byte as its tokens write it: whether it ends in a slash matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IssuerAddress(String);

impl IssuerAddress {
    /// Takes an address as it stands.
    pub(super) fn of(url: Url) -> Self {
        Self(url.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IssuerAddress {
    type Err = ConnectionError;

    fn from_str(text: &str) -> Result<Self, ConnectionError> {
        let text = text.trim();
        super::sources::address("issuer", text).map(|_| Self(text.to_owned()))
    }
}

impl fmt::Display for IssuerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the application proves itself to the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// It does not: a public client, protected by PKCE.
    Public,
    /// By a secret, which the keychain holds.
    Secret,
    /// By a secret that stands in the profile or bookmark, readable by everyone who has the file.
    SecretInFile(Secret),
    /// By a certificate and its key, in PEM files at these paths.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its private key.
        key: String,
    },
}

/// How the issuer's answer comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// To `http://localhost:PORT/`, a port of the moment unless one is fixed; the host and path as registered.
    Loopback(Url),
    /// To an address with a scheme of ours, such as `x-cyberduck-action://oauth`.
    Scheme(Url),
}

/// A portal of IAM Identity Center and what to take from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityCenter {
    /// The address where people sign in.
    pub start_url: Url,
    /// The region it lives in.
    pub region: Region,
    /// The account; `None` until it is chosen.
    pub account: Option<AccountId>,
    /// The permission set; `None` until it is chosen.
    pub role_name: Option<String>,
    /// Another sign-in service than the region's.
    pub oidc_endpoint: Option<Url>,
    /// Another portal than the region's.
    pub portal_endpoint: Option<Url>,
    /// Tells two people apart who use one portal.
    pub label: Option<String>,
}
