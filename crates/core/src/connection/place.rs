//! From a host name to the place where S3 is: Amazon's, with the region and bucket that the name holds, or another.

use url::Url;

use super::sources::{Sources, address};
use super::{ConnectionError, property};
use crate::name::{Partition, Region};
use crate::profile::{Effective, Scheme};
use crate::setting::Source;
use crate::web_address;

/// What a host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Amazon's S3.
    Aws(Amazon),
    /// Another service, or a private endpoint of Amazon's.
    Other {
        /// Its address.
        url: Url,
        /// The region in the name.
        region: Option<Region>,
    },
}

/// What a host name of Amazon S3 holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amazon {
    /// The partition.
    pub(crate) partition: Partition,
    /// The region in the name.
    pub(crate) region: Option<Region>,
    /// The bucket in the name.
    pub(crate) bucket: Option<String>,
    /// The name asks for IPv6 addresses too.
    pub(crate) dual_stack: bool,
    /// The name asks for validated cryptography.
    pub(crate) fips: bool,
}

impl Amazon {
    /// Tells whether the name says no more than that it is Amazon's.
    fn is_general(&self) -> bool {
        self.region.is_none() && self.bucket.is_none() && !self.dual_stack && !self.fips
    }
}

/// Where S3 is, and who said it.
pub(super) struct Place {
    pub(super) host: Host,
    pub(super) source: Source,
}

/// Finds out where S3 is. The bookmark's `pintail.s3.endpoint` decides, then its host, then the profile's, then the
/// preferences'. A host that says no more than "Amazon" is what every bookmark has, and gives way to an endpoint; so does
/// the endpoint's own host, which lacks the scheme.
pub(super) fn find(sources: &Sources<'_>) -> Result<Place, ConnectionError> {
    let (bookmark, profile) = (sources.bookmark, sources.profile);
    let what = "S3 endpoint";
    let endpoint = |url: Url, source| {
        let region = url.host_str().and_then(|host| region_in(host, profile));
        Place { host: Host::Other { url, region }, source }
    };
    if let Some(url) = sources.address_at(Source::Bookmark, what, property::S3_ENDPOINT)? {
        return Ok(endpoint(url, Source::Bookmark));
    }
    let mut weaker = None;
    for source in [Source::Profile, Source::Preferences] {
        if weaker.is_none() {
            weaker = sources.address_at(source, what, property::S3_ENDPOINT)?.map(|url| (url, source));
        }
    }
    let own = bookmark.text("Hostname").map(|host| (host, Source::Bookmark));
    let usual = || {
        let by_region = sources.text(property::REGION).and_then(|it| profile.hostname_in(&it));
        let host = by_region.or_else(|| profile.default_hostname.clone().filter(|_| !profile.asks_hostname));
        host.map(|host| (host, Source::Profile))
    };
    let (name, source) = match (own.or_else(usual), weaker) {
        (Some(found), None) => found,
        (None, Some((url, source))) => return Ok(endpoint(url, source)),
        (Some((name, source)), Some((url, by))) => {
            let bare = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
            let same = |other: Option<&str>| other.is_some_and(|other| bare(other) == bare(&name));
            let of_profile = source == Source::Profile || same(profile.default_hostname.as_deref());
            if amazon(&name.to_ascii_lowercase()).is_some_and(|host| host.is_general())
                || same(url.host_str())
                || by == Source::Profile && of_profile
            {
                return Ok(endpoint(url, by));
            }
            (name, source)
        }
        (None, None) => {
            return Err(ConnectionError::Missing { what: "host", key: "Hostname", option: "--endpoint" });
        }
    };
    let mut host = read(&name, port(sources)?, profile.scheme != Some(Scheme::Http))?;
    if let Host::Other { region: region @ None, .. } = &mut host {
        *region = profile.region_of(&name);
    }
    if let Some(path) = profile.context.as_deref().filter(|text| text.starts_with('/') && *text != "/") {
        match &mut host {
            Host::Other { url, .. } => url.set_path(path),
            Host::Aws(_) => return Err(ConnectionError::Context { text: path.to_owned() }),
        }
    }
    Ok(Place { host, source })
}

/// Returns the bookmark's port, else the profile's.
pub(super) fn port(sources: &Sources<'_>) -> Result<Option<u16>, ConnectionError> {
    match sources.bookmark.text("Port") {
        // Cyberduck writes -1 for the usual one.
        Some(text) if text != "-1" => match text.parse() {
            Ok(port) => Ok(Some(port)),
            Err(_) => Err(ConnectionError::Value { what: "port", text }),
        },
        _ => Ok(sources.profile.default_port),
    }
}

fn region_in(host: &str, profile: &Effective) -> Option<Region> {
    let lower = host.to_ascii_lowercase();
    let amazons = amazon(&lower).and_then(|host| host.region);
    amazons.or_else(|| private_link(&lower)).or_else(|| profile.region_of(host))
}

/// Reads a host of a bookmark: `[BUCKET.]s3[-fips][.dualstack][.REGION].amazonaws.com[.cn]`, or anything else.
///
/// Amazon's names are those of its own documentation ("Amazon S3 endpoints and quotas"); an interface endpoint
/// (`….s3.REGION.vpce.amazonaws.com`) is a service of its own, reached as it is written.
pub(crate) fn read(host: &str, port: Option<u16>, tls: bool) -> Result<Host, ConnectionError> {
    let lower = host.trim().to_ascii_lowercase();
    let own_port = port.is_none_or(|port| port == 443);
    let error = || ConnectionError::Value { what: "host", text: web_address::shown(host) };
    let amazons = lower.ends_with(".amazonaws.com") || lower.ends_with(".amazonaws.com.cn");
    if amazons && (lower.contains(".s3-accesspoint.") || lower.contains(".s3-accesspoint-fips.")) {
        return Err(ConnectionError::AccessPoint { host: lower });
    }
    if tls
        && own_port
        && let Some(found) = amazon(&lower)
    {
        return Ok(Host::Aws(found));
    }
    let inner = lower.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&lower);
    let bare = inner.parse::<std::net::Ipv6Addr>().is_ok();
    let name = if bare { format!("[{inner}]") } else { lower.clone() };
    if !bare && lower.contains([':', '/', '?', '#', '@', '\\']) {
        return Err(error());
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let url = address("host", &format!("{}://{name}{port}", if tls { "https" } else { "http" }));
    let url = url.map_err(|_| error())?;
    Ok(Host::Other { url, region: private_link(&lower) })
}

/// Reads a host name in small letters as one of Amazon S3's. `None` for any other, and for a private endpoint's.
pub(crate) fn amazon(host: &str) -> Option<Amazon> {
    let suffixes = [
        (".amazonaws.com.cn", Partition::China),
        (".amazonaws.com", Partition::Aws),
        (".amazonaws.eu", Partition::EuSovereign),
    ];
    let (head, partition) =
        suffixes.into_iter().find_map(|(suffix, partition)| Some((host.strip_suffix(suffix)?, partition)))?;
    if head.ends_with(".vpce") {
        return None;
    }
    let labels: Vec<&str> = head.split('.').collect();
    // The service's label is the last one that reads like it: bucket names may hold one too.
    let at = labels.iter().rposition(|label| service(label).is_some())?;
    let (fips, old_region) = service(labels[at])?;
    let mut after = &labels[at + 1..];
    let dual_stack = after.first() == Some(&"dualstack");
    if dual_stack {
        after = &after[1..];
    }
    let region = match (after, old_region) {
        ([], region) => region,
        ([region], None) => Some(region.parse().ok()?),
        _ => return None,
    };
    let bucket = (at > 0).then(|| labels[..at].join("."));
    let partition = region.as_ref().map_or(partition, Region::partition);
    Some(Amazon { partition, region, bucket, dual_stack, fips })
}

/// Reads the label of the service: `s3`, `s3-fips`, or in the spelling of the oldest regions `s3-REGION`. Tells whether it is
/// the one with validated cryptography, and the region.
fn service(label: &str) -> Option<(bool, Option<Region>)> {
    match label {
        "s3" => Some((false, None)),
        "s3-fips" => Some((true, None)),
        "s3-external-1" => Some((false, Some(Partition::Aws.default_region()))),
        _ => {
            let rest = label.strip_prefix("s3-")?;
            let (fips, region) = rest.strip_prefix("fips-").map_or((false, rest), |rest| (true, rest));
            Some((fips, Some(amazons_region(region)?)))
        }
    }
}

/// Takes a name like `eu-west-1` or `us-gov-east-1`: a short word, more words, a number.
fn amazons_region(text: &str) -> Option<Region> {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, .., last] = parts[..] else { return None };
    let number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    (parts.len() >= 3 && (2..=4).contains(&first.len()) && number).then(|| text.parse().ok())?
}

/// Returns the region of a private endpoint: `….s3.REGION.vpce.amazonaws.com` ("AWS PrivateLink for Amazon S3").
fn private_link(host: &str) -> Option<Region> {
    let head = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".vpce.amazonaws.com")?;
    let (front, region) = head.rsplit_once('.')?;
    (front.ends_with(".s3")).then(|| region.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws(region: Option<&str>, bucket: Option<&str>, switches: &str) -> Host {
        let region: Option<Region> = region.map(|region| region.parse().unwrap());
        Host::Aws(Amazon {
            partition: region.as_ref().map_or(Partition::Aws, Region::partition),
            region,
            bucket: bucket.map(str::to_owned),
            dual_stack: switches.contains("dual"),
            fips: switches.contains("fips"),
        })
    }

    #[test]
    fn amazons_hosts_tell_region_and_bucket() {
        for (host, expected) in [
            ("s3.amazonaws.com", aws(None, None, "")),
            ("S3.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), None, "")),
            ("s3-eu-west-1.amazonaws.com", aws(Some("eu-west-1"), None, "")),
            ("s3-external-1.amazonaws.com", aws(Some("us-east-1"), None, "")),
            ("s3.dualstack.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), None, "dual")),
            ("s3-fips.us-west-2.amazonaws.com", aws(Some("us-west-2"), None, "fips")),
            ("s3-fips.dualstack.us-west-2.amazonaws.com", aws(Some("us-west-2"), None, "fips dual")),
            ("s3-fips-us-gov-west-1.amazonaws.com", aws(Some("us-gov-west-1"), None, "fips")),
            ("files.s3.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), Some("files"), "")),
            ("files.s3-us-west-2.amazonaws.com", aws(Some("us-west-2"), Some("files"), "")),
            ("s3-eu.s3.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), Some("s3-eu"), "")),
            ("a.vpce.b.s3.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), Some("a.vpce.b"), "")),
            ("a.s3.b.s3.amazonaws.com", aws(None, Some("a.s3.b"), "")),
            ("s3.cn-north-1.amazonaws.com.cn", aws(Some("cn-north-1"), None, "")),
            ("s3.eusc-de-east-1.amazonaws.eu", aws(Some("eusc-de-east-1"), None, "")),
        ] {
            assert_eq!(read(host, Some(443), true).unwrap(), expected, "{host}");
        }
        let Host::Aws(china) = read("s3.amazonaws.com.cn", None, true).unwrap() else {
            panic!("not Amazon's")
        };
        assert_eq!((china.partition, china.region), (Partition::China, None));
        for host in [
            "photos-123456789012.s3-accesspoint.eu-west-1.amazonaws.com",
            "photos-123456789012.s3-accesspoint.dualstack.eu-west-1.amazonaws.com",
        ] {
            assert!(matches!(read(host, None, true), Err(ConnectionError::AccessPoint { .. })), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_reached_as_written() {
        for (host, port, tls, expected, region) in [
            ("minio.example", Some(9000), false, "http://minio.example:9000/", None),
            ("minio.example", None, true, "https://minio.example/", None),
            ("127.0.0.1", Some(8333), false, "http://127.0.0.1:8333/", None),
            ("::1", Some(8333), false, "http://[::1]:8333/", None),
            ("[::1]", Some(8333), false, "http://[::1]:8333/", None),
            (
                "bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com",
                Some(443),
                true,
                "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com/",
                Some("eu-west-1"),
            ),
            ("s3.amazonaws.com", Some(8443), true, "https://s3.amazonaws.com:8443/", None),
            (
                "s3-website.eu-west-1.amazonaws.com",
                None,
                true,
                "https://s3-website.eu-west-1.amazonaws.com/",
                None,
            ),
        ] {
            let Host::Other { url, region: found } = read(host, port, tls).unwrap() else {
                panic!("{host} is not Amazon's")
            };
            assert_eq!((url.as_str(), found.as_ref().map(Region::as_str)), (expected, region));
        }
        for wrong in ["", "a b", "host/path", "user@host", "host:80", "host?x", "[::1", "[host]"] {
            assert!(read(wrong, None, true).is_err(), "{wrong}");
        }
        let error = read("user:hunter2@host", None, true).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
