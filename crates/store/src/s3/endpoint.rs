//! Where a bucket is reached: the host of a region, its other spellings, and endpoints that are not Amazon's.
//!
//! Pure: from an endpoint, a bucket and a region follows a [`Place`]. Host forms are those of the S3 User Guide
//! ("Virtual hosting of buckets", "Amazon S3 endpoints and quotas", "AWS PrivateLink for Amazon S3").

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;
use pintail_core::name::{AccountId, BucketName, Partition, Region};
use url::{Host, Url};

use crate::transport::{Origin, is_loopback};

/// Whether a bucket is named in the host or in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressingStyle {
    /// `https://HOST/BUCKET/KEY`
    Path,
    /// `https://BUCKET.HOST/KEY`
    VirtualHost,
}

/// An S3 service: Amazon's in a region, or any other by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: ServiceHost,
    region: Region,
    style: AddressingStyle,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ServiceHost {
    Aws { dual_stack: bool, fips: bool },
    Fixed { https: bool, host: String, port: Option<u16>, path: String },
}

/// An address that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} is no S3 endpoint: {rule}")]
pub struct EndpointError {
    /// The address as given.
    pub url: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl Endpoint {
    /// Takes Amazon S3, first asked in this region. Buckets elsewhere are found.
    pub fn aws(region: Region) -> Self {
        Self {
            host: ServiceHost::Aws { dual_stack: false, fips: false },
            region,
            style: AddressingStyle::VirtualHost,
        }
    }

    /// Tells whether it is Amazon S3.
    pub fn is_amazons(&self) -> bool {
        matches!(self.host, ServiceHost::Aws { .. })
    }

    /// Uses the host names that also have IPv6 addresses. Has no effect on other services than Amazon's.
    #[must_use]
    pub fn with_dual_stack(mut self) -> Self {
        if let ServiceHost::Aws { dual_stack, .. } = &mut self.host {
            *dual_stack = true;
        }
        self
    }

    /// Uses the hosts validated for FIPS 140. Has no effect on other services than Amazon's.
    #[must_use]
    pub fn with_fips(mut self) -> Self {
        if let ServiceHost::Aws { fips, .. } = &mut self.host {
            *fips = true;
        }
        self
    }

    /// Names buckets in this way wherever their names allow it.
    #[must_use]
    pub fn with_style(mut self, style: AddressingStyle) -> Self {
        self.style = style;
        self
    }

    /// Takes the service at an address.
    ///
    /// Amazon's own hosts are recognised, so that buckets of other regions are found; so are its PrivateLink hosts
    /// (`vpce-….s3.REGION.vpce.amazonaws.com`, with `*.` or `bucket.` before or nothing). Without a region the one in the
    /// host counts, else `us-east-1`. Buckets go into the path where the host is an IP address or a name without a dot,
    /// else into the host; [`Endpoint::with_style`] decides otherwise.
    ///
    /// # Errors
    /// When the address is not `http` or `https` with a host, or has a query, a fragment or a user.
    pub fn at(url: &Url, region: Option<Region>) -> Result<Self, EndpointError> {
        let fail = |rule| Err(EndpointError { url: without_user(url), rule });
        if !matches!(url.scheme(), "http" | "https") {
            return fail("it begins with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return fail("it names no user");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return fail("it ends with its path");
        }
        let Some(host) = url.host() else { return fail("it has a host") };
        let https = url.scheme() == "https";
        let path = url.path().trim_end_matches('/').to_owned();
        let plain = https && url.port().is_none() && path.is_empty();
        let name = host.to_string();
        match aws_host(&name) {
            Some(AwsHost::Regional { region: own, dual_stack, fips }) if plain => Ok(Self {
                host: ServiceHost::Aws { dual_stack, fips },
                region: region.or(own).unwrap_or_else(|| default_region(&name)),
                style: AddressingStyle::VirtualHost,
            }),
            Some(AwsHost::PrivateLink { region: own, host }) => Ok(Self {
                host: ServiceHost::Fixed { https, host, port: url.port(), path },
                region: region.unwrap_or(own),
                style: AddressingStyle::VirtualHost,
            }),
            Some(AwsHost::Regional { .. }) | None => Ok(Self {
                style: match host {
                    Host::Domain(name) if name.contains('.') && !name.ends_with(".localhost") => {
                        AddressingStyle::VirtualHost
                    }
                    _ => AddressingStyle::Path,
                },
                host: ServiceHost::Fixed { https, host: name, port: url.port(), path },
                region: region.unwrap_or_else(|| Partition::Aws.default_region()),
            }),
        }
    }

    /// Returns how buckets are named wherever their names allow it.
    pub fn style(&self) -> AddressingStyle {
        self.style
    }

    /// Returns the region that is asked first.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Returns the address of a bucket in the region that is asked first, without a slash at its end.
    #[must_use]
    pub fn bucket_address(&self, bucket: &BucketName) -> String {
        let place = self.place(Some(bucket), &self.region);
        let scheme = if place.origin.https { "https" } else { "http" };
        format!("{scheme}://{}{}", place.authority, place.path)
    }

    /// Names the service behind the endpoint: Amazon's partition, in which a bucket's name is one bucket, or host, port and path of any other. How
    /// it is reached (region, TLS, IPv6, PrivateLink) makes no difference, nor how this machine is called.
    #[must_use]
    pub fn service(&self) -> String {
        match &self.host {
            ServiceHost::Fixed { https, host, port, path } if aws_host(host).is_none() => {
                let host = if is_loopback(host) { "localhost" } else { host.as_str() };
                let port = port.unwrap_or(if *https { 443 } else { 80 });
                format!("{host}:{port}{path}")
            }
            _ => format!("{:?}", self.region.partition()),
        }
    }

    /// Tells whether this is Amazon's own service, whose abilities are known.
    pub(super) fn is_aws(&self) -> bool {
        matches!(self.host, ServiceHost::Aws { .. })
    }

    /// Returns where a bucket of a region is reached, or the service itself.
    pub(super) fn place(&self, bucket: Option<&BucketName>, region: &Region) -> Place {
        let (https, host, port, path) = match &self.host {
            ServiceHost::Aws { dual_stack, fips } => {
                (true, aws_name(region, *dual_stack, *fips), None, String::new())
            }
            ServiceHost::Fixed { https, host, port, path } => (*https, host.clone(), *port, path.clone()),
        };
        let (host, path) = match bucket {
            None => (host, path),
            // A dot in the name leaves the reach of a wildcard certificate; other old names are no host labels.
            Some(bucket) if self.style == AddressingStyle::VirtualHost && bucket.fits_virtual_host() => {
                (format!("{bucket}.{host}"), path)
            }
            Some(bucket) => (host, format!("{path}/{bucket}")),
        };
        Place::new(https, &host, port, path, region)
    }

    /// Returns where S3 Control of a region is reached for an account, with the path of a request to it.
    ///
    /// Amazon's has a host of its own with the account before it; at PrivateLink `control.` stands in the place of `bucket.`. Whoever
    /// speaks like Amazon elsewhere is asked at the same address as for objects.
    pub(super) fn control(&self, account: &AccountId, region: &Region, path: &str) -> Place {
        match &self.host {
            ServiceHost::Aws { dual_stack, fips } => {
                let host = aws_service_name("s3-control", region, *dual_stack, *fips);
                Place::new(true, &format!("{account}.{host}"), None, path.to_owned(), region)
            }
            ServiceHost::Fixed { https, host, port, path: before } => {
                let host = match host.strip_prefix("bucket.vpce-") {
                    Some(rest) => format!("{account}.control.vpce-{rest}"),
                    None => host.clone(),
                };
                Place::new(*https, &host, *port, format!("{before}{path}"), region)
            }
        }
    }
}

impl Place {
    fn new(https: bool, host: &str, port: Option<u16>, path: String, region: &Region) -> Self {
        let origin = Origin::new(https, host, port);
        let authority = origin.authority();
        Self {
            host: HeaderValue::from_str(&authority).unwrap_or_else(|_| HeaderValue::from_static("")),
            private: https || is_loopback(host),
            origin,
            authority,
            path,
            region: region.clone(),
            confirmed: AtomicBool::new(false),
        }
    }
}

/// Where requests for one bucket go.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) origin: Origin,
    /// The `Host` header's value.
    pub(super) host: HeaderValue,
    /// The same as text, for the signature.
    pub(super) authority: String,
    /// What stands before the key's own `/`, encoded.
    pub(super) path: String,
    /// The region in the signature.
    pub(super) region: Region,
    /// Nobody on the way can change a body: TLS, or the connection does not leave this machine.
    pub(super) private: bool,
    /// An answer from there has shown that the region is right.
    confirmed: AtomicBool,
}

impl Place {
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Relaxed)
    }

    pub(super) fn confirm(&self) {
        self.confirmed.store(true, Ordering::Relaxed);
    }
}

fn aws_name(region: &Region, dual_stack: bool, fips: bool) -> String {
    aws_service_name("s3", region, dual_stack, fips)
}

fn aws_service_name(service: &str, region: &Region, dual_stack: bool, fips: bool) -> String {
    let partition = region.partition();
    let fips = if fips { "-fips" } else { "" };
    let stack = if dual_stack && partition.dual_stack_suffix().is_some() { ".dualstack" } else { "" };
    format!("{service}{fips}{stack}.{region}.{}", partition.dns_suffix())
}

enum AwsHost {
    Regional { region: Option<Region>, dual_stack: bool, fips: bool },
    PrivateLink { region: Region, host: String },
}

/// Recognises Amazon's host names without a bucket.
fn aws_host(host: &str) -> Option<AwsHost> {
    let rest = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"]
        .into_iter()
        .find_map(|suffix| host.strip_suffix(suffix)?.strip_suffix('.'))?;
    let labels: Vec<&str> = rest.split('.').collect();
    if let [front @ .., "s3", region, "vpce"] = labels.as_slice() {
        let id = front.iter().find(|label| label.starts_with("vpce-"))?;
        let tail = &host[host.find(id)?..];
        return Some(AwsHost::PrivateLink { region: region.parse().ok()?, host: format!("bucket.{tail}") });
    }
    let (region, dual_stack, fips) = match labels[..] {
        ["s3"] | ["s3-external-1"] => (None, false, false),
        ["s3", "dualstack", region] => (Some(region), true, false),
        ["s3-fips", "dualstack", region] => (Some(region), true, true),
        ["s3-fips", region] => (Some(region), false, true),
        ["s3", region] => (Some(region), false, false),
        // The spelling of the oldest regions.
        [old] => (Some(old.strip_prefix("s3-")?), false, false),
        _ => return None,
    };
    let region = match region {
        Some(name) => Some(name.parse().ok()?),
        None => None,
    };
    Some(AwsHost::Regional { region, dual_stack, fips })
}

/// Reads the region out of a host to which a redirect leads, such as `bucket.s3.eu-west-1.amazonaws.com`.
pub(super) fn region_of_host(host: &str) -> Option<Region> {
    let at = host.match_indices("s3").map(|(at, _)| at).filter(|at| *at == 0 || host[..*at].ends_with('.'));
    at.filter_map(|at| aws_host(&host[at..])).find_map(|host| match host {
        AwsHost::Regional { region, .. } => region,
        AwsHost::PrivateLink { region, .. } => Some(region),
    })
}

fn default_region(host: &str) -> Region {
    let partition = match host {
        host if host.ends_with(".cn") => Partition::China,
        host if host.ends_with(".eu") => Partition::EuSovereign,
        _ => Partition::Aws,
    };
    partition.default_region()
}

fn without_user(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(endpoint: &Endpoint, bucket: &str) -> String {
        let bucket: BucketName = bucket.parse().unwrap();
        format!("{} {}", endpoint.bucket_address(&bucket), endpoint.region())
    }

    fn at(url: &str) -> Endpoint {
        Endpoint::at(&Url::parse(url).unwrap(), None).unwrap()
    }

    #[test]
    fn amazon_is_found_in_every_partition() {
        for (region, dual_stack, fips, expected) in [
            ("eu-central-1", false, false, "https://photos.s3.eu-central-1.amazonaws.com eu-central-1"),
            ("us-east-1", true, false, "https://photos.s3.dualstack.us-east-1.amazonaws.com us-east-1"),
            (
                "us-gov-west-1",
                false,
                true,
                "https://photos.s3-fips.us-gov-west-1.amazonaws.com us-gov-west-1",
            ),
            ("us-west-2", true, true, "https://photos.s3-fips.dualstack.us-west-2.amazonaws.com us-west-2"),
            ("cn-north-1", false, false, "https://photos.s3.cn-north-1.amazonaws.com.cn cn-north-1"),
            ("eusc-de-east-1", false, false, "https://photos.s3.eusc-de-east-1.amazonaws.eu eusc-de-east-1"),
            // No dual stack there.
            ("us-iso-east-1", true, false, "https://photos.s3.us-iso-east-1.c2s.ic.gov us-iso-east-1"),
        ] {
            let mut endpoint = Endpoint::aws(region.parse().unwrap());
            if dual_stack {
                endpoint = endpoint.with_dual_stack();
            }
            if fips {
                endpoint = endpoint.with_fips();
            }
            assert_eq!(shown(&endpoint, "photos"), expected);
        }
        let endpoint = Endpoint::aws("us-east-1".parse().unwrap());
        assert_eq!(shown(&endpoint, "my.photos"), "https://s3.us-east-1.amazonaws.com/my.photos us-east-1");
        assert_eq!(shown(&endpoint, "Old_Name"), "https://s3.us-east-1.amazonaws.com/Old_Name us-east-1");
        let path = endpoint.with_style(AddressingStyle::Path);
        assert_eq!(shown(&path, "photos"), "https://s3.us-east-1.amazonaws.com/photos us-east-1");
    }

    #[test]
    fn addresses_become_endpoints() {
        for (url, expected) in [
            ("https://s3.amazonaws.com", "https://photos.s3.us-east-1.amazonaws.com us-east-1"),
            ("https://s3.eu-west-3.amazonaws.com/", "https://photos.s3.eu-west-3.amazonaws.com eu-west-3"),
            ("https://s3-eu-west-1.amazonaws.com", "https://photos.s3.eu-west-1.amazonaws.com eu-west-1"),
            (
                "https://s3.dualstack.eu-west-1.amazonaws.com",
                "https://photos.s3.dualstack.eu-west-1.amazonaws.com eu-west-1",
            ),
            (
                "https://s3.cn-north-1.amazonaws.com.cn",
                "https://photos.s3.cn-north-1.amazonaws.com.cn cn-north-1",
            ),
            ("http://127.0.0.1:8333", "http://127.0.0.1:8333/photos us-east-1"),
            ("http://[::1]:8333", "http://[::1]:8333/photos us-east-1"),
            ("http://localhost:9000/", "http://localhost:9000/photos us-east-1"),
            ("http://minio:9000", "http://minio:9000/photos us-east-1"),
            ("https://s3.example.com", "https://photos.s3.example.com us-east-1"),
            ("https://files.example.com/s3/", "https://photos.files.example.com/s3 us-east-1"),
            (
                "https://vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com",
                "https://photos.bucket.vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com eu-west-1",
            ),
            (
                "https://bucket.vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com",
                "https://photos.bucket.vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com eu-west-1",
            ),
        ] {
            assert_eq!(shown(&at(url), "photos"), expected, "{url}");
        }
        let style = at("http://127.0.0.1:1").with_style(AddressingStyle::VirtualHost);
        assert_eq!(shown(&style, "photos"), "http://photos.127.0.0.1:1 us-east-1");
    }

    #[test]
    fn a_service_is_the_same_however_it_is_reached() {
        let aws = |region: &str| Endpoint::aws(region.parse().unwrap()).service();
        let private = at("https://vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com");
        for same in [
            &[aws("eu-west-1"), aws("us-east-1"), at("https://s3.eu-west-3.amazonaws.com").service()][..],
            &[aws("us-east-1"), private.service()],
            &["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:9000"]
                .map(|url| at(url).service()),
            &["https://s3.example.com", "https://s3.example.com:443/"].map(|url| at(url).service()),
        ] {
            assert!(same.iter().all(|service| *service == same[0]), "{same:?}");
        }
        let others = [
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9001",
            "https://s3.example.com",
            "https://a.example.com",
        ];
        let mut all: Vec<String> = others.iter().map(|url| at(url).service()).collect();
        all.extend([aws("us-east-1"), aws("cn-north-1"), at("https://s3.example.com/s3").service()]);
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{all:?}");
    }

    #[test]
    fn s3_control_is_found_wherever_s3_is() {
        let account: AccountId = "123456789012".parse().unwrap();
        let path = "/v20180820/jobs";
        let shown = |endpoint: &Endpoint, region: &str| {
            let place = endpoint.control(&account, &region.parse().unwrap(), path);
            format!("{}{} {}", place.authority, place.path, place.region)
        };
        let aws = Endpoint::aws("us-east-1".parse().unwrap());
        for (endpoint, region, expected) in [
            (
                &aws,
                "eu-central-1",
                "123456789012.s3-control.eu-central-1.amazonaws.com/v20180820/jobs eu-central-1",
            ),
            (
                &aws.clone().with_dual_stack(),
                "us-west-2",
                "123456789012.s3-control.dualstack.us-west-2.amazonaws.com/v20180820/jobs us-west-2",
            ),
            (
                &aws.clone().with_fips(),
                "us-gov-west-1",
                "123456789012.s3-control-fips.us-gov-west-1.amazonaws.com/v20180820/jobs us-gov-west-1",
            ),
            (
                &aws,
                "cn-north-1",
                "123456789012.s3-control.cn-north-1.amazonaws.com.cn/v20180820/jobs cn-north-1",
            ),
            (
                &at("https://vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com"),
                "eu-west-1",
                "123456789012.control.vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com/v20180820/jobs eu-west-1",
            ),
            (&at("http://127.0.0.1:9000"), "us-east-1", "127.0.0.1:9000/v20180820/jobs us-east-1"),
            (
                &at("https://files.example.com/s3/"),
                "us-east-1",
                "files.example.com/s3/v20180820/jobs us-east-1",
            ),
        ] {
            assert_eq!(shown(endpoint, region), expected);
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_without_its_password() {
        for bad in ["ftp://x.example", "https://user:hidden@x.example", "https://x.example/?a=b"] {
            let error = Endpoint::at(&Url::parse(bad).unwrap(), None).unwrap_err();
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
    }

    #[test]
    fn the_target_of_a_redirect_tells_its_region() {
        for (host, region) in [
            ("photos.s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("photos.s3-us-west-2.amazonaws.com", Some("us-west-2")),
            ("s3.s3.ap-south-1.amazonaws.com", Some("ap-south-1")),
            ("photos.s3.amazonaws.com", None),
            ("elsewhere.example", None),
        ] {
            assert_eq!(region_of_host(host).as_ref().map(Region::as_str), region, "{host}");
        }
    }

    #[test]
    fn bodies_are_private_under_tls_and_on_this_machine() {
        for (url, private) in [
            ("https://s3.example.com", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://10.0.0.1", false),
            ("http://s3.example.com", false),
        ] {
            let endpoint = at(url);
            assert_eq!(endpoint.place(None, endpoint.region()).private, private, "{url}");
        }
    }
}
