//! Bookmarks that people already have in other programs: where their files are, and what would be taken from them.
//!
//! Nothing is written here but what [`Connector::take_in`] writes. A secret that stands in a file of another program is handed
//! to the caller apart from the bookmark.

use std::fs;
use std::path::{Path, PathBuf};

use pintail_core::aws_config::SharedConfig;
use pintail_core::bookmark::{Bookmark, BookmarkError};
use pintail_core::connection::{WayName, property};
use pintail_core::credential::Credential;
use pintail_core::import::{self, Foreign, Imported, aws, rclone, s3cmd};
use pintail_core::share;

use crate::bookmarks::uuid;
use crate::handover::{free_name, read_file};
use crate::{Connector, Error, Incoming, Taking};

/// The property that says where a bookmark was imported from, so that it is known the next time.
const IMPORTED: &str = "pintail.imported";

/// Whose files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Cyberduck, Mountain Duck and duck.
    Cyberduck,
    /// The AWS command line.
    Aws,
    /// rclone.
    Rclone,
    /// s3cmd.
    S3cmd,
}

impl Program {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cyberduck => "cyberduck",
            Self::Aws => "aws",
            Self::Rclone => "rclone",
            Self::S3cmd => "s3cmd",
        }
    }
}

/// Where a user's other programs keep their files. A place that is not known is `None`.
#[derive(Clone, Debug, Default)]
pub struct OtherPrograms {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// `APPDATA`, on Windows.
    pub app_data: Option<PathBuf>,
    /// `LOCALAPPDATA`, on Windows.
    pub local_app_data: Option<PathBuf>,
    /// `RCLONE_CONFIG`: another place of rclone's file.
    pub rclone: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// `AWS_CONFIG_FILE`.
    pub aws_config: Option<PathBuf>,
    /// `AWS_SHARED_CREDENTIALS_FILE`.
    pub aws_credentials: Option<PathBuf>,
}

impl OtherPrograms {
    /// Returns the folders that Cyberduck and Mountain Duck would use on any system.
    fn duck_folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        if let Some(home) = &self.home {
            folders
                .push(home.join("Library/Group Containers/G69SCX94XU.duck/Library/Application Support/duck"));
            folders.push(home.join("Library/Application Support/Cyberduck"));
            folders.push(home.join(".duck"));
        }
        folders.extend(self.app_data.as_ref().map(|folder| folder.join("Cyberduck")));
        if let Some(packages) = self.local_app_data.as_ref().map(|folder| folder.join("Packages")) {
            // The edition of the Store lives in a package folder whose name begins like this.
            for entry in fs::read_dir(packages).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().contains("Cyberduck") {
                    folders.push(entry.path().join("LocalCache/Roaming/Cyberduck"));
                }
            }
        }
        folders
    }

    fn files(&self, program: Program) -> Vec<PathBuf> {
        let home = |rest: &str| self.home.as_ref().map(|home| home.join(rest));
        match program {
            Program::Cyberduck => self.duck_folders(),
            Program::Aws => self.aws_config.clone().or_else(|| home(".aws/config")).into_iter().collect(),
            Program::Rclone => match &self.rclone {
                Some(path) => vec![path.clone()],
                None => {
                    let folder = self.config.clone().or_else(|| home(".config"));
                    let app_data = self.app_data.as_ref().map(|folder| folder.join("rclone/rclone.conf"));
                    let usual = folder.map(|folder| folder.join("rclone/rclone.conf"));
                    usual.into_iter().chain(app_data).chain(home(".rclone.conf")).collect()
                }
            },
            Program::S3cmd => home(".s3cfg").into_iter().collect(),
        }
    }
}

/// A bookmark that would be imported.
#[derive(Debug)]
pub struct Planned {
    /// Whose it is.
    pub program: Program,
    /// The file.
    pub file: PathBuf,
    /// The bookmark, its name here, and what is done with it.
    pub incoming: Incoming,
    /// The keys that stand in the file.
    pub keys: Option<Credential>,
    /// What is not carried over.
    pub notes: Vec<String>,
}

/// Something that is left where it is.
#[derive(Clone, Debug)]
pub struct LeftAside {
    /// Its file.
    pub file: PathBuf,
    /// Its name there; empty for the whole file.
    pub name: String,
    /// What it is, or why it is left.
    pub reason: String,
}

/// What an import would do.
#[derive(Debug, Default)]
pub struct ImportPlan {
    /// The bookmarks.
    pub planned: Vec<Planned>,
    /// Files of connection profiles that lie beside them, with what is in them.
    pub profiles: Vec<(PathBuf, Vec<u8>)>,
    /// What is left aside.
    pub left_aside: Vec<LeftAside>,
}

impl Connector {
    /// Says what would be imported from files and folders, or from wherever other programs have theirs. Nothing is written.
    ///
    /// # Errors
    /// When a file that was named cannot be read.
    pub fn plan_import(
        &self,
        paths: &[PathBuf],
        program: Option<Program>,
        force: bool,
    ) -> Result<ImportPlan, Error> {
        let mut found = Found::default();
        for path in paths {
            if path.is_dir() {
                found.duck_folder(path)?;
            } else {
                found.file(path, program, &self.environment.others)?;
            }
        }
        if paths.is_empty() {
            let all = [Program::Cyberduck, Program::Aws, Program::Rclone, Program::S3cmd];
            for program in all.into_iter().filter(|each| program.is_none_or(|program| program == *each)) {
                for path in self.environment.others.files(program) {
                    if path.is_dir() {
                        found.duck_folder(&path)?;
                    } else if path.is_file()
                        && let Err(error) = found.file(&path, Some(program), &self.environment.others)
                    {
                        // One program's odd file does not hide the others'.
                        found.plan.left_aside.push(LeftAside {
                            file: path.clone(),
                            name: String::new(),
                            reason: with_cause(&error),
                        });
                    }
                }
            }
        }
        self.named(found, force)
    }

    /// Gives every bookmark a name and decides what is done with it.
    fn named(&self, found: Found, force: bool) -> Result<ImportPlan, Error> {
        let bookmarks = self.bookmarks();
        let mut taken = bookmarks.names()?;
        let here: Vec<_> =
            taken.iter().filter_map(|name| Some((name.clone(), bookmarks.load(name).ok()?))).collect();
        let mut plan = found.plan;
        for mut raw in found.raw {
            let id = raw.bookmark.text("UUID");
            let mark = raw.bookmark.custom(IMPORTED);
            let same = here.iter().find(|(_, known)| {
                let by_id = id
                    .as_ref()
                    .is_some_and(|id| known.text("UUID").is_some_and(|known| known.eq_ignore_ascii_case(id)));
                by_id || (mark.is_some() && known.custom(IMPORTED) == mark)
            });
            let (name, taking) = match same {
                Some((name, known)) => {
                    if raw.bookmark.text("UUID").is_none() {
                        raw.bookmark.set("UUID", &known.text("UUID").unwrap_or_default());
                    }
                    (name.clone(), if force { Taking::Update } else { Taking::Here })
                }
                None => {
                    let free = free_name(&share::typable(&raw.name), &taken);
                    taken.push(free.clone());
                    if raw.bookmark.text("UUID").is_none() {
                        raw.bookmark.set("UUID", &uuid(self.random()));
                    }
                    (free, Taking::Add)
                }
            };
            if mark.is_some() {
                raw.bookmark.set("Nickname", name.as_str());
            }
            let meaning = self.meaning(&name, &raw.bookmark);
            let incoming = Incoming { name, bookmark: raw.bookmark, meaning, taking, left_out: Vec::new() };
            let Raw { program, file, keys, notes, .. } = raw;
            plan.planned.push(Planned { program, file, incoming, keys, notes });
        }
        Ok(plan)
    }
}

/// A bookmark before it has a name.
struct Raw {
    program: Program,
    file: PathBuf,
    name: String,
    bookmark: Bookmark,
    keys: Option<Credential>,
    notes: Vec<String>,
}

#[derive(Default)]
struct Found {
    raw: Vec<Raw>,
    plan: ImportPlan,
}

impl Found {
    /// Takes a folder of Cyberduck's, or one that just holds bookmarks, with the profiles in it or beside it.
    fn duck_folder(&mut self, folder: &Path) -> Result<(), Error> {
        let inner =
            ["Bookmarks", "bookmarks"].iter().map(|name| folder.join(name)).find(|path| path.is_dir());
        for file in files_with(inner.as_deref().unwrap_or(folder), "duck")? {
            self.duck(&file)?;
        }
        let root = if inner.is_some()
            || folder.file_name().is_none_or(|name| !name.eq_ignore_ascii_case("bookmarks"))
        {
            Some(folder)
        } else {
            folder.parent()
        };
        let mut profiles = Vec::new();
        for place in root.into_iter().flat_map(|root| [root.join("Profiles"), root.join("profiles")]) {
            if place.is_dir() {
                profiles.extend(files_with(&place, "cyberduckprofile")?);
            }
        }
        if inner.is_none() {
            profiles.extend(files_with(folder, "cyberduckprofile")?);
        }
        // On a file system without case both spellings are one folder.
        profiles.dedup_by_key(|path| path.to_string_lossy().to_lowercase());
        for path in profiles {
            let bytes = read_file(&path)?;
            self.plan.profiles.push((path, bytes));
        }
        Ok(())
    }

    fn duck(&mut self, file: &Path) -> Result<(), Error> {
        match Bookmark::read(&read_file(file)?) {
            Ok(bookmark) => {
                let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                let name = bookmark.text("Nickname").or_else(|| bookmark.text("Hostname")).or(stem);
                self.raw.push(Raw {
                    program: Program::Cyberduck,
                    file: file.to_owned(),
                    name: name.unwrap_or_default(),
                    bookmark,
                    keys: None,
                    notes: Vec::new(),
                });
            }
            Err(error) => {
                let reason = match error {
                    BookmarkError::OtherProtocol(protocol) => {
                        format!("a bookmark for {}, not for S3", protocol.escape_debug())
                    }
                    error => with_cause(&error),
                };
                self.plan.left_aside.push(LeftAside { file: file.to_owned(), name: String::new(), reason });
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, program: Option<Program>, others: &OtherPrograms) -> Result<(), Error> {
        let bytes = read_file(path)?;
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Import {
            path: path.to_owned(),
            source,
        };
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        if ending.as_deref() == Some("cyberduckprofile") {
            self.plan.profiles.push((path.to_owned(), bytes));
            return Ok(());
        }
        let program = program.unwrap_or_else(|| guess(path, &bytes));
        let imported = match program {
            Program::Cyberduck => return self.duck(path),
            Program::Rclone => rclone::read(&bytes).map_err(|error| failed(Box::new(error)))?,
            Program::S3cmd => s3cmd::read(&bytes).map_err(|error| failed(Box::new(error)))?,
            Program::Aws => {
                let beside = path.with_file_name("credentials");
                let credentials = others.aws_credentials.clone().unwrap_or(beside);
                let credentials = match credentials.is_file() && credentials != path {
                    true => Some(read_file(&credentials)?),
                    false => None,
                };
                let is_credentials = path.file_name().is_some_and(|name| name == "credentials");
                let config = match is_credentials {
                    true => SharedConfig::parse(None, Some(&bytes)),
                    false => SharedConfig::parse(Some(&bytes), credentials.as_deref()),
                };
                aws::read(&config.map_err(|error| failed(Box::new(error)))?)
            }
        };
        self.take(program, path, imported);
        Ok(())
    }

    fn take(&mut self, program: Program, path: &Path, imported: Imported) {
        for skipped in imported.skipped {
            self.plan.left_aside.push(LeftAside {
                file: path.to_owned(),
                name: skipped.name,
                reason: skipped.kind,
            });
        }
        for place in imported.found {
            self.raw.push(raw(program, path, place));
        }
    }
}

fn raw(program: Program, path: &Path, place: Foreign) -> Raw {
    let mut bookmark = Bookmark::new(&share::typable(&place.name), "");
    let mut notes = place.notes;
    let mut keys = None;
    let mut way = None;
    match place.way {
        import::Way::Keys(credential) => {
            bookmark.set("Username", &credential.access_key_id);
            way = place.role.is_some().then_some(WayName::AssumeRole);
            keys = Some(credential);
        }
        import::Way::AwsProfile(profile) => {
            way = Some(WayName::AwsProfile);
            bookmark.set_custom(property::AWS_PROFILE, Some(&profile));
        }
        import::Way::Environment => {
            way = Some(WayName::AwsProfile);
            notes.push("credentials come from the profile default of the AWS configuration".to_owned());
        }
        import::Way::Anonymous => bookmark.set("Username", "anonymous"),
    }
    if let Some(role) = &place.role {
        if way == Some(WayName::AssumeRole) {
            bookmark.set_custom(property::ROLE, Some(role.as_str()));
            bookmark.set_custom(property::EXTERNAL_ID, place.external_id.as_deref());
        } else {
            notes.push(format!("the role {role} was left out: name it in the AWS profile"));
        }
    }
    bookmark.set_custom(property::WAY, way.map(WayName::as_str));
    bookmark.set_custom(property::S3_ENDPOINT, place.endpoint.as_ref().map(url::Url::as_str));
    bookmark.set_custom(property::REGION, place.region.as_ref().map(AsRef::as_ref));
    bookmark
        .set_custom(property::PATH_STYLE, place.path_style.map(|style| if style { "true" } else { "false" }));
    let mark = format!("{}:{}", program.as_str(), place.name);
    bookmark.set_custom(IMPORTED, Some(&mark));
    bookmark.remove("UUID");
    Raw { program, file: path.to_owned(), name: place.name, bookmark, keys, notes }
}

/// Tells whose file it is by its name and by words that only one of them writes.
fn guess(path: &Path, bytes: &[u8]) -> Program {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    let has =
        |key: &str| text.lines().any(|line| line.split(['=', ':']).next().is_some_and(|k| k.trim() == key));
    if name.ends_with(".duck") || text.contains("<plist") {
        Program::Cyberduck
    } else if name.contains("s3cfg") || has("host_base") {
        Program::S3cmd
    } else if name.contains("rclone") || has("type") {
        Program::Rclone
    } else {
        Program::Aws
    }
}

fn files_with(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(|error| Error::local("read", folder, error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending)))
        .collect();
    files.sort();
    Ok(files)
}

/// Puts an error and its causes into one line.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    const DUCK: &str = r#"<plist version="1.0"><dict><key>Protocol</key><string>PROTOCOL</string>
        <key>Nickname</key><string>Contoso: Reports</string><key>UUID</key><string>A1</string>
        <key>Username</key><string>anonymous</string><key>Unheard</key><string>kept</string></dict></plist>"#;

    #[test]
    fn the_folders_of_every_system_are_found_and_nothing_is_written_by_a_plan() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        for place in [
            "Library/Group Containers/G69SCX94XU.duck/Library/Application Support/duck",
            ".duck",
            "AppData/Cyberduck",
        ] {
            let bookmarks = home.join(place).join("Bookmarks");
            fs::create_dir_all(&bookmarks).unwrap();
            let file = DUCK.replace("A1", place).replace("PROTOCOL", "s3");
            fs::write(bookmarks.join("a1.duck"), file).unwrap();
            fs::write(bookmarks.join("b2.duck"), DUCK.replace("PROTOCOL", "sftp")).unwrap();
        }
        fs::create_dir_all(home.join(".duck/profiles")).unwrap();
        fs::write(home.join(".duck/profiles/x.cyberduckprofile"), "x").unwrap();
        let mut environment = Environment::in_folder(folder.path());
        environment.others.home = Some(home.clone());
        environment.others.app_data = Some(home.join("AppData"));
        let connector = Connector::new(environment);
        let mut plan = connector.plan_import(&[], None, false).unwrap();
        let names: Vec<&str> = plan.planned.iter().map(|planned| planned.incoming.name.as_str()).collect();
        assert_eq!(names, ["Contoso-Reports", "Contoso-Reports-2", "Contoso-Reports-3"]);
        assert_eq!((plan.left_aside.len(), plan.profiles.len()), (3, 1));
        assert!(plan.left_aside[0].reason.contains("sftp"));
        assert!(connector.bookmarks().names().unwrap().is_empty());
        for planned in &mut plan.planned {
            connector.take_in(&mut planned.incoming).unwrap();
        }
        let kept = connector.bookmarks().load(&"Contoso-Reports".parse().unwrap()).unwrap();
        assert_eq!(kept.text("Unheard").as_deref(), Some("kept"));
        let again = connector.plan_import(&[], None, false).unwrap();
        assert!(again.planned.iter().all(|planned| planned.incoming.taking == Taking::Here));
    }

    #[test]
    fn keys_of_other_programs_never_stand_in_a_bookmark() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rclone.conf");
        fs::write(
            &file,
            "[minio]\ntype = s3\nprovider = Minio\nendpoint = http://127.0.0.1:9000\naccess_key_id = AKIAEXAMPLE\n\
             secret_access_key = hunter2\n[drive]\ntype = drive\n",
        )
        .unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let plan = connector.plan_import(std::slice::from_ref(&file), None, false).unwrap();
        let [planned] = plan.planned.as_slice() else { panic!("one place") };
        assert_eq!(planned.program, Program::Rclone);
        assert!(planned.keys.is_some());
        let text = String::from_utf8(planned.incoming.bookmark.write().unwrap()).unwrap();
        assert!(!text.contains("hunter2") && text.contains("127.0.0.1:9000"), "{text}");
        assert_eq!(plan.left_aside[0].name, "drive");
    }
}
