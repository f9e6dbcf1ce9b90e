//! The doors to the outside world that lower crates may use: the clock, randomness and HTTP.
//!
//! Each seam is a small trait with a written contract. The real implementations live in crates that are allowed to
//! touch the system (`store` for HTTP, `app` for clock and randomness); the in-memory ones live here beside the
//! traits, so that every crate's tests can pin time, chance and the network.

mod clock;
mod http;
mod random;

use std::pin::Pin;

pub use clock::{Clock, CorrectedClock, ManualClock};
pub use http::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, ScriptedHttp};
pub use random::{Random, SeededRandom};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
