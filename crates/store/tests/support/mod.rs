//! What tests against a real service need: the time, chance, and a store with a static key.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::credential::{Credential, StaticCredential};
use pintail_core::seam::{Clock, SeededRandom};
use pintail_core::secret::Secret;
use pintail_store::S3Store;
use pintail_store::s3::{Endpoint, S3Context, S3Options};
use pintail_store::transport::{TlsTrust, Transport, TransportOptions};

#[derive(Debug)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "real services check the time of a signature")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

pub(crate) struct Service<'a> {
    pub(crate) url: &'a str,
    pub(crate) region: &'a str,
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a str,
    pub(crate) trust: TlsTrust,
}

pub(crate) fn store(service: &Service<'_>) -> S3Store {
    let options = TransportOptions { trust: service.trust.clone(), ..TransportOptions::default() };
    let credential = Credential {
        access_key_id: service.access_key_id.to_owned(),
        secret_access_key: Secret::new(service.secret_access_key),
        session_token: None,
        expires_at: None,
    };
    let region = service.region.parse().unwrap();
    S3Store::new(
        S3Context {
            transport: Transport::new(options).unwrap(),
            endpoint: Endpoint::at(&service.url.parse().unwrap(), Some(region)).unwrap(),
            credentials: Arc::new(StaticCredential::new(credential)),
            clock: Arc::new(WallClock),
            random: Arc::new(SeededRandom::new(1)),
        },
        S3Options::default(),
    )
}
