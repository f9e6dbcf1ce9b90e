//! Profiles for AWS's tools: what is to change in their configuration file, and the change itself.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use pintail_connect::{endpoint, private_folder};
use pintail_core::aws_config::edit::{
    CommandLine, LentProfile, Others, ProfileName, add, command_line, remove,
};
use pintail_core::connection::Connection;
use pintail_core::name::BookmarkName;
use pintail_store::s3::AddressingStyle;

use super::{App, Error};

/// How many links may stand between the name of the file and the file.
const LINKS_MAX: usize = 40;

/// What is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The profiles are there and up to date.
    Write(Others),
    /// The profiles are gone.
    Remove,
}

/// What is to change. Nothing has been written yet.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The file, as it is named.
    pub(crate) path: PathBuf,
    /// The profiles it is about.
    pub(crate) profiles: Vec<ProfileName>,
    /// What the file says; `None` where there is none.
    pub(crate) before: Option<String>,
    /// What it is to say.
    pub(crate) after: String,
}

impl Plan {
    /// Tells whether there is anything to do.
    pub(crate) fn changes(&self) -> bool {
        self.before.as_deref().unwrap_or_default() != self.after
    }
}

/// Works out what has to change for these bookmarks, each with its profile.
pub(crate) fn plan(app: &App, wanted: &[(BookmarkName, ProfileName)], wish: Wish) -> Result<Plan, Error> {
    let path = app.environment().aws.config_file.clone().ok_or_else(|| {
        Error::Usage("no home folder is known; set AWS_CONFIG_FILE to the configuration file".into())
    })?;
    let before = read(&path)?;
    let mut after = before.clone().unwrap_or_default();
    for (bookmark, profile) in wanted {
        after = match wish {
            Wish::Write(others) => add(&after, &lent_profile(app, bookmark, profile)?, others)?,
            // The bookmark itself may be gone already.
            Wish::Remove => remove(&after, profile)?,
        };
    }
    let profiles = wanted.iter().map(|(_, profile)| profile.clone()).collect();
    Ok(Plan { path, profiles, before, after })
}

/// Writes what was planned: readers see the old or the new file, never a half. A link stays a link, and the file keeps its mode.
pub(crate) fn carry_out(plan: &Plan) -> Result<(), Error> {
    let path = behind_links(&plan.path).map_err(|source| Error::local("find", &plan.path, source))?;
    if read(&path)? != plan.before {
        return Err(Error::ChangedMeanwhile(plan.path.clone()));
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    private_folder(folder)?;
    let write = || -> io::Result<()> {
        // For the owner's eyes only, unless it was others' before: who may write there decides which command is run.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(plan.after.as_bytes())?;
        if let Ok(metadata) = fs::metadata(&path) {
            file.as_file().set_permissions(metadata.permissions())?;
        }
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| Error::local("write", &path, source))
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| {
            Error::local("read", path, io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::local("read", path, error)),
    }
}

/// Follows links to the file itself, whether that exists or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or_else(|| Path::new(".")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

fn lent_profile(app: &App, bookmark: &BookmarkName, profile: &ProfileName) -> Result<LentProfile, Error> {
    let connection = app.connection(bookmark)?;
    let own = connection.s3_endpoint.as_ref();
    Ok(LentProfile {
        name: profile.clone(),
        credential_process: credential_process(app, bookmark, &connection)?,
        region: connection.region.to_string(),
        endpoint_url: own.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        path_style: path_style(&connection)?,
        ca_bundle: connection
            .ca_bundle
            .as_deref()
            .map(|path| text(&app.environment().absolute(path)))
            .transpose()?,
        dual_stack: connection.dual_stack,
        fips: connection.fips,
    })
}

/// Says how buckets are named where that is not Amazon's usual way. Tools guess differently at other services.
fn path_style(connection: &Connection) -> Result<Option<bool>, Error> {
    if connection.s3_endpoint.is_none() {
        return Ok(connection.path_style);
    }
    let endpoint = endpoint(connection, connection.region.clone())?;
    Ok(Some(endpoint.style() == AddressingStyle::Path))
}

/// Writes the command that lends this bookmark. What this run was told by variables is told to the command by options: a tool
/// that is started elsewhere does not have the variables, and not every system has a program that sets them.
fn credential_process(app: &App, bookmark: &BookmarkName, connection: &Connection) -> Result<String, Error> {
    let program =
        app.environment().program().map_err(|e| Error::local("find", Path::new("this program"), e))?;
    let told = &app.environment().told;
    let mut words = vec![text(&program)?, "credentials".to_owned()];
    if let Some(home) = &told.home {
        words.extend(["--home".to_owned(), text(home)?]);
    }
    if let Some(keychain) = &told.keychain {
        words.extend(["--keychain".to_owned(), keychain.clone()]);
    }
    if let Some(bundle) = &told.ca_bundle {
        words.extend(["--ca-bundle".to_owned(), text(bundle)?]);
    }
    // The profile's account does not change with the role that is used here next.
    let roles = connection.web_identity().map(|web| web.roles.as_slice()).unwrap_or_default();
    if let Some(role) = app.role_to_name(bookmark, roles)? {
        words.extend(["--role".to_owned(), role.to_string()]);
    }
    words.push(bookmark.to_string());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(command_line(&words, if cfg!(windows) { CommandLine::Windows } else { CommandLine::Posix }))
}

fn text(path: &Path) -> Result<String, Error> {
    let usage = || Error::Usage(format!("{} cannot be written into a configuration file", path.display()));
    path.to_str().map(str::to_owned).ok_or_else(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_for(path: &Path, before: Option<&str>, after: &str) -> Plan {
        let before = before.map(str::to_owned);
        Plan { path: path.to_owned(), profiles: Vec::new(), before, after: after.to_owned() }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_the_mode_stays() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let (file, link) = (home.path().join("dotfiles"), home.path().join("config"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("dotfiles", &link).unwrap();
        carry_out(&plan_for(&link, Some("old"), "new")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        let new = home.path().join("a/b/config");
        carry_out(&plan_for(&new, None, "x")).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o600);
        std::os::unix::fs::symlink("loop", home.path().join("loop")).unwrap();
        assert!(carry_out(&plan_for(&home.path().join("loop"), None, "x")).is_err());
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        fs::write(&file, "theirs").unwrap();
        let error = carry_out(&plan_for(&file, Some("old"), "new"));
        assert!(matches!(error, Err(Error::ChangedMeanwhile(_))));
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
    }
}
