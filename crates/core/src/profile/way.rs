//! Ways in: what a profile asks of a person before S3 answers.

use std::fmt;
use std::str::FromStr;

/// How a connection comes to its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayName {
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

impl WayName {
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

impl fmt::Display for WayName {
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

impl FromStr for WayName {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_word() {
        for way in WayName::ALL {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        assert_eq!("key".parse::<WayName>().unwrap_err().to_string(), "\"key\" is no way in");
    }
}
