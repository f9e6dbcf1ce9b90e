//! Relative names: what an entry is called below the place where a transfer begins, on either side.
//!
//! Pure: texts in, texts out. A name is the rest of a key below a prefix, or the path of a file below a folder with `/` between
//! its parts. A folder's name ends with `/`, as S3 has it.
//!
//! **Order.** Names are ordered by their UTF-8 bytes, which is the order of S3's listings. A walk through a folder gives the same
//! order if each folder's children are sorted with the folders among them counted as `name/`: `a-b`, `a.txt` and `a/x` stand in that
//! order on both sides. So two sides are compared as two streams, and neither is held.
//!
//! **Exactness.** A name either makes a path that makes the same name again, or is refused with a [`NameRefusal`] ([`rule`]). Names
//! that are fine alone but not beside one another are found by [`Twins`].

pub mod rule;
mod twins;

use std::fmt;
use std::path::{Component, Path, PathBuf};

use pintail_core::name::{KeyPrefix, ObjectKey};

pub use rule::{NameRefusal, Platform};
pub use twins::Twins;
pub(crate) use twins::{exact_path, folded_path};

/// The longest key in bytes (S3 User Guide, "Object key naming guidelines").
pub const KEY_MAX_BYTES: usize = 1024;

/// A relative name, not empty. Whether it makes a path is asked with [`Name::path`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Takes a text as a name.
    ///
    /// # Errors
    /// When it is empty, or longer than any key.
    pub fn new(text: &str) -> Result<Self, NameRefusal> {
        match text.len() {
            0 => Err(NameRefusal::Empty),
            length if length > KEY_MAX_BYTES => Err(NameRefusal::KeyTooLong { length_bytes: length }),
            _ => Ok(Self(text.into())),
        }
    }

    /// Returns the name of a key below a prefix, `None` for the prefix itself and for keys outside.
    ///
    /// The prefix is text, not a folder: below `a` is `b/c` of the key `ab/c`.
    pub fn below(prefix: &KeyPrefix, key: &ObjectKey) -> Option<Self> {
        let rest = key.as_str().strip_prefix(prefix.as_str())?;
        (!rest.is_empty()).then(|| Self(rest.into()))
    }

    /// Returns the key of this name below a prefix.
    ///
    /// # Errors
    /// [`NameRefusal::KeyTooLong`].
    pub fn key(&self, prefix: &KeyPrefix) -> Result<ObjectKey, NameRefusal> {
        let key = format!("{prefix}{self}");
        key.parse().map_err(|_| NameRefusal::KeyTooLong { length_bytes: key.len() })
    }

    /// Returns the name of a path below a folder; `is_folder` tells whether the path is one.
    ///
    /// # Errors
    /// When the path is no list of names, and for every rule that [`Name::path`] holds on this platform: what could not come back is
    /// not sent away.
    pub fn of_path(path: &Path, is_folder: bool, platform: Platform) -> Result<Self, NameRefusal> {
        let mut text = String::new();
        for component in path.components() {
            let Component::Normal(part) = component else { return Err(NameRefusal::NotBelow) };
            let part = part.to_str().ok_or(NameRefusal::NotUnicode)?;
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(part);
        }
        if is_folder && !text.is_empty() {
            text.push('/');
        }
        let name = Self::new(&text)?;
        name.check(platform)?;
        Ok(name)
    }

    /// Returns the path of this name below a folder: of normal components only, relative, and one that makes this name again.
    ///
    /// # Errors
    /// The first rule of the platform that the name breaks.
    pub fn path(&self, platform: Platform) -> Result<PathBuf, NameRefusal> {
        self.check(platform)?;
        Ok(self.parts().collect())
    }

    /// Checks every part against the rules of a platform.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, platform: Platform) -> Result<(), NameRefusal> {
        self.parts().try_for_each(|part| rule::check_part(part, platform))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether it names a folder.
    pub fn is_folder(&self) -> bool {
        self.0.ends_with('/')
    }

    /// Returns the parts between slashes; a folder's last slash begins none.
    pub fn parts(&self) -> std::str::Split<'_, char> {
        self.0.strip_suffix('/').unwrap_or(&self.0).split('/')
    }

    /// Returns the last part.
    pub fn last(&self) -> &str {
        self.parts().next_back().unwrap_or_default()
    }

    /// Returns the name of the folder that this one is in, with its slash; empty at the top.
    pub fn folder(&self) -> &str {
        let bare = self.0.strip_suffix('/').unwrap_or(&self.0);
        bare.rfind('/').map_or("", |at| &bare[..=at])
    }

    /// Returns another name in the same folder.
    ///
    /// # Errors
    /// When it would be empty or longer than any key.
    pub fn sibling(&self, last: &str) -> Result<Self, NameRefusal> {
        Self::new(&format!("{}{last}", self.folder()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn keys_lose_their_prefix_and_get_it_back() {
        for (prefix, key, expected) in [
            ("", "a/b", Some("a/b")),
            ("a/", "a/b", Some("b")),
            ("a/", "a/", None),
            ("a", "ab/c", Some("b/c")),
            ("b/", "a/b", None),
            ("", "/x", Some("/x")),
            ("a/", "a//x", Some("/x")),
            ("a/", "a/b/", Some("b/")),
        ] {
            let prefix: KeyPrefix = prefix.parse().unwrap();
            let key: ObjectKey = key.parse().unwrap();
            let found = Name::below(&prefix, &key);
            assert_eq!(found.as_ref().map(Name::as_str), expected, "{prefix} {key}");
            if let Some(found) = found {
                assert_eq!(found.key(&prefix).unwrap(), key);
            }
        }
        let long = name(&"x".repeat(1024));
        assert!(long.key(&KeyPrefix::all()).is_ok());
        assert_eq!(long.key(&"p/".parse().unwrap()), Err(NameRefusal::KeyTooLong { length_bytes: 1026 }));
    }

    #[test]
    fn parts_folders_and_siblings_are_told() {
        let deep = name("a/b/c.txt");
        assert_eq!((deep.folder(), deep.last(), deep.is_folder()), ("a/b/", "c.txt", false));
        let folder = name("a/b/");
        assert_eq!((folder.folder(), folder.last(), folder.is_folder()), ("a/", "b", true));
        assert_eq!(name("top").folder(), "");
        assert_eq!(deep.sibling("d").unwrap().as_str(), "a/b/d");
        assert_eq!(Name::new(""), Err(NameRefusal::Empty));
    }

    #[test]
    fn paths_make_names_and_names_make_paths() {
        for (path, folder, text) in [("a", false, "a"), ("a/b", false, "a/b"), ("a/b", true, "a/b/")] {
            let made = Name::of_path(Path::new(path), folder, Platform::Linux).unwrap();
            assert_eq!(made.as_str(), text);
            assert_eq!(made.path(Platform::Linux).unwrap(), Path::new(path));
        }
        for path in ["/a", "../a", "a/../b"] {
            assert_eq!(Name::of_path(Path::new(path), false, Platform::Linux), Err(NameRefusal::NotBelow));
        }
        assert_eq!(Name::of_path(Path::new(""), true, Platform::Linux), Err(NameRefusal::Empty));
    }

    #[cfg(unix)]
    #[test]
    fn names_outside_unicode_are_refused() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"a/\xff"));
        assert_eq!(Name::of_path(path, false, Platform::Linux), Err(NameRefusal::NotUnicode));
    }

    proptest! {
        /// Whatever the key: its path is below the folder, and gives the key again.
        #[test]
        fn a_name_maps_both_ways_or_is_refused(text in "([a-c.~ /\\\\:]|\\PC|[\\x00-\\x20]){1,24}", choice in 0..3_usize) {
            let platform = [Platform::Linux, Platform::MacOs, Platform::Windows][choice];
            let name = name(&text);
            if let Ok(path) = name.path(platform) {
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{:?}", path);
                // Other platforms' separators are only read as such there.
                if platform == Platform::HERE || !text.contains('\\') {
                    prop_assert_eq!(Name::of_path(&path, name.is_folder(), platform).unwrap(), name);
                }
            }
        }

        /// Sorting each folder's children, folders as `name/`, gives the order of the keys.
        #[test]
        fn the_order_of_a_walk_is_that_of_keys(texts in proptest::collection::btree_set("[ab.!0]{1,2}(/[ab.!0]{1,2}){0,3}", 1..40)) {
            let mut names: Vec<&str> = Vec::new();
            for text in &texts {
                // A file that is a folder as well is no tree.
                if !texts.iter().any(|other| other.starts_with(&format!("{text}/"))) {
                    names.push(text);
                }
            }
            let mut walked = Vec::new();
            walk("", &names, &mut walked);
            names.sort_unstable();
            prop_assert_eq!(walked, names);
        }
    }

    fn walk<'a>(folder: &str, names: &[&'a str], walked: &mut Vec<&'a str>) {
        let mut children: Vec<String> = names
            .iter()
            .filter_map(|name| name.strip_prefix(folder))
            .map(|rest| rest.find('/').map_or(rest, |at| &rest[..=at]).to_owned())
            .collect();
        children.sort_unstable();
        children.dedup();
        for child in children {
            let full = format!("{folder}{child}");
            if child.ends_with('/') {
                walk(&full, names, walked);
            } else {
                walked.extend(names.iter().filter(|name| **name == full));
            }
        }
    }
}
