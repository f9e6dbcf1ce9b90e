//! What can be done: the operations that the command line, and later the web page, start.
//!
//! Here, and only here, sign-in (`identity`) and S3 (`store`) are joined. An operation takes values and gives values; what is
//! shown and how is not its business.

pub(crate) mod bookmarks;
pub(crate) mod bucket;
mod connect;
pub(crate) mod copy;
pub(crate) mod demo;
mod error;
pub(crate) mod list;
pub(crate) mod object;
pub(crate) mod presign;
pub(crate) mod remove;
pub(crate) mod sandbox;
pub(crate) mod scheme;
pub(crate) mod sign_in;
pub(crate) mod signal;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use pintail_core::address::Address;
use pintail_core::name::BookmarkName;
use pintail_core::seam::{Clock, CorrectedClock, Random};

use tokio::sync::OnceCell;

use self::bookmarks::Bookmarks;
pub(crate) use self::connect::Connected;
pub(crate) use self::error::{Error, NoCredential};
use self::signal::Interrupt;
use crate::environment::Environment;
use crate::system::{SystemClock, SystemRandom};

/// One run of the program: its surroundings, and the connections it has made.
#[derive(Debug)]
pub(crate) struct App {
    environment: Environment,
    clock: Arc<CorrectedClock<SystemClock>>,
    random: Arc<SystemRandom>,
    interrupt: Interrupt,
    connected: Mutex<HashMap<BookmarkName, Arc<OnceCell<Arc<Connected>>>>>,
}

impl App {
    /// Starts a run. Nothing is read or connected yet.
    pub(crate) fn new(environment: Environment) -> Self {
        Self {
            environment,
            clock: Arc::new(CorrectedClock::new(SystemClock)),
            random: Arc::new(SystemRandom),
            interrupt: Interrupt::default(),
            connected: Mutex::default(),
        }
    }

    /// Returns the collection of bookmarks.
    pub(crate) fn bookmarks(&self) -> Bookmarks {
        Bookmarks::at(&self.environment.folders.config)
    }

    /// Returns the bookmark that is meant when none is named.
    pub(crate) fn default_bookmark(&self) -> Result<BookmarkName, Error> {
        self.bookmarks().default(self.environment.default_bookmark.as_deref())
    }

    /// Returns the bookmark that reaches an address.
    pub(crate) fn bookmark_of(&self, address: &Address) -> Result<BookmarkName, Error> {
        match &address.bookmark {
            Some(name) => Ok(name.clone()),
            None => self.default_bookmark(),
        }
    }

    /// Returns the source of chance.
    pub(crate) fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns what ends the run early.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}
