//! Addresses that carry their signature: whoever has one can send that one request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::retry::Schedule;
use pintail_core::sign::{PRESIGN_MAX, Scope, Target};
use tokio::time::timeout;

use super::call::Call;
use super::{S3Options, S3Store, header};
use crate::error::{ErrorKind, Operation, Result};
use crate::object_store::{ObjectStore, Traits};

/// How long it may take to find out where a bucket is: somebody waits for the address.
const LOCATE_TIME_MAX: Duration = Duration::from_secs(20);

/// What the address lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresignedMethod {
    /// Delete the object.
    Delete,
    /// Read it.
    Get,
    /// Look it up.
    Head,
    /// Write it.
    Put,
}

/// How an address is presigned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presign {
    /// The version to read or delete.
    pub version: Option<String>,
    /// For reading: the `Content-Disposition` of the answer, such as `attachment; filename="a.txt"`.
    pub response_content_disposition: Option<String>,
    /// For reading: the `Content-Type` of the answer.
    pub response_content_type: Option<String>,
    /// For writing: what the holder must say of the object, header for header.
    pub traits: Traits,
}

/// A presigned address. It is a secret as long as it is good: its `Debug` shows neither signature nor token.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    url: String,
    /// The headers that must be sent with exactly these values.
    pub headers: HeaderMap,
    /// When it ends: the time asked for, or the end of the credential if that is earlier.
    pub expires_at: Timestamp,
}

impl Presigned {
    /// Returns the address. Call it only where it leaves for the one who may have it.
    pub fn expose(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for Presigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("Presigned").field("url", &shown).field("expires_at", &self.expires_at).finish()
    }
}

impl S3Store {
    /// Presigns an address for one object, good for `life` (at most seven days) and never longer than the credential.
    ///
    /// Only signs: whether the object is there or the signer may do this shows when the address is used. An anonymous
    /// store gives the plain address. An address is good in one region only, so the store asks once where a bucket is
    /// that it has not talked to; where it gets no word, the endpoint's region has to do.
    ///
    /// # Errors
    /// [`ErrorKind::CredentialUnavailable`], or [`ErrorKind::InvalidArgument`] for traits that no header can carry.
    pub async fn presign(
        &self,
        method: PresignedMethod,
        bucket: &BucketName,
        key: &ObjectKey,
        life: Duration,
        options: &Presign,
    ) -> Result<Presigned> {
        let (method, reads) = match method {
            PresignedMethod::Delete => (Method::DELETE, false),
            PresignedMethod::Get => (Method::GET, true),
            PresignedMethod::Head => (Method::HEAD, true),
            PresignedMethod::Put => (Method::PUT, false),
        };
        let of_answer = |value: &Option<String>| value.clone().filter(|_| reads);
        let call = Call::new(Operation::Presign, method)
            .object(bucket, key)
            .query(
                [
                    ("response-content-disposition", of_answer(&options.response_content_disposition)),
                    ("response-content-type", of_answer(&options.response_content_type)),
                    ("versionId", options.version.clone()),
                ]
                .iter()
                .filter_map(|(name, value)| Some((*name, value.as_deref()?))),
            )
            .headers(|headers| match reads {
                true => Ok(()),
                false => header::insert_traits(headers, &options.traits),
            })?;
        self.locate(bucket).await;
        let credential = self.credentials.credential().await.map_err(|error| {
            call.error(ErrorKind::CredentialUnavailable { retry: error.retry }).because(error)
        })?;
        let place = self.place(Some(bucket));
        let (target, path_length) = call.target(&place);
        let path = &target[..path_length];
        let now = self.service_now();
        let scheme = if place.origin.https { "https" } else { "http" };
        let life = life.clamp(Duration::from_secs(1), PRESIGN_MAX);
        let asked_end = SignedDuration::try_from(life).ok().and_then(|life| now.checked_add(life).ok());
        let mut presigned = Presigned {
            url: format!("{scheme}://{}{path}", place.authority),
            headers: call.headers.clone(),
            expires_at: asked_end.unwrap_or(now),
        };
        let query = match &credential {
            None => call.query,
            Some(credential) => {
                let left = credential.remaining(now).unwrap_or(Duration::MAX);
                if let Some(end) = credential.expires_at {
                    presigned.expires_at = presigned.expires_at.min(end);
                }
                let scope = Scope { region: place.region.as_str(), service: "s3" };
                let target =
                    Target { method: call.method.as_str(), host: &place.authority, path, query: &call.query };
                self.learned.signer.presign(credential, scope, target, &call.headers, life.min(left), now)
            }
        };
        if !query.is_empty() {
            presigned.url.push('?');
            presigned.url.push_str(&query);
        }
        Ok(presigned)
    }

    /// Finds out where a bucket is, unless an answer has shown it already.
    async fn locate(&self, bucket: &BucketName) {
        if self.place(Some(bucket)).is_confirmed() {
            return;
        }
        // Not worth a second attempt: without an answer the address is most likely right all the same.
        let schedule = Schedule { attempts_max: 1, ..self.options.schedule };
        let once = Self {
            options: Arc::new(S3Options { schedule, ..S3Options::clone(&self.options) }),
            ..self.clone()
        };
        match timeout(LOCATE_TIME_MAX, once.head_bucket(bucket)).await {
            Ok(Ok(_)) => {}
            // Who may not look at the bucket is told where it is all the same.
            Ok(Err(error)) if error.status().is_some_and(|status| status.is_client_error()) => {
                self.place(Some(bucket)).confirm();
            }
            Ok(Err(error)) => tracing::debug!(kind = %error.kind(), "the region of the bucket is not known"),
            Err(late) => tracing::debug!(%late, "the region of the bucket is not known"),
        }
    }
}
