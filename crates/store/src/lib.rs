//! Talk S3: the one crate that knows the S3 wire.
//!
//! An [`ObjectStore`] says what a store can do in the words of its meaning. [`S3Store`] does it over the wire, [`MemoryStore`] in
//! memory; [`wrap`] puts a limit, a trace or faults around either. Requests travel on a [`transport`], which knows
//! nothing of S3 and is lent to sign-in through core's HTTP seam.
//!
//! What this crate does not do: it reads no environment and no files, keeps no plan, and splits no object into parts.
//! Retries of a request are its own; the retries of a transfer (the rest of a body that broke, a part that is missing)
//! belong to the one who knows the transfer.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use pintail_core::{credential::CredentialSource, seam::{Clock, Random}};
//! # use pintail_store::{ObjectStore, Payload, S3Store};
//! # use pintail_store::object_store::{Get, Put, WriteCondition};
//! # use pintail_store::s3::{Endpoint, S3Context, S3Options};
//! # use pintail_store::transport::{Transport, TransportOptions};
//! # async fn example(
//! #     credentials: Arc<dyn CredentialSource>, clock: Arc<dyn Clock>, random: Arc<dyn Random>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let transport = Transport::new(TransportOptions::default())?;
//! let endpoint = Endpoint::aws("eu-central-1".parse()?);
//! let context = S3Context { transport, endpoint, credentials, clock, random };
//! let store = S3Store::new(context, S3Options::default());
//!
//! let (bucket, key) = ("photos".parse()?, "2026/pintail.txt".parse()?);
//! let only_new = Put { condition: WriteCondition::IfAbsent, ..Put::default() };
//! store.put(&bucket, &key, Payload::from_bytes("quack"), &only_new).await?;
//! let got = store.get(&bucket, &key, &Get::default()).await?;
//! assert_eq!(got.body.collect(1024).await?, "quack");
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod memory;
pub mod object_store;
pub mod payload;
pub mod s3;
pub mod transport;
pub mod wrap;

pub use error::{ErrorKind, Missing, Operation, StoreError};
pub use memory::MemoryStore;
pub use object_store::ObjectStore;
pub use payload::{ObjectBody, Payload};
pub use s3::S3Store;
