//! Hashes that were made of the hashes of parts, made again from the whole.
//!
//! Pure. Such a hash tells how many parts there were and not where they were cut. Programs cut in whole sizes of their own, all but the last the same; a
//! few such sizes make that number of parts, and all of them are tried in one pass. One that fits proves the bytes; none that fits proves nothing.

use md5::{Digest, Md5};
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_store::object_store::ETag;

use crate::parts::{PART_MAX_BYTES, part_bytes};

/// So many sizes are tried at once: each costs a pass of the processor over all bytes, and none of the disk.
const SIZES_MAX: usize = 8;

const MIB: u64 = 1 << 20;

/// Sizes in MiB that programs are known to cut in, and that people like: our own, of the aws CLI and the AWS console (8, 16, 17), rclone and boto (5, 8), s3cmd (15), s5cmd (50), Cyberduck (10), minio (16, 64, 128).
const KNOWN_MIB: [u64; 18] = [8, 5, 16, 64, 50, 15, 10, 32, 100, 128, 17, 25, 20, 256, 512, 1024, 2048, 5120];

/// Returns sizes of parts in which an object of a size has so many parts, the likelier ones first.
pub(super) fn plausible_part_bytes(size_bytes: u64, parts: u64) -> Vec<u64> {
    if parts <= 1 || size_bytes == 0 {
        return if parts == 1 { vec![size_bytes.max(1)] } else { Vec::new() };
    }
    let fits = |part: u64| part > 0 && part <= PART_MAX_BYTES && size_bytes.div_ceil(part) == parts;
    let least = size_bytes.div_ceil(parts);
    let known = KNOWN_MIB.into_iter().map(|mib| mib * MIB);
    let ours = KNOWN_MIB.into_iter().map(|mib| part_bytes(size_bytes, mib * MIB));
    let decimal = [5, 8, 10, 16, 50, 64, 100].into_iter().map(|mega| mega * 1_000_000);
    let in_order = known
        .chain(ours)
        .chain([least.next_multiple_of(MIB), least])
        .chain(decimal)
        .chain((0..SIZES_MAX as u64).map(|more| least.next_multiple_of(MIB) + more * MIB));
    let mut found = Vec::new();
    for part in in_order {
        if fits(part) && !found.contains(&part) {
            found.push(part);
            if found.len() == SIZES_MAX {
                break;
            }
        }
    }
    found
}

/// What a service keeps of an object that says something about all of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// A checksum.
    Checksum(Checksum),
    /// A tag that looks as if it was made of MD5s.
    Tag(ETag),
}

impl Kept {
    /// Tells whether bytes that do not come to it are other bytes. A tag may be chance, and parts may be cut in a way that is not tried.
    pub(super) fn disproves(&self) -> bool {
        matches!(self, Self::Checksum(checksum) if checksum.parts().is_none())
    }

    fn parts(&self) -> Option<u64> {
        match self {
            Self::Checksum(checksum) => checksum.parts(),
            Self::Tag(tag) => tag.parts(),
        }
        .map(u64::from)
    }
}

/// Takes in all bytes of a file, and tells whether they come to what is kept.
pub(super) struct Trial {
    kept: Kept,
    tries: Vec<Try>,
}

/// One way in which the parts may have been cut; one part for what is of the whole.
struct Try {
    part_bytes: u64,
    in_part: u64,
    hash: Hash,
    parts: u64,
}

enum Hash {
    Md5 { part: Md5, whole: Md5 },
    Checksum { algorithm: Algorithm, part: Hasher, done: Vec<Checksum> },
}

impl Hash {
    fn checksum(algorithm: Algorithm) -> Self {
        Self::Checksum { algorithm, part: Hasher::new(algorithm), done: Vec::new() }
    }
}

impl Trial {
    /// Begins with nothing of a file of a size. `None` where no way is known in which it was cut.
    pub(super) fn new(kept: Kept, size_bytes: u64) -> Option<Self> {
        let sizes = match kept.parts() {
            None => vec![u64::MAX],
            Some(parts) => plausible_part_bytes(size_bytes, parts),
        };
        let tries: Vec<Try> = sizes
            .into_iter()
            .map(|part_bytes| {
                let hash = match &kept {
                    Kept::Checksum(checksum) => Hash::checksum(checksum.algorithm()),
                    Kept::Tag(_) => Hash::Md5 { part: Md5::new(), whole: Md5::new() },
                };
                Try { part_bytes, in_part: 0, hash, parts: 0 }
            })
            .collect();
        (!tries.is_empty()).then_some(Self { kept, tries })
    }

    /// Takes in the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.tries.iter_mut().for_each(|one| one.update(bytes));
    }

    /// Tells whether they come to what is kept.
    pub(super) fn proves(self) -> bool {
        let Self { kept, tries } = self;
        tries.into_iter().any(|one| one.finish(&kept))
    }
}

impl Try {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.part_bytes - self.in_part).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(bytes.len().min(room));
            match &mut self.hash {
                Hash::Md5 { part, .. } => part.update(now),
                Hash::Checksum { part, .. } => part.update(now),
            }
            self.in_part += now.len() as u64;
            if self.in_part == self.part_bytes {
                self.close();
            }
            bytes = rest;
        }
    }

    fn close(&mut self) {
        self.in_part = 0;
        self.parts += 1;
        match &mut self.hash {
            Hash::Md5 { part, whole } => whole.update(std::mem::replace(part, Md5::new()).finalize()),
            Hash::Checksum { algorithm, part, done } => {
                done.push(std::mem::replace(part, Hasher::new(*algorithm)).finish());
            }
        }
    }

    fn finish(mut self, kept: &Kept) -> bool {
        let composed = kept.parts().is_some();
        if composed && (self.in_part > 0 || self.parts == 0) {
            self.close();
        }
        match (self.hash, kept) {
            (Hash::Checksum { part, .. }, Kept::Checksum(checksum)) if !composed => {
                part.finish() == *checksum
            }
            (Hash::Checksum { done, .. }, Kept::Checksum(checksum)) => {
                Checksum::composed_of(&done).as_ref() == Some(checksum)
            }
            (Hash::Md5 { part, .. }, Kept::Tag(tag)) if !composed => {
                hexadecimal(&part.finalize()) == tag.as_str()
            }
            (Hash::Md5 { whole, .. }, Kept::Tag(tag)) => {
                format!("{}-{}", hexadecimal(&whole.finalize()), self.parts) == tag.as_str()
            }
            _ => false,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
