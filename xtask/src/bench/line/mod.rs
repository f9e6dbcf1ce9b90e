//! A long line in front of a server: round trip, rate and TCP's windows, as a process of its own.
//!
//! Loopback hides what most people have: distance. Each connection pays one round trip for its handshake, then its bytes go as
//! [`flow`] says, in order; the rate is that of the line as a whole, in each direction. What is under way waits in here, so that
//! no socket's buffer bounds it. A line's timer ticks once a millisecond, so that a way is up to one shorter or longer than asked
//! for, for every contestant alike; [`check`] measures what a line comes to. An end and a reset are passed on as late as bytes
//! are. On its way it counts the requests of what passes in plain HTTP.

pub(crate) mod check;
mod flow;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::wire::{Counter, Counts};
pub(crate) use flow::Windows;
use flow::{Line, Room, Window};

/// The largest piece that is sent as one.
const PIECE: usize = 32 * 1024;

/// What may wait for a receiver that does not read: more than is ever under way on one way of 50 ms at 1 Gbit/s.
const WAITING_MAX: usize = 16 << 20;

/// How much earlier than due a delivery is looked for: about as much as a timer's tick and the kernel's rounding make it late, so
/// that a round trip is what it should be in the mean, not one or two milliseconds more.
const EARLY_US: u64 = 1_000;

/// A line's measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measures {
    pub(crate) rtt_ms: u64,
    pub(crate) mbit_per_s: u64,
    pub(crate) windows: Windows,
}

struct Shared {
    begun: Instant,
    windows: Windows,
    up: Mutex<Line>,
    down: Mutex<Line>,
    counts: Mutex<Counts>,
}

impl Shared {
    fn new(measures: Measures) -> Self {
        let line = || Mutex::new(Line::new(measures.mbit_per_s * 125_000, measures.rtt_ms * 1000));
        Self {
            begun: Instant::now(),
            windows: measures.windows,
            up: line(),
            down: line(),
            counts: Mutex::default(),
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn at(&self, us: u64) -> Instant {
        self.begun + Duration::from_micros(us)
    }
}

/// Serves until the process is ended; prints its port and that of its counts first.
pub(crate) fn serve(upstream: u16, measures: Measures) -> Result<bool, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let asked = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{} {}", listener.local_addr()?.port(), asked.local_addr()?.port());
        let shared = Arc::new(Shared::new(measures));
        let counts = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = asked.accept().await {
                let _ = tell(stream, &counts).await;
            }
        });
        listen(listener, SocketAddr::from((Ipv4Addr::LOCALHOST, upstream)), shared).await
    });
    served.map_err(|error: io::Error| error.to_string())?;
    Ok(true)
}

async fn listen(listener: TcpListener, upstream: SocketAddr, shared: Arc<Shared>) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A server that is not there is a connection that ends.
            if let Ok(server) = TcpStream::connect(upstream).await {
                carry(client, server, &shared).await;
            }
        });
    }
}

/// Answers whoever asks with what was counted, and begins anew.
async fn tell(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.readable().await?;
    let mut request = [0; 4096];
    let _ = stream.try_read(&mut request);
    let counts = shared.counts.lock().map(|mut counts| std::mem::take(&mut *counts)).unwrap_or_default();
    let text = serde_json::to_string(&counts).unwrap_or_default();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    stream.write_all((head + &text).as_bytes()).await
}

/// Carries one connection until both directions have ended, or one was reset: then the other side is reset as well.
async fn carry(mut client: TcpStream, mut server: TcpStream, shared: &Shared) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let now_us = shared.now_us();
    let rtt_us = shared.up.lock().map_or(0, |line| line.way_us()) * 2;
    let up =
        Pump { not_before_us: now_us + rtt_us, counter: Some(Counter::default()), line: &shared.up, shared };
    let down = Pump { not_before_us: now_us, counter: None, line: &shared.down, shared };
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let carried = tokio::try_join!(up.run(from_client, to_server), down.run(from_server, to_client));
    if carried.is_err() {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// What a direction of a connection carries, and when it is there.
enum Piece {
    Bytes(u64, Vec<u8>),
    End(u64),
    Reset(u64),
}

/// One direction of one connection.
struct Pump<'a> {
    not_before_us: u64,
    counter: Option<Counter>,
    line: &'a Mutex<Line>,
    shared: &'a Shared,
}

impl Pump<'_> {
    /// Fails where either end was reset, after the way that this takes.
    async fn run(mut self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> io::Result<()> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Semaphore::new(WAITING_MAX);
        let shared = self.shared;
        let way_us = self.line(|line, _| line.way_us());
        let read = async {
            let read = self.read(&from, &sender, &waiting).await;
            let there_us = self.line(|line, now_us| line.send(now_us, 1));
            // Where nobody delivers any more, nobody waits for an end.
            let _ = sender.send(if read.is_ok() { Piece::End(there_us) } else { Piece::Reset(there_us) });
            drop(sender);
        };
        let deliver = deliver(receiver, to, &waiting, shared, way_us);
        tokio::pin!(read, deliver);
        tokio::select! {
            () = &mut read => deliver.await,
            delivered = &mut deliver => delivered,
        }
    }

    async fn read(
        &mut self,
        from: &ReadHalf<'_>,
        sender: &mpsc::UnboundedSender<Piece>,
        waiting: &Semaphore,
    ) -> io::Result<()> {
        let mut window = Window::new(self.shared.windows);
        sleep_until(self.shared.at(self.not_before_us)).await;
        loop {
            from.readable().await?;
            let room = match window.room(self.shared.now_us()) {
                Room::Bytes(room) => usize::try_from(room).unwrap_or(PIECE).min(PIECE),
                Room::At(at) => {
                    sleep_until(self.shared.at(at)).await;
                    continue;
                }
            };
            let (takes_at_us, now_us) = self.line(|line, now_us| (line.takes_at(now_us), now_us));
            if takes_at_us > now_us {
                sleep_until(self.shared.at(takes_at_us)).await;
                continue;
            }
            let mut piece = Vec::with_capacity(room);
            let count = match from.try_read_buf(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            if count < room / 4 {
                piece.shrink_to_fit();
            }
            if let Some(counter) = &mut self.counter {
                let shared = self.shared;
                counter.look(&piece, &mut |kind| {
                    if let Ok(mut counts) = shared.counts.lock() {
                        *counts.entry(kind.name().to_owned()).or_default() += 1;
                    }
                });
            }
            let (there_us, way_us) =
                self.line(|line, now_us| (line.send(now_us, count as u64), line.way_us()));
            window.sent(count as u64, there_us + way_us);
            let permits = u32::try_from(count).unwrap_or(u32::MAX);
            if let Ok(permit) = waiting.acquire_many(permits).await {
                permit.forget();
            }
            if sender.send(Piece::Bytes(there_us, piece)).is_err() {
                return Ok(());
            }
        }
    }

    fn line<T>(&self, ask: impl FnOnce(&mut Line, u64) -> T) -> T {
        let now_us = self.shared.now_us();
        ask(&mut self.line.lock().expect("no holder of this lock panics"), now_us)
    }
}

async fn deliver(
    mut pieces: mpsc::UnboundedReceiver<Piece>,
    mut to: WriteHalf<'_>,
    waiting: &Semaphore,
    shared: &Shared,
    way_us: u64,
) -> io::Result<()> {
    let due = |there_us: u64| sleep_until(shared.at(there_us.saturating_sub(EARLY_US)));
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Bytes(there_us, bytes) => {
                due(there_us).await;
                if let Err(error) = to.write_all(&bytes).await {
                    // The other side learns it as late as it would from a packet.
                    due(shared.now_us() + way_us).await;
                    return Err(error);
                }
                waiting.add_permits(bytes.len());
            }
            Piece::End(there_us) => {
                due(there_us).await;
                return to.shutdown().await;
            }
            Piece::Reset(there_us) => {
                due(there_us).await;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
