//! Sites: the two ends of a route, opened for work.
//!
//! A plan names places in words ([`Place`](crate::plan::Place)); whoever prepares or carries out a plan gets them opened. The app does that, since it alone knows
//! bookmarks.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use pintail_core::name::{BucketName, KeyPrefix, NameError, ObjectKey};
use pintail_store::ObjectStore;
use pintail_store::s3::Pressure;

use crate::name::Name;

/// One end of a route.
#[derive(Clone, Debug)]
pub enum Site {
    /// A folder, which a person chose. Nothing below it is trusted.
    Local(PathBuf),
    /// A prefix in a bucket.
    Remote(Remote),
    /// Standard input or output.
    Stdio,
}

impl Site {
    /// Tells whether a name may be something on the disk here that no walk has met: an empty folder, what cannot be looked at, a name that makes no key, what an
    /// ignore file leaves out with its folder.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        let Self::Local(root) = self else { return false };
        let below = Path::new(name);
        let stays = below.components().all(|part| matches!(part, Component::Normal(_)));
        let there = || match root.join(below).symlink_metadata() {
            Ok(there) => there.is_dir() || !name.ends_with('/'),
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        stays && there()
    }
}

/// A prefix in a bucket, with the store that reaches it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The bucket.
    pub bucket: BucketName,
    /// What every key here begins with; empty for the whole bucket.
    pub prefix: KeyPrefix,
    /// How the service bears its load, where the store tells.
    pub pressure: Option<Pressure>,
}

impl Remote {
    /// Returns the key of a name below the prefix.
    ///
    /// # Errors
    /// When it would be longer than a key may be.
    pub fn key(&self, name: &Name) -> Result<ObjectKey, NameError> {
        format!("{}{name}", self.prefix).parse()
    }
}

/// Both ends of a route. Steps go from `from` to `to`; [`Side::Left`](crate::diff::Side) is `from`.
#[derive(Clone, Debug)]
pub struct Ends {
    /// The source, or the first of two sides.
    pub from: Site,
    /// The target, or the second.
    pub to: Site,
}
