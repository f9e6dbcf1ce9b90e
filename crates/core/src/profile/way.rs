//! Ways in: what a profile asks of a person before S3 answers, and what its addresses say about the issuer.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::name::Tenant;

/// How a connection comes to its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// None at all: public buckets.
    Anonymous,
    /// Keys that go to STS for a role's, with or without a second factor.
    AssumeRole,
    /// A profile of the AWS configuration files.
    AwsProfile,
    /// The endpoint that a container finds in its environment.
    ContainerMetadata,
    /// AWS IAM Identity Center.
    IdentityCenter,
    /// The metadata service of an EC2 instance.
    InstanceMetadata,
    /// Keys, as they are.
    Keys,
    /// Keys that go to STS for a session's, with a second factor.
    SessionToken,
    /// A sign-in at an OpenID Connect issuer, whose token goes to STS.
    WebIdentity,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Anonymous,
        Self::AssumeRole,
        Self::AwsProfile,
        Self::ContainerMetadata,
        Self::IdentityCenter,
        Self::InstanceMetadata,
        Self::Keys,
        Self::SessionToken,
        Self::WebIdentity,
    ];

    /// The property that names the way where no key of Cyberduck's does, in a profile or a bookmark.
    pub const PROPERTY: &str = "pintail.way";

    /// Returns the word that stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::AssumeRole => "assume-role",
            Self::AwsProfile => "aws-profile",
            Self::ContainerMetadata => "container-metadata",
            Self::IdentityCenter => "identity-center",
            Self::InstanceMetadata => "instance-metadata",
            Self::Keys => "keys",
            Self::SessionToken => "session-token",
            Self::WebIdentity => "web-identity",
        }
    }

    /// Returns the way that a vendor's name alone decides: four profiles of Cyberduck's that no other key tells apart.
    pub(super) fn of_vendor(vendor: &str) -> Option<Self> {
        match vendor {
            "aws-s3-getsessiontoken" => Some(Self::SessionToken),
            "aws-s3-sts-assumerole" => Some(Self::AssumeRole),
            "s3-cli" => Some(Self::AwsProfile),
            "s3-role" => Some(Self::InstanceMetadata),
            _ => None,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no way in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no way in")]
pub struct UnknownWay {
    /// The word.
    pub text: String,
}

impl FromStr for Way {
    type Err = UnknownWay;

    fn from_str(text: &str) -> Result<Self, UnknownWay> {
        let found = Self::ALL.into_iter().find(|way| way.as_str() == text);
        found.ok_or_else(|| UnknownWay { text: text.to_owned() })
    }
}

/// What the key `Authorization` says, which means two things: how requests are signed, or which OAuth flow is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// OAuth with a code that comes through the browser. Requests are signed with version 4.
    AuthorizationCode,
    /// OAuth with the person's password. Requests are signed with version 4.
    PasswordGrant,
    /// Signature version 2 (`AWS2`), which Pintail does not speak.
    Signature2,
    /// Signature version 4 (`AWS4HMACSHA256`), which is meant where nothing is said.
    Signature4,
    /// A word without a meaning for S3. Requests are signed with version 4.
    Other(String),
}

impl Authorization {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "AWS2" => Self::Signature2,
            "AWS4HMACSHA256" => Self::Signature4,
            "AuthorizationCode" => Self::AuthorizationCode,
            "PasswordGrant" => Self::PasswordGrant,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// Returns the word that stands in files.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AuthorizationCode => "AuthorizationCode",
            Self::PasswordGrant => "PasswordGrant",
            Self::Signature2 => "AWS2",
            Self::Signature4 => "AWS4HMACSHA256",
            Self::Other(text) => text,
        }
    }

    /// Tells whether it is one of the OAuth flows.
    pub fn is_oauth(&self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::PasswordGrant)
    }
}

/// The part of an Entra address that says which cloud and which tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraAuthority {
    /// The cloud: scheme and host, such as `https://login.microsoftonline.com/`.
    pub authority: Url,
    /// The tenant, which may be `common`.
    pub tenant: Tenant,
}

impl EntraAuthority {
    /// The hosts of Entra's clouds: global, China, United States government, and the global one's old name.
    pub const HOSTS: [&str; 4] = [
        "login.microsoftonline.com",
        "login.partner.microsoftonline.cn",
        "login.microsoftonline.us",
        "login.windows.net",
    ];

    /// Reads an address of Entra's version 2 endpoints (`…/TENANT/oauth2/v2.0/authorize` or `…/token`). `None` for
    /// every other address: of other issuers nothing can be told from their endpoints.
    pub fn of(address: &str) -> Option<Self> {
        let url = Url::parse(address.trim()).ok()?;
        let host = url.host_str()?;
        let is_entra = Self::HOSTS.contains(&host) || host.ends_with(".ciamlogin.com");
        if url.scheme() != "https" || url.port().is_some() || !is_entra {
            return None;
        }
        let path: Vec<&str> = url.path_segments()?.collect();
        let [tenant, "oauth2", "v2.0", "authorize" | "token"] = path[..] else { return None };
        Some(Self { authority: Url::parse(&format!("https://{host}/")).ok()?, tenant: tenant.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_word() {
        for way in Way::ALL {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        assert_eq!("key".parse::<Way>().unwrap_err().to_string(), "\"key\" is no way in");
    }

    #[test]
    fn entra_addresses_tell_cloud_and_tenant() {
        let guid = "11111111-2222-3333-4444-555555555555";
        for (address, authority, tenant) in [
            (
                "https://login.microsoftonline.com/common/oauth2/v2.0/authorize".to_owned(),
                "https://login.microsoftonline.com/",
                Tenant::Common,
            ),
            (
                format!("https://login.microsoftonline.us/{guid}/oauth2/v2.0/token"),
                "https://login.microsoftonline.us/",
                Tenant::Guid(guid.into()),
            ),
            (
                " https://login.partner.microsoftonline.cn/Contoso.cn/oauth2/v2.0/token".to_owned(),
                "https://login.partner.microsoftonline.cn/",
                Tenant::Domain("contoso.cn".into()),
            ),
        ] {
            let read = EntraAuthority::of(&address).unwrap();
            assert_eq!((read.authority.as_str(), read.tenant), (authority, tenant));
        }
        for address in [
            "",
            "/oauth/token",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://keycloak.example.com/realms/x/protocol/openid-connect/token",
            "https://login.microsoftonline.com.example.com/common/oauth2/v2.0/token",
            "https://example.com/common/oauth2/v2.0/token",
            "http://login.microsoftonline.com/common/oauth2/v2.0/token",
            "https://login.microsoftonline.com/common/oauth2/token",
            "https://login.microsoftonline.com/x/common/oauth2/v2.0/token",
            "https://login.microsoftonline.com//oauth2/v2.0/token",
        ] {
            assert_eq!(EntraAuthority::of(address), None, "{address}");
        }
    }
}
