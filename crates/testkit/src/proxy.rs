//! A network that is slow or breaks: a TCP proxy on loopback with a delay, a rate, and a cut after so many bytes.
//!
//! Faults apply to what the server sends, unless said otherwise, and to connections opened after they were set.
//! Threads end with their connection; the listener ends when the [`Proxy`] is dropped.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is wrong with the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Waits this long before each piece that the server sends.
    pub delay: Duration,
    /// Sends at most this many bytes a second to the client.
    pub bytes_per_second: Option<u64>,
    /// Takes at most this many bytes a second from the client.
    pub upload_bytes_per_second: Option<u64>,
    /// Cuts the connection once the client was sent this many bytes.
    pub cut_download_after_bytes: Option<u64>,
    /// Cuts the connection once the server was sent this many bytes.
    pub cut_upload_after_bytes: Option<u64>,
    /// Closes every connection at once.
    pub refuse: bool,
    /// Only the first so many connections suffer; later ones pass unharmed.
    pub only_first_connections: Option<u64>,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    faults: Mutex<Faults>,
    connections: AtomicU64,
    ended: AtomicBool,
}

impl Proxy {
    /// Starts a proxy in front of a loopback address.
    ///
    /// # Panics
    /// Where no port can be had, or the address is not on loopback.
    #[must_use]
    pub fn start(upstream: SocketAddr, faults: Faults) -> Self {
        assert!(upstream.ip().is_loopback(), "the proxy leads to loopback only");
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Arc::new(Shared {
            faults: Mutex::new(faults),
            connections: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let here = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if here.ended.load(Ordering::SeqCst) {
                    return;
                }
                let number = here.connections.fetch_add(1, Ordering::SeqCst);
                let mut faults = here.faults.lock().map_or_else(|_| Faults::default(), |faults| *faults);
                if faults.only_first_connections.is_some_and(|first| number >= first) {
                    faults = Faults::default();
                }
                if faults.refuse {
                    continue;
                }
                std::thread::spawn(move || connect(client, upstream, faults));
            }
        });
        Self { address, shared }
    }

    /// Starts a proxy in front of `http://HOST:PORT`.
    ///
    /// # Panics
    /// Where the address cannot be read or is not on loopback.
    #[must_use]
    pub fn before(url: &str, faults: Faults) -> Self {
        let url: url::Url = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
        let addresses = url.socket_addrs(|| None).unwrap_or_else(|error| panic!("{url}: {error}"));
        Self::start(addresses[0], faults)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what is wrong, for connections opened from now on.
    pub fn set(&self, faults: Faults) {
        if let Ok(mut current) = self.shared.faults.lock() {
            *current = faults;
        }
    }

    /// How many connections were opened.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // One more connection wakes the listener so that it sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(client: TcpStream, upstream: SocketAddr, faults: Faults) {
    let Ok(server) = TcpStream::connect(upstream) else { return };
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
    let upload = Faults {
        bytes_per_second: faults.upload_bytes_per_second,
        cut_download_after_bytes: faults.cut_upload_after_bytes,
        ..Faults::default()
    };
    std::thread::spawn(move || pass(from_client, to_server, upload));
    pass(server, client, faults);
}

fn pass(mut from: TcpStream, mut to: TcpStream, faults: Faults) {
    // Nothing is ever sent here: a receive with a time-out is a wait that needs no clock of its own.
    let (_quiet, silence) = channel::<()>();
    let mut left = faults.cut_download_after_bytes;
    let mut buffer = vec![0; if faults.bytes_per_second.is_some() { 1024 } else { 64 * 1024 }];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut count = count as u64;
        let mut pause = faults.delay;
        if let Some(rate) = faults.bytes_per_second {
            pause += Duration::from_secs_f64(count as f64 / rate.max(1) as f64);
        }
        if !pause.is_zero() {
            let _ = silence.recv_timeout(pause);
        }
        let mut cut = false;
        if let Some(left) = &mut left {
            cut = count >= *left;
            count = count.min(*left);
            *left -= count;
        }
        let sent = to.write_all(&buffer[..usize::try_from(count).unwrap_or(0)]);
        if cut || sent.is_err() {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    if left == Some(0) {
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::{Faults, Proxy};

    /// Sends 10,000 bytes to everyone and closes.
    fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.write_all(&[7; 10_000]);
            }
        });
        address
    }

    fn received(proxy: &Proxy) -> usize {
        let mut bytes = Vec::new();
        let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..count]);
        }
        bytes.len()
    }

    #[test]
    fn bytes_pass_are_cut_and_refused() {
        let proxy = Proxy::start(server(), Faults::default());
        assert_eq!(received(&proxy), 10_000);
        proxy.set(Faults { cut_download_after_bytes: Some(1234), ..Faults::default() });
        assert_eq!(received(&proxy), 1234);
        proxy.set(Faults { refuse: true, ..Faults::default() });
        assert_eq!(received(&proxy), 0);
        proxy.set(Faults { refuse: true, only_first_connections: Some(3), ..Faults::default() });
        assert_eq!(received(&proxy), 10_000);
        assert_eq!(proxy.connections(), 4);
    }

    #[test]
    fn delay_and_rate_take_time() {
        let delay = Duration::from_millis(150);
        let proxy = Proxy::start(server(), Faults { delay, ..Faults::default() });
        let start = Instant::now();
        assert_eq!(received(&proxy), 10_000);
        assert!(start.elapsed() >= delay);
        proxy.set(Faults { bytes_per_second: Some(40_000), ..Faults::default() });
        let start = Instant::now();
        assert_eq!(received(&proxy), 10_000);
        assert!(start.elapsed() >= Duration::from_millis(240));
    }
}
