//! The custom scheme: the system hands the address to a new process of ours, which hands it to the one that waits.
//!
//! The waiting process listens on a Unix socket in a folder that only its user may enter; the socket's name is a
//! digest of `state`, so that [`deliver`] finds the right one of several. Any program can claim a scheme: what keeps
//! a thief from using a code is PKCE, and what keeps strangers out of the socket is the folder.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::answer::ADDRESS_BYTES_MAX;
use super::{Answer, Arrival, Expected, Ignored, Notice, RedirectError, RedirectReceiver, Whose};

/// How long the other side may take to hand over an address.
const HANDOVER_MAX: Duration = Duration::from_secs(5);
/// How long to leave the socket alone after it jammed.
const REST: Duration = Duration::from_millis(100);
/// What the waiting process answers to the address it waited for, and to any other.
const TAKEN: u8 = b'+';
const REFUSED: u8 = b'-';

/// Takes the answer from the process that the system started for a custom scheme.
#[derive(Debug)]
pub struct Scheme {
    redirect_uri: String,
    folder: PathBuf,
    waiting: Option<Waiting>,
    ignored: Ignored,
}

#[derive(Debug)]
struct Waiting {
    expected: Expected,
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Scheme {
    /// Waits for addresses such as `pintail://oauth` in `folder`, which must exist, belong to this user and be closed
    /// to all others.
    pub fn new(redirect_uri: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        let (redirect_uri, folder) = (redirect_uri.into(), folder.into());
        Self { redirect_uri, folder, waiting: None, ignored: Ignored::default() }
    }

    async fn wait(&mut self, notice: &(dyn Fn(Notice) + Send + Sync)) -> Result<Arrival, RedirectError> {
        let waiting = self.waiting.as_ref().expect("listen is called before receive");
        let (found, mut finds) = mpsc::channel(1);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                find = finds.recv() => match find.expect("this function holds a sender") {
                    Ok(address) => return Ok(Arrival::unanswered(address)),
                    Err(what) => self.ignored.note(what, notice)?,
                },
                Some(_) = connections.join_next() => {}
                accepted = waiting.listener.accept() => {
                    let Ok((stream, _)) = accepted else {
                        // A machine out of file handles needs a rest; the person's sign-in goes on.
                        tokio::time::sleep(REST).await;
                        continue;
                    };
                    let (expected, found) = (waiting.expected.clone(), found.clone());
                    connections.spawn(async move {
                        let taken = tokio::time::timeout(HANDOVER_MAX, take(stream, &expected)).await;
                        if let Ok(Ok(find)) = taken {
                            let _ = found.send(find).await;
                        }
                    });
                }
            }
        }
    }
}

impl RedirectReceiver for Scheme {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    fn listen(&mut self, expected: &Expected) -> Result<(), RedirectError> {
        check_private(&self.folder)?;
        remove_abandoned(&self.folder);
        let path = self.folder.join(socket_name(expected.state()));
        let listener = UnixListener::bind(&path)
            .map_err(|source| RedirectError::Bind { address: path.display().to_string(), source })?;
        self.waiting = Some(Waiting { expected: expected.clone(), listener, path });
        Ok(())
    }

    fn receive<'a>(
        &'a mut self,
        notice: &'a (dyn Fn(Notice) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arrival, RedirectError>> {
        Box::pin(self.wait(notice))
    }
}

/// Why an address could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The folder is not private or cannot be used.
    #[error("the address cannot be handed over safely")]
    Folder(#[source] RedirectError),
    /// The address holds no answer to a sign-in.
    #[error("the address holds no answer to a sign-in")]
    NotAnAnswer,
    /// No process waits for this answer: it ended, or it never was.
    #[error("no sign-in is waiting for this address")]
    NobodyWaits,
    /// The waiting process did not take it.
    #[error("the sign-in that waits did not take the address")]
    Refused,
    /// The handing over broke off.
    #[error("handing over the address failed")]
    Io(#[source] io::Error),
}

/// Hands an address that the system gave to this process over to the process that waits for it.
pub async fn deliver(address: &Secret, folder: &Path) -> Result<(), DeliverError> {
    let state = Answer::parse(address.expose())
        .ok()
        .and_then(|answer| answer.state)
        .ok_or(DeliverError::NotAnAnswer)?;
    check_private(folder).map_err(DeliverError::Folder)?;
    let handover = async {
        let mut stream = UnixStream::connect(folder.join(socket_name(&state))).await?;
        stream.write_all(address.expose().as_bytes()).await?;
        stream.shutdown().await?;
        stream.read_u8().await
    };
    match tokio::time::timeout(HANDOVER_MAX, handover).await {
        Ok(Ok(TAKEN)) => Ok(()),
        Ok(Ok(_)) => Err(DeliverError::Refused),
        Ok(Err(error))
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
        {
            Err(DeliverError::NobodyWaits)
        }
        Ok(Err(error)) => Err(DeliverError::Io(error)),
        Err(late) => Err(DeliverError::Io(late.into())),
    }
}

/// Reads an address from another process and says whether it was the right one.
async fn take(mut stream: UnixStream, expected: &Expected) -> io::Result<Result<Secret, Notice>> {
    let mut address = Zeroizing::new(String::new());
    let cap = u64::try_from(ADDRESS_BYTES_MAX + 1).unwrap_or(u64::MAX);
    (&mut stream).take(cap).read_to_string(&mut address).await?;
    let find = match expected.judge(&address) {
        Whose::Ours | Whose::OursRefused => Ok(Secret::new(address.as_str())),
        Whose::Foreign => Err(Notice::Foreign),
        Whose::Nobodys => Err(Notice::NoAnswer),
    };
    // The answer counts even if the other side is gone already.
    let _ = stream.write_u8(if find.is_ok() { TAKEN } else { REFUSED }).await;
    Ok(find)
}

/// A name that tells nothing about `state` and is short enough for a socket's path.
fn socket_name(state: &Secret) -> String {
    let digest = digest::digest(&digest::SHA256, state.expose().as_bytes());
    let hex: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.sock")
}

/// Checks that a folder belongs to this user and is closed to all others.
fn check_private(folder: &Path) -> Result<(), RedirectError> {
    let refused =
        |problem, source| RedirectError::Folder { folder: folder.display().to_string(), problem, source };
    let metadata = fs::symlink_metadata(folder).map_err(|source| refused("cannot be read", Some(source)))?;
    if !metadata.is_dir() {
        return Err(refused("is not a folder", None));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("belongs to another user", None));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(refused("is open to other users", None));
    }
    Ok(())
}

/// Removes the sockets of processes that were killed while they waited.
fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_ours = path.extension().is_some_and(|extension| extension == "sock");
        let refused = || {
            let connected = std::os::unix::net::UnixStream::connect(&path);
            connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if is_ours && refused() {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn private() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    fn listening(folder: &TempDir, state: &str) -> Scheme {
        let mut scheme = Scheme::new("pintail://oauth", folder.path());
        scheme.listen(&Expected::new(Secret::new(state))).unwrap();
        scheme
    }

    fn address(state: &str) -> Secret {
        Secret::new(format!("pintail://oauth?code=code-for-{state}&state={state}"))
    }

    #[tokio::test]
    async fn each_of_several_that_wait_gets_its_own_answer() {
        let folder = private();
        let (mut first, mut second) = (listening(&folder, "state-1"), listening(&folder, "state-2"));
        let (for_first, for_second) = (address("state-1"), address("state-2"));
        let notice = |_| {};
        let (one, two, sent_one, sent_two) = tokio::join!(
            first.receive(&notice),
            second.receive(&notice),
            deliver(&for_first, folder.path()),
            deliver(&for_second, folder.path()),
        );
        sent_one.unwrap();
        sent_two.unwrap();
        assert_eq!(one.unwrap().address, for_first);
        assert_eq!(two.unwrap().address, for_second);
        drop((first, second));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "sockets are removed");
    }

    #[tokio::test]
    async fn an_address_nobody_waits_for_is_said_so() {
        let folder = private();
        let deliver_to = |address: Secret| {
            let path = folder.path().to_owned();
            async move { deliver(&address, &path).await }
        };
        assert!(matches!(deliver_to(address("nobody")).await, Err(DeliverError::NobodyWaits)));
        assert!(matches!(deliver_to(Secret::new("pintail://oauth")).await, Err(DeliverError::NotAnAnswer)));
        assert!(matches!(
            deliver_to(Secret::new("pintail://oauth?code=c")).await,
            Err(DeliverError::NotAnAnswer)
        ));
        let mut abandoned = listening(&folder, "gone");
        let kept = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        // A killed process leaves its socket behind.
        let copy = kept.with_file_name("0123.sock");
        std::os::unix::net::UnixListener::bind(&copy).map(drop).unwrap();
        let _other = listening(&folder, "other");
        assert!(!copy.exists() && kept.exists());
        abandoned.waiting = None;
        assert!(matches!(deliver_to(address("gone")).await, Err(DeliverError::NobodyWaits)));
    }

    #[tokio::test]
    async fn a_wrong_address_at_the_socket_is_refused_and_the_wait_goes_on() {
        let folder = private();
        let mut scheme = listening(&folder, "state-1");
        let socket = folder.path().join(socket_name(&Secret::new("state-1")));
        let (right, path) = (address("state-1"), folder.path());
        let others = async {
            let mut silent = UnixStream::connect(&socket).await.unwrap();
            for wrong in
                [address("other"), Secret::new("garbage"), Secret::new("x".repeat(3 * ADDRESS_BYTES_MAX))]
            {
                let mut stream = UnixStream::connect(&socket).await.unwrap();
                let _ = stream.write_all(wrong.expose().as_bytes()).await;
                let _ = stream.shutdown().await;
                assert_ne!(stream.read_u8().await.ok(), Some(TAKEN));
            }
            let sent = deliver(&right, path).await;
            let _ = silent.write_all(b"too late").await;
            sent
        };
        let notice = |_| {};
        let (arrival, sent) = tokio::join!(scheme.receive(&notice), others);
        sent.unwrap();
        assert_eq!(arrival.unwrap().address, right);
    }

    #[tokio::test]
    async fn a_folder_that_others_may_enter_is_refused() {
        let folder = private();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let mut scheme = Scheme::new("pintail://oauth", folder.path());
        let refused = scheme.listen(&Expected::new(Secret::new("s"))).unwrap_err();
        assert!(matches!(refused, RedirectError::Folder { problem: "is open to other users", .. }));
        assert!(matches!(deliver(&address("s"), folder.path()).await, Err(DeliverError::Folder(_))));
        let missing = folder.path().join("missing");
        assert!(matches!(deliver(&address("s"), &missing).await, Err(DeliverError::Folder(_))));
    }
}
