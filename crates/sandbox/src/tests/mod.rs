//! The services together, over real sockets, asked by hand-written requests.

mod bench;
mod faults;
mod issuer;
mod s3;
mod sts;
