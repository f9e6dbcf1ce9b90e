//! Making and removing buckets.

use pintail_core::address::Address;
use pintail_core::name::Region;

use super::{App, Error};

/// Makes a bucket, in the bookmark's region unless another is named.
pub(crate) async fn make(app: &App, address: &Address, region: Option<Region>) -> Result<(), Error> {
    let bucket = bucket_alone(address)?;
    bucket.check_new()?;
    let connected = app.connect_in(address, region).await?;
    Ok(connected.store.create_bucket(&bucket).await?)
}

/// Removes an empty bucket.
pub(crate) async fn remove(app: &App, address: &Address) -> Result<(), Error> {
    let bucket = bucket_alone(address)?;
    let connected = app.connect(address).await?;
    Ok(connected.store.delete_bucket(&bucket).await?)
}

/// Returns the bucket of an address that names nothing else: `rb work:bucket/folder` must not remove the bucket.
fn bucket_alone(address: &Address) -> Result<pintail_core::name::BucketName, Error> {
    let bucket = address.bucket()?;
    if address.key.as_str().is_empty() {
        Ok(bucket)
    } else {
        Err(Error::Usage(format!("{address} names something inside a bucket; name the bucket alone")))
    }
}
