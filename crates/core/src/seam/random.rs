//! The randomness seam.

use std::sync::Mutex;

/// Gives random bytes fit for secrets.
pub trait Random: Send + Sync + std::fmt::Debug {
    /// Fills `bytes` with random values.
    ///
    /// The real implementation panics when the system has no randomness: nothing of ours can go on safely without.
    fn fill(&self, bytes: &mut [u8]);

    /// Returns a uniform value from 0 (included) to 1 (excluded).
    fn fraction(&self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        // 53 bits are all that a double holds without rounding.
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A repeatable sequence for tests, from a seed. Never fit for secrets.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: the shortest generator whose every seed gives a good sequence.
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_fractions_stay_below_one() {
        let (a, b) = (SeededRandom::new(7), SeededRandom::new(7));
        for _ in 0..1000 {
            let (x, y) = (a.fraction(), b.fraction());
            assert!((0.0..1.0).contains(&x));
            assert_eq!(x, y);
        }
    }
}
