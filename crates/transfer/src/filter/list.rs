//! Lists of names: what `--files-from` reads.
//!
//! Pure: text in, answers out. The names lie in one text and are found by binary search, so that a million of them cost their
//! own length and eight bytes each.

/// What ends a name in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// The end of a line. Empty lines and lines that begin with `#` are passed over; `./#name` is a name that begins with it.
    Line,
    /// A NUL, as `find -print0` writes it. Every name counts as it stands.
    Nul,
}

/// Why a text is no list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The list is not UTF-8, and keys are.
    #[error("name {number} of the list is not UTF-8")]
    NotUtf8 {
        /// Which, from 1.
        number: usize,
    },
    /// All names together are longer than 4 GiB.
    #[error("the list is longer than 4 GiB")]
    TooLong,
}

/// A sorted list of names. One that ends with `/` stands for everything below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameList {
    text: String,
    /// Where each name begins and ends, in the order of the names.
    ranges: Vec<(u32, u32)>,
}

impl NameList {
    /// Takes names in any order.
    ///
    /// # Errors
    /// [`ListError::TooLong`].
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ListError> {
        let mut list = Self::default();
        names.into_iter().try_for_each(|name| list.push(name))?;
        Ok(list.sorted())
    }

    /// Reads a list. A `./` at the beginning of a name does not count, nor does a carriage return at the end of a line.
    ///
    /// # Errors
    /// When a name is not UTF-8.
    pub fn parse(bytes: &[u8], separator: Separator) -> Result<Self, ListError> {
        let end = match separator {
            Separator::Line => b'\n',
            Separator::Nul => 0,
        };
        let mut list = Self::default();
        for (index, name) in bytes.split(|byte| *byte == end).enumerate() {
            let name = std::str::from_utf8(name).map_err(|_| ListError::NotUtf8 { number: index + 1 })?;
            let name = match separator {
                Separator::Line => name.strip_suffix('\r').unwrap_or(name),
                Separator::Nul => name,
            };
            if name.is_empty() || separator == Separator::Line && name.starts_with('#') {
                continue;
            }
            list.push(name.strip_prefix("./").unwrap_or(name))?;
        }
        Ok(list.sorted())
    }

    /// Tells whether a name is on the list, or below a folder that is.
    pub fn holds(&self, name: &str) -> bool {
        self.position(name).is_ok() || self.holds_folder_of(name)
    }

    /// Tells whether a folder (with its slash) or anything below it is on the list.
    pub fn may_hold(&self, folder: &str) -> bool {
        let next = self.position(folder).unwrap_or_else(|next| next);
        self.ranges.get(next).is_some_and(|range| self.name(*range).starts_with(folder))
            || self.holds_folder_of(folder)
    }

    /// Returns the places on the list, from 0 in ascending order of names, of what holds a name: itself, and the folders that it is in.
    pub fn places_of(&self, name: &str) -> impl Iterator<Item = usize> {
        let folders =
            name.match_indices('/').map(|(at, _)| &name[..=at]).filter(move |folder| *folder != name);
        folders.chain([name]).filter_map(|name| self.position(name).ok())
    }

    /// Returns how many names are on it.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Tells whether no name is on it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns the names in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.ranges.iter().map(|range| self.name(*range))
    }

    fn holds_folder_of(&self, name: &str) -> bool {
        name.match_indices('/').any(|(at, _)| self.position(&name[..=at]).is_ok())
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.ranges.binary_search_by(|range| self.name(*range).cmp(name))
    }

    fn name(&self, (start, end): (u32, u32)) -> &str {
        &self.text[start as usize..end as usize]
    }

    fn push(&mut self, name: &str) -> Result<(), ListError> {
        let start = u32::try_from(self.text.len()).map_err(|_| ListError::TooLong)?;
        self.text.push_str(name);
        let end = u32::try_from(self.text.len()).map_err(|_| ListError::TooLong)?;
        self.ranges.push((start, end));
        Ok(())
    }

    fn sorted(mut self) -> Self {
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.sort_unstable_by(|one, other| self.name(*one).cmp(self.name(*other)));
        ranges.dedup_by(|one, other| self.name(*one) == self.name(*other));
        self.ranges = ranges;
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_by_line_or_by_nul() {
        let lines = NameList::parse(b"b\r\n# no\n\na/\n./c d\nb\n./#yes\n", Separator::Line).unwrap();
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["#yes", "a/", "b", "c d"]);
        let nul = NameList::parse(b"#yes\0line\nbreak\0", Separator::Nul).unwrap();
        assert_eq!(nul.iter().collect::<Vec<_>>(), ["#yes", "line\nbreak"]);
        assert_eq!(NameList::parse(b"a\n\xff\n", Separator::Line), Err(ListError::NotUtf8 { number: 2 }));
        assert!(NameList::parse(b"\n", Separator::Line).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn what_it_holds_is_what_is_on_it(
            names in proptest::collection::vec("[ab](/[ab]){0,2}/?", 0..8),
            asked in "[ab](/[ab]){0,3}/?",
        ) {
            let list = NameList::new(names.iter().map(String::as_str)).unwrap();
            let holds = names.iter().any(|name| *name == asked || name.ends_with('/') && asked.starts_with(name.as_str()));
            prop_assert_eq!(list.holds(&asked), holds);
            prop_assert_eq!(list.places_of(&asked).next().is_some(), holds);
            for place in list.places_of(&asked) {
                let name = list.iter().nth(place).unwrap();
                prop_assert!(name == asked || name.ends_with('/') && asked.starts_with(name), "{}", name);
            }
            if asked.ends_with('/') {
                let below = names.iter().any(|name| name.starts_with(&asked));
                prop_assert_eq!(list.may_hold(&asked), holds || below);
            }
        }
    }
}
