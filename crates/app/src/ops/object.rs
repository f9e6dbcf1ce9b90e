//! Looking at one object or bucket, and reading one.

use futures_util::StreamExt;
use pintail_core::address::Address;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_store::object_store::{BucketInfo, Get, Head, ObjectInfo};

use super::{App, Error};

/// What `stat` found.
#[derive(Clone, Debug)]
pub(crate) enum Stat {
    /// A bucket.
    Bucket(BucketName, BucketInfo),
    /// An object.
    Object(BucketName, ObjectKey, Box<ObjectInfo>),
}

/// Looks at what the address names.
pub(crate) async fn stat(app: &App, address: &Address) -> Result<Stat, Error> {
    let connected = app.connect(address).await?;
    let bucket = address.bucket()?;
    if address.key.as_str().is_empty() {
        let info = connected.store.head_bucket(&bucket).await?;
        return Ok(Stat::Bucket(bucket, info));
    }
    let (bucket, key) = address.object()?;
    let info = connected.store.head(&bucket, &key, &Head::default()).await?;
    Ok(Stat::Object(bucket, key, Box::new(info)))
}

/// Gives the bytes of an object to `sink` as they arrive. They are proved right only when this returns `Ok`.
pub(crate) async fn read(
    app: &App,
    address: &Address,
    sink: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
) -> Result<u64, Error> {
    let (bucket, key) = address.object()?;
    let connected = app.connect(address).await?;
    let mut got = connected.store.get(&bucket, &key, &Get::default()).await?;
    let mut count = 0;
    while let Some(bytes) = got.body.next().await.transpose()? {
        count += bytes.len() as u64;
        sink(&bytes).map_err(Error::Stdio)?;
    }
    Ok(count)
}
