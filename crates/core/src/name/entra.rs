//! Names of the Entra side: tenants and client IDs.

use std::fmt;
use std::str::FromStr;

use super::{NameError, name_type};

/// What stands for the tenant in an Entra address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tenant {
    /// The tenant's own identifier, in lower case. The form that a token's issuer holds.
    Guid(String),
    /// A verified domain of the tenant, in lower case. Discovery tells the identifier.
    Domain(String),
    /// `common`: any work or personal account. Each tenant has an issuer of its own, and IAM needs one issuer.
    Common,
    /// `organizations`: any work account, with the same consequence.
    Organizations,
    /// `consumers`: personal accounts only.
    Consumers,
}

impl Tenant {
    /// The tenant that all personal accounts belong to.
    pub const CONSUMERS_GUID: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    /// Tells whether tokens of this choice have one issuer, as an IAM OIDC provider needs.
    pub fn has_one_issuer(&self) -> bool {
        !matches!(self, Self::Common | Self::Organizations)
    }
}

/// Tells whether a text has the form of a GUID: 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.len() == 5
        && groups
            .iter()
            .zip([8, 4, 4, 4, 12])
            .all(|(group, length)| group.len() == length && group.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl FromStr for Tenant {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let lower = text.trim().to_ascii_lowercase();
        match lower.as_str() {
            "common" => return Ok(Self::Common),
            "organizations" => return Ok(Self::Organizations),
            "consumers" => return Ok(Self::Consumers),
            _ => {}
        }
        if is_guid(&lower) {
            return Ok(Self::Guid(lower));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if lower.len() <= 253 && lower.contains('.') && lower.split('.').all(label) {
            return Ok(Self::Domain(lower));
        }
        Err(NameError::new(
            "tenant",
            text,
            "a tenant is a GUID (Directory ID) or a verified domain such as contoso.com",
        ))
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guid(text) | Self::Domain(text) => text,
            Self::Common => "common",
            Self::Organizations => "organizations",
            Self::Consumers => "consumers",
        })
    }
}

name_type! {
    /// The client ID of an app registration: 1 to 255 visible ASCII characters (RFC 6749 appendix A.1; the bound is
    /// IAM's for an OIDC provider's audiences). Entra's are GUIDs; other issuers choose freely.
    ClientId
}

impl ClientId {
    /// Tells whether it has the form that Entra gives.
    pub fn is_guid(&self) -> bool {
        is_guid(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::new("client ID", text, "a client ID has 1 to 255 characters and no spaces"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_told_apart() {
        let guid = "5AFFFFFF-0000-4000-8000-00000000000a";
        assert_eq!(guid.parse(), Ok(Tenant::Guid(guid.to_ascii_lowercase())));
        assert_eq!("Contoso.com".parse(), Ok(Tenant::Domain("contoso.com".into())));
        assert_eq!("common".parse(), Ok(Tenant::Common));
        assert!(!Tenant::Organizations.has_one_issuer());
        for bad in ["", "contoso", "a/b.com", "https://contoso.com", "-a.com", "a b.com"] {
            assert!(bad.parse::<Tenant>().is_err(), "{bad}");
        }
    }

    #[test]
    fn client_ids_lose_the_space_of_a_paste() {
        let id: ClientId = " 11111111-2222-3333-4444-555555555555\n".parse().unwrap();
        assert!(id.is_guid());
        assert!("two words".parse::<ClientId>().is_err());
    }
}
