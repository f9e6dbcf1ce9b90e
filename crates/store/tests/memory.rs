//! The store in memory keeps the promises, alone and through every wrapper.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::Arc;

use pintail_core::seam::ManualClock;
use pintail_store::wrap::{Faults, Limit, Trace};
use pintail_store::{MemoryStore, ObjectStore};

async fn memory() -> Arc<dyn ObjectStore> {
    let clock = ManualClock::new("2026-11-23T12:00:00.25Z".parse().unwrap());
    Arc::new(MemoryStore::new("eu-central-1".parse().unwrap(), Arc::new(clock)))
}

async fn wrapped() -> Arc<dyn ObjectStore> {
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(memory().await, []));
    let store: Arc<dyn ObjectStore> = Arc::new(Trace::new(store));
    Arc::new(Limit::new(store, 2))
}

mod alone {
    pintail_store::conformance_cases!(super::memory, pintail_store::conformance::Capabilities::ALL);
}

mod through_wrappers {
    pintail_store::conformance_cases!(super::wrapped, pintail_store::conformance::Capabilities::ALL);
}
