//! Talk S3: the one crate that knows the S3 wire.

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
