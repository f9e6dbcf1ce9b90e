//! The services together, over real sockets, asked by hand-written requests.

mod batch;
mod bench;
mod center;
mod doors;
mod encryption;
mod faults;
mod fresh;
mod graph;
mod iam;
mod issuer;
mod moments;
mod objects;
mod parts;
mod s3;
mod sts;
mod tokens;
mod trouble;
mod users;
mod wire;
