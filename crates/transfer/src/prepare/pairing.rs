//! Two sides side by side: pairs in the order of names, with what notes say at their place; and the way through them.
//!
//! Every plan goes this way ([`go_through`]); what becomes of a name is for its [`Judge`] to say. Most is decided at once. What needs a look is looked at side by side,
//! and still comes out in order.

use std::collections::VecDeque;

use futures_util::future::BoxFuture;

use super::emptied::Emptied;
use super::in_order::{InOrder, Turn};
use super::side::{Feed, Item, Note, Says};
use super::work::Making;
use super::{Job, PrepareError, Rules};
use crate::diff::{Join, Next, Pair, Side};
use crate::entry::{Entry, Kind};
use crate::filter::Filter;
use crate::local::Unfit;
use crate::name::{Name, NameRefusal, Twins};
use crate::parts::OBJECT_MAX_BYTES;
use crate::plan::{Refusal, Skip, Step, Task};
use crate::policy::two_way::Remembered;
use crate::site::Site;

/// Two feeds, joined.
#[derive(Debug)]
pub(super) struct Pairing {
    left: Half,
    right: Half,
    join: Join,
}

#[derive(Debug)]
struct Half {
    feed: Feed,
    notes: VecDeque<Note>,
    /// Names that were passed over and may be on the other side, each the beginning of the one after it.
    shadows: Vec<Name>,
    /// Folders that may go on, of which nothing is known.
    filled: Option<Box<str>>,
}

impl Half {
    fn new(feed: Feed) -> Self {
        Self { feed, notes: VecDeque::new(), shadows: Vec::new(), filled: None }
    }
}

/// What a side could not give.
#[derive(Debug)]
pub(super) struct Missed {
    /// On which side.
    pub(super) side: Side,
    /// Its name, or what comes near to it.
    pub(super) name: Name,
    /// What and why.
    pub(super) what: What,
}

/// What was missed.
#[derive(Debug)]
pub(super) enum What {
    /// Something that cannot be taken.
    Unfit(Unfit),
    /// A folder that was not entered.
    Pruned,
    /// The key that is the prefix itself.
    Itself(Entry),
}

impl Pairing {
    pub(super) fn new(left: Feed, right: Feed) -> Self {
        Self { left: Half::new(left), right: Half::new(right), join: Join::new() }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    /// Returns the next pair. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Option<Pair>, PrepareError> {
        loop {
            let side = match self.join.next_pair() {
                Next::End => return Ok(None),
                Next::Pair(pair) => return Ok(Some(pair)),
                Next::Need(side) => side,
            };
            let half = self.half(side);
            let entry = match half.feed.next().await? {
                Some(Item::Note(note)) => {
                    // What a folder tells when it is opened may have any name in it.
                    let place = half.notes.iter().rposition(|before| before.at <= note.at);
                    half.notes.insert(place.map_or(0, |place| place + 1), note);
                    continue;
                }
                Some(Item::Entry(entry)) => Some(entry),
                None => None,
            };
            let unsorted = |error: crate::diff::Unsorted| PrepareError::Unsorted(error.to_string());
            self.join.bring(side, entry).map_err(unsorted)?;
        }
    }

    /// Takes the notes that hold for a name, all that are left for `None`: ignore files go into the filter, the rest is told.
    pub(super) fn missed(
        &mut self,
        upto: Option<&Name>,
        filter: &mut Filter,
    ) -> Result<Vec<Missed>, PrepareError> {
        let mut missed = Vec::new();
        for side in [Side::Left, Side::Right] {
            let half = self.half(side);
            while let Some(note) =
                half.notes.pop_front_if(|note| upto.is_none_or(|name| *note.at <= *name.as_str()))
            {
                let at = note.at;
                let (name, what) = match note.says {
                    Says::Ignore(path, text) => {
                        filter.rules.forget_ignore_files_outside(&at);
                        filter.rules.ignore_file(&at, &text).map_err(|source| PrepareError::IgnoreFile {
                            path: path.display().to_string(),
                            source,
                        })?;
                        continue;
                    }
                    Says::Filled => {
                        half.filled = Some(at);
                        continue;
                    }
                    Says::Itself(entry) => (entry.name.clone(), What::Itself(entry)),
                    Says::Pruned => match Name::new(&at) {
                        Ok(name) => (name, What::Pruned),
                        Err(_) => continue,
                    },
                    Says::Unfit(name, why) => {
                        if !matches!(why, Unfit::Name(_)) {
                            half.shadows.push(name.clone());
                        }
                        (name, What::Unfit(why))
                    }
                };
                missed.push(Missed { side, name, what });
            }
        }
        Ok(missed)
    }

    /// Goes on to a name: what was passed over before it matters as far as it may hold the name.
    pub(super) fn pass(&mut self, name: &Name) {
        for half in [&mut self.left, &mut self.right] {
            half.shadows.retain(|shadow| name.as_str().starts_with(shadow.as_str()));
        }
    }

    /// Tells whether a name, or a folder that it lies in, was passed over on a side: it may be there all the same.
    pub(super) fn is_shadowed(&self, side: Side, name: &Name) -> bool {
        let half = if side == Side::Left { &self.left } else { &self.right };
        half.shadows.iter().any(|shadow| {
            let rest = name.as_str().strip_prefix(shadow.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || shadow.is_folder())
        })
    }

    /// Tells whether a folder, the pair that came last, has something in it on a side.
    pub(super) fn is_filled(&self, side: Side, folder: &Name) -> bool {
        let half = if side == Side::Left { &self.left } else { &self.right };
        half.filled.as_deref() == Some(folder.as_str())
    }

    /// Tells whether a side has nothing more than what was given out.
    pub(super) fn has_ended(&self, side: Side) -> bool {
        if side == Side::Left { self.left.feed.has_ended() } else { self.right.feed.has_ended() }
    }

    /// Returns how many pages and looks it took so far.
    pub(super) fn cost(&self) -> (u64, u64) {
        let (left, right) = (self.left.feed.counts(), self.right.feed.counts());
        (left.pages() + right.pages(), left.looks() + right.looks())
    }
}

/// What becomes of one name.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) name: Name,
    pub(super) steps: Vec<Step>,
    /// Whether it goes from the left and from the right side; `None` where it neither is nor comes there.
    pub(super) goes: [Option<bool>; 2],
    /// Both sides have it alike.
    pub(super) same: bool,
    /// Only the target has it, and it stays.
    pub(super) extra: bool,
    /// A person gave everything up.
    pub(super) aborts: bool,
    /// What is remembered of it without a step.
    pub(super) remembered: Option<Remembered>,
}

impl Decided {
    pub(super) fn nothing(name: Name) -> Self {
        let (same, extra, aborts) = (false, false, false);
        Self { name, steps: Vec::new(), goes: [None, None], same, extra, aborts, remembered: None }
    }

    /// Something that stays on a side.
    pub(super) fn stays(name: Name, side: Side) -> Self {
        let mut decided = Self::nothing(name);
        decided.goes[usize::from(side == Side::Right)] = Some(false);
        decided
    }
}

/// A decision, or what it waits for.
pub(super) enum Verdict<'a> {
    Made(Decided),
    Waits(BoxFuture<'a, Result<Decided, PrepareError>>),
}

/// What decides about names.
pub(super) trait Judge<'a> {
    /// Decides about something that a side could not give.
    fn missed(&mut self, sides: &Sides<'_>, making: &mut Making<'_>, missed: Missed) -> Decided;

    /// Decides about the next name before another one, or before the end, that neither side has.
    fn absent(&mut self, _: &Sides<'_>, _: Option<&Name>) -> Result<Option<Decided>, PrepareError> {
        Ok(None)
    }

    /// Decides about a pair.
    fn pair(
        &mut self,
        sides: &mut Sides<'_>,
        making: &mut Making<'_>,
        pair: Pair,
    ) -> Result<Verdict<'a>, PrepareError>;

    /// Hears of every decision, in the order of names.
    fn decided(&mut self, _: &Decided) -> Result<(), PrepareError> {
        Ok(())
    }
}

/// What is known of two sides while a plan goes through them.
pub(super) struct Sides<'a> {
    pub(super) pairing: Pairing,
    /// With the ignore files of the folders that were entered.
    pub(super) filter: Filter,
    /// The names of the side that is a folder and is written to.
    pub(super) twins: Option<Twins>,
    job: &'a Job,
    rules: &'a Rules,
}

impl<'a> Sides<'a> {
    pub(super) fn new(job: &'a Job, rules: &'a Rules, pairing: Pairing, twins: Option<Twins>) -> Self {
        Self { pairing, filter: rules.filter.clone(), twins, job, rules }
    }

    /// Tells why a source cannot be on a side. `is_new` tells whether its name is to be held against those that are there.
    pub(super) fn refusal(
        &mut self,
        source: &Entry,
        to: Side,
        exists: bool,
        is_new: bool,
    ) -> Option<Refusal> {
        let ends = &self.job.ends;
        match if to == Side::Right { &ends.to } else { &ends.from } {
            Site::Remote(remote) => {
                if source.name.key(&remote.prefix).is_err() {
                    let length_bytes = remote.prefix.as_str().len() + source.name.as_str().len();
                    return Some(Refusal::Name(NameRefusal::KeyTooLong { length_bytes }));
                }
                (source.size_bytes > OBJECT_MAX_BYTES).then_some(Refusal::TooLarge)
            }
            Site::Local(root) => {
                let path = match source.path(self.rules.platform) {
                    Ok(path) => path,
                    Err(refusal) => return Some(Refusal::Name(refusal)),
                };
                let twins = self.twins.as_mut().expect("they are watched where a folder is written to");
                if is_new && let Err(refusal) = twins.check(&source.name) {
                    return Some(Refusal::Name(refusal));
                }
                // Folders come after the files that want their name; only the disk tells at once.
                let looks = !exists && source.kind != Kind::Folder && !self.pairing.has_ended(to);
                let is_folder = || root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir());
                let file = || Refusal::Name(NameRefusal::FileAndFolder { file: source.name.clone() });
                (looks && is_folder()).then(file)
            }
            Site::Stdio => None,
        }
    }
}

/// Goes through the pairs of two sides, and makes steps of what a judge says. `emptied` follows the sides that are folders on the disk and lose what is in them.
pub(super) async fn go_through<'a>(
    mut sides: Sides<'_>,
    judge: &mut (impl Judge<'a> + Send),
    emptied: [bool; 2],
    route: u32,
    making: &mut Making<'_>,
) -> Result<(), PrepareError> {
    let emptied = emptied.map(|follows| follows.then(Emptied::default));
    let mut order = InOrder::new();
    let mut way = Way { judge, emptied, route, making };
    loop {
        let next = match order.turn(&mut sides.pairing).await? {
            Turn::Decided(decided) => {
                way.finish(decided)?;
                continue;
            }
            Turn::Pair(next) => next,
        };
        let name = next.as_ref().map(Pair::name);
        for missed in sides.pairing.missed(name, &mut sides.filter)? {
            let decided = way.judge.missed(&sides, way.making, missed);
            order.put_made(decided).map_or(Ok(()), |decided| way.finish(decided))?;
        }
        while let Some(decided) = way.judge.absent(&sides, name)? {
            order.put_made(decided).map_or(Ok(()), |decided| way.finish(decided))?;
        }
        let Some(pair) = next else { break };
        way.making.sees(&pair);
        sides.pairing.pass(pair.name());
        let decided = match way.judge.pair(&mut sides, way.making, pair)? {
            Verdict::Made(decided) => order.put_made(decided),
            Verdict::Waits(decision) => order.put(decision).transpose()?,
        };
        decided.map_or(Ok(()), |decided| way.finish(decided))?;
    }
    while let Some(decided) = order.settled().await {
        way.finish(decided?)?;
    }
    way.end()?;
    let (pages, looks) = sides.pairing.cost();
    making.seen.pages += pages;
    making.seen.looks += looks;
    Ok(())
}

/// What decisions go into.
struct Way<'w, 'm, J> {
    judge: &'w mut J,
    emptied: [Option<Emptied>; 2],
    route: u32,
    making: &'w mut Making<'m>,
}

impl<'a, J: Judge<'a>> Way<'_, '_, J> {
    fn finish(&mut self, decided: Decided) -> Result<(), PrepareError> {
        if decided.aborts {
            return Err(PrepareError::Aborted);
        }
        let sides = self.emptied.iter_mut().zip(decided.goes).zip([Side::Left, Side::Right]);
        for ((emptied, goes), side) in sides {
            if let (Some(emptied), Some(goes)) = (emptied, goes) {
                let left = emptied.pass(&decided.name, goes);
                self.making.remove_folders(self.route, side, left)?;
            }
        }
        self.making.seen.same += u64::from(decided.same);
        self.making.seen.extra += u64::from(decided.extra);
        self.judge.decided(&decided)?;
        decided.steps.iter().try_for_each(|step| self.making.push(step))
    }

    fn end(&mut self) -> Result<(), PrepareError> {
        for (emptied, side) in self.emptied.iter_mut().zip([Side::Left, Side::Right]) {
            let left = emptied.as_mut().map(Emptied::end).unwrap_or_default();
            self.making.remove_folders(self.route, side, left)?;
        }
        Ok(())
    }
}

/// Returns what is written into a plan about something that cannot be taken.
pub(super) fn left_out(making: &mut Making<'_>, why: &Unfit) -> Task {
    match why {
        Unfit::Name(refusal) => Task::Refuse(Refusal::Name(refusal.clone())),
        Unfit::Link => Task::Skip(Skip::Link),
        Unfit::Special => Task::Skip(Skip::Special),
        Unfit::Unfinished => Task::Skip(Skip::Unfinished),
        Unfit::Loop => Task::Refuse(Refusal::Unreadable(why.to_string().into())),
        Unfit::Unreadable(error) => {
            making.seen.unread += 1;
            Task::Refuse(Refusal::Unreadable(error.to_string().into()))
        }
    }
}

/// Tells whether an entry takes part. This is the one place where entries are dropped, for every kind of plan.
///
/// The limits on size and age are asked of the source where it has one: a source that passes them replaces whatever is at the target.
pub(super) fn takes_part(filter: &Filter, source: Option<&Entry>, target: Option<&Entry>) -> bool {
    filter.is_open() || source.or(target).is_none_or(|entry| filter.leaves_out(entry).is_none())
}

/// Tells whether something that is no entry would have taken part, by its name alone.
pub(super) fn name_takes_part(filter: &Filter, name: &Name) -> bool {
    filter.only.as_ref().is_none_or(|only| only.holds(name.as_str()))
        && filter.shard.is_none_or(|shard| shard.holds(name))
        && filter.rules.excluded_by(name).is_none()
}

/// Takes objects that stand for folders as the objects they are, where no side has folders.
pub(super) fn as_object(entry: &mut Entry) {
    if entry.kind == Kind::Folder {
        entry.kind = Kind::File;
    }
}
