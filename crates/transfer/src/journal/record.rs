//! Records: how a journal lies on the disk, and what is told of one that is cut or damaged.
//!
//! A file is a head of eight bytes and records one after another: a mark, the length of the body in three bytes, a CRC-32C, the body. The CRC
//! is taken over the record's place in the file and the body, so that a record at another place is none. `docs/formats.md` has the table.
//!
//! **Cut or damaged.** A process that dies, or a machine that loses power, leaves a last record cut short, or blocks of zeros or of
//! something else where the last writes would have been. So what cannot be read is a *cut* if nothing that comes after it can be
//! read, and *damage* if a whole record comes after it. A cut ends the file; damage is an error that says where. Blocks that were not made safe may reach
//! the disk in any order, so that a journal has the last word: damage of what had never been safe is a cut as well.

use std::io::{self, Read, Seek, SeekFrom};

use crc_fast::{CrcAlgorithm, Digest};

/// The length of a record's mark, length and checksum.
pub(crate) const FRAME_BYTES: usize = 8;

/// The longest body. A plan's steps come in records of 64 KiB; a command line may have two megabytes on Linux.
pub const BODY_MAX_BYTES: usize = 4 << 20;

/// The first byte of every record: rare in text and zeros, so that records are found again after damage.
const MARK: u8 = 0xb7;

/// Appends a record that will stand at a place in its file.
///
/// # Panics
/// When the body is empty or longer than [`BODY_MAX_BYTES`]: callers check what comes from outside.
pub(crate) fn frame(at: u64, body: &[u8], into: &mut Vec<u8>) {
    assert!(!body.is_empty() && body.len() <= BODY_MAX_BYTES, "a record's body has 1 byte to 4 MiB");
    let length = (body.len() as u32).to_le_bytes();
    into.push(MARK);
    into.extend_from_slice(&length[..3]);
    into.extend_from_slice(&checksum(at, body).to_le_bytes());
    into.extend_from_slice(body);
}

fn checksum(at: u64, body: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(&at.to_le_bytes());
    digest.update(body);
    digest.finalize() as u32
}

/// Returns the body of the record that begins a piece of a file, `None` if none that is whole does.
pub(crate) fn unframe(at: u64, bytes: &[u8]) -> Option<&[u8]> {
    let frame = bytes.get(..FRAME_BYTES)?;
    if frame[0] != MARK {
        return None;
    }
    let length = u32::from_le_bytes([frame[1], frame[2], frame[3], 0]) as usize;
    let expected = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]);
    if length == 0 || length > BODY_MAX_BYTES {
        return None;
    }
    let body = bytes.get(FRAME_BYTES..FRAME_BYTES + length)?;
    (checksum(at, body) == expected).then_some(body)
}

/// Why a file of records cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be read.
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
    /// Bytes in the middle are not what was written.
    #[error("the file is damaged from byte {from} to byte {to}")]
    Damaged {
        /// Where the damage begins.
        from: u64,
        /// Where the next whole record begins.
        to: u64,
    },
}

/// Reads records one after another, holding one at a time.
#[derive(Debug)]
pub(crate) struct Records<R> {
    file: R,
    /// Bytes of the file that were read and not yet used up, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    /// Where in the file the next record begins.
    at: u64,
    at_end: bool,
    cut: bool,
}

/// So much is read at once.
const READ_BYTES: usize = 256 << 10;

impl<R: Read + Seek> Records<R> {
    /// Begins at a place in the file, which is the end of its head or of a record.
    pub(crate) fn new(mut file: R, at: u64) -> Result<Self, RecordError> {
        file.seek(SeekFrom::Start(at)).map_err(RecordError::Io)?;
        Ok(Self { file, buffer: Vec::new(), start: 0, at, at_end: false, cut: false })
    }

    /// Returns the place and body of the next record, `None` at the end.
    pub(crate) fn next_record(&mut self) -> Result<Option<(u64, &[u8])>, RecordError> {
        if self.cut {
            return Ok(None);
        }
        self.fill(FRAME_BYTES)?;
        let ahead = &self.buffer[self.start..];
        if ahead.is_empty() {
            return Ok(None);
        }
        let wanted = match ahead {
            [MARK, a, b, c, ..] => FRAME_BYTES + u32::from_le_bytes([*a, *b, *c, 0]) as usize,
            _ => FRAME_BYTES,
        };
        self.fill(wanted.min(FRAME_BYTES + BODY_MAX_BYTES))?;
        let at = self.at;
        let Some(body) = unframe(at, &self.buffer[self.start..]) else {
            if let Some(to) = self.next_whole()? {
                return Err(RecordError::Damaged { from: at, to });
            }
            (self.cut, self.at) = (true, at);
            return Ok(None);
        };
        let (from, length) = (self.start + FRAME_BYTES, body.len());
        self.start += FRAME_BYTES + length;
        self.at += (FRAME_BYTES + length) as u64;
        Ok(Some((at, &self.buffer[from..from + length])))
    }

    /// Returns where the records that were read so far end.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// Tells whether the file goes on after its last whole record. Known once the end was reached.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Looks for a whole record after one that is none.
    fn next_whole(&mut self) -> Result<Option<u64>, RecordError> {
        loop {
            self.start += 1;
            self.at += 1;
            let mark = loop {
                self.fill(FRAME_BYTES)?;
                let ahead = &self.buffer[self.start..];
                match ahead.iter().position(|byte| *byte == MARK) {
                    Some(mark) => break mark,
                    None if self.at_end => return Ok(None),
                    None => {
                        self.at += ahead.len() as u64;
                        self.start = self.buffer.len();
                    }
                }
            };
            self.start += mark;
            self.at += mark as u64;
            self.fill(FRAME_BYTES)?;
            let [_, a, b, c, ..] = self.buffer[self.start..] else { return Ok(None) };
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            if length == 0 || length > BODY_MAX_BYTES {
                continue;
            }
            self.fill(FRAME_BYTES + length)?;
            if unframe(self.at, &self.buffer[self.start..]).is_some() {
                return Ok(Some(self.at));
            }
        }
    }

    /// Makes so many bytes ready, fewer at the end of the file.
    fn fill(&mut self, wanted: usize) -> Result<(), RecordError> {
        if self.buffer.len() - self.start >= wanted || self.at_end {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < wanted && !self.at_end {
            let before = self.buffer.len();
            let limit = (wanted - before).max(READ_BYTES) as u64;
            let read = Read::by_ref(&mut self.file).take(limit).read_to_end(&mut self.buffer);
            read.map_err(RecordError::Io)?;
            self.at_end = ((self.buffer.len() - before) as u64) < limit;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn file(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut file = Vec::new();
        for body in bodies {
            frame(file.len() as u64, body, &mut file);
        }
        file
    }

    /// How reading ends: `Ok(true)` for a cut, `Err` with the place of a damage.
    type End = Result<bool, (u64, u64)>;

    /// Everything that can be read, and how it ends.
    fn read(file: &[u8]) -> (Vec<Vec<u8>>, End) {
        let mut records = Records::new(Cursor::new(file), 0).unwrap();
        let mut bodies = Vec::new();
        loop {
            match records.next_record() {
                Ok(Some((_, body))) => bodies.push(body.to_vec()),
                Ok(None) => return (bodies, Ok(records.is_cut())),
                Err(RecordError::Damaged { from, to }) => return (bodies, Err((from, to))),
                Err(RecordError::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn long_records_are_read_across_the_edges_of_what_is_read_at_once() {
        let bodies = vec![vec![MARK; READ_BYTES - 3], vec![1], vec![2; BODY_MAX_BYTES], vec![3; 5]];
        assert_eq!(read(&file(&bodies)), (bodies.clone(), Ok(false)));
        let mut damaged = file(&bodies);
        damaged[100] ^= 1;
        let second = (FRAME_BYTES + READ_BYTES - 3) as u64;
        assert_eq!(read(&damaged), (Vec::new(), Err((0, second))));
    }

    #[test]
    fn a_tail_of_zeros_or_of_something_else_is_a_cut() {
        let bodies = vec![vec![1, 2, 3], vec![4]];
        for tail in [vec![0; 10_000], vec![0xb7; 50], b"\xb7\x01\x00\x00 text".to_vec()] {
            let whole = [file(&bodies), tail].concat();
            assert_eq!(read(&whole), (bodies.clone(), Ok(true)));
        }
    }

    #[test]
    fn a_record_at_another_place_is_none() {
        let one = file(&[vec![7; 20]]);
        let twice = [one.clone(), one.clone()].concat();
        assert_eq!(read(&twice), (vec![vec![7; 20]], Ok(true)));
    }

    proptest! {
        #[test]
        fn a_file_that_is_cut_anywhere_gives_what_was_whole(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            part in 0.0..1.0,
        ) {
            let whole = file(&bodies);
            prop_assert_eq!(read(&whole), (bodies.clone(), Ok(false)));
            let end = (whole.len() as f64 * part) as usize;
            let (found, ended) = read(&whole[..end]);
            prop_assert_eq!(&found[..], &bodies[..found.len()]);
            let used: usize = found.iter().map(|body| FRAME_BYTES + body.len()).sum();
            prop_assert_eq!(ended, Ok(used < end));
            prop_assert!(bodies.get(found.len()).is_none_or(|next| used + FRAME_BYTES + next.len() > end));
        }

        #[test]
        fn a_bit_that_flips_is_damage_unless_it_is_in_the_last_record(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..8),
            part in 0.0..1.0,
            bit in 0..8_u32,
        ) {
            let mut file = file(&bodies);
            let at = (file.len() as f64 * part) as usize;
            file[at] ^= 1_u8 << bit;
            let (found, ended) = read(&file);
            let mut end = 0;
            let hit = bodies.iter().position(|body| {
                end += FRAME_BYTES + body.len();
                at < end
            });
            let hit = hit.unwrap();
            prop_assert_eq!(&found[..], &bodies[..hit]);
            if hit + 1 == bodies.len() {
                prop_assert_eq!(ended, Ok(true));
            } else {
                let from = end - FRAME_BYTES - bodies[hit].len();
                prop_assert_eq!(ended, Err((from as u64, end as u64)));
            }
        }
    }
}
