//! How to start a sandbox: everything has a default, and nothing is read from the environment.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::random::{Random, SystemRandom};

/// What may be chosen about a sandbox before it starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The loopback address to listen on. Anything else is refused.
    pub address: IpAddr,
    /// The port of issuer and Graph; S3, STS and IAM take the one above, Identity Center, the metadata
    /// services and the console's sign-in the next. 0 takes three free ones.
    pub port: u16,
    /// The AWS regions that exist; the first is the home of the sample buckets.
    pub regions: Vec<String>,
    /// How long tokens and codes live.
    pub lifetimes: Lifetimes,
    /// The tenant's GUID; random when absent.
    pub tenant: Option<String>,
    /// The app registration's client ID; random when absent. Without meaning in an empty world.
    pub client_id: Option<String>,
    /// The AWS account's number, twelve digits; random when absent.
    pub account_id: Option<String>,
    /// Whether nothing is set up yet: the tenant with its people, groups and Microsoft's own apps, an AWS account
    /// with the administrator's key and the sample buckets, and neither app, provider, role nor user.
    pub empty: bool,
    /// Whether the sample buckets are filled.
    pub samples: bool,
    /// Whether instance metadata is told without a token too, as version 1 of the service did.
    pub metadata_v1: bool,
    /// The size of the random part of a refresh token. Entra's are long, and stores must cope.
    pub refresh_token_bytes: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness of identifiers.
    pub random: Arc<dyn Random>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            regions: vec!["eu-central-1".into()],
            lifetimes: Lifetimes::default(),
            tenant: None,
            client_id: None,
            account_id: None,
            empty: false,
            samples: true,
            metadata_v1: false,
            refresh_token_bytes: 900,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// Lifetimes in seconds: first the issuer's, with Entra's defaults, then those of AWS's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lifetimes {
    /// ID and access tokens.
    pub token_s: i64,
    /// Authorization codes.
    pub code_s: i64,
    /// Device codes.
    pub device_code_s: i64,
    /// The polling interval told to device clients.
    pub device_interval_s: i64,
    /// Whether polling faster than the interval is answered with `slow_down`, which Entra does not document.
    pub enforce_device_interval: bool,
    /// Refresh tokens without use.
    pub refresh_token_s: i64,
    /// Refresh tokens of single-page apps, counted from the sign-in.
    pub spa_refresh_token_s: i64,
    /// Client registrations at Identity Center.
    pub sso_registration_s: i64,
    /// Identity Center's access tokens.
    pub sso_token_s: i64,
    /// A sign-in at Identity Center as a whole: refreshing works no longer than this.
    pub sso_session_s: i64,
    /// Identity Center's device codes.
    pub sso_device_code_s: i64,
    /// Identity Center's authorization codes.
    pub sso_code_s: i64,
    /// The polling interval that Identity Center tells; faster polls are `slow_down` where
    /// `enforce_device_interval` is set.
    pub sso_interval_s: i64,
    /// Role credentials from the access portal.
    pub sso_credential_s: i64,
    /// Role credentials from the instance metadata service.
    pub instance_credential_s: i64,
    /// Role credentials from the container's endpoint.
    pub container_credential_s: i64,
    /// The console's sign-in tokens.
    pub signin_token_s: i64,
    /// The longest that STS lets a role's session live, whatever was asked for: for tests of renewal, since AWS gives none below 900.
    pub role_session_max_s: i64,
}

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes {
            token_s: 3600,
            code_s: 600,
            device_code_s: 900,
            device_interval_s: 5,
            enforce_device_interval: false,
            refresh_token_s: 90 * 86_400,
            spa_refresh_token_s: 86_400,
            sso_registration_s: 90 * 86_400,
            sso_token_s: 3600,
            sso_session_s: 8 * 3600,
            sso_device_code_s: 600,
            sso_code_s: 600,
            sso_interval_s: 1,
            sso_credential_s: 3600,
            instance_credential_s: 6 * 3600,
            container_credential_s: 6 * 3600,
            signin_token_s: 900,
            role_session_max_s: 43_200,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address to listen on is reachable from elsewhere.
    #[error("{0} is not a loopback address")]
    NotLoopback(IpAddr),
    /// A port could not be taken.
    #[error("cannot listen on {address} port {port}")]
    Listen {
        /// The address tried.
        address: IpAddr,
        /// The port tried.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No region was given.
    #[error("a sandbox needs at least one region")]
    NoRegion,
    /// The number of the AWS account is not twelve digits.
    #[error("{0:?} is no number of an AWS account")]
    AccountId(String),
    /// The issuer's signing key could not be made.
    #[error("cannot make a signing key")]
    SigningKey,
}
