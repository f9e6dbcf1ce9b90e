//! Names of the AWS side: partitions, regions, accounts, roles, sessions.

use std::fmt;
use std::str::FromStr;

use super::{NameError, name_type};

/// A separate AWS cloud, with host names and ARNs of its own (botocore's `partitions.json`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partition {
    /// Commercial regions: `aws`.
    Aws,
    /// China: `aws-cn`.
    China,
    /// US government: `aws-us-gov`.
    UsGov,
    /// European Sovereign Cloud: `aws-eusc`.
    EuSovereign,
    /// Isolated: `aws-iso`.
    Iso,
    /// Isolated: `aws-iso-b`.
    IsoB,
    /// Isolated: `aws-iso-e`.
    IsoE,
    /// Isolated: `aws-iso-f`.
    IsoF,
}

impl Partition {
    const ALL: [Self; 8] = [
        Self::Aws,
        Self::China,
        Self::UsGov,
        Self::EuSovereign,
        Self::Iso,
        Self::IsoB,
        Self::IsoE,
        Self::IsoF,
    ];

    /// Returns the name as it stands in ARNs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
            Self::EuSovereign => "aws-eusc",
            Self::Iso => "aws-iso",
            Self::IsoB => "aws-iso-b",
            Self::IsoE => "aws-iso-e",
            Self::IsoF => "aws-iso-f",
        }
    }

    /// Returns the end of its host names.
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuSovereign => "amazonaws.eu",
            Self::Iso => "c2s.ic.gov",
            Self::IsoB => "sc2s.sgov.gov",
            Self::IsoE => "cloud.adc-e.uk",
            Self::IsoF => "csp.hci.ic.gov",
        }
    }

    /// Returns the end of its dual-stack (IPv4 and IPv6) host names, where it has them.
    pub fn dual_stack_suffix(self) -> Option<&'static str> {
        match self {
            Self::Aws | Self::UsGov => Some("api.aws"),
            Self::China => Some("api.amazonwebservices.com.cn"),
            Self::EuSovereign => Some("api.amazonwebservices.eu"),
            Self::Iso | Self::IsoB | Self::IsoE | Self::IsoF => None,
        }
    }

    /// Returns the region to use when nobody named one.
    pub fn default_region(self) -> Region {
        Region(
            match self {
                Self::Aws => "us-east-1",
                Self::China => "cn-north-1",
                Self::UsGov => "us-gov-west-1",
                Self::EuSovereign => "eusc-de-east-1",
                Self::Iso => "us-iso-east-1",
                Self::IsoB => "us-isob-east-1",
                Self::IsoE => "eu-isoe-west-1",
                Self::IsoF => "us-isof-south-1",
            }
            .to_owned(),
        )
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

name_type! {
    /// A region, such as `eu-central-1`. S3-compatible servers choose names freely (`garage`, `auto`): 1 to 64 lower-case
    /// letters, digits, hyphens and underscores are accepted.
    Region
}

impl Region {
    /// Returns the partition that the region's name belongs to. Unknown names count as commercial.
    pub fn partition(&self) -> Partition {
        match self.0.as_str() {
            r if r.starts_with("cn-") => Partition::China,
            r if r.starts_with("us-gov-") => Partition::UsGov,
            r if r.starts_with("eusc-") => Partition::EuSovereign,
            r if r.starts_with("us-iso-") => Partition::Iso,
            r if r.starts_with("us-isob-") => Partition::IsoB,
            r if r.starts_with("eu-isoe-") => Partition::IsoE,
            r if r.starts_with("us-isof-") || r.starts_with("eu-isof-") => Partition::IsoF,
            _ => Partition::Aws,
        }
    }
}

impl FromStr for Region {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::new("region", text, "a region looks like eu-central-1"))
        }
    }
}

name_type! {
    /// The number of an AWS account: twelve digits.
    AccountId
}

impl FromStr for AccountId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::new("account", text, "an AWS account has twelve digits"))
        }
    }
}

/// The ARN of an IAM role: `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RoleArn {
    text: String,
    partition: Partition,
    account: AccountId,
    name_at: usize,
}

impl RoleArn {
    /// Returns the whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Returns the account that holds the role.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Returns the role's name without its path.
    pub fn role_name(&self) -> &str {
        &self.text[self.name_at..]
    }
}

impl FromStr for RoleArn {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let fail = |rule| Err(NameError::new("role ARN", text, rule));
        if !(20..=2048).contains(&text.len()) {
            return fail("a role ARN looks like arn:aws:iam::123456789012:role/NAME");
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return fail("a role ARN looks like arn:aws:iam::123456789012:role/NAME");
        };
        let Some(partition) = Partition::ALL.into_iter().find(|p| p.name() == partition) else {
            return fail("the second part of an ARN is the partition, such as aws, aws-cn or aws-us-gov");
        };
        if service == "sts" && resource.starts_with("assumed-role/") {
            return fail("this is a session of a role; give the role itself (arn:…:iam::…:role/NAME)");
        }
        if service != "iam" || !region.is_empty() {
            return fail("a role ARN looks like arn:aws:iam::123456789012:role/NAME");
        }
        let Ok(account) = account.parse() else {
            return fail("the fifth part of a role ARN is an account of twelve digits");
        };
        let Some(path) = resource.strip_prefix("role/") else {
            return fail("this ARN names something else than a role (role/NAME)");
        };
        let good = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&b);
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.is_empty() || name.len() > 64 || !path.bytes().all(good) {
            return fail("a role's name has 1 to 64 letters, digits and + = , . @ - _");
        }
        Ok(Self { name_at: text.len() - name.len(), text: text.to_owned(), partition, account })
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

name_type! {
    /// The name of a session of a role: 2 to 64 letters, digits and `_+=,.@-` (STS API reference, `RoleSessionName`).
    SessionName
}

impl SessionName {
    /// Makes a legal name of any text: each run of other characters becomes one `-`, and the length is cut to 64.
    ///
    /// Guests of a tenant are called `ann_contoso.com#EXT#@…`, other issuers put `|`, `:` or `/` into `sub`: all of
    /// them must be able to have a session. `None` when fewer than two legal characters are left.
    pub fn made_legal(text: &str) -> Option<Self> {
        let mut name = String::with_capacity(text.len().min(64));
        for c in text.chars() {
            if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) {
                name.push(c);
            } else if !name.ends_with('-') {
                name.push('-');
            }
            if name.len() == 64 {
                break;
            }
        }
        let name = name.trim_matches('-');
        (name.len() >= 2).then(|| Self(name.to_owned()))
    }
}

impl FromStr for SessionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        if (2..=64).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::new(
                "session name",
                text,
                "a session name has 2 to 64 letters, digits and _ + = , . @ -",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns_are_taken_apart() {
        let arn: RoleArn = " arn:aws-us-gov:iam::123456789012:role/team/a/S3Reader ".parse().unwrap();
        assert_eq!(arn.partition(), Partition::UsGov);
        assert_eq!(arn.account().as_str(), "123456789012");
        assert_eq!(arn.role_name(), "S3Reader");
        assert_eq!(arn.to_string(), "arn:aws-us-gov:iam::123456789012:role/team/a/S3Reader");
    }

    #[test]
    fn near_misses_of_a_role_arn_are_named() {
        for (text, rule) in [
            ("arn:aws:iam::123456789012:user/alice", "something else than a role"),
            ("arn:aws:sts::123456789012:assumed-role/R/me", "session of a role"),
            ("arn:aws:iam::12345:role/Name-of-role", "twelve digits"),
            ("arn:amazon:iam::123456789012:role/R", "partition"),
            ("arn:aws:iam::123456789012:role/", "1 to 64"),
            ("arn:aws:iam::123456789012:role/two words", "1 to 64"),
            ("S3Reader", "looks like"),
            ("arn:aws:iam:us-east-1:123456789012:role/R", "looks like"),
        ] {
            let error = text.parse::<RoleArn>().unwrap_err();
            assert!(error.rule.contains(rule), "{text}: {}", error.rule);
        }
    }

    #[test]
    fn regions_know_their_partition() {
        for (region, partition) in [
            ("eu-central-1", Partition::Aws),
            ("cn-north-1", Partition::China),
            ("us-gov-east-1", Partition::UsGov),
            ("eusc-de-east-1", Partition::EuSovereign),
            ("us-isob-east-1", Partition::IsoB),
            ("garage", Partition::Aws),
        ] {
            assert_eq!(region.parse::<Region>().unwrap().partition(), partition, "{region}");
        }
        for partition in Partition::ALL {
            assert_eq!(partition.default_region().partition(), partition);
        }
        assert!("eu central".parse::<Region>().is_err());
    }

    #[test]
    fn session_names_are_made_legal() {
        for (text, name) in [
            ("alice@contoso.com", Some("alice@contoso.com")),
            (
                "ann_fabrikam.com#EXT#@contoso.onmicrosoft.com",
                Some("ann_fabrikam.com-EXT-@contoso.onmicrosoft.com"),
            ),
            ("auth0|5f7c8ec7c33c6c004bbafe82", Some("auth0-5f7c8ec7c33c6c004bbafe82")),
            ("Zoë O'Hara", Some("Zo-O-Hara")),
            ("é", None),
            ("x", None),
        ] {
            assert_eq!(SessionName::made_legal(text).map(|n| n.to_string()).as_deref(), name, "{text}");
        }
        let long = SessionName::made_legal(&"ab".repeat(60)).unwrap();
        assert_eq!(long.as_str().len(), 64);
        assert!(long.as_str().parse::<SessionName>().is_ok());
    }
}
