//! Which IAM Identity Center: its start URL, its region, and where its two services are.
//!
//! Pure: it parses and builds addresses. The hosts follow region and partition; each can be named instead, for private
//! endpoints and doubles. What is sent there opens accounts, so plain http is for this machine only.

use std::fmt;
use std::str::FromStr;

use pintail_core::name::Region;
use url::Url;

use crate::keychain::EntryName;
use crate::oidc::{AuthorityError, WORD_CHARS_MAX, printable, secure_url};
use crate::session::config::{SERVICE, hash_of};

/// The scope without which the portal gives no accounts, roles and credentials.
pub const ACCOUNT_ACCESS: &str = "sso:account:access";

/// The address of an access portal, such as `https://d-1234567890.awsapps.com/start`.
///
/// The text is kept as given, because it is sent to the service; a fragment (`/start#/`, as browsers show it) is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StartUrl(String);

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An endpoint is not one that tokens may be sent to.
    #[error("the {which} endpoint cannot be used")]
    Endpoint {
        /// Which of them.
        which: &'static str,
        /// What is wrong with it.
        #[source]
        source: AuthorityError,
    },
    /// The region is none that can stand in a host name.
    #[error("no host name has the region {region} in it")]
    Region {
        /// The region.
        region: Region,
    },
    /// A scope is empty, too long, or holds something that no scope holds.
    #[error("\"{scope}\" is not a scope")]
    Scope {
        /// The scope, made printable.
        scope: String,
    },
    /// There are no scopes.
    #[error("no scope is asked for")]
    ScopesMissing,
    /// The start URL is not the address of a portal.
    #[error("the start URL cannot be used")]
    StartUrl(#[source] AuthorityError),
}

/// An instance of IAM Identity Center, as profiles and AWS configuration files name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityCenterConfig {
    /// The address of its access portal.
    pub start_url: StartUrl,
    /// Its home region, which need not be that of the buckets.
    pub region: Region,
    /// What access is asked for.
    pub scopes: Vec<String>,
    /// Where the sign-in service is, if not at the region's host.
    pub oidc_endpoint: Option<Url>,
    /// Where the portal service is, if not at the region's host.
    pub portal_endpoint: Option<Url>,
}

impl StartUrl {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether two texts name the same portal: the slash and the `#` at the end make no difference.
    pub(super) fn is_same_as(&self, text: &str) -> bool {
        fn bare(text: &str) -> &str {
            text.trim().trim_end_matches(['/', '#'])
        }
        bare(&self.0) == bare(text)
    }
}

impl fmt::Display for StartUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StartUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        let checked = text.split('#').next().unwrap_or_default();
        secure_url(checked).map_err(ConfigError::StartUrl)?;
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let text = printable(text, WORD_CHARS_MAX);
            return Err(ConfigError::StartUrl(AuthorityError::NotAnAddress { text }));
        }
        Ok(Self(text.to_owned()))
    }
}

impl IdentityCenterConfig {
    /// An instance at AWS, asked for access to accounts.
    pub fn new(start_url: StartUrl, region: Region) -> Self {
        let scopes = vec![ACCOUNT_ACCESS.to_owned()];
        Self { start_url, region, scopes, oidc_endpoint: None, portal_endpoint: None }
    }

    /// Returns the short name that stands for a sign-in at this instance in keychains and lock files.
    ///
    /// An endpoint named by the user makes another name: whoever writes a profile must not be able to have a token
    /// that was given by AWS sent to a host of theirs.
    pub fn key(&self, label: &str) -> String {
        let named = |endpoint: &Option<Url>| endpoint.as_ref().map(Url::to_string);
        let mut parts = vec![self.start_url.as_str(), self.region.as_str(), label];
        let (oidc, portal) = (named(&self.oidc_endpoint), named(&self.portal_endpoint));
        if oidc.is_some() || portal.is_some() {
            parts.extend([oidc.as_deref().unwrap_or_default(), portal.as_deref().unwrap_or_default()]);
        }
        hash_of(&parts)
    }

    pub(super) fn endpoints(&self) -> Result<Endpoints, ConfigError> {
        if self.scopes.is_empty() {
            return Err(ConfigError::ScopesMissing);
        }
        for scope in &self.scopes {
            // RFC 6749 section 3.3.
            let good = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
            if !((1..=128).contains(&scope.len()) && scope.bytes().all(good)) {
                return Err(ConfigError::Scope { scope: printable(scope, WORD_CHARS_MAX) });
            }
        }
        Ok(Endpoints {
            oidc: self.endpoint("sign-in", "oidc", self.oidc_endpoint.as_ref())?,
            portal: self.endpoint("portal", "portal.sso", self.portal_endpoint.as_ref())?,
        })
    }

    fn endpoint(&self, which: &'static str, host: &str, named: Option<&Url>) -> Result<Url, ConfigError> {
        match named {
            Some(url) => {
                secure_url(url.as_str()).map_err(|source| ConfigError::Endpoint { which, source })?;
                Ok(url.clone())
            }
            None => {
                let suffix = self.region.partition().dns_suffix();
                let text = format!("https://{host}.{}.{suffix}/", self.region);
                // Freely named regions of other servers need not be labels of a host name.
                Url::parse(&text).map_err(|_| ConfigError::Region { region: self.region.clone() })
            }
        }
    }
}

/// Where the two services are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) oidc: Url,
    pub(super) portal: Url,
}

impl Endpoints {
    /// Returns the address of a path at the sign-in service.
    pub(super) fn oidc(&self, path: &str) -> Url {
        at(&self.oidc, path)
    }

    /// Returns the address of a path at the portal.
    pub(super) fn portal(&self, path: &str) -> Url {
        at(&self.portal, path)
    }
}

fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// Where the records of one sign-in lie in the keychain.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    pub(super) key: String,
}

impl Entries {
    pub(super) fn token(&self) -> EntryName {
        EntryName::new(SERVICE, format!("identity-center/{}", self.key))
    }

    /// The registration for sign-ins with a browser here, or by device code.
    pub(super) fn client(&self, by_device_code: bool) -> EntryName {
        let flow = if by_device_code { "device" } else { "browser" };
        EntryName::new(SERVICE, format!("identity-center-client/{}/{flow}", self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(region: &str) -> IdentityCenterConfig {
        let start_url = "https://d-1234567890.awsapps.com/start".parse().unwrap();
        IdentityCenterConfig::new(start_url, region.parse().unwrap())
    }

    #[test]
    fn hosts_follow_region_and_partition() {
        for (region, oidc, portal) in [
            (
                "eu-central-1",
                "https://oidc.eu-central-1.amazonaws.com/token",
                "https://portal.sso.eu-central-1.amazonaws.com/logout",
            ),
            (
                "cn-north-1",
                "https://oidc.cn-north-1.amazonaws.com.cn/token",
                "https://portal.sso.cn-north-1.amazonaws.com.cn/logout",
            ),
            (
                "us-gov-west-1",
                "https://oidc.us-gov-west-1.amazonaws.com/token",
                "https://portal.sso.us-gov-west-1.amazonaws.com/logout",
            ),
            (
                "eusc-de-east-1",
                "https://oidc.eusc-de-east-1.amazonaws.eu/token",
                "https://portal.sso.eusc-de-east-1.amazonaws.eu/logout",
            ),
        ] {
            let endpoints = config(region).endpoints().unwrap();
            assert_eq!(endpoints.oidc("/token").as_str(), oidc);
            assert_eq!(endpoints.portal("/logout").as_str(), portal);
        }
    }

    #[test]
    fn a_named_endpoint_is_taken_if_it_keeps_secrets() {
        let with = |oidc: &str, portal: &str| IdentityCenterConfig {
            oidc_endpoint: Some(oidc.parse().unwrap()),
            portal_endpoint: Some(portal.parse().unwrap()),
            ..config("eu-central-1")
        };
        let endpoints = with("http://127.0.0.1:4711/sso/", "https://vpce.example").endpoints().unwrap();
        assert_eq!(endpoints.oidc("/client/register").as_str(), "http://127.0.0.1:4711/sso/client/register");
        assert_eq!(endpoints.portal("/logout").as_str(), "https://vpce.example/logout");
        for (oidc, portal, which) in [
            ("http://oidc.example", "https://portal.example", "sign-in"),
            ("https://oidc.example", "http://portal.example", "portal"),
            ("https://user@oidc.example", "https://portal.example", "sign-in"),
            ("https://oidc.example", "https://portal.example/?a=b", "portal"),
        ] {
            let refused = with(oidc, portal).endpoints().unwrap_err();
            assert!(
                matches!(refused, ConfigError::Endpoint { which: seen, .. } if seen == which),
                "{refused:?}"
            );
        }
        let unnameable = config("xn--").endpoints().unwrap_err();
        assert!(matches!(unnameable, ConfigError::Region { .. }), "{unnameable:?}");
    }

    #[test]
    fn start_urls_are_portals_and_keep_their_text() {
        for good in
            ["https://d-1.awsapps.com/start", "https://d-1.awsapps.com/start#/", "http://127.0.0.1:1/start"]
        {
            assert_eq!(good.parse::<StartUrl>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "d-1.awsapps.com/start",
            "http://d-1.awsapps.com/start",
            "https://a@b/start",
            "ftp://b/",
            "https://b/start#\u{1b}[2J",
        ] {
            let refused = bad.parse::<StartUrl>().unwrap_err();
            assert!(matches!(refused, ConfigError::StartUrl(_)), "{bad}");
            assert!(!format!("{refused:?}").contains('\u{1b}'));
        }
        let url: StartUrl = "https://d-1.awsapps.com/start/".parse().unwrap();
        assert!(url.is_same_as("https://d-1.awsapps.com/start#/"));
        assert!(!url.is_same_as("https://d-1.awsapps.com/"));
    }

    #[test]
    fn scopes_are_words() {
        let with = |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            IdentityCenterConfig { scopes, ..config("eu-central-1") }.endpoints()
        };
        assert!(with(&[ACCOUNT_ACCESS, "codewhisperer:analysis"]).is_ok());
        assert_eq!(with(&[]).unwrap_err(), ConfigError::ScopesMissing);
        for bad in ["", "a b", "a\"", "a\u{7f}"] {
            assert!(matches!(with(&[bad]).unwrap_err(), ConfigError::Scope { .. }), "{bad:?}");
        }
    }

    #[test]
    fn every_instance_person_and_endpoint_has_an_entry_of_its_own() {
        let one = config("eu-central-1");
        let elsewhere = IdentityCenterConfig {
            portal_endpoint: Some("https://a.example".parse().unwrap()),
            ..one.clone()
        };
        let other_door =
            IdentityCenterConfig { oidc_endpoint: Some("https://a.example".parse().unwrap()), ..one.clone() };
        let keys = [
            one.key(""),
            one.key("work"),
            config("eu-west-1").key(""),
            elsewhere.key(""),
            other_door.key(""),
        ];
        let mut different = keys.to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), keys.len());
        assert_eq!(one.key(""), config("eu-central-1").key(""));
        let entries = Entries { key: one.key("work") };
        let names = [entries.token(), entries.client(true), entries.client(false)];
        assert!(
            names.iter().all(|name| !name.account().contains("work") && !name.account().contains("d-123"))
        );
    }
}
