//! What errors mean to a person: what happened, why, and what to do next.
//!
//! The only place with advice. Every error of an operation passes here on its way to the terminal, by an exhaustive match, and
//! leaves with its exit code.

mod admin;
mod batch;
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
mod transfer;

use std::error::Error as StdError;

pub(crate) use exit::Exit;
pub(crate) use lend::refusal;
use pintail_core::aws_config::edit::EditError;
pub(crate) use transfer::step_failed;

use crate::ops::Error;

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
        Error::Batch(source) => batch::explain(error, source),
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
        Error::Execute(source) => transfer::execute(error, source),
        Error::Handler(_) => with(
            Exit::Failed,
            &["Look at who may write the folders of the desktop: $XDG_DATA_HOME and $XDG_CONFIG_HOME."],
        ),
        Error::Kept(source) => transfer::kept(error, source),
        Error::Local { source, .. } => local(error, source),
        Error::Interrupted => with(Exit::Interrupted, &[]),
        Error::Lend(source) => lend::explain(error, source),
        Error::NameList(_) => {
            with(Exit::Usage, &["Write one name a line; --null reads what `find -print0` writes."])
        }
        Error::Orphans(source) => transfer::orphans(error, source),
        Error::Policy(source) => policy::explain(error, source),
        Error::Place(source) => transfer::place(error, source),
        Error::Prepare(source) => transfer::prepare(error, source),
        Error::Profiles(source) => profiles::explain(error, source),
        Error::Registry(source) => transfer::registry(error, source),
        Error::Rule(_) => with(Exit::Usage, &["Write a glob such as \"*.jpg\", \"/top/**\" or \"folder/\"."]),
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
        Error::Step(source) => transfer::step(error, source),
        Error::Stdio(_) => with(Exit::Failed, &[]),
        Error::Store(source) => store::explain(error, source),
        Error::TargetTaken(_) => with(Exit::Failed, &[]),
        Error::Usage(_) => with(Exit::Usage, &[]),
        Error::Verify(source) => transfer::verify(error, source),
        Error::Watch(source) => transfer::watch(error, source),
        Error::Word(_) => with(Exit::Usage, &[]),
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
