//! Shards: which part of a work one of several machines does.
//!
//! Pure: a name in, a verdict out. A name belongs to the shard that its hash says, whoever asks, whatever the order and wherever: the machines
//! of an array need not speak with one another, and a machine that starts again finds the same part. The hash is written down in
//! `docs/formats.md` and never changes, since two versions of the program may work on one plan.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::name::Name;

/// Put before every name, so that the hash of other uses of the same function says nothing about this one.
const KEY: &[u8] = b"pintail shard 1\0";
/// FNV-1a's first state and prime for 64 bits (draft-eastlake-fnv).
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// One of so many parts of equal size: `K/N`, K from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    /// From 0.
    index: u32,
    count: NonZeroU32,
}

/// Why a text or a machine's place is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It is not `K/N`, `auto` or `auto/N`.
    #[error("{0:?} is no shard: it is K/N with K from 1 to N, auto, or auto/N")]
    Text(String),
    /// The machine does not say which of several it is.
    #[error("no variable says which machine of an array this is")]
    NoPlace,
    /// The machine says which it is, but not of how many.
    #[error("this machine is number {number} of an array, and no variable says of how many")]
    NoCount {
        /// Which, from 1.
        number: u64,
    },
    /// The array has more machines than there are shards.
    #[error("this machine is number {number} of an array, and there are {count} shards")]
    Beyond {
        /// Which, from 1.
        number: u64,
        /// How many shards there are.
        count: u32,
    },
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 0, count: NonZeroU32::MIN };

    /// Takes a part by its number, from 0. `None` when there are not so many.
    pub fn new(index: u32, count: NonZeroU32) -> Option<Self> {
        (index < count.get()).then_some(Self { index, count })
    }

    /// Tells whether a name is done by this part. Asked of the target's name, below the place where the work begins.
    pub fn holds(&self, name: &Name) -> bool {
        self.holds_text(name.as_str())
    }

    /// As [`Shard::holds`], for a name that is only a text.
    pub fn holds_text(&self, name: &str) -> bool {
        self.count.get() == 1 || place(hash(name.as_bytes()), self.count.get()) == self.index
    }

    /// Returns its number, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns of how many it is one.
    pub fn count(&self) -> u32 {
        self.count.get()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", u64::from(self.index) + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let read = || {
            let (number, count) = text.trim().split_once('/')?;
            let (number, count): (u32, NonZeroU32) = (number.parse().ok()?, count.parse().ok()?);
            Self::new(number.checked_sub(1)?, count)
        };
        read().ok_or_else(|| ShardError::Text(text.to_owned()))
    }
}

/// What a person says about the shard: one, or "whichever this machine is".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardChoice {
    /// This one.
    Exactly(Shard),
    /// The one of this machine in its array, `auto`; of so many, `auto/N`.
    Auto(Option<NonZeroU32>),
}

/// Which machine of an array this is, as Kubernetes, AWS Batch or Slurm tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// From 0.
    pub index: u64,
    /// Of how many, where that is told.
    pub count: Option<u64>,
}

impl ShardChoice {
    /// Returns the shard.
    ///
    /// # Errors
    /// For `auto`, when nothing says which machine this is, or of how many.
    pub fn resolve(self, worker: Option<Worker>) -> Result<Shard, ShardError> {
        let of = match self {
            Self::Exactly(shard) => return Ok(shard),
            Self::Auto(of) => of,
        };
        let worker = worker.ok_or(ShardError::NoPlace)?;
        let number = worker.index.saturating_add(1);
        let told = worker.count.and_then(|count| u32::try_from(count).ok()).and_then(NonZeroU32::new);
        let count = of.or(told).ok_or(ShardError::NoCount { number })?;
        let index = u32::try_from(worker.index).ok();
        index
            .and_then(|index| Shard::new(index, count))
            .ok_or_else(|| ShardError::Beyond { number, count: count.get() })
    }
}

impl FromStr for ShardChoice {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        match text.trim().strip_prefix("auto") {
            None => text.parse().map(Self::Exactly),
            Some("") => Ok(Self::Auto(None)),
            Some(rest) => match rest.strip_prefix('/').and_then(|count| count.parse().ok()) {
                Some(count) => Ok(Self::Auto(Some(count))),
                None => Err(ShardError::Text(text.to_owned())),
            },
        }
    }
}

/// FNV-1a over key and name, then MurmurHash3's last mixing: FNV alone leaves its high bits to the last letters.
fn hash(name: &[u8]) -> u64 {
    let state = KEY
        .iter()
        .chain(name)
        .fold(FNV_OFFSET, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
    let state = (state ^ (state >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let state = (state ^ (state >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

/// Which of `count` equal slices of all hashes one lies in.
fn place(hash: u64, count: u32) -> u32 {
    let slice = (u128::from(hash) * u128::from(count)) >> 64;
    u32::try_from(slice).expect("a hash below 2^64 times a count, divided by 2^64, is below the count")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        for (text, expected) in [
            ("1/1", Some("1/1")),
            ("3/8", Some("3/8")),
            (" 8/8 ", Some("8/8")),
            ("0/8", None),
            ("9/8", None),
            ("1/0", None),
            ("1", None),
            ("-1/2", None),
            ("1/2/3", None),
            ("", None),
        ] {
            assert_eq!(
                text.parse::<Shard>().ok().map(|shard| shard.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_machine_knows_its_part() {
        let worker = |index, count| Some(Worker { index, count });
        for (text, worker, expected) in [
            ("2/4", None, Ok("2/4")),
            ("auto", worker(0, Some(4)), Ok("1/4")),
            ("auto", worker(3, Some(4)), Ok("4/4")),
            ("auto/8", worker(3, None), Ok("4/8")),
            // What a person says counts: an array may have more machines than one thinks.
            ("auto/2", worker(1, Some(4)), Ok("2/2")),
            ("auto/2", worker(2, Some(4)), Err(ShardError::Beyond { number: 3, count: 2 })),
            ("auto", worker(3, None), Err(ShardError::NoCount { number: 4 })),
            ("auto", None, Err(ShardError::NoPlace)),
        ] {
            let choice: ShardChoice = text.parse().unwrap();
            assert_eq!(
                choice.resolve(worker).map(|shard| shard.to_string()),
                expected.map(str::to_owned),
                "{text}"
            );
        }
        for bad in ["autos", "auto/0", "auto/", "auto/x"] {
            assert!(bad.parse::<ShardChoice>().is_err(), "{bad}");
        }
    }

    /// Written down: another version of the program has to come to the same.
    #[test]
    fn the_hash_is_what_the_document_says() {
        for (name, expected) in WRITTEN {
            assert_eq!(hash(name.as_bytes()), expected, "{name:?} {:#018x}", hash(name.as_bytes()));
        }
    }

    /// The examples of `docs/formats.md`, computed by a second program.
    const WRITTEN: [(&str, u64); 4] = [
        ("", 0x917d_bf00_ccc7_f5c6),
        ("a", 0x3d87_ec77_0c1f_89db),
        ("photos/2026/pintail.jpg", 0x9a59_9c0a_0685_9d59),
        ("Größe/ä.txt", 0x92aa_25b2_6148_1724),
    ];

    #[test]
    fn parts_are_even_by_count_and_by_bytes() {
        for count in [2, 3, 7, 16, 100] {
            let count = NonZeroU32::new(count).unwrap();
            let (mut names, mut bytes) =
                (vec![0_u64; count.get() as usize], vec![0_u64; count.get() as usize]);
            for number in 0..100_000_u64 {
                let name =
                    format!("year={}/month={:02}/part-{number:05}.parquet", 2000 + number % 26, number % 12);
                let at = place(hash(name.as_bytes()), count.get()) as usize;
                names[at] += 1;
                bytes[at] += 1000 + number % 977 * 100;
            }
            for (sums, bound) in [(&names, 0.15), (&bytes, 0.20)] {
                let fair = sums.iter().sum::<u64>() as f64 / f64::from(count.get());
                for sum in sums {
                    assert!((*sum as f64 / fair - 1.0).abs() < bound, "{count}: {sum} instead of {fair}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_name_is_in_exactly_one_part(name in "\\PC{1,40}", count in 1_u32..200) {
            let count = NonZeroU32::new(count).unwrap();
            let holding = (0..count.get()).filter(|index| Shard::new(*index, count).unwrap().holds_text(&name));
            prop_assert_eq!(holding.count(), 1);
            prop_assert!(Shard::WHOLE.holds_text(&name));
        }
    }
}
