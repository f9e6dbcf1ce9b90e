//! Making this program the handler of a custom scheme on a Linux desktop, and giving the scheme back.
//!
//! Two files are concerned: a `.desktop` entry of ours in the data folder, and the person's `mimeapps.list` in the
//! configuration folder, which is changed line by line and keeps everything else. The former handler of each scheme is
//! remembered in our `.desktop` entry, so that [`unregister`] can restore it without a state of its own. The folders
//! are handed in; the texts are made by pure functions and written by a few lines at the end.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The schemes that sign-ins may come back by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandledScheme {
    /// `x-cyberduck-action`, which Cyberduck's app registrations use.
    CyberduckAction,
    /// `x-mountainduck-action`, which Mountain Duck's app registrations use.
    MountainDuckAction,
    /// `pintail`, our own.
    Pintail,
}

impl HandledScheme {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pintail, Self::CyberduckAction, Self::MountainDuckAction];

    /// Returns the scheme's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CyberduckAction => "x-cyberduck-action",
            Self::MountainDuckAction => "x-mountainduck-action",
            Self::Pintail => "pintail",
        }
    }

    fn mime_type(self) -> String {
        format!("x-scheme-handler/{}", self.name())
    }

    fn former_key(self) -> String {
        format!("X-Pintail-Former-{}", self.name())
    }
}

/// Where the desktop keeps its files.
#[derive(Clone, Debug)]
pub struct DesktopFolders {
    /// `$XDG_DATA_HOME`, usually `~/.local/share`.
    pub data: PathBuf,
    /// `$XDG_CONFIG_HOME`, usually `~/.config`.
    pub config: PathBuf,
}

/// Why registering failed.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The program's path cannot stand in a `.desktop` entry.
    #[error("the path of the program cannot stand in a desktop entry")]
    Program,
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The name of our `.desktop` entry.
const ENTRY: &str = "pintail-handler.desktop";
const DEFAULTS: &str = "[Default Applications]";

/// Makes `program` the handler of `schemes`, which it will get as `program handle-url ADDRESS`. Schemes registered
/// before and not named now are given back.
pub fn register(
    program: &Path,
    schemes: &[HandledScheme],
    folders: &DesktopFolders,
) -> Result<(), HandlerError> {
    let files = Files::new(folders);
    let former_entry = read(&files.entry)?.unwrap_or_default();
    let mut associations = read(&files.associations)?.unwrap_or_default();
    let mut formers = Vec::new();
    for scheme in HandledScheme::ALL {
        if schemes.contains(&scheme) {
            let current = default_of(&associations, &scheme.mime_type());
            // Registering again must not take ourselves for the former handler.
            let former = match current {
                Some(current) if !is_ours(&current) => Some(current),
                _ => value_of(&former_entry, &scheme.former_key()),
            };
            associations = with_default(&associations, &scheme.mime_type(), Some(ENTRY));
            formers.push((scheme, former));
        } else {
            associations = given_back(&associations, &former_entry, scheme);
        }
    }
    let entry = desktop_entry(program, &formers).ok_or(HandlerError::Program)?;
    // The entry first: an association without its entry would break the scheme.
    write(&files.entry, &entry)?;
    write(&files.associations, &associations)?;
    update_database(&files);
    Ok(())
}

/// Gives all schemes back to their former handlers and removes our entry. A scheme that the person has given to
/// another program since is left alone.
pub fn unregister(folders: &DesktopFolders) -> Result<(), HandlerError> {
    let files = Files::new(folders);
    let entry = read(&files.entry)?.unwrap_or_default();
    if let Some(associations) = read(&files.associations)? {
        let restored = HandledScheme::ALL
            .iter()
            .fold(associations.clone(), |text, scheme| given_back(&text, &entry, *scheme));
        if restored != associations {
            write(&files.associations, &restored)?;
        }
    }
    match fs::remove_file(&files.entry) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(HandlerError::Write { path: files.entry, source });
        }
        _ => {}
    }
    update_database(&files);
    Ok(())
}

/// Returns the schemes whose handler we are now.
pub fn registered(folders: &DesktopFolders) -> Result<Vec<HandledScheme>, HandlerError> {
    let files = Files::new(folders);
    if read(&files.entry)?.is_none() {
        return Ok(Vec::new());
    }
    let associations = read(&files.associations)?.unwrap_or_default();
    let ours = |scheme: &HandledScheme| {
        default_of(&associations, &scheme.mime_type()).is_some_and(|current| is_ours(&current))
    };
    Ok(HandledScheme::ALL.into_iter().filter(ours).collect())
}

/// Writes our `.desktop` entry; `None` when the program's path cannot be quoted.
fn desktop_entry(program: &Path, formers: &[(HandledScheme, Option<String>)]) -> Option<String> {
    let program = quoted(program.to_str()?)?;
    let types: String = formers.iter().map(|(scheme, _)| scheme.mime_type() + ";").collect();
    let mut entry = format!(
        "[Desktop Entry]\nType=Application\nName=Pintail sign-in\nComment=Takes the browser's answer to a sign-in\n\
         Exec={program} handle-url %u\nTerminal=false\nNoDisplay=true\nStartupNotify=false\nMimeType={types}\n"
    );
    for (scheme, former) in formers {
        if let Some(former) = former {
            entry += &format!("{}={former}\n", scheme.former_key());
        }
    }
    Some(entry)
}

/// Quotes a program for `Exec`, by the desktop entry specification: first the command line's rules, then the value's.
fn quoted(program: &str) -> Option<String> {
    if program.is_empty() || program.contains('=') || program.chars().any(char::is_control) {
        return None;
    }
    // xdg-open's own reader, in use where no desktop is known, takes the quotes for part of the name.
    if program.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        return Some(program.to_owned());
    }
    let mut text = String::from("\"");
    for c in program.chars() {
        match c {
            // A backslash is escaped for the command line, and each of the two again for the value.
            '\\' => text += "\\\\\\\\",
            '"' | '`' | '$' => {
                text += "\\\\";
                text.push(c);
            }
            '%' => text += "%%",
            _ => text.push(c),
        }
    }
    text.push('"');
    Some(text)
}

fn is_ours(handlers: &str) -> bool {
    handlers.split(';').map(str::trim).next() == Some(ENTRY)
}

/// Returns the text of `mimeapps.list` with one scheme back at its former handler, if it is ours now.
fn given_back(associations: &str, entry: &str, scheme: HandledScheme) -> String {
    match default_of(associations, &scheme.mime_type()) {
        Some(current) if is_ours(&current) => {
            let former = value_of(entry, &scheme.former_key());
            with_default(associations, &scheme.mime_type(), former.as_deref())
        }
        _ => associations.to_owned(),
    }
}

/// Returns the value of a key in a `.desktop` entry of ours.
fn value_of(entry: &str, key: &str) -> Option<String> {
    let line = entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    let value = line.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Returns what a `mimeapps.list` names as the default for a type.
fn default_of(associations: &str, mime_type: &str) -> Option<String> {
    let mut inside = false;
    for line in associations.lines() {
        if is_heading(line) {
            inside = line.trim() == DEFAULTS;
        } else if inside && is_about(line, mime_type) {
            return line.split_once('=').map(|(_, value)| value.trim().to_owned());
        }
    }
    None
}

/// Returns a `mimeapps.list` with another default for one type, or without any; all other lines stay as they are.
fn with_default(associations: &str, mime_type: &str, handler: Option<&str>) -> String {
    let mut written = handler.map(|handler| format!("{mime_type}={handler}"));
    let mut lines: Vec<String> = Vec::new();
    let mut inside = false;
    let mut after_last = None;
    for line in associations.lines() {
        if is_heading(line) {
            inside = line.trim() == DEFAULTS;
        }
        if inside && is_about(line, mime_type) {
            // The first takes the new value, repetitions go: desktops disagree about which of them counts.
            lines.extend(written.take());
            continue;
        }
        lines.push(line.to_owned());
        if inside && !line.trim().is_empty() {
            after_last.get_or_insert(0);
            after_last = Some(lines.len());
        }
    }
    if let Some(line) = written {
        match after_last {
            Some(place) => lines.insert(place, line),
            None => {
                if lines.last().is_some_and(|last| !last.trim().is_empty()) {
                    lines.push(String::new());
                }
                lines.extend([DEFAULTS.to_owned(), line]);
            }
        }
    }
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn is_heading(line: &str) -> bool {
    line.trim().starts_with('[') && line.trim().ends_with(']')
}

fn is_about(line: &str, mime_type: &str) -> bool {
    line.split_once('=').is_some_and(|(key, _)| key.trim() == mime_type)
}

struct Files {
    applications: PathBuf,
    entry: PathBuf,
    associations: PathBuf,
}

impl Files {
    fn new(folders: &DesktopFolders) -> Self {
        let applications = folders.data.join("applications");
        Self {
            entry: applications.join(ENTRY),
            applications,
            associations: folders.config.join("mimeapps.list"),
        }
    }
}

fn read(path: &Path) -> Result<Option<String>, HandlerError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HandlerError::Read { path: path.to_owned(), source }),
    }
}

/// Replaces a file in one step: a desktop that reads in between sees the old or the new one, whole.
fn write(path: &Path, text: &str) -> Result<(), HandlerError> {
    let failed = |source| HandlerError::Write { path: path.to_owned(), source };
    // People who keep their settings elsewhere link to them; the link stays and its target is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    fs::create_dir_all(folder).map_err(failed)?;
    let temporary = folder.join(format!(".pintail-{}.tmp", std::process::id()));
    let replace = || {
        // What a crash left behind goes first, so that the file is surely a new one and no link to another.
        let _ = fs::remove_file(&temporary);
        let mut file = fs::File::create_new(&temporary)?;
        file.write_all(text.as_bytes())?;
        if let Ok(metadata) = fs::metadata(&target) {
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &target)
    };
    replace().inspect_err(|_| drop(fs::remove_file(&temporary))).map_err(failed)
}

/// Tells the desktop that its entries changed. Desktops without the program read the entries themselves.
fn update_database(files: &Files) {
    let _ = Command::new("update-desktop-database")
        .arg(&files.applications)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tempfile::TempDir;

    const CYBERDUCK: &str = "x-scheme-handler/x-cyberduck-action";

    fn folders() -> (TempDir, DesktopFolders) {
        let home = tempfile::tempdir().unwrap();
        let folders =
            DesktopFolders { data: home.path().join(".local/share"), config: home.path().join(".config") };
        (home, folders)
    }

    fn associations(folders: &DesktopFolders) -> String {
        fs::read_to_string(folders.config.join("mimeapps.list")).unwrap()
    }

    #[test]
    fn one_default_changes_and_every_other_line_stays() {
        let before = "# mine\n[Added Associations]\nx-scheme-handler/x-cyberduck-action=other.desktop;\n\n\
                      [Default Applications]\ntext/html=firefox.desktop\nx-scheme-handler/x-cyberduck-action=duck.desktop;old.desktop\n\n\
                      [Removed Associations]\nimage/png=x.desktop\n";
        assert_eq!(default_of(before, CYBERDUCK).as_deref(), Some("duck.desktop;old.desktop"));
        let after = with_default(before, CYBERDUCK, Some(ENTRY));
        assert_eq!(after, before.replace("duck.desktop;old.desktop", ENTRY));
        assert_eq!(with_default(&after, CYBERDUCK, Some("duck.desktop;old.desktop")), before);
        let added = with_default(before, "x-scheme-handler/pintail", Some(ENTRY));
        let line = format!("x-scheme-handler/pintail={ENTRY}\n\n[Removed");
        assert_eq!(added, before.replace("\n[Removed", &line));
        assert_eq!(with_default(&added, "x-scheme-handler/pintail", None), before);
        let fresh = with_default("", CYBERDUCK, Some(ENTRY));
        assert_eq!(fresh, format!("[Default Applications]\n{CYBERDUCK}={ENTRY}\n"));
        assert_eq!(with_default("[Default Applications]\n", CYBERDUCK, Some(ENTRY)), fresh);
    }

    #[test]
    fn registering_remembers_the_former_handler_and_unregistering_restores_it() {
        let (_home, folders) = folders();
        fs::create_dir_all(&folders.config).unwrap();
        let before =
            format!("[Default Applications]\n{CYBERDUCK}=cyberduck.desktop\ntext/html=firefox.desktop\n");
        fs::write(folders.config.join("mimeapps.list"), &before).unwrap();
        let program = Path::new("/opt/pintail/bin/pintail");
        let schemes = [HandledScheme::Pintail, HandledScheme::CyberduckAction];
        for _ in 0..2 {
            register(program, &schemes, &folders).unwrap();
            assert_eq!(registered(&folders).unwrap(), schemes);
        }
        let entry = fs::read_to_string(folders.data.join("applications").join(ENTRY)).unwrap();
        assert!(entry.contains("Exec=/opt/pintail/bin/pintail handle-url %u\n"));
        assert!(entry.contains("MimeType=x-scheme-handler/pintail;x-scheme-handler/x-cyberduck-action;\n"));
        assert!(entry.contains("X-Pintail-Former-x-cyberduck-action=cyberduck.desktop\n"), "{entry}");
        assert!(associations(&folders).contains("text/html=firefox.desktop"));

        // Fewer schemes: the one that is not named goes back.
        register(program, &[HandledScheme::Pintail], &folders).unwrap();
        assert_eq!(default_of(&associations(&folders), CYBERDUCK).as_deref(), Some("cyberduck.desktop"));
        unregister(&folders).unwrap();
        assert_eq!(associations(&folders), before);
        assert!(!folders.data.join("applications").join(ENTRY).exists());
        unregister(&folders).unwrap();
        assert!(registered(&folders).unwrap().is_empty());
    }

    #[test]
    fn a_scheme_that_was_given_to_another_program_since_is_left_alone() {
        let (_home, folders) = folders();
        register(Path::new("/usr/bin/pintail"), &HandledScheme::ALL, &folders).unwrap();
        let changed = with_default(&associations(&folders), CYBERDUCK, Some("newer.desktop"));
        fs::write(folders.config.join("mimeapps.list"), changed).unwrap();
        unregister(&folders).unwrap();
        assert_eq!(associations(&folders), format!("[Default Applications]\n{CYBERDUCK}=newer.desktop\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_list_stays_a_link_and_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let (home, folders) = folders();
        fs::create_dir_all(&folders.config).unwrap();
        let real = home.path().join("dotfiles-mimeapps.list");
        fs::write(&real, "[Default Applications]\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        let link = folders.config.join("mimeapps.list");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        register(Path::new("/usr/bin/pintail"), &[HandledScheme::Pintail], &folders).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&real).unwrap().contains(ENTRY));
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        let left: Vec<_> =
            fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".tmp")));
    }

    #[test]
    fn program_paths_are_quoted_as_the_specification_says() {
        for (path, text) in [
            ("/usr/bin/pintail", "/usr/bin/pintail"),
            ("/home/a b/pintail", "\"/home/a b/pintail\""),
            ("/x/$HOME/`p`/\"q\"", r#""/x/\\$HOME/\\`p\\`/\\"q\\"""#),
            ("/x/100%", "\"/x/100%%\""),
            (r"/x/\y", r#""/x/\\\\y""#),
        ] {
            assert_eq!(quoted(path).as_deref(), Some(text), "{path}");
        }
        for bad in ["", "/x/a=b", "/x/a\nExec=evil"] {
            assert_eq!(quoted(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_default_that_is_set_is_read_back_and_no_other_line_is_lost(
            lines in prop::collection::vec("(\\[Default Applications\\]|\\[[A-Z][a-z]{2}\\]|[a-z]{1,3}/[a-z]{1,3}=[a-z;.]{0,8}|#[a-z ]{0,5}|)", 0..12)
        ) {
            let before: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let after = with_default(&before, CYBERDUCK, Some(ENTRY));
            prop_assert_eq!(default_of(&after, CYBERDUCK), Some(ENTRY.to_owned()));
            let mut rest = after.lines().filter(|line| !is_about(line, CYBERDUCK));
            for line in &lines {
                prop_assert!(rest.any(|kept| kept == line), "{line:?} is lost in {after:?}");
            }
            prop_assert_eq!(with_default(&after, CYBERDUCK, Some(ENTRY)), after);
        }
    }
}
