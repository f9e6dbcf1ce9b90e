//! Bookmarks between people and programs: what is exported, what is added, what is imported.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use pintail_connect::{Before, ImportPlan, Incoming, Origin, Taking};
use pintail_core::credential::Credential;
use pintail_core::name::BookmarkName;
use pintail_core::profile::{Profile, Protocol};
use pintail_core::share::Bundle;

pub(crate) use pintail_connect::Program;

use super::{App, Error};

/// What goes into an export.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Export {
    /// The installed profiles that the bookmarks need.
    pub(crate) with_profile: bool,
    /// The account that the sign-in page offers.
    pub(crate) keep_username: bool,
}

/// A file for others.
#[derive(Debug)]
pub(crate) struct Exported {
    /// Its bytes.
    pub(crate) file: Vec<u8>,
    /// The bookmarks in it, each with the keys that were left out.
    pub(crate) bookmarks: Vec<(BookmarkName, Vec<String>)>,
    /// The profiles in it.
    pub(crate) profiles: Vec<String>,
}

/// Makes a file for others.
pub(crate) fn export(app: &App, names: &[BookmarkName], options: &Export) -> Result<Exported, Error> {
    let (mut bookmarks, mut told, mut profiles) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        if options.with_profile {
            profiles.extend(installed_profile(app, name)?);
        }
        let shared = app.shareable(name, options.keep_username)?;
        told.push((name.clone(), shared.left_out));
        bookmarks.push(shared.bookmark);
    }
    profiles.dedup_by_key(|profile| profile.id());
    let ids = profiles.iter().map(|profile| profile.id().to_string()).collect();
    let file = app.shared_file(bookmarks, profiles, Path::new("-"))?;
    Ok(Exported { file, bookmarks: told, profiles: ids })
}

/// Writes a file that a person named; one that is there is replaced only when `force` says so.
pub(crate) fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    match options.open(path).and_then(|mut file| file.write_all(bytes)) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::TargetTaken(path.display().to_string()))
        }
        written => written.map_err(|error| Error::local("write", path, error)),
    }
}

/// What `pintail add` would take.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The bookmarks.
    pub(crate) bookmarks: Vec<Incoming>,
    /// The connection profiles.
    pub(crate) profiles: Vec<Profile>,
}

impl Taken {
    /// Tells whether anything is not here yet.
    pub(crate) fn is_something_new(&self) -> bool {
        !self.profiles.is_empty() || self.bookmarks.iter().any(|incoming| incoming.taking != Taking::Here)
    }
}

/// Says what would be taken. A bookmark that is here already and says something else is an error, not a quiet change.
pub(crate) fn plan(
    app: &App,
    shared: Bundle,
    name: Option<&BookmarkName>,
    force: bool,
) -> Result<Taken, Error> {
    let bookmarks = app.plan_incoming(shared.bookmarks, name, force)?;
    for incoming in &bookmarks {
        if incoming.taking == Taking::Here && !app.is_same(incoming) {
            return Err(pintail_connect::Error::Differs { name: incoming.name.clone() }.into());
        }
    }
    Ok(Taken { bookmarks, profiles: shared.profiles })
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Imported {
    /// Bookmarks that are new.
    pub(crate) added: usize,
    /// Bookmarks that took the place of those imported before.
    pub(crate) updated: usize,
    /// Bookmarks that were here already.
    pub(crate) here: usize,
    /// Places whose keys were left in the files of the other program.
    pub(crate) keys_left: usize,
    /// Places whose keys went into the keychain.
    pub(crate) keys_kept: usize,
    /// Profiles that were installed.
    pub(crate) profiles: usize,
}

/// Imports what was planned; the keys that stand in files of other programs only where `with_keys` says so.
pub(crate) async fn import(app: &App, plan: &mut ImportPlan, with_keys: bool) -> Result<Imported, Error> {
    let mut done = Imported { profiles: install_files(app, &plan.profiles)?, ..Imported::default() };
    for planned in &mut plan.planned {
        let incoming = &mut planned.incoming;
        incoming.meaning = app.meaning(&incoming.name, &incoming.bookmark);
        app.take_in(incoming)?;
        match incoming.taking {
            Taking::Add => done.added += 1,
            Taking::Update => done.updated += 1,
            Taking::Here => done.here += 1,
        }
        let Some(keys) = &planned.keys else { continue };
        match with_keys && keep_keys(app, &incoming.name, keys).await? {
            true => done.keys_kept += 1,
            false => done.keys_left += 1,
        }
    }
    Ok(done)
}

/// Keeps the secret of a key where the bookmark, as it stands here now, uses that key; tells whether it does.
async fn keep_keys(app: &App, name: &BookmarkName, keys: &Credential) -> Result<bool, Error> {
    // A bookmark that lacks something was told of with the plan.
    let Ok(connection) = app.connection(name) else { return Ok(false) };
    let Some(key) = connection.way.long_term_key().filter(|key| key.id == keys.access_key_id) else {
        return Ok(false);
    };
    let (secret, token) = (&keys.secret_access_key, keys.session_token.as_ref());
    app.keep_key_secret(key, &connection, secret, token).await?;
    Ok(true)
}

/// Returns the profile that a bookmark names, where it is one that was installed: the program's own are everywhere.
fn installed_profile(app: &App, name: &BookmarkName) -> Result<Option<Profile>, Error> {
    let bookmark = app.bookmarks().load(name)?;
    let listed = app.profiles()?.of(&bookmark)?;
    Ok(listed.filter(|listed| listed.origin != Origin::Builtin).map(|listed| listed.profile))
}

/// Installs the profiles that came with a shared file.
pub(crate) fn install_profiles(app: &App, taken: &Taken) -> Result<(), Error> {
    let profiles = app.profiles()?;
    let here = Path::new("the shared file");
    for profile in &taken.profiles {
        let failed = |source| pintail_connect::Error::Profile { path: here.to_owned(), source };
        profiles.install(&profile.write().map_err(failed)?, here)?;
    }
    Ok(())
}

/// Installs the profiles that lie beside imported bookmarks, those for S3, and returns how many were not here yet.
fn install_files(app: &App, files: &[(PathBuf, Vec<u8>)]) -> Result<usize, Error> {
    let profiles = app.profiles()?;
    let mut new = 0;
    for (path, file) in files {
        let is_ours = Profile::read(file).is_ok_and(|profile| profile.protocol() == Protocol::S3);
        if is_ours && profiles.install(file, path)?.before != Before::Same {
            new += 1;
        }
    }
    Ok(new)
}
