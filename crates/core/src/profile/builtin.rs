//! The profiles that come with the program, embedded from `crates/core/profiles`.
//!
//! They are files of the same format as everyone's, written by hand for this program. Vendors without `pintail-` are
//! those of Cyberduck's profiles for the same way in, so that bookmarks made there find their profile here. In a host's
//! label the words in capital letters are to be filled in; `REGION` is one of the profile's regions.

use super::{Profile, ProfileId};

/// A profile that comes with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its vendor; the protocol of all is `s3`.
    pub vendor: &'static str,
    /// The name of its file.
    pub file_name: &'static str,
    /// The file.
    pub file: &'static [u8],
}

macro_rules! builtin {
    ($vendor:literal, $name:literal) => {
        Builtin {
            vendor: $vendor,
            file_name: concat!($name, ".cyberduckprofile"),
            file: include_bytes!(concat!("../../profiles/", $name, ".cyberduckprofile")),
        }
    };
}

/// In the order in which they are offered: the ways in to AWS, any service, then services by kind.
const ALL: &[Builtin] = &[
    builtin!("aws-s3-sts-entra-oidc", "aws-entra"),
    builtin!("aws-s3-sts-google-oidc", "aws-google"),
    builtin!("pintail-oidc", "aws-oidc"),
    builtin!("pintail-oidc-keycloak", "aws-keycloak"),
    builtin!("pintail-oidc-okta", "aws-okta"),
    builtin!("pintail-oidc-auth0", "aws-auth0"),
    builtin!("pintail-oidc-ping", "aws-ping"),
    builtin!("pintail-identity-center", "aws-identity-center"),
    builtin!("s3-cli", "aws-cli"),
    builtin!("s3", "s3"),
    builtin!("aws-s3-sts-assumerole", "aws-assume-role"),
    builtin!("aws-s3-getsessiontoken", "aws-session-token"),
    builtin!("s3-role", "aws-ec2"),
    builtin!("pintail-container", "aws-container"),
    builtin!("pintail-anonymous", "aws-anonymous"),
    builtin!("pintail-aws-govcloud", "aws-govcloud"),
    builtin!("pintail-aws-china", "aws-china"),
    builtin!("pintail-aws-privatelink", "aws-privatelink"),
    builtin!("pintail-s3-https", "s3-https"),
    builtin!("pintail-s3-http", "s3-http"),
    builtin!("pintail-s3-path-style", "s3-path-style"),
    builtin!("pintail-minio", "minio"),
    builtin!("pintail-ceph", "ceph"),
    builtin!("pintail-seaweedfs", "seaweedfs"),
    builtin!("pintail-cloudflare-r2", "cloudflare-r2"),
    builtin!("pintail-wasabi", "wasabi"),
    builtin!("pintail-backblaze-b2", "backblaze-b2"),
    builtin!("pintail-digitalocean-spaces", "digitalocean-spaces"),
    builtin!("pintail-hetzner", "hetzner"),
    builtin!("pintail-scaleway", "scaleway"),
    builtin!("pintail-ovh", "ovh"),
    builtin!("pintail-idrive-e2", "idrive-e2"),
    builtin!("pintail-storj", "storj"),
    builtin!("pintail-linode", "linode"),
    builtin!("pintail-oracle", "oracle"),
    builtin!("pintail-ibm", "ibm"),
    builtin!("pintail-alibaba", "alibaba"),
];

/// Returns all of them, in the order in which they are offered.
pub fn all() -> &'static [Builtin] {
    ALL
}

/// Finds the one that a bookmark's protocol and vendor name.
pub fn find(id: &ProfileId) -> Option<&'static Builtin> {
    (id.protocol == "s3").then(|| ALL.iter().find(|builtin| builtin.vendor == id.vendor))?
}

impl Builtin {
    /// Returns the profile.
    pub fn profile(&self) -> Profile {
        Profile::read(self.file).expect("a test reads every embedded profile")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Answer, Protocol, WayName, key};
    use super::*;
    use crate::name::Region;

    fn effective(vendor: &str) -> super::super::Effective {
        find(&ProfileId::s3(Some(vendor))).unwrap().profile().effective(&|_| None)
    }

    #[test]
    fn every_profile_is_whole_and_in_our_form() {
        let mut seen = BTreeSet::new();
        for builtin in all() {
            let profile = builtin.profile();
            let name = builtin.file_name;
            assert_eq!(profile.id(), ProfileId::s3(Some(builtin.vendor)), "{name}");
            assert_eq!(find(&profile.id()), Some(builtin));
            assert!(seen.insert(builtin.vendor), "{name}: the vendor stands twice");
            assert_eq!(profile.write().unwrap(), builtin.file, "{name} is not as we write it");
            for (entry, value) in profile.entries() {
                let text = value.scalar().unwrap_or_default();
                // The redirect address that app registrations for Cyberduck have names its scheme by one.
                assert!(
                    !text.contains("${") || entry == key::OAUTH_REDIRECT_URL,
                    "{name}: {entry} has a variable"
                );
            }
            let effective = profile.effective(&|_| None);
            assert!(effective.bundled && effective.way().is_some(), "{name}");
            assert!(effective.description.is_ascii() && !effective.description.is_empty(), "{name}");
            for region in effective.regions.iter().chain(&effective.region) {
                assert!(region.parse::<Region>().is_ok() || region == "auto", "{name}: {region}");
            }
            let host = effective.default_hostname.unwrap();
            assert!(effective.placeholders.hostname.is_some() && host.contains('.'), "{name}");
            if let Some(word) = profile.properties().iter().find(|(key, _)| key == WayName::PROPERTY) {
                assert!(word.1.parse::<WayName>().is_ok(), "{name}: {}", word.1);
            }
        }
        assert!(seen.len() >= 35);
        assert_eq!(find(&ProfileId { protocol: "sftp".into(), vendor: "s3".into() }), None);
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: BTreeSet<String> = all().iter().map(|builtin| builtin.file_name.to_owned()).collect();
        assert_eq!(there, embedded);
    }

    #[test]
    fn every_way_in_has_a_profile() {
        for (vendor, way) in [
            ("aws-s3-sts-entra-oidc", WayName::WebIdentity),
            ("aws-s3-sts-google-oidc", WayName::WebIdentity),
            ("pintail-oidc", WayName::WebIdentity),
            ("pintail-oidc-keycloak", WayName::WebIdentity),
            ("pintail-identity-center", WayName::IdentityCenter),
            ("s3-cli", WayName::AwsProfile),
            ("s3", WayName::Keys),
            ("aws-s3-sts-assumerole", WayName::AssumeRole),
            ("aws-s3-getsessiontoken", WayName::SessionToken),
            ("s3-role", WayName::InstanceMetadata),
            ("pintail-container", WayName::ContainerMetadata),
            ("pintail-anonymous", WayName::Anonymous),
            ("pintail-wasabi", WayName::Keys),
        ] {
            assert_eq!(effective(vendor).way(), Some(way), "{vendor}");
        }
    }

    #[test]
    fn ways_without_our_property_are_the_same() {
        for builtin in all() {
            let mut profile = builtin.profile();
            let way = profile.effective(&|_| None).way();
            profile.set_property(WayName::PROPERTY, None);
            let derived = profile.effective(&|_| None).way();
            let ours_alone = matches!(way, Some(WayName::ContainerMetadata | WayName::IdentityCenter));
            assert!(derived == way || ours_alone, "{}: {derived:?}", builtin.vendor);
        }
    }

    #[test]
    fn entra_asks_for_tenant_client_id_and_role() {
        let entra = effective("aws-s3-sts-entra-oidc");
        assert_eq!(entra.protocol, Protocol::S3);
        assert!(entra.oauth_authorization_url.as_deref().unwrap().contains("/common/"));
        assert_eq!((entra.property("pintail.tenant"), entra.property("role_arn")), (Some(""), Some("")));
        assert_eq!(entra.oauth_client_id, Answer::Ask);
        assert_eq!(entra.oauth_client_secret, Answer::Empty);
        assert!(entra.configurable.role && !entra.configurable.password && entra.oauth_pkce);
        assert_eq!(entra.scopes, ["openid", "profile", "offline_access"]);
    }

    #[test]
    fn hosts_of_services_come_from_the_region() {
        for (vendor, region, host) in [
            ("pintail-aws-govcloud", "us-gov-east-1", "s3.us-gov-east-1.amazonaws.com"),
            ("pintail-aws-china", "cn-northwest-1", "s3.cn-northwest-1.amazonaws.com.cn"),
            ("pintail-wasabi", "eu-central-2", "s3.eu-central-2.wasabisys.com"),
            ("pintail-hetzner", "fsn1", "fsn1.your-objectstorage.com"),
            ("pintail-alibaba", "cn-hangzhou", "s3.oss-cn-hangzhou.aliyuncs.com"),
        ] {
            assert_eq!(effective(vendor).hostname_in(region).as_deref(), Some(host));
        }
        for vendor in
            ["pintail-cloudflare-r2", "pintail-idrive-e2", "pintail-oracle", "pintail-aws-privatelink"]
        {
            let profile = effective(vendor);
            assert!(profile.asks_hostname && profile.hostname_in("eu-1").is_none(), "{vendor}");
        }
        let path_style = effective("pintail-minio");
        assert_eq!(path_style.property("s3.bucket.virtualhost.disable"), Some("true"));
        // STS is asked in the region that is chosen.
        for vendor in ["pintail-aws-china", "pintail-aws-govcloud"] {
            assert_eq!(effective(vendor).sts_endpoint, None, "{vendor}");
        }
    }

    #[test]
    fn regions_are_found_in_hosts_of_services() {
        for (vendor, host, region) in [
            ("pintail-wasabi", "s3.eu-central-2.wasabisys.com", Some("eu-central-2")),
            ("pintail-wasabi", "S3.EU-Central-2.wasabisys.com", Some("eu-central-2")),
            ("pintail-wasabi", "s3.wasabisys.com", None),
            ("pintail-wasabi", "s3.eu-central-2.example.com", None),
            ("pintail-digitalocean-spaces", "fra1.digitaloceanspaces.com", Some("fra1")),
            ("pintail-alibaba", "s3.oss-cn-hangzhou.aliyuncs.com", Some("cn-hangzhou")),
            (
                "pintail-oracle",
                "ours.compat.objectstorage.eu-frankfurt-1.oraclecloud.com",
                Some("eu-frankfurt-1"),
            ),
            (
                "pintail-aws-privatelink",
                "bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com",
                Some("eu-west-1"),
            ),
            ("pintail-minio", "minio.example.com", None),
        ] {
            let found = effective(vendor).region_of(host);
            assert_eq!(found.as_ref().map(Region::as_str), region, "{host}");
        }
    }
}
