//! The rollback file: what a setup was about to do and what it did, one JSON line each, on the disk before the next step begins.
//!
//! A step is written twice: before it, with what would take it back, and after it, with what does. A step that was cut off between
//! the two is taken back as well. One file serves all runs for a bookmark, until everything in it has been taken back. It holds no
//! secret. Format: `docs/formats.md`.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pintail_core::name::BookmarkName;
use serde::{Deserialize, Serialize};

use super::SetupError;
use super::desired::{Desired, Draft};
use super::plan::{Facts, Reversal, Side, Step, Undo};
use crate::ops::{App, Error};

/// What the first line is told by.
const FORMAT: &str = "pintail-setup-rollback";
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    /// The first line.
    Head { format: String, version: u32, bookmark: String },
    /// A run begins to change things, for this wish.
    Run { at: String, issuer: String, tenant: Option<String>, wish: String },
    /// A step is about to be done.
    Intended { n: u64, step: Box<Step>, undo: Undo },
    /// It was done.
    Done { n: u64, undo: Undo },
    /// It was taken back.
    Undone { n: u64 },
    /// A run came to its end: the way in was tried, or trying was not wanted.
    Finished { verified: bool },
}

/// A rollback file that is being written.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    next: u64,
}

/// What a rollback file says.
#[derive(Debug)]
pub(crate) struct Record {
    /// The bookmark.
    pub(crate) bookmark: BookmarkName,
    /// The wish of the last run, where one began.
    pub(crate) wish: Option<Desired>,
    /// What was done and not taken back, the last first: number and what takes it back.
    pub(crate) open: Vec<(u64, Reversal)>,
    /// The last run came to its end.
    pub(crate) is_finished: bool,
    next: u64,
}

/// Returns where the rollback file of a bookmark is.
pub(crate) fn path(app: &App, name: &BookmarkName) -> PathBuf {
    app.environment().folders.state.join("setup").join(format!("{name}.rollback.jsonl"))
}

impl Record {
    /// Reads a rollback file; `None` where there is none.
    ///
    /// # Errors
    /// When it is none, is damaged before its last line, or is a newer program's.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::local("read", path, error)),
        };
        let unusable = |why: String| SetupError::Journal { path: path.to_owned(), why };
        Ok(Some(Self::of(&text).map_err(unusable)?))
    }

    /// Folds the lines. A last line without its end was cut off and says nothing.
    fn of(text: &str) -> Result<Self, String> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.lines().enumerate();
        let (_, first) = lines.next().ok_or("it is empty")?;
        let head: Line = serde_json::from_str(first).map_err(|_| "its first line is another format's")?;
        let bookmark = match head {
            Line::Head { format, version, .. } if format == FORMAT && version > VERSION => {
                return Err(format!("it has version {version}, and this program reads version {VERSION}"));
            }
            Line::Head { format, bookmark, .. } if format == FORMAT => bookmark,
            _ => return Err("its first line is another format's".to_owned()),
        };
        let bookmark = bookmark.parse().map_err(|_| "it names no bookmark")?;
        let mut record = Self { bookmark, wish: None, open: Vec::new(), is_finished: true, next: 0 };
        for (index, line) in lines {
            let line: Line =
                serde_json::from_str(line).map_err(|_| format!("line {} cannot be read", index + 1))?;
            record.take(line).map_err(|why| format!("line {}: {why}", index + 1))?;
        }
        Ok(record)
    }

    fn take(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Head { .. } => return Err("a second first line".to_owned()),
            Line::Run { wish, .. } => {
                let read = Draft::parse(&wish).and_then(|draft| draft.read());
                self.wish = Some(read.map_err(|faults| faults.to_string())?);
                self.is_finished = false;
            }
            Line::Intended { n, step, undo } => {
                let reversal = Reversal { id: step.id, side: step.side, what: step.undo, undo };
                self.open.insert(0, (n, reversal));
                self.next = self.next.max(n + 1);
            }
            Line::Done { n, undo } => {
                if let Some((_, reversal)) = self.open.iter_mut().find(|(open, _)| *open == n) {
                    reversal.undo = undo;
                }
            }
            Line::Undone { n } => self.open.retain(|(open, _)| *open != n),
            Line::Finished { .. } => self.is_finished = true,
        }
        Ok(())
    }

    /// Returns the accounts in which something is to be taken back.
    pub(crate) fn accounts(&self) -> Vec<&str> {
        let mut accounts: Vec<&str> = Vec::new();
        for (_, reversal) in &self.open {
            if let Side::Aws { account } = &reversal.side
                && !accounts.contains(&account.as_str())
            {
                accounts.push(account);
            }
        }
        accounts
    }

    /// Tells whether something is to be taken back in the tenant.
    pub(crate) fn touches_entra(&self) -> bool {
        self.open.iter().any(|(_, reversal)| reversal.side == Side::Entra)
    }
}

impl Journal {
    /// Opens the rollback file of a bookmark to go on writing; one that has nothing left to take back begins anew.
    ///
    /// # Errors
    /// When it cannot be read or written, or is another bookmark's.
    pub(crate) fn open(path: &Path, bookmark: &BookmarkName) -> Result<Self, Error> {
        let known = Record::read(path)?;
        let failed = |error| Error::local("write", path, error);
        if let Some(record) = known.filter(|record| !record.open.is_empty()) {
            if record.bookmark != *bookmark {
                let why = format!("it belongs to {}", record.bookmark);
                return Err(SetupError::Journal { path: path.to_owned(), why }.into());
            }
            let file = OpenOptions::new().read(true).append(true).open(path).map_err(failed)?;
            // What a crash left of a line would spoil the next one.
            let whole = fs::read(path).map_err(failed)?;
            let end = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            file.set_len(end as u64).map_err(failed)?;
            return Ok(Self { path: path.to_owned(), file, next: record.next });
        }
        let head = Line::Head { format: FORMAT.to_owned(), version: VERSION, bookmark: bookmark.to_string() };
        super::saved::write(path, &bytes_of(&head))?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, next: 0 })
    }

    /// Says that a run begins to change things.
    ///
    /// # Errors
    /// When it cannot be written; then nothing may be changed.
    pub(crate) fn run(&mut self, at: Timestamp, desired: &Desired, facts: &Facts) -> Result<(), Error> {
        self.write(&Line::Run {
            at: at.to_string(),
            issuer: facts.issuer.clone(),
            tenant: facts.tenant.clone(),
            wish: desired.to_toml(),
        })
    }

    /// Says that a step is about to be done, and returns its number.
    ///
    /// # Errors
    /// When it cannot be written; then the step may not be done.
    pub(crate) fn intend(&mut self, step: &Step, undo: Undo) -> Result<u64, Error> {
        let n = self.next;
        self.write(&Line::Intended { n, step: Box::new(step.clone()), undo })?;
        self.next += 1;
        Ok(n)
    }

    /// Says that a step was done.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn done(&mut self, n: u64, undo: Undo) -> Result<(), Error> {
        self.write(&Line::Done { n, undo })
    }

    /// Says that a step was taken back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn undone(&mut self, n: u64) -> Result<(), Error> {
        self.write(&Line::Undone { n })
    }

    /// Says that the run came to its end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finished(&mut self, verified: bool) -> Result<(), Error> {
        self.write(&Line::Finished { verified })
    }

    fn write(&mut self, line: &Line) -> Result<(), Error> {
        let written = self.file.write_all(&bytes_of(line)).and_then(|()| self.file.sync_data());
        written.map_err(|error| Error::local("write", &self.path, error))
    }
}

fn bytes_of(line: &Line) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("lines are made of texts, numbers and JSON");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests;
