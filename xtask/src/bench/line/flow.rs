//! When bytes may leave and when they arrive: a line of a given rate and length, and the window of a connection on it.
//!
//! Pure: the time comes in with each call, in microseconds since any beginning. The line is shared by all connections of a
//! direction; a window belongs to one direction of one connection and grows as TCP's does after a start: by what is
//! acknowledged, from ten packets to a fixed end. Lost packets do not exist here.

use std::collections::VecDeque;

/// What may wait at the near end of the line before senders have to: half a frame of a good switch's buffer, so that waiting
/// adds little to the way.
const QUEUE_US: u64 = 5_000;

/// Ten packets, as RFC 6928 has it.
const WINDOW_START_BYTES: u64 = 14_600;

/// Where windows end: what Linux gives a connection at most unless it is tuned (`tcp_rmem` is 6 MiB, of which a part is overhead).
const WINDOW_MAX_BYTES: u64 = 4 << 20;

/// One direction of the line.
#[derive(Debug)]
pub(crate) struct Line {
    bytes_per_s: u64,
    way_us: u64,
    /// In nanoseconds, since a piece takes a few hundred microseconds and there are many.
    free_at_ns: u64,
}

impl Line {
    /// A line whose round trip takes `rtt_us`.
    pub(crate) fn new(bytes_per_s: u64, rtt_us: u64) -> Self {
        Self { bytes_per_s: bytes_per_s.max(1), way_us: rtt_us / 2, free_at_ns: 0 }
    }

    /// When the next bytes may be given to it: now, or later where too much waits already.
    pub(crate) fn takes_at(&self, now_us: u64) -> u64 {
        (self.free_at_ns / 1000).saturating_sub(QUEUE_US).max(now_us)
    }

    /// Sends bytes and returns when the last of them is there.
    pub(crate) fn send(&mut self, now_us: u64, bytes: u64) -> u64 {
        let takes_ns = bytes.saturating_mul(1_000_000_000).div_ceil(self.bytes_per_s);
        self.free_at_ns = self.free_at_ns.max(now_us * 1000) + takes_ns;
        self.free_at_ns.div_ceil(1000) + self.way_us
    }

    /// How long a bit is under way.
    pub(crate) fn way_us(&self) -> u64 {
        self.way_us
    }
}

/// What one direction of a connection may have under way.
#[derive(Debug)]
pub(crate) struct Window {
    size_bytes: u64,
    under_way_bytes: u64,
    acknowledged: VecDeque<(u64, u64)>,
}

/// How windows behave on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Windows {
    /// As TCP's: small after a start, and never larger than an untuned Linux lets them be.
    Tcp,
    /// One connection fills any line at once, which is what the line itself is checked with.
    Open,
}

impl Window {
    /// The window of a connection that has sent nothing yet.
    pub(crate) fn new(windows: Windows) -> Self {
        let size_bytes = match windows {
            Windows::Tcp => WINDOW_START_BYTES,
            Windows::Open => u64::MAX,
        };
        Self { size_bytes, under_way_bytes: 0, acknowledged: VecDeque::new() }
    }
}

/// What a window says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// So many bytes may be sent.
    Bytes(u64),
    /// Nothing before this time.
    At(u64),
}

impl Window {
    /// What may be sent now.
    pub(crate) fn room(&mut self, now_us: u64) -> Room {
        while let Some(&(at, bytes)) = self.acknowledged.front()
            && at <= now_us
        {
            self.acknowledged.pop_front();
            self.under_way_bytes -= bytes;
            if self.size_bytes < WINDOW_MAX_BYTES {
                self.size_bytes = (self.size_bytes + bytes).min(WINDOW_MAX_BYTES);
            }
        }
        match self.acknowledged.front() {
            Some(&(at, _)) if self.under_way_bytes >= self.size_bytes => Room::At(at),
            _ => Room::Bytes(self.size_bytes.saturating_sub(self.under_way_bytes).max(1)),
        }
    }

    /// Takes note of bytes that were sent, and of when their acknowledgement will be back.
    pub(crate) fn sent(&mut self, bytes: u64, acknowledged_at_us: u64) {
        self.under_way_bytes += bytes;
        self.acknowledged.push_back((acknowledged_at_us, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIGABIT: u64 = 125_000_000;

    /// Sends as fast as line and windows allow and returns when everything is there.
    fn transfer(line: &mut Line, windows: Windows, connections: usize, each_bytes: u64) -> u64 {
        let mut windows: Vec<(Window, u64)> =
            (0..connections).map(|_| (Window::new(windows), each_bytes)).collect();
        let (mut now, mut end) = (0, 0);
        loop {
            let mut next = u64::MAX;
            let mut idle = true;
            // Nobody is always the first.
            windows.rotate_left(1);
            for (window, left) in &mut windows {
                if *left == 0 {
                    continue;
                }
                let takes_at = line.takes_at(now);
                match window.room(now) {
                    Room::Bytes(room) if takes_at <= now => {
                        let bytes = room.min(32 * 1024).min(*left);
                        let there = line.send(now, bytes);
                        window.sent(bytes, there + line.way_us());
                        *left -= bytes;
                        end = end.max(there);
                        idle = false;
                    }
                    Room::Bytes(_) => next = next.min(takes_at),
                    Room::At(at) => next = next.min(at),
                }
            }
            if windows.iter().all(|(_, left)| *left == 0) {
                return end;
            }
            if idle {
                assert!(next > now, "time goes on");
                now = next;
            }
        }
    }

    #[test]
    fn a_small_message_takes_one_way() {
        let mut line = Line::new(GIGABIT, 100_000);
        let there = line.send(1_000, 4096);
        assert!((51_000..51_100).contains(&there), "{there}");
    }

    #[test]
    fn the_line_is_full_and_never_fuller() {
        for connections in [8, 64, 1000] {
            let total = 512_000_000;
            let took = transfer(
                &mut Line::new(GIGABIT, 100_000),
                Windows::Tcp,
                connections,
                total / connections as u64,
            );
            let least = total * 1_000_000 / GIGABIT + 50_000;
            assert!(took >= least, "{connections} connections beat the line: {took} < {least}");
            assert!(took < least * 120 / 100, "{connections} connections leave it empty: {took} > {least}");
        }
    }

    #[test]
    fn one_connection_is_held_by_its_window() {
        // 4 MiB a round trip of 100 ms, after six round trips of start: 42 MB/s.
        let took = transfer(&mut Line::new(GIGABIT, 100_000), Windows::Tcp, 1, 400_000_000);
        let ideal = 400_000_000 / 4_194_304 * 100_000;
        assert!((ideal..ideal + 1_200_000).contains(&took), "{took} for {ideal}");
        let near = transfer(&mut Line::new(GIGABIT, 2_000), Windows::Tcp, 1, 400_000_000);
        assert!(near < 3_400_000, "a short line is filled by one: {near}");
    }

    #[test]
    fn one_connection_with_an_open_window_fills_the_line() {
        let took = transfer(&mut Line::new(GIGABIT, 100_000), Windows::Open, 1, 400_000_000);
        assert!((3_250_000..3_252_000).contains(&took), "3.2 s of line and one way: {took}");
    }

    #[test]
    fn senders_wait_while_much_waits() {
        let mut line = Line::new(1_000_000, 0);
        assert_eq!(line.takes_at(7), 7);
        line.send(0, 105_000);
        assert_eq!(line.takes_at(0), 100_000);
        assert_eq!(line.takes_at(200_000), 200_000);
    }
}
