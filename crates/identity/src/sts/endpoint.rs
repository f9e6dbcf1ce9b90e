//! Which host to ask: STS by region and partition, or one named by the user.
//!
//! Regional endpoints are the rule, as in every AWS SDK of today: their tokens work in all regions, while those of the
//! old global host do not work in opt-in regions. The host and the region to sign for always go together.

use std::net::IpAddr;

use pintail_core::name::{Partition, Region};
use url::{Host, Url};

/// Which of its STS hosts to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EndpointChoice {
    /// A host named by the user, for S3-compatible servers and private networks.
    Custom(Url),
    /// The host of the region that answers over IPv4 and IPv6.
    DualStack,
    /// The host of the region with validated cryptography.
    Fips,
    /// Both of [`EndpointChoice::DualStack`] and [`EndpointChoice::Fips`].
    FipsDualStack,
    /// `sts.amazonaws.com`, which only the commercial partition has and which signs as us-east-1.
    LegacyGlobal,
    /// The host of the region.
    #[default]
    Regional,
}

/// Why there is no endpoint for a choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The partition has no host of this kind.
    #[error("partition {partition} has no {kind} STS endpoint")]
    NotInPartition {
        /// What was asked for.
        kind: &'static str,
        /// The partition of the region.
        partition: Partition,
    },
    /// The region has no host of this kind.
    #[error("region {region} has no {kind} STS endpoint")]
    NotInRegion {
        /// What was asked for.
        kind: &'static str,
        /// The region.
        region: Region,
    },
    /// The custom address is not one a token may be sent to.
    #[error("STS address {address}: {rule}")]
    Unusable {
        /// The address without user, password and query.
        address: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

/// An STS host and the region its requests are signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsEndpoint {
    url: Url,
    signing_region: Region,
}

impl StsEndpoint {
    /// Finds the endpoint of a region.
    ///
    /// # Errors
    /// When AWS has no such endpoint there, or the custom address is neither `https` nor on this machine.
    pub fn new(choice: &EndpointChoice, region: &Region) -> Result<Self, EndpointError> {
        let partition = region.partition();
        let suffix = partition.dns_suffix();
        let missing = |kind| EndpointError::NotInPartition { kind, partition };
        let dual_stack = |kind| partition.dual_stack_suffix().ok_or_else(|| missing(kind));
        let host = match choice {
            EndpointChoice::Custom(url) => {
                check_custom(url)?;
                let own = url.host_str().and_then(region_of_host);
                return Ok(Self { url: url.clone(), signing_region: own.unwrap_or_else(|| region.clone()) });
            }
            EndpointChoice::DualStack => format!("sts.{region}.{}", dual_stack("dual-stack")?),
            EndpointChoice::Fips => {
                check_fips(region)?;
                // In the government partition the plain name is the validated one.
                let label = if partition == Partition::UsGov { "sts" } else { "sts-fips" };
                format!("{label}.{region}.{suffix}")
            }
            EndpointChoice::FipsDualStack => {
                check_fips(region)?;
                format!("sts-fips.{region}.{}", dual_stack("FIPS dual-stack")?)
            }
            EndpointChoice::LegacyGlobal if partition == Partition::Aws => {
                let url = parsed("sts.amazonaws.com", region)?;
                return Ok(Self { url, signing_region: Partition::Aws.default_region() });
            }
            EndpointChoice::LegacyGlobal => return Err(missing("global")),
            EndpointChoice::Regional => format!("sts.{region}.{suffix}"),
        };
        Ok(Self { url: parsed(&host, region)?, signing_region: region.clone() })
    }

    /// Returns the address requests are posted to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the region that signed requests name.
    pub fn signing_region(&self) -> &Region {
        &self.signing_region
    }
}

/// Returns the region of a host of AWS's own, which takes no signature for another one: `sts[-fips].REGION.` and the suffix of
/// a partition, or the global host.
fn region_of_host(host: &str) -> Option<Region> {
    let host = host.to_ascii_lowercase();
    if host == "sts.amazonaws.com" {
        return Some(Partition::Aws.default_region());
    }
    let rest = host.strip_prefix("sts.").or_else(|| host.strip_prefix("sts-fips."))?;
    let (region, suffix) = rest.split_once('.')?;
    let region: Region = region.parse().ok()?;
    let partition = region.partition();
    let own = suffix == partition.dns_suffix() || Some(suffix) == partition.dual_stack_suffix();
    own.then_some(region)
}

fn parsed(host: &str, region: &Region) -> Result<Url, EndpointError> {
    // Freely named regions of other servers may hold an underscore at the edge of a label, which no host name has.
    Url::parse(&format!("https://{host}/"))
        .map_err(|_| EndpointError::NotInRegion { kind: "AWS", region: region.clone() })
}

fn check_fips(region: &Region) -> Result<(), EndpointError> {
    match region.partition() {
        Partition::UsGov => Ok(()),
        Partition::Aws
            if matches!(region.as_str(), "us-east-1" | "us-east-2" | "us-west-1" | "us-west-2") =>
        {
            Ok(())
        }
        Partition::Aws => Err(EndpointError::NotInRegion { kind: "FIPS", region: region.clone() }),
        partition => Err(EndpointError::NotInPartition { kind: "FIPS", partition }),
    }
}

fn check_custom(url: &Url) -> Result<(), EndpointError> {
    let fail = |rule| {
        let mut shown = url.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        // Fails only for addresses that cannot carry a user, which then hold none.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Err(EndpointError::Unusable { address: shown.to_string(), rule })
    };
    if !url.username().is_empty() || url.password().is_some() {
        return fail("no user or password stands in the address");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return fail("no query or fragment stands in the address");
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_loopback(&host) => Ok(()),
        ("http", _) => fail("http is for this machine only, because the ID token travels in the request"),
        _ => fail("the address begins with https://"),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        // Names under `localhost` are for the resolver to decide, and not every one keeps them on this machine.
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(choice: &EndpointChoice, region: &str) -> Result<String, String> {
        StsEndpoint::new(choice, &region.parse().unwrap())
            .map(|endpoint| format!("{} {}", endpoint.url(), endpoint.signing_region()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn hosts_follow_region_partition_and_choice() {
        use EndpointChoice as C;
        for (choice, region, expected) in [
            (C::Regional, "eu-central-1", "https://sts.eu-central-1.amazonaws.com/ eu-central-1"),
            (C::Regional, "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/ cn-north-1"),
            (C::Regional, "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/ us-gov-west-1"),
            (C::Regional, "eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu/ eusc-de-east-1"),
            (C::Regional, "us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov/ us-iso-east-1"),
            (C::LegacyGlobal, "eu-central-1", "https://sts.amazonaws.com/ us-east-1"),
            (C::Fips, "us-east-2", "https://sts-fips.us-east-2.amazonaws.com/ us-east-2"),
            (C::Fips, "us-gov-east-1", "https://sts.us-gov-east-1.amazonaws.com/ us-gov-east-1"),
            (C::DualStack, "eu-west-1", "https://sts.eu-west-1.api.aws/ eu-west-1"),
            (C::DualStack, "cn-north-1", "https://sts.cn-north-1.api.amazonwebservices.com.cn/ cn-north-1"),
            (C::FipsDualStack, "us-west-2", "https://sts-fips.us-west-2.api.aws/ us-west-2"),
        ] {
            assert_eq!(url(&choice, region).as_deref(), Ok(expected), "{choice:?} {region}");
        }
    }

    #[test]
    fn hosts_of_aws_are_signed_for_their_own_region() {
        for (address, signed) in [
            ("https://sts.eu-west-1.amazonaws.com/", "eu-west-1"),
            ("https://STS.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
            ("https://sts.us-gov-east-1.amazonaws.com/", "us-gov-east-1"),
            ("https://sts-fips.us-west-2.amazonaws.com/", "us-west-2"),
            ("https://sts.eu-west-1.api.aws/", "eu-west-1"),
            ("https://sts.amazonaws.com/", "us-east-1"),
            ("https://sts.example.com/", "ap-south-1"),
            ("https://sts.eu-west-1.amazonaws.com.example.com/", "ap-south-1"),
            ("https://vpce-1.sts.eu-west-1.vpce.amazonaws.com/", "ap-south-1"),
        ] {
            let choice = EndpointChoice::Custom(address.parse().unwrap());
            let endpoint = StsEndpoint::new(&choice, &"ap-south-1".parse().unwrap()).unwrap();
            assert_eq!(endpoint.signing_region().as_str(), signed, "{address}");
        }
    }

    #[test]
    fn hosts_that_do_not_exist_are_refused() {
        use EndpointChoice as C;
        for (choice, region, message) in [
            (C::LegacyGlobal, "cn-north-1", "partition aws-cn has no global STS endpoint"),
            (C::LegacyGlobal, "us-gov-west-1", "partition aws-us-gov has no global STS endpoint"),
            (C::Fips, "eu-central-1", "region eu-central-1 has no FIPS STS endpoint"),
            (C::Fips, "cn-north-1", "partition aws-cn has no FIPS STS endpoint"),
            (C::DualStack, "us-iso-east-1", "partition aws-iso has no dual-stack STS endpoint"),
        ] {
            assert_eq!(url(&choice, region), Err(message.to_owned()));
        }
    }

    #[test]
    fn a_token_goes_in_clear_text_to_this_machine_only() {
        for (address, good) in [
            ("https://sts.example.com/", true),
            ("https://minio.example.com:9000/sts", true),
            ("http://127.0.0.1:8333/", true),
            ("http://[::1]:8333/", true),
            ("http://localhost:8333/", true),
            ("http://sts.localhost:8333/", false),
            ("http://sts.example.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("https://user:pass@sts.example.com/", false),
            ("https://sts.example.com/?a=b", false),
            ("ftp://sts.example.com/", false),
        ] {
            let choice = EndpointChoice::Custom(address.parse().unwrap());
            assert_eq!(url(&choice, "garage").is_ok(), good, "{address}");
        }
        let choice = EndpointChoice::Custom("https://user:hidden@sts.example.com/?t=hidden".parse().unwrap());
        let shown = url(&choice, "garage").unwrap_err();
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
