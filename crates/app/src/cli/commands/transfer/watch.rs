//! `pintail sync --watch`: rounds, until somebody ends it.

use std::time::Duration;

use super::check;
use crate::cli::{Failure, Outcome, render::Output, show};
use crate::explain::{Exit, explain};
use crate::ops::transfer::Request;
use crate::ops::transfer::engine::execute::Report;
use crate::ops::transfer::engine::journal::Outcome as RunOutcome;
use crate::ops::transfer::engine::watch::Changes;
use crate::ops::transfer::watch::{Notice, Round, Turn, Watching};
use crate::ops::{App, Error};

/// Syncs again and again, whenever something changed.
pub(in crate::cli::commands) async fn watch(
    app: &App,
    output: &Output,
    request: Request,
    poll: Duration,
) -> Outcome {
    check(output, &request)?;
    let verb = request.verb;
    let addresses: Vec<_> = request.addresses().cloned().collect();
    let mut watching = Watching::start(app, request, poll).await?;
    for address in &addresses {
        app.remember_place(address);
    }
    show::watching(output, watching.labels(), watching.no_events(), poll)?;
    let mut waits_for_sign_in = false;
    let mut is_first = true;
    loop {
        let changes = match watching.next().await? {
            Turn::Round(changes) => changes,
            Turn::Says(Notice::LookFailed(error)) if needs_sign_in(&error) => {
                if !std::mem::replace(&mut waits_for_sign_in, true) {
                    show::waits_for_sign_in(output, &error)?;
                }
                continue;
            }
            Turn::Says(notice) => {
                show::watch_notice(output, &notice)?;
                continue;
            }
        };
        let face = show::TransferFace::new(output, verb);
        let round = match round(app, output, &mut watching, &changes, &face).await {
            Ok(round) => round,
            Err(Failure::Operation(error)) => {
                show::quiet(face)?;
                if needs_sign_in(&error) {
                    watching.waits_for_sign_in(changes);
                    if !std::mem::replace(&mut waits_for_sign_in, true) {
                        show::waits_for_sign_in(output, &error)?;
                    }
                } else {
                    let wait = watching.failed(changes);
                    show::round_failed(output, &error, wait)?;
                }
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let outcome = round.ended.as_ref().and_then(|ended| ended.report.as_ref().ok());
        let interrupted = outcome.is_some_and(|report| report.outcome == RunOutcome::Interrupted);
        let over = outcome.is_some_and(is_over);
        let wait = match (interrupted, over) {
            (true, _) => None,
            (_, true) => {
                watching.gives_up(&round);
                Some(watching.waits_for_sign_in(changes.clone()))
            }
            _ => watching.ended(app, changes.clone(), &round).await,
        };
        show::round(output, face, &changes, round, std::mem::take(&mut is_first), wait)?;
        if interrupted {
            return Ok(Exit::Interrupted);
        }
        waits_for_sign_in = over;
    }
}

async fn round(
    app: &App,
    output: &Output,
    watching: &mut Watching,
    changes: &Changes,
    face: &show::TransferFace<'_>,
) -> Result<Round, Failure> {
    let planned = watching.plan(app, changes, face).await?;
    if let Some(refusal) = planned.refusal {
        show::deletions_refused(output, refusal)?;
    }
    face.planned(&planned.planned);
    let seen = planned.planned.seen;
    let round = watching.carry_out(app, changes, planned.planned, face).await?;
    face.saw(seen);
    Ok(round)
}

fn needs_sign_in(error: &Error) -> bool {
    explain(error).exit == Exit::SignInNeeded
}

/// Tells whether a round ended since nobody is signed in any more.
fn is_over(report: &Report) -> bool {
    report
        .first_failure
        .as_ref()
        .is_some_and(|error| needs_sign_in(&Error::Step(std::sync::Arc::clone(error))))
}
