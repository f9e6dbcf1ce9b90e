//! What bookmark, profile and preferences mean together: how to get a credential, for what, and where S3 is.
//!
//! A value in the bookmark wins over the profile's, that over the preferences', as in Cyberduck; within a profile a property
//! and the key that says the same count as one. The names are in [`property`].

mod issuer;
pub(crate) mod place;
pub mod profile_check;
pub mod property;
mod read;
mod sources;
mod way;

use std::time::Duration;

use url::Url;

pub use self::sources::Sources;
pub use self::way::{
    Authentication, IdentityCenter, Issuer, IssuerAddress, LongTermKey, Redirect, Way, WebIdentity,
};
use crate::name::{BucketName, KeyPrefix, NameError, Region, RoleArn, SessionName};
pub use crate::profile::WayName;

/// How long a session is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionLength {
    /// As long as the role allows.
    #[default]
    Longest,
    /// What the service gives to those who do not ask.
    Service,
    /// This long, if the role allows it.
    Exactly(Duration),
}

/// Where STS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StsEndpoint {
    /// The endpoint of the region.
    Regional,
    /// The legacy endpoint `sts.amazonaws.com`.
    Global,
    /// Somewhere else.
    Custom(Url),
}

/// What is asked of STS beside the role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionWish {
    /// The name of the session, where it is not the person's.
    pub name: Option<SessionName>,
    /// Without a name of its own, the session is named after the token's subject and not after the person.
    pub named_by_subject: bool,
    /// How long it shall live.
    pub length: SessionLength,
    /// An inline session policy (JSON).
    pub policy: Option<String>,
    /// Managed policies that narrow it.
    pub policy_arns: Vec<String>,
    /// Session tags, for `AssumeRole`.
    pub tags: Vec<(String, String)>,
    /// It reaches only this bucket and prefix.
    pub only: Option<(BucketName, KeyPrefix)>,
    /// The external ID that a role reached by `AssumeRole` asks for.
    pub external_id: Option<String>,
    /// The role to go on to from the first one.
    pub second_role: Option<RoleArn>,
}

/// Everything that one bookmark says, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// How a credential is had.
    pub way: Way,
    /// What is asked of STS, where the way leads there.
    pub wish: SessionWish,
    /// Nothing may be written, whatever the credential allows.
    pub read_only: bool,
    /// Where STS is.
    pub sts_endpoint: StsEndpoint,
    /// The region to sign for and to reach S3 in when the bucket's is not known.
    pub region: Region,
    /// Somebody named the region; else it is the usual one of the partition.
    pub region_said: bool,
    /// Another S3 than Amazon's.
    pub s3_endpoint: Option<Url>,
    /// Buckets stand in the path, not in the host name. `None`: as the endpoint suggests.
    pub path_style: Option<bool>,
    /// Use the endpoints that answer over IPv6 too.
    pub dual_stack: bool,
    /// Use the endpoints with validated cryptography.
    pub fips: bool,
    /// The requester pays, where a bucket asks for it.
    pub requester_pays: bool,
    /// Another place of the AWS console's federation sign-in.
    pub signin_endpoint: Option<Url>,
    /// The bucket and folder to start in.
    pub default_path: Option<String>,
    /// A PEM file of certificates to trust instead of the system's.
    pub ca_bundle: Option<String>,
}

impl Connection {
    /// Returns the web identity side, where that is the way in.
    pub fn web_identity(&self) -> Option<&WebIdentity> {
        match &self.way {
            Way::WebIdentity(web) => Some(web),
            _ => None,
        }
    }

    /// Returns the role whose session is used: the second one of a chain, else the one chosen.
    pub fn role(&self) -> Option<&RoleArn> {
        self.wish.second_role.as_ref().or_else(|| self.first_role())
    }

    /// Returns the role that is taken first. `None` where none is named, or another program chooses.
    pub fn first_role(&self) -> Option<&RoleArn> {
        match &self.way {
            Way::WebIdentity(web) => web.roles.first(),
            Way::AssumeRole { role, .. } => Some(role),
            _ => None,
        }
    }
}

/// A bookmark that does not say enough, or says something impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Something that is needed is missing.
    #[error("the bookmark has no {what}")]
    Missing {
        /// What is missing, in words.
        what: &'static str,
        /// The property or bookmark key that would say it.
        key: &'static str,
        /// The option of `bookmark add` that sets it.
        option: &'static str,
    },
    /// A value breaks the rule of its kind.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A value cannot be read.
    #[error("the bookmark's {what} cannot be read: {text:?}")]
    Value {
        /// What the value is for, in words.
        what: &'static str,
        /// The value, without what may be a secret.
        text: String,
    },
    /// The issuer's answer would not come back to this program.
    #[error(
        "the redirect address {text:?} does not lead back to this program; pintail.redirect has to be http://localhost/ or an \
         address with the application's own scheme, registered at the issuer"
    )]
    Redirect {
        /// The address, without what may be a secret.
        text: String,
    },
    /// The host is an access point's, which takes no bucket.
    #[error("the host {host:?} is an access point's; its alias is a bucket's name at Amazon S3's own host")]
    AccessPoint {
        /// The host.
        host: String,
    },
    /// The profile puts a path before every request's, and Amazon S3 has none.
    #[error("the profile's Context {text:?} is a path, which Amazon S3 does not have before its buckets")]
    Context {
        /// The path.
        text: String,
    },
    /// The profile asks for signatures that are not spoken here.
    #[error("the profile's Authorization asks for signature version 2 (AWS2), which Pintail does not speak")]
    Signature2,
}
