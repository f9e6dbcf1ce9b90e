//! The services together, over real sockets, asked by hand-written requests.

mod bench;
mod center;
mod doors;
mod faults;
mod issuer;
mod s3;
mod sts;
mod users;
