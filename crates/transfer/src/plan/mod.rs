//! Plans: what will be done, as a value that is shown, kept or carried out.
//!
//! A plan is built step by step and never changes afterwards. Building it has no effect on either side. Its steps lie in blocks of
//! 64 KiB; a small plan is held in memory, a large one in a file without a name, and one that is carried out in the journal of its run. Whoever goes
//! through the steps holds one block, so that a plan of a million steps costs no more than one of a thousand.

pub mod shard;
mod spool;
mod step;
mod totals;

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::sync::Arc;

pub use shard::{Shard, ShardChoice, ShardError, Worker};
pub use spool::spool;
pub use step::{Refusal, Skip, Step, Task};
pub use totals::{BytesOut, Cost, Cutting, Prices, Requests, Totals};

#[cfg(test)]
pub(crate) use step::tests::steps;

use crate::codec::{CodecError, Decoder, Encoder};
use crate::journal::record::{FRAME_BYTES, frame, unframe};
use crate::name::Name;
use crate::positioned::{read_exact_at, write_all_at};

/// A block is closed when it has this many bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// So much of a plan is held in memory before it goes to a file: some 150,000 steps.
pub const MEMORY_MAX_BYTES: usize = 8 << 20;

/// The first byte of a block, which tells it from other records of a journal.
pub(crate) const BLOCK_KIND: u8 = 2;

/// Where a transfer begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder, or a file's folder, as an absolute path.
    Local(String),
    /// A prefix in a bucket.
    Remote {
        /// The bookmark that leads there.
        bookmark: String,
        /// The bucket.
        bucket: String,
        /// The prefix, empty for the whole bucket.
        prefix: String,
    },
    /// Standard input or output.
    Stdio,
}

/// From where to where: what the names of steps are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The source, or the left one of two sides.
    pub from: Place,
    /// The target, or the right one.
    pub to: Place,
}

/// Why a plan cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file that holds its steps cannot be written or read.
    #[error("the steps of the plan cannot be {action}")]
    Io {
        /// "written" or "read".
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A block is not what was written.
    #[error("the steps from {first} on are damaged")]
    Damaged {
        /// The first step that cannot be read.
        first: u64,
    },
    /// A step cannot be read.
    #[error("a step after {after} steps cannot be read")]
    Step {
        /// How many could be.
        after: u64,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// A step names a route that the plan does not have.
    #[error("route {0} is none of the plan")]
    Route(u32),
}

/// What will be done.
#[derive(Debug)]
pub struct Plan {
    routes: Vec<Route>,
    totals: Totals,
    blocks: Blocks,
}

#[derive(Debug)]
enum Blocks {
    Memory(Vec<(u64, Vec<u8>)>),
    File { file: Arc<File>, places: Vec<BlockPlace> },
}

/// Where a block lies as a record of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockPlace {
    /// The number of its first step.
    pub(crate) first: u64,
    /// Where its record begins.
    pub(crate) at: u64,
    /// The length of its body.
    pub(crate) length: usize,
}

impl Plan {
    /// A plan whose blocks are records of a file.
    pub(crate) fn in_file(
        routes: Vec<Route>,
        totals: Totals,
        file: Arc<File>,
        places: Vec<BlockPlace>,
    ) -> Self {
        Self { routes, totals, blocks: Blocks::File { file, places } }
    }

    /// Returns from where to where it goes.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Returns what it comes to.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns how many steps it has.
    pub fn len(&self) -> u64 {
        self.totals.steps
    }

    /// Tells whether it has no step.
    pub fn is_empty(&self) -> bool {
        self.totals.steps == 0
    }

    /// Goes through all steps with their numbers, from 0. After an error nothing more comes.
    pub fn steps(&self) -> Steps<'_> {
        self.steps_from(0)
    }

    /// Goes through the steps from a number on.
    pub fn steps_from(&self, first: u64) -> Steps<'_> {
        let block = self.first_of_blocks().partition_point(|start| *start <= first).saturating_sub(1);
        Steps { plan: self, block, open: None, from: first }
    }

    /// Returns one step, `None` beyond the last. Costs reading a block: whoever wants many goes through them.
    ///
    /// # Errors
    /// When the block cannot be read.
    pub fn step(&self, number: u64) -> Result<Option<Step>, PlanError> {
        self.steps_from(number).next().transpose().map(|step| step.map(|(_, step)| step))
    }

    /// Returns the body of a block, `None` beyond the last.
    pub(crate) fn block(&self, index: usize) -> Result<Option<Cow<'_, [u8]>>, PlanError> {
        match &self.blocks {
            Blocks::Memory(blocks) => Ok(blocks.get(index).map(|(_, body)| Cow::Borrowed(&body[..]))),
            Blocks::File { file, places } => {
                let Some(place) = places.get(index) else { return Ok(None) };
                let mut bytes = vec![0; FRAME_BYTES + place.length];
                read_exact_at(file, &mut bytes, place.at)
                    .map_err(|source| PlanError::Io { action: "read", source })?;
                if unframe(place.at, &bytes).is_none() {
                    return Err(PlanError::Damaged { first: place.first });
                }
                bytes.drain(..FRAME_BYTES);
                Ok(Some(Cow::Owned(bytes)))
            }
        }
    }

    fn first_of_blocks(&self) -> Vec<u64> {
        match &self.blocks {
            Blocks::Memory(blocks) => blocks.iter().map(|(first, _)| *first).collect(),
            Blocks::File { places, .. } => places.iter().map(|place| place.first).collect(),
        }
    }
}

/// The steps of a plan, one after another.
#[derive(Debug)]
pub struct Steps<'a> {
    plan: &'a Plan,
    block: usize,
    open: Option<OpenBlock<'a>>,
    /// Steps before this one are passed over.
    from: u64,
}

#[derive(Debug)]
struct OpenBlock<'a> {
    body: Cow<'a, [u8]>,
    at: usize,
    next: u64,
    left: u64,
    before: Option<Name>,
}

impl Steps<'_> {
    fn advance(&mut self) -> Result<Option<(u64, Step)>, PlanError> {
        loop {
            let Some(open) = self.open.as_mut().filter(|open| open.left > 0) else {
                let Some(body) = self.plan.block(self.block)? else { return Ok(None) };
                self.block += 1;
                self.open = Some(OpenBlock::new(body)?);
                continue;
            };
            let mut decoder = Decoder::new(&open.body[open.at..]);
            let step = step::decode(&mut decoder, open.before.as_ref());
            let step = step.map_err(|source| PlanError::Step { after: open.next, source })?;
            open.at = open.body.len() - decoder.rest().len();
            open.before = Some(step.name.clone());
            let number = open.next;
            open.next += 1;
            open.left -= 1;
            if usize::try_from(step.route).map_or(true, |route| route >= self.plan.routes.len()) {
                return Err(PlanError::Route(step.route));
            }
            if number >= self.from {
                return Ok(Some((number, step)));
            }
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = Result<(u64, Step), PlanError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            self.open = None;
            self.block = usize::MAX;
        }
        next
    }
}

impl<'a> OpenBlock<'a> {
    fn new(body: Cow<'a, [u8]>) -> Result<Self, PlanError> {
        let (first, count, at) = block_head(&body).map_err(|source| PlanError::Step { after: 0, source })?;
        Ok(Self { body, at, next: first, left: count, before: None })
    }
}

/// Reads the beginning of a block: its first step, how many it has, and where they begin.
pub(crate) fn block_head(body: &[u8]) -> Result<(u64, u64, usize), CodecError> {
    let mut decoder = Decoder::new(body);
    let what = "a block of steps";
    if decoder.byte(what)? != BLOCK_KIND {
        return Err(decoder.error(what));
    }
    let first = decoder.number(what)?;
    let count = decoder.number(what)?;
    Ok((first, count, body.len() - decoder.rest().len()))
}

/// Reads all steps of one block, whatever its plan's routes are.
pub(crate) fn block_steps(body: &[u8]) -> Result<Vec<Step>, CodecError> {
    let (_, count, at) = block_head(body)?;
    let mut decoder = Decoder::new(&body[at..]);
    let mut steps: Vec<Step> = Vec::new();
    for _ in 0..count {
        let step = step::decode(&mut decoder, steps.last().map(|step| &step.name))?;
        steps.push(step);
    }
    if decoder.is_at_end() { Ok(steps) } else { Err(decoder.error("the end of a block")) }
}

/// Writes one block.
pub(crate) fn block_of(first: u64, steps: &[Step], into: &mut Encoder) {
    into.byte(BLOCK_KIND);
    into.number(first);
    into.number(steps.len() as u64);
    let mut before = None;
    for step in steps {
        step::encode(step, before, into);
        before = Some(&step.name);
    }
}

/// Builds a plan.
pub struct PlanBuilder {
    routes: Vec<Route>,
    cutting: Cutting,
    totals: Totals,
    current: Encoder,
    first: u64,
    before: Option<Name>,
    memory: Vec<(u64, Vec<u8>)>,
    memory_bytes: usize,
    spool: Option<Spool>,
}

struct Spool {
    memory_max_bytes: usize,
    open: Box<dyn FnOnce() -> io::Result<File> + Send>,
    file: Option<(File, u64, Vec<BlockPlace>)>,
}

impl std::fmt::Debug for PlanBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanBuilder").field("totals", &self.totals).finish_non_exhaustive()
    }
}

impl PlanBuilder {
    /// Begins a plan that is held in memory, whatever its size.
    pub fn in_memory(routes: Vec<Route>, cutting: Cutting) -> Self {
        Self {
            routes,
            cutting,
            totals: Totals::default(),
            current: Encoder::new(),
            first: 0,
            before: None,
            memory: Vec::new(),
            memory_bytes: 0,
            spool: None,
        }
    }

    /// Begins a plan that goes to a file, which is opened when more than so many bytes of it are in memory.
    ///
    /// The file belongs to the plan alone; see [`spool()`].
    pub fn spooling(
        routes: Vec<Route>,
        cutting: Cutting,
        memory_max_bytes: usize,
        open: impl FnOnce() -> io::Result<File> + Send + 'static,
    ) -> Self {
        let spool = Spool { memory_max_bytes, open: Box::new(open), file: None };
        Self { spool: Some(spool), ..Self::in_memory(routes, cutting) }
    }

    /// Adds a step.
    ///
    /// # Errors
    /// When its route is none of the plan, or the plan's file cannot be written.
    pub fn push(&mut self, step: &Step) -> Result<(), PlanError> {
        if usize::try_from(step.route).map_or(true, |route| route >= self.routes.len()) {
            return Err(PlanError::Route(step.route));
        }
        step::encode(step, self.before.as_ref(), &mut self.current);
        self.before = Some(step.name.clone());
        self.totals.add(step, &self.cutting);
        if self.current.bytes().len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    /// Adds the pages of the listings that the plan is made from to what it comes to.
    pub fn add_listed_pages(&mut self, pages: u64) {
        self.totals.add_listed_pages(pages);
    }

    /// Returns what the steps so far come to.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the plan.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn finish(mut self) -> Result<Plan, PlanError> {
        if !self.current.bytes().is_empty() {
            self.close_block()?;
        }
        let blocks = match self.spool.and_then(|spool| spool.file) {
            Some((file, _, places)) => Blocks::File { file: Arc::new(file), places },
            None => Blocks::Memory(self.memory),
        };
        Ok(Plan { routes: self.routes, totals: self.totals, blocks })
    }

    fn close_block(&mut self) -> Result<(), PlanError> {
        let mut block = Encoder::new();
        block.byte(BLOCK_KIND);
        block.number(self.first);
        block.number(self.totals.steps - self.first);
        block.raw(self.current.bytes());
        self.current.clear();
        self.before = None;
        let body = block.into_bytes();
        self.memory_bytes += body.len();
        self.memory.push((self.first, body));
        self.first = self.totals.steps;
        let Some(spool) = &mut self.spool else { return Ok(()) };
        if spool.file.is_none() && self.memory_bytes <= spool.memory_max_bytes {
            return Ok(());
        }
        let error = |source| PlanError::Io { action: "written", source };
        if spool.file.is_none() {
            let open =
                std::mem::replace(&mut spool.open, Box::new(|| Err(io::ErrorKind::AlreadyExists.into())));
            spool.file = Some((open().map_err(error)?, 0, Vec::new()));
        }
        let (file, end, places) = spool.file.as_mut().expect("the file was opened above");
        for (first, body) in self.memory.drain(..) {
            let mut record = Vec::with_capacity(FRAME_BYTES + body.len());
            frame(*end, &body, &mut record);
            write_all_at(file, &record, *end).map_err(error)?;
            places.push(BlockPlace { first, at: *end, length: body.len() });
            *end += record.len() as u64;
        }
        self.memory_bytes = 0;
        Ok(())
    }
}

/// Writes routes.
pub(crate) fn encode_routes(routes: &[Route], into: &mut Encoder) {
    into.number(routes.len() as u64);
    for place in routes.iter().flat_map(|route| [&route.from, &route.to]) {
        match place {
            Place::Local(path) => {
                into.byte(1);
                into.text(path);
            }
            Place::Remote { bookmark, bucket, prefix } => {
                into.byte(2);
                [bookmark, bucket, prefix].into_iter().for_each(|text| into.text(text));
            }
            Place::Stdio => into.byte(3),
        }
    }
}

/// Reads routes.
pub(crate) fn decode_routes(from: &mut Decoder<'_>) -> Result<Vec<Route>, CodecError> {
    let count: u32 = from.small("routes")?;
    let mut routes = Vec::new();
    for _ in 0..count {
        routes.push(Route { from: decode_place(from)?, to: decode_place(from)? });
    }
    Ok(routes)
}

fn decode_place(from: &mut Decoder<'_>) -> Result<Place, CodecError> {
    Ok(match from.byte("a place")? {
        1 => Place::Local(from.text("a path")?.to_owned()),
        2 => Place::Remote {
            bookmark: from.text("a bookmark")?.to_owned(),
            bucket: from.text("a bucket")?.to_owned(),
            prefix: from.text("a prefix")?.to_owned(),
        },
        3 => Place::Stdio,
        _ => return Err(from.error("a place")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const CUTTING: Cutting =
        Cutting { one_request_max_bytes: 16 << 20, part_bytes: 8 << 20, copy_max_bytes: 5 << 30 };

    fn routes() -> Vec<Route> {
        let remote = Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: "p/".into() };
        let local = |path: &str| Place::Local(path.to_owned());
        vec![
            Route { from: local("/a"), to: remote.clone() },
            Route { from: Place::Stdio, to: remote.clone() },
            Route { from: remote, to: local("/b") },
        ]
    }

    fn read(plan: &Plan) -> Vec<Step> {
        plan.steps().map(|step| step.unwrap().1).collect()
    }

    fn many(count: u64) -> impl Iterator<Item = Step> {
        (0..count).map(|number| {
            let name = Name::new(&format!("folder-{:03}/file-{number:07}.bin", number / 1000)).unwrap();
            Step::new(Task::Upload, name, number)
        })
    }

    #[test]
    fn a_large_plan_lies_in_its_file_and_is_read_from_anywhere() {
        let mut builder = PlanBuilder::spooling(routes(), CUTTING, 100 << 10, tempfile::tempfile);
        many(20_000).for_each(|step| builder.push(&step).unwrap());
        let plan = builder.finish().unwrap();
        assert!(matches!(&plan.blocks, Blocks::File { places, .. } if places.len() > 3));
        assert_eq!(plan.len(), 20_000);
        assert!(plan.steps().map(Result::unwrap).map(|(_, step)| step).eq(many(20_000)));
        for number in [0, 1, 5_000, 19_999] {
            assert_eq!(plan.step(number).unwrap(), many(20_000).nth(number as usize));
            let from: Vec<u64> = plan.steps_from(number).take(3).map(|step| step.unwrap().0).collect();
            assert_eq!(from, (number..20_000).take(3).collect::<Vec<_>>());
        }
        assert_eq!(plan.step(20_000).unwrap(), None);
    }

    #[test]
    fn a_million_steps_take_some_twenty_bytes_each() {
        let mut builder = PlanBuilder::in_memory(routes(), CUTTING);
        many(100_000).for_each(|step| builder.push(&step).unwrap());
        let plan = builder.finish().unwrap();
        let Blocks::Memory(blocks) = &plan.blocks else { panic!("it is in memory") };
        let bytes: usize = blocks.iter().map(|(_, body)| body.len()).sum();
        assert!(bytes < 2_500_000, "{bytes}");
    }

    #[test]
    fn a_small_plan_never_opens_its_file() {
        let mut builder =
            PlanBuilder::spooling(routes(), CUTTING, MEMORY_MAX_BYTES, || panic!("it is not needed"));
        many(1000).for_each(|step| builder.push(&step).unwrap());
        assert_eq!(builder.finish().unwrap().totals().up_bytes, 999 * 500);
    }

    #[test]
    fn a_file_that_fails_or_is_damaged_is_told() {
        let full = || Err(io::ErrorKind::StorageFull.into());
        let mut builder = PlanBuilder::spooling(routes(), CUTTING, 0, full);
        let failed = many(10_000).find_map(|step| builder.push(&step).err()).unwrap();
        assert!(matches!(failed, PlanError::Io { action: "written", .. }), "{failed:?}");

        let file = tempfile::tempfile().unwrap();
        let handle = file.try_clone().unwrap();
        let mut builder = PlanBuilder::spooling(routes(), CUTTING, 0, move || Ok(file));
        many(10_000).for_each(|step| builder.push(&step).unwrap());
        let plan = builder.finish().unwrap();
        write_all_at(&handle, b"x", 100_000).unwrap();
        let found: Vec<_> = plan.steps().collect();
        let Some(Err(PlanError::Damaged { first })) = found.last() else { panic!("{:?}", found.last()) };
        assert_eq!(*first, found.len() as u64 - 1);
    }

    #[test]
    fn a_route_that_is_none_is_refused() {
        let mut builder = PlanBuilder::in_memory(routes(), CUTTING);
        let step = Step { route: 3, ..Step::new(Task::Upload, Name::new("a").unwrap(), 0) };
        assert!(matches!(builder.push(&step), Err(PlanError::Route(3))));
        assert!(builder.finish().unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn a_plan_gives_the_steps_it_was_given(steps in prop::collection::vec(steps(), 0..30)) {
            let mut in_memory = PlanBuilder::in_memory(routes(), CUTTING);
            let mut spooled = PlanBuilder::spooling(routes(), CUTTING, 0, tempfile::tempfile);
            for step in &steps {
                in_memory.push(step).unwrap();
                spooled.push(step).unwrap();
            }
            let (in_memory, spooled) = (in_memory.finish().unwrap(), spooled.finish().unwrap());
            prop_assert_eq!(read(&in_memory), steps.clone());
            prop_assert_eq!(read(&spooled), steps);
            prop_assert_eq!(in_memory.totals(), spooled.totals());
        }

        #[test]
        fn routes_are_read_as_they_were_written(count in 0..3_usize) {
            let mut encoder = Encoder::new();
            encode_routes(&routes()[..count], &mut encoder);
            let bytes = encoder.into_bytes();
            prop_assert_eq!(decode_routes(&mut Decoder::new(&bytes)).unwrap(), &routes()[..count]);
        }
    }
}
