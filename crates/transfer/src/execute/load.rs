//! How the services bear their load: what their stores counted since it was last asked.

use std::sync::Arc;
use std::time::Duration;

use pintail_store::ObjectStore;
use pintail_store::s3::Pressure;

use super::places::Load;
use super::running::End;

/// The stores of all routes, each once.
pub(super) struct Loads {
    stores: Vec<Counted>,
    /// Repeated requests and complaints that were not shown yet.
    unshown: (u64, u64),
}

struct Counted {
    pressure: Pressure,
    retries: u64,
    throttled: u64,
    failures: u64,
}

impl Loads {
    pub(super) fn of(routes: &[(End, End)]) -> Self {
        let mut seen: Vec<&Arc<dyn ObjectStore>> = Vec::new();
        let mut stores = Vec::new();
        for end in routes.iter().flat_map(|(from, to)| [from, to]) {
            let End::Remote(remote) = end else { continue };
            let Some(pressure) = &remote.pressure else { continue };
            if seen.iter().any(|store| Arc::ptr_eq(store, &remote.store)) {
                continue;
            }
            seen.push(&remote.store);
            stores.push(Counted {
                retries: pressure.counts().retries,
                throttled: pressure.throttled(),
                failures: pressure.failures(),
                pressure: pressure.clone(),
            });
        }
        Self { stores, unshown: (0, 0) }
    }

    /// Returns how long the slowest service takes to answer, where any tells.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.stores.iter().filter_map(|store| store.pressure.first_byte()).max()
    }

    /// Returns what was counted since the last call.
    pub(super) fn load(&mut self) -> Load {
        let mut load = Load::default();
        for store in &mut self.stores {
            let (throttled, failures) = (store.pressure.throttled(), store.pressure.failures());
            load.throttled += throttled.saturating_sub(store.throttled);
            load.failures += failures.saturating_sub(store.failures);
            self.unshown.1 += throttled.saturating_sub(store.throttled);
            (store.throttled, store.failures) = (throttled, failures);
        }
        load
    }

    /// Returns the repeated requests and the complaints that were not returned before.
    pub(super) fn counted(&mut self) -> (u64, u64) {
        for store in &mut self.stores {
            let retries = store.pressure.counts().retries;
            self.unshown.0 += retries.saturating_sub(store.retries);
            store.retries = retries;
        }
        std::mem::take(&mut self.unshown)
    }
}
