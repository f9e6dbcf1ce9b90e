//! Which folders become empty when the entries below them go.
//!
//! Pure: fed with names in ascending order, holds the folders from the top to the last name.

use crate::name::Name;

/// Follows one side's names and what becomes of them.
#[derive(Debug, Default)]
pub(super) struct Emptied {
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    /// With its slash.
    name: Name,
    /// Something in it goes.
    goes: bool,
    /// Something in it stays or comes.
    stays: bool,
}

impl Emptied {
    /// Takes the next name, and tells which folders were left by it that nothing stays in, innermost first. `gone` tells whether the entry goes; for a
    /// folder, whether it goes once it is empty.
    pub(super) fn pass(&mut self, name: &Name, gone: bool) -> Vec<Name> {
        let left = self.leave(name.as_str());
        let mut from = self.open.last().map_or(0, |open| open.name.as_str().len());
        let text = name.as_str();
        while let Some(at) = text[from..].find('/') {
            from += at + 1;
            if let Ok(folder) = Name::new(&text[..from]) {
                self.open.push(Open { name: folder, goes: false, stays: false });
            }
        }
        if let Some(open) = self.open.last_mut() {
            open.goes |= gone;
            open.stays |= !gone;
        }
        left
    }

    /// Tells which of the last folders nothing stays in.
    pub(super) fn end(&mut self) -> Vec<Name> {
        self.leave("")
    }

    fn leave(&mut self, next: &str) -> Vec<Name> {
        let mut left = Vec::new();
        while let Some(open) = self.open.pop_if(|open| !next.starts_with(open.name.as_str())) {
            let empty = open.goes && !open.stays;
            if let Some(above) = self.open.last_mut() {
                above.goes |= empty;
                above.stays |= !empty;
            }
            if empty {
                left.push(open.name);
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emptied(names: &[(&str, bool)]) -> Vec<String> {
        let mut emptied = Emptied::default();
        let mut left = Vec::new();
        for (name, gone) in names {
            left.extend(emptied.pass(&Name::new(name).unwrap(), *gone));
        }
        left.extend(emptied.end());
        left.iter().map(Name::to_string).collect()
    }

    #[test]
    fn a_folder_goes_when_nothing_in_it_stays() {
        for (names, expected) in [
            (&[("a/x", true), ("a/y", true)][..], &["a/"][..]),
            (&[("a/x", true), ("a/y", false)], &[]),
            (&[("a/b/x", true), ("a/b/y", true), ("c", true)], &["a/b/", "a/"]),
            (&[("a/b/x", true), ("a/y", false)], &["a/b/"]),
            (&[("a/", true)], &["a/"]),
            (&[("a/", false), ("a/x", true)], &[]),
            (&[("a/", true), ("a/b/", true), ("a/b/x", true)], &["a/b/", "a/"]),
            (&[("x", true), ("y", true)], &[]),
            (&[("a/x", true), ("a-b", true), ("a/z", false)], &["a/"]),
        ] {
            let mut sorted = names.to_vec();
            sorted.sort_unstable();
            if sorted == names {
                assert_eq!(emptied(names), expected, "{names:?}");
            }
        }
    }
}
