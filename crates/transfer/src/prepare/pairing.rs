//! Two sides side by side: pairs in the order of names, with what notes say at their place.

use std::collections::VecDeque;

use super::side::{Feed, Item, Note, Says};
use super::{PrepareError, Rules};
use crate::diff::{Join, Next, Pair, Side};
use crate::entry::{Entry, Kind};
use crate::filter::Filter;
use crate::local::Unfit;
use crate::name::Name;

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

/// The filter of a plan while it is made: with the ignore files of the folders that were entered.
pub(super) fn live_filter(rules: &Rules) -> Filter {
    rules.filter.clone()
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
