//! What `cp`, `mv`, `sync` and `rm` have in common: which entries take part, how they are transferred, and the way from plan to report.

mod manner;
mod selection;
mod watch;

use pintail_core::address::Place;

pub(super) use manner::Manner;
pub(super) use selection::Selection;
pub(super) use watch::watch;

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::prices::PriceList;
use crate::ops::transfer::options::{OnExisting, Options};
use crate::ops::transfer::{Request, carry_out, engine, plan};
use crate::ops::{App, Error};

/// What is decided outside of the request.
pub(super) struct Run {
    /// Only show the plan.
    pub(super) dry_run: bool,
    /// Deletions need no answer.
    pub(super) yes: bool,
    /// Only these names.
    pub(super) only: Option<engine::filter::NameList>,
    /// By which prices its cost is estimated.
    pub(super) prices: PriceList,
}

/// Plans, shows, carries out, reports.
pub(super) async fn transfer(app: &App, output: &Output, request: Request, run: Run) -> Outcome {
    check(output, &request)?;
    let face = show::TransferFace::new(output, request.verb);
    let mut planned = plan(app, request, run.only, &face).await?;
    planned.price(app, &run.prices).await?;
    if run.dry_run {
        return show::dry_run(output, &face, &planned);
    }
    if !show::confirm_deletions(output, &face, &planned, run.yes).await? {
        output.say("nothing was changed");
        return Ok(Exit::Interrupted);
    }
    face.planned(&planned);
    let seen = planned.seen;
    let addresses: Vec<_> = planned.request.addresses().cloned().collect();
    let ended = carry_out(app, planned, &face).await?;
    for address in &addresses {
        app.remember_place(address);
    }
    show::report(output, face, ended, Some(seen))
}

fn check(output: &Output, request: &Request) -> Result<(), Error> {
    if request.target == Some(Place::Stdio) && output.is_json() {
        return Err(Error::Usage("an object and JSON lines cannot both go to standard output".into()));
    }
    if request.options.existing == OnExisting::Ask && !output.can_ask() {
        return Err(Error::Usage("--existing ask needs a terminal to ask on".into()));
    }
    Ok(())
}

/// Reads places as they were typed.
pub(super) fn places(texts: &[String]) -> Result<Vec<Place>, Error> {
    texts.iter().map(|text| text.parse::<Place>().map_err(Error::Address)).collect()
}

/// Puts the options together.
pub(super) fn options(app: &App, selection: &Selection, manner: &Manner) -> Result<Options, Error> {
    let mut options = Options::default();
    selection.apply(&mut options, app.now())?;
    manner.apply(app, &mut options)?;
    Ok(options)
}
