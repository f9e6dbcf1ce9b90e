//! Which place decides: bookmark, profile, preferences, or what is built in.

use super::{Setting, SettingError, Value};
use crate::connection::property;

/// Gives the value of a name in one place.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The places a property may stand in, the strongest first.
///
/// White space around a value does not count, and an empty value says nothing: the next name or place is asked. In a profile
/// it means that a person is asked.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// `Custom` of the bookmark.
    pub bookmark: Lookup<'a>,
    /// `Properties` of the connection profile.
    pub profile: Lookup<'a>,
    /// `default.properties`.
    pub preferences: Lookup<'a>,
}

impl std::fmt::Debug for Layers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layers").finish_non_exhaustive()
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The bookmark.
    Bookmark,
    /// The connection profile.
    Profile,
    /// The preferences.
    Preferences,
    /// No file; the value is the default.
    BuiltIn,
}

/// The value that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The value as it is written there, without white space around it.
    pub value: String,
    /// Where it stands.
    pub source: Source,
    /// The name it stands under: the property's own, or an alias.
    pub name: &'static str,
}

impl Layers<'_> {
    /// Returns the value that decides, or `None` where the property stands nowhere and has no default.
    ///
    /// A stronger place decides under any of the names; within one place the property's own name comes before its aliases,
    /// and these count in their order. A profile names no file of this machine, and what gets a credential as it is stands in
    /// the preferences alone.
    pub fn find(&self, setting: &Setting) -> Option<Found> {
        let places = [
            (Source::Bookmark, self.bookmark),
            (Source::Profile, self.profile),
            (Source::Preferences, self.preferences),
        ];
        for (source, place) in places.into_iter().filter(|(source, _)| may_say(*source, setting.name)) {
            for name in setting.names() {
                let value = place(name).map(|text| text.trim().to_owned());
                if let Some(value) = value.filter(|text| !text.is_empty()) {
                    return Some(Found { value, source, name });
                }
            }
        }
        let value = setting.default?.to_owned();
        Some(Found { value, source: Source::BuiltIn, name: setting.name })
    }

    /// Returns the value that decides, parsed.
    ///
    /// # Errors
    /// When the value that decides is not one that the property takes. A weaker place does not help out.
    pub fn value(&self, setting: &Setting) -> Result<Option<(Value, Source)>, SettingError> {
        match self.find(setting) {
            Some(found) => Ok(Some((setting.check(&found.value)?, found.source))),
            None => Ok(None),
        }
    }
}

/// Tells whether a place is asked for a property at all.
pub(crate) fn may_say(source: Source, name: &str) -> bool {
    match source {
        Source::Bookmark => !property::OWN.contains(&name),
        Source::Profile => !property::OWN.contains(&name) && !property::LOCAL_FILES.contains(&name),
        Source::Preferences | Source::BuiltIn => true,
    }
}
