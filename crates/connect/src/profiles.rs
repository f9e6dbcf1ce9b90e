//! The collection of profiles: those that come with the program, and those that were installed.

use std::fs;
use std::path::{Path, PathBuf};

use pintail_core::bookmark::Bookmark;
use pintail_core::profile::{Effective, FILE_SIZE_MAX, Profile, ProfileId, builtin};

use crate::file::replace;
use crate::{Connector, Error, Preferences};

/// The ending of profile files.
const ENDING: &str = "cyberduckprofile";

/// Where a profile comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It comes with the program.
    Builtin,
    /// It was installed, in this file.
    Installed(PathBuf),
}

/// A profile of the collection.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The profile, as it stands in its file.
    pub profile: Profile,
    /// Where it comes from.
    pub origin: Origin,
    /// It is offered. A disabled one still serves the bookmarks that name it.
    pub enabled: bool,
}

/// What an installation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The profile.
    pub id: ProfileId,
    /// Its file.
    pub path: PathBuf,
    /// What was there before: nothing, the same, or another one of the same name.
    pub before: Before,
}

/// What stood where a profile was installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// The very same profile.
    Same,
    /// Another one, which was replaced.
    Another,
}

/// The profiles of one configuration folder, and the program's own.
#[derive(Clone, Debug)]
pub struct Profiles {
    folder: PathBuf,
    preferences: Preferences,
}

impl Profiles {
    /// Lists the profiles: installed ones by file name, then the program's own in the order in which they are offered. An
    /// installed one hides the program's of the same name. A file that is no profile is given with the reason.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all(&self) -> Result<Vec<Result<Listed, Error>>, Error> {
        let mut listed: Vec<Result<Listed, Error>> = Vec::new();
        for path in self.files()? {
            listed.push(read(&path).map(|profile| self.listed(profile, Origin::Installed(path))));
        }
        for own in builtin::all() {
            let profile = own.profile();
            let hidden = listed.iter().flatten().any(|one| one.profile.id() == profile.id());
            if !hidden {
                listed.push(Ok(self.listed(profile, Origin::Builtin)));
            }
        }
        Ok(listed)
    }

    /// Finds a profile by its protocol and vendor; an installed one comes before the program's own.
    ///
    /// # Errors
    /// When the folder cannot be read, or the file that `install` chose for this profile cannot: the program's own must not
    /// take its place, because a sign-in would go elsewhere than the person wanted. Other files that are no profiles are left
    /// aside with a warning.
    pub fn find(&self, id: &ProfileId) -> Result<Option<Listed>, Error> {
        let own = self.own_file(id);
        let found = |profile, path| Ok(Some(self.listed(profile, Origin::Installed(path))));
        match read(&own) {
            Ok(profile) if profile.id() == *id => return found(profile, own),
            // Another profile, whose name differs in what a file name cannot say.
            Ok(_) => {}
            Err(Error::Local { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        for path in self.files()?.into_iter().filter(|path| *path != own) {
            match read(&path) {
                Ok(profile) if profile.id() == *id => return found(profile, path),
                Ok(_) => {}
                Err(error) => tracing::warn!(path = %path.display(), %error, "a profile is left aside"),
            }
        }
        Ok(builtin::find(id).map(|own| self.listed(own.profile(), Origin::Builtin)))
    }

    /// Finds the profile that a bookmark names.
    ///
    /// # Errors
    /// As [`Profiles::find`].
    pub fn of(&self, bookmark: &Bookmark) -> Result<Option<Listed>, Error> {
        self.find(&ProfileId::s3(bookmark.text("Provider").as_deref()))
    }

    /// Tells what a profile means: its parent's defaults and its variables resolved.
    pub fn effective(&self, profile: &Profile) -> Effective {
        profile.effective(&|name| self.preferences.variable(name))
    }

    /// Installs a profile from its file, replacing one of the same name.
    ///
    /// # Errors
    /// When the file is no profile, or cannot be written.
    pub fn install(&self, file: &[u8], from: &Path) -> Result<Installed, Error> {
        let profile =
            Profile::read(file).map_err(|source| Error::Profile { path: from.to_owned(), source })?;
        let id = profile.id();
        let (path, before) = self.place(&profile)?;
        // As it came: a signature or a checksum of others is over these very bytes.
        replace(&path, file)?;
        Ok(Installed { id, path, before })
    }

    /// Tells what an installation of a profile would replace.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn before(&self, profile: &Profile) -> Result<Before, Error> {
        self.place(profile).map(|(_, before)| before)
    }

    /// Returns the file that a profile is installed as, and what stands there.
    fn place(&self, profile: &Profile) -> Result<(PathBuf, Before), Error> {
        match self.find(&profile.id()) {
            Ok(Some(Listed { profile: old, origin: Origin::Installed(path), .. })) => {
                Ok((path, if old == *profile { Before::Same } else { Before::Another }))
            }
            // What is damaged is what an installation mends.
            Err(Error::Profile { path, .. }) => Ok((path, Before::Another)),
            found => {
                found?;
                Ok((self.free_file(&profile.id()), Before::Nothing))
            }
        }
    }

    /// Removes an installed profile, and returns whether there was one.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, id: &ProfileId) -> Result<bool, Error> {
        let path = match self.find(id) {
            Ok(Some(Listed { origin: Origin::Installed(path), .. })) | Err(Error::Profile { path, .. }) => {
                path
            }
            found => return found.map(|_| false),
        };
        fs::remove_file(&path).map_err(|error| Error::local("remove", &path, error))?;
        Ok(true)
    }

    /// Offers a profile or does not.
    ///
    /// # Errors
    /// When the preferences cannot be written.
    pub fn enable(&mut self, id: &ProfileId, enabled: bool) -> Result<(), Error> {
        self.preferences.set(&id.preference(), (!enabled).then_some("false"))
    }

    fn listed(&self, profile: Profile, origin: Origin) -> Listed {
        let enabled = match self.preferences.get(&profile.id().preference()) {
            Some(text) => text == "1" || text.eq_ignore_ascii_case("true"),
            None => true,
        };
        Listed { profile, origin, enabled }
    }

    fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::local("read", &self.folder, error)),
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING)))
            .collect();
        files.sort();
        Ok(files)
    }

    /// The file that a profile is installed as, unless another one has it.
    fn own_file(&self, id: &ProfileId) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", stem(id)))
    }

    /// A file name that says what is in it, and is nobody else's.
    fn free_file(&self, id: &ProfileId) -> PathBuf {
        let numbered = (1..).map(|number| self.folder.join(format!("{}-{number}.{ENDING}", stem(id))));
        let mut names = std::iter::once(self.own_file(id)).chain(numbered);
        names.find(|path| !path.exists()).unwrap_or_else(|| self.own_file(id))
    }
}

/// A profile's name in letters that every file system takes.
fn stem(id: &ProfileId) -> String {
    let harmless = |text: &str| -> String {
        let kept = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
        text.chars().take(80).map(kept).collect()
    };
    format!("{}.{}", harmless(&id.protocol), harmless(&id.vendor))
}

impl Connector {
    /// Returns the collection of profiles.
    ///
    /// # Errors
    /// When the preferences cannot be read.
    pub fn profiles(&self) -> Result<Profiles, Error> {
        Ok(Profiles {
            folder: self.environment.folders.config.join("profiles"),
            preferences: self.preferences()?,
        })
    }
}

/// Reads one profile file, up to the size that profiles have.
///
/// # Errors
/// When it cannot be read, or is no profile.
pub fn read(path: &Path) -> Result<Profile, Error> {
    use std::io::Read;
    let local = |error| Error::local("read", path, error);
    let mut file = Vec::new();
    let limit = u64::try_from(FILE_SIZE_MAX).unwrap_or(u64::MAX) + 1;
    fs::File::open(path).map_err(local)?.take(limit).read_to_end(&mut file).map_err(local)?;
    Profile::read(&file).map_err(|source| Error::Profile { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    const FILE: &[u8] = br#"<plist version="1.0"><dict><key>Protocol</key><string>s3</string>
        <key>Vendor</key><string>acme/x</string><key>Unheard Of</key><string>kept</string></dict></plist>"#;

    #[test]
    fn a_profile_is_installed_replaced_disabled_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let id = ProfileId::s3(Some("acme/x"));
        let here = Path::new("acme.cyberduckprofile");
        let mut profiles = connector.profiles().unwrap();
        assert!(profiles.find(&id).unwrap().is_none());
        let installed = profiles.install(FILE, here).unwrap();
        assert_eq!(
            (installed.before, fs::read(&installed.path).unwrap().as_slice()),
            (Before::Nothing, FILE)
        );
        assert!(installed.path.ends_with("profiles/s3.acme-x.cyberduckprofile"));
        assert_eq!(profiles.install(FILE, here).unwrap().before, Before::Same);
        profiles.enable(&id, false).unwrap();
        assert!(!connector.profiles().unwrap().find(&id).unwrap().unwrap().enabled);
        profiles.enable(&id, true).unwrap();
        assert!(connector.profiles().unwrap().find(&id).unwrap().unwrap().enabled);
        assert!(profiles.remove(&id).unwrap());
        assert!(!profiles.remove(&id).unwrap());
        assert!(matches!(profiles.install(b"x", here), Err(Error::Profile { .. })));
    }

    #[test]
    fn a_damaged_file_is_not_replaced_by_the_programs_own() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let profiles = connector.profiles().unwrap();
        let own = builtin::all()[0].profile();
        let id = own.id();
        let installed = profiles.install(&own.write().unwrap(), Path::new("x")).unwrap();
        fs::write(installed.path.with_file_name("a-stranger.cyberduckprofile"), "x").unwrap();
        assert!(profiles.find(&id).unwrap().is_some(), "another file is left aside");
        fs::write(&installed.path, "x").unwrap();
        assert!(matches!(profiles.find(&id), Err(Error::Profile { path, .. }) if path == installed.path));
        assert_eq!(profiles.install(&own.write().unwrap(), Path::new("x")).unwrap().before, Before::Another);
        fs::write(&installed.path, "x").unwrap();
        assert!(profiles.remove(&id).unwrap());
        assert_eq!(profiles.find(&id).unwrap().unwrap().origin, Origin::Builtin);
    }

    #[test]
    fn profiles_whose_file_names_are_the_same_are_both_found() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = Connector::new(Environment::in_folder(folder.path())).profiles().unwrap();
        for vendor in ["acme/x", "acme-x"] {
            let profile = Profile::new(&ProfileId::s3(Some(vendor)), vendor);
            profiles.install(&profile.write().unwrap(), Path::new("x")).unwrap();
        }
        for vendor in ["acme/x", "acme-x"] {
            let found = profiles.find(&ProfileId::s3(Some(vendor))).unwrap().unwrap();
            assert_eq!(found.profile.text("Description").as_deref(), Some(vendor));
        }
    }

    #[test]
    fn an_installed_profile_hides_the_programs_own() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let profiles = connector.profiles().unwrap();
        let own = builtin::all().len();
        assert_eq!(profiles.all().unwrap().len(), own);
        let mut changed = builtin::all()[0].profile();
        changed.set_text("Description", "ours");
        profiles.install(&changed.write().unwrap(), Path::new("x")).unwrap();
        assert_eq!(profiles.all().unwrap().len(), own);
        let found = profiles.find(&changed.id()).unwrap().unwrap();
        assert_eq!(found.profile.text("Description").as_deref(), Some("ours"));
        fs::write(connector.environment().folders.config.join("profiles/z.cyberduckprofile"), "x").unwrap();
        assert_eq!(profiles.all().unwrap().iter().filter(|one| one.is_err()).count(), 1);
    }
}
