//! Reads a [`Connection`] from what bookmark, profile and preferences say.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::place::{self, Host};
use super::{
    Authentication, Connection, ConnectionError, IdentityCenter, Issuer, LongTermKey, Redirect,
    SessionLength, SessionWish, StsEndpoint, Way, WayName, WebIdentity, issuer, property,
};
use crate::bookmark::Bookmark;
use crate::name::{BucketName, KeyPrefix, Partition, Region, RoleArn};
use crate::profile::{Effective, Scheme, UnknownWay};
use crate::secret::Secret;
use crate::setting::{self, Layers, Source};

/// The user name that stands for nobody, in Cyberduck's bookmarks.
const ANONYMOUS: &str = "anonymous";

/// What a connection is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The bookmark.
    pub bookmark: &'a Bookmark,
    /// What its profile says.
    pub profile: &'a Effective,
    /// The preferences, by property name.
    pub preferences: &'a dyn Fn(&str) -> Option<String>,
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("profile", &self.profile.vendor).finish_non_exhaustive()
    }
}

impl Sources<'_> {
    /// Returns the value of a property: the bookmark's, else the profile's, else the preferences', under its own name or an
    /// alias. An empty one is none, and the default is not looked at.
    pub fn text(&self, key: &str) -> Option<String> {
        self.found(key).map(|(text, _)| text)
    }

    fn found(&self, key: &str) -> Option<(String, Source)> {
        let filled = |text: &String| !text.is_empty();
        let layers = Layers {
            bookmark: &|name| self.bookmark.custom(name).filter(filled),
            profile: &|name| self.profile.property(name).map(str::to_owned).filter(filled),
            preferences: &|name| (self.preferences)(name).filter(filled),
        };
        let found = layers.find(setting::find(key)?)?;
        (found.source != Source::BuiltIn).then_some((found.value, found.source))
    }

    fn flag(&self, what: &'static str, key: &str) -> Result<Option<bool>, ConnectionError> {
        match self.text(key).as_deref() {
            None => Ok(None),
            Some(text) if text == "1" || text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text == "0" || text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(ConnectionError::Value { what, text: text.to_owned() }),
        }
    }

    fn address(&self, what: &'static str, key: &str) -> Result<Option<Url>, ConnectionError> {
        self.text(key).map(|text| address(what, &text)).transpose()
    }

    fn words(&self, key: &str) -> Vec<String> {
        self.text(key).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    fn needed(
        &self,
        what: &'static str,
        key: &'static str,
        option: &'static str,
    ) -> Result<String, ConnectionError> {
        self.text(key).ok_or(ConnectionError::Missing { what, key, option })
    }
}

impl Connection {
    /// Reads what a bookmark says, with what its profile and the preferences add.
    ///
    /// # Errors
    /// When something needed is missing, or a value breaks its rule.
    pub fn of(sources: &Sources<'_>) -> Result<Self, ConnectionError> {
        let bookmark = sources.bookmark;
        let host = host(sources)?;
        let way = way(sources)?;
        let wish = wish(sources)?;
        let (by_host, bucket, dual_stack_host, other) = match host {
            Host::Aws { region, bucket, dual_stack } => (region, bucket, dual_stack, None),
            Host::Other(url) => (None, None, false, Some(url)),
        };
        let said = sources.text(property::REGION).or_else(|| bookmark.text("Region"));
        let said = match said.or_else(|| sources.profile.region.clone()) {
            Some(region) => Some(region.parse()?),
            None => by_host,
        };
        let region_said = said.is_some();
        let region = said.unwrap_or_else(|| region_of(&way));
        let sts = sources.text(property::STS_ENDPOINT).or_else(|| sources.profile.sts_endpoint.clone());
        Ok(Self {
            way,
            wish,
            read_only: bookmark.text("Readonly").as_deref() == Some("true"),
            sts_endpoint: sts_endpoint(sts.as_deref())?,
            region,
            region_said,
            s3_endpoint: sources.address("S3 endpoint", property::S3_ENDPOINT)?.or(other),
            path_style: sources.flag("path style", property::PATH_STYLE)?,
            dual_stack: sources.flag("dual stack", property::DUAL_STACK)?.unwrap_or(dual_stack_host),
            fips: sources.flag("FIPS", property::FIPS)?.unwrap_or(false),
            requester_pays: sources.flag("requester pays", property::REQUESTER_PAYS)?.unwrap_or(false),
            signin_endpoint: sources.address("console sign-in", property::SIGNIN_ENDPOINT)?,
            default_path: bookmark
                .text("Path")
                .or_else(|| bucket.map(|bucket| format!("/{bucket}")))
                .or_else(|| sources.profile.default_path.clone()),
            ca_bundle: sources.text(property::CA_BUNDLE),
        })
    }
}

fn region_of(way: &Way) -> Region {
    let role = match way {
        Way::WebIdentity(web) => web.roles.first(),
        Way::AssumeRole { role, .. } => Some(role),
        _ => None,
    };
    role.map_or(Partition::Aws, RoleArn::partition).default_region()
}

/// Tells where S3 is by the bookmark's host and port, or the profile's.
fn host(sources: &Sources<'_>) -> Result<Host, ConnectionError> {
    let (bookmark, profile) = (sources.bookmark, sources.profile);
    let port = match bookmark.text("Port") {
        // Cyberduck writes -1 for the usual one.
        Some(text) if text == "-1" => profile.default_port,
        Some(text) => {
            Some(text.parse().map_err(|_| ConnectionError::Value { what: "port", text: text.clone() })?)
        }
        None => profile.default_port,
    };
    let usual = || {
        let region = sources.text(property::REGION).or_else(|| bookmark.text("Region"));
        let by_region = region.or_else(|| profile.region.clone()).and_then(|it| profile.hostname_in(&it));
        by_region.or_else(|| profile.default_hostname.clone().filter(|_| !profile.asks_hostname))
    };
    match bookmark.text("Hostname").or_else(usual) {
        Some(host) => place::read(&host, port, profile.scheme != Some(Scheme::Http)),
        None if sources.text(property::S3_ENDPOINT).is_some() => {
            Ok(Host::Aws { region: None, bucket: None, dual_stack: false })
        }
        None => Err(ConnectionError::Missing { what: "host", key: "Hostname", option: "--endpoint" }),
    }
}

fn way(sources: &Sources<'_>) -> Result<Way, ConnectionError> {
    let username = sources.bookmark.text("Username");
    let said = sources.text(property::WAY).map(|text| {
        text.parse().map_err(|error: UnknownWay| ConnectionError::Value { what: "way in", text: error.text })
    });
    let said = said.transpose()?;
    let web = [property::ISSUER, property::TENANT];
    let name = match said {
        Some(name) => name,
        None if username.as_deref() == Some(ANONYMOUS) => WayName::Anonymous,
        None if web.iter().any(|key| sources.bookmark.custom(key).is_some()) => WayName::WebIdentity,
        None => sources.profile.way().unwrap_or(WayName::Keys),
    };
    let key = || match username.clone() {
        Some(id) => Ok(LongTermKey { id }),
        None => Err(ConnectionError::Missing {
            what: "access key ID",
            key: "Username",
            option: "--access-key-id",
        }),
    };
    Ok(match name {
        WayName::WebIdentity => Way::WebIdentity(Box::new(web_identity(sources)?)),
        WayName::Keys => Way::Keys(key()?),
        WayName::Anonymous => Way::Anonymous,
        WayName::AwsProfile => Way::AwsProfile {
            profile: sources.text(property::AWS_PROFILE).or(username).unwrap_or_else(|| "default".to_owned()),
        },
        WayName::InstanceMetadata => Way::InstanceMetadata { endpoint: metadata_endpoint(sources)? },
        WayName::ContainerMetadata => container(sources)?,
        WayName::AssumeRole => Way::AssumeRole {
            key: key()?,
            role: sources.needed("role ARN", property::ROLE, "--role-arn")?.parse()?,
            mfa_serial: sources.text(property::MFA_SERIAL),
        },
        WayName::SessionToken => {
            Way::SessionToken { key: key()?, mfa_serial: sources.text(property::MFA_SERIAL) }
        }
        WayName::IdentityCenter => Way::IdentityCenter(Box::new(identity_center(sources)?)),
    })
}

/// A bookmark or profile of others names the documented addresses only (EC2 User Guide, "Access instance metadata"): whoever
/// answers elsewhere would choose whose account is written to.
fn metadata_endpoint(sources: &Sources<'_>) -> Result<Option<Url>, ConnectionError> {
    let what = "metadata endpoint (in bookmark and profile 169.254.169.254 or fd00:ec2::254; another in the preferences)";
    let context = sources.profile.context.clone().filter(|text| text.contains("://"));
    let said =
        sources.found(property::METADATA_ENDPOINT).or_else(|| context.map(|text| (text, Source::Profile)));
    let Some((text, source)) = said else { return Ok(None) };
    let url = address(what, &text)?;
    let documented = matches!(url.host_str(), Some("169.254.169.254" | "[fd00:ec2::254]"));
    if documented || source == Source::Preferences {
        Ok(Some(url))
    } else {
        Err(ConnectionError::Value { what, text })
    }
}

/// The token is for the endpoint beside which it is named, or for that of the environment.
fn container(sources: &Sources<'_>) -> Result<Way, ConnectionError> {
    let endpoint = sources.found(property::CONTAINER_ENDPOINT);
    let token_file = sources.found(property::CONTAINER_TOKEN_FILE);
    if let (Some((_, place)), Some((text, beside))) = (&endpoint, &token_file)
        && place != beside
    {
        let what = "container token file (it has to stand where the endpoint stands)";
        return Err(ConnectionError::Value { what, text: text.clone() });
    }
    Ok(Way::ContainerMetadata {
        endpoint: endpoint.map(|(text, _)| address("container endpoint", &text)).transpose()?,
        token_file: token_file.map(|(text, _)| text),
    })
}

fn web_identity(sources: &Sources<'_>) -> Result<WebIdentity, ConnectionError> {
    let profile = sources.profile;
    let mut roles: Vec<RoleArn> = Vec::new();
    for text in sources.text(property::ROLE).into_iter().chain(sources.words(property::MORE_ROLES)) {
        let role = text.parse()?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    let usual = ["openid", "profile", "offline_access"];
    let mut extra_scopes = sources.words(property::SCOPES);
    extra_scopes.extend(profile.scopes.iter().filter(|scope| !usual.contains(&scope.as_str())).cloned());
    let client_id =
        sources.text(property::CLIENT_ID).or_else(|| profile.oauth_client_id.value().map(str::to_owned));
    Ok(WebIdentity {
        issuer: issuer_of(sources)?,
        client_id: client_id
            .ok_or(ConnectionError::Missing {
                what: "client ID",
                key: property::CLIENT_ID,
                option: "--client-id",
            })?
            .parse()?,
        authentication: authentication(sources)?,
        extra_scopes,
        redirect: redirect(sources.text(property::REDIRECT).or_else(|| profile.oauth_redirect_url.clone()))?,
        login_hint: sources.bookmark.text("Username"),
        roles,
    })
}

/// The bookmark's own issuer or tenant wins over anything a profile says.
fn issuer_of(sources: &Sources<'_>) -> Result<Issuer, ConnectionError> {
    let own = |key: &str| sources.bookmark.custom(key);
    // A profile that signs in at another cloud does so for every tenant.
    let of_profile = of_profile(sources);
    let elsewhere = match &of_profile {
        Ok(Some(Issuer::Entra { authority, .. })) => authority.clone(),
        _ => None,
    };
    let entra = |tenant: String| -> Result<Issuer, ConnectionError> {
        Ok(Issuer::Entra {
            tenant: tenant.parse()?,
            authority: sources.address("authority", property::AUTHORITY)?.or_else(|| elsewhere.clone()),
        })
    };
    match (own(property::ISSUER), own(property::TENANT)) {
        (Some(issuer), _) => return Ok(Issuer::Other(issuer.parse()?)),
        (None, Some(tenant)) => return entra(tenant),
        (None, None) => {}
    }
    if let Some(issuer) = sources.text(property::ISSUER) {
        return Ok(Issuer::Other(issuer.parse()?));
    }
    if let Some(tenant) = sources.text(property::TENANT) {
        return entra(tenant);
    }
    let missing = ConnectionError::Missing {
        what: "tenant or issuer",
        key: property::TENANT,
        option: "--tenant or --issuer",
    };
    match of_profile? {
        Some(Issuer::Entra { tenant, authority }) => Ok(Issuer::Entra {
            tenant,
            authority: sources.address("authority", property::AUTHORITY)?.or(authority),
        }),
        Some(issuer) => Ok(issuer),
        None => Err(missing),
    }
}

/// The issuer behind the profile's authorization address, if there is one and it can be told.
fn of_profile(sources: &Sources<'_>) -> Result<Option<Issuer>, ConnectionError> {
    let Some(text) = &sources.profile.oauth_authorization_url else { return Ok(None) };
    let own = sources.bookmark.text("Hostname").or_else(|| sources.profile.default_hostname.clone());
    let port = sources.profile.default_port.unwrap_or(443);
    let url = sources.profile.address(text, &own.unwrap_or_default(), port);
    let unreadable = || ConnectionError::Value { what: "authorization address", text: text.clone() };
    Ok(issuer::of_authorization_url(&url.ok_or_else(unreadable)?))
}

fn identity_center(sources: &Sources<'_>) -> Result<IdentityCenter, ConnectionError> {
    let start = sources.needed("start address", property::SSO_START_URL, "--sso-start-url")?;
    let region = sources.needed("region of IAM Identity Center", property::SSO_REGION, "--sso-region")?;
    Ok(IdentityCenter {
        start_url: address("start address", &start)?,
        region: region.parse()?,
        account: sources.text(property::SSO_ACCOUNT).map(|text| text.parse()).transpose()?,
        role_name: sources.text(property::SSO_ROLE),
        oidc_endpoint: sources.address("sign-in endpoint", property::SSO_OIDC_ENDPOINT)?,
        portal_endpoint: sources.address("portal endpoint", property::SSO_PORTAL_ENDPOINT)?,
        label: sources.bookmark.text("Username"),
    })
}

fn wish(sources: &Sources<'_>) -> Result<SessionWish, ConnectionError> {
    let tags = sources.words(property::TAGS).into_iter().map(|text| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(ConnectionError::Value { what: "session tag (key=value)", text }),
    });
    Ok(SessionWish {
        name: sources.text(property::SESSION_NAME).map(|text| text.parse()).transpose()?,
        length: sources
            .text(property::DURATION)
            .map_or(Ok(SessionLength::Longest), |text| duration(&text))?,
        policy: sources.text(property::POLICY),
        policy_arns: sources.words(property::POLICY_ARNS),
        tags: tags.collect::<Result<_, _>>()?,
        only: sources.text(property::ONLY).map(|text| only(&text)).transpose()?,
        external_id: sources.text(property::EXTERNAL_ID),
        second_role: sources.text(property::SECOND_ROLE).map(|text| text.parse()).transpose()?,
    })
}

/// Parses an address that this program may be sent to: http or https, with a host and no user.
pub(super) fn address(what: &'static str, text: &str) -> Result<Url, ConnectionError> {
    let error = || ConnectionError::Value { what, text: text.to_owned() };
    let url = Url::parse(text).map_err(|_| error())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() {
        Ok(url)
    } else {
        Err(error())
    }
}

/// Reads where STS is. The global address as Cyberduck writes it is not meant as a custom one.
fn sts_endpoint(text: Option<&str>) -> Result<StsEndpoint, ConnectionError> {
    Ok(match text {
        None | Some("regional") => StsEndpoint::Regional,
        Some("global" | "https://sts.amazonaws.com" | "https://sts.amazonaws.com/") => StsEndpoint::Global,
        Some(text) => StsEndpoint::Custom(address("STS endpoint", text)?),
    })
}

fn authentication(sources: &Sources<'_>) -> Result<Authentication, ConnectionError> {
    let path = |what, key: &'static str| sources.needed(what, key, "--certificate and --certificate-key");
    match sources.text(property::AUTHENTICATION).as_deref() {
        None => Ok(sources
            .text(property::CLIENT_SECRET)
            .map(Secret::new)
            .or_else(|| sources.profile.oauth_client_secret.value().map(Secret::new))
            .filter(|secret| !secret.is_empty())
            .map_or(Authentication::Public, Authentication::SecretInFile)),
        Some("secret") => Ok(Authentication::Secret),
        Some("certificate") => Ok(Authentication::Certificate {
            certificate: path("certificate", property::CERTIFICATE)?,
            key: path("certificate key", property::CERTIFICATE_KEY)?,
        }),
        Some(text) => Err(ConnectionError::Value { what: "authentication", text: text.to_owned() }),
    }
}

fn redirect(text: Option<String>) -> Result<Redirect, ConnectionError> {
    let text = text.unwrap_or_else(|| "http://localhost/".to_owned());
    let error = || ConnectionError::Value { what: "redirect address", text: text.clone() };
    let url = Url::parse(&text).map_err(|_| error())?;
    match url.scheme() {
        "http" if matches!(url.host_str(), Some("localhost" | "127.0.0.1")) => Ok(Redirect::Loopback(url)),
        "http" | "https" | "file" | "javascript" | "data" => Err(error()),
        _ => Ok(Redirect::Scheme(url)),
    }
}

fn duration(text: &str) -> Result<SessionLength, ConnectionError> {
    match text {
        "longest" => return Ok(SessionLength::Longest),
        "service" => return Ok(SessionLength::Service),
        _ => {}
    }
    // STS API reference, AssumeRoleWithWebIdentity: 900 seconds to 12 hours.
    match text.parse() {
        Ok(seconds @ 900..=43_200) => Ok(SessionLength::Exactly(Duration::from_secs(seconds))),
        _ => Err(ConnectionError::Value {
            what: "session length (900 to 43200 seconds, longest, or service)",
            text: text.to_owned(),
        }),
    }
}

fn only(text: &str) -> Result<(BucketName, KeyPrefix), ConnectionError> {
    let path = text.strip_prefix("s3://").unwrap_or(text);
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    Ok((bucket.parse()?, prefix.parse()?))
}

#[cfg(test)]
mod tests;
