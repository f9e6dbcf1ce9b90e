//! From names to addresses: who is asked, how long an answer is good, and in which order its addresses are tried.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pintail_core::seam::BoxFuture;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::is_localhost;

/// How long addresses are used before they are asked for again. S3 gives its own for five seconds and others each time:
/// so the load is spread, and what no longer answers is left.
const AGE_MAX: Duration = Duration::from_secs(5);

/// Finds the addresses of a host.
///
/// Override it where names must not go to the system's resolver: `bucket.localhost` in tests, PrivateLink hosts
/// without private DNS.
pub trait Resolve: Send + Sync + fmt::Debug {
    /// Returns the addresses to try, in the order of preference.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// Asks the operating system. Only the names of this machine (`localhost` and those below it) are not asked for: a name
/// server that knows them would be lying.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            if is_localhost(host) {
                return Ok(vec![
                    SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                    SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
                ]);
            }
            Ok(tokio::net::lookup_host((host, port)).await?.collect())
        })
    }
}

/// Asks once for all who want to know at the same time: a transfer that opens hundreds of connections would otherwise put as
/// many questions, each on a thread of its own.
#[derive(Debug)]
pub(super) struct Lookups {
    resolver: Arc<dyn Resolve>,
    found: Mutex<HashMap<(String, u16), Arc<Lookup>>>,
}

/// One question, and its answer once it is there. A failure is no answer: whoever waits asks again.
#[derive(Debug, Default)]
struct Lookup {
    answer: OnceCell<Answer>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Answer {
    addresses: Vec<SocketAddr>,
    at: Instant,
}

impl Lookup {
    fn is_outlived(&self) -> bool {
        self.answer.get().is_some_and(|answer| answer.at.elapsed() > AGE_MAX)
    }
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, found: Mutex::default() }
    }

    /// Returns the addresses of a host, in the order in which this call should try them.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let lookup = self.lookup(host, port);
        let answer = lookup
            .answer
            .get_or_try_init(async || {
                let addresses = self.resolver.resolve(host, port).await?;
                io::Result::Ok(Answer { addresses, at: Instant::now() })
            })
            .await?;
        Ok(interleaved(&answer.addresses, lookup.turn.fetch_add(1, Ordering::Relaxed)))
    }

    /// Forgets the addresses of a host.
    pub(super) fn forget(&self, host: &str, port: u16) {
        self.found().remove(&(host.to_owned(), port));
    }

    fn lookup(&self, host: &str, port: u16) -> Arc<Lookup> {
        let mut found = self.found();
        let lookup = found.entry((host.to_owned(), port)).or_default();
        if lookup.is_outlived() {
            *lookup = Arc::default();
        }
        Arc::clone(lookup)
    }

    fn found(&self) -> MutexGuard<'_, HashMap<(String, u16), Arc<Lookup>>> {
        self.found.lock().expect("no holder of this lock panics")
    }
}

/// Lets the families alternate, beginning with the one the resolver put first. Within a family each turn begins with
/// another address, so that many connections spread over all of them.
fn interleaved(addresses: &[SocketAddr], turn: usize) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut preferred, mut other): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_is_v6);
    for family in [&mut preferred, &mut other] {
        if !family.is_empty() {
            let start = turn % family.len();
            family.rotate_left(start);
        }
    }
    let mut other = other.into_iter();
    let mut mixed = Vec::with_capacity(addresses.len());
    for address in preferred {
        mixed.push(address);
        mixed.extend(other.next());
    }
    mixed.extend(other);
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_of_this_machine_are_not_asked_for() {
        for name in ["localhost", "bucket.localhost", "a.b.LOCALHOST."] {
            let found = SystemResolver.resolve(name, 9000).await.unwrap();
            assert_eq!(found, ["127.0.0.1:9000".parse().unwrap(), "[::1]:9000".parse().unwrap()], "{name}");
        }
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_alternate_and_nothing_is_lost() {
        let mixed = interleaved(&[at("[::1]:1"), at("[::2]:1"), at("[::3]:1"), at("1.1.1.1:1")], 0);
        assert_eq!(mixed, [at("[::1]:1"), at("1.1.1.1:1"), at("[::2]:1"), at("[::3]:1")]);
        assert_eq!(interleaved(&[at("1.1.1.1:1"), at("[::1]:1"), at("[::2]:1")], 5).len(), 3);
        assert!(interleaved(&[], 1).is_empty());
    }

    #[test]
    fn each_turn_begins_with_another_address_of_the_family_preferred() {
        let addresses = [at("[::1]:1"), at("[::2]:1"), at("1.1.1.1:1")];
        let first: Vec<_> = (0..4).map(|turn| interleaved(&addresses, turn)[0]).collect();
        assert_eq!(first, [at("[::1]:1"), at("[::2]:1"), at("[::1]:1"), at("[::2]:1")]);
    }

    /// Counts the questions; the first one fails.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Resolve for Counting {
        fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            Box::pin(async move {
                tokio::task::yield_now().await;
                match self.0.fetch_add(1, Ordering::Relaxed) {
                    0 => Err(io::ErrorKind::HostUnreachable.into()),
                    _ => Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]),
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_put_one_question() {
        let resolver = Arc::new(Counting::default());
        let asked = || resolver.0.load(Ordering::Relaxed);
        let resolve: Arc<dyn Resolve> = Arc::<Counting>::clone(&resolver);
        let lookups = Lookups::new(resolve);
        assert!(lookups.addresses("host", 1).await.is_err());
        let all = (0..100).map(|_| lookups.addresses("host", 1));
        assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
        assert_eq!(asked(), 2, "a failure is not kept, an answer is");
        lookups.addresses("host", 2).await.unwrap();
        assert_eq!(asked(), 3);
        tokio::time::advance(AGE_MAX + Duration::from_millis(1)).await;
        lookups.addresses("host", 1).await.unwrap();
        assert_eq!(asked(), 4);
        lookups.forget("host", 1);
        lookups.addresses("host", 1).await.unwrap();
        assert_eq!(asked(), 5);
    }
}
