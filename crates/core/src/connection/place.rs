//! From a host name to the place where S3 is: Amazon's, with the region and bucket that the name holds, or another.

use url::Url;

use super::ConnectionError;
use crate::name::Region;

/// What a bookmark's host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Amazon's S3.
    Aws {
        /// The region in the name.
        region: Option<Region>,
        /// The bucket in the name.
        bucket: Option<String>,
        /// The name asks for IPv6 addresses too.
        dual_stack: bool,
    },
    /// Another service, or a private endpoint of Amazon's.
    Other(Url),
}

/// Reads a host of a bookmark: `[BUCKET.]s3[.dualstack][.REGION].amazonaws.com[.cn]`, or anything else.
///
/// Amazon's names are those of its own documentation ("Amazon S3 endpoints and quotas"); an interface endpoint
/// (`….vpce.amazonaws.com`) is a service of its own, reached as it is written.
pub(super) fn read(host: &str, port: Option<u16>, tls: bool) -> Result<Host, ConnectionError> {
    let lower = host.trim().to_ascii_lowercase();
    let own_port = port.is_none_or(|port| port == 443);
    if tls
        && own_port
        && let Some(found) = amazon(&lower)
    {
        return Ok(found);
    }
    let error = || ConnectionError::Value { what: "host", text: host.to_owned() };
    let scheme = if tls { "https" } else { "http" };
    let bare = lower.parse::<std::net::Ipv6Addr>().is_ok();
    let mut url = if bare { format!("{scheme}://[{lower}]") } else { format!("{scheme}://{lower}") };
    if let Some(port) = port {
        url.push_str(&format!(":{port}"));
    }
    let url = Url::parse(&url).map_err(|_| error())?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none();
    if !plain || url.fragment().is_some() || lower.contains(':') && !bare {
        return Err(error());
    }
    Ok(Host::Other(url))
}

fn amazon(host: &str) -> Option<Host> {
    let head = host.strip_suffix(".amazonaws.com.cn").or_else(|| host.strip_suffix(".amazonaws.com"))?;
    if head.contains("vpce") {
        return None;
    }
    let labels: Vec<&str> = head.split('.').collect();
    // The service's label is the last one that reads `s3`: bucket names may hold one too.
    let at = labels.iter().rposition(|label| *label == "s3")?;
    let mut after = &labels[at + 1..];
    let dual_stack = after.first() == Some(&"dualstack");
    if dual_stack {
        after = &after[1..];
    }
    let region = match after {
        [] => None,
        [region] => Some(region.parse().ok()?),
        _ => return None,
    };
    let bucket = (at > 0).then(|| labels[..at].join("."));
    Some(Host::Aws { region, bucket, dual_stack })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws(region: Option<&str>, bucket: Option<&str>, dual_stack: bool) -> Host {
        Host::Aws {
            region: region.map(|region| region.parse().unwrap()),
            bucket: bucket.map(str::to_owned),
            dual_stack,
        }
    }

    #[test]
    fn amazons_hosts_tell_region_and_bucket() {
        for (host, expected) in [
            ("s3.amazonaws.com", aws(None, None, false)),
            ("S3.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), None, false)),
            ("s3.dualstack.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), None, true)),
            ("files.s3.eu-west-1.amazonaws.com", aws(Some("eu-west-1"), Some("files"), false)),
            ("a.s3.b.s3.amazonaws.com", aws(None, Some("a.s3.b"), false)),
            ("s3.cn-north-1.amazonaws.com.cn", aws(Some("cn-north-1"), None, false)),
        ] {
            assert_eq!(read(host, Some(443), true).unwrap(), expected, "{host}");
        }
    }

    #[test]
    fn other_hosts_are_reached_as_written() {
        for (host, port, tls, expected) in [
            ("minio.example", Some(9000), false, "http://minio.example:9000/"),
            ("minio.example", None, true, "https://minio.example/"),
            ("127.0.0.1", Some(8333), false, "http://127.0.0.1:8333/"),
            ("::1", Some(8333), false, "http://[::1]:8333/"),
            (
                "bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com",
                Some(443),
                true,
                "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com/",
            ),
            ("s3.amazonaws.com", Some(8443), true, "https://s3.amazonaws.com:8443/"),
        ] {
            let Host::Other(url) = read(host, port, tls).unwrap() else { panic!("{host} is not Amazon's") };
            assert_eq!(url.as_str(), expected);
        }
        for wrong in ["", "a b", "host/path", "user@host", "host:80", "host?x"] {
            assert!(read(wrong, None, true).is_err(), "{wrong}");
        }
    }
}
