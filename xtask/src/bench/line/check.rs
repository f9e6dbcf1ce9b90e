//! Whether a line is what it says: measured with plain sockets before anybody is judged by it.
//!
//! With open windows a single connection has to fill the line, whatever the sockets' buffers are; what it does not fill is the
//! line's own fault. With TCP's windows sixteen connections show what their start costs the best of clients.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The bytes that one connection carries.
const BYTES: u64 = 1 << 30;

/// How many connections a client has that is good at large objects.
const CONNECTIONS: u64 = 16;

/// What a line came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) rtt_ms: u64,
    /// Median of what a byte takes there and back.
    pub(crate) round_trip_ms: f64,
    /// The share of the line that one connection with an open window fills with 1 GiB, up and down, beside the two round
    /// trips of its handshake and its answer.
    pub(crate) up: f64,
    pub(crate) down: f64,
    /// The share that sixteen connections with TCP's windows fill with the same, from their first packet.
    pub(crate) down_from_start: f64,
    /// CPU of the line's process for each second of its 1 GiB at full rate.
    pub(crate) cpu_share: f64,
}

impl Checked {
    /// Whether somebody may be held against it: it fills 98 % of itself.
    pub(crate) fn is_true(&self) -> bool {
        self.up >= 0.98 && self.down >= 0.98
    }
}

/// A server that a line is put before: it takes bytes, gives bytes or gives one back, as the first one says.
pub(crate) fn peer() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    Ok(port)
}

/// The first byte is what is asked for, and eight more are how many bytes.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut order = [0; 9];
    while stream.read_exact(&mut order).is_ok() {
        let bytes = u64::from_le_bytes(order[1..].try_into().expect("eight bytes"));
        match order[0] {
            b'd' => send(&mut stream, &buffer, bytes)?,
            _ => {
                take(&mut stream, &mut buffer, bytes)?;
                stream.write_all(b"!")?;
            }
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, buffer: &[u8], mut left: u64) -> std::io::Result<()> {
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        stream.write_all(&buffer[..piece])?;
        left -= piece as u64;
    }
    Ok(())
}

fn take(stream: &mut TcpStream, buffer: &mut [u8], mut left: u64) -> std::io::Result<()> {
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        match stream.read(&mut buffer[..room])? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => left -= count as u64,
        }
    }
    Ok(())
}

/// Sends `bytes` one way over a new connection, and waits until they are there.
fn exchange(port: u16, what: u8, bytes: u64) -> std::io::Result<Duration> {
    let start = Instant::now();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    let mut order = [what; 9];
    order[1..].copy_from_slice(&bytes.to_le_bytes());
    stream.write_all(&order)?;
    let mut buffer = vec![0; 256 * 1024];
    if what == b'd' {
        take(&mut stream, &mut buffer, bytes)?;
    } else {
        send(&mut stream, &buffer, bytes)?;
        stream.read_exact(&mut [0])?;
    }
    Ok(start.elapsed())
}

/// Measures a line whose open form is at `open` and whose usual form is at `usual`; both before a [`peer`]. `cpu_s` tells the
/// CPU time that the open one has taken.
///
/// # Errors
/// When a connection fails.
pub(crate) fn measure(
    open: u16,
    usual: u16,
    rtt_ms: u64,
    mbit_per_s: u64,
    cpu_s: &dyn Fn() -> f64,
) -> std::io::Result<Checked> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, usual))?;
    stream.set_nodelay(true)?;
    let mut trips = Vec::new();
    // The first one pays for the handshake.
    for _ in 0..8 {
        let start = Instant::now();
        stream.write_all(&[b'u', 0, 0, 0, 0, 0, 0, 0, 0])?;
        stream.read_exact(&mut [0])?;
        trips.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let ideal_s = BYTES as f64 * 8.0 / (mbit_per_s as f64 * 1e6);
    let with_trips_s = ideal_s + 2.0 * rtt_ms as f64 / 1000.0;
    let before_s = cpu_s();
    let up = exchange(open, b'u', BYTES)?;
    let down = exchange(open, b'd', BYTES)?;
    let cpu_share = (cpu_s() - before_s) / (up + down).as_secs_f64();
    let start = Instant::now();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| std::thread::spawn(move || exchange(usual, b'd', BYTES / CONNECTIONS)))
        .collect();
    for thread in threads {
        thread.join().map_err(|_| std::io::ErrorKind::Other)??;
    }
    Ok(Checked {
        rtt_ms,
        round_trip_ms: crate::bench::measure::median(trips.split_off(1)),
        up: with_trips_s / up.as_secs_f64(),
        down: with_trips_s / down.as_secs_f64(),
        down_from_start: ideal_s / start.elapsed().as_secs_f64(),
        cpu_share,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_takes_gives_and_answers() {
        let port = peer().expect("a port");
        for what in [b'u', b'd'] {
            exchange(port, what, 3_000_000).expect("an exchange");
        }
        let fine = Checked { up: 0.99, down: 0.98, ..Checked::default() };
        assert!(fine.is_true() && !Checked { down: 0.97, ..fine }.is_true());
    }
}
