//! The properties as they stand in bookmark, profile and preferences, and which of them decides.

use pintail_core::bookmark::Bookmark;
use pintail_core::name::BookmarkName;
use pintail_core::profile::Effective;
use pintail_core::setting::{self, Found, Layers, Setting, SettingError, Source, Value};

use crate::{Connector, Error, Preferences};

/// The places where properties stand, for one bookmark or for none.
#[derive(Clone, Debug)]
pub struct Layered {
    bookmark: Option<Bookmark>,
    profile: Option<Effective>,
    preferences: Preferences,
}

impl Layered {
    /// Takes what was read already.
    pub fn new(bookmark: Option<Bookmark>, profile: Option<Effective>, preferences: Preferences) -> Self {
        Self { bookmark, profile, preferences }
    }

    /// Returns what decides about a property.
    pub fn find(&self, setting: &Setting) -> Option<Found> {
        self.with(|layers| layers.find(setting))
    }

    /// Returns what decides about a property, parsed. An empty value is none.
    ///
    /// # Errors
    /// When the property does not take the value that decides.
    pub fn value(&self, setting: &Setting) -> Result<Option<(Value, Source)>, SettingError> {
        self.with(|layers| layers.value(setting))
    }

    /// Returns what one place says of a property: the name it stands under there, and its value.
    pub fn at(&self, source: Source, setting: &Setting) -> Option<(&'static str, String)> {
        if source == Source::BuiltIn {
            return setting.default.map(|value| (setting.name, value.to_owned()));
        }
        setting.names().find_map(|name| Some((name, self.text(source, name)?)))
    }

    /// Returns the properties of a place that the catalogue does not have, in the order of the place. A bookmark's cannot be
    /// told from what other programs keep there, and are left out.
    pub fn unknown(&self, source: Source) -> Vec<(&str, &str)> {
        let all: Vec<(&str, &str)> = match source {
            Source::Profile => {
                let properties = self.profile.iter().flat_map(|profile| &profile.properties);
                properties.map(|(name, value)| (name.as_str(), value.as_str())).collect()
            }
            Source::Preferences => self.preferences.iter().collect(),
            Source::Bookmark | Source::BuiltIn => Vec::new(),
        };
        all.into_iter().filter(|(name, _)| setting::find(name).is_none()).collect()
    }

    /// An empty text is none, as for [`Connection`](pintail_core::connection::Connection): with `role_arn` it says "ask".
    fn text(&self, source: Source, name: &str) -> Option<String> {
        let text = match source {
            Source::Bookmark => self.bookmark.as_ref()?.custom(name),
            Source::Profile => self.profile.as_ref()?.property(name).map(str::to_owned),
            Source::Preferences => self.preferences.get(name).map(str::to_owned),
            Source::BuiltIn => None,
        };
        text.filter(|text| !text.trim().is_empty())
    }

    fn with<T>(&self, look: impl FnOnce(&Layers<'_>) -> T) -> T {
        look(&Layers {
            bookmark: &|name| self.text(Source::Bookmark, name),
            profile: &|name| self.text(Source::Profile, name),
            preferences: &|name| self.text(Source::Preferences, name),
        })
    }
}

impl Connector {
    /// Returns the properties as they hold for a bookmark, or without one.
    ///
    /// # Errors
    /// When there is no such bookmark, or something cannot be read. A profile that is not there says nothing.
    pub fn layered(&self, name: Option<&BookmarkName>) -> Result<Layered, Error> {
        let bookmark = name.map(|name| self.bookmarks().load(name)).transpose()?;
        let profile = match &bookmark {
            Some(bookmark) => {
                let profiles = self.profiles()?;
                profiles.of(bookmark)?.map(|listed| profiles.effective(&listed.profile))
            }
            None => None,
        };
        Ok(Layered::new(bookmark, profile, self.preferences()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Settings};

    #[test]
    fn every_place_is_asked_in_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let name: BookmarkName = "work".parse().unwrap();
        let settings = Settings {
            custom: vec![("pintail.way", "anonymous".into()), ("connection.retry", "2".into())],
            ..Settings::default()
        };
        connector.add_bookmark(&name, &settings, false).unwrap();
        let mut preferences = connector.preferences().unwrap();
        preferences.set("connection.retry", Some("7")).unwrap();
        preferences.set("unheard.of", Some("x")).unwrap();
        let setting = setting::find("connection.retry").unwrap();
        let found =
            |name| connector.layered(name).unwrap().find(setting).map(|found| (found.value, found.source));
        assert_eq!(found(Some(&name)), Some(("2".into(), Source::Bookmark)));
        assert_eq!(found(None), Some(("7".into(), Source::Preferences)));
        let layered = connector.layered(Some(&name)).unwrap();
        assert_eq!(layered.at(Source::Preferences, setting), Some(("connection.retry", "7".into())));
        assert_eq!(layered.at(Source::Profile, setting), None);
        assert_eq!(layered.unknown(Source::Preferences), [("unheard.of", "x")]);
        preferences.set("connection.retry", None).unwrap();
        assert_eq!(found(None), Some((setting.default.unwrap().into(), Source::BuiltIn)));
        assert!(connector.layered(Some(&"none".parse().unwrap())).is_err());
    }
}
