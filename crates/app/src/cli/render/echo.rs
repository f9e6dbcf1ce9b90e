//! A terminal that does not show what is typed, for as long as a secret is typed.

use std::io;

#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// While this lives, standard input does not echo.
pub(super) struct NoEcho {
    #[cfg(unix)]
    before: Termios,
}

impl NoEcho {
    /// Switches the echo off.
    #[cfg(unix)]
    pub(super) fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self { before })
    }

    #[cfg(not(unix))]
    pub(super) fn start() -> io::Result<Self> {
        Err(io::Error::other("secrets cannot be typed here; give them on standard input"))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        #[cfg(unix)]
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
