//! A program's view: its surroundings, and the connections it has made.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use pintail_core::address::Address;
use pintail_core::bookmark::Connection;
use pintail_core::name::{BookmarkName, Region};
use pintail_core::seam::{Clock, CorrectedClock, Random};
use pintail_store::ObjectStore;
use pintail_store::s3::{AddressingStyle, Endpoint, S3Context, S3Options, S3Store};
use pintail_store::transport::{ProxyConfig, TlsTrust, Transport, TransportOptions};
use pintail_store::wrap::Trace;
use tokio::sync::OnceCell;

use crate::identity::Identity;
use crate::{Bookmarks, Environment, Error, SystemClock, SystemRandom};

/// A bookmark with everything behind it alive.
#[derive(Debug)]
pub struct Connected {
    /// The store, as operations use it.
    pub store: Arc<dyn ObjectStore>,
    /// The same, for what only S3 can do.
    pub s3: S3Store,
}

/// One run of a program: its surroundings, and the connections it has made.
#[derive(Debug)]
pub struct Connector {
    pub(crate) environment: Environment,
    pub(crate) clock: Arc<CorrectedClock<SystemClock>>,
    pub(crate) random: Arc<SystemRandom>,
    connected: Mutex<HashMap<BookmarkName, Arc<OnceCell<Arc<Connected>>>>>,
}

impl Connector {
    /// Starts a run. Nothing is read or connected yet.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            clock: Arc::new(CorrectedClock::new(SystemClock)),
            random: Arc::new(SystemRandom),
            connected: Mutex::default(),
        }
    }

    /// Returns the surroundings.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Returns the clock, corrected by what services said of the time.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Returns the source of chance.
    pub fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the collection of bookmarks.
    pub fn bookmarks(&self) -> Bookmarks {
        Bookmarks::at(&self.environment.folders.config)
    }

    /// Returns the bookmark that is meant when none is named.
    ///
    /// # Errors
    /// When none is chosen and there is not exactly one.
    pub fn default_bookmark(&self) -> Result<BookmarkName, Error> {
        self.bookmarks().default(self.environment.default_bookmark.as_deref())
    }

    /// Returns the bookmark that reaches an address.
    ///
    /// # Errors
    /// As [`Connector::default_bookmark`], for an address that names none.
    pub fn bookmark_of(&self, address: &Address) -> Result<BookmarkName, Error> {
        match &address.bookmark {
            Some(name) => Ok(name.clone()),
            None => self.default_bookmark(),
        }
    }

    /// Connects to what an address names.
    ///
    /// # Errors
    /// As [`Connector::connect_to`].
    pub async fn connect(&self, address: &Address) -> Result<Arc<Connected>, Error> {
        self.connect_to(&self.bookmark_of(address)?).await
    }

    /// Connects to what an address names, in another region than the bookmark's.
    ///
    /// # Errors
    /// As [`Connector::connect_to`].
    pub async fn connect_in(
        &self,
        address: &Address,
        region: Option<Region>,
    ) -> Result<Arc<Connected>, Error> {
        let name = self.bookmark_of(address)?;
        match region {
            None => self.connect_to(&name).await,
            Some(region) => {
                let identity = self.identity(&name).await?;
                self.live(&name, &identity, region).await.map(Arc::new)
            }
        }
    }

    /// Connects to a bookmark's service; later calls of the run get the same connection.
    ///
    /// # Errors
    /// When the bookmark cannot be used, or there is no credential for it now.
    pub async fn connect_to(&self, name: &BookmarkName) -> Result<Arc<Connected>, Error> {
        let cell = {
            let mut all = self.connected.lock().expect("no holder of this lock panics");
            Arc::clone(all.entry(name.clone()).or_default())
        };
        let connected = cell.get_or_try_init(|| async {
            let identity = self.identity(name).await?;
            let region = identity.connection.region.clone();
            Ok::<_, Error>(Arc::new(self.live(name, &identity, region).await?))
        });
        connected.await.cloned()
    }

    async fn live(
        &self,
        name: &BookmarkName,
        identity: &Identity,
        region: Region,
    ) -> Result<Connected, Error> {
        // Asked now, so that "sign in first" is said before anything else and names the bookmark.
        let credentials = identity.credentials(name);
        credentials.session.current_credential().await.map_err(|error| credentials.missing(error))?;
        let context = S3Context {
            transport: identity.transport.clone(),
            endpoint: endpoint(&identity.connection, region)?,
            credentials: Arc::new(credentials),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::clone(&self.random) as Arc<dyn Random>,
        };
        let s3 = S3Store::new(context, S3Options::default());
        let store = Trace::new(Arc::new(s3.clone()));
        Ok(Connected { store: Arc::new(store), s3 })
    }

    pub(crate) fn transport(&self, ca_bundle: Option<&str>) -> Result<Transport, Error> {
        let environment = &self.environment;
        let bundle = ca_bundle.map(PathBuf::from).or_else(|| environment.ca_bundle.clone());
        let trust = match bundle {
            Some(path) => TlsTrust::Bundle(fs::read(&path).map_err(|e| Error::local("read", &path, e))?),
            None => TlsTrust::System,
        };
        let proxy = ProxyConfig::parse(
            environment.http_proxy.as_deref(),
            environment.https_proxy.as_deref(),
            environment.no_proxy.as_deref(),
        )?;
        Ok(Transport::new(TransportOptions { trust, proxy, ..TransportOptions::default() })?)
    }
}

fn endpoint(connection: &Connection, region: Region) -> Result<Endpoint, Error> {
    let mut endpoint = match &connection.s3_endpoint {
        Some(url) => Endpoint::at(url, Some(region)).map_err(Error::S3Endpoint)?,
        None => Endpoint::aws(region),
    };
    if connection.dual_stack {
        endpoint = endpoint.with_dual_stack();
    }
    if connection.fips {
        endpoint = endpoint.with_fips();
    }
    Ok(match connection.path_style {
        Some(true) => endpoint.with_style(AddressingStyle::Path),
        Some(false) => endpoint.with_style(AddressingStyle::VirtualHost),
        None => endpoint,
    })
}
