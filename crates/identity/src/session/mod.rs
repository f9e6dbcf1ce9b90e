//! A sign-in joined with its exchange: a credential that renews itself, once for any number of tasks and processes.
//!
//! [`Session`] is the [`CredentialSource`](pintail_core::credential::CredentialSource) of a signed-in person and a role.
//! A fresh credential is handed out from memory. One that nears its end is renewed by one task of one process: tasks
//! share a flight, processes a [`lock`], and whoever waited finds the new credential in the keychain ([`record`]). Refresh
//! tokens come from a [`TokenSource`], which is all this module knows of sign-in.

pub mod config;
pub mod error;
pub(crate) mod flight;
pub mod lock;
mod owner;
pub mod record;
mod renewal;
mod source;
pub mod status;
pub mod token_source;

pub use config::{NextRole, RoleConfig, SessionContext, SessionOptions, SignInIdentity};
pub use error::SessionError;
pub use lock::{Lease, LockError, LockFolder, LockOptions};
pub use source::{IdToken, Session};
pub use status::{RenewalMeans, SessionStatus, SignedOut, offered_roles};
pub use token_source::{FreshTokens, TokenSource, TokenSourceError};
