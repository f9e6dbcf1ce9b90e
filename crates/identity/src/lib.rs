//! Who am I: a profile becomes a live credential.
//!
//! [`oidc`] signs a person in and checks the tokens, [`sts`] exchanges the ID token for a credential, [`keychain`]
//! keeps what must survive the process, and [`session`] joins them into a credential that renews itself, once for
//! any number of tasks and processes; [`source`] fetches credentials from elsewhere,
//! [`identity_center`] from AWS's own sign-in. The network, time and chance come in through the seams of `pintail-core`.

pub mod identity_center;
pub mod keychain;
pub mod oidc;
pub mod session;
pub mod source;
pub mod sts;
