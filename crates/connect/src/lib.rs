//! From a bookmark to a live connection: the place where bookmarks, keychain, sign-in and S3 are joined.
//!
//! A [`Connector`] is one program's view: its [`Environment`], its collection of [`Bookmarks`], and the connections it has
//! made. The command line is built on it, and any other Rust program can be.
//!
//! A program that has its own S3 client and only wants the sign-in begins with [`face::PintailCredentials`]: it implements
//! what the AWS SDK (feature `aws-sdk`) and the crate `object_store` (feature `object-store`) ask for credentials.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use pintail_connect::{Connector, Environment};
//!
//! let connector = Connector::new(Environment::read()?);
//! let work = connector.access(&"work".parse()?).await?;
//! let until = work.ready().await?.and_then(|credential| credential.expires_at);
//! # Ok(())
//! # }
//! ```

mod access;
mod bookmarks;
mod chosen;
mod connector;
mod edit;
mod environment;
mod error;
pub mod face;
mod file;
mod foreign;
mod handover;
mod identity;
mod issuer_tokens;
mod keychains;
mod layered;
mod pins;
mod preferences;
mod profiles;
mod recent;
mod roles;
mod state_file;
mod system;
mod tuning;
mod ways;

pub use access::{Access, LENT_LIFE_MIN};
pub use bookmarks::{Bookmarks, Settings};
pub use chosen::Search;
pub use connector::{Connected, Connector, endpoint};
pub use edit::Edit;
pub use environment::{AwsEnvironment, Environment, Folders, NoHome, Overrides, Terminal, WorkerPlace};
pub use error::{Error, NoCredential};
pub use file::private_folder;
pub use foreign::{ImportPlan, LeftAside, OtherPrograms, Planned, Program};
pub use handover::{Incoming, Taking};
pub use identity::{Identity, RoleSession, readable, scope as session_scope, sts_endpoint};
pub use issuer_tokens::fresh;
pub use layered::Layered;
pub use pins::{Pin, PinChange, PinWatch};
pub use preferences::Preferences;
pub use profiles::{Before, Installed, Listed, Origin, Profiles, read as read_profile};
pub use recent::RecentPlace;
pub use roles::OfferedRole;
pub use system::{SystemClock, SystemRandom};
pub use tuning::Tuning;
pub use ways::{AwsTools, CenterRole, LastingSource, OfferedCenterRole, WayIn};

// The words that the interface above is written in.
pub use pintail_core::connection::Connection;
pub use pintail_core::credential::{Credential, CredentialSource};
pub use pintail_core::name::BookmarkName;
