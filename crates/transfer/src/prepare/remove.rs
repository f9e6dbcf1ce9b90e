//! Deletions: everything that is at a place and takes part.

use std::sync::Arc;

use super::emptied::Emptied;
use super::pairing::{self, Pairing, What};
use super::side::{Feed, Part};
use super::work::Making;
use super::{Job, PrepareError, Rules};
use crate::diff::{Pair, Side};
use crate::entry::Kind;
use crate::local::walk::Folders;
use crate::local::{Links, Unfit};
use crate::name::Name;
use crate::plan::{Refusal, Step, Task};
use crate::policy::Guard;
use crate::site::Site;

/// Plans the deletion of one name. What is not there needs none, and nobody looks.
pub(super) fn one(making: &mut Making<'_>, route: u32, name: &Name) -> Result<(), PrepareError> {
    making.seen.left += 1;
    making.push(&delete(route, name.clone()))
}

/// Plans the deletion of a tree, the object that stands for its top included.
pub(super) async fn tree(making: &mut Making<'_>, route: u32, job: &Job) -> Result<(), PrepareError> {
    // Links are deleted themselves and lead nowhere; folders go when they are empty.
    let rules = Rules { links: Links::Keep, folders: Folders::All, ..making.rules.clone() };
    let filter = Arc::new(rules.filter.clone());
    let mut live = pairing::live_filter(&rules);
    let mut pairing =
        Pairing::new(Feed::open(&job.ends.from, Part::Source, &rules, &filter), Feed::nothing());
    let is_local = matches!(job.ends.from, Site::Local(_));
    let mut emptied = Emptied::default();
    loop {
        let pair = pairing.next().await?;
        for missed in pairing.missed(pair.as_ref().map(Pair::name), &mut live)? {
            match missed.what {
                What::Itself(entry) if live.is_open() => {
                    making.seen.left += 1;
                    for step in making.itself(route, &entry) {
                        making.push(&Step { guard: Guard::None, ..step })?;
                    }
                }
                What::Itself(_) | What::Pruned => {}
                What::Unfit(Unfit::Unreadable(error)) if pairing::name_takes_part(&live, &missed.name) => {
                    making.seen.unread += 1;
                    let task = Task::Refuse(Refusal::Unreadable(error.to_string().into()));
                    making.push(&Step { task, ..delete(route, missed.name.clone()) })?;
                }
                What::Unfit(_) => {}
            }
            if is_local && missed.side == Side::Left {
                let left = emptied.pass(&missed.name, false);
                making.remove_folders(route, Side::Left, left)?;
            }
        }
        let Some(pair) = pair else { break };
        making.sees(&pair);
        let (Some(entry), _) = pair.sides() else { continue };
        let goes = pairing::takes_part(&live, Some(&entry), None);
        making.seen.left += u64::from(goes);
        making.seen.left_out += u64::from(!goes);
        if is_local {
            let left = emptied.pass(&entry.name, goes);
            making.remove_folders(route, Side::Left, left)?;
        }
        if goes && !(is_local && entry.kind == Kind::Folder) {
            making.push(&delete(route, entry.name))?;
        }
    }
    let left = emptied.end();
    if is_local {
        making.remove_folders(route, Side::Left, left)?;
    }
    let (pages, looks) = pairing.cost();
    making.seen.pages += pages;
    making.seen.looks += looks;
    Ok(())
}

fn delete(route: u32, name: Name) -> Step {
    Step { route, guard: Guard::None, ..Step::new(Task::Delete(Side::Left), name, 0) }
}
