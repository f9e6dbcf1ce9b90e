//! The file that a large plan lies in until it is carried out: one that nobody else sees, and that is gone with the process.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use pintail_core::seam::Random;

/// Opens an empty file in a folder and takes its name away again.
///
/// Where the system does not let go of the name of an open file, it stays until the file is closed.
///
/// # Errors
/// When the folder cannot be made or written.
pub fn spool(folder: &Path, random: &dyn Random) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let mut number = [0; 8];
    random.fill(&mut number);
    let path = folder.join(format!("plan-{:016x}.spool", u64::from_le_bytes(number)));
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[cfg(windows)]
    {
        /// `FILE_FLAG_DELETE_ON_CLOSE`.
        const DELETE_ON_CLOSE: u32 = 0x0400_0000;
        std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, DELETE_ON_CLOSE);
    }
    let file = options.open(&path)?;
    #[cfg(unix)]
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use pintail_core::seam::SeededRandom;

    use super::*;
    use crate::positioned::{read_exact_at, write_all_at};

    #[test]
    fn it_is_a_file_that_nobody_sees() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("not/there");
        let file = spool(&below, &SeededRandom::new(1)).unwrap();
        write_all_at(&file, b"plan", 3).unwrap();
        let mut read = [0; 7];
        read_exact_at(&file, &mut read, 0).unwrap();
        assert_eq!(&read, b"\0\0\0plan");
        assert_eq!(fs::read_dir(&below).unwrap().count(), 0);
    }
}
