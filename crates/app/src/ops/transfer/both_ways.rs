//! A sync both ways: what belongs to a pair of places for good. What both had in common lies in a file of the state folder, and one process at a
//! time works on a pair.
//!
//! Whichever of the two is named first, the pair is the same: a folder of this machine is its left side, and of two prefixes the one whose
//! words come first.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use pintail_core::checksum::{Algorithm, Checksum};
use pintail_transfer::journal::{State, Status};
use pintail_transfer::plan::{Place, Plan, Route};
use pintail_transfer::policy::mirror::{DeleteLimit, DeleteRefusal};
use pintail_transfer::prepare::{self, Job, Memory, PrepareError, Prepared, Rules};
use pintail_transfer::site::{Ends, Site};

use super::registry::place_words;
use super::sites::{Labels, Opened, PlaceError};
use crate::ops::{App, Error};

/// So many bytes of the hash make a name.
const NAME_BYTES: usize = 16;

/// What a sync both ways needs from its plan to its end.
#[derive(Debug)]
pub(super) struct BothWays {
    base: PathBuf,
    job: Job,
    /// What is known of names without a step; `None` for a run that was planned by another process.
    memory: Option<Memory>,
    rules: Rules,
    /// Held until this is gone.
    _lock: File,
}

/// Puts a pair in its order, and adds how the way back is called.
pub(super) fn settle(opened: &mut Opened) {
    let (Some(job), Some(labels)) = (opened.jobs.first_mut(), opened.labels.first_mut()) else { return };
    for (place, site) in [(&mut job.route.from, &mut job.ends.from), (&mut job.route.to, &mut job.ends.to)] {
        // `folder` and `folder/` are one.
        if let (Place::Local(path), Site::Local(root)) = (place, site) {
            let bare = path.trim_end_matches('/').to_owned();
            if !bare.is_empty() && bare.len() < path.len() {
                *root = PathBuf::from(&bare);
                *path = bare;
            }
        }
    }
    if order(&job.route.from) > order(&job.route.to) {
        let Route { from, to } = job.route.clone();
        job.route = Route { from: to, to: from };
        let Ends { from, to } = job.ends.clone();
        job.ends = Ends { from: to, to: from };
        *labels = Labels { from: labels.to.clone(), to: labels.from.clone() };
    }
    let back = Labels { from: labels.to.clone(), to: labels.from.clone() };
    opened.labels.push(back);
}

fn order(place: &Place) -> (bool, String) {
    (!matches!(place, Place::Local(_)), place_words(place))
}

/// Returns the file of a pair, which need not be there.
fn base(app: &App, route: &Route) -> PathBuf {
    app.environment().folders.state.join("sync").join(format!("{}.base", name(route)))
}

/// Names a pair: half of the SHA-256 of both places in words, each with a NUL at its end, in hexadecimal digits.
fn name(route: &Route) -> String {
    let words = format!("{}\0{}\0", place_words(&route.from), place_words(&route.to));
    let hash = Checksum::of(Algorithm::Sha256, words.as_bytes());
    hash.as_bytes().iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// Takes a pair for this process, until the file is dropped.
///
/// # Errors
/// When another process is at it, or the state folder cannot be written.
pub(super) fn lock(app: &App, route: &Route) -> Result<File, Error> {
    let path = base(app, route).with_extension("lock");
    let folder = path.parent().expect("it lies in a folder");
    pintail_connect::private_folder(folder)?;
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(|source| Error::local("open", &path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let (one, other) = (place_words(&route.from), place_words(&route.to));
            Err(PlaceError::Busy { one, other }.into())
        }
        Err(TryLockError::Error(source)) => Err(Error::local("lock", &path, source)),
    }
}

/// Plans a sync both ways. Where too much would be deleted, the plan shows it and is not carried out.
pub(super) async fn plan(
    app: &App,
    job: &Job,
    limit: DeleteLimit,
    rules: Rules,
    context: prepare::Context<'_>,
) -> Result<(Prepared, BothWays, Option<DeleteRefusal>), Error> {
    let lock = lock(app, &job.route)?;
    let base = base(app, &job.route);
    let mut refusal = None;
    let (prepared, memory) = match prepare::two_way(job, &base, limit, &rules, context).await {
        Err(PrepareError::Deletions(why)) => {
            refusal = Some(why);
            prepare::two_way(job, &base, DeleteLimit::default(), &rules, context).await?
        }
        planned => planned?,
    };
    let both = BothWays { base, job: job.clone(), memory: Some(memory), rules, _lock: lock };
    Ok((prepared, both, refusal))
}

/// Takes a pair up again, for a run that goes on.
///
/// # Errors
/// As [`lock`].
pub(super) fn take_up(app: &App, route: &Route, ends: &Ends, rules: Rules) -> Result<BothWays, Error> {
    let lock = lock(app, route)?;
    let job = Job { route: route.clone(), ends: ends.clone(), what: prepare::What::Tree };
    Ok(BothWays { base: base(app, route), job, memory: None, rules, _lock: lock })
}

impl BothWays {
    /// Keeps what both sides have in common now. Nothing is lost where it cannot: the next sync compares contents.
    ///
    /// # Errors
    /// When what was copied cannot be looked at, or the file cannot be replaced.
    pub(super) async fn remember(
        self,
        plan: &Plan,
        state: &State,
        context: prepare::Context<'_>,
    ) -> Result<(), Error> {
        let done = |number| state.status(number) == Some(Status::Done);
        let Self { base, job, memory, rules, _lock } = self;
        match memory {
            Some(memory) => prepare::remember(&job, &base, memory, plan, &done, &rules, context).await?,
            None => prepare::remember_resumed(&job, &base, plan, &done, &rules, context).await?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(prefix: &str) -> Place {
        Place::Remote { bookmark: "lab".into(), bucket: "bucket".into(), prefix: prefix.into() }
    }

    fn settled(from: Place, to: Place) -> Route {
        let ends = Ends { from: Site::Stdio, to: Site::Stdio };
        let route = Route { from, to };
        let job = Job { route, ends, what: prepare::What::Tree };
        let labels = vec![Labels { from: "typed first".into(), to: "typed second".into() }];
        let mut opened = Opened { jobs: vec![job], labels, tuning: None };
        settle(&mut opened);
        assert_eq!(opened.labels[0].from, opened.labels[1].to);
        opened.jobs.remove(0).route
    }

    #[test]
    fn a_pair_is_the_same_whichever_is_named_first() {
        let folder = Place::Local("/z/folder".into());
        for (one, other) in [(folder.clone(), remote("a/")), (remote("a/"), remote("b/"))] {
            let (there, back) = (settled(one.clone(), other.clone()), settled(other.clone(), one.clone()));
            assert_eq!(there, Route { from: one, to: other });
            assert_eq!(name(&there), name(&back));
        }
        let names = [remote("a/"), remote("b/"), remote("a/b/")].map(|to| name(&settled(folder.clone(), to)));
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert!(names.iter().all(|name| name.len() == 2 * NAME_BYTES));
    }
}
