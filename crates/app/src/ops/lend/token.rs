//! The token that lets a tool ask the credential endpoint, and the file that it is read from.
//!
//! The file holds the token and nothing else: SDKs send it as it stands, and some refuse a line end. It is its owner's alone
//! from the start, and appears as a whole. One that was there already is used if nobody else could have read it, so that a
//! token can outlive a restart; only one that was made here is removed.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pintail_core::seam::Random;
use pintail_core::secret::Secret;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::LendError;
use crate::ops::Error;

/// Random bytes of a token: nobody guesses 256 bits.
const TOKEN_BYTES: usize = 32;
/// Fewer characters than this are too easy to guess.
const LENGTH_MIN: usize = 32;
/// More than this is no token.
const LENGTH_MAX: usize = 1024;

/// Draws a token of 43 URL-safe characters.
pub(super) fn draw(random: &dyn Random) -> Secret {
    let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
    random.fill(bytes.as_mut());
    Secret::new(URL_SAFE_NO_PAD.encode(*bytes))
}

/// A file with a token. One that was made here goes when this is dropped.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    token: Secret,
    made: bool,
}

impl TokenFile {
    /// Makes a file of a random name in `folder`, which is made if it is not there.
    pub(super) fn in_folder(folder: &Path, random: &dyn Random) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| Error::local("make the folder", folder, e))?;
        let mut number = [0; 8];
        random.fill(&mut number);
        Self::at(&folder.join(format!("{:016x}.token", u64::from_le_bytes(number))), random)
    }

    /// Takes the token of a file that is there, or makes the file with a new one.
    pub(super) fn at(path: &Path, random: &dyn Random) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(|e| Error::local("find", path, e))?;
        if let Some(token) = read(&path)? {
            return Ok(Self { path, token, made: false });
        }
        let token = draw(random);
        match write(&path, &token) {
            Ok(()) => Ok(Self { path, token, made: true }),
            // Another process was quicker: its token is as good.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(&path)? {
                Some(token) => Ok(Self { path, token, made: false }),
                None => Err(Error::local("write", &path, error)),
            },
            Err(error) => Err(Error::local("write", &path, error)),
        }
    }

    /// Returns where it is, as an absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the token.
    pub(super) fn token(&self) -> &Secret {
        &self.token
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes a new file as a whole, for its owner alone.
fn write(path: &Path, token: &Secret) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    // Made with mode 0600 by its library.
    let mut file = tempfile::Builder::new().prefix(".token-").tempfile_in(folder)?;
    file.write_all(token.expose().as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|failed| failed.error)
}

/// Reads the token of a file, `None` if there is no file.
fn read(path: &Path) -> Result<Option<Secret>, Error> {
    let refused = |problem| Err(LendError::TokenFile { path: path.to_owned(), problem }.into());
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("open flags fit a C int");
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return refused("is a symbolic link");
        }
        Err(error) => return Err(Error::local("read", path, error)),
    };
    let metadata = file.metadata().map_err(|e| Error::local("read", path, e))?;
    if !metadata.is_file() {
        return refused("is no regular file");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refused("belongs to somebody else");
    }
    if metadata.mode() & 0o077 != 0 {
        return refused("could be read by others");
    }
    let mut text = Zeroizing::new(String::with_capacity(LENGTH_MAX + 1));
    let whole = file.take(LENGTH_MAX as u64 + 1).read_to_string(&mut text);
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
    if whole.is_err() || !(LENGTH_MIN..=LENGTH_MAX).contains(&text.len()) || !text.bytes().all(allowed) {
        // A line end at its end is the likeliest: SDKs would send it along and fail.
        return refused("does not hold a token of 32 to 1024 letters, digits and -._~+/= and nothing else");
    }
    Ok(Some(Secret::new(text.as_str())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use pintail_core::seam::SeededRandom;

    use super::*;

    #[test]
    fn a_token_is_long_and_fits_a_header_and_an_address() {
        let random = SeededRandom::new(1);
        let (one, two) = (draw(&random), draw(&random));
        assert_eq!(one.expose().len(), 43);
        assert!(one != two);
        assert!(one.expose().bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c)));
    }

    #[test]
    fn a_file_is_its_owners_alone_and_goes_with_its_maker() {
        let folder = tempfile::tempdir().unwrap();
        let random = SeededRandom::new(2);
        let deep = folder.path().join("run/lend");
        let file = TokenFile::in_folder(&deep, &random).unwrap();
        let metadata = fs::metadata(file.path()).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&deep).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), file.token().expose());
        drop(file);
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn a_token_that_was_there_is_used_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let random = SeededRandom::new(3);
        let first = TokenFile::at(&path, &random).unwrap();
        let second = TokenFile::at(&path, &random).unwrap();
        assert!(first.token() == second.token());
        drop(second);
        assert!(path.exists(), "whoever made it removes it");
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_others_could_have_read_or_written_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let good = "0123456789abcdef0123456789abcdef";
        let random = SeededRandom::new(4);
        let problem = |path: &Path| match TokenFile::at(path, &random) {
            Err(Error::Lend(LendError::TokenFile { problem, .. })) => problem,
            other => panic!("{other:?}"),
        };
        for (content, mode, part) in [
            (good, 0o640, "by others"),
            (good, 0o604, "by others"),
            ("short", 0o600, "32 to 1024"),
            ("0123456789abcdef0123456789abcdef\n", 0o600, "32 to 1024"),
            ("0123456789abcdef 123456789abcdef", 0o600, "32 to 1024"),
        ] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(problem(&path).contains(part), "{content:?} {mode:o}");
        }
        fs::write(&path, good).unwrap();
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(problem(&link).contains("symbolic link"));
        assert!(problem(folder.path()).contains("no regular file"));
        assert!(TokenFile::at(&path, &random).is_ok());
    }
}
