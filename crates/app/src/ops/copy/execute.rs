//! Carrying out a plan: a few copies at a time, each to its proven end or to an error that leaves its target alone.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use pintail_connect::Connected;
use pintail_store::object_store::{Get, WriteCondition};

use super::{
    COPIES_AT_ONCE, Context, Copied, End, Plan, Proof, Report, SkipReason, Skipped, Step, Talk, download,
    remote, upload,
};
use crate::ops::{App, Error};

/// Carries out the plan. Single failures are in the report; the error is for what ends everything.
pub(crate) async fn execute(app: &App, plan: Plan, talk: &dyn Talk) -> Result<Report, Error> {
    let mut report = Report::default();
    talk.expect(plan.steps.len(), plan.size_bytes());
    for skipped in &plan.skipped {
        report.skip(skipped, talk);
    }
    let keep_existing = plan.keep_existing;
    // Set once nothing more can succeed. What is under way still ends in order: uploads are taken back.
    let stopped = AtomicBool::new(false);
    let stopped = &stopped;
    let mut results = futures_util::stream::iter(plan.steps)
        .map(|step| async move {
            if stopped.load(Ordering::Relaxed) {
                return (step, None);
            }
            let result = copy(app, &step, keep_existing, talk).await;
            (step, Some(result))
        })
        .buffer_unordered(COPIES_AT_ONCE);
    while let Some((step, result)) = results.next().await {
        match result {
            None => report.not_tried += 1,
            Some(Ok(copied)) => {
                report.copied += 1;
                report.size_bytes += copied.size_bytes;
                talk.copied(&step, &copied);
            }
            Some(Err(Error::TargetTaken(_))) if keep_existing => {
                report.skip(&Skipped { what: step.to.to_string(), why: SkipReason::Exists }, talk);
            }
            Some(Err(error)) => {
                if ends_everything(&error) {
                    stopped.store(true, Ordering::Relaxed);
                }
                report.failed += 1;
                if !matches!(error, Error::Stdio(_)) {
                    talk.failed(&step, &error);
                }
                report.first_failure.get_or_insert(error);
            }
        }
    }
    drop(results);
    match report.first_failure {
        // Nobody reads standard output any more: that is for the caller to judge, not a failed copy.
        Some(Error::Stdio(error)) => Err(Error::Stdio(error)),
        _ => Ok(report),
    }
}

/// Tells whether no other copy can succeed after this: there is no sign-in, or the run is to end.
fn ends_everything(error: &Error) -> bool {
    matches!(error, Error::Interrupted | Error::Stdio(_)) || error.no_credential().is_some()
}

impl Report {
    fn skip(&mut self, skipped: &Skipped, talk: &dyn Talk) {
        *if skipped.why.is_refusal() { &mut self.refused } else { &mut self.skipped } += 1;
        talk.skipped(skipped);
    }
}

fn context<'a>(app: &'a App, talk: &'a dyn Talk, side: &'a Connected) -> Context<'a> {
    Context { talk, interrupt: app.interrupt(), tuning: &side.tuning }
}

async fn copy(app: &App, step: &Step, keep_existing: bool, talk: &dyn Talk) -> Result<Copied, Error> {
    let condition = if keep_existing { WriteCondition::IfAbsent } else { WriteCondition::None };
    match (&step.from, &step.to) {
        (End::File { root, path }, End::Object(to)) => {
            let side = app.connect_to(&to.bookmark).await?;
            upload::file(&side.store, &root.join(path), to, condition, context(app, talk, &side)).await
        }
        (End::Stdio, End::Object(to)) => {
            let side = app.connect_to(&to.bookmark).await?;
            upload::stdin(&side.store, to, condition, context(app, talk, &side)).await
        }
        (End::Object(from), End::File { root, path }) => {
            let store = &app.connect_to(&from.bookmark).await?.store;
            download::file(store, from, root, path, keep_existing, app.random(), talk).await
        }
        (End::Object(from), End::Stdio) => {
            let store = &app.connect_to(&from.bookmark).await?.store;
            let mut got = store.get(&from.bucket, &from.key, &Get::default()).await?;
            let mut size_bytes = 0;
            while let Some(bytes) = got.body.next().await.transpose()? {
                talk.bytes(&bytes).map_err(Error::Stdio)?;
                size_bytes += bytes.len() as u64;
                talk.advance(bytes.len() as u64);
            }
            let checked = got.info.checksum.is_some_and(|sum| sum.parts().is_none());
            Ok(Copied { size_bytes, proof: if checked { Proof::Checksum } else { Proof::Length } })
        }
        (End::Object(from), End::Object(to)) => {
            let (from_side, to_side) =
                (app.connect_to(&from.bookmark).await?, app.connect_to(&to.bookmark).await?);
            if from.bookmark == to.bookmark {
                remote::within(&to_side.store, from, to, condition, context(app, talk, &to_side)).await
            } else {
                remote::across(
                    &from_side.store,
                    from,
                    &to_side.store,
                    to,
                    condition,
                    context(app, talk, &to_side),
                )
                .await
            }
        }
        (End::File { .. } | End::Stdio, End::File { .. } | End::Stdio) => {
            Err(Error::Usage("neither end is in S3".into()))
        }
    }
}
