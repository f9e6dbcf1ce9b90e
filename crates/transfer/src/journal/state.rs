//! What is left to do: a pure function of what happened.
//!
//! Pure. [`State`] takes events one after another and holds one byte a step, and what was begun and is not finished. [`outstanding`] is the
//! same for a list of events.

use std::collections::BTreeMap;

use pintail_core::checksum::{Algorithm, Checksum};

use super::event::{Event, Outcome, Proof};
use crate::entry::Tag;
use crate::fingerprint::Fingerprint;

/// What is known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is to be done.
    Pending,
    /// It was tried and failed; it is to be done again.
    Failed,
    /// It is done.
    Done,
    /// It turned out to need nothing.
    Skipped,
    /// It never was to be done: the plan says skip or refuse.
    Idle,
}

/// A part that is at the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartDone {
    /// Its size.
    pub size_bytes: u64,
    /// Its entity tag.
    pub tag: Tag,
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

/// A segment that is in the file beside the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentDone {
    /// How long it is.
    pub length_bytes: u64,
    /// Its checksum.
    pub checksum: Checksum,
}

/// What was begun for a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// An upload in parts.
    Upload {
        /// The name that the service gave it.
        upload: String,
        /// The size of its parts.
        part_bytes: u64,
        /// What its parts are checked with.
        algorithm: Option<Algorithm>,
        /// The file as it was.
        source: Option<Fingerprint>,
        /// The parts that are there, by number.
        parts: BTreeMap<u32, PartDone>,
    },
    /// A file beside the target.
    Download {
        /// Its name, in the target's folder.
        partial: String,
        /// The size of the object.
        size_bytes: u64,
        /// The state of the object.
        tag: Option<Tag>,
        /// Its version.
        version: Option<String>,
        /// The segments that are in it, by offset.
        segments: BTreeMap<u64, SegmentDone>,
    },
    /// A copy that is at its place and proved, whose source is still to be deleted.
    Placed {
        /// How many bytes it moved.
        size_bytes: u64,
        /// How they were proved.
        proof: Option<Proof>,
        /// The file that was copied, as it was.
        source: Option<Fingerprint>,
        /// The state of the object that was copied.
        tag: Option<Tag>,
    },
}

/// A step that is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The step.
    pub step: u64,
    /// What was begun for it, to go on from.
    pub begun: Option<Begun>,
    /// It was tried and failed.
    pub failed: bool,
}

/// An upload whose step went on without it, or is done: nobody will complete it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The step it was begun for.
    pub step: u64,
    /// What was begun.
    pub begun: Begun,
}

/// An event about a step that the plan does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step} is none of the plan's {steps}")]
pub struct NoSuchStep {
    /// The step.
    pub step: u64,
    /// How many the plan has.
    pub steps: u64,
}

/// What became of a run's steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    steps: Vec<Status>,
    begun: BTreeMap<u64, Begun>,
    orphans: Vec<Orphan>,
    done_bytes: u64,
    proved: u64,
    ended: Option<(i64, Outcome)>,
    last_failure: Option<String>,
    resumptions: u64,
}

impl State {
    /// Begins before anything happened. `acts` tells of each step of the plan whether it does anything.
    pub fn new(acts: impl IntoIterator<Item = bool>) -> Self {
        let status = |acts| if acts { Status::Pending } else { Status::Idle };
        Self { steps: acts.into_iter().map(status).collect(), ..Self::default() }
    }

    /// Takes in what happened next.
    ///
    /// # Errors
    /// When it is about a step that the plan does not have.
    pub fn apply(&mut self, event: &Event) -> Result<(), NoSuchStep> {
        let Some(step) = event.step() else {
            match event {
                Event::Ended { at_ns, outcome } => self.ended = Some((*at_ns, *outcome)),
                Event::Resumed { .. } => {
                    self.ended = None;
                    self.resumptions += 1;
                }
                _ => self.ended = None,
            }
            return Ok(());
        };
        let none = NoSuchStep { step, steps: self.steps.len() as u64 };
        let status = usize::try_from(step).ok().and_then(|index| self.steps.get_mut(index)).ok_or(none)?;
        match event {
            Event::UploadBegun { upload, part_bytes, algorithm, source, .. } => {
                self.begin(
                    step,
                    Begun::Upload {
                        upload: upload.clone(),
                        part_bytes: *part_bytes,
                        algorithm: *algorithm,
                        source: *source,
                        parts: BTreeMap::new(),
                    },
                );
            }
            Event::DownloadBegun { partial, size_bytes, tag, version, .. } => {
                self.begin(
                    step,
                    Begun::Download {
                        partial: partial.clone(),
                        size_bytes: *size_bytes,
                        tag: tag.clone(),
                        version: version.clone(),
                        segments: BTreeMap::new(),
                    },
                );
            }
            // A part or segment that came home after what it belonged to was dropped is of no use.
            Event::PartDone { number, size_bytes, tag, checksum, .. } => {
                if let Some(Begun::Upload { parts, .. }) = self.begun.get_mut(&step) {
                    let part = PartDone { size_bytes: *size_bytes, tag: tag.clone(), checksum: *checksum };
                    parts.insert(*number, part);
                }
            }
            Event::SegmentDone { offset, length_bytes, checksum, .. } => {
                if let Some(Begun::Download { segments, .. }) = self.begun.get_mut(&step) {
                    // One that was fetched again in other pieces is known by these alone: what it was proved wrong in may be right by now.
                    let end = offset.saturating_add(*length_bytes);
                    segments
                        .retain(|at, known| *at >= end || at.saturating_add(known.length_bytes) <= *offset);
                    let segment = SegmentDone { length_bytes: *length_bytes, checksum: *checksum };
                    segments.insert(*offset, segment);
                }
            }
            Event::Dropped { .. } => drop(self.begun.remove(&step)),
            Event::Done { size_bytes, proof, .. } => {
                if *status != Status::Done {
                    self.done_bytes = self.done_bytes.saturating_add(*size_bytes);
                    self.proved += u64::from(*proof == Some(Proof::Checksum));
                }
                *status = Status::Done;
                self.begun.remove(&step);
            }
            Event::Placed { size_bytes, proof, source, tag, .. } => {
                let (size_bytes, proof) = (*size_bytes, *proof);
                let placed = Begun::Placed { size_bytes, proof, source: *source, tag: tag.clone() };
                // What was begun has become the copy.
                self.begun.insert(step, placed);
            }
            Event::Skipped { .. } => {
                *status = Status::Skipped;
                let left = self.begun.remove(&step).filter(|begun| !matches!(begun, Begun::Placed { .. }));
                self.orphans.extend(left.map(|begun| Orphan { step, begun }));
            }
            Event::Failed { reason, .. } => {
                if *status == Status::Pending {
                    *status = Status::Failed;
                }
                self.last_failure = Some(reason.clone());
            }
            Event::Resumed { .. } | Event::Ended { .. } => {}
        }
        Ok(())
    }

    /// Returns how often the run went on after a former life.
    pub fn resumptions(&self) -> u64 {
        self.resumptions
    }

    /// Returns what is known of a step.
    pub fn status(&self, step: u64) -> Option<Status> {
        self.steps.get(usize::try_from(step).ok()?).copied()
    }

    /// Returns what was begun for a step and is not finished.
    pub fn begun(&self, step: u64) -> Option<&Begun> {
        self.begun.get(&step)
    }

    /// Returns the steps that are left, in the order of the plan.
    pub fn remaining(&self) -> impl Iterator<Item = Remaining> {
        let left = |status: &Status| matches!(status, Status::Pending | Status::Failed);
        self.steps.iter().enumerate().filter(move |(_, status)| left(status)).map(|(index, status)| {
            let step = index as u64;
            Remaining { step, begun: self.begun.get(&step).cloned(), failed: *status == Status::Failed }
        })
    }

    /// Returns what nobody will finish and somebody has to take back.
    pub fn orphans(&self) -> &[Orphan] {
        &self.orphans
    }

    /// Returns everything that a run which is given up has to take back: what was begun, and the orphans. A copy that is at its place stays there.
    pub fn leftovers(&self) -> impl Iterator<Item = (u64, &Begun)> {
        let begun = self.begun.iter().map(|(step, begun)| (*step, begun));
        let all = begun.chain(self.orphans.iter().map(|orphan| (orphan.step, &orphan.begun)));
        all.filter(|(_, begun)| !matches!(begun, Begun::Placed { .. }))
    }

    /// Counts the steps with a status.
    pub fn count(&self, status: Status) -> u64 {
        self.steps.iter().filter(|step| **step == status).count() as u64
    }

    /// Returns the bytes of the steps that are done.
    pub fn done_bytes(&self) -> u64 {
        self.done_bytes
    }

    /// Counts the copies that were proved by a checksum over all bytes.
    pub fn proved(&self) -> u64 {
        self.proved
    }

    /// Returns when and how the run ended, `None` while it has not or goes on.
    pub fn ended(&self) -> Option<(i64, Outcome)> {
        self.ended
    }

    /// Returns the reason of the last failure.
    pub fn last_failure(&self) -> Option<&str> {
        self.last_failure.as_deref()
    }

    fn begin(&mut self, step: u64, begun: Begun) {
        let before = self.begun.insert(step, begun);
        let before = before.filter(|begun| !matches!(begun, Begun::Placed { .. }));
        self.orphans.extend(before.map(|begun| Orphan { step, begun }));
    }
}

/// Returns what is left to do of a plan after these events.
///
/// # Errors
/// When one is about a step that the plan does not have.
pub fn outstanding(
    acts: impl IntoIterator<Item = bool>,
    events: &[Event],
) -> Result<Vec<Remaining>, NoSuchStep> {
    let mut state = State::new(acts);
    events.iter().try_for_each(|event| state.apply(event))?;
    Ok(state.remaining().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::Proof;
    use super::super::event::tests::events;
    use super::*;

    fn upload(step: u64, upload: &str) -> Event {
        Event::UploadBegun { step, upload: upload.into(), part_bytes: 5, algorithm: None, source: None }
    }

    #[test]
    fn a_step_goes_on_where_it_was_left() {
        let sum = Checksum::of(Algorithm::Crc32c, b"x");
        let segment = |offset| Event::SegmentDone { step: 1, offset, length_bytes: 4, checksum: sum };
        let begun =
            Event::DownloadBegun { step: 1, partial: "p".into(), size_bytes: 9, tag: None, version: None };
        let failed = Event::Failed { step: 1, reason: "cut".into() };
        let left = outstanding([false, true, true], &[begun, segment(4), segment(0), failed]).unwrap();
        assert_eq!(left.len(), 2);
        assert!(left[0].failed && !left[1].failed);
        let Some(Begun::Download { segments, .. }) = &left[0].begun else { panic!("{left:?}") };
        assert_eq!(segments.keys().copied().collect::<Vec<_>>(), [0, 4]);
        assert_eq!(left[1], Remaining { step: 2, begun: None, failed: false });
    }

    #[test]
    fn what_nobody_will_finish_is_an_orphan() {
        let mut state = State::new([true, true]);
        for event in [upload(0, "one"), upload(0, "two"), upload(1, "three"), Event::Skipped { step: 1 }] {
            state.apply(&event).unwrap();
        }
        let names: Vec<_> = state
            .orphans()
            .iter()
            .map(|orphan| match &orphan.begun {
                Begun::Upload { upload, .. } => upload.as_str(),
                Begun::Download { partial, .. } => partial,
                Begun::Placed { .. } => panic!("nobody takes that back"),
            })
            .collect();
        assert_eq!(names, ["one", "three"]);
        assert_eq!(state.leftovers().count(), 3);
        state.apply(&Event::Dropped { step: 0 }).unwrap();
        assert_eq!(state.leftovers().count(), 2);
    }

    #[test]
    fn a_segment_that_was_fetched_again_in_other_pieces_is_not_known_twice() {
        let mut state = State::new([true]);
        let begun = Event::DownloadBegun {
            step: 0,
            partial: "partial".into(),
            size_bytes: 100,
            tag: None,
            version: None,
        };
        state.apply(&begun).unwrap();
        let checksum = Checksum::of(Algorithm::Crc64Nvme, b"");
        for (offset, length_bytes, known) in [
            (0, 40, &[0][..]),
            (40, 40, &[0, 40]),
            (80, 20, &[0, 40, 80]),
            // The second was not what it should be, and is cut anew.
            (60, 20, &[0, 60, 80]),
            (40, 20, &[0, 40, 60, 80]),
            (0, 100, &[0]),
        ] {
            state.apply(&Event::SegmentDone { step: 0, offset, length_bytes, checksum }).unwrap();
            let Some(Begun::Download { segments, .. }) = state.begun(0) else { panic!("it was begun") };
            assert_eq!(segments.keys().copied().collect::<Vec<_>>(), known);
        }
    }

    #[test]
    fn an_end_is_an_end_until_the_run_goes_on() {
        let mut state = State::new([true]);
        state.apply(&Event::Ended { at_ns: 5, outcome: Outcome::Interrupted }).unwrap();
        assert_eq!(state.ended(), Some((5, Outcome::Interrupted)));
        state.apply(&Event::Resumed { at_ns: 6, tool: "1".into() }).unwrap();
        assert_eq!(state.ended(), None);
        let done = Event::Done { step: 0, size_bytes: 7, proof: Some(Proof::Checksum) };
        state.apply(&done).unwrap();
        state.apply(&done).unwrap();
        assert_eq!((state.done_bytes(), state.proved(), state.count(Status::Done)), (7, 1, 1));
        assert_eq!(state.apply(&Event::Skipped { step: 1 }), Err(NoSuchStep { step: 1, steps: 1 }));
    }

    /// The same, as plainly as it can be said: for each step, look through all events.
    fn model(acts: &[bool], events: &[Event]) -> Vec<(u64, Option<String>, Vec<u64>, bool)> {
        let mut left = Vec::new();
        for (index, _) in acts.iter().enumerate().filter(|(_, acts)| **acts) {
            let mine: Vec<&Event> =
                events.iter().filter(|event| event.step() == Some(index as u64)).collect();
            if mine.iter().any(|event| matches!(event, Event::Done { .. } | Event::Skipped { .. })) {
                continue;
            }
            let failed = mine.iter().any(|event| matches!(event, Event::Failed { .. }));
            let last = mine.iter().rposition(|event| {
                matches!(
                    event,
                    Event::UploadBegun { .. }
                        | Event::DownloadBegun { .. }
                        | Event::Placed { .. }
                        | Event::Dropped { .. }
                )
            });
            let (name, is_upload) = match last.map(|at| mine[at]) {
                Some(Event::UploadBegun { upload, .. }) => (Some(upload.clone()), true),
                Some(Event::DownloadBegun { partial, .. }) => (Some(partial.clone()), false),
                Some(Event::Placed { .. }) => (Some("placed".to_owned()), false),
                _ => (None, false),
            };
            let since = &mine[last.unwrap_or(mine.len())..];
            // A segment counts unless a later one has bytes of it.
            let is_replaced = |at: usize, from: u64, length: u64| {
                since[at + 1..].iter().any(|later| match later {
                    Event::SegmentDone { offset, length_bytes, .. } => {
                        *offset == from
                            || (*offset < from.saturating_add(length)
                                && from < offset.saturating_add(*length_bytes))
                    }
                    _ => false,
                })
            };
            let counts = |at: usize| match since[at] {
                Event::SegmentDone { offset, length_bytes, .. } => !is_replaced(at, *offset, *length_bytes),
                _ => true,
            };
            let mut pieces: Vec<u64> = (0..since.len())
                .filter(|at| counts(*at))
                .map(|at| since[at])
                .filter_map(|event| match event {
                    Event::PartDone { number, .. } if is_upload => Some(u64::from(*number)),
                    Event::SegmentDone { offset, .. }
                        if !is_upload && name.as_deref().is_some_and(|name| name != "placed") =>
                    {
                        Some(*offset)
                    }
                    _ => None,
                })
                .collect();
            pieces.sort_unstable();
            pieces.dedup();
            left.push((index as u64, name, pieces, failed));
        }
        left
    }

    proptest! {
        #[test]
        fn what_is_left_is_what_the_model_says(
            acts in prop::collection::vec(any::<bool>(), 4),
            events in prop::collection::vec(events(4), 0..25),
        ) {
            // An idle step never has events.
            let events: Vec<Event> = events
                .into_iter()
                .filter(|event| event.step().is_none_or(|step| acts[step as usize]))
                .collect();
            let left: Vec<_> = outstanding(acts.clone(), &events)
                .unwrap()
                .into_iter()
                .map(|left| {
                    let (name, pieces) = match left.begun {
                        None => (None, Vec::new()),
                        Some(Begun::Upload { upload, parts, .. }) => (Some(upload), parts.into_keys().map(u64::from).collect()),
                        Some(Begun::Download { partial, segments, .. }) => (Some(partial), segments.into_keys().collect()),
                        Some(Begun::Placed { .. }) => (Some("placed".to_owned()), Vec::new()),
                    };
                    (left.step, name, pieces, left.failed)
                })
                .collect();
            prop_assert_eq!(left, model(&acts, &events));
        }

        /// Nothing that happened later makes more work of what came before, but for what was dropped or failed.
        #[test]
        fn a_step_that_is_done_stays_done(events in prop::collection::vec(events(3), 0..25)) {
            let mut state = State::new([true; 3]);
            let mut finished = [false; 3];
            for event in &events {
                state.apply(event).unwrap();
                if let Event::Done { step, .. } | Event::Skipped { step } = event {
                    finished[*step as usize] = true;
                }
                for (step, finished) in finished.iter().enumerate() {
                    prop_assert_eq!(!state.remaining().any(|left| left.step == step as u64), *finished);
                }
            }
        }
    }
}
