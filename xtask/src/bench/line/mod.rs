//! A long line in front of a server: round trip, rate and TCP's windows, as a process of its own.
//!
//! Loopback hides what most people have: distance. Each connection pays one round trip for its handshake, then its bytes go as
//! [`flow`] says, in order; the rate is that of the line as a whole, in each direction. A line's timer ticks once a
//! millisecond, so that a round trip takes up to two more than asked for, for every contestant alike. On its way it counts
//! the requests of what passes in plain HTTP.

mod flow;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::wire::{Counter, Counts};
use flow::{Line, Room, Window};

/// The largest piece that is sent as one.
const PIECE: usize = 32 * 1024;

/// What may wait for a receiver that does not read.
const WAITING_MAX: usize = 8 << 20;

/// A line's measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measures {
    pub(crate) rtt_ms: u64,
    pub(crate) mbit_per_s: u64,
}

struct Shared {
    begun: Instant,
    up: Mutex<Line>,
    down: Mutex<Line>,
    counts: Mutex<Counts>,
}

impl Shared {
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
    runtime.block_on(listen(upstream, measures)).map_err(|error| error.to_string())?;
    Ok(true)
}

async fn listen(upstream: u16, measures: Measures) -> io::Result<()> {
    let line = || Mutex::new(Line::new(measures.mbit_per_s * 125_000, measures.rtt_ms * 1000));
    let shared =
        Arc::new(Shared { begun: Instant::now(), up: line(), down: line(), counts: Mutex::default() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let asked = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{} {}", listener.local_addr()?.port(), asked.local_addr()?.port());
    let counts = Arc::clone(&shared);
    tokio::spawn(async move {
        while let Ok((stream, _)) = asked.accept().await {
            let _ = tell(stream, &counts).await;
        }
    });
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, upstream));
    loop {
        let (client, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A server that is not there is a connection that ends.
            if let Ok(server) = TcpStream::connect(upstream).await {
                connect(client, server, shared);
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

fn connect(client: TcpStream, server: TcpStream, shared: Arc<Shared>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let now_us = shared.now_us();
    let rtt_us = shared.up.lock().map_or(0, |line| line.way_us()) * 2;
    let counter = Some(Counter::default());
    let up = Pump { not_before_us: now_us + rtt_us, counter, upwards: true, shared: Arc::clone(&shared) };
    let down = Pump { not_before_us: now_us, counter: None, upwards: false, shared };
    tokio::spawn(up.run(from_client, to_server));
    tokio::spawn(down.run(from_server, to_client));
}

/// One direction of one connection.
struct Pump {
    not_before_us: u64,
    counter: Option<Counter>,
    upwards: bool,
    shared: Arc<Shared>,
}

/// A piece, and when it is there; an empty one is the end.
type Piece = (u64, Vec<u8>);

impl Pump {
    async fn run(mut self, from: OwnedReadHalf, to: OwnedWriteHalf) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        let writer = tokio::spawn(deliver(receiver, to, Arc::clone(&waiting), Arc::clone(&self.shared)));
        let _ = self.read(&from, &sender, &waiting).await;
        let end_us = self.line(|line, now_us| line.send(now_us, 1));
        let _ = sender.send((end_us, Vec::new()));
        drop(sender);
        let _ = writer.await;
    }

    async fn read(
        &mut self,
        from: &OwnedReadHalf,
        sender: &mpsc::UnboundedSender<Piece>,
        waiting: &Semaphore,
    ) -> io::Result<()> {
        let mut window = Window::default();
        let mut buffer = vec![0; PIECE];
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
            let count = match from.try_read(&mut buffer[..room]) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            if let Some(counter) = &mut self.counter {
                let shared = &self.shared;
                counter.look(&buffer[..count], &mut |kind| {
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
            if sender.send((there_us, buffer[..count].to_vec())).is_err() {
                return Ok(());
            }
        }
    }

    fn line<T>(&self, ask: impl FnOnce(&mut Line, u64) -> T) -> T {
        let now_us = self.shared.now_us();
        let line = if self.upwards { &self.shared.up } else { &self.shared.down };
        ask(&mut line.lock().expect("no holder of this lock panics"), now_us)
    }
}

async fn deliver(
    mut pieces: mpsc::UnboundedReceiver<Piece>,
    mut to: OwnedWriteHalf,
    waiting: Arc<Semaphore>,
    shared: Arc<Shared>,
) {
    while let Some((there_us, piece)) = pieces.recv().await {
        sleep_until(shared.at(there_us)).await;
        if piece.is_empty() || to.write_all(&piece).await.is_err() {
            break;
        }
        waiting.add_permits(piece.len());
    }
    // Whoever still waits for room would wait for ever.
    waiting.close();
    let _ = to.shutdown().await;
}
