//! One file or object that was named, or a stream: looked at where the rules want to know what is there.

use super::one_way::{Policy, Shared};
use super::work::Making;
use super::{Job, PrepareError};
use super::{look, pairing};
use crate::entry::{Entry, Kind, Modified};
use crate::filter::Filter;
use crate::local::Links;
use crate::name::{Name, NameRefusal};
use crate::parts::OBJECT_MAX_BYTES;
use crate::plan::Refusal;
use crate::policy::Existing;
use crate::site::Site;

/// Plans one copy. `alone` makes a refusal an error; among several it is a step.
pub(super) async fn copy(
    making: &mut Making<'_>,
    route: u32,
    job: &Job,
    name: &Name,
    to: &Name,
    alone: bool,
) -> Result<(), PrepareError> {
    let rules = making.rules;
    let shared =
        Shared::new(route, job, rules, Policy::Copy(rules.existing), (name != to).then(|| to.clone()))?;
    let missing = || PrepareError::Missing(super::full(&job.route.from, name.as_str()));
    // Which part of the work it is in follows from the name that it gets, and was asked before.
    let filter = Filter { shard: None, ..rules.filter.clone() };
    let takes_part = |entry: &Entry| pairing::takes_part(&filter, Some(entry), None);
    let source = match &job.ends.from {
        Site::Stdio => Entry::file(name.clone(), 0, Modified::UNKNOWN),
        Site::Local(root) => {
            if let Err(refusal) = name.path(rules.platform) {
                let source = Entry::file(name.clone(), 0, Modified::UNKNOWN);
                return refuse(making, &shared, source, Refusal::Name(refusal), alone);
            }
            let source = look::file(root, name, rules.platform, rules.links != Links::Keep)?;
            let source = source.ok_or_else(missing)?;
            if source.kind == Kind::Folder {
                return Err(PrepareError::NotAFile(super::full(&job.route.from, name.as_str())));
            }
            if !takes_part(&source) {
                making.seen.left_out += 1;
                return Ok(());
            }
            source
        }
        Site::Remote(remote) => {
            making.seen.looks += 1;
            let (source, kept) = look::object_and_time(remote, name).await?.ok_or_else(missing)?;
            let source = Entry { kind: Kind::File, ..source };
            // Its age is that of the object, as in a listing.
            if !takes_part(&source) {
                making.seen.left_out += 1;
                return Ok(());
            }
            Entry { modified: kept.unwrap_or(source.modified), ..source }
        }
    };
    making.seen.left += 1;
    let refusal = match &job.ends.to {
        Site::Stdio => None,
        Site::Local(_) if to.is_folder() => Some(Refusal::Name(NameRefusal::EmptyPart)),
        Site::Local(_) => to.path(rules.platform).err().map(Refusal::Name),
        Site::Remote(remote) => match to.key(&remote.prefix) {
            Err(refusal) => Some(Refusal::Name(refusal)),
            Ok(_) if source.size_bytes > OBJECT_MAX_BYTES => Some(Refusal::TooLarge),
            Ok(_) => None,
        },
    };
    if let Some(refusal) = refusal {
        return refuse(making, &shared, source, refusal, alone);
    }
    let target = match &job.ends.to {
        _ if rules.existing == Existing::Overwrite => None,
        Site::Stdio => None,
        Site::Local(root) => look::file(root, to, rules.platform, false)?,
        Site::Remote(remote) => {
            making.seen.looks += 1;
            look::object(remote, to).await?.map(|target| Entry { kind: Kind::File, ..target })
        }
    };
    if target.as_ref().is_some_and(|target| target.kind == Kind::Folder) {
        return Err(PrepareError::NotAFile(super::full(&job.route.to, to.as_str())));
    }
    making.seen.right += u64::from(target.is_some());
    shared.one(making, source, target).await
}

fn refuse(
    making: &mut Making<'_>,
    shared: &Shared<'_>,
    source: Entry,
    refusal: Refusal,
    alone: bool,
) -> Result<(), PrepareError> {
    match refusal {
        Refusal::Name(why) if alone => Err(PrepareError::Refused { what: source.name.to_string(), why }),
        refusal => shared.refuse_one(making, source, refusal),
    }
}
