//! Reading and writing files at a position, whatever position the handle has.

use std::fs::File;
use std::io;

/// Fills a piece from a position on.
pub(crate) fn read_exact_at(file: &File, mut piece: &mut [u8], mut at: u64) -> io::Result<()> {
    while !piece.is_empty() {
        match read_at(file, piece, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                piece = &mut piece[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads what one call gives, from a position on.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, piece, at)
}

#[cfg(windows)]
pub(crate) fn read_at(file: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, piece, at)
}

/// Writes all of a piece, from a position on.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, piece: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, piece, at)
}

#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut piece: &[u8], mut at: u64) -> io::Result<()> {
    while !piece.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, piece, at)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        piece = &piece[count..];
        at += count as u64;
    }
    Ok(())
}
