//! The face towards `object_store`: a provider for its S3 client, and that client prepared for a bucket.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use pintail_core::connection::Way;
use pintail_core::name::BucketName;

use super::{CredentialUnavailable, PintailCredentials};
use crate::Error;
use crate::connector::endpoint;

/// Under which name `object_store` tells of errors that have nothing to do with a request.
const STORE: &str = "Pintail";

/// Needs the feature `object-store`. [`PintailCredentials::amazon_s3`] uses it; so can any `AmazonS3Builder`, by
/// `with_credentials`.
///
/// Where a person has to sign in first the error is `Unauthenticated`, any other is `Generic`; both have a
/// [`CredentialUnavailable`] as source.
#[async_trait]
impl CredentialProvider for PintailCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credential = self.credential().await.map_err(|unavailable| self.refusal(unavailable))?;
        Ok(Arc::new(AwsCredential {
            key_id: credential.access_key_id.clone(),
            secret_key: credential.secret_access_key.expose().to_owned(),
            token: credential.session_token.as_ref().map(|token| token.expose().to_owned()),
        }))
    }
}

impl PintailCredentials {
    /// Prepares `object_store`'s S3 client for a bucket: address, region and credentials as the bookmark says. What else
    /// it should do (retries, checksums, a proxy) is for the caller to add.
    ///
    /// Needs the feature `object-store`, and the feature `aws` of `object_store` unless the caller brings an HTTP client.
    /// The bucket has to be in the bookmark's region, because `object_store` does not look for it elsewhere. Proxies and
    /// certificates of the bookmark are not handed on.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use pintail_connect::face::PintailCredentials;
    ///
    /// let photos = PintailCredentials::open("work").await?.amazon_s3("photos")?.build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the name is no bucket's, or the bookmark's endpoint cannot be used.
    pub fn amazon_s3(&self, bucket: &str) -> Result<AmazonS3Builder, Error> {
        let connection = &self.access.connection;
        let bucket: BucketName = bucket.parse()?;
        let endpoint = endpoint(connection, connection.region.clone())?;
        let address = endpoint.bucket_address(&bucket);
        let builder = AmazonS3Builder::new()
            .with_bucket_name(bucket.to_string())
            .with_region(endpoint.region().to_string())
            .with_allow_http(address.starts_with("http:"))
            .with_endpoint(address)
            // Whether it is or not: this says that the address has the bucket in it.
            .with_virtual_hosted_style_request(true)
            .with_request_payer(connection.requester_pays);
        Ok(match connection.way {
            Way::Anonymous => builder.with_skip_signature(true),
            _ => builder.with_credentials(Arc::new(self.clone())),
        })
    }

    fn refusal(&self, unavailable: CredentialUnavailable) -> object_store::Error {
        let source = Box::new(unavailable.clone());
        if unavailable.needs_sign_in() {
            object_store::Error::Unauthenticated { path: self.access.name.to_string(), source }
        } else {
            object_store::Error::Generic { store: STORE, source }
        }
    }
}
