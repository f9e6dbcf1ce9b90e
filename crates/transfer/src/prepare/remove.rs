//! Deletions: everything that is at a place and takes part.

use std::sync::Arc;

use super::look;
use super::pairing::{self, Decided, Judge, Missed, Pairing, Sides, Verdict, What};
use super::side::{Feed, Part};
use super::work::Making;
use super::{Job, PrepareError, Rules};
use crate::diff::{Pair, Side};
use crate::entry::{Entry, Kind};
use crate::filter::Filter;
use crate::local::walk::Folders;
use crate::local::{Links, Unfit};
use crate::name::Name;
use crate::plan::{Step, Task};
use crate::policy::Guard;
use crate::site::Site;

/// Plans the deletion of one name. What is not there needs none, and nobody looks unless a filter asks for more than the name.
pub(super) async fn one(
    making: &mut Making<'_>,
    route: u32,
    job: &Job,
    name: &Name,
) -> Result<(), PrepareError> {
    // Which part of the work it is in was asked before.
    let filter = Filter { shard: None, ..making.rules.filter.clone() };
    let goes = if !pairing::name_takes_part(&filter, name) {
        false
    } else if let (true, Site::Remote(remote)) = (filter.asks_beyond_names(), &job.ends.from) {
        making.seen.looks += 1;
        let Some((entry, _)) = look::object_and_time(remote, name).await? else { return Ok(()) };
        pairing::takes_part(&filter, Some(&Entry { kind: Kind::File, ..entry }), None)
    } else {
        true
    };
    if !goes {
        making.seen.left_out += 1;
        return Ok(());
    }
    making.seen.left += 1;
    making.push(&delete(route, name.clone()))
}

/// Plans the deletion of a tree, the object that stands for its top included.
pub(super) async fn tree(making: &mut Making<'_>, route: u32, job: &Job) -> Result<(), PrepareError> {
    // Links are deleted themselves and lead nowhere; folders go when they are empty.
    let rules = Rules { links: Links::Keep, folders: Folders::All, ..making.rules.clone() };
    let filter = Arc::new(rules.filter.clone());
    let beginning = match &job.what {
        super::What::Beginning(text) => text.as_str(),
        super::What::Tree | super::What::One { .. } => "",
    };
    let left = Feed::beginning(&job.ends.from, beginning, Part::Source, &rules, &filter);
    let sides = Sides::new(job, &rules, Pairing::new(left, Feed::nothing()), None);
    let is_local = matches!(job.ends.from, Site::Local(_));
    pairing::go_through(sides, &mut Removal { route, is_local }, [is_local, false], route, making).await
}

struct Removal {
    route: u32,
    is_local: bool,
}

impl<'a> Judge<'a> for Removal {
    fn missed(&mut self, sides: &Sides<'_>, making: &mut Making<'_>, missed: Missed) -> Decided {
        let Missed { side, name, what } = missed;
        let mut decided = Decided::stays(name.clone(), side);
        match what {
            What::Itself(entry) if sides.filter.is_open() => {
                making.seen.left += 1;
                let steps = making.itself(self.route, &entry).into_iter();
                decided.steps = steps.map(|step| Step { guard: Guard::None, ..step }).collect();
            }
            What::Unfit(why @ Unfit::Unreadable(_)) if pairing::name_takes_part(&sides.filter, &name) => {
                let task = pairing::left_out(making, &why);
                decided.steps.push(Step { task, ..delete(self.route, name) });
            }
            What::Itself(_) | What::Pruned | What::Unfit(_) => {}
        }
        decided
    }

    fn pair(
        &mut self,
        sides: &mut Sides<'_>,
        making: &mut Making<'_>,
        pair: Pair,
    ) -> Result<Verdict<'a>, PrepareError> {
        let (Some(entry), _) = pair.sides() else { unreachable!("the right side has nothing") };
        let goes = pairing::takes_part(&sides.filter, Some(&entry), None);
        making.seen.left += u64::from(goes);
        making.seen.left_out += u64::from(!goes);
        let mut decided = Decided { goes: [Some(goes), None], ..Decided::nothing(entry.name) };
        // Folders of the disk go when everything in them went.
        if goes && !(self.is_local && entry.kind == Kind::Folder) {
            decided.steps.push(delete(self.route, decided.name.clone()));
        }
        Ok(Verdict::Made(decided))
    }
}

fn delete(route: u32, name: Name) -> Step {
    Step { route, guard: Guard::None, ..Step::new(Task::Delete(Side::Left), name, 0) }
}
