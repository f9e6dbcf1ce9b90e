//! Makes so many requests of one kind, one after the other on one connection: `requests URL put|get|list COUNT`.
//!
//! For counting instructions (`cargo xtask bench instructions`): the clock stands still, chance is seeded, and the runtime has
//! one thread, so that two runs do the same. The peer is another process. The bucket is `bench`; `get` reads `small`, `list`
//! reads whole pages below `keys/`.

use std::error::Error;
use std::sync::Arc;

use pintail_core::credential::{Credential, StaticCredential};
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_core::secret::Secret;
use pintail_store::object_store::{Get, List, Put};
use pintail_store::s3::{Endpoint, S3Context, S3Options};
use pintail_store::transport::{Transport, TransportOptions};
use pintail_store::{ObjectStore, Payload, S3Store};

/// The size of what is sent.
const SIZE_BYTES: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, kind, count] = arguments.as_slice() else {
        return Err("requests URL put|get|list COUNT".into());
    };
    let credential = Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        session_token: None,
        expires_at: None,
    };
    let context = S3Context {
        transport: Transport::new(TransportOptions::default())?,
        endpoint: Endpoint::at(&url.parse()?, Some("us-east-1".parse()?))?,
        credentials: Arc::new(StaticCredential::new(credential)),
        clock: Arc::new(ManualClock::new("2026-11-27T12:00:00Z".parse()?)),
        random: Arc::new(SeededRandom::new(1)),
    };
    let store = S3Store::new(context, S3Options::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(requests(&store, kind, count.parse()?))
}

async fn requests(store: &S3Store, kind: &str, count: u32) -> Result<(), Box<dyn Error>> {
    let bucket: BucketName = "bench".parse()?;
    let small: ObjectKey = "small".parse()?;
    let bytes = vec![7; SIZE_BYTES];
    for number in 0..count {
        match kind {
            "put" => {
                let key: ObjectKey = format!("put/{number:08}").parse()?;
                store.put(&bucket, &key, Payload::from_bytes(bytes.clone()), &Put::default()).await?;
            }
            "get" => {
                let got = store.get(&bucket, &small, &Get::default()).await?;
                let length = got.body.collect(SIZE_BYTES).await?.len();
                if length != SIZE_BYTES {
                    return Err(format!("{length} bytes").into());
                }
            }
            "list" => {
                let options = List { prefix: "keys/".parse()?, ..List::default() };
                let page = store.list(&bucket, &options).await?;
                if page.objects.len() != 1000 {
                    return Err(format!("{} keys", page.objects.len()).into());
                }
            }
            other => return Err(format!("no kind {other:?}").into()),
        }
    }
    Ok(())
}
