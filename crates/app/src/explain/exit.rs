//! The exit codes, as `docs/behaviour.md` promises them.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done,
    /// It failed for a reason that no other code names.
    Failed,
    /// The command line was wrong; nothing was tried.
    Usage,
    /// Some of it was done, some failed.
    Partly,
    /// A person has to sign in first.
    SignInNeeded,
    /// Permission was refused.
    Refused,
    /// Something named does not exist.
    NotFound,
    /// Interrupted by SIGINT or SIGTERM.
    Interrupted,
    /// As the command that was run for the person ended, or could not be run.
    Child(u8),
}

impl Exit {
    /// Returns the number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::SignInNeeded => 4,
            Self::Refused => 5,
            Self::NotFound => 6,
            Self::Interrupted => 130,
            Self::Child(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
