//! Names that are fine alone but not beside one another: a file that is a folder as well, and two names that a file system
//! takes for one.
//!
//! Pure: fed with names in order, remembers what it must. For files and folders that is one name a level. For letter case and Unicode
//! forms it is eight bytes for every child of the folders that are open, since `A` and `a` may be a million names apart; a folder
//! is forgotten when the stream leaves it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use super::{Name, NameRefusal, Platform};

/// Watches a sorted stream of names for twins. The first of two is taken, the second refused.
#[derive(Debug)]
pub struct Twins {
    folding: Folding,
    /// The files that the next names may lie below: each is the beginning of the one after it.
    files: Vec<Name>,
    /// The folders from the top to the last name's own.
    open: Vec<Folder>,
    /// A folder that was refused, and everything in it.
    refused: Option<Box<str>>,
    children_max: usize,
    complete: bool,
}

/// In what names may differ and be one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Folding {
    case: bool,
    forms: bool,
    /// Dots and spaces at the end.
    ends: bool,
}

impl Folding {
    const ALL: Self = Self { case: true, forms: true, ends: true };
}

#[derive(Debug)]
struct Folder {
    /// With its slash; empty for the top.
    name: Box<str>,
    /// What its children were folded to. A false match among a million has a chance of one in 37 million.
    children: HashSet<u64>,
}

impl Twins {
    /// So many children of one folder are compared: 2 million, some 36 MB.
    pub const CHILDREN_MAX: usize = 2 << 20;

    /// Watches for what would be twins on a platform.
    pub fn new(platform: Platform) -> Self {
        Self::with_limit(platform, Self::CHILDREN_MAX)
    }

    /// The same, comparing at most so many children of one folder with one another.
    pub fn with_limit(platform: Platform, children_max: usize) -> Self {
        let top = Folder { name: "".into(), children: HashSet::new() };
        // Names with such ends are refused where they do not count.
        let folding = Folding { case: platform.folds_case(), forms: platform.folds_forms(), ends: false };
        Self { folding, files: Vec::new(), open: vec![top], refused: None, children_max, complete: true }
    }

    /// Watches also for names that are one on the file systems that take the most for one: FAT and exFAT, SMB, and folders of ext4 that fold.
    #[must_use]
    pub fn on_a_folding_disk(self) -> Self {
        Self { folding: Folding::ALL, ..self }
    }

    /// Looks at the next name. Names must come in ascending order, and only those that make a path.
    ///
    /// # Errors
    /// [`NameRefusal::FileAndFolder`] and [`NameRefusal::Twin`].
    pub fn check(&mut self, name: &Name) -> Result<(), NameRefusal> {
        let text = name.as_str();
        self.files.retain(|file| text.starts_with(file.as_str()));
        if let Some(file) =
            self.files.iter().find(|file| text.as_bytes().get(file.as_str().len()) == Some(&b'/'))
        {
            return Err(NameRefusal::FileAndFolder { file: file.clone() });
        }
        if self.folding.case || self.folding.forms {
            self.check_folded(text)?;
        }
        if !name.is_folder() {
            self.files.push(name.clone());
        }
        Ok(())
    }

    /// Tells whether every name was compared with all others of its folder; false once a folder had more than the limit.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn check_folded(&mut self, text: &str) -> Result<(), NameRefusal> {
        if self.refused.as_ref().is_some_and(|folder| text.starts_with(&**folder)) {
            return Err(NameRefusal::Twin);
        }
        self.refused = None;
        while self.open.len() > 1 && !self.open.last().is_some_and(|folder| text.starts_with(&*folder.name)) {
            self.open.pop();
        }
        loop {
            let folder = self.open.last_mut().expect("the top is never closed");
            let start = folder.name.len();
            let rest = &text[start..];
            if rest.is_empty() {
                return Ok(());
            }
            let below = rest.find('/');
            let part = &rest[..below.unwrap_or(rest.len())];
            let child = hash(&folded(part, self.folding));
            if folder.children.contains(&child) {
                self.refused = below.map(|at| text[..=start + at].into());
                return Err(NameRefusal::Twin);
            }
            if folder.children.len() < self.children_max {
                folder.children.insert(child);
            } else {
                self.complete = false;
            }
            let Some(at) = below else { return Ok(()) };
            self.open.push(Folder { name: text[..=start + at].into(), children: HashSet::new() });
        }
    }
}

/// Returns a number that all paths have in common that a file system may take for one, and hardly any other.
pub(crate) fn folded_path(path: &Path) -> u64 {
    let parts = path.components().map(|part| folded(&part.as_os_str().to_string_lossy(), Folding::ALL));
    hash(&parts.collect::<Vec<_>>().join("/"))
}

/// Returns a number for a path that hardly any other has.
pub(crate) fn exact_path(path: &Path) -> u64 {
    hash(&path.to_string_lossy())
}

/// Returns what all names have in common that are taken for one: composed where forms do not count, and in the case that
/// upper case leads back to, so that `ß`, `ẞ` and `ss` are one. Rather too much is folded than too little.
fn folded(part: &str, folding: Folding) -> String {
    let part = if folding.ends { part.trim_end_matches(['.', ' ']) } else { part };
    let cased = |part: &mut dyn Iterator<Item = char>| -> String {
        if folding.case {
            part.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
        } else {
            part.collect()
        }
    };
    if folding.forms && !part.is_ascii() {
        // Case first on the decomposed text, then once more to the composed form: either step may undo the other.
        cased(&mut part.nfd()).nfc().collect()
    } else {
        cased(&mut part.chars())
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn refused(platform: Platform, names: &[&str]) -> Vec<String> {
        let mut names: Vec<Name> = names.iter().map(|name| Name::new(name).unwrap()).collect();
        names.sort();
        let mut twins = Twins::new(platform);
        let refused = names
            .iter()
            .filter_map(|name| twins.check(name).err().map(|refusal| format!("{name} {}", refusal.code())));
        refused.collect()
    }

    #[test]
    fn a_file_that_is_a_folder_too_is_seen_across_what_lies_between() {
        assert_eq!(
            refused(Platform::Linux, &["a", "a-b", "a-c/d", "a.txt", "a/b", "a/c/d", "ab"]),
            ["a/b file-and-folder", "a/c/d file-and-folder"]
        );
        assert_eq!(refused(Platform::Linux, &["a", "a/"]), ["a/ file-and-folder"]);
        assert_eq!(refused(Platform::Linux, &["a/", "a/b", "a/c/"]), [""; 0]);
    }

    #[test]
    fn twins_are_refused_where_the_platform_takes_them_for_one() {
        let case = ["README", "Readme", "readme", "x/y"];
        assert_eq!(refused(Platform::Linux, &case), [""; 0]);
        for platform in [Platform::MacOs, Platform::Windows] {
            assert_eq!(refused(platform, &case), ["Readme twin", "readme twin"]);
        }
        let forms = ["caf\u{e9}", "cafe\u{301}"];
        assert_eq!(refused(Platform::Windows, &forms), [""; 0]);
        assert_eq!(refused(Platform::MacOs, &forms), ["caf\u{e9} twin"]);
        assert_eq!(refused(Platform::MacOs, &["CAFE\u{301}", "caf\u{e9}"]), ["caf\u{e9} twin"]);
        assert_eq!(refused(Platform::Windows, &["Stra\u{df}e", "strasse"]), ["strasse twin"]);
    }

    #[test]
    fn on_a_folding_disk_ends_count_as_little_as_case() {
        let mut twins = Twins::new(Platform::Linux).on_a_folding_disk();
        let mut check = |text: &str| twins.check(&Name::new(text).unwrap()).is_ok();
        assert!(check("A") && check("B./x"));
        assert!(!check("a") && !check("a.") && !check("a. ") && !check("b/y"));
        let path = |text: &str| folded_path(Path::new(text));
        assert_eq!(path("Caf\u{e9}/X."), path("cafe\u{301}/x"));
        assert_ne!(path("a/b"), path("ab"));
    }

    #[test]
    fn a_folder_that_is_a_twin_is_refused_with_everything_in_it() {
        let names = ["Foo/a", "Foo/b", "Other/x", "foo/a", "foo/deep/er", "foo/z", "other"];
        assert_eq!(
            refused(Platform::MacOs, &names),
            ["foo/a twin", "foo/deep/er twin", "foo/z twin", "other twin"]
        );
        // The same name in different folders is no twin.
        assert_eq!(refused(Platform::MacOs, &["A/x", "B/X", "C/x/X"]), [""; 0]);
    }

    #[test]
    fn beyond_the_limit_it_says_that_not_all_were_compared() {
        let mut twins = Twins::with_limit(Platform::MacOs, 2);
        for text in ["A", "B", "C"] {
            assert_eq!(twins.check(&Name::new(text).unwrap()), Ok(()));
        }
        assert!(!twins.is_complete());
        assert_eq!(twins.check(&Name::new("a").unwrap()), Err(NameRefusal::Twin));
    }

    proptest! {
        /// What is taken can stand in one case-insensitive tree; and nothing is refused that could.
        #[test]
        fn what_is_taken_makes_a_tree(texts in proptest::collection::btree_set("[aAbB](/[aA]{1,2}){0,2}", 1..12)) {
            let mut twins = Twins::new(Platform::Windows);
            // Folded path of a file or folder → the exact one that has it, and whether it is a file.
            let mut tree: Vec<(String, String, bool)> = Vec::new();
            for text in &texts {
                let ends: Vec<usize> = text.match_indices('/').map(|(at, _)| at).chain([text.len()]).collect();
                let fits = ends.iter().all(|end| {
                    let part = &text[..*end];
                    let same = tree.iter().find(|(folded, ..)| *folded == part.to_lowercase());
                    same.is_none_or(|(_, exact, file)| exact == part && !file && *end < text.len())
                });
                prop_assert_eq!(twins.check(&Name::new(text).unwrap()).is_ok(), fits, "{} {:?}", text, texts);
                if fits {
                    tree.extend(ends.iter().map(|end| {
                        (text[..*end].to_lowercase(), text[..*end].to_owned(), *end == text.len())
                    }));
                }
            }
            let files: BTreeSet<_> = tree.iter().filter(|(.., file)| *file).map(|(folded, ..)| folded).collect();
            prop_assert_eq!(files.len(), tree.iter().filter(|(.., file)| *file).count());
        }
    }
}
