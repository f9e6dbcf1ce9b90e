//! Presigned addresses.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pintail_core::address::Address;
use pintail_core::secret::Secret;
use pintail_store::s3::{Presign, PresignedMethod};
use pintail_store::{ErrorKind, Operation, StoreError};

use super::{App, Error};

/// What the address lets its user do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Fetch the object.
    Get,
    /// Replace it.
    Put,
}

/// An address that grants access.
#[derive(Debug)]
pub(crate) struct Presigned {
    /// The address. Whoever has it may do what was signed.
    pub(crate) url: Secret,
    /// When it ends.
    pub(crate) ends_at: Timestamp,
    /// It ends before the time asked for, because the credential does.
    pub(crate) cut: bool,
}

/// Makes an address for one object that works for `life` (without it as long as the properties say), or until the credential ends.
pub(crate) async fn presign(
    app: &App,
    address: &Address,
    method: Method,
    life: Option<Duration>,
) -> Result<Presigned, Error> {
    let (bucket, key) = address.object()?;
    let connected = app.connect(address).await?;
    let presigned = match method {
        Method::Get => PresignedMethod::Get,
        Method::Put => PresignedMethod::Put,
    };
    if connected.read_only && matches!(method, Method::Put) {
        let refused = StoreError::new(ErrorKind::ReadOnly, Operation::Presign);
        return Err(refused.at(&bucket, Some(&key)).into());
    }
    let life = life.unwrap_or(connected.tuning.link_life);
    let asked_until = app.now() + SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
    let made = connected.s3.presign(presigned, &bucket, &key, life, &Presign::default()).await?;
    // A second of rounding is no cut.
    let cut = made.expires_at + SignedDuration::from_secs(2) < asked_until;
    Ok(Presigned { url: Secret::new(made.expose()), ends_at: made.expires_at, cut })
}
