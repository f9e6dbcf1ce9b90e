//! The listings of two places, for those who bring none: a walk through a folder, the pages of a prefix.
//!
//! Folders take no part, nor do the objects without bytes that stand for them: S3 knows none.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use pintail_store::StoreError;

use super::{Context, Options, Summary, trees};
use crate::diff::DiffError;
use crate::entry::{Entry, Kind};
use crate::filter::{Filter, Met};
use crate::listing;
use crate::local::walk::Folders;
use crate::local::{Found, Links, LocalError, Unfit, Walk, WalkOptions};
use crate::name::{Name, Platform};
use crate::site::Site;

/// Which entries of two places are compared.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Which entries take part, on both sides alike.
    pub filter: &'a Filter,
    /// What is done about symbolic links.
    pub links: Links,
    /// How many keys a page may have; `None` for what the service gives.
    pub page: Option<u32>,
}

/// Why a place cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// The service refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder cannot be read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// It is standard input or output.
    #[error("standard input and output cannot be listed")]
    Stdio,
}

impl SideError {
    /// Tells whether the same could succeed later.
    pub fn retry(&self) -> pintail_core::retry::Retry {
        match self {
            Self::Store(error) => error.retry(),
            Self::Local(_) | Self::Stdio => pintail_core::retry::Retry::Never,
        }
    }
}

/// Lists two places and compares them ([`trees`]). What a folder holds that makes no name or cannot be read is told, and counts as not compared; links
/// that are passed over, and what is named like our own unfinished downloads, are told alone. Names of a list of names that are on neither side are told and
/// count.
///
/// # Errors
/// When a place cannot be listed.
pub async fn sites(
    left: &Site,
    right: &Site,
    rules: &Rules<'_>,
    options: &Options,
    context: Context<'_>,
) -> Result<Summary, DiffError<SideError>> {
    let unfit = Arc::new(AtomicU64::new(0));
    let met = Met::new(rules.filter);
    let tell = |path: &Path, why: &Unfit| {
        context.listener.unfit(path, why);
        if !matches!(why, Unfit::Link | Unfit::Unfinished) {
            unfit.fetch_add(1, Ordering::Relaxed);
        }
    };
    // Half of what may be under way for each side, as far as that helps.
    let usual = listing::Options::default();
    let connections_max = (options.connections_max / 2).clamp(1, usual.connections_max);
    let listing = listing::Options { connections_max, page: rules.page };
    let one = entries(left, rules, &listing, &met, &tell);
    let other = entries(right, rules, &listing, &met, &tell);
    let mut summary = trees(left, right, one, other, options, context).await?;
    summary.unclear += unfit.load(Ordering::Relaxed);
    // Names that come after the end of what was looked at are not missing.
    if !summary.stopped {
        let may_be_there = |name: &&str| left.may_have(name) || right.may_have(name);
        for name in met.others().filter(|name| !may_be_there(name)) {
            summary.nowhere += 1;
            context.listener.nowhere(name);
        }
    }
    Ok(summary)
}

/// Lists one place in the order of names.
fn entries<'a>(
    site: &'a Site,
    rules: &Rules<'a>,
    listing: &listing::Options,
    met: &'a Met<'a>,
    tell: &'a (dyn Fn(&Path, &Unfit) + Sync),
) -> BoxStream<'a, Result<Entry, SideError>> {
    let (filter, links) = (rules.filter, rules.links);
    let takes_part = move |entry: &Entry| {
        met.meets(entry.name.as_str());
        entry.kind != Kind::Folder && filter.leaves_out(entry).is_none()
    };
    match site {
        Site::Stdio => futures_util::stream::iter([Err(SideError::Stdio)]).boxed(),
        Site::Local(root) => {
            let options = WalkOptions { links, folders: Folders::None, platform: Platform::HERE };
            let walk = match Walk::new(root, options, move |folder: &Name| filter.may_hold(folder)) {
                Ok(walk) => walk,
                Err(error) => return futures_util::stream::iter([Err(error.into())]).boxed(),
            };
            let found = walk.filter_map(move |found| match found {
                Found::Entry(entry) => takes_part(&entry).then_some(Ok(entry)),
                Found::Unfit(path, why) => {
                    tell(&path, &why);
                    None
                }
            });
            futures_util::stream::iter(found).boxed()
        }
        Site::Remote(remote) => {
            let entries = listing::entries(remote, listing).map_err(SideError::from);
            entries.try_filter(move |entry| std::future::ready(takes_part(entry))).boxed()
        }
    }
}
