//! A small cloud in one process: an Entra-like issuer with a corner of Microsoft Graph, IAM and STS, and S3,
//! over one world of people, apps, roles and buckets.
//!
//! It exists so that a client can be tested, and shown, against services that really check: tokens are
//! verified through the issuer's published keys, trust and permission policies are evaluated, signatures,
//! session tokens, checksums and preconditions are enforced, and errors carry the codes and words of the
//! originals. It shares no code with the client, so a wrong reading of a specification cannot agree with
//! itself. It listens on loopback only and has no way to serve S3 without authentication.
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
//! Where things are: `issuer`, `query` with `iam` and `sts`, and `s3` are the services; `policy` decides;
//! `sigv4` and `jose` verify; `world` is the state; `server` is the road in, where [`Faults`] strike and
//! the [`Recorder`] listens; [`visitor`] plays a person at a browser.

mod authority;
mod clock;
mod faults;
mod iam;
mod issuer;
mod jose;
mod options;
mod params;
mod policy;
mod query;
mod random;
mod recorder;
mod s3;
mod server;
mod sigv4;
mod sts;
#[cfg(test)]
mod tests;
pub mod visitor;
mod web;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use clock::{Clock, SettableClock, SystemClock};
pub use faults::{Effect, Fault, Faults, Service};
pub use options::{Lifetimes, Options, StartError};
pub use random::{Random, SeededRandom, SystemRandom};
pub use recorder::{Call, Recorder};
pub use world::{AdminKey, App, Certificate, Home, Platform, Role, User, World};

use server::Port;
use world::Core;

/// A running sandbox. Dropping it ends its listeners and connections.
#[derive(Debug)]
pub struct Sandbox {
    core: Arc<Core>,
    summary: Summary,
    listeners: [JoinHandle<()>; 2],
}

/// What a client needs to know to use a sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The v2 issuer, as in tokens.
    pub issuer: String,
    /// The tenant's GUID.
    pub tenant: String,
    /// The client ID of the app registration.
    pub client_id: String,
    /// The role with full access to S3, for Alice and Gina.
    pub role_arn: String,
    /// The default region.
    pub region: String,
    /// Where S3 listens, path-style.
    pub s3_endpoint: String,
    /// Where STS listens.
    pub sts_endpoint: String,
    /// Where IAM listens.
    pub iam_endpoint: String,
    /// Where Graph listens; `/v1.0` is below it.
    pub graph_endpoint: String,
    /// The people of this world.
    pub users: Vec<Person>,
    /// The role that may only read, for everybody the app lets in. Not part of the JSON form.
    #[serde(skip)]
    pub read_only_role_arn: String,
    /// The role that a session of `role_arn` may assume, with external ID `pintail-project` or none. Not part of the JSON form.
    #[serde(skip)]
    pub chained_role_arn: String,
    /// The account's administrator key. Not part of the JSON form.
    #[serde(skip)]
    pub admin: AdminKey,
}

/// One of the people of the world, as told to whoever wants to play them.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct Person {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub password: String,
    /// The display name.
    pub name: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts a sandbox on two loopback ports.
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
        let issuer = listen(&options, options.port).await?;
        let aws =
            listen(&options, if options.port == 0 { 0 } else { options.port.saturating_add(1) }).await?;
        let authority = format!("http://{}", address_of(&issuer, &options)?);
        let aws_base = format!("http://{}", address_of(&aws, &options)?);
        let core = Arc::new(Core::new(&options, authority)?);
        let front = Arc::new(s3::Front::new(&core));
        let summary = summarize(&core, &aws_base);
        let serve = |listener, port| {
            tokio::spawn(server::accept(listener, port, Arc::clone(&core), Arc::clone(&front)))
        };
        let listeners = [serve(issuer, Port::Issuer), serve(aws, Port::Aws)];
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

fn summarize(core: &Core, aws_base: &str) -> Summary {
    let directory = locked(&core.directory);
    let account = locked(&core.account);
    let role_arn = |name: &str| account.roles.get(name).map(|role| role.arn.clone()).unwrap_or_default();
    Summary {
        issuer: core.issuer(&directory.tenant),
        tenant: directory.tenant.clone(),
        client_id: directory.apps[0].client_id.clone(),
        role_arn: role_arn("PintailSandbox"),
        region: core.region().to_owned(),
        s3_endpoint: aws_base.to_owned(),
        sts_endpoint: aws_base.to_owned(),
        iam_endpoint: aws_base.to_owned(),
        graph_endpoint: format!("{}/graph", core.authority),
        users: directory
            .users
            .iter()
            .map(|user| Person {
                username: user.username.clone(),
                password: user.password.clone(),
                name: user.name.clone(),
            })
            .collect(),
        read_only_role_arn: role_arn("PintailReadOnly"),
        chained_role_arn: role_arn("PintailProject"),
        admin: account.admin.clone(),
    }
}

/// Takes a lock. A panic elsewhere while it was held has failed its own test already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
