//! The authority: who signs people in, and which issuer its tokens must name.
//!
//! This is the one place that builds a discovery address and the one place that knows Entra's issuer rules. Every
//! other address comes out of the discovery document. It asks nobody: [`Authority::resolve`] is handed the issuer
//! that discovery named.
//!
//! Issuers are compared byte for byte, a trailing slash included, because that is how AWS compares them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use pintail_core::name::Tenant;
use url::{Host, Url};

use super::untrusted::{WORD_CHARS_MAX, printable};

/// Who signs people in: a tenant of Microsoft Entra ID, or any OpenID Connect issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// `origin` without a slash at its end.
    Entra {
        origin: String,
        tenant: Tenant,
    },
    Issuer(String),
}

/// The host of Entra's global cloud.
pub const ENTRA_GLOBAL: &str = "login.microsoftonline.com";
/// The host of Entra for the US government.
pub const ENTRA_US_GOVERNMENT: &str = "login.microsoftonline.us";
/// The host of Entra in China, run by 21Vianet.
pub const ENTRA_CHINA: &str = "login.partner.microsoftonline.cn";

/// What stands for the tenant in the issuer that `common` and `organizations` publish.
const TENANT_PLACE: &str = "{tenantid}";

/// Why an authority was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// It is no absolute http or https address with a host.
    #[error("\"{text}\" is not an http(s) address with a host")]
    NotAnAddress {
        /// The text as given, made printable.
        text: String,
    },
    /// It is plain http to another machine, where anyone on the way could read and change the sign-in.
    #[error("\"{text}\" is not encrypted: plain http is accepted for this machine only")]
    NotEncrypted {
        /// The text as given, made printable.
        text: String,
    },
    /// It holds a user name, a query or a fragment, which an issuer must not have.
    #[error("\"{text}\" holds a user name, a query or a fragment")]
    Decorated {
        /// The text as given, made printable.
        text: String,
    },
    /// A host of Entra was given with a path.
    #[error("\"{text}\" is not a host alone")]
    NotAHost {
        /// The text as given, made printable.
        text: String,
    },
}

impl Authority {
    /// Makes the authority of a tenant in Entra's global cloud.
    pub fn entra(tenant: Tenant) -> Self {
        Self(Kind::Entra { origin: format!("https://{ENTRA_GLOBAL}"), tenant })
    }

    /// Makes the authority of a tenant at another host: a national cloud (`login.microsoftonline.us`) or an imitation of
    /// Entra on this machine (`http://127.0.0.1:8080`).
    pub fn entra_at(host: &str, tenant: Tenant) -> Result<Self, AuthorityError> {
        let host = host.trim().trim_end_matches('/');
        let text = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
        let url = secure_url(&text)?;
        if url.path() != "/" {
            return Err(AuthorityError::NotAHost { text: printable(host, WORD_CHARS_MAX) });
        }
        Ok(Self(Kind::Entra { origin: url.origin().ascii_serialization(), tenant }))
    }

    /// Makes the authority of an issuer given by its exact name, such as `https://idp.example.com/realms/x`.
    ///
    /// The issuer of a tenant at one of Entra's hosts becomes that tenant's authority.
    pub fn issuer(text: &str) -> Result<Self, AuthorityError> {
        let text = text.trim();
        let url = secure_url(text)?;
        let entra_host = url.scheme() == "https"
            && url.port().is_none()
            && [ENTRA_GLOBAL, ENTRA_US_GOVERNMENT, ENTRA_CHINA].contains(&url.host_str().unwrap_or_default());
        if entra_host
            && let Some(tenant) = url.path().strip_prefix('/').and_then(|path| path.strip_suffix("/v2.0"))
            && let Ok(tenant) = tenant.parse()
        {
            return Ok(Self(Kind::Entra { origin: url.origin().ascii_serialization(), tenant }));
        }
        Ok(Self(Kind::Issuer(text.to_owned())))
    }

    /// Returns the address of the discovery document.
    pub fn discovery_url(&self) -> Url {
        // OpenID Connect Discovery 4: a slash at the end of the issuer is taken off before the path is added.
        let text = format!("{}/.well-known/openid-configuration", self.base().trim_end_matches('/'));
        text.parse().expect("an origin or issuer that was parsed, with a plain path added")
    }

    /// Returns the tenant, for Entra.
    pub fn tenant(&self) -> Option<&Tenant> {
        match &self.0 {
            Kind::Entra { tenant, .. } => Some(tenant),
            Kind::Issuer(_) => None,
        }
    }

    /// Decides, from the issuer that discovery named, which issuer a token must name.
    pub fn resolve(&self, discovered: &str) -> Result<IssuerRule, IssuerMismatch> {
        let expected = match &self.0 {
            Kind::Issuer(issuer) => issuer.clone(),
            Kind::Entra { origin, tenant: Tenant::Guid(guid) } => entra_issuer(origin, guid),
            Kind::Entra { origin, tenant: Tenant::Consumers } => entra_issuer(origin, Tenant::CONSUMERS_GUID),
            Kind::Entra { origin, tenant: Tenant::Common | Tenant::Organizations } => {
                entra_issuer(origin, TENANT_PLACE)
            }
            Kind::Entra { origin, tenant: Tenant::Domain(_) } => match guid_of(origin, discovered) {
                Some(guid) => entra_issuer(origin, &guid),
                None => {
                    // Nothing it could equal: the GUID is a place holder for the person who reads this.
                    let expected = entra_issuer(origin, "GUID");
                    return Err(IssuerMismatch { expected, seen: printable(discovered, WORD_CHARS_MAX) });
                }
            },
        };
        if discovered != expected {
            return Err(IssuerMismatch { expected, seen: printable(discovered, WORD_CHARS_MAX) });
        }
        Ok(match &self.0 {
            Kind::Issuer(_) => {
                let tenant = guid_in_entras_place(&expected);
                IssuerRule(Rule::Exact { issuer: expected, tenant })
            }
            Kind::Entra { tenant: Tenant::Common | Tenant::Organizations, origin } => {
                IssuerRule(Rule::PerTenant { origin: origin.clone() })
            }
            Kind::Entra { origin, .. } => {
                let tenant = guid_of(origin, &expected);
                IssuerRule(Rule::Exact { issuer: expected, tenant })
            }
        })
    }

    fn base(&self) -> String {
        match &self.0 {
            Kind::Entra { origin, tenant } => entra_issuer(origin, &tenant.to_string()),
            Kind::Issuer(issuer) => issuer.clone(),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base())
    }
}

impl FromStr for Authority {
    type Err = AuthorityError;

    fn from_str(text: &str) -> Result<Self, AuthorityError> {
        Self::issuer(text)
    }
}

fn entra_issuer(origin: &str, tenant: &str) -> String {
    format!("{origin}/{tenant}/v2.0")
}

/// Returns the tenant's GUID out of an issuer of the right form at the right host.
fn guid_of(origin: &str, issuer: &str) -> Option<String> {
    let tenant = issuer.strip_prefix(origin)?.strip_prefix('/')?.strip_suffix("/v2.0")?;
    is_exact_guid(tenant).then(|| tenant.to_owned())
}

/// Returns the tenant's GUID out of an issuer that ends as Entra's do, at whatever host: a private cloud, a gateway.
fn guid_in_entras_place(issuer: &str) -> Option<String> {
    let tenant = issuer.strip_suffix("/v2.0")?.rsplit('/').next()?;
    is_exact_guid(tenant).then(|| tenant.to_owned())
}

/// Tells whether a text is a GUID as Entra writes it, in lower case.
fn is_exact_guid(text: &str) -> bool {
    matches!(text.parse(), Ok(Tenant::Guid(guid)) if guid == text)
}

/// Two issuers that should be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the issuer is \"{seen}\" and not \"{expected}\"")]
pub struct IssuerMismatch {
    /// The issuer that was asked for.
    pub expected: String,
    /// The issuer that was named, made printable.
    pub seen: String,
}

/// Which issuer a token must name, as decided by [`Authority::resolve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRule(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Exact { issuer: String, tenant: Option<String> },
    PerTenant { origin: String },
}

impl IssuerRule {
    /// Returns the one issuer, if there is only one.
    pub fn issuer(&self) -> Option<&str> {
        match &self.0 {
            Rule::Exact { issuer, .. } => Some(issuer),
            Rule::PerTenant { .. } => None,
        }
    }

    /// Returns the GUID that a token's `tid` must equal, if one is known beforehand.
    pub fn tenant(&self) -> Option<&str> {
        match &self.0 {
            Rule::Exact { tenant, .. } => tenant.as_deref(),
            Rule::PerTenant { .. } => None,
        }
    }

    /// Tells whether tokens come from Entra and therefore must have a `tid`.
    pub fn wants_tenant(&self) -> bool {
        matches!(&self.0, Rule::PerTenant { .. } | Rule::Exact { tenant: Some(_), .. })
    }

    /// Checks the issuer of a token, given the token's `tid`.
    pub fn check(&self, seen: &str, tid: Option<&str>) -> Result<(), IssuerMismatch> {
        let expected = match &self.0 {
            Rule::Exact { issuer, .. } => issuer.clone(),
            Rule::PerTenant { origin } => {
                let tenant = tid.filter(|tid| is_exact_guid(tid)).unwrap_or(TENANT_PLACE);
                entra_issuer(origin, tenant)
            }
        };
        if seen == expected && !seen.contains(TENANT_PLACE) {
            return Ok(());
        }
        Err(IssuerMismatch { expected, seen: printable(seen, WORD_CHARS_MAX) })
    }

    /// Checks the issuer that an authorization answer names (RFC 9207), where no `tid` is at hand.
    pub fn check_answer(&self, seen: &str) -> Result<(), IssuerMismatch> {
        match &self.0 {
            Rule::Exact { .. } => self.check(seen, None),
            Rule::PerTenant { origin } => self.check(seen, guid_of(origin, seen).as_deref()),
        }
    }
}

/// Parses an address that tokens may travel to: https, or http to this machine, and nothing else in it.
pub(crate) fn secure_url(text: &str) -> Result<Url, AuthorityError> {
    let shown = || printable(text, WORD_CHARS_MAX);
    let url = Url::parse(text).map_err(|_| AuthorityError::NotAnAddress { text: shown() })?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(AuthorityError::NotEncrypted { text: shown() }),
        _ => return Err(AuthorityError::NotAnAddress { text: shown() }),
    }
    let decorated = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if decorated {
        return Err(AuthorityError::Decorated { text: shown() });
    }
    Ok(url)
}

/// Tells whether an address names this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "5affffff-0000-4000-8000-00000000000a";

    fn tenant(text: &str) -> Tenant {
        text.parse().unwrap()
    }

    #[test]
    fn one_builder_makes_every_discovery_address() {
        let entra = |host, of| Authority::entra_at(host, tenant(of)).unwrap().discovery_url().to_string();
        let well_known = ".well-known/openid-configuration";
        assert_eq!(
            Authority::entra(tenant(GUID)).discovery_url().as_str(),
            format!("https://login.microsoftonline.com/{GUID}/v2.0/{well_known}")
        );
        assert_eq!(
            entra(ENTRA_US_GOVERNMENT, "contoso.com"),
            format!("https://login.microsoftonline.us/contoso.com/v2.0/{well_known}")
        );
        assert_eq!(
            entra("http://127.0.0.1:8080/", "common"),
            format!("http://127.0.0.1:8080/common/v2.0/{well_known}")
        );
        for issuer in ["https://idp.example/realms/x", "https://idp.example/realms/x/"] {
            assert_eq!(
                Authority::issuer(issuer).unwrap().discovery_url().as_str(),
                format!("https://idp.example/realms/x/{well_known}")
            );
        }
    }

    #[test]
    fn an_issuer_at_entras_host_is_entra() {
        let text = format!("https://login.microsoftonline.com/{GUID}/v2.0");
        assert_eq!(text.parse(), Ok(Authority::entra(tenant(GUID))));
        assert_eq!(Authority::issuer(&text).unwrap().to_string(), text);
        let other = Authority::issuer(&format!("https://idp.example/{GUID}/v2.0")).unwrap();
        assert_eq!(other.tenant(), None);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in ["http://127.0.0.1:1", "http://localhost:8080/x", "http://[::1]:9", "https://idp.example"]
        {
            assert!(Authority::issuer(good).is_ok(), "{good}");
        }
        let refused = |text: &str| Authority::issuer(text).unwrap_err();
        assert!(matches!(refused("http://idp.example"), AuthorityError::NotEncrypted { .. }));
        assert!(matches!(refused("http://127.0.0.1.example"), AuthorityError::NotEncrypted { .. }));
        assert!(matches!(refused("ftp://idp.example"), AuthorityError::NotAnAddress { .. }));
        assert!(matches!(refused("idp.example"), AuthorityError::NotAnAddress { .. }));
        assert!(matches!(refused("https://me@idp.example"), AuthorityError::Decorated { .. }));
        assert!(matches!(refused("https://idp.example/?x=1"), AuthorityError::Decorated { .. }));
        assert!(matches!(
            Authority::entra_at("https://idp.example/path", tenant(GUID)),
            Err(AuthorityError::NotAHost { .. })
        ));
    }

    #[test]
    fn issuers_match_byte_for_byte() {
        let exact = format!("https://login.microsoftonline.com/{GUID}/v2.0");
        let authority = Authority::entra(tenant(GUID));
        let rule = authority.resolve(&exact).unwrap();
        assert_eq!(rule.issuer(), Some(exact.as_str()));
        assert_eq!(rule.tenant(), Some(GUID));
        for wrong in [
            format!("{exact}/"),
            exact.to_uppercase(),
            format!("https://sts.windows.net/{GUID}/"),
            exact.replace("5a", "5b"),
        ] {
            let mismatch = authority.resolve(&wrong).unwrap_err();
            assert_eq!(
                (mismatch.expected.as_str(), mismatch.seen.as_str()),
                (exact.as_str(), wrong.as_str())
            );
            assert!(rule.check(&wrong, Some(GUID)).is_err());
        }
        let plain = Authority::issuer("https://idp.example/x/").unwrap();
        assert!(plain.resolve("https://idp.example/x").is_err());
        assert!(plain.resolve("https://idp.example/x/").is_ok_and(|rule| !rule.wants_tenant()));
    }

    #[test]
    fn a_domain_resolves_to_the_guid_that_discovery_names() {
        let authority = Authority::entra(tenant("contoso.com"));
        let rule = authority.resolve(&format!("https://login.microsoftonline.com/{GUID}/v2.0")).unwrap();
        assert_eq!(rule.tenant(), Some(GUID));
        for wrong in [
            "https://login.microsoftonline.com/contoso.com/v2.0".to_owned(),
            format!("https://evil.example/{GUID}/v2.0"),
            "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(),
            "https://login.microsoftonline.com/GUID/v2.0".to_owned(),
        ] {
            assert!(authority.resolve(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn common_is_allowed_and_follows_the_tokens_tenant() {
        let authority = Authority::entra(Tenant::Common);
        let rule = authority.resolve("https://login.microsoftonline.com/{tenantid}/v2.0").unwrap();
        assert!(rule.issuer().is_none() && rule.wants_tenant());
        let of = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        assert!(rule.check(&of(GUID), Some(GUID)).is_ok());
        assert!(rule.check_answer(&of(GUID)).is_ok());
        assert!(rule.check(&of(GUID), None).is_err());
        assert!(rule.check(&of(GUID), Some(Tenant::CONSUMERS_GUID)).is_err());
        assert!(rule.check(&of("{tenantid}"), Some("{tenantid}")).is_err());
        assert!(rule.check(&of("x/y"), Some("x/y")).is_err());
        assert!(rule.check_answer(&of("{tenantid}")).is_err());
    }
}
