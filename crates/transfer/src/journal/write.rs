//! Writing a journal: first the plan, then events as they come.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::event::{Event, Header, SAFE_KIND, encode_plan_end};
use super::record::{BODY_MAX_BYTES, frame};
use super::{HEAD_BYTES, JournalError, MAGIC, Recorded, VERSION, read};
use crate::codec::Encoder;
use crate::plan::{BlockPlace, Plan, PlanError};
use crate::positioned::write_all_at;

/// Events that are not yet in the file, at the most.
const BUFFER_BYTES: usize = 64 << 10;

/// How often [`Journal::sync_if_due`] makes the journal safe.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);

/// A journal that is being written. Only one process has it; see [`registry`](super::registry).
#[derive(Debug)]
pub struct Journal {
    file: File,
    origin: Origin,
    /// Where the file ends, as far as it was written.
    end: u64,
    buffer: Vec<u8>,
    body: Encoder,
    /// Something was appended since the file was last made safe.
    unsafe_since_sync: bool,
    synced_at: Option<Timestamp>,
    /// The place up to which everything is safe, if the file does not say so yet.
    to_be_said: Option<u64>,
}

/// Which run a journal is of, and which life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The run's name.
    pub run: String,
    /// When the run began, in nanoseconds since 1970.
    pub created_ns: i64,
    /// A former life began effects: this one goes on.
    pub resumed: bool,
    /// Where the journal lies.
    pub path: PathBuf,
}

impl Journal {
    /// Returns which run it is of.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Creates the journal of a plan and makes it safe. Returns it with the plan, which lies in the journal from now on.
    ///
    /// The file must not exist. After this returned, effects may begin.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the plan cannot be read.
    pub fn create(path: &Path, header: &Header, plan: &Plan) -> Result<(Self, Plan), JournalError> {
        let error = |source| JournalError::Io { action: "written", source };
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(error)?;
        let origin = Origin {
            run: header.run.clone(),
            created_ns: header.created_ns,
            resumed: false,
            path: path.to_owned(),
        };
        let mut journal = Self {
            file,
            origin,
            end: 0,
            buffer: [&MAGIC[..], &[VERSION.0, VERSION.1]].concat(),
            body: Encoder::new(),
            unsafe_since_sync: true,
            synced_at: None,
            to_be_said: None,
        };
        header.encode(&mut journal.body);
        let size_bytes = journal.body.bytes().len();
        if size_bytes > BODY_MAX_BYTES {
            return Err(JournalError::RequestTooLong { size_bytes });
        }
        journal.close_record();
        let mut places = Vec::new();
        let mut first = 0;
        let mut index = 0;
        while let Some(block) = plan.block(index).map_err(JournalError::Plan)? {
            let head = crate::plan::block_head(&block);
            let (_, count, _) =
                head.map_err(|source| JournalError::Plan(PlanError::Step { after: first, source }))?;
            places.push(BlockPlace { first, at: journal.position(), length: block.len() });
            journal.body.raw(&block);
            journal.close_record();
            journal.flush_if_full()?;
            first += count;
            index += 1;
        }
        encode_plan_end(plan.totals(), &mut journal.body);
        journal.close_record();
        journal.sync()?;
        sync_folder(path).map_err(|source| JournalError::Io { action: "made safe", source })?;
        let handle = Arc::new(journal.file.try_clone().map_err(error)?);
        let plan = Plan::in_file(header.routes.clone(), *plan.totals(), handle, places);
        Ok((journal, plan))
    }

    /// Opens a journal to go on with it. A record that was cut short is taken off; nothing else is changed.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is of a newer version.
    pub fn resume(path: &Path) -> Result<(Self, Recorded), JournalError> {
        let error = |source| JournalError::Io { action: "written", source };
        let mut file = File::options().read(true).write(true).open(path).map_err(error)?;
        let mut head = [0; HEAD_BYTES];
        let minor = match file.read_exact(&mut head) {
            Ok(()) => head[HEAD_BYTES - 1],
            Err(_) => 0,
        };
        let recorded = read(path)?;
        if minor > VERSION.1 {
            return Err(JournalError::ReadOnly(VERSION.0, minor));
        }
        if recorded.cut_at.is_some() {
            file.set_len(recorded.end).map_err(error)?;
            file.sync_all().map_err(|source| JournalError::Io { action: "made safe", source })?;
        }
        let origin = Origin {
            run: recorded.header.run.clone(),
            created_ns: recorded.header.created_ns,
            resumed: true,
            path: path.to_owned(),
        };
        let journal = Self {
            file,
            origin,
            end: recorded.end,
            buffer: Vec::new(),
            body: Encoder::new(),
            unsafe_since_sync: false,
            synced_at: None,
            to_be_said: None,
        };
        Ok((journal, recorded))
    }

    /// Appends an event. It is in the file after the next flush, and safe after the next sync.
    ///
    /// # Errors
    /// When the buffer was full and could not be written. The event is kept and written with the next try.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        // Not right after the sync: an end is the last record of its journal.
        if let Some(end) = self.to_be_said.take() {
            self.body.byte(SAFE_KIND);
            self.body.number(end);
            self.close_record();
        }
        event.encode(&mut self.body);
        self.unsafe_since_sync = true;
        self.close_record();
        self.flush_if_full()
    }

    /// Writes what is buffered. A process that dies afterwards loses nothing, a machine may.
    ///
    /// # Errors
    /// When the file cannot be written. Nothing is lost; a later try writes the same bytes to the same place.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        write_all_at(&self.file, &self.buffer, self.end)
            .map_err(|source| JournalError::Io { action: "written", source })?;
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is buffered and makes everything safe.
    ///
    /// # Errors
    /// When the file cannot be written or made safe.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.flush()?;
        if self.unsafe_since_sync {
            self.file.sync_data().map_err(|source| JournalError::Io { action: "made safe", source })?;
            self.unsafe_since_sync = false;
            self.to_be_said = Some(self.end);
        }
        Ok(())
    }

    /// Makes everything safe if that was not done within [`SYNC_EVERY`]; tells whether it was. A clock that went back makes it due.
    ///
    /// # Errors
    /// As [`Journal::sync`].
    pub fn sync_if_due(&mut self, now: Timestamp) -> Result<bool, JournalError> {
        let since = self.synced_at.map(|at| now.duration_since(at));
        let every = SignedDuration::try_from(SYNC_EVERY).expect("a second fits");
        let due = since.is_none_or(|since| since >= every || since.is_negative());
        if !due || !self.unsafe_since_sync {
            return Ok(false);
        }
        self.sync()?;
        self.synced_at = Some(now);
        Ok(true)
    }

    /// Where the next record begins.
    fn position(&self) -> u64 {
        self.end + self.buffer.len() as u64
    }

    fn close_record(&mut self) {
        frame(self.position(), self.body.bytes(), &mut self.buffer);
        self.body.clear();
    }

    fn flush_if_full(&mut self) -> Result<(), JournalError> {
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // A caller that ends in order has synced; one that does not loses what it would lose by dying.
        let _ = self.flush();
    }
}

/// Makes the name of a file safe. Where folders cannot be opened, the system does that itself.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| cfg!(unix) && !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::state::Status;
    use crate::name::Name;
    use crate::plan::{Cutting, Place, PlanBuilder, Route, Step, Task};

    #[test]
    fn what_could_not_be_written_is_written_by_the_next_try() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let cutting = Cutting { one_request_max_bytes: 1, part_bytes: 5 << 20, copy_max_bytes: 1 };
        let routes = vec![Route { from: Place::Stdio, to: Place::Stdio }];
        let mut plan = PlanBuilder::in_memory(routes.clone(), cutting);
        for number in 0..10_000 {
            let name = Name::new(&format!("{number:05}")).expect("a name");
            plan.push(&Step::new(Task::Upload, name, 0)).expect("it is in memory");
        }
        let header =
            Header { run: "r".into(), tool: "0".into(), created_ns: 0, request: "cp".into(), routes };
        let plan = plan.finish().expect("it is in memory");
        let (mut journal, _) = Journal::create(&path, &header, &plan).expect("a journal");
        journal.append(&Event::Skipped { step: 0 }).expect("it is buffered");
        journal.sync().expect("it is written");
        // A handle that may not write stands for a disk that is full.
        let deaf = File::open(&path).expect("a handle");
        let writing = std::mem::replace(&mut journal.file, deaf);
        let mut failed = 0;
        for step in 1..10_000 {
            let reason = "x".repeat(20);
            failed += u32::from(journal.append(&Event::Failed { step, reason }).is_err());
        }
        assert!(failed > 0 && journal.flush().is_err());
        journal.file = writing;
        journal.sync().expect("it is written now");
        let recorded = read(&path).expect("it is whole");
        assert_eq!((recorded.cut_at, recorded.state.count(Status::Failed)), (None, 9_999));
    }
}
