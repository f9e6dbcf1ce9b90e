//! Reads a [`Connection`] from what bookmark, profile and preferences say.

use std::time::Duration;

use url::Url;

use super::place::{self, Host};
use super::sources::{PLACES, Sources, address};
use super::{
    Authentication, Connection, ConnectionError, IdentityCenter, Issuer, LongTermKey, Redirect,
    SessionLength, SessionWish, StsEndpoint, Way, WayName, WebIdentity, issuer, property,
};
use crate::name::{BucketName, KeyPrefix, Partition, Region, RoleArn};
use crate::profile::{Answer, Authorization, UnknownWay};
use crate::secret::Secret;
use crate::setting::Source;
use crate::web_address;

/// The user name that stands for nobody, in Cyberduck's bookmarks.
const ANONYMOUS: &str = "anonymous";

impl Connection {
    /// Reads what a bookmark says, with what its profile and the preferences add.
    ///
    /// # Errors
    /// When something needed is missing, or a value breaks its rule.
    pub fn of(sources: &Sources<'_>) -> Result<Self, ConnectionError> {
        let bookmark = sources.bookmark;
        let place = place::find(sources)?;
        let way = way(sources)?;
        if sources.profile.authorization == Authorization::Signature2 && way != Way::Anonymous {
            return Err(ConnectionError::Signature2);
        }
        let wish = wish(sources)?;
        let (by_host, partition, bucket, dual_stack, fips, other) = match place.host {
            Host::Aws(host) => (host.region, host.partition, host.bucket, host.dual_stack, host.fips, None),
            Host::Other { url, region } => (region, Partition::Aws, None, false, false, Some(url)),
        };
        let said = region(sources, by_host, place.source)?;
        let region_said = said.is_some();
        let region = said.unwrap_or_else(|| match partition {
            Partition::Aws => region_of(&way),
            partition => partition.default_region(),
        });
        let read_only = bookmark.flag("Readonly");
        Ok(Self {
            way,
            wish,
            // A word that is no switch may have meant "yes": what keeps somebody safe does not fail open.
            read_only: read_only
                .map_err(|text| ConnectionError::Value { what: "Readonly (true or false)", text })?
                .unwrap_or(false),
            sts_endpoint: sts_endpoint(sources.text(property::STS_ENDPOINT).as_deref())?,
            region,
            region_said,
            s3_endpoint: other,
            path_style: sources.flag("path style", property::PATH_STYLE)?,
            dual_stack: sources.flag("dual stack", property::DUAL_STACK)?.unwrap_or(dual_stack),
            fips: sources.flag("FIPS", property::FIPS)?.unwrap_or(fips),
            requester_pays: sources.flag("requester pays", property::REQUESTER_PAYS)?.unwrap_or(false),
            signin_endpoint: sources.address("console sign-in", property::SIGNIN_ENDPOINT)?,
            default_path: match (bookmark.text("Path"), bucket) {
                // A path beside a host with a bucket in it is one inside the bucket.
                (Some(path), Some(bucket)) if path.trim_matches('/').is_empty() => Some(format!("/{bucket}")),
                (Some(path), Some(bucket)) => Some(format!("/{bucket}/{}", path.trim_start_matches('/'))),
                (None, Some(bucket)) => Some(format!("/{bucket}")),
                (Some(path), None) => Some(path),
                (None, None) => sources.profile.default_path.clone(),
            },
            ca_bundle: sources.text(property::CA_BUNDLE),
        })
    }
}

/// Finds the region that is said: the bookmark's, its host's, the profile's, its host's, the preferences'.
fn region(
    sources: &Sources<'_>,
    mut by_host: Option<Region>,
    host_of: Source,
) -> Result<Option<Region>, ConnectionError> {
    for place in PLACES {
        if let Some(text) = sources.at(place, property::REGION) {
            return Ok(Some(text.parse()?));
        }
        if place == host_of && by_host.is_some() {
            return Ok(by_host.take());
        }
    }
    Ok(None)
}

fn region_of(way: &Way) -> Region {
    let role = match way {
        Way::WebIdentity(web) => web.roles.first(),
        Way::AssumeRole { role, .. } => Some(role),
        _ => None,
    };
    role.map_or(Partition::Aws, RoleArn::partition).default_region()
}

/// Decides on the way place by place: a bookmark's issuer tells it as well as the word does, and so do a profile's keys.
fn way_name(sources: &Sources<'_>) -> Result<WayName, ConnectionError> {
    let said = |place| {
        let word = sources.at(place, property::WAY).map(|text| text.parse());
        word.transpose()
            .map_err(|error: UnknownWay| ConnectionError::Value { what: "way in", text: error.text })
    };
    if let Some(name) = said(Source::Bookmark)? {
        return Ok(name);
    }
    if sources.bookmark.text("Username").as_deref() == Some(ANONYMOUS) {
        return Ok(WayName::Anonymous);
    }
    let web = [property::ISSUER, property::TENANT];
    if web.iter().any(|key| sources.at(Source::Bookmark, key).is_some()) {
        return Ok(WayName::WebIdentity);
    }
    if let Some(name) = said(Source::Profile)? {
        return Ok(name);
    }
    if let Some(name) = sources.profile.way_told() {
        return Ok(name);
    }
    Ok(said(Source::Preferences)?.unwrap_or(WayName::Keys))
}

fn way(sources: &Sources<'_>) -> Result<Way, ConnectionError> {
    let username = sources.bookmark.text("Username");
    let key = || match username.clone() {
        Some(id) => Ok(LongTermKey { id }),
        None => Err(ConnectionError::Missing {
            what: "access key ID",
            key: "Username",
            option: "--access-key-id",
        }),
    };
    Ok(match way_name(sources)? {
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
    let Some((text, source)) = sources.found(property::METADATA_ENDPOINT) else { return Ok(None) };
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
    let mut roles: Vec<RoleArn> = Vec::new();
    for text in sources.text(property::ROLE).into_iter().chain(sources.words(property::MORE_ROLES)) {
        let role = text.parse()?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    let usual = ["openid", "profile", "offline_access"];
    let mut extra_scopes = sources.words(property::SCOPES);
    let of_profile = sources.profile.scopes.iter();
    extra_scopes.extend(of_profile.filter(|scope| !usual.contains(&scope.as_str())).cloned());
    Ok(WebIdentity {
        issuer: issuer_of(sources)?,
        client_id: sources.needed("client ID", property::CLIENT_ID, "--client-id")?.parse()?,
        authentication: authentication(sources)?,
        extra_scopes,
        redirect: redirect(sources.text(property::REDIRECT).as_deref())?,
        login_hint: sources.bookmark.text("Username"),
        roles,
    })
}

/// Issuer, tenant and authority are decided together, in the strongest place that names one of the first two: a tenant is
/// never looked for at a weaker place's authority. A profile names them by properties, or by where a person signs in.
fn issuer_of(sources: &Sources<'_>) -> Result<Issuer, ConnectionError> {
    for place in PLACES {
        if let Some(issuer) = sources.at(place, property::ISSUER) {
            return Ok(Issuer::Other(issuer.parse()?));
        }
        if let Some(tenant) = sources.at(place, property::TENANT) {
            return Ok(Issuer::Entra { tenant: tenant.parse()?, authority: authority_of(sources)? });
        }
        let by_url = if place == Source::Profile { issuer_by_url(sources)? } else { None };
        match by_url {
            Some(Issuer::Entra { tenant, .. }) => {
                return Ok(Issuer::Entra { tenant, authority: authority_of(sources)? });
            }
            Some(issuer) => return Ok(issuer),
            None => {}
        }
    }
    Err(ConnectionError::Missing {
        what: "tenant or issuer",
        key: property::TENANT,
        option: "--tenant or --issuer",
    })
}

/// Returns the cloud to sign in at, where it is not the global one: a profile that signs in at another one by its addresses
/// does so for every tenant. Addresses in the global cloud, which every profile of Cyberduck's writes out, decide nothing.
fn authority_of(sources: &Sources<'_>) -> Result<Option<Url>, ConnectionError> {
    for place in PLACES {
        if let Some(named) = sources.address_at(place, "authority", property::AUTHORITY)? {
            return Ok(Some(named));
        }
        if place == Source::Profile
            && let Ok(Some(Issuer::Entra { authority: Some(authority), .. })) = issuer_by_url(sources)
        {
            return Ok(Some(authority));
        }
    }
    Ok(None)
}

/// Tells the issuer by the profile's authorization address, which may be a path at the bookmark's host and port.
fn issuer_by_url(sources: &Sources<'_>) -> Result<Option<Issuer>, ConnectionError> {
    let profile = sources.profile;
    let Some(text) = &profile.oauth_authorization_url else { return Ok(None) };
    let host = sources.bookmark.text("Hostname").or_else(|| profile.default_hostname.clone());
    let port = place::port(sources)?.unwrap_or(443);
    let url = profile.address(text, &host.unwrap_or_default(), port);
    let unreadable =
        || ConnectionError::Value { what: "authorization address", text: web_address::shown(text) };
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
        named_by_subject: sources
            .flag("session name by subject", property::NAMED_BY_SUBJECT)?
            .unwrap_or(false),
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
        None => Ok(secret_in_file(sources).map_or(Authentication::Public, Authentication::SecretInFile)),
        Some("secret") => Ok(Authentication::Secret),
        Some("certificate") => Ok(Authentication::Certificate {
            certificate: path("certificate", property::CERTIFICATE)?,
            key: path("certificate key", property::CERTIFICATE_KEY)?,
        }),
        Some(text) => Err(ConnectionError::Value { what: "authentication", text: text.to_owned() }),
    }
}

/// Returns the secret that stands in a file. An empty one in the profile says that there is none, so that the preferences are
/// not asked.
fn secret_in_file(sources: &Sources<'_>) -> Option<Secret> {
    let none = sources.profile.oauth_client_secret == Answer::Empty;
    let places = PLACES.into_iter().filter(|place| !(none && *place == Source::Preferences));
    places.map(|place| sources.at(place, property::CLIENT_SECRET)).find_map(|found| found).map(Secret::new)
}

/// Reads how the issuer's answer comes back.
pub(super) fn redirect(text: Option<&str>) -> Result<Redirect, ConnectionError> {
    let text = text.unwrap_or("http://localhost/").trim();
    let error = || ConnectionError::Redirect { text: web_address::shown(text) };
    // The page that sends browsers on to the scheme: app registrations for Cyberduck may have either.
    let text = if text.trim_end_matches('/') == "https://cyberduck.io/oauth" {
        "x-cyberduck-action://oauth"
    } else {
        text
    };
    let url = Url::parse(text).map_err(|_| error())?;
    match url.scheme() {
        "http" if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) => {
            Ok(Redirect::Loopback(url))
        }
        "http" | "https" | "file" | "javascript" | "data" | "urn" => Err(error()),
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
