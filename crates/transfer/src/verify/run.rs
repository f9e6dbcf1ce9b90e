//! Whether what a run copied is still at its place, byte for byte.
//!
//! Each copy that the journal tells of as done is looked at again: the source as it was planned, and the target as it is. A source that is not
//! what it was any more, or that was moved, proves nothing either way; of a moved one the size is compared.

use futures_util::StreamExt;
use pintail_store::ErrorKind;
use pintail_store::object_store::Head;

use super::pair::{Thing, Verdict};
use super::{Comparing, Context, Means, Options, Summary, Unclear, What};
use crate::diff::Side;
use crate::entry::{Kind, Tag};
use crate::fingerprint::Fingerprint;
use crate::journal::{Recorded, Status};
use crate::local::LocalError;
use crate::name::{Name, Platform};
use crate::plan::{PlanError, Step};
use crate::site::{Ends, Site};

/// Why a run cannot be looked at again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It goes between places that were not opened.
    #[error("the run has {routes} routes, and {ends} were opened")]
    Ends {
        /// How many it has.
        routes: usize,
        /// How many were opened.
        ends: usize,
    },
}

impl RunError {
    /// Tells whether the same could succeed later: never without somebody's doing.
    pub fn retry(&self) -> pintail_core::retry::Retry {
        pintail_core::retry::Retry::Never
    }
}

/// Looks again at every copy that a run made: the left side is its source, the right one its target.
///
/// # Errors
/// When the plan cannot be read, or the ends are not those of its routes.
pub async fn run(
    recorded: &Recorded,
    ends: &[Ends],
    options: &Options,
    context: Context<'_>,
) -> Result<Summary, RunError> {
    let routes = recorded.plan.routes().len();
    if routes != ends.len() {
        return Err(RunError::Ends { routes, ends: ends.len() });
    }
    let comparing = &Comparing::new(options, context);
    let copies = recorded.plan.steps().filter(|step| match step {
        Ok((number, step)) => step.task.moves_bytes() && recorded.state.status(*number) == Some(Status::Done),
        Err(_) => true,
    });
    let verdicts = futures_util::stream::iter(copies).map(|step| async move {
        let (_, step) = step?;
        let ends = &ends[step.route as usize];
        let verdict = comparing.look_again(&step, ends).await.unwrap_or_else(Verdict::unclear);
        Ok((step.target().clone(), verdict))
    });
    Summary::gather(verdicts, options, context).await
}

impl Comparing<'_> {
    async fn look_again(&self, step: &Step, ends: &Ends) -> Result<Verdict, Unclear> {
        let Some(mut target) = thing(&ends.to, step.target(), step.link).await? else {
            return Ok(Verdict::differs(What::Missing(Side::Right)));
        };
        let size =
            Verdict::differs(What::Size { left_bytes: step.size_bytes, right_bytes: target.size_bytes });
        if target.size_bytes != step.size_bytes {
            return Ok(size);
        }
        let source = thing(&ends.from, &step.name, step.link).await?;
        let Some(source) = source else {
            if step.takes {
                return Ok(Verdict::same(Means::Size));
            }
            return Err(Unclear::Changed(Side::Left));
        };
        let planned_tag = step.tag.as_ref().map(Tag::etag);
        if source.size_bytes != step.size_bytes
            || planned_tag.is_some() && planned_tag != source.tag
            || !is_as_planned(&ends.from, step)?
        {
            return Err(Unclear::Changed(Side::Left));
        }
        target.name = step.target();
        Ok(self.compare(&source, &target).await)
    }
}

/// Looks at what is under a name, `None` where nothing is.
async fn thing<'a>(site: &'a Site, name: &'a Name, link: bool) -> Result<Option<Thing<'a>>, Unclear> {
    match site {
        Site::Stdio => Err(Unclear::Stdio),
        Site::Remote(remote) => {
            let key = name.key(&remote.prefix)?;
            match remote.store.head(&remote.bucket, &key, &Head::default()).await {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => Ok(None),
                looked => {
                    let info = looked?;
                    let (size_bytes, tag, kind) = (info.size_bytes, info.etag, Kind::File);
                    Ok(Some(Thing { site, name, size_bytes, tag, kind }))
                }
            }
        }
        Site::Local(folder) => {
            let path = folder.join(name.path(Platform::HERE)?);
            let looked = if link { std::fs::symlink_metadata(&path) } else { std::fs::metadata(&path) };
            match looked {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(LocalError::new("look at", &path, error).into()),
                Ok(metadata) => {
                    let kind = if metadata.is_symlink() { Kind::Link } else { Kind::File };
                    Ok(Some(Thing { site, name, size_bytes: metadata.len(), tag: None, kind }))
                }
            }
        }
    }
}

/// Tells whether a file that was a source has the time that the plan saw.
fn is_as_planned(site: &Site, step: &Step) -> Result<bool, Unclear> {
    let (Site::Local(folder), Some(planned)) = (site, step.modified.ns()) else { return Ok(true) };
    let path = folder.join(step.name.path(Platform::HERE)?);
    let metadata = if step.link { std::fs::symlink_metadata(&path) } else { std::fs::metadata(&path) };
    let metadata = metadata.map_err(|error| LocalError::new("look at", &path, error))?;
    Ok(Fingerprint::of(&metadata).modified().ns() == Some(planned))
}
