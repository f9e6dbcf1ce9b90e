//! Which names of a list of names were met, so that those that are nowhere can be told.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Filter;
use crate::name::Name;

/// What was met so far of the list of names of a filter ([`Filter::only`]). Several may tell it at once.
#[derive(Debug)]
pub struct Met<'a> {
    filter: &'a Filter,
    /// In the order of the list; empty where there is none.
    met: Vec<AtomicBool>,
}

impl<'a> Met<'a> {
    /// Begins with nothing met.
    pub fn new(filter: &'a Filter) -> Self {
        let names = filter.only.as_ref().map_or(0, super::NameList::len);
        Self { filter, met: (0..names).map(|_| AtomicBool::new(false)).collect() }
    }

    /// A name is there, whether it takes part or not: it and the folders that it is in were met. A folder has its slash.
    pub fn meets(&self, name: &str) {
        if let Some(only) = &self.filter.only {
            only.places_of(name).for_each(|place| self.met[place].store(true, Ordering::Relaxed));
        }
    }

    /// Returns the names of the list that were not met, but for those that are looked for elsewhere or not at all: another shard's, and what a rule leaves out.
    pub fn others(&self) -> impl Iterator<Item = &'a str> {
        let filter = self.filter;
        let names = filter.only.iter().flat_map(super::NameList::iter);
        let looked_for = move |name: &str| {
            let left_out = Name::new(name).is_ok_and(|name| {
                // Of a folder, something below may be taken in.
                let folder_passed = name.is_folder() && !filter.rules.may_include_below(&name);
                folder_passed || !name.is_folder() && filter.rules.excluded_by(&name).is_some()
            });
            filter.shard.is_none_or(|shard| shard.holds_text(name)) && !left_out
        };
        names
            .zip(&self.met)
            .filter(move |(name, met)| !met.load(Ordering::Relaxed) && looked_for(name))
            .map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NameList, Rules};
    use super::*;

    #[test]
    fn what_was_not_met_is_told_unless_nobody_looked_for_it() {
        let names = ["a", "b/", "c/d", "e/f.tmp", "g", "h/i", "out/"];
        let mut rules = Rules::default();
        rules.exclude("*.tmp").unwrap();
        rules.exclude("out/").unwrap();
        let filter = Filter { only: Some(NameList::new(names).unwrap()), rules, ..Filter::default() };
        let met = Met::new(&filter);
        assert_eq!(met.others().collect::<Vec<_>>(), ["a", "b/", "c/d", "g", "h/i"]);
        for name in ["a", "b/x/y", "c/", "g/z", "h/i/", "no/such"] {
            met.meets(name);
        }
        assert_eq!(met.others().collect::<Vec<_>>(), ["c/d", "g", "h/i"]);
        // What is taken in may be below any folder.
        let mut rules = Rules::default();
        rules.exclude("*").unwrap();
        rules.include("*.jpg").unwrap();
        let names = ["phtos/", "a.jpg", "b.png"];
        let pictures = Filter { only: Some(NameList::new(names).unwrap()), rules, ..Filter::default() };
        assert_eq!(Met::new(&pictures).others().collect::<Vec<_>>(), ["a.jpg", "phtos/"]);
        let everything = Filter::default();
        Met::new(&everything).meets("a");
        assert_eq!(Met::new(&everything).others().next(), None);
    }
}
