//! Reading a journal: the plan stays in the file, what happened is folded, and a tail that was cut short is passed over.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use super::event::{Event, HEADER_KIND, Header, PLAN_END_KIND, SAFE_KIND, decode_plan_end};
use super::record::{RecordError, Records};
use super::state::State;
use super::{HEAD_BYTES, JournalError, MAGIC, VERSION};
use crate::codec::Decoder;
use crate::plan::{BLOCK_KIND, BlockPlace, Plan, Totals, block_head};

/// A journal that was read.
#[derive(Debug)]
pub struct Recorded {
    /// What the run is.
    pub header: Header,
    /// Its plan, which lies in the file.
    pub plan: Plan,
    /// What became of its steps.
    pub state: State,
    /// Where its whole records end.
    pub end: u64,
    /// Where a record that was cut short begins, if the last one was.
    pub cut_at: Option<u64>,
    /// How many records of a newer version were passed over.
    pub unknown: u64,
}

/// One record.
enum Item {
    Header(Header),
    Block(BlockPlace, u64),
    PlanEnd(Totals),
    Event(Event),
    /// Everything before was made safe.
    Safe,
    /// Of a newer version.
    Unknown,
}

/// The records of a journal in their order, checked.
struct Items<R> {
    records: Records<R>,
    minor: u8,
    seen: Seen,
    steps: u64,
    /// Where the whole records end, if something comes after them.
    cut_at: Option<u64>,
}

/// How far a journal was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Header,
    Plan,
}

impl<R: Read + Seek> Items<R> {
    fn open(mut file: R) -> Result<Self, JournalError> {
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => JournalError::NoPlan,
            _ => JournalError::Io { action: "read", source },
        })?;
        let Some([major, minor]) = head.strip_prefix(MAGIC) else {
            let records = Records::new(file, HEAD_BYTES as u64)?;
            let mut rest = Self { records, minor: VERSION.1, seen: Seen::Nothing, steps: 0, cut_at: None };
            // What was never made safe was cut while it began.
            return Err(if rest.was_safe(0)? { JournalError::NotAJournal } else { JournalError::NoPlan });
        };
        if *major != VERSION.0 {
            return Err(JournalError::Version(*major, *minor));
        }
        let records = Records::new(file, HEAD_BYTES as u64)?;
        Ok(Self { records, minor: *minor, seen: Seen::Nothing, steps: 0, cut_at: None })
    }

    fn next_item(&mut self) -> Result<Option<Item>, JournalError> {
        let (minor, steps) = (self.minor, self.steps);
        if self.cut_at.is_some() {
            return Ok(None);
        }
        let (at, body) = match self.records.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => {
                self.cut_at = self.records.is_cut().then(|| self.records.position());
                return Ok(None);
            }
            Err(RecordError::Damaged { from, to }) => {
                if self.was_safe(from)? {
                    return Err(JournalError::Damaged { from, to });
                }
                self.cut_at = Some(from);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let item = item(at, body, minor, steps).map_err(|source| JournalError::Record { at, source })?;
        let fits = match (&item, self.seen) {
            (Item::Header(_), Seen::Nothing) => {
                self.seen = Seen::Header;
                true
            }
            (Item::Block(place, count), Seen::Header) => {
                self.steps = self.steps.saturating_add(*count);
                place.first == steps
            }
            (Item::PlanEnd(totals), Seen::Header) => {
                self.seen = Seen::Plan;
                totals.steps == steps
            }
            (Item::Event(event), Seen::Plan) => event.step().is_none_or(|step| step < steps),
            (Item::Safe, Seen::Plan) | (Item::Unknown, Seen::Header | Seen::Plan) => true,
            _ => false,
        };
        if fits { Ok(Some(item)) } else { Err(JournalError::OutOfPlace { at }) }
    }

    /// Tells whether a place had been made safe, by what is said further on. What was not may lie on the disk in any order after a
    /// power cut, and is no damage.
    fn was_safe(&mut self, place: u64) -> Result<bool, JournalError> {
        loop {
            match self.records.next_record() {
                Ok(None) => return Ok(false),
                Ok(Some((_, [SAFE_KIND, rest @ ..]))) => {
                    if Decoder::new(rest).number("a place").is_ok_and(|end| end > place) {
                        return Ok(true);
                    }
                }
                Ok(Some(_)) | Err(RecordError::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns where the whole records end.
    fn end(&self) -> u64 {
        self.cut_at.unwrap_or_else(|| self.records.position())
    }
}

fn item(at: u64, body: &[u8], minor: u8, steps: u64) -> Result<Item, crate::codec::CodecError> {
    let mut decoder = Decoder::new(body);
    let item = match decoder.byte("a record's kind")? {
        HEADER_KIND => Item::Header(Header::decode(&mut decoder)?),
        BLOCK_KIND => {
            let (first, count, _) = block_head(body)?;
            // Every step has a few bytes: a number of steps that cannot be true would be believed and counted.
            if count > body.len() as u64 || steps.checked_add(count).is_none() {
                return Err(decoder.error("a block of steps"));
            }
            decoder.rest();
            Item::Block(BlockPlace { first, at, length: body.len() }, count)
        }
        PLAN_END_KIND => Item::PlanEnd(decode_plan_end(&mut decoder)?),
        SAFE_KIND => {
            decoder.number("a place")?;
            Item::Safe
        }
        kind => match Event::decode(kind, &mut decoder)? {
            Some(event) => Item::Event(event),
            None if minor > VERSION.1 => {
                decoder.rest();
                Item::Unknown
            }
            None => return Err(decoder.error("a record's kind")),
        },
    };
    // A newer version may say more at the end of a record.
    if decoder.is_at_end() || minor > VERSION.1 {
        Ok(item)
    } else {
        Err(decoder.error("the end of a record"))
    }
}

/// Reads a journal.
///
/// # Errors
/// When it is none, is damaged in the middle, is of a version that cannot be read, or ends before its plan does
/// ([`JournalError::NoPlan`]).
pub fn read(path: &Path) -> Result<Recorded, JournalError> {
    let error = |source| JournalError::Io { action: "read", source };
    let file = File::open(path).map_err(error)?;
    let handle = Arc::new(file.try_clone().map_err(error)?);
    let mut items = Items::open(file)?;
    let (mut header, mut places, mut plan) = (None, Vec::new(), None);
    let mut state = State::default();
    let mut unknown = 0;
    while let Some(item) = items.next_item()? {
        match item {
            Item::Header(read) => header = Some(read),
            Item::Block(place, _) => places.push(place),
            Item::PlanEnd(totals) => {
                let routes = header.as_ref().map(|header: &Header| header.routes.clone()).unwrap_or_default();
                let read = Plan::in_file(routes, totals, Arc::clone(&handle), std::mem::take(&mut places));
                state = State::new(acts(&read)?);
                plan = Some(read);
            }
            Item::Event(event) => state.apply(&event).map_err(JournalError::Step)?,
            Item::Safe => {}
            Item::Unknown => unknown += 1,
        }
    }
    let (Some(header), Some(plan)) = (header, plan) else { return Err(JournalError::NoPlan) };
    Ok(Recorded { header, plan, state, end: items.end(), cut_at: items.cut_at, unknown })
}

/// Tells of each step whether it does anything.
fn acts(plan: &Plan) -> Result<Vec<bool>, JournalError> {
    let acts: Result<Vec<bool>, _> =
        plan.steps().map(|step| step.map(|(_, step)| step.task.acts())).collect();
    let acts = acts.map_err(JournalError::Plan)?;
    // A block that holds fewer steps than it says would shift all that come after.
    if acts.len() as u64 == plan.len() { Ok(acts) } else { Err(JournalError::NoPlan) }
}

/// Reads what the first record says, without the rest.
pub(crate) fn read_header(file: File) -> Result<Header, JournalError> {
    match Items::open(file)?.next_item()? {
        Some(Item::Header(header)) => Ok(header),
        _ => Err(JournalError::NoPlan),
    }
}

/// Reads head and events of a journal from bytes, without its plan's steps: what a fuzzer feeds, and tests.
///
/// # Errors
/// As [`read`], but for a journal that ends before its plan does.
pub fn read_events(bytes: &[u8]) -> Result<(Option<Header>, Vec<Event>), JournalError> {
    let mut items = Items::open(Cursor::new(bytes))?;
    let (mut header, mut events) = (None, Vec::new());
    while let Some(item) = items.next_item()? {
        match item {
            Item::Header(read) => header = Some(read),
            Item::Event(event) => events.push(event),
            Item::Block(..) | Item::PlanEnd(_) | Item::Safe | Item::Unknown => {}
        }
    }
    Ok((header, events))
}
