//! Proving that two places hold the same, or that what a run copied is still there. Nothing is changed.

use pintail_core::address::Place as Typed;
use pintail_transfer::diff::DiffError;
use pintail_transfer::execute::Stop;
use pintail_transfer::filter::NameList;
use pintail_transfer::journal::RunId;
use pintail_transfer::prepare;
use pintail_transfer::site::Site;
use pintail_transfer::verify::{self, Context, Level, Listener, Rules, RunError, SideError, Summary};

use super::options::Options;
use super::run::runs_of;
use super::sites;
use crate::ops::{App, Error};

/// Why two places cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// A place cannot be listed.
    #[error(transparent)]
    Side(#[from] SideError),
    /// A side does not list in order.
    #[error("the listing is out of order")]
    Unsorted(#[source] pintail_transfer::diff::Unsorted),
    /// A run cannot be looked at again.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Compares what is in two folders, each here or in S3.
pub(crate) async fn verify_places(
    app: &App,
    places: [&Typed; 2],
    level: Level,
    options: &Options,
    only: Option<NameList>,
    listener: &dyn Listener,
) -> Result<Summary, Error> {
    let mut filter = options.filter(only)?;
    let (left, right) = (sites::folder(app, places[0]).await?, sites::folder(app, places[1]).await?);
    // What the ignore files of a folder leave out is compared on neither side.
    for site in [&left, &right] {
        if let Site::Local(root) = site {
            prepare::ignore_files(root, &options.ignore_files, options.walk_links(), &mut filter)?;
        }
    }
    let rules = Rules { filter: &filter, links: options.walk_links(), page: None };
    let settings = settings(level, options);
    let (stop, _guard) = (Stop::default(), app.interrupt().guard());
    let context = Context { random: app.random(), listener, stop: &stop };
    let comparing = verify::sites(&left, &right, &rules, &settings, context);
    until_interrupted(app, &stop, comparing).await.map_err(|error| match error {
        DiffError::Unsorted(error) => VerifyError::Unsorted(error).into(),
        DiffError::Side(_, error) => VerifyError::Side(error).into(),
    })
}

/// Looks again at every copy that a run made.
pub(crate) async fn verify_run(
    app: &App,
    id: &RunId,
    level: Level,
    listener: &dyn Listener,
) -> Result<Summary, Error> {
    let recorded = runs_of(app).show(id)?;
    let (ends, _) = sites::reopen(app, &recorded.header.routes).await?;
    let (stop, _guard) = (Stop::default(), app.interrupt().guard());
    let context = Context { random: app.random(), listener, stop: &stop };
    let settings = settings(level, &Options::default());
    let looking = verify::run(&recorded, &ends, &settings, context);
    Ok(until_interrupted(app, &stop, looking).await.map_err(VerifyError::Run)?)
}

fn settings(level: Level, options: &Options) -> verify::Options {
    let usual = verify::Options::default();
    verify::Options { level, connections_max: options.connections.unwrap_or(usual.connections_max) }
}

async fn until_interrupted<T>(app: &App, stop: &Stop, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = app.interrupt().wait() => stop.ask(),
    }
    work.await
}
