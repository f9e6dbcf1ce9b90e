//! From a bookmark to a live connection: the place where bookmarks, keychain, sign-in and S3 are joined.
//!
//! A [`Connector`] is one program's view: its [`Environment`], its collection of [`Bookmarks`], and the connections it has
//! made. The command line is built on it, and any other Rust program can be.

mod access;
mod bookmarks;
mod connector;
mod environment;
mod error;
mod file;
mod identity;
mod issuer_tokens;
mod keychains;
mod preferences;
mod profiles;
mod roles;
mod system;

pub use access::Access;
pub use bookmarks::{Bookmarks, Settings};
pub use connector::{Connected, Connector, endpoint};
pub use environment::{Environment, Folders, NoHome, Overrides, Terminal};
pub use error::{Error, NoCredential};
pub use file::private_folder;
pub use identity::{Identity, RoleSession, readable};
pub use issuer_tokens::fresh;
pub use preferences::Preferences;
pub use profiles::{Before, Installed, Listed, Origin, Profiles, read as read_profile};
pub use roles::OfferedRole;
pub use system::{SystemClock, SystemRandom};
