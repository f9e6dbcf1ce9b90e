//! The credential endpoint on its own, for mounts and long jobs: it stays until a signal ends it.

use std::io;
use std::path::PathBuf;

use pintail_core::name::BookmarkName;

use super::endpoint::{Counter, Door, Endpoint};
use super::token::TokenFile;
use super::variables::EndpointAt;
use super::{LendError, Refusal, Variables, Words, failure, lendable};
use crate::ops::signal::Signals;
use crate::ops::{App, Error};

/// What to lend, and where.
#[derive(Clone, Debug)]
pub(crate) struct Serve {
    /// The bookmarks, each under its own path.
    pub(crate) names: Vec<BookmarkName>,
    /// The port, 0 for a free one.
    pub(crate) port: u16,
    /// Listen on 169.254.170.2, for tools that send no token, instead of on a port of 127.0.0.1.
    pub(crate) link_local: bool,
    /// The file with the token. One that is there is used and stays; without one, a file of the moment is made.
    pub(crate) token_file: Option<PathBuf>,
}

/// An endpoint that listens.
#[derive(Debug)]
pub(crate) struct Serving {
    /// Its port.
    pub(crate) port: u16,
    /// The file with its token.
    pub(crate) token_file: PathBuf,
    /// What tools need to know, for each bookmark.
    pub(crate) lent: Vec<(BookmarkName, Variables)>,
    /// The bookmarks whose credential cannot be had now, and why. They are served as soon as it can.
    pub(crate) missing: Vec<(BookmarkName, Refusal)>,
}

/// Lends until a signal comes. `ready` is told once tools may ask.
pub(crate) async fn serve(
    app: &App,
    request: Serve,
    words: Words,
    ready: impl FnOnce(&Serving) -> io::Result<()>,
) -> Result<(), Error> {
    // Before anything is told: whoever reads that it is up may end it at once.
    let mut signals = Signals::take().map_err(LendError::Signals)?;
    let lending = lend(app, request, words, ready);
    tokio::select! {
        biased;
        () = signals.wait() => Ok(()),
        failed = lending => failed,
    }
}

async fn lend(
    app: &App,
    request: Serve,
    words: Words,
    ready: impl FnOnce(&Serving) -> io::Result<()>,
) -> Result<(), Error> {
    let (mut counters, mut connections, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for name in request.names {
        let lent = app.credential_source(&name).await?;
        // Asked now, so that the first tool need not wait and a sign-in that is needed is known to the person.
        if let Err(error) = lendable(lent.source.as_ref()).await {
            missing.push((name.clone(), (words.0)(&failure(error))));
        }
        let role = lent.connection.role().cloned();
        counters.push(Counter { name: name.clone(), source: lent.source, role });
        connections.push((name, lent.connection));
    }
    let file = match &request.token_file {
        Some(path) => TokenFile::at(path, app.random())?,
        None => TokenFile::in_folder(&app.environment().folders.runtime.join("lend"), app.random())?,
    };
    let door = if request.link_local { Door::LinkLocal } else { Door::Loopback(request.port) };
    let clock = app.shared_clock();
    let endpoint = Endpoint::bind(door, file.token().clone(), counters, words, clock).await?;
    let mut lent = Vec::new();
    for (name, connection) in connections {
        let at = EndpointAt { url: &endpoint.url(&name), token_file: file.path(), token: None };
        let mut variables = Variables::endpoint(&connection, &at, app.environment().ca_bundle.as_deref())?;
        if request.link_local {
            variables = variables.relative(endpoint.relative(&name));
        }
        lent.push((name, variables));
    }
    let serving = Serving { port: endpoint.port(), token_file: file.path().to_owned(), lent, missing };
    ready(&serving).map_err(Error::Stdio)?;
    match endpoint.serve().await {}
}
