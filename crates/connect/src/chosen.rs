//! Which bookmark is meant when none is named, and which are found by words.

use pintail_core::bookmark::Bookmark;
use pintail_core::name::BookmarkName;

use crate::{Bookmarks, Connector, Error};

/// The preference that names the default bookmark.
const PREFERENCE: &str = "pintail.bookmark";

impl Connector {
    /// Returns the bookmark that the person's preferences name as the default, whether it exists or not.
    ///
    /// # Errors
    /// When the preferences cannot be read, or name none.
    pub fn preferred_bookmark(&self) -> Result<Option<BookmarkName>, Error> {
        let preferences = self.preferences()?;
        preferences.get(PREFERENCE).map(|text| text.trim().parse().map_err(Error::Name)).transpose()
    }

    /// Makes a bookmark the default one, or none.
    ///
    /// # Errors
    /// When the preferences cannot be read or written.
    pub fn prefer_bookmark(&self, name: Option<&BookmarkName>) -> Result<(), Error> {
        self.preferences()?.set(PREFERENCE, name.map(BookmarkName::as_str))
    }
}

/// What to look for in bookmarks.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A label that they have.
    pub label: Option<String>,
    /// Words that all stand somewhere in them, in any case.
    pub words: Vec<String>,
}

impl Search {
    /// Tells whether everything is looked for.
    pub fn is_empty(&self) -> bool {
        self.label.is_none() && self.words.is_empty()
    }

    /// Tells whether a bookmark is looked for: name, nickname, host, labels, comment, path, user name and properties
    /// count, except a secret that stands in the file.
    pub fn fits(&self, name: &BookmarkName, bookmark: &Bookmark) -> bool {
        let labels = bookmark.labels();
        let same =
            |label: &String| self.label.as_ref().is_some_and(|l| l.to_lowercase() == label.to_lowercase());
        if self.label.is_some() && !labels.iter().any(same) {
            return false;
        }
        let mut texts = vec![name.as_str().to_owned()];
        let keys = ["Nickname", "Hostname", "Path", "Comment", "Username", "Web URL", "Provider", "Region"];
        texts.extend(keys.iter().filter_map(|key| bookmark.text(key)));
        texts.extend(labels);
        let customs = bookmark.customs().into_iter();
        texts.extend(customs.filter(|(key, _)| !key.contains("Secret")).map(|(_, value)| value));
        let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
        self.words.iter().all(|word| texts.iter().any(|text| text.contains(&word.to_lowercase())))
    }
}

impl Bookmarks {
    /// Returns the names of the bookmarks that are looked for, sorted. One that cannot be read is found by its name only.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn find(&self, search: &Search) -> Result<Vec<BookmarkName>, Error> {
        let mut names = self.names()?;
        names.retain(|name| match self.load(name) {
            Ok(bookmark) => search.fits(name, &bookmark),
            Err(_) => {
                search.label.is_none()
                    && search.words.iter().all(|word| name.as_str().contains(word.as_str()))
            }
        });
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let name: BookmarkName = "work".parse().unwrap();
        let mut bookmark = Bookmark::new(&name, "u");
        bookmark.set("Comment", "Quarterly Reports");
        bookmark.set("Hostname", "s3.amazonaws.com");
        bookmark.set_labels(&["Blue".to_owned()]);
        bookmark.set_custom("role_arn", Some("arn:aws:iam::123456789012:role/Finance"));
        bookmark.set_custom("OAuth Client Secret", Some("hunter2"));
        let fits = |label: Option<&str>, words: &[&str]| {
            let words = words.iter().map(|&word| word.to_owned()).collect();
            Search { label: label.map(str::to_owned), words }.fits(&name, &bookmark)
        };
        for (label, words, found) in [
            (None, &[][..], true),
            (None, &["WORK"], true),
            (None, &["reports", "finance"], true),
            (None, &["reports", "absent"], false),
            (None, &["hunter2"], false),
            (Some("blue"), &["amazon"], true),
            (Some("green"), &[], false),
        ] {
            assert_eq!(fits(label, words), found, "{label:?} {words:?}");
        }
    }

    #[test]
    fn the_preferred_bookmark_is_kept_beside_other_preferences() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let file = connector.preferences().unwrap().path().to_owned();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "# mine\ns3.location=eu-west-1\n").unwrap();
        let work: BookmarkName = "work".parse().unwrap();
        connector.prefer_bookmark(Some(&work)).unwrap();
        assert_eq!(connector.preferred_bookmark().unwrap(), Some(work));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# mine\ns3.location=eu-west-1\n"), "{text}");
        connector.prefer_bookmark(None).unwrap();
        assert_eq!(connector.preferred_bookmark().unwrap(), None);
    }
}
