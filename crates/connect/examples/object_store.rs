//! Lists a bucket with the crate `object_store`: `cargo run -p pintail-connect --features object-store --example object_store -- BOOKMARK BUCKET`.
//!
//! Sign in before, with `pintail login BOOKMARK`. The listing may take hours: the credential is renewed on the way.

use std::error::Error;
use std::io::Write;

use futures_util::TryStreamExt;
use object_store::ObjectStore;
use pintail_connect::face::PintailCredentials;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(bookmark), Some(bucket)) = (arguments.next(), arguments.next()) else {
        return Err("name a bookmark and a bucket".into());
    };
    let store = PintailCredentials::open(&bookmark).await?.amazon_s3(&bucket)?.build()?;
    let mut objects = store.list(None);
    let mut out = std::io::stdout();
    while let Some(object) = objects.try_next().await? {
        writeln!(out, "{:>15} {}", object.size, object.location)?;
    }
    Ok(())
}
