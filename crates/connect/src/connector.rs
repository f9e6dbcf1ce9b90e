//! A program's view: its surroundings, and the connections it has made.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use pintail_core::address::Address;
use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Sources, property};
use pintail_core::name::{BookmarkName, Region};
use pintail_core::profile::Effective;
use pintail_core::seam::{Clock, CorrectedClock, HttpClient, Random};
use pintail_store::ObjectStore;
use pintail_store::s3::{AddressingStyle, Endpoint, S3Context, S3Options, S3Store};
use pintail_store::transport::{ProxyConfig, Timeouts, TlsTrust, Transport, TransportOptions};
use pintail_store::wrap::{ReadOnly, Trace};
use tokio::sync::OnceCell;

use crate::{Bookmarks, Environment, Error, PinWatch, SystemClock, SystemRandom, Tuning};

/// With one of these a bookmark says by itself how to sign in.
const OWN_WORDS: [&str; 3] = [property::WAY, property::ISSUER, property::TENANT];

/// A bookmark with everything behind it alive.
#[derive(Debug)]
pub struct Connected {
    /// The store, as operations use it.
    pub store: Arc<dyn ObjectStore>,
    /// The same, for what only S3 can do. Does not know of `read_only`.
    pub s3: S3Store,
    /// Nothing may be written.
    pub read_only: bool,
    /// How it behaves.
    pub tuning: Tuning,
}

/// One run of a program: its surroundings, and the connections it has made.
#[derive(Debug)]
pub struct Connector {
    pub(crate) environment: Environment,
    pub(crate) clock: Arc<CorrectedClock<SystemClock>>,
    pub(crate) random: Arc<SystemRandom>,
    /// The role asked for in this run.
    pub(crate) role: Option<String>,
    /// Who is told of bookmarks that lead elsewhere than they did.
    pub(crate) watch: Option<Arc<dyn PinWatch>>,
    /// The bookmarks that it was told of.
    pub(crate) told: Mutex<BTreeSet<BookmarkName>>,
    connected: Mutex<HashMap<BookmarkName, Arc<OnceCell<Arc<Connected>>>>>,
}

impl Connector {
    /// Starts a run. Nothing is read or connected yet.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            clock: Arc::new(CorrectedClock::new(SystemClock)),
            random: Arc::new(SystemRandom),
            role: None,
            watch: None,
            told: Mutex::default(),
            connected: Mutex::default(),
        }
    }

    /// Asks for a role in this run, by its ARN, its name, its account, or `ACCOUNT/NAME`.
    #[must_use]
    pub fn with_role(mut self, role: Option<String>) -> Self {
        self.role = role;
        self
    }

    /// Tells whether a role was asked for in this run.
    pub fn asks_for_a_role(&self) -> bool {
        self.role.is_some()
    }

    /// Has somebody told of bookmarks that lead elsewhere than they did when they were taken.
    #[must_use]
    pub fn with_watch(mut self, watch: Arc<dyn PinWatch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Returns the surroundings.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Returns the clock, corrected by what services said of the time.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Returns the clock for what outlives a borrow.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
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
        let chosen = match &self.environment.default_bookmark {
            Some(chosen) => Some(chosen.clone()),
            None => self.preferred_bookmark()?.map(|name| name.to_string()),
        };
        self.bookmarks().default(chosen.as_deref())
    }

    /// Reads a bookmark and what it means together with its profile and the preferences.
    ///
    /// # Errors
    /// When there is no such bookmark, it cannot be read, or it does not say enough; when somebody watches where bookmarks lead
    /// and what is known of that cannot be read.
    pub fn connection(&self, name: &BookmarkName) -> Result<Connection, Error> {
        let bookmark = self.bookmarks().load(name)?;
        let connection = self.meaning(name, &bookmark)?;
        self.watch_pins(name, &bookmark, &connection)?;
        Ok(connection)
    }

    /// Tells what a bookmark means, whether it stands in the collection or not.
    ///
    /// # Errors
    /// When it does not say enough, or says something impossible.
    pub fn meaning(&self, name: &BookmarkName, bookmark: &Bookmark) -> Result<Connection, Error> {
        let (profiles, preferences) = (self.profiles()?, self.preferences()?);
        let profile = match profiles.of(bookmark)? {
            Some(listed) => profiles.effective(&listed.profile),
            // A bookmark that says everything itself needs nobody's profile.
            None if OWN_WORDS.iter().any(|key| bookmark.custom(key).is_some()) => Effective::s3(),
            None => {
                let vendor = bookmark.text("Provider").unwrap_or_default();
                return Err(Error::NoProfile { name: name.clone(), vendor });
            }
        };
        let preference = |key: &str| preferences.get(key).map(str::to_owned);
        let sources = Sources { bookmark, profile: &profile, preferences: &preference };
        Connection::of(&sources).map_err(|source| Error::Connection { name: name.clone(), source })
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
            Some(region) => self.live(&name, Some(region)).await.map(Arc::new),
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
        let connected = cell.get_or_try_init(|| async { self.live(name, None).await.map(Arc::new) });
        connected.await.cloned()
    }

    async fn live(&self, name: &BookmarkName, region: Option<Region>) -> Result<Connected, Error> {
        let access = self.access(name).await?;
        // Asked now, so that "sign in first" is said before anything else and names the bookmark.
        access.ready().await?;
        let tuning = Tuning::of(&self.layered(Some(name))?)?;
        let region = region.unwrap_or_else(|| access.connection.region.clone());
        let context = S3Context {
            transport: self.patient_transport(access.connection.ca_bundle.as_deref(), tuning.timeouts)?,
            endpoint: endpoint(&access.connection, region)?,
            credentials: access.source,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::clone(&self.random) as Arc<dyn Random>,
        };
        let options = S3Options {
            schedule: tuning.schedule,
            requester_pays: access.connection.requester_pays,
            ..S3Options::default()
        };
        let s3 = S3Store::new(context, options);
        let mut store: Arc<dyn ObjectStore> = Arc::new(Trace::over(Arc::new(s3.clone()), s3.pressure()));
        let read_only = access.connection.read_only;
        if read_only {
            store = Arc::new(ReadOnly::new(store));
        }
        Ok(Connected { store, s3, read_only, tuning })
    }

    /// Returns the network as a connection reaches it: with its certificates, through the proxy of the surroundings.
    ///
    /// # Errors
    /// When the certificates or the proxy cannot be used.
    pub fn http(&self, connection: &Connection) -> Result<Arc<dyn HttpClient>, Error> {
        Ok(Arc::new(self.transport(connection.ca_bundle.as_deref())?))
    }

    /// Returns the network as the surroundings have it, for what belongs to no bookmark.
    ///
    /// # Errors
    /// As [`Connector::http`].
    pub fn plain_http(&self) -> Result<Arc<dyn HttpClient>, Error> {
        Ok(Arc::new(self.transport(None)?))
    }

    pub(crate) fn lock_folder(&self) -> PathBuf {
        self.environment.folders.state.join("locks")
    }

    /// Returns the network, for a look at what stands in between. As a bookmark's connection names its certificates, else as the
    /// surroundings do.
    ///
    /// # Errors
    /// As [`Connector::http`].
    pub fn transport(&self, ca_bundle: Option<&str>) -> Result<Transport, Error> {
        self.patient_transport(ca_bundle, Timeouts::default())
    }

    fn patient_transport(&self, ca_bundle: Option<&str>, timeouts: Timeouts) -> Result<Transport, Error> {
        let environment = &self.environment;
        let bundle = ca_bundle.map(|text| environment.path(text)).or_else(|| environment.ca_bundle.clone());
        let trust = match bundle {
            Some(path) => TlsTrust::Bundle(fs::read(&path).map_err(|e| Error::local("read", &path, e))?),
            None => TlsTrust::System,
        };
        let proxy = ProxyConfig::parse(
            environment.http_proxy.as_deref(),
            environment.https_proxy.as_deref(),
            environment.no_proxy.as_deref(),
        )?;
        Ok(Transport::new(TransportOptions { trust, proxy, timeouts, ..TransportOptions::default() })?)
    }
}

/// Returns where a bookmark's service is, asked in this region first.
///
/// # Errors
/// When the bookmark's own endpoint cannot be used.
pub fn endpoint(connection: &Connection, region: Region) -> Result<Endpoint, Error> {
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
