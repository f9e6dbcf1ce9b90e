//! Going through a plan in its order, one kind of steps at a time.

use super::running::Shared;
use crate::journal::Status;
use crate::parts::PART_MAX_BYTES;
use crate::plan::{Plan, PlanError, Step, Steps, Task};

/// Which steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Those of one request.
    Small,
    /// Those of many.
    Large,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// A step to be begun.
    Step(u64, Step),
    /// Nothing may be begun now.
    Full,
    /// More may come after others had their turn.
    Later,
    /// A step that is carried out alone.
    Alone(u64),
    /// Nothing more.
    End,
}

/// A place in a plan.
pub(super) struct Cursor<'a> {
    steps: Steps<'a>,
    lane: Lane,
    one_request_max_bytes: u64,
    /// The next step of this kind, or one that is carried out alone.
    ahead: Option<(u64, Step)>,
    ended: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(plan: &'a Plan, lane: Lane, one_request_max_bytes: u64) -> Self {
        Self { steps: plan.steps(), lane, one_request_max_bytes, ahead: None, ended: false }
    }

    /// Returns what comes next; a step only if there is room for one. Passes over so many steps at the most.
    pub(super) fn next(&mut self, shared: &Shared<'_>, turn: usize, room: bool) -> Result<Next, PlanError> {
        let mut passed = 0;
        while self.ahead.is_none() && !self.ended {
            if passed == turn {
                return Ok(Next::Later);
            }
            passed += 1;
            match self.steps.next().transpose()? {
                None => self.ended = true,
                Some((number, step)) => {
                    let is_left =
                        matches!(shared.record.status(number), Some(Status::Pending | Status::Failed));
                    if is_left && self.is_meant(&step) {
                        self.ahead = Some((number, step));
                    }
                }
            }
        }
        match self.ahead.take() {
            None => Ok(Next::End),
            Some((number, step)) if matches!(step.task, Task::Move(_)) => {
                self.ahead = Some((number, step));
                Ok(Next::Alone(number))
            }
            Some((number, step)) if room => Ok(Next::Step(number, step)),
            ahead => {
                self.ahead = ahead;
                Ok(Next::Full)
            }
        }
    }

    /// Goes on after a step that is carried out alone, and returns it.
    pub(super) fn pass_alone(&mut self) -> Option<(u64, Step)> {
        self.ahead.take()
    }

    fn is_meant(&self, step: &Step) -> bool {
        match step.task {
            Task::Delete(_) | Task::Skip(_) | Task::Refuse(_) => false,
            Task::Move(_) => true,
            _ => self.lane == lane(step, self.one_request_max_bytes),
        }
    }
}

/// Tells which kind a step is of.
fn lane(step: &Step, one_request_max_bytes: u64) -> Lane {
    let most = match step.task {
        Task::Upload | Task::Download | Task::CopyThrough => one_request_max_bytes,
        Task::CopyWithin => PART_MAX_BYTES,
        _ => return Lane::Small,
    };
    if step.size_bytes > most { Lane::Large } else { Lane::Small }
}
