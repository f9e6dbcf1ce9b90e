//! What a profile means: where its credentials come from, and which endpoints it wants.
//!
//! The order inside one profile is botocore's: a role with a source (`role_arn` without a token file), a web identity token
//! file, Identity Center, keys of the credentials file, `aws login`, a process, keys of the config file. A profile that
//! is somebody's source is read in the same order, but its own keys come before its own role.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::{Profile, ResolveError, SharedConfig, nested, text};
use crate::command_line;
use crate::credential::Credential;
use crate::name::{AccountId, NameError, Region, RoleArn, SessionName};
use crate::secret::Secret;
use crate::web_address;

/// How many roles may stand behind one another. Each hop is a request to STS and ends after an hour anyway.
pub(super) const CHAIN_MAX: usize = 16;

/// What a profile says, parsed. Its `Debug` shows no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The region.
    pub region: Option<Region>,
    /// Where S3 is: that of `services`, else `endpoint_url`.
    pub s3_endpoint: Option<Url>,
    /// Where STS is: that of `services`, else `endpoint_url`.
    pub sts_endpoint: Option<Url>,
    /// Where IAM is: that of `services`, else `endpoint_url`.
    pub iam_endpoint: Option<Url>,
    /// Buckets stand in the path. `None` where the profile leaves it to the client (`auto`).
    pub path_style: Option<bool>,
    /// Path of a PEM file of certificates to trust, as it stands in the file.
    pub ca_bundle: Option<String>,
    /// Use the endpoints with validated cryptography.
    pub use_fips: bool,
    /// Use the endpoints that answer over IPv6 too.
    pub use_dualstack: bool,
    /// Which STS to ask where no endpoint is named.
    pub sts_regional: StsEndpoints,
    /// Where credentials come from.
    pub source: Source,
}

/// `sts_regional_endpoints`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StsEndpoints {
    /// The one of the region.
    #[default]
    Regional,
    /// `sts.amazonaws.com` for the regions that had no other once.
    Legacy,
}

/// Where credentials come from.
#[derive(Clone, PartialEq)]
pub enum Source {
    /// Keys that stand in the files.
    Keys(Credential),
    /// A program that prints them (`credential_process`).
    Process {
        /// The program and its arguments. They may hold secrets.
        argv: Vec<String>,
    },
    /// A role for the ID token in a file.
    WebIdentityFile {
        /// The role.
        role: RoleArn,
        /// Path of the file, as it stands in the profile.
        file: String,
        /// The name of the session.
        session_name: Option<SessionName>,
    },
    /// A permission set of IAM Identity Center.
    IdentityCenter {
        /// The name of the `sso-session`; `None` for the older form, where the profile says it all.
        session_name: Option<String>,
        /// The start address of the portal.
        start_url: Url,
        /// The region of Identity Center, which may differ from the profile's.
        region: Region,
        /// The account.
        account: AccountId,
        /// The permission set.
        role_name: String,
        /// Scopes to register for; empty where the section names none.
        registration_scopes: Vec<String>,
    },
    /// A role that other credentials are exchanged for.
    AssumeRole {
        /// The role.
        role: RoleArn,
        /// The external ID that the role asks for.
        external_id: Option<String>,
        /// The device whose code is asked for.
        mfa_serial: Option<String>,
        /// How long a session to ask for.
        duration: Option<Duration>,
        /// The name of the session.
        session_name: Option<SessionName>,
        /// Where the other credentials come from.
        base: Box<Source>,
    },
    /// The metadata service of an EC2 instance (`credential_source = Ec2InstanceMetadata`).
    InstanceMetadata,
    /// The endpoint of a container (`credential_source = EcsContainer`).
    Container,
    /// The environment variables (`credential_source = Environment`).
    Environment,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(credential) => f.debug_tuple("Keys").field(credential).finish(),
            Self::Process { argv } => f
                .debug_struct("Process")
                .field("program", &argv.first())
                .field("arguments", &argv.len().saturating_sub(1))
                .finish(),
            Self::WebIdentityFile { role, file, session_name } => f
                .debug_struct("WebIdentityFile")
                .field("role", role)
                .field("file", file)
                .field("session_name", session_name)
                .finish(),
            Self::IdentityCenter { session_name, start_url, region, account, role_name, .. } => f
                .debug_struct("IdentityCenter")
                .field("session_name", session_name)
                .field("start_url", &start_url.as_str())
                .field("region", region)
                .field("account", account)
                .field("role_name", role_name)
                .finish_non_exhaustive(),
            Self::AssumeRole { role, mfa_serial, duration, base, .. } => f
                .debug_struct("AssumeRole")
                .field("role", role)
                .field("mfa_serial", mfa_serial)
                .field("duration", duration)
                .field("base", base)
                .finish_non_exhaustive(),
            Self::InstanceMetadata => f.write_str("InstanceMetadata"),
            Self::Container => f.write_str("Container"),
            Self::Environment => f.write_str("Environment"),
        }
    }
}

impl SharedConfig {
    /// Says what a profile means.
    ///
    /// The order of the ways to credentials is that of the module. Endpoints and region are those of the profile itself,
    /// not of its sources.
    ///
    /// # Errors
    /// When the profile or something it refers to is missing, a value is of no use, or no way leads to credentials.
    pub fn resolve(&self, name: &str) -> Result<Resolved, ResolveError> {
        let profile = self.profile(name).ok_or_else(|| ResolveError::UnknownProfile {
            name: name.to_owned(),
            known: self.profiles().map(str::to_owned).collect(),
        })?;
        let here = Reader { shared: self, name, profile };
        let s3_dualstack = profile.get_nested("s3", "use_dualstack_endpoint");
        Ok(Resolved {
            region: here.name::<Region>("region")?,
            s3_endpoint: here.endpoint("s3")?,
            sts_endpoint: here.endpoint("sts")?,
            iam_endpoint: here.endpoint("iam")?,
            path_style: match profile.get_nested("s3", "addressing_style") {
                None | Some("" | "auto") => None,
                Some("path") => Some(true),
                Some("virtual") => Some(false),
                Some(text) => return Err(here.wrong("s3.addressing_style", text, "auto, path or virtual")),
            },
            ca_bundle: here.text("ca_bundle").map(str::to_owned),
            use_fips: here.flag("use_fips_endpoint", here.text("use_fips_endpoint"))?.unwrap_or(false),
            use_dualstack: match here.flag("use_dualstack_endpoint", here.text("use_dualstack_endpoint"))? {
                Some(value) => value,
                None => here.flag("s3.use_dualstack_endpoint", s3_dualstack)?.unwrap_or(false),
            },
            sts_regional: match here.text("sts_regional_endpoints") {
                None | Some("regional") => StsEndpoints::Regional,
                Some("legacy") => StsEndpoints::Legacy,
                Some(text) => return Err(here.wrong("sts_regional_endpoints", text, "regional or legacy")),
            },
            source: here.top()?,
        })
    }
}

/// One profile while it is read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    shared: &'a SharedConfig,
    name: &'a str,
    profile: &'a Profile,
}

impl<'a> Reader<'a> {
    /// Returns a value that is not empty.
    fn text(&self, key: &str) -> Option<&'a str> {
        self.profile.get(key).filter(|text| !text.is_empty())
    }

    fn has(&self, key: &str) -> bool {
        self.profile.entry(key).is_some()
    }

    fn profile_name(&self) -> String {
        self.name.to_owned()
    }

    fn wrong(&self, key: &'static str, text: &str, expected: &'static str) -> ResolveError {
        const SHOWN_CHARS_MAX: usize = 200;
        let text = text.chars().take(SHOWN_CHARS_MAX).collect();
        ResolveError::Value { profile: self.profile_name(), key, text, expected }
    }

    fn name<T: FromStr<Err = NameError>>(&self, key: &'static str) -> Result<Option<T>, ResolveError> {
        self.text(key).map(|text| self.parse(key, text)).transpose()
    }

    fn parse<T: FromStr<Err = NameError>>(&self, key: &'static str, text: &str) -> Result<T, ResolveError> {
        text.parse().map_err(|source| ResolveError::Name { profile: self.profile_name(), key, source })
    }

    fn address(&self, key: &'static str, text: &str) -> Result<Url, ResolveError> {
        web_address::parse(text).map_err(|error| {
            self.wrong(key, &error.shown, "an http or https address without a user or password")
        })
    }

    fn flag(&self, key: &'static str, text: Option<&str>) -> Result<Option<bool>, ResolveError> {
        match text {
            None | Some("") => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(self.wrong(key, text, "true or false")),
        }
    }

    fn endpoint(&self, service: &str) -> Result<Option<Url>, ResolveError> {
        let ignored = self.text("ignore_configured_endpoint_urls");
        if self.flag("ignore_configured_endpoint_urls", ignored)?.unwrap_or(false) {
            return Ok(None);
        }
        let mut address = None;
        if let Some(name) = self.profile.get("services") {
            let services = self.shared.services.get(name).ok_or_else(|| ResolveError::UnknownSection {
                profile: self.profile_name(),
                kind: "services",
                name: name.to_owned(),
            })?;
            address = services.get(service).and_then(|block| nested(block, "endpoint_url"));
        }
        address
            .filter(|text| !text.is_empty())
            .or_else(|| self.text("endpoint_url"))
            .map(|text| self.address("endpoint_url", text))
            .transpose()
    }

    /// The profile's credentials, where it is the one that was asked for.
    fn top(self) -> Result<Source, ResolveError> {
        if self.wants_role() { self.role(&mut vec![self.name]) } else { self.own() }
    }

    /// The profile's credentials, where it is the source of another.
    fn behind(self, visited: &mut Vec<&'a str>) -> Result<Source, ResolveError> {
        if self.wants_role() && !self.has_keys() { self.role(visited) } else { self.own() }
    }

    fn wants_role(&self) -> bool {
        self.has("role_arn") && !self.has("web_identity_token_file")
    }

    fn has_keys(&self) -> bool {
        self.has("aws_access_key_id") || self.has("aws_secret_access_key")
    }

    fn role(self, visited: &mut Vec<&'a str>) -> Result<Source, ResolveError> {
        let role = self.parse("role_arn", self.profile.get("role_arn").unwrap_or_default())?;
        let base = match (self.profile.get("source_profile"), self.profile.get("credential_source")) {
            (Some(_), Some(_)) => {
                return Err(ResolveError::TwoRoleSources { profile: self.profile_name() });
            }
            (None, None) => return Err(ResolveError::NoRoleSource { profile: self.profile_name() }),
            (None, Some(name)) => self.named_source(name)?,
            (Some(next), None) => self.next(next, visited)?,
        };
        Ok(Source::AssumeRole {
            role,
            external_id: self.text("external_id").map(str::to_owned),
            mfa_serial: self.text("mfa_serial").map(str::to_owned),
            duration: self.duration()?,
            session_name: self.name("role_session_name")?,
            base: Box::new(base),
        })
    }

    fn named_source(&self, name: &str) -> Result<Source, ResolveError> {
        match name {
            "Ec2InstanceMetadata" => Ok(Source::InstanceMetadata),
            "EcsContainer" => Ok(Source::Container),
            "Environment" => Ok(Source::Environment),
            text => {
                Err(self.wrong("credential_source", text, "Ec2InstanceMetadata, EcsContainer or Environment"))
            }
        }
    }

    /// The source that a profile with a role names. It may name itself where it has keys.
    fn next(&self, name: &'a str, visited: &mut Vec<&'a str>) -> Result<Source, ResolveError> {
        let profile = self.shared.profile(name).ok_or_else(|| ResolveError::UnknownSourceProfile {
            profile: self.profile_name(),
            source_profile: name.to_owned(),
        })?;
        let next = Reader { name, profile, ..*self };
        let legal = name == self.name && next.has_keys();
        let before = visited.contains(&name);
        visited.push(name);
        if before && !legal {
            let chain = visited.iter().map(|name| (*name).to_owned()).collect();
            return Err(ResolveError::Circle { chain });
        }
        if visited.len() > CHAIN_MAX {
            return Err(ResolveError::ChainTooLong { profile: visited[0].to_owned() });
        }
        next.behind(visited)
    }

    fn duration(&self) -> Result<Option<Duration>, ResolveError> {
        let Some(text) = self.text("duration_seconds") else { return Ok(None) };
        // STS API reference, AssumeRole: 900 seconds to 12 hours.
        match text.parse() {
            Ok(seconds @ 900..=43_200) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(self.wrong("duration_seconds", text, "900 to 43200 seconds")),
        }
    }

    /// The ways of one profile that need no other profile, in botocore's order.
    fn own(self) -> Result<Source, ResolveError> {
        if let Some(file) = self.text("web_identity_token_file") {
            let role = self
                .name("role_arn")?
                .ok_or_else(|| ResolveError::NoRole { profile: self.profile_name() })?;
            let session_name = self.name("role_session_name")?;
            return Ok(Source::WebIdentityFile { role, file: file.to_owned(), session_name });
        }
        if self.has("sso_role_name") || self.has("sso_account_id") {
            return self.identity_center();
        }
        if let Some(keys) = self.keys(&self.profile.credentials)? {
            return Ok(Source::Keys(keys));
        }
        if self.has("login_session") {
            return Err(ResolveError::LoginSession { profile: self.profile_name() });
        }
        if let Some(line) = self.profile.get("credential_process") {
            let fault = |source| ResolveError::Process { profile: self.profile_name(), source };
            return Ok(Source::Process { argv: command_line::split(line).map_err(fault)? });
        }
        if let Some(keys) = self.keys(&self.profile.config)? {
            return Ok(Source::Keys(keys));
        }
        if self.has("sso_session") || self.has("sso_start_url") {
            return self.identity_center();
        }
        Err(ResolveError::NoCredentials { profile: self.profile_name() })
    }

    /// The keys of one file. Those of the other file do not complete them.
    fn keys(&self, entries: &'a super::Entries) -> Result<Option<Credential>, ResolveError> {
        let value = |key| text(entries, key).filter(|text| !text.is_empty());
        let Some(id) = value("aws_access_key_id") else { return Ok(None) };
        let secret = value("aws_secret_access_key")
            .ok_or_else(|| ResolveError::NoSecretKey { profile: self.profile_name() })?;
        Ok(Some(Credential {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret),
            session_token: value("aws_security_token")
                .or_else(|| value("aws_session_token"))
                .map(Secret::new),
            expires_at: None,
        }))
    }

    fn identity_center(self) -> Result<Source, ResolveError> {
        let session = match self.profile.get("sso_session") {
            None => None,
            Some(name) => Some((
                name,
                self.shared.sso_sessions.get(name).ok_or_else(|| ResolveError::UnknownSection {
                    profile: self.profile_name(),
                    kind: "sso-session",
                    name: name.to_owned(),
                })?,
            )),
        };
        if let Some((name, entries)) = session {
            for key in entries.keys() {
                if self.profile.get(key).is_some_and(|own| text(entries, key) != Some(own)) {
                    return Err(ResolveError::Contradiction {
                        profile: self.profile_name(),
                        session: name.to_owned(),
                        key: key.clone(),
                    });
                }
            }
        }
        let value = |key: &str| {
            let of_session = session.and_then(|(_, entries)| text(entries, key));
            of_session.or_else(|| self.profile.get(key)).filter(|text| !text.is_empty())
        };
        const NEEDED: [&str; 4] = ["sso_start_url", "sso_region", "sso_account_id", "sso_role_name"];
        let (Some(start_url), Some(region), Some(account), Some(role_name)) =
            (value(NEEDED[0]), value(NEEDED[1]), value(NEEDED[2]), value(NEEDED[3]))
        else {
            let missing = NEEDED.into_iter().filter(|key| value(key).is_none()).collect();
            return Err(ResolveError::IncompleteIdentityCenter { profile: self.profile_name(), missing });
        };
        Ok(Source::IdentityCenter {
            session_name: session.map(|(name, _)| name.to_owned()),
            start_url: self.address("sso_start_url", start_url)?,
            region: self.parse("sso_region", region)?,
            account: self.parse("sso_account_id", account)?,
            role_name: role_name.to_owned(),
            registration_scopes: value("sso_registration_scopes")
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}
