//! From the addresses of a profile to the issuer whose tokens are checked.
//!
//! A profile of Cyberduck names an authorization address and no issuer. For the services people use, the issuer follows from
//! the address; for any other, it has to be said (`pintail.issuer`).

use url::Url;

use super::{Issuer, IssuerAddress};

/// What issuers put after their own address, by OpenID Connect Discovery and their documentation.
const TAILS: [&str; 5] = [
    // Keycloak: https://HOST/realms/REALM/protocol/openid-connect/auth
    "/protocol/openid-connect/auth",
    // Okta: https://ORG.okta.com/oauth2/SERVER/v1/authorize
    "/v1/authorize",
    // PingFederate: https://HOST/as/authorization.oauth2
    "/as/authorization.oauth2",
    // Auth0: https://ORG.auth0.com/authorize; PingOne: https://auth.pingone.com/ENVIRONMENT/as/authorize
    "/authorize",
    "/auth",
];

/// Finds the issuer behind an authorization address. `None` where it cannot be told.
pub(super) fn of_authorization_url(url: &Url) -> Option<Issuer> {
    let segments: Vec<&str> = url.path_segments()?.collect();
    if let [tenant, "oauth2", "v2.0", "authorize"] = segments[..] {
        let global = url.host_str() == Some("login.microsoftonline.com") && url.port().is_none();
        let mut authority = url.clone();
        authority.set_path("/");
        authority.set_query(None);
        return Some(Issuer::Entra {
            tenant: tenant.parse().ok()?,
            authority: (!global).then_some(authority),
        });
    }
    if url.host_str() == Some("accounts.google.com") {
        return "https://accounts.google.com".parse().ok().map(Issuer::Other);
    }
    let tail = TAILS.iter().find(|tail| url.path().ends_with(*tail))?;
    // Okta without a server of its own: https://ORG.okta.com/oauth2/v1/authorize belongs to https://ORG.okta.com.
    let head = url.path().strip_suffix(tail)?;
    let head = if *tail == "/v1/authorize" { head.strip_suffix("/oauth2").unwrap_or(head) } else { head };
    let mut issuer = url.clone();
    issuer.set_path(head);
    issuer.set_query(None);
    issuer.set_fragment(None);
    Some(Issuer::Other(IssuerAddress::of(issuer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(text: &str) -> Option<String> {
        of_authorization_url(&Url::parse(text).unwrap()).map(|issuer| match issuer {
            Issuer::Entra { tenant, authority } => {
                format!("entra {tenant} {}", authority.map_or_else(|| "-".to_owned(), |url| url.to_string()))
            }
            Issuer::Other(url) => url.to_string(),
        })
    }

    #[test]
    fn the_services_people_use_are_known() {
        let entra = "/oauth2/v2.0/authorize";
        for (address, expected) in [
            (format!("https://login.microsoftonline.com/common{entra}"), "entra common -"),
            (format!("https://login.microsoftonline.com/contoso.com{entra}"), "entra contoso.com -"),
            (
                format!("https://login.microsoftonline.us/contoso.com{entra}"),
                "entra contoso.com https://login.microsoftonline.us/",
            ),
            ("https://accounts.google.com/o/oauth2/v2/auth".into(), "https://accounts.google.com"),
            (
                "https://id.example/realms/staff/protocol/openid-connect/auth".into(),
                "https://id.example/realms/staff",
            ),
            (
                "https://org.okta.com/oauth2/default/v1/authorize".into(),
                "https://org.okta.com/oauth2/default",
            ),
            ("https://org.okta.com/oauth2/v1/authorize".into(), "https://org.okta.com/"),
            ("https://org.eu.auth0.com/authorize".into(), "https://org.eu.auth0.com/"),
            ("https://auth.pingone.eu/0000/as/authorize".into(), "https://auth.pingone.eu/0000/as"),
        ] {
            assert_eq!(issuer(&address).as_deref(), Some(expected), "{address}");
        }
        assert_eq!(issuer("https://id.example/sign-in"), None);
    }
}
