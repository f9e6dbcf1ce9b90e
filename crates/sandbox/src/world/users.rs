//! IAM users: their long-term keys and their virtual MFA devices, which show the codes of RFC 6238.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use jiff::Timestamp;

/// A code lives this long.
const STEP_S: i64 = 30;
/// Codes of the neighbouring steps are taken as well: devices drift.
const DRIFT_STEPS: i64 = 1;
/// The length of a device's secret, as AWS makes it.
pub(crate) const SEED_BYTES: usize = 40;

/// A user and the documents that speak for it.
#[derive(Clone, Debug)]
pub(crate) struct IamUser {
    pub(crate) name: String,
    pub(crate) path: String,
    /// The stable ID, `AIDA…`.
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) inline_policies: BTreeMap<String, String>,
    pub(crate) attached_policies: BTreeSet<String>,
    pub(crate) created: Timestamp,
}

/// A long-term key, without its ID.
#[derive(Clone)]
pub(crate) struct AccessKey {
    pub(crate) user_name: String,
    pub(crate) secret_access_key: String,
    pub(crate) created: Timestamp,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("user_name", &self.user_name).finish_non_exhaustive()
    }
}

/// A virtual device.
#[derive(Clone)]
pub(crate) struct MfaDevice {
    pub(crate) seed: Vec<u8>,
    /// Who uses it, once it is enabled, and since when.
    pub(crate) owner: Option<(String, Timestamp)>,
    /// The step of the newest code that was accepted: no code counts twice.
    pub(crate) used: i64,
}

impl std::fmt::Debug for MfaDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MfaDevice").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl MfaDevice {
    /// A device that nobody uses yet.
    pub(crate) fn new(seed: Vec<u8>) -> MfaDevice {
        MfaDevice { seed, owner: None, used: i64::MIN }
    }

    /// The code of the first step that the service would still accept now; `None` when all are used up.
    pub(crate) fn next_code(&self, now: Timestamp) -> Option<String> {
        let step = self.window(now).find(|step| *step > self.used && *step >= now.as_second() / STEP_S)?;
        Some(code(&self.seed, step))
    }

    /// Takes a code, once.
    pub(crate) fn accept(&mut self, typed: &str, now: Timestamp) -> bool {
        let found = self.window(now).find(|step| *step > self.used && code(&self.seed, *step) == typed);
        self.used = found.unwrap_or(self.used);
        found.is_some()
    }

    /// Takes two codes in a row, as enabling a device demands.
    pub(crate) fn accept_pair(&mut self, first: &str, second: &str, now: Timestamp) -> bool {
        let step = now.as_second() / STEP_S;
        let found = (step - 3..=step + 3)
            .find(|step| code(&self.seed, *step) == first && code(&self.seed, step + 1) == second);
        self.used = found.map_or(self.used, |step| step + 1);
        found.is_some()
    }

    fn window(&self, now: Timestamp) -> std::ops::RangeInclusive<i64> {
        let step = now.as_second() / STEP_S;
        step - DRIFT_STEPS..=step + DRIFT_STEPS
    }
}

/// The six digits of a step: RFC 4226 over a counter of time.
fn code(seed: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let mac = hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let offset = usize::from(mac[mac.len() - 1] & 0x0f);
    let word = u32::from_be_bytes([mac[offset] & 0x7f, mac[offset + 1], mac[offset + 2], mac[offset + 3]]);
    format!("{:06}", word % 1_000_000)
}

/// RFC 4648's base32 without padding: the form in which a device's secret is typed into an app.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0_u8; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let digits = (chunk.len() * 8).div_ceil(5);
        text.extend((0..digits).map(|digit| char::from(ALPHABET[(bits >> (35 - 5 * digit) & 31) as usize])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let at = |second: i64| code(b"12345678901234567890", second / STEP_S);
        assert_eq!(at(59), "287082");
        assert_eq!(at(1_111_111_109), "081804");
        assert_eq!(at(1_111_111_111), "050471");
        assert_eq!(at(2_000_000_000), "279037");
    }

    #[test]
    fn seeds_are_spelled_as_rfc_4648_spells_them() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_code_counts_once_and_near_its_time() {
        let now = Timestamp::from_second(3000).unwrap();
        let mut device = MfaDevice::new(b"12345678901234567890".to_vec());
        assert!(!device.accept(&code(&device.seed, 98), now), "two steps old");
        let first = device.next_code(now).unwrap();
        assert_eq!(first, code(&device.seed, 100));
        assert!(device.accept(&first, now));
        assert!(!device.accept(&first, now), "again");
        assert!(!device.accept(&code(&device.seed, 99), now), "older than the one used");
        let second = device.next_code(now).unwrap();
        assert!(device.accept(&second, now));
        assert_eq!(device.next_code(now), None);
        assert!(device.next_code(Timestamp::from_second(3030).unwrap()).is_some());
    }

    #[test]
    fn two_codes_in_a_row_enable() {
        let now = Timestamp::from_second(3000).unwrap();
        let mut device = MfaDevice::new(b"12345678901234567890".to_vec());
        let (first, second) = (code(&device.seed, 99), code(&device.seed, 100));
        assert!(!device.accept_pair(&second, &first, now));
        assert!(device.accept_pair(&first, &second, now));
        assert!(!device.accept(&second, now));
    }
}
