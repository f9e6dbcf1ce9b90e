//! Small files that others write anew from time to time: tokens of containers and workloads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pintail_core::retry::Retry;
use pintail_core::secret::Secret;

use super::ProviderError;

/// Reads the text of a file of at most `bytes_max`, without the white space around it. `name` says what it should hold.
///
/// Links are followed: Kubernetes swaps tokens by them. What is no plain file could make the reader wait forever.
pub(super) async fn read(name: &str, path: &Path, bytes_max: u64) -> Result<Secret, ProviderError> {
    let owned = path.to_owned();
    let shown = format!("{:?}", path.display().to_string());
    let read = tokio::task::spawn_blocking(move || {
        if !std::fs::metadata(&owned)?.is_file() {
            return Err(io::Error::other("not a plain file"));
        }
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        File::open(&owned)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = read.await.map_err(io::Error::other).and_then(|read| read).map_err(|error| {
        ProviderError::new(format!("the {name} could not be read from {shown}"), Retry::Never).because(error)
    })?;
    let problem = if bytes.len() as u64 > bytes_max {
        "is larger than any"
    } else {
        match std::str::from_utf8(&bytes).map(str::trim) {
            Ok("") => "is empty, which is no",
            Ok(text) => return Ok(Secret::new(text)),
            Err(_) => "is not the text of a",
        }
    };
    // It may be in the middle of being written.
    Err(ProviderError::new(format!("{shown} {problem} {name}"), Retry::Backoff))
}
