//! What two sides had in common when they were last synchronised: the base of a sync both ways.
//!
//! A file of records, sorted by name and replaced as a whole at the end of a run. It is read as a stream beside the two sides, so that a sync of a
//! million names holds none of them. A run that dies leaves the base of the run before, with which the next one finds its way
//! ([`two_way`](crate::policy::two_way)); a base that is damaged is an error, since without it every deletion would be undone.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pintail_core::retry::Retry;
use pintail_core::seam::Random;

use crate::codec::{CodecError, Decoder, Encoder};
use crate::entry::Kind;
use crate::journal::record::{RecordError, Records, frame};
use crate::name::Name;
use crate::plan::{Route, decode_routes, encode_routes};
use crate::policy::two_way::{Remembered, Seen};

const MAGIC: &[u8; 6] = b"PTBASE";
/// The version that is written. A base of a higher second number could not be replaced without losing what is new in it, and is not read.
const VERSION: (u8, u8) = (1, 0);
const HEAD_BYTES: usize = 8;
/// A block is closed when it has this many bytes.
const BLOCK_BYTES: usize = 64 << 10;

const ROUTE_KIND: u8 = 1;
const BLOCK_KIND: u8 = 2;
const END_KIND: u8 = 3;

/// Why a base cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The system refused.
    #[error("{} cannot be {action}", .path.display())]
    Io {
        /// "read", "written" or "replaced".
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not begin like a base.
    #[error("{} is no base of a sync", .0.display())]
    NotABase(PathBuf),
    /// The base is of another version.
    #[error("{} is of version {major}.{minor}, which this program cannot use", .path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        major: u8,
        /// The second number of it.
        minor: u8,
    },
    /// It is not what was written, or ends too early.
    #[error("{} is damaged at byte {at}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        at: u64,
    },
    /// It belongs to other places.
    #[error("{} is the base of another pair of places", .0.display())]
    OtherPlaces(PathBuf),
    /// A name does not come after the one before.
    #[error("{name:?} comes after {before:?}")]
    Unsorted {
        /// The name before.
        before: Name,
        /// The name.
        name: Name,
    },
}

impl BaseError {
    /// Tells whether the same could succeed later: never without somebody's doing.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Writes a base. Nothing is replaced before [`BaseWriter::finish`].
#[derive(Debug)]
pub struct BaseWriter {
    file: File,
    path: PathBuf,
    temporary: PathBuf,
    end: u64,
    block: Encoder,
    count: u64,
    total: u64,
    before: Option<Name>,
    finished: bool,
}

impl BaseWriter {
    /// Begins a base for two places, beside the one that it will replace.
    ///
    /// # Errors
    /// When its folder cannot be made or written.
    pub fn create(path: &Path, route: &Route, random: &dyn Random) -> Result<Self, BaseError> {
        let error = |source| BaseError::Io { action: "written", path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(error)?;
        }
        let mut number = [0; 8];
        random.fill(&mut number);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{:016x}.new", u64::from_le_bytes(number)));
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary).map_err(error)?;
        file.write_all(&[&MAGIC[..], &[VERSION.0, VERSION.1]].concat()).map_err(error)?;
        let mut writer = Self {
            file,
            path: path.to_owned(),
            temporary,
            end: HEAD_BYTES as u64,
            block: Encoder::new(),
            count: 0,
            total: 0,
            before: None,
            finished: false,
        };
        let mut head = Encoder::new();
        head.byte(ROUTE_KIND);
        encode_routes(std::slice::from_ref(route), &mut head);
        writer.record(head.bytes())?;
        Ok(writer)
    }

    /// Adds what is remembered of a name. Names come in ascending order.
    ///
    /// # Errors
    /// When they do not, or the file cannot be written.
    pub fn push(&mut self, name: &Name, remembered: &Remembered) -> Result<(), BaseError> {
        if let Some(before) = self.before.as_ref().filter(|before| *before >= name) {
            return Err(BaseError::Unsorted { before: before.clone(), name: name.clone() });
        }
        // The first name of a block has none before it in the block.
        let before = if self.count == 0 { None } else { self.before.as_ref() };
        self.block.name_after(before, name);
        encode_seen(&remembered.left, &mut self.block);
        encode_seen(&remembered.right, &mut self.block);
        self.before = Some(name.clone());
        self.count += 1;
        self.total += 1;
        if self.block.bytes().len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    /// Makes the base safe and puts it in the place of the one before.
    ///
    /// # Errors
    /// When it cannot be written or replaced; the one before stays.
    pub fn finish(mut self) -> Result<(), BaseError> {
        self.close_block()?;
        let mut end = Encoder::new();
        end.byte(END_KIND);
        end.number(self.total);
        self.record(end.bytes())?;
        let error = |source| BaseError::Io { action: "replaced", path: self.path.clone(), source };
        self.file.sync_all().map_err(error)?;
        fs::rename(&self.temporary, &self.path).map_err(error)?;
        self.finished = true;
        let folder = self.path.parent().filter(|folder| cfg!(unix) && !folder.as_os_str().is_empty());
        folder.map_or(Ok(()), |folder| File::open(folder)?.sync_all()).map_err(error)
    }

    fn close_block(&mut self) -> Result<(), BaseError> {
        if self.count == 0 {
            return Ok(());
        }
        let mut block = Encoder::new();
        block.byte(BLOCK_KIND);
        block.number(self.count);
        block.raw(self.block.bytes());
        self.block.clear();
        self.count = 0;
        self.record(block.bytes())
    }

    fn record(&mut self, body: &[u8]) -> Result<(), BaseError> {
        let mut record = Vec::new();
        frame(self.end, body, &mut record);
        self.file.write_all(&record).map_err(|source| BaseError::Io {
            action: "written",
            path: self.path.clone(),
            source,
        })?;
        self.end += record.len() as u64;
        Ok(())
    }
}

impl Drop for BaseWriter {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// What is remembered, name by name in ascending order. After an error nothing more comes.
#[derive(Debug)]
pub struct Base {
    path: PathBuf,
    records: Option<Records<File>>,
    /// The rest of the open block.
    block: Vec<u8>,
    at: usize,
    left: u64,
    in_block: Option<Name>,
    before: Option<Name>,
    total: u64,
}

impl Base {
    /// Opens the base of two places; without a file there is nothing in it.
    ///
    /// # Errors
    /// When the file is no base, is of another version, or belongs to other places.
    pub fn open(path: &Path, route: &Route) -> Result<Self, BaseError> {
        let mut base = Self {
            path: path.to_owned(),
            records: None,
            block: Vec::new(),
            at: 0,
            left: 0,
            in_block: None,
            before: None,
            total: 0,
        };
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(base),
            file => file.map_err(|source| base.io(source))?,
        };
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => BaseError::NotABase(path.to_owned()),
            _ => base.io(source),
        })?;
        match head.strip_prefix(MAGIC) {
            Some([major, minor]) if (*major, *minor) == VERSION => {}
            Some([major, minor]) => {
                return Err(BaseError::Version { path: path.to_owned(), major: *major, minor: *minor });
            }
            _ => return Err(BaseError::NotABase(path.to_owned())),
        }
        let mut records = Records::new(file, HEAD_BYTES as u64).map_err(|error| base.broken(error))?;
        let damaged = || BaseError::Damaged { path: path.to_owned(), at: HEAD_BYTES as u64 };
        let Some((_, body)) = records.next_record().map_err(|error| base.broken(error))? else {
            return Err(damaged());
        };
        let mut decoder = Decoder::new(body);
        let routes = decoder.byte("a kind").and_then(|kind| match kind {
            ROUTE_KIND => decode_routes(&mut decoder),
            _ => Err(decoder.error("a kind")),
        });
        if routes.map_err(|_| damaged())? != [route.clone()] {
            return Err(BaseError::OtherPlaces(path.to_owned()));
        }
        base.records = Some(records);
        Ok(base)
    }

    fn advance(&mut self) -> Result<Option<(Name, Remembered)>, BaseError> {
        loop {
            if self.left > 0 {
                return self.entry().map(Some);
            }
            let Some(records) = &mut self.records else { return Ok(None) };
            let record = match records.next_record() {
                Ok(record) => record.map(|(at, body)| (at, body.to_vec())),
                Err(error) => return Err(self.broken(error)),
            };
            let Some((at, body)) = record else {
                // The end is told by a record of its own.
                let at = records.position();
                return Err(BaseError::Damaged { path: self.path.clone(), at });
            };
            let mut decoder = Decoder::new(&body);
            let read = match decoder.byte("a kind") {
                Ok(BLOCK_KIND) => decoder.number("a block").map(Some),
                Ok(END_KIND) => match decoder.number("a number") {
                    Ok(total) if total == self.total => Ok(None),
                    _ => Err(decoder.error("the end")),
                },
                _ => Err(decoder.error("a kind")),
            };
            match read {
                Ok(Some(count)) => {
                    self.left = count;
                    self.at = body.len() - decoder.rest().len();
                    self.block = body;
                    self.in_block = None;
                }
                Ok(None) => {
                    self.records = None;
                    return Ok(None);
                }
                Err(_) => return Err(BaseError::Damaged { path: self.path.clone(), at }),
            }
        }
    }

    fn entry(&mut self) -> Result<(Name, Remembered), BaseError> {
        let mut decoder = Decoder::new(&self.block[self.at..]);
        let entry = decode_entry(&mut decoder, self.in_block.as_ref());
        let place = self.records.as_ref().map_or(0, Records::position);
        let damaged = || BaseError::Damaged { path: self.path.clone(), at: place };
        let (name, remembered) = entry.map_err(|_| damaged())?;
        if self.before.as_ref().is_some_and(|before| *before >= name) {
            return Err(damaged());
        }
        self.at = self.block.len() - decoder.rest().len();
        self.left -= 1;
        self.total += 1;
        self.in_block = Some(name.clone());
        self.before = Some(name.clone());
        Ok((name, remembered))
    }

    fn io(&self, source: io::Error) -> BaseError {
        BaseError::Io { action: "read", path: self.path.clone(), source }
    }

    fn broken(&self, error: RecordError) -> BaseError {
        match error {
            RecordError::Io(source) => self.io(source),
            RecordError::Damaged { from, .. } => BaseError::Damaged { path: self.path.clone(), at: from },
        }
    }
}

impl Iterator for Base {
    type Item = Result<(Name, Remembered), BaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            (self.records, self.left) = (None, 0);
        }
        next
    }
}

/// What is remembered, looked up in the order of the names that two sides have: a merge with a third stream.
#[derive(Debug)]
pub struct Lookup<I> {
    base: I,
    waiting: Option<(Name, Remembered)>,
}

impl<E, I: Iterator<Item = Result<(Name, Remembered), E>>> Lookup<I> {
    /// Begins before the first name.
    pub fn new(base: I) -> Self {
        Self { base, waiting: None }
    }

    /// Returns the next name that is remembered and comes before this one, with `None` for the end: neither side has it. To be asked until there
    /// is none, before [`Lookup::at`].
    ///
    /// # Errors
    /// When the base cannot be read.
    pub fn before(&mut self, name: Option<&Name>) -> Result<Option<(Name, Remembered)>, E> {
        self.fill()?;
        Ok(self.waiting.take_if(|(waiting, _)| name.is_none_or(|name| &*waiting < name)))
    }

    /// Returns what is remembered of a name.
    ///
    /// # Errors
    /// When the base cannot be read.
    pub fn at(&mut self, name: &Name) -> Result<Option<Remembered>, E> {
        self.fill()?;
        let found = self.waiting.take_if(|(waiting, _)| &*waiting == name);
        Ok(found.map(|(_, remembered)| remembered))
    }

    fn fill(&mut self) -> Result<(), E> {
        if self.waiting.is_none() {
            self.waiting = self.base.next().transpose()?;
        }
        Ok(())
    }
}

fn encode_seen(seen: &Seen, into: &mut Encoder) {
    into.byte(match seen.kind {
        Kind::File => 1,
        Kind::Folder => 2,
        Kind::Link => 3,
    });
    into.number(seen.size_bytes);
    into.modified(seen.modified);
    into.option(seen.tag.as_ref(), Encoder::tag);
}

fn decode_entry(from: &mut Decoder<'_>, before: Option<&Name>) -> Result<(Name, Remembered), CodecError> {
    let name = from.name_after(before, "a name")?;
    Ok((name, Remembered { left: decode_seen(from)?, right: decode_seen(from)? }))
}

fn decode_seen(from: &mut Decoder<'_>) -> Result<Seen, CodecError> {
    let kind = match from.byte("a kind")? {
        1 => Kind::File,
        2 => Kind::Folder,
        3 => Kind::Link,
        _ => return Err(from.error("a kind")),
    };
    Ok(Seen {
        kind,
        size_bytes: from.number("a size")?,
        modified: from.modified()?,
        tag: from.option("an entity tag", Decoder::tag)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use pintail_core::seam::SeededRandom;
    use pintail_store::object_store::ETag;
    use proptest::prelude::*;

    use super::*;
    use crate::entry::{Meaning, Modified, Tag};
    use crate::plan::Place;

    fn route(path: &str) -> Route {
        let to = Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: "p/".into() };
        Route { from: Place::Local(path.into()), to }
    }

    fn remembered(number: u64) -> Remembered {
        let left = Seen {
            kind: Kind::File,
            size_bytes: number,
            modified: Modified::from_ns(number as i64 - 50, Meaning::Content),
            tag: None,
        };
        let tag = Some(Tag::of(&ETag::new(&format!("{number:032x}"))));
        Remembered { right: Seen { tag, modified: Modified::UNKNOWN, ..left.clone() }, left }
    }

    fn name(number: u64) -> Name {
        Name::new(&format!("folder/file-{number:06}")).unwrap()
    }

    fn write(path: &Path, count: u64) {
        let mut writer = BaseWriter::create(path, &route("/a"), &SeededRandom::new(1)).unwrap();
        (0..count).for_each(|number| writer.push(&name(number), &remembered(number)).unwrap());
        writer.finish().unwrap();
    }

    #[test]
    fn what_was_written_is_remembered_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sync/base");
        assert_eq!(Base::open(&path, &route("/a")).unwrap().count(), 0);
        for count in [10_000, 0, 3] {
            write(&path, count);
            let read: Vec<_> = Base::open(&path, &route("/a")).unwrap().map(Result::unwrap).collect();
            assert!(read.into_iter().eq((0..count).map(|number| (name(number), remembered(number)))));
            assert_eq!(fs::read_dir(folder.path().join("sync")).unwrap().count(), 1);
        }
        // One that is given up changes nothing.
        let mut writer = BaseWriter::create(&path, &route("/a"), &SeededRandom::new(1)).unwrap();
        writer.push(&name(7), &remembered(7)).unwrap();
        assert!(matches!(writer.push(&name(7), &remembered(7)), Err(BaseError::Unsorted { .. })));
        drop(writer);
        assert_eq!(Base::open(&path, &route("/a")).unwrap().count(), 3);
        assert_eq!(fs::read_dir(folder.path().join("sync")).unwrap().count(), 1);
        assert!(matches!(Base::open(&path, &route("/b")), Err(BaseError::OtherPlaces(_))));
    }

    #[test]
    fn a_base_that_is_cut_or_damaged_anywhere_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base");
        write(&path, 5);
        let bytes = fs::read(&path).unwrap();
        let read = |bytes: &[u8]| -> Result<usize, BaseError> {
            fs::write(&path, bytes).unwrap();
            Ok(Base::open(&path, &route("/a"))?.collect::<Result<Vec<_>, _>>()?.len())
        };
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert!(read(&damaged).is_err(), "damaged at {at}");
        }
        assert_eq!(read(&bytes).unwrap(), 5);
    }

    proptest! {
        #[test]
        fn every_name_is_found_beside_two_sides_or_between_them(
            base in prop::collection::btree_set(0..20_u64, 0..12),
            asked in prop::collection::btree_set(0..20_u64, 0..12),
        ) {
            let stream = base.iter().map(|number| Ok::<_, Infallible>((name(*number), remembered(*number))));
            let mut lookup = Lookup::new(stream);
            let mut found = BTreeMap::new();
            for number in &asked {
                while let Ok(Some((between, _))) = lookup.before(Some(&name(*number))) {
                    found.insert(between, false);
                }
                let at = lookup.at(&name(*number)).unwrap();
                prop_assert_eq!(at.is_some(), base.contains(number));
                if at.is_some() {
                    found.insert(name(*number), true);
                }
            }
            while let Ok(Some((after, _))) = lookup.before(None) {
                found.insert(after, false);
            }
            let expected: BTreeMap<Name, bool> =
                base.iter().map(|number| (name(*number), asked.contains(number))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
