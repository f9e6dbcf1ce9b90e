//! How an object is cut, and how much is under way at once.
//!
//! Pure: sizes, budgets and measurements in, numbers out. Sizes of parts are here; how many requests run at once is learned by the
//! [`Controller`](control::Controller), and [`share`](share::share) divides them between small objects and large ones.

pub mod control;
pub mod share;
#[cfg(test)]
mod tests;

use std::time::Duration;

/// The least size of every part but the last (S3 User Guide, "Multipart upload limits", as all limits here).
pub const PART_MIN_BYTES: u64 = 5 << 20;

/// The largest part, and the largest object that one request writes or copies.
pub const PART_MAX_BYTES: u64 = 5 << 30;

/// The most parts of an object.
pub const PARTS_MAX: u64 = 10_000;

/// The largest object: 10,000 of the largest parts, which are 48.8 TiB and are called 50 TB.
pub const OBJECT_MAX_BYTES: u64 = PARTS_MAX * PART_MAX_BYTES;

const MIB: u64 = 1 << 20;

/// Why an object cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// It is larger than any object can be.
    #[error("{size_bytes} bytes are more than the largest object, {} bytes", OBJECT_MAX_BYTES)]
    ObjectTooLarge {
        /// Its size.
        size_bytes: u64,
    },
    /// The size that was wished for is none that a part can have.
    #[error("a part has {} to {} bytes, not {part_bytes}", PART_MIN_BYTES, PART_MAX_BYTES)]
    PartSize {
        /// The wish.
        part_bytes: u64,
    },
    /// The memory does not hold a single part or stream.
    #[error("{budget_bytes} bytes of memory are too few; {needed_bytes} are needed")]
    Memory {
        /// What may be used.
        budget_bytes: u64,
        /// The least.
        needed_bytes: u64,
    },
}

/// Returns the size of the parts of an object of a known size: the one wished for, or as much as 10,000 parts need, in whole
/// mebibytes.
pub fn part_bytes(size_bytes: u64, wished_bytes: u64) -> u64 {
    // Whole mebibytes: odd sizes make odd ranges for whoever reads the object part by part.
    let least = size_bytes.div_ceil(PARTS_MAX).next_multiple_of(MIB);
    wished_bytes.clamp(PART_MIN_BYTES, PART_MAX_BYTES).max(least).min(PART_MAX_BYTES)
}

/// What is known of the way to the service, and what may be used for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Objects up to this size go by one request.
    pub one_request_max_bytes: u64,
    /// The size of a part that was wished for, if anybody wished.
    pub wished_part_bytes: Option<u64>,
    /// The memory that one object may use.
    pub memory_bytes: u64,
    /// The memory that one stream uses: its buffers, not its part.
    pub stream_bytes: u64,
    /// The most streams.
    pub streams_max: usize,
    /// How much the line carries, as far as it was measured.
    pub bandwidth_bytes_per_s: Option<u64>,
    /// How long an answer takes, as far as it was measured.
    pub round_trip: Option<Duration>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            one_request_max_bytes: 16 * MIB,
            wished_part_bytes: None,
            memory_bytes: 64 * MIB,
            // What is read, what is sent, and what the kernel holds of either.
            stream_bytes: MIB,
            streams_max: 64,
            bandwidth_bytes_per_s: None,
            round_trip: None,
        }
    }
}

/// How an object is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The size of every part but the last. An object that goes by one request is one part.
    pub part_bytes: u64,
    /// How many parts there are, at least 1.
    pub parts: u64,
    /// How many of them go at once, as long as nothing was learned.
    pub streams: usize,
}

/// The size of a part without any wish or measurement.
pub const PART_BYTES: u64 = 8 * MIB;

/// So much one stream carries in a round trip: what the windows of common kernels grow to.
const WINDOW_BYTES: u64 = 4 * MIB;

/// A part takes at least so many round trips, lest the waits between parts count.
const ROUND_TRIPS_A_PART: f64 = 16.0;

/// Cuts an object of a known size.
///
/// # Errors
/// When S3 takes no such object or part, or the memory does not hold one stream. Nothing was sent then.
pub fn cut(size_bytes: u64, conditions: &Conditions) -> Result<Cut, PartsError> {
    if size_bytes > OBJECT_MAX_BYTES {
        return Err(PartsError::ObjectTooLarge { size_bytes });
    }
    if let Some(part_bytes) = conditions.wished_part_bytes
        && !(PART_MIN_BYTES..=PART_MAX_BYTES).contains(&part_bytes)
    {
        return Err(PartsError::PartSize { part_bytes });
    }
    if size_bytes <= conditions.one_request_max_bytes.min(PART_MAX_BYTES) {
        return Ok(Cut { part_bytes: size_bytes, parts: 1, streams: 1 });
    }
    let streams = streams(conditions)?;
    let part_bytes = part_bytes(
        size_bytes,
        conditions.wished_part_bytes.unwrap_or_else(|| {
            // Every stream has a few parts to do, so that none waits long for the last.
            let every_stream_busy = (size_bytes / (4 * streams as u64)).next_multiple_of(MIB);
            patient_part_bytes(conditions, streams).min(every_stream_busy.max(PART_BYTES))
        }),
    );
    let parts = size_bytes.div_ceil(part_bytes);
    let streams = streams.min(usize::try_from(parts).unwrap_or(usize::MAX));
    Ok(Cut { part_bytes, parts, streams })
}

/// As many streams as the line needs to be full, within memory and limit. Without measurements: as many as are let.
fn streams(conditions: &Conditions) -> Result<usize, PartsError> {
    let needed_bytes = conditions.stream_bytes.max(1);
    let held = conditions.memory_bytes / needed_bytes;
    if held == 0 || conditions.streams_max == 0 {
        return Err(PartsError::Memory { budget_bytes: conditions.memory_bytes, needed_bytes });
    }
    let held = usize::try_from(held).unwrap_or(usize::MAX).min(conditions.streams_max);
    let (Some(bandwidth), Some(round_trip)) = (conditions.bandwidth_bytes_per_s, conditions.round_trip)
    else {
        return Ok(held);
    };
    let in_flight = bandwidth as f64 * round_trip.as_secs_f64();
    // Twice what fills the line: a stream that lost a packet is slow for a while. Services limit single streams besides.
    let wanted = (2.0 * in_flight / WINDOW_BYTES as f64).ceil() as usize;
    Ok(held.min(wanted.max(4)))
}

/// A part that is long enough for its wait not to count.
fn patient_part_bytes(conditions: &Conditions, streams: usize) -> u64 {
    let (Some(bandwidth), Some(round_trip)) = (conditions.bandwidth_bytes_per_s, conditions.round_trip)
    else {
        return PART_BYTES;
    };
    let per_stream = bandwidth as f64 / streams as f64;
    let bytes = per_stream * round_trip.as_secs_f64() * ROUND_TRIPS_A_PART;
    (bytes as u64).next_multiple_of(MIB).clamp(PART_BYTES, 64 * MIB)
}

/// The sizes of the parts of an object whose size nobody knows: they grow, so that 10,000 of them go as far as memory lets.
///
/// Such a part is held in memory until it is taken, since what comes from a pipe cannot be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growing {
    first_bytes: u64,
    last_bytes: u64,
}

/// After so many parts their size doubles.
const DOUBLES_AFTER: u64 = 1_000;

impl Growing {
    /// Begins with a size, and never has parts larger than half of the memory: one is filled while another one is sent.
    ///
    /// # Errors
    /// When the memory does not hold two of the smallest parts.
    pub fn new(first_bytes: u64, memory_bytes: u64) -> Result<Self, PartsError> {
        let last_bytes = (memory_bytes / 2).min(PART_MAX_BYTES);
        if last_bytes < PART_MIN_BYTES {
            let needed_bytes = 2 * PART_MIN_BYTES;
            return Err(PartsError::Memory { budget_bytes: memory_bytes, needed_bytes });
        }
        Ok(Self { first_bytes: first_bytes.clamp(PART_MIN_BYTES, last_bytes), last_bytes })
    }

    /// Returns the size of a part by its number, from 1.
    pub fn part_bytes(&self, number: u64) -> u64 {
        let doublings = (number.saturating_sub(1) / DOUBLES_AFTER).min(63) as u32;
        self.first_bytes.checked_shl(doublings).unwrap_or(u64::MAX).clamp(self.first_bytes, self.last_bytes)
    }

    /// Returns how large an object can become.
    pub fn object_max_bytes(&self) -> u64 {
        (0..PARTS_MAX / DOUBLES_AFTER)
            .map(|thousand| DOUBLES_AFTER * self.part_bytes(thousand * DOUBLES_AFTER + 1))
            .sum::<u64>()
            .min(OBJECT_MAX_BYTES)
    }
}
