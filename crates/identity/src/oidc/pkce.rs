//! The random texts of a sign-in: the PKCE verifier, `state`, `nonce` and request identifiers.
//!
//! Each is drawn anew for every attempt and holds nothing but chance. S256 is the only method: a client that reads
//! the metadata to the letter would turn PKCE off at Entra, which supports it without saying so.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pintail_core::seam::Random;
use pintail_core::secret::Secret;

/// The half of PKCE (RFC 7636) that stays here until the code is redeemed.
#[derive(Clone, Debug)]
pub(crate) struct Verifier(Secret);

impl Verifier {
    /// Draws 32 random bytes, which RFC 7636 section 7.1 asks for and which make 43 characters.
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self(random_text(random))
    }

    /// Returns the text that goes with the code to the token endpoint.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }

    /// Returns the text that goes with the authorization request, for the method S256.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.0.expose().as_bytes()))
    }
}

/// Draws 256 bits as 43 characters of base64url.
pub(crate) fn random_text(random: &dyn Random) -> Secret {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// Names one sign-in in the issuer's logs: sent as `client-request-id`, shown to the person for support.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Draws a UUID of version 4.
    pub(super) fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        Self(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
    }

    /// Returns the UUID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintail_core::seam::SeededRandom;

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        let verifier = Verifier(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_has_43_characters_and_is_drawn_anew() {
        let random = SeededRandom::new(1);
        let (a, b) = (Verifier::new(&random), Verifier::new(&random));
        assert_eq!(a.secret().expose().len(), 43);
        assert_ne!(a.secret(), b.secret());
        assert_eq!(a.challenge().len(), 43);
    }

    #[test]
    fn request_ids_are_uuids_of_version_4() {
        let id = RequestId::new(&SeededRandom::new(1)).to_string();
        let groups: Vec<&str> = id.split('-').collect();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(groups[2].starts_with('4') && groups[3].starts_with(['8', '9', 'a', 'b']));
    }
}
