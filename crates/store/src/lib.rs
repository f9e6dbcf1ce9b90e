//! Talk S3: the one crate that knows the S3 wire.

pub mod transport;
