//! What errors mean to a person: what happened, why, and what to do next.
//!
//! The only place with advice. Every error of an operation passes here on its way to the terminal, by an exhaustive match, and
//! leaves with its exit code.

mod admin;
mod connect;
mod exit;
mod lend;
pub(crate) mod pasted;
pub(crate) mod policy;
mod profiles;
mod session;
mod setup;
mod sign_in;
mod source;
mod store;
mod sts;
pub(crate) mod texts;

use std::error::Error as StdError;

pub(crate) use exit::Exit;
pub(crate) use lend::refusal;
use pintail_core::aws_config::edit::EditError;

use crate::ops::Error;
use crate::ops::copy::PlanError;

/// An error in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// What happened, as a fragment without a full stop.
    pub(crate) message: String,
    /// Why, from the nearest cause to the first, each said once.
    pub(crate) causes: Vec<String>,
    /// What to do, in the imperative, the likeliest help first.
    pub(crate) next: Vec<String>,
    /// How the run ends.
    pub(crate) exit: Exit,
}

impl Explanation {
    fn new(error: &dyn StdError, exit: Exit, next: impl IntoIterator<Item = String>) -> Self {
        let (message, causes) = texts(error);
        Self { message, causes, next: next.into_iter().collect(), exit }
    }
}

/// Explains an error that no operation has.
pub(crate) fn plain(error: &dyn StdError) -> Explanation {
    Explanation::new(error, Exit::Failed, [])
}

/// Explains why an operation failed.
pub(crate) fn explain(error: &Error) -> Explanation {
    if let Error::Setup(source) = error {
        return setup::explain(error, source);
    }
    if let Some(missing) = error.no_credential() {
        return session::explain(error, missing);
    }
    let with = |exit, next: &[&str]| Explanation::new(error, exit, next.iter().map(|&text| text.to_owned()));
    match error {
        Error::Admin(source) => admin::explain(error, source),
        Error::Setup(source) => setup::explain(error, source),
        Error::Address(_) => with(
            Exit::Usage,
            &["Write s3://bucket/key, or BOOKMARK:bucket/key; `pintail bookmark ls` lists your bookmarks."],
        ),
        Error::AwsConfig(source) => match source {
            EditError::Name(_) => with(
                Exit::Usage,
                &[
                    "Use letters, digits and -_.@+/:% only; --profile gives the profile another name than the bookmark's.",
                ],
            ),
            EditError::NotOurs(_) => with(
                Exit::Failed,
                &[
                    "Choose another name with --profile; `--force` replaces what is there, `--remove` never does.",
                ],
            ),
            EditError::Repeated(_) => with(Exit::Failed, &["Remove one of the two by hand."]),
            EditError::Value { .. } => with(Exit::Failed, &["Correct the bookmark or the path."]),
        },
        Error::ChangedMeanwhile(_) => with(Exit::Failed, &["Start again: nothing was written."]),
        Error::Config(source) => profiles::config(error, source),
        Error::Connect(source) => connect::explain(error, source),
        Error::Deliver(_) => with(Exit::Failed, &["Start the sign-in again: `pintail login`."]),
        Error::Different { .. } => with(
            Exit::Failed,
            &[
                "Copy it again. If it happens again, something between here and S3 changes bytes: look at proxies and at the memory.",
            ],
        ),
        Error::Handler(_) => with(
            Exit::Failed,
            &["Look at who may write the folders of the desktop: $XDG_DATA_HOME and $XDG_CONFIG_HOME."],
        ),
        Error::Local { source, .. } => local(error, source),
        Error::Interrupted => with(Exit::Interrupted, &[]),
        Error::Lend(source) => lend::explain(error, source),
        Error::Policy(source) => policy::explain(error, source),
        Error::Plan(source) => with(
            Exit::Usage,
            match source {
                PlanError::BothLocal { .. } => {
                    &["Use your system's own copy program, or name a BOOKMARK:bucket/key."]
                }
                PlanError::Folder(_) => &["Add --recursive to copy folders with everything below them."],
                PlanError::Stdio => &["Name one object in full, such as BOOKMARK:bucket/key."],
                PlanError::SameTarget(_) => &["Copy them one by one to names of their own."],
                PlanError::OntoItself(_) => &[],
                PlanError::TargetNotAFolder(_) => &["End the target with a slash to make it a folder."],
                PlanError::NotUnicode(_) => &["Rename the file."],
                PlanError::NotAFile(_) => &["Give it on standard input: `cat FILE | pintail cp - TARGET`."],
            },
        ),
        Error::Profiles(source) => profiles::explain(error, source),
        Error::Sandbox(_) => with(Exit::Failed, &["Choose other ports with --port, or 0 for free ones."]),
        Error::SignIn(source) => sign_in::explain(error, source),
        Error::SignInTo { name, source } => {
            let mut explanation = sign_in::explain(error, source);
            // So that the advice can be typed as it stands.
            for next in &mut explanation.next {
                *next = next.replace("pintail bookmark edit NAME", &format!("pintail bookmark edit {name}"));
            }
            explanation
        }
        Error::SourceChanged(_) => with(Exit::Failed, &["Copy it again when nothing writes to it."]),
        Error::Stdio(_) => with(Exit::Failed, &[]),
        Error::Store(source) => store::explain(error, source),
        Error::TargetTaken(_) => with(Exit::Failed, &[]),
        Error::TargetNotAFile(_) => with(Exit::Failed, &["Choose another target; `-` is standard output."]),
        Error::Usage(_) => with(Exit::Usage, &[]),
    }
}

/// Explains what a file or folder of this machine refused.
fn local(error: &dyn StdError, source: &std::io::Error) -> Explanation {
    let with = |exit, next: &[&str]| Explanation::new(error, exit, next.iter().map(|&text| text.to_owned()));
    match source.kind() {
        std::io::ErrorKind::NotFound => with(Exit::NotFound, &[]),
        std::io::ErrorKind::PermissionDenied => {
            with(Exit::Failed, &["Look at who owns it and who may write there."])
        }
        std::io::ErrorKind::StorageFull => with(Exit::Failed, &["Make room on the disk, then copy again."]),
        _ => with(Exit::Failed, &[]),
    }
}

/// Collects the texts of an error and its causes, leaving out what was said already.
fn texts(error: &dyn StdError) -> (String, Vec<String>) {
    let message = error.to_string();
    let mut said = message.clone();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said.push_str(&text);
            causes.push(text);
        }
        cause = match error.downcast_ref::<pintail_core::credential::CredentialError>() {
            Some(error) => Some(error.source.as_ref()),
            None => error.source(),
        };
    }
    (message, causes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not read it: no such file")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("no such file")]
        struct Inner;
        assert_eq!(texts(&Outer(Inner)), ("could not read it: no such file".to_owned(), Vec::new()));
    }
}
