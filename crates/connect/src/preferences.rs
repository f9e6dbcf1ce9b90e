//! Preferences: what holds for all bookmarks, in a `default.properties` as Cyberduck has it.

use std::fs;
use std::path::{Path, PathBuf};

use pintail_core::java_properties::Properties;
use pintail_core::setting;

use crate::file::replace;
use crate::{Connector, Error};

/// The preferences of one person, as they stand in their file.
#[derive(Clone, Debug)]
pub struct Preferences {
    path: PathBuf,
    properties: Properties,
}

impl Preferences {
    /// Reads the preferences under a configuration folder. No file is no preferences.
    ///
    /// # Errors
    /// When there is a file and it cannot be read.
    pub fn at(config: &Path) -> Result<Self, Error> {
        let path = config.join("default.properties");
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::local("read", &path, error)),
        };
        let properties = Properties::read(&file);
        let properties = properties.map_err(|source| Error::Preferences { path: path.clone(), source })?;
        Ok(Self { path, properties })
    }

    /// Returns the file, whether it exists or not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a value without white space around it. An empty one is none.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Returns everything that is set, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter()
    }

    /// Returns what `${name}` in a profile stands for: the preference, else its default.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.get(name).or_else(|| setting::find(name)?.default).map(str::to_owned)
    }

    /// Sets a value, or takes it out, and writes the file. Comments and everything else stay as they are.
    ///
    /// # Errors
    /// When the key cannot stand in the file, or the file cannot be written.
    pub fn set(&mut self, key: &str, value: Option<&str>) -> Result<(), Error> {
        match value {
            Some(value) => {
                let set = self.properties.set(key, value);
                set.map_err(|source| Error::Preferences { path: self.path.clone(), source })?;
            }
            None if self.properties.unset(key) => {}
            None => return Ok(()),
        }
        replace(&self.path, &self.properties.write())
    }
}

impl Connector {
    /// Returns the preferences.
    ///
    /// # Errors
    /// When their file cannot be read.
    pub fn preferences(&self) -> Result<Preferences, Error> {
        Preferences::at(&self.environment.folders.config)
    }
}
