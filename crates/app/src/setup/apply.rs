//! Doing what was planned, step by step, each in the rollback file before it begins.

use super::aws;
use super::desired::Desired;
use super::entra;
use super::journal::Journal;
use super::plan::{Change, Side, Step, Undo};
use super::sides::Sides;
use super::{SetupTalk, Told};
use crate::admin::AdminError;
use crate::ops::{App, Error};

/// Does the steps. One that fails ends it; what was done before stays, and is in the rollback file.
///
/// # Errors
/// When a step is refused, or the rollback file cannot be written.
pub(crate) async fn apply(
    app: &App,
    sides: &mut Sides,
    desired: &Desired,
    steps: &[Step],
    journal: &mut Journal,
    talk: &dyn SetupTalk,
) -> Result<(), Error> {
    journal.run(app.now(), desired, &sides.facts)?;
    for step in steps {
        let n = journal.intend(step, undo_of(step, sides))?;
        let undo = one(step, sides).await?;
        journal.done(n, undo)?;
        talk.told(Told::Done(step)).map_err(Error::Stdio)?;
    }
    Ok(())
}

/// Tells what would take a step back, before it is done.
fn undo_of(step: &Step, sides: &Sides) -> Undo {
    match &step.change {
        Change::Entra(change) => {
            let learned = sides.entra.as_ref().map(|side| side.learned.clone()).unwrap_or_default();
            Undo::Entra(entra::undo_of(change, &learned))
        }
        Change::Aws(change) => Undo::Aws(change.way_back(&sides.facts)),
    }
}

async fn one(step: &Step, sides: &mut Sides) -> Result<Undo, Error> {
    match &step.change {
        Change::Entra(change) => {
            let Some(side) = &mut sides.entra else { return Err(AdminError::NoApplication.into()) };
            side.apply(change).await?;
            let undo = entra::undo_of(change, &side.learned);
            sides.facts.client_id.clone_from(&side.learned.client_id);
            Ok(Undo::Entra(undo))
        }
        Change::Aws(change) => {
            let Side::Aws { account } = &step.side else { return Err(AdminError::NoApplication.into()) };
            let side = sides.account(account).ok_or(AdminError::NoApplication)?;
            Ok(Undo::Aws(aws::apply(&side.admin.iam, change, &sides.facts).await?))
        }
    }
}
