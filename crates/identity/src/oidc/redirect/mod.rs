//! How the browser's answer reaches the sign-in that waits for it.
//!
//! Three ways, one contract ([`RedirectReceiver`]): a [`Loopback`] server on this machine, a custom [`scheme`] whose
//! handler is another process of ours, and a [`Pasted`] address; [`Either`] joins two of them. A receiver only
//! recognises the answer by its `state`; what the answer is worth is decided by the machine in
//! [`flow`](super::flow).

mod answer;
mod loopback;
mod page;
mod paste;
#[cfg(unix)]
pub mod scheme;

use std::fmt;
use std::io;

use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use tokio::sync::oneshot;

pub(crate) use answer::Answer;
pub use answer::{AnswerRefusal, Expected, Whose};
pub use loopback::{Loopback, LoopbackHost, LoopbackOptions};
pub use paste::Pasted;

/// Answers that belong to nobody are ignored, because any page or person can send one; this many are an attack.
pub const FOREIGN_ANSWERS_MAX: u32 = 100;

/// Waits for the one answer that carries the `state` of an attempt.
///
/// Contract: the redirect address is known, and held, from the moment the receiver exists; [`listen`] is called once,
/// before the browser opens; [`receive`] returns the first answer with the right `state` and ignores others,
/// reporting each; dropping the future or the receiver ends everything it started.
///
/// [`listen`]: RedirectReceiver::listen
/// [`receive`]: RedirectReceiver::receive
pub trait RedirectReceiver: Send + fmt::Debug {
    /// Returns the redirect address to send to the issuer, exactly as it must be registered there (apart from the port).
    fn redirect_uri(&self) -> &str;

    /// Starts to listen for the answer with this `state`.
    fn listen(&mut self, expected: &Expected) -> Result<(), RedirectError>;

    /// Waits for the answer.
    fn receive<'a>(
        &'a mut self,
        notice: &'a (dyn Fn(Notice) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arrival, RedirectError>>;
}

/// Something that arrived and was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An answer with another `state`: an old tab, another sign-in, or someone's try.
    Foreign,
    /// Something that is no answer to a sign-in.
    NoAnswer,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum RedirectError {
    /// No port could be taken.
    #[error("could not listen on {address}")]
    Bind {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The redirect address is not one that this receiver can serve.
    #[error("the redirect address \"{address}\" {problem}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it, as the end of a sentence.
        problem: &'static str,
    },
    /// The folder for the private socket is not private, or cannot be used.
    #[error("the folder {folder} {problem}")]
    Folder {
        /// The folder.
        folder: String,
        /// What is wrong with it, as the end of a sentence.
        problem: &'static str,
        /// What the system said, if it was asked.
        source: Option<io::Error>,
    },
    /// There is no more input to read an address from.
    #[error("no address was pasted")]
    NoInput,
    /// Reading or accepting failed.
    #[error("waiting for the browser's answer failed")]
    Io(#[source] io::Error),
    /// Too many answers belonged to nobody.
    #[error("{count} answers arrived that belong to no sign-in")]
    TooManyForeign {
        /// How many.
        count: u32,
    },
}

/// What the page in the browser should say in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The person is signed in.
    SignedIn,
    /// They are not; the terminal or window they came from says why.
    Failed,
}

/// The answer, and the browser that waits to be told how it ended.
pub struct Arrival {
    /// The address that arrived, as [`Input::Redirect`](super::Input) takes it.
    pub address: Secret,
    reply: Option<Reply>,
}

struct Reply {
    outcome: oneshot::Sender<Outcome>,
    written: oneshot::Receiver<()>,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").field("answered", &self.reply.is_none()).finish_non_exhaustive()
    }
}

impl Arrival {
    /// Makes an arrival that nobody waits behind.
    pub fn unanswered(address: Secret) -> Self {
        Self { address, reply: None }
    }

    /// Tells the browser how the sign-in ended and waits until the page is on its way, so that the program may end.
    pub async fn conclude(self, outcome: Outcome) {
        // A browser that does not read its page must not keep the person waiting.
        const WRITING_MAX: std::time::Duration = std::time::Duration::from_secs(2);
        if let Some(reply) = self.reply
            && reply.outcome.send(outcome).is_ok()
        {
            let _ = tokio::time::timeout(WRITING_MAX, reply.written).await;
        }
    }
}

/// Counts what is ignored and ends the wait when it is too much.
#[derive(Debug, Default)]
struct Ignored(u32);

impl Ignored {
    fn note(&mut self, notice: Notice, tell: &(dyn Fn(Notice) + Send + Sync)) -> Result<(), RedirectError> {
        tell(notice);
        self.0 += u32::from(notice == Notice::Foreign);
        if self.0 >= FOREIGN_ANSWERS_MAX {
            return Err(RedirectError::TooManyForeign { count: self.0 });
        }
        Ok(())
    }
}

/// Waits at two receivers at once: a loopback server, say, and a person who may paste the address because the
/// browser runs elsewhere.
///
/// The issuer gets the redirect address of the first.
#[derive(Debug)]
pub struct Either<A, B>(
    /// The receiver whose redirect address is used.
    pub A,
    /// The one beside it. That it runs out of input does not end the wait.
    pub B,
);

impl<A: RedirectReceiver, B: RedirectReceiver> RedirectReceiver for Either<A, B> {
    fn redirect_uri(&self) -> &str {
        self.0.redirect_uri()
    }

    fn listen(&mut self, expected: &Expected) -> Result<(), RedirectError> {
        self.0.listen(expected)?;
        self.1.listen(expected)
    }

    fn receive<'a>(
        &'a mut self,
        notice: &'a (dyn Fn(Notice) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arrival, RedirectError>> {
        let Self(first, second) = self;
        Box::pin(async move {
            let mut first = first.receive(notice);
            tokio::select! {
                arrival = &mut first => arrival,
                arrival = second.receive(notice) => match arrival {
                    Err(RedirectError::NoInput) => first.await,
                    arrival => arrival,
                },
            }
        })
    }
}
