//! What a side had when it was last looked at, and what is new since: two sorted streams, of which the older lies in a file.
//!
//! Memory does not grow with the number of names: a block of each stream is held, and at most [`NAMES_MAX`] names that differ.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use pintail_core::seam::Random;

use super::{Changes, NAMES_MAX, Why};
use crate::codec::{CodecError, Decoder, Encoder};
use crate::entry::{Entry, Kind};
use crate::plan::spool;
use crate::positioned::{read_exact_at, write_all_at};

/// A block is written when it has this many bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// The length of a block stands before it, in so many bytes.
const LENGTH_BYTES: u64 = 4;

/// What was seen, in a file without a name.
#[derive(Debug)]
pub(super) struct Seen {
    file: File,
    end: u64,
}

/// One look, compared with the one before while it goes on.
#[derive(Debug)]
pub(super) struct Look<'a> {
    before: Option<Reader<'a>>,
    /// What comes next of the look before.
    waiting: Option<Record>,
    file: File,
    end: u64,
    block: Encoder,
    last: String,
    names: BTreeSet<String>,
    many: bool,
}

/// A name, and everything about it that would differ if it had changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    name: String,
    mark: Vec<u8>,
}

fn mark(entry: &Entry) -> Vec<u8> {
    let mut mark = Encoder::new();
    mark.byte(match entry.kind {
        Kind::File => 0,
        Kind::Folder => 1,
        Kind::Link => 2,
    });
    mark.number(entry.size_bytes);
    mark.modified(entry.modified);
    mark.option(entry.tag.as_ref(), Encoder::tag);
    mark.into_bytes()
}

impl<'a> Look<'a> {
    /// Begins a look. Without one before it nothing counts as changed.
    pub(super) fn begin(before: Option<&'a Seen>, folder: &Path, random: &dyn Random) -> io::Result<Self> {
        let mut before =
            before.map(|seen| Reader { seen, at: 0, block: Vec::new(), read: 0, last: String::new() });
        let waiting = before.as_mut().map_or(Ok(None), Reader::next)?;
        Ok(Self {
            before,
            waiting,
            file: spool(folder, random)?,
            end: 0,
            block: Encoder::new(),
            last: String::new(),
            names: BTreeSet::new(),
            many: false,
        })
    }

    /// Takes in what is seen next, in ascending order of names.
    pub(super) fn push(&mut self, entry: &Entry) -> io::Result<()> {
        let (name, mark) = (entry.name.as_str(), mark(entry));
        if let Some(before) = &mut self.before {
            // What is behind was there and is not any more.
            while let Some(gone) = self.waiting.take_if(|waiting| waiting.name.as_str() < name) {
                self.waiting = before.next()?;
                note(&mut self.names, &mut self.many, gone.name);
            }
            match self.waiting.take_if(|waiting| waiting.name == name) {
                Some(same) => {
                    self.waiting = before.next()?;
                    if same.mark != mark {
                        note(&mut self.names, &mut self.many, same.name);
                    }
                }
                None => note(&mut self.names, &mut self.many, name.to_owned()),
            }
        }
        let common = self.last.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
        self.block.number(common as u64);
        self.block.number((name.len() - common) as u64);
        self.block.raw(&name.as_bytes()[common..]);
        self.block.number(mark.len() as u64);
        self.block.raw(&mark);
        name.clone_into(&mut self.last);
        if self.block.bytes().len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    /// Ends the look: what was seen, and what is new in it.
    pub(super) fn finish(mut self) -> io::Result<(Seen, Changes)> {
        while let (Some(gone), Some(before)) = (self.waiting.take(), &mut self.before) {
            self.waiting = before.next()?;
            note(&mut self.names, &mut self.many, gone.name);
        }
        self.close_block()?;
        let changes = if self.many { Changes::Everything(Why::Many) } else { Changes::Names(self.names) };
        Ok((Seen { file: self.file, end: self.end }, changes))
    }

    fn close_block(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.block.bytes().len()).map_err(io::Error::other)?;
        if length == 0 {
            return Ok(());
        }
        write_all_at(&self.file, &length.to_le_bytes(), self.end)?;
        write_all_at(&self.file, self.block.bytes(), self.end + LENGTH_BYTES)?;
        self.end += LENGTH_BYTES + u64::from(length);
        self.block.clear();
        self.last.clear();
        Ok(())
    }
}

fn note(names: &mut BTreeSet<String>, many: &mut bool, name: String) {
    if *many {
        return;
    }
    names.insert(name);
    if names.len() > NAMES_MAX {
        *many = true;
        names.clear();
    }
}

/// Reads what was seen.
#[derive(Debug)]
struct Reader<'a> {
    seen: &'a Seen,
    at: u64,
    block: Vec<u8>,
    /// How much of the block was read.
    read: usize,
    last: String,
}

impl Reader<'_> {
    fn next(&mut self) -> io::Result<Option<Record>> {
        if self.read == self.block.len() {
            if self.at >= self.seen.end {
                return Ok(None);
            }
            let mut length = [0; 4];
            read_exact_at(&self.seen.file, &mut length, self.at)?;
            let length = u32::from_le_bytes(length);
            self.block = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            read_exact_at(&self.seen.file, &mut self.block, self.at + LENGTH_BYTES)?;
            self.at += LENGTH_BYTES + u64::from(length);
            self.read = 0;
            self.last.clear();
        }
        self.record().map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn record(&mut self) -> Result<Record, CodecError> {
        let mut decoder = Decoder::new(&self.block[self.read..]);
        let what = "what was seen";
        let common: usize = decoder.small(what)?;
        let length = decoder.small(what)?;
        let rest = decoder.raw(length, what)?;
        let before = self.last.as_bytes().get(..common).ok_or_else(|| decoder.error(what))?;
        let name = String::from_utf8([before, rest].concat()).map_err(|_| decoder.error(what))?;
        let length = decoder.small(what)?;
        let mark = decoder.raw(length, what)?.to_vec();
        self.read = self.block.len() - decoder.rest().len();
        self.last.clone_from(&name);
        Ok(Record { name, mark })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pintail_core::seam::SeededRandom;
    use proptest::prelude::*;

    use super::*;
    use crate::entry::{Meaning, Modified};
    use crate::name::Name;

    fn look(before: Option<&Seen>, tree: &BTreeMap<String, (u64, i64)>, folder: &Path) -> (Seen, Changes) {
        let mut look = Look::begin(before, folder, &SeededRandom::new(tree.len() as u64)).unwrap();
        for (name, (size, time)) in tree {
            let modified = Modified::from_ns(*time, Meaning::Written);
            look.push(&Entry::file(Name::new(name).unwrap(), *size, modified)).unwrap();
        }
        look.finish().unwrap()
    }

    #[test]
    fn many_blocks_are_read_as_they_were_written_and_too_many_changes_are_everything() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree: BTreeMap<_, _> =
            (0..30_000).map(|number| (format!("some/folder/file-{number:06}"), (number, 7))).collect();
        let (first, changes) = look(None, &tree, folder.path());
        assert!(changes.is_empty() && first.end > 2 * BLOCK_BYTES as u64, "{}", first.end);
        let (second, changes) = look(Some(&first), &tree, folder.path());
        assert!(changes.is_empty());
        tree.insert("some/folder/file-029999".into(), (1, 7));
        tree.remove("some/folder/file-000000");
        let (third, changes) = look(Some(&second), &tree, folder.path());
        let expected = ["some/folder/file-000000", "some/folder/file-029999"].map(str::to_owned);
        assert_eq!(changes, Changes::Names(expected.into()));
        let (_, changes) = look(Some(&third), &BTreeMap::new(), folder.path());
        assert_eq!(changes, Changes::Everything(Why::Many));
    }

    proptest! {
        #[test]
        fn what_differs_is_what_changed(
            before in proptest::collection::btree_map("[abé]{1,2}(/[abé]{1,2}){0,2}", (0..3_u64, 0..3_i64), 0..12),
            after in proptest::collection::btree_map("[abé]{1,2}(/[abé]{1,2}){0,2}", (0..3_u64, 0..3_i64), 0..12),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (seen, first) = look(None, &before, folder.path());
            prop_assert!(first.is_empty());
            let (_, changes) = look(Some(&seen), &after, folder.path());
            let names: BTreeSet<String> = before.keys().chain(after.keys())
                .filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
            prop_assert_eq!(changes, Changes::Names(names));
        }
    }
}
