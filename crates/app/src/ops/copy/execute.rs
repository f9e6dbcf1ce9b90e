//! Carrying out a plan: a few copies at a time, each to its proven end or to an error that leaves its target alone.

use futures_util::StreamExt;
use pintail_store::ErrorKind;
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
    let mut results = futures_util::stream::iter(plan.steps)
        .map(|step| async move {
            let result = copy(app, &step, keep_existing, talk).await;
            (step, result)
        })
        .buffer_unordered(COPIES_AT_ONCE);
    while let Some((step, result)) = results.next().await {
        match result {
            Ok(copied) => {
                report.copied += 1;
                report.size_bytes += copied.size_bytes;
                talk.copied(&step, &copied);
            }
            Err(error) if keep_existing && is_taken(&error) => {
                report.skip(&Skipped { what: step.to.to_string(), why: SkipReason::Exists }, talk);
            }
            Err(error) => {
                // Without a sign-in no other copy can succeed either.
                let ends_everything = error.no_credential().is_some() || matches!(error, Error::Interrupted);
                report.failed += 1;
                talk.failed(&step, &error);
                report.first_failure.get_or_insert(error);
                if ends_everything {
                    break;
                }
            }
        }
    }
    drop(results);
    Ok(report)
}

impl Report {
    fn skip(&mut self, skipped: &Skipped, talk: &dyn Talk) {
        match skipped.why {
            SkipReason::Key(_) => self.refused += 1,
            SkipReason::Exists | SkipReason::NotAFile | SkipReason::Placeholder => self.skipped += 1,
        }
        talk.skipped(skipped);
    }
}

/// Tells whether the target appeared after the plan was made.
fn is_taken(error: &Error) -> bool {
    match error {
        Error::Store(error) => *error.kind() == ErrorKind::PreconditionFailed,
        Error::Local { source, .. } => source.kind() == std::io::ErrorKind::AlreadyExists,
        _ => false,
    }
}

async fn copy(app: &App, step: &Step, keep_existing: bool, talk: &dyn Talk) -> Result<Copied, Error> {
    let context = Context { talk, interrupt: app.interrupt() };
    let condition = if keep_existing { WriteCondition::IfAbsent } else { WriteCondition::None };
    match (&step.from, &step.to) {
        (End::File { root, path }, End::Object(to)) => {
            let store = &app.connect_to(&to.bookmark).await?.store;
            upload::file(store, &root.join(path), to, condition, context).await
        }
        (End::Stdio, End::Object(to)) => {
            let store = &app.connect_to(&to.bookmark).await?.store;
            upload::stdin(store, to, condition, context).await
        }
        (End::Object(from), End::File { root, path }) => {
            let store = &app.connect_to(&from.bookmark).await?.store;
            std::fs::create_dir_all(root).map_err(|e| Error::local("make the folder", root, e))?;
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
                remote::within(&to_side.store, from, to, condition, context).await
            } else {
                remote::across(&from_side.store, from, &to_side.store, to, condition, context).await
            }
        }
        (End::File { .. } | End::Stdio, End::File { .. } | End::Stdio) => {
            Err(Error::Usage("neither end is in S3".into()))
        }
    }
}
