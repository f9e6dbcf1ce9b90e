//! Sign-in: OpenID Connect as steps without a network, and the drivers that perform them.

mod authority;
mod claims;
mod discovery;
mod jwks;
#[cfg(test)]
mod testing;
mod token_check;
mod untrusted;

pub use authority::*;
pub use claims::*;
pub use discovery::*;
pub use jwks::*;
pub use token_check::*;
pub use untrusted::Personal;
