//! Transfers: copies, moves, syncs and deletions, planned first and carried out afterwards, by the engine of `pintail-transfer`.
//!
//! ```text
//! Request ─► sites (places become routes) ─► plan (looks, writes nothing) ─► Planned ─► carry_out ─► Ended
//!                                                                      shown ◄─┘           └─► a run, to go on with
//! ```
//!
//! What is decided here: which bookmark reaches what, which options mean what, and which runs are kept. How bytes get anywhere is the
//! engine's, what a person sees `cli`'s.

mod both_ways;
mod cost;
pub(crate) mod options;
mod registry;
pub(crate) mod request;
mod run;
mod sites;
mod verify;
pub(crate) mod watch;
pub(crate) mod words;

use std::io;

use pintail_transfer::diff::Side;
use pintail_transfer::entry::Entry;
use pintail_transfer::execute::{Progress, StepEnd};
use pintail_transfer::plan::{Route, Step, Task};
use pintail_transfer::prepare::Answer;

pub(crate) use cost::prices;
pub(crate) use pintail_transfer as engine;
pub(crate) use registry::{
    Cleaned, Line, Orphans, Shown, abort, cancel, clean, newest_stopped, orphans, place_words, resume,
    routes_asked_for, runs, show,
};
pub(crate) use request::{Request, Verb};
pub(crate) use run::{DoneKinds, Ended, Planned, carry_out, plan};
pub(crate) use sites::{Labels, PlaceError, check_removals};
pub(crate) use verify::{VerifyError, verify_places, verify_run};

/// Who sees a transfer, and answers for the person. Called from where the work is done: only a question may take long.
pub(crate) trait Face: Send + Sync {
    /// So many entries were seen so far, while a plan is made.
    fn seen(&self, entries: u64);
    /// A name of the list of names is nowhere.
    fn missing(&self, _name: &str) {}
    /// Decides about a target that exists.
    fn ask(&self, names: &Labels, source: &Entry, target: &Entry) -> Answer;
    /// A step ended.
    fn ended(&self, told: Told<'_>, end: &StepEnd);
    /// Takes bytes of an object that goes to standard output.
    fn bytes(&self, bytes: &[u8]) -> io::Result<()>;
    /// Called a few times a second while work is under way.
    fn tick(&self, progress: &Progress);
}

/// A step, and between which places it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    /// Its places.
    pub(crate) route: &'a Route,
    /// How they are called.
    pub(crate) labels: &'a Labels,
    /// The step.
    pub(crate) step: &'a Step,
}

impl Told<'_> {
    /// Says where from.
    pub(crate) fn from(&self) -> String {
        let (label, place) = match self.step.task {
            Task::Move(Side::Right) => (&self.labels.to, &self.route.to),
            _ => (&self.labels.from, &self.route.from),
        };
        named(label, self.step.name.as_str(), *place == engine::plan::Place::Stdio)
    }

    /// Says where to.
    pub(crate) fn to(&self) -> String {
        let (label, place) = match self.step.task {
            Task::Move(Side::Left) => (&self.labels.from, &self.route.from),
            _ => (&self.labels.to, &self.route.to),
        };
        named(label, self.step.target().as_str(), *place == engine::plan::Place::Stdio)
    }
}

fn named(label: &str, name: &str, is_stdio: bool) -> String {
    if is_stdio { "-".to_owned() } else { format!("{label}{name}") }
}
