//! What it means that a transfer, or a step of one, did not work.

use std::sync::Arc;

use pintail_transfer::execute::orphans::OrphansError;
use pintail_transfer::execute::{ExecuteError, StepError};
use pintail_transfer::journal::{JournalError, RegistryError};
use pintail_transfer::local::{LocalError, PartialError, SourceError, TargetError};
use pintail_transfer::parts::PartsError;
use pintail_transfer::policy::mirror::DeleteRefusal;
use pintail_transfer::prepare::PrepareError;
use pintail_transfer::verify::SideError;
use pintail_transfer::watch::{LookError, WatchError};

use super::{Exit, Explanation, explain, local, store};
use crate::ops::Error;
use crate::ops::transfer::request::KeptError;
use crate::ops::transfer::{PlaceError, VerifyError};

/// Explains a step that failed, for who watches the others.
pub(crate) fn step_failed(error: &Arc<StepError>) -> Explanation {
    explain(&Error::Step(Arc::clone(error)))
}

fn with(error: &Error, exit: Exit, next: &[&str]) -> Explanation {
    Explanation::new(error, exit, next.iter().map(|&text| text.to_owned()))
}

/// Explains a step that failed.
pub(super) fn step(error: &Error, step: &StepError) -> Explanation {
    match step {
        StepError::Store(source) => store::explain(error, source),
        StepError::Source(SourceError::Local(source))
        | StepError::Partial(PartialError::Local(source))
        | StepError::Target(TargetError::Local(source))
        | StepError::Local(source) => local_call(error, source),
        StepError::Source(SourceError::NotAFile(_)) => {
            with(error, Exit::Usage, &["Give it on standard input: `cat FILE | pintail cp - TARGET`."])
        }
        StepError::Source(SourceError::Link(_)) => with(
            error,
            Exit::Failed,
            &["Look at who put the link there. To take what it leads to, copy again with `--links follow`."],
        ),
        StepError::Source(SourceError::Changed(_)) | StepError::SourceChanged(_) => {
            with(error, Exit::Failed, &["Copy it again when nothing writes to it."])
        }
        StepError::Partial(PartialError::Target(source)) | StepError::Target(source) => target(error, source),
        StepError::Parts(source) => parts(error, source),
        StepError::Name(_) => with(error, Exit::Failed, &["Give it another name on one of the two sides."]),
        StepError::Different(_) => with(
            error,
            Exit::Failed,
            &[
                "Copy it again. If it happens again, something between here and S3 changes bytes: look at proxies and at the memory.",
            ],
        ),
        StepError::Taken(_) => with(
            error,
            Exit::Failed,
            &[
                "It appeared after the plan was made: copy again, with --existing to say what is to happen to it.",
            ],
        ),
        StepError::Changed(_) => with(
            error,
            Exit::Failed,
            &["Look at what is there now, then copy again: nothing of it was overwritten."],
        ),
        StepError::Stdio(_) => with(error, Exit::Failed, &[]),
    }
}

fn local_call(error: &Error, source: &LocalError) -> Explanation {
    local(error, &source.source)
}

fn target(error: &Error, source: &TargetError) -> Explanation {
    match source {
        TargetError::Local(source) => local_call(error, source),
        TargetError::NotBelow(_) | TargetError::InTheWay(_) => {
            with(error, Exit::Failed, &["Look at what is in the way, or choose another target."])
        }
        TargetError::NotAFile(_) => {
            with(error, Exit::Failed, &["Choose another target; `-` is standard output."])
        }
        TargetError::Taken(_) => with(
            error,
            Exit::Failed,
            &[
                "It appeared after the plan was made: copy again, with --existing to say what is to happen to it.",
            ],
        ),
        TargetError::Twin(_) => with(error, Exit::Failed, &["Give it another name on one of the two sides."]),
        TargetError::Changed(_) => with(
            error,
            Exit::Failed,
            &["Look at what is there now, then copy again: nothing of it was overwritten."],
        ),
    }
}

fn parts(error: &Error, source: &PartsError) -> Explanation {
    match source {
        PartsError::ObjectTooLarge { .. } => {
            with(error, Exit::Failed, &["Cut it into several files: no object can be larger."])
        }
        PartsError::PartSize { .. } => with(error, Exit::Usage, &["Choose another --part-size."]),
        PartsError::Memory { .. } => with(error, Exit::Usage, &["Choose a smaller --part-size."]),
    }
}

/// Explains why no plan could be made.
pub(super) fn prepare(error: &Error, source: &PrepareError) -> Explanation {
    match source {
        PrepareError::Store(source) => store::explain(error, source),
        PrepareError::Local(source) => local_call(error, source),
        PrepareError::Plan(_) => with(
            error,
            Exit::Failed,
            &["Look at the disk that holds Pintail's state: it may be full, or not writable."],
        ),
        PrepareError::Base(_) => with(
            error,
            Exit::Failed,
            &[
                "Move the file away to begin anew: then nothing is deleted on either side, and what differs is kept twice.",
            ],
        ),
        PrepareError::Deletions(DeleteRefusal::TooMany { .. }) => with(
            error,
            Exit::Failed,
            &[
                "Look at the list above and at the source. If all of it is to go, say so with `--max-delete 100%` or a number; nothing was changed.",
            ],
        ),
        PrepareError::Deletions(DeleteRefusal::SourceNotWhole { .. }) => with(
            error,
            Exit::Failed,
            &[
                "Make the source readable, or sync without --delete: what cannot be seen must not be taken for deleted.",
            ],
        ),
        PrepareError::Unsorted(_) => with(
            error,
            Exit::Failed,
            &["The service does not list in the order of S3; copy with `pintail cp -r` instead."],
        ),
        PrepareError::Refused { .. } => {
            with(error, Exit::Failed, &["Name the target in full, with another name."])
        }
        PrepareError::Missing(_) => with(error, Exit::NotFound, &[]),
        PrepareError::NotAFile(_) => {
            with(error, Exit::Usage, &["Give it on standard input: `cat FILE | pintail cp - TARGET`."])
        }
        PrepareError::IgnoreFile { .. } => {
            with(error, Exit::Usage, &["Mend the line, or leave the file out with --exclude."])
        }
        PrepareError::NothingRemote => {
            with(error, Exit::Usage, &["Use your system's own copy program, or name a BOOKMARK:bucket/key."])
        }
        PrepareError::SameTarget { .. } => {
            with(error, Exit::Usage, &["Copy them one by one to names of their own."])
        }
        PrepareError::OntoItself(_) => with(error, Exit::Usage, &[]),
        PrepareError::Within { .. } => {
            with(error, Exit::Usage, &["Choose two places of which none lies in the other."])
        }
        PrepareError::Overlap { .. } => with(
            error,
            Exit::Usage,
            &[
                "Go by way of a third prefix: first all of it there, then from there to the target. Nothing was changed.",
            ],
        ),
        PrepareError::Aborted => with(error, Exit::Interrupted, &[]),
    }
}

/// Explains what ended a transfer as a whole.
pub(super) fn execute(error: &Error, source: &ExecuteError) -> Explanation {
    match source {
        ExecuteError::Plan(_) => {
            with(error, Exit::Failed, &["Start the same command again: it copies what is not there yet."])
        }
        ExecuteError::Journal(source) => journal(error, source),
        ExecuteError::Local(source) => local_call(error, source),
        ExecuteError::Step(source) => step(error, source),
    }
}

/// Explains why a run cannot be had.
pub(super) fn registry(error: &Error, source: &RegistryError) -> Explanation {
    match source {
        RegistryError::NotARun(_) => {
            with(error, Exit::Usage, &["`pintail transfers ls` lists the names of all runs."])
        }
        RegistryError::NoSuchRun(_) => {
            with(error, Exit::NotFound, &["`pintail transfers ls` lists all runs."])
        }
        RegistryError::Running(_) => {
            with(error, Exit::Failed, &["Wait for the process that is at it, or end that one first."])
        }
        RegistryError::Io { source, .. } => local(error, source),
        RegistryError::Journal { source, .. } => journal(error, source),
    }
}

fn journal(error: &Error, source: &JournalError) -> Explanation {
    match source {
        JournalError::Io { source, .. } => local(error, source),
        JournalError::Version(..) | JournalError::ReadOnly(..) => {
            with(error, Exit::Failed, &["Go on with the newer version of Pintail that began it."])
        }
        JournalError::NoPlan => {
            with(error, Exit::Failed, &["Start the same command again: nothing was done yet."])
        }
        JournalError::RequestTooLong { .. } => {
            with(error, Exit::Usage, &["Name fewer sources at once, or the folder that they are in."])
        }
        JournalError::NotAJournal
        | JournalError::Damaged { .. }
        | JournalError::Record { .. }
        | JournalError::OutOfPlace { .. }
        | JournalError::Plan(_)
        | JournalError::Step(_) => with(
            error,
            Exit::Failed,
            &[
                "Start the same command again: it copies what is not there yet.",
                "`pintail transfers clean --orphans ADDRESS` then finds what was left at the service.",
            ],
        ),
    }
}

/// Explains why places cannot be compared.
pub(super) fn verify(error: &Error, source: &VerifyError) -> Explanation {
    match source {
        VerifyError::Side(SideError::Local(source)) => local_call(error, source),
        VerifyError::Side(SideError::Store(source)) => store::explain(error, source),
        VerifyError::Side(SideError::Stdio) => with(error, Exit::Usage, &["Name two folders."]),
        VerifyError::Unsorted(_) => with(
            error,
            Exit::Failed,
            &["The service does not list in the order of S3, which a comparison needs."],
        ),
        VerifyError::Run(_) => with(error, Exit::Failed, &[]),
    }
}

/// Explains why a sync does not go on.
pub(super) fn watch(error: &Error, source: &WatchError) -> Explanation {
    match source {
        WatchError::Gone { .. } => with(
            error,
            Exit::NotFound,
            &["Start it again when the folder is back. Nothing is deleted for its going."],
        ),
        WatchError::Local(source) => local_call(error, source),
        WatchError::Look(LookError::Store(source)) => store::explain(error, source),
        WatchError::Look(LookError::Spool(_)) => with(
            error,
            Exit::Failed,
            &["Look at the disk that holds Pintail's state: it may be full, or not writable."],
        ),
    }
}

/// Explains why unfinished uploads cannot be looked for.
pub(super) fn orphans(error: &Error, source: &OrphansError) -> Explanation {
    match source {
        OrphansError::Store(source) => store::explain(error, source),
        OrphansError::Registry(source) => registry(error, source),
    }
}

/// Explains why a request that a run keeps cannot be read.
pub(super) fn kept(error: &Error, source: &KeptError) -> Explanation {
    match source {
        KeptError::Version(_) | KeptError::Form(_) => {
            with(error, Exit::Failed, &["Go on with the version of Pintail that began it."])
        }
        KeptError::Place(_) => with(error, Exit::Failed, &[]),
    }
}

/// Explains why places cannot be meant.
pub(super) fn place(error: &Error, source: &PlaceError) -> Explanation {
    let next: &[&str] = match source {
        PlaceError::BothLocal { .. } => {
            &["Use your system's own copy program, or name a BOOKMARK:bucket/key."]
        }
        PlaceError::Folder(_) => &["Add --recursive to mean folders with everything below them."],
        PlaceError::Stdio => &["Name one object in full, such as BOOKMARK:bucket/key."],
        PlaceError::SameTarget(_) => &["Copy them one by one to names of their own."],
        PlaceError::Busy { .. } => {
            let next = &["Wait until it is done, or end it; `pintail transfers ls` shows what is under way."];
            return with(error, Exit::Failed, next);
        }
        PlaceError::WholeBucket(_) => &[],
        PlaceError::TargetNotAFolder(_) => &["End the target with a slash to make it a folder."],
        PlaceError::NotAFolder(_) => {
            &["Name a folder; `pintail cp` copies single files, and `pintail stat` shows single objects."]
        }
        PlaceError::TargetIsLink(_) => {
            &["Name the folder that it leads to, with a slash at the end of the source."]
        }
        PlaceError::NotUnicode(_) => &["Rename it: keys are Unicode."],
        PlaceError::NotAFile(_) => &["Give it on standard input: `cat FILE | pintail cp - TARGET`."],
    };
    with(error, Exit::Usage, next)
}
