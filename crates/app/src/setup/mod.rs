//! Both clouds set up as wanted.
//!
//! ```text
//! desired ─► sides (discovery, what both clouds hold) ─► plan ─► shown ─► apply ─► verify ─► hand_out
//!   TOML                                              entra · aws         journal
//!                                                                            └─► rollback
//! ```
//!
//! Nothing is remembered between runs that decides what a run does: each reads both clouds anew, so that one that was cut off is
//! run again. The journal only serves to take back what was done.

pub(crate) mod apply;
pub(crate) mod aws;
pub(crate) mod desired;
pub(crate) mod entra;
pub(crate) mod hand_out;
pub(crate) mod journal;
pub(crate) mod people;
pub(crate) mod plan;
pub(crate) mod print;
pub(crate) mod rollback;
pub(crate) mod saved;
pub(crate) mod sides;
pub(crate) mod verify;

use std::io;
use std::path::PathBuf;

use pintail_core::name::{BookmarkName, RoleArn};

use self::desired::Faults;
use self::plan::{Reversal, Step};
use crate::ops::sign_in::Talk;

/// Why a setup cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// What is wanted is not said, or cannot be.
    #[error("{faults}")]
    Faults {
        /// The file, where there is one.
        file: Option<PathBuf>,
        /// What is wrong.
        faults: Faults,
    },
    /// The issuer's address cannot be used.
    #[error("the issuer cannot be used")]
    Authority(#[source] pintail_identity::oidc::AuthorityError),
    /// The issuer names no place where its directory could be.
    #[error("{issuer} does not say where its Microsoft Graph is")]
    NoGraph {
        /// The issuer.
        issuer: String,
    },
    /// A directory answered for another tenant than the one that is wanted.
    #[error("Microsoft Graph answers for tenant {actual}, not for {wanted}")]
    OtherTenant {
        /// The tenant that is wanted.
        wanted: String,
        /// The tenant that answers.
        actual: String,
    },
    /// Two of the wanted accounts are one.
    #[error("two of the accounts are the same one, {account}")]
    SameAccount {
        /// The account.
        account: String,
    },
    /// Groups or users that are to be assigned are not known, or not clear.
    #[error("{} cannot be assigned: {}", if .names.len() == 1 { "one name" } else { "some names" }, .names.join(", "))]
    Nobody {
        /// The names.
        names: Vec<String>,
    },
    /// Nobody said that the plan is meant.
    #[error("nothing was changed: the plan was not confirmed")]
    NotConfirmed,
    /// A bookmark of the name is there already, and no setup made it.
    #[error("there is a bookmark {name} already, which no setup made")]
    BookmarkTaken {
        /// The bookmark.
        name: BookmarkName,
    },
    /// There is no application yet that somebody could be assigned to.
    #[error("the tenant has no application of {bookmark} yet")]
    NoApp {
        /// The bookmark.
        bookmark: BookmarkName,
    },
    /// Nothing is kept of a setup of this name.
    #[error("there is no setup of {name}")]
    NoSetup {
        /// The bookmark.
        name: BookmarkName,
        /// The names of those there are.
        known: Vec<String>,
    },
    /// No setup is named, and there is not exactly one.
    #[error("it is not clear which setup is meant")]
    WhichSetup {
        /// The names of those there are.
        known: Vec<String>,
    },
    /// A file of earlier runs cannot be used.
    #[error("the rollback file {} cannot be used: {why}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why, as a fragment.
        why: String,
    },
    /// The setup cannot be written as files.
    #[error(transparent)]
    Print(#[from] print::PrintError),
    /// The list of subjects of a role cannot be changed so.
    #[error(transparent)]
    Subjects(#[from] aws::SubjectsError),
    /// The way in was made and does not work yet.
    #[error("the sign-in for {name} does not work yet")]
    NotVerified {
        /// The bookmark.
        name: BookmarkName,
        /// Why.
        #[source]
        source: Box<crate::ops::Error>,
    },
}

/// Something to tell the person while a setup runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'a> {
    /// One side is read.
    Reading {
        /// Which, in words.
        what: &'a str,
    },
    /// A step was done.
    Done(&'a Step),
    /// Something was taken back.
    Undone(&'a Reversal),
    /// What was made is not everywhere yet.
    Waiting {
        /// What is waited for.
        what: &'a str,
    },
    /// Somebody has to sign in, and why.
    SignIn {
        /// What for.
        what: &'a str,
    },
    /// A bookmark works.
    Works {
        /// The bookmark.
        bookmark: &'a BookmarkName,
        /// The role.
        role: &'a RoleArn,
        /// The session, as AWS names it.
        session: Option<&'a str>,
        /// The places that were listed.
        places: &'a [String],
    },
}

/// Listens to a setup.
pub(crate) trait SetupTalk: Send + Sync {
    /// Tells the person. An error means that nobody reads any more.
    fn told(&self, told: Told<'_>) -> io::Result<()>;

    /// Returns who is told of sign-ins.
    fn sign_in(&self) -> &dyn Talk;
}
