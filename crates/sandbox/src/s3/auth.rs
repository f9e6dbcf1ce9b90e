//! Finds the secret of an access key for `s3s`, and knows the host names that buckets may stand in.

use std::sync::Arc;

use s3s::auth::{S3Auth, SecretKey};
use s3s::host::{S3Host, VirtualHost};
use s3s::{S3Result, s3_error};

use crate::locked;
use crate::world::Core;

pub(super) struct Keys {
    pub(super) core: Arc<Core>,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match locked(&self.core.account).key(access_key) {
            Some((_, secret)) => Ok(SecretKey::from(secret)),
            None => Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )),
        }
    }
}

/// `bucket.localhost`, `bucket.s3.REGION.amazonaws.com`; everything else is path-style.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match split_host(host) {
            (Some(bucket), domain) => VirtualHost::new(domain).with_bucket(bucket),
            (None, domain) => VirtualHost::new(domain),
        })
    }
}

/// Splits a `Host` header into the bucket, if one stands in it, and the rest.
pub(super) fn split_host(host: &str) -> (Option<&str>, &str) {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if let Some(bucket) = name.strip_suffix(".localhost") {
        return (Some(bucket), "localhost");
    }
    if name.ends_with(".amazonaws.com")
        && let Some((bucket, domain)) = name.split_once(".s3.")
    {
        return (Some(bucket), domain);
    }
    (None, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_in_hosts() {
        assert_eq!(split_host("b.localhost:9000").0, Some("b"));
        assert_eq!(split_host("my.b.s3.eu-central-1.amazonaws.com").0, Some("my.b"));
        assert_eq!(split_host("s3.eu-central-1.amazonaws.com").0, None);
        assert_eq!(split_host("127.0.0.1:9000").0, None);
        assert_eq!(split_host("localhost:9000").0, None);
    }
}
