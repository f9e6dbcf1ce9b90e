//! S3 over its wire: the [`ObjectStore`](crate::ObjectStore) that talks to Amazon S3 and everything that speaks like it.
//!
//! ```text
//! operations ─► call ─► perform ─┬─► endpoint (where)      ─► transport
//!  (meaning)   (request)  (retry) ├─► upload (how the body goes)
//!                 ▲               └─► core::sign (who)
//!     └── listing ► scan, document, header, time, error, download (reading answers) ◄──┘
//! ```
//!
//! A store learns: in which region a bucket is, which checksums the service takes, what time it is there. What it has
//! learned is shared by the stores made from it ([`S3Store::on`]).

mod call;
pub mod control;
mod document;
mod download;
mod endpoint;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod header;
pub mod lifecycle;
mod listing;
mod operations;
mod perform;
mod presign;
mod pressure;
mod scan;
mod time;
mod upload;
mod xml;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, RwLock};

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use pintail_core::credential::CredentialSource;
use pintail_core::name::{BucketName, Region};
use pintail_core::retry::Schedule;
use pintail_core::seam::{Clock, Random};
use pintail_core::sign::Signer;

use crate::transport::Transport;
use endpoint::Place;
pub use endpoint::{AddressingStyle, Endpoint, EndpointError};
pub use presign::{Presign, Presigned, PresignedMethod};
pub use pressure::{Pressure, WireCounts};
use upload::Rung;

/// A difference below this is latency and rounding, not another time.
const TIME_NOISE: SignedDuration = SignedDuration::from_secs(5);

/// What an [`S3Store`] cannot do without.
#[derive(Clone, Debug)]
pub struct S3Context {
    /// What requests travel on.
    pub transport: Transport,
    /// Where the service is.
    pub endpoint: Endpoint,
    /// Who signs. Asked for every request.
    pub credentials: Arc<dyn CredentialSource>,
    /// The time to sign with. Where the service's own time differs, the store keeps the difference to itself: other
    /// decisions must not hang on what an S3 service says.
    pub clock: Arc<dyn Clock>,
    /// Spreads the retries.
    pub random: Arc<dyn Random>,
}

/// How an [`S3Store`] behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct S3Options {
    /// How often and how patiently a request is tried again.
    pub schedule: Schedule,
    /// The requester pays for requests and traffic, where a bucket asks for it.
    pub requester_pays: bool,
    /// What follows `pintail/VERSION` in the `User-Agent` header. Left out when no header can carry it.
    pub user_agent_suffix: Option<String>,
}

impl Default for S3Options {
    fn default() -> Self {
        Self { schedule: Schedule::TRANSFER, requester_pays: false, user_agent_suffix: None }
    }
}

/// Amazon S3, or a service that speaks like it. Cheap to clone. See the [module](self).
#[derive(Clone)]
pub struct S3Store {
    transport: Transport,
    credentials: Arc<dyn CredentialSource>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: Arc<S3Options>,
    user_agent: HeaderValue,
    learned: Arc<Learned>,
    pressure: Pressure,
}

impl S3Store {
    /// Makes a store. No request is sent.
    pub fn new(context: S3Context, options: S3Options) -> Self {
        let S3Context { transport, endpoint, credentials, clock, random } = context;
        let product = concat!("pintail/", env!("CARGO_PKG_VERSION"));
        let user_agent = options
            .user_agent_suffix
            .as_ref()
            .and_then(|suffix| HeaderValue::from_str(&format!("{product} {suffix}")).ok());
        Self {
            transport,
            credentials,
            clock,
            random,
            options: Arc::new(options),
            user_agent: user_agent.unwrap_or_else(|| HeaderValue::from_static(product)),
            learned: Arc::new(Learned::new(endpoint)),
            pressure: Pressure::default(),
        }
    }

    /// Returns the same store for another runtime, over a transport of that runtime. What either learns, both know.
    #[must_use]
    pub fn on(&self, transport: Transport) -> Self {
        Self { transport, ..self.clone() }
    }

    /// Returns the service it talks to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.learned.endpoint
    }

    /// Returns the handle on what went over the wire, which is fed with every attempt: for who decides how much goes on at
    /// once, and for who counts.
    pub fn pressure(&self) -> Pressure {
        self.pressure.clone()
    }

    /// Returns where requests about a bucket, or about the service, go as far as is known by now.
    fn place(&self, bucket: Option<&BucketName>) -> Arc<Place> {
        self.learned.place(bucket)
    }

    /// Returns the time as the service has it, as far as is known by now.
    fn service_now(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(self.learned.time_ahead()).unwrap_or(now)
    }

    /// Remembers where a bucket is.
    fn learn_region(&self, bucket: Option<&BucketName>, region: &Region) {
        self.learned.move_to(bucket, region);
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store").field("endpoint", &self.learned.endpoint).finish_non_exhaustive()
    }
}

/// What the answers so far have told. Locks are held for a look or a note, never across a request.
struct Learned {
    endpoint: Endpoint,
    signer: Signer,
    service: RwLock<Arc<Place>>,
    buckets: RwLock<HashMap<BucketName, Arc<Place>>>,
    rung: AtomicU8,
    trailers_proven: AtomicBool,
    /// How far the service's time is ahead of the clock.
    time_ahead_ms: AtomicI64,
}

impl Learned {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            signer: Signer::new(),
            service: RwLock::new(Arc::new(endpoint.place(None, endpoint.region()))),
            buckets: RwLock::default(),
            rung: AtomicU8::new(Rung::TOP.value()),
            trailers_proven: AtomicBool::new(endpoint.is_aws()),
            time_ahead_ms: AtomicI64::new(0),
            endpoint,
        }
    }

    fn place(&self, bucket: Option<&BucketName>) -> Arc<Place> {
        let Some(bucket) = bucket else {
            return Arc::clone(&self.service.read().expect("no holder of this lock panics"));
        };
        if let Some(place) = self.buckets.read().expect("no holder of this lock panics").get(bucket) {
            return Arc::clone(place);
        }
        let place = Arc::new(self.endpoint.place(Some(bucket), self.endpoint.region()));
        let mut buckets = self.buckets.write().expect("no holder of this lock panics");
        Arc::clone(buckets.entry(bucket.clone()).or_insert(place))
    }

    fn move_to(&self, bucket: Option<&BucketName>, region: &Region) {
        let place = Arc::new(self.endpoint.place(bucket, region));
        match bucket {
            None => *self.service.write().expect("no holder of this lock panics") = place,
            Some(bucket) => {
                let mut buckets = self.buckets.write().expect("no holder of this lock panics");
                buckets.insert(bucket.clone(), place);
            }
        }
    }

    fn forget(&self, bucket: &BucketName) {
        self.buckets.write().expect("no holder of this lock panics").remove(bucket);
    }

    fn rung(&self) -> Rung {
        Rung::new(self.rung.load(Ordering::Relaxed))
    }

    /// Remembers a rung that was proven by a success. Nobody climbs again: a service does not learn meanwhile.
    fn stand_on(&self, rung: Rung) {
        if rung > Rung::new(self.rung.load(Ordering::Relaxed)) {
            self.rung.fetch_max(rung.value(), Ordering::Relaxed);
        }
    }

    fn trailers_proven(&self) -> bool {
        self.trailers_proven.load(Ordering::Relaxed)
    }

    fn prove_trailers(&self) {
        self.trailers_proven.store(true, Ordering::Relaxed);
    }

    fn time_ahead(&self) -> SignedDuration {
        SignedDuration::from_millis(self.time_ahead_ms.load(Ordering::Relaxed))
    }

    /// Remembers how far the service's time is ahead of the clock, if it is more than noise.
    fn set_time_ahead(&self, ahead: SignedDuration) {
        let ahead = if ahead.abs() < TIME_NOISE { SignedDuration::ZERO } else { ahead };
        self.time_ahead_ms.store(i64::try_from(ahead.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }
}
