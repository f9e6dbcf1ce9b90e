//! A small cloud in one process: an Entra-like issuer, Microsoft Graph as far as apps go, IAM with Access Analyzer,
//! STS, IAM Identity Center, the metadata services of machines and containers, the console's sign-in, and S3, over one
//! world of people, apps, users, roles and buckets.
//!
//! It exists so that a client can be tested, and shown, against services that really check: tokens are
//! verified through the issuer's published keys, trust and permission policies are evaluated, signatures,
//! session tokens, checksums and preconditions are enforced, and errors carry the codes and words of the
//! originals. It shares no code with the client, so a wrong reading of a specification cannot agree with
//! itself. It listens on loopback only and serves nothing of S3 without a signature but what a bucket's own
//! policy gives to everybody.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pintail_sandbox::{Options, Sandbox, visitor::Visitor};
//!
//! let sandbox = Sandbox::start(Options::default()).await?;
//! let alice = &sandbox.summary().users[0];
//! let visitor = Visitor::new(&alice.username, &alice.password);
//! let arrival = visitor.sign_in("http://127.0.0.1:1/tenant/oauth2/v2.0/authorize?client_id=…").await?;
//! assert!(arrival.url.contains("code="));
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Where things are: `issuer` with `graph`, `query` with `iam` and `sts`, `analyzer`, `s3`, and `doors` with `center`, `metadata` and
//! `signin` are the services; `policy` decides;
//! `sigv4` and `jose` verify; `world` is the state; `server` is the road in, where [`Faults`] strike, [`Moments`] come and
//! the [`Recorder`] listens; [`visitor`] plays a person at a browser.

mod analyzer;
mod authority;
mod batch;
mod center;
mod clock;
mod doors;
mod faults;
mod iam;
mod issuer;
mod jose;
mod metadata;
mod moments;
mod options;
mod params;
mod policy;
mod query;
mod random;
mod recorder;
mod s3;
mod server;
mod signin;
mod sigv4;
mod socket;
mod sts;
mod summary;
#[cfg(test)]
mod tests;
pub mod visitor;
mod web;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use clock::{Clock, SettableClock, SystemClock};
pub use faults::{Effect, Fault, FaultRate, Faults, Service};
pub use moments::{Moment, Moments, Phase};
pub use options::{Lifetimes, Options, StartError};
pub use random::{Random, SeededRandom, SystemRandom};
pub use recorder::{Call, Recorder};
pub use summary::{ContainerDoor, EmptyCloud, KeyUser, Person, Summary};
pub use world::{
    AZURE_CLI_SCOPES, AdminKey, App, Certificate, DirectoryRole, Group, HeldObject, HeldPart, HeldUpload,
    Home, Ledger, Platform, Receipt, Role, User, World,
};

use server::Port;
use world::Core;

/// A running sandbox. Dropping it ends its listeners and connections.
#[derive(Debug)]
pub struct Sandbox {
    core: Arc<Core>,
    summary: Summary,
    listeners: [JoinHandle<()>; 3],
}

impl Sandbox {
    /// Starts a sandbox on three loopback ports.
    ///
    /// # Errors
    /// When the address is not loopback, a port is taken, or no signing key can be made.
    pub async fn start(options: Options) -> Result<Sandbox, StartError> {
        if !options.address.is_loopback() {
            return Err(StartError::NotLoopback(options.address));
        }
        if options.regions.is_empty() {
            return Err(StartError::NoRegion);
        }
        if let Some(id) = &options.account_id
            && !(id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(StartError::AccountId(id.clone()));
        }
        let issuer = listen(&options, options.port).await?;
        let above = |steps| if options.port == 0 { 0 } else { options.port.saturating_add(steps) };
        let aws = listen(&options, above(1)).await?;
        let doors = listen(&options, above(2)).await?;
        let authority = format!("http://{}", address_of(&issuer, &options)?);
        let aws_base = format!("http://{}", address_of(&aws, &options)?);
        let doors_base = format!("http://{}", address_of(&doors, &options)?);
        let core = Arc::new(Core::new(&options, authority, doors_base)?);
        let front = Arc::new(s3::Front::new(&core));
        let summary = summary::summarize(&core, &aws_base);
        let serve = |listener, port| {
            tokio::spawn(server::accept(listener, port, Arc::clone(&core), Arc::clone(&front)))
        };
        let listeners = [serve(issuer, Port::Issuer), serve(aws, Port::Aws), serve(doors, Port::Doors)];
        Ok(Sandbox { core, summary, listeners })
    }

    /// Returns what a client needs to know.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Returns the script of faults.
    pub fn faults(&self) -> &Faults {
        &self.core.faults
    }

    /// Returns the count of requests to S3, on which a test sets a moment to act at.
    pub fn moments(&self) -> &Moments {
        &self.core.moments
    }

    /// Returns the record of requests and secrets.
    pub fn recorder(&self) -> &Recorder {
        &self.core.recorder
    }

    /// Returns a hand on the world: people, apps, roles, buckets.
    pub fn world(&self) -> World {
        World::new(Arc::clone(&self.core))
    }

    /// Closes the ports and cuts all connections.
    pub async fn stop(mut self) {
        for listener in &mut self.listeners {
            listener.abort();
            let _ = listener.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

async fn listen(options: &Options, port: u16) -> Result<TcpListener, StartError> {
    let address = options.address;
    TcpListener::bind((address, port)).await.map_err(|source| StartError::Listen { address, port, source })
}

fn address_of(listener: &TcpListener, options: &Options) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen {
        address: options.address,
        port: options.port,
        source,
    })
}

/// Takes a lock. A panic elsewhere while it was held has failed its own test already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
