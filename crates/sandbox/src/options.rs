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
    /// The port of issuer and Graph; S3, STS and IAM take the one above. 0 takes two free ones.
    pub port: u16,
    /// The AWS regions that exist; the first is the home of the sample buckets.
    pub regions: Vec<String>,
    /// How long tokens and codes live.
    pub lifetimes: Lifetimes,
    /// The tenant's GUID; random when absent.
    pub tenant: Option<String>,
    /// The app registration's client ID; random when absent.
    pub client_id: Option<String>,
    /// Whether the sample buckets are filled.
    pub samples: bool,
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
            samples: true,
            refresh_token_bytes: 900,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// Lifetimes at the issuer, in seconds; the defaults are Entra's.
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
    /// The issuer's signing key could not be made.
    #[error("cannot make a signing key")]
    SigningKey,
}
