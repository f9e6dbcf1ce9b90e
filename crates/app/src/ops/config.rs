//! Properties: what holds, where it stands, and changing the preferences.

use pintail_connect::Layered;
use pintail_core::name::BookmarkName;
use pintail_core::setting::{self, Found, Setting, SettingError, Source, catalogue};

use super::nearest::nearest;
use super::{App, Error};

/// A property cannot be read or set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Nothing of this name is known.
    #[error("there is no property {name:?}")]
    Unknown {
        /// The name.
        name: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// It has no value anywhere.
    #[error("{0} is not set")]
    NotSet(String),
    /// A secret does not go into the preferences.
    #[error("{0} is a secret, and the preferences are no place for it")]
    Secret(String),
    /// The property does not take the value.
    #[error(transparent)]
    Value(#[from] SettingError),
}

/// A property that stands somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: String,
    /// The entry of the catalogue, `None` for one that is not known.
    pub(crate) setting: Option<&'static Setting>,
    /// The value that decides.
    pub(crate) value: Option<String>,
    /// Where that stands.
    pub(crate) source: Option<Source>,
    /// Why the property does not take it.
    pub(crate) wrong: Option<String>,
}

/// Tells whether a property holds a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    ["secret", "password"].iter().any(|word| lower.contains(word))
}

/// Lists the properties that stand somewhere, or all.
pub(crate) fn list(app: &App, bookmark: Option<&BookmarkName>, all: bool) -> Result<Vec<Line>, Error> {
    let layered = app.layered(bookmark)?;
    let known = catalogue().iter().map(|setting| line(&layered, setting));
    let mut lines: Vec<Line> =
        known.filter(|line| all || !matches!(line.source, None | Some(Source::BuiltIn))).collect();
    for source in [Source::Profile, Source::Preferences] {
        for (name, value) in layered.unknown(source) {
            // Whether a profile is offered is `profile ls`'s to tell.
            if !(name.starts_with("profiles.") && name.ends_with(".enabled")) {
                let value = Some(hidden(name, value));
                lines.push(Line {
                    name: name.to_owned(),
                    setting: None,
                    value,
                    source: Some(source),
                    wrong: None,
                });
            }
        }
    }
    Ok(lines)
}

fn line(layered: &Layered, setting: &'static Setting) -> Line {
    let found = layered.find(setting);
    let wrong = layered.value(setting).err().map(|error| error.to_string());
    let (value, source) = match found {
        Some(Found { value, source, .. }) => (Some(hidden(setting.name, &value)), Some(source)),
        None => (None, None),
    };
    Line { name: setting.name.to_owned(), setting: Some(setting), value, source, wrong }
}

fn hidden(name: &str, value: &str) -> String {
    if is_secret(name) && !value.is_empty() { "(not shown)".to_owned() } else { value.to_owned() }
}

/// Returns the value that decides about a property.
pub(crate) fn get(app: &App, name: &str, bookmark: Option<&BookmarkName>) -> Result<Line, Error> {
    let layered = app.layered(bookmark)?;
    match setting::find(name) {
        Some(setting) => match line(&layered, setting) {
            Line { value: None, .. } => Err(ConfigError::NotSet(setting.name.to_owned()).into()),
            line => Ok(line),
        },
        None => {
            for source in [Source::Profile, Source::Preferences] {
                if let Some((_, value)) =
                    layered.unknown(source).into_iter().find(|(known, _)| *known == name)
                {
                    let value = Some(hidden(name, value));
                    let source = Some(source);
                    return Ok(Line { name: name.to_owned(), setting: None, value, source, wrong: None });
                }
            }
            Err(unknown(name))
        }
    }
}

/// What one place says of a property: the place, the name it stands under, the value.
pub(crate) type Place = (Source, Option<(String, String)>);

/// Returns the property and what each place says of it, the strongest first.
pub(crate) fn explain(
    app: &App,
    name: &str,
    bookmark: Option<&BookmarkName>,
) -> Result<(Line, Vec<Place>), Error> {
    let setting = setting::find(name).ok_or_else(|| unknown(name))?;
    let layered = app.layered(bookmark)?;
    let places = [Source::Bookmark, Source::Profile, Source::Preferences, Source::BuiltIn].map(|source| {
        let said = layered.at(source, setting);
        (source, said.map(|(name, value)| (name.to_owned(), hidden(name, &value))))
    });
    Ok((line(&layered, setting), places.into()))
}

/// Sets a property in the preferences, and returns the name it stands under. An alias is written under the property's own name.
pub(crate) fn set(app: &App, name: &str, value: &str, any_name: bool) -> Result<String, Error> {
    if is_secret(name) {
        return Err(ConfigError::Secret(name.to_owned()).into());
    }
    let mut preferences = app.preferences()?;
    let Some(setting) = setting::find(name) else {
        if !any_name {
            return Err(unknown(name));
        }
        preferences.set(name, Some(value))?;
        return Ok(name.to_owned());
    };
    setting.check(value).map_err(ConfigError::Value)?;
    preferences.set(setting.name, Some(value))?;
    for alias in setting.aliases {
        preferences.set(alias, None)?;
    }
    Ok(setting.name.to_owned())
}

/// Takes a property out of the preferences, under all its names, and tells whether it was there.
pub(crate) fn unset(app: &App, name: &str) -> Result<bool, Error> {
    let mut preferences = app.preferences()?;
    let names: Vec<&str> = match setting::find(name) {
        Some(setting) => setting.names().collect(),
        None => vec![name],
    };
    let mut was_there = false;
    for name in names {
        was_there |= preferences.iter().any(|(known, _)| known == name);
        preferences.set(name, None)?;
    }
    Ok(was_there)
}

fn unknown(name: &str) -> Error {
    let names = catalogue().iter().flat_map(Setting::names);
    ConfigError::Unknown { name: name.to_owned(), near: nearest(name, names) }.into()
}
