//! Profiles: finding one, judging one, fetching one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use http::StatusCode;
use pintail_connect::{Before, Installed, Listed, Origin, Profiles};
use pintail_core::connection::profile_check::{Finding, check};
use pintail_core::connection::property;
use pintail_core::profile::{
    Answer, Effective, FILE_SIZE_MAX, Profile, ProfileError, ProfileId, Protocol, WayName, builtin, key,
};
use pintail_core::seam::{HttpError, HttpRequest};
use url::{Host, Url};

use super::nearest::nearest;
use super::{App, Error};

/// Something about profiles did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfilesError {
    /// No profile has this vendor.
    #[error("there is no profile {text:?}")]
    Unknown {
        /// What was asked for.
        text: String,
        /// Vendors that look like it.
        near: Vec<String>,
    },
    /// It comes with the program.
    #[error("the profile {0} comes with the program and cannot be removed")]
    Builtin(String),
    /// It is of another protocol.
    #[error("{from} is a profile for {protocol:?}, and Pintail speaks S3")]
    OtherProtocol {
        /// Where it comes from.
        from: String,
        /// Its protocol.
        protocol: String,
    },
    /// A profile is not fetched from there.
    #[error("a profile is not fetched from {0}")]
    NotFetched(String),
    /// The address answered with something else.
    #[error("{url} answered with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: StatusCode,
    },
    /// There was no answer.
    #[error("could not fetch {url}")]
    Fetch {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: HttpError,
    },
}

/// A profile that a person named, and where it was found.
#[derive(Debug)]
pub(crate) struct Named {
    /// The profile.
    pub(crate) profile: Profile,
    /// What it means.
    pub(crate) effective: Effective,
    /// Where it comes from; `None` for a file that is not installed.
    pub(crate) origin: Option<Origin>,
    /// It is offered.
    pub(crate) enabled: bool,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum From {
    /// The profile's file.
    Profile,
    /// The protocol that the profile builds on.
    Parent,
}

/// A value of a profile.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Row {
    /// The key.
    pub(crate) key: String,
    /// What it means, variables replaced; secrets and pictures are not shown.
    pub(crate) value: String,
    /// Where it comes from.
    pub(crate) from: From,
}

/// Finds a profile by its vendor or `PROTOCOL/VENDOR`.
pub(crate) fn find(app: &App, text: &str) -> Result<Listed, Error> {
    let all: Vec<Listed> = app.profiles()?.all()?.into_iter().filter_map(Result::ok).collect();
    let is_it = |listed: &&Listed| {
        let id = listed.profile.id();
        id.vendor == text || id.to_string() == text
    };
    match all.iter().find(is_it) {
        Some(listed) => Ok(listed.clone()),
        None => {
            let vendors: Vec<String> = all.iter().map(|listed| listed.profile.id().vendor).collect();
            let near = nearest(text, vendors.iter().map(String::as_str));
            Err(ProfilesError::Unknown { text: text.to_owned(), near }.into())
        }
    }
}

/// Finds a profile by its vendor, else reads it from the file of that name.
pub(crate) fn named(app: &App, text: &str) -> Result<Named, Error> {
    let profiles = app.profiles()?;
    match find(app, text) {
        Ok(listed) => Ok(Named {
            effective: profiles.effective(&listed.profile),
            origin: Some(listed.origin),
            enabled: listed.enabled,
            profile: listed.profile,
        }),
        Err(_) if Path::new(text).is_file() => {
            let profile = pintail_connect::read_profile(Path::new(text))?;
            Ok(Named { effective: profiles.effective(&profile), origin: None, enabled: true, profile })
        }
        Err(error) => Err(error),
    }
}

/// Returns the values of a profile: what its file says, and what the protocol says where it is silent.
pub(crate) fn rows(profile: &Profile, effective: &Effective) -> Vec<Row> {
    let e = effective;
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(" "));
    let answer = |answer: &Answer, shown: fn(&str) -> String| match answer {
        Answer::Ask => None,
        Answer::Empty => Some(String::new()),
        Answer::Value(text) => Some(shown(text)),
    };
    let truth = |value: bool| Some(value.to_string());
    let mut rows = Vec::new();
    let mut add = |key: &str, value: Option<String>| {
        let said = profile.entries().any(|(name, _)| name == key);
        let blank = profile.text(key).is_some_and(|text| text.trim().is_empty());
        let from = if said && !blank { From::Profile } else { From::Parent };
        if let Some(value) = value {
            rows.push(Row { key: key.to_owned(), value, from });
        }
    };
    for name in key::PLAIN {
        let value = match name {
            key::PROTOCOL => Some(e.protocol.to_string()),
            key::VENDOR => Some(e.vendor.clone()),
            key::DESCRIPTION => Some(e.description.clone()),
            key::NAME => Some(e.name.clone()),
            key::HELP => e.help.clone(),
            key::BUNDLED => e.bundled.then(|| "true".to_owned()),
            key::DEPRECATED => e.deprecated.then(|| "true".to_owned()),
            key::DEFAULT_NICKNAME => e.default_nickname.clone(),
            key::SCHEME => e.scheme.map(|scheme| scheme.as_str().to_owned()),
            key::SCHEMES => list(&e.schemes),
            key::DEFAULT_HOSTNAME => e.default_hostname.clone().filter(|_| !e.asks_hostname),
            key::DEFAULT_PORT => e.default_port.map(|port| port.to_string()),
            key::DEFAULT_PATH => e.default_path.clone(),
            key::REGION => e.region.clone(),
            key::REGIONS => list(&e.regions),
            key::CONTEXT => e.context.clone(),
            key::AUTHORIZATION => Some(e.authorization.as_str().to_owned()),
            key::OAUTH_CLIENT_ID => answer(&e.oauth_client_id, str::to_owned),
            key::OAUTH_CLIENT_SECRET => answer(&e.oauth_client_secret, |_| "(not shown)".to_owned()),
            key::OAUTH_AUTHORIZATION_URL => e.oauth_authorization_url.clone(),
            key::OAUTH_TOKEN_URL => e.oauth_token_url.clone(),
            key::OAUTH_REDIRECT_URL => e.oauth_redirect_url.clone(),
            key::OAUTH_PKCE if e.way() == Some(WayName::WebIdentity) => truth(e.oauth_pkce),
            key::SCOPES => list(&e.scopes),
            key::STS_ENDPOINT => e.sts_endpoint.clone(),
            // Pictures are for programs with windows.
            key::DISK | key::ICON => profile.text(name).map(|_| "(a picture)".to_owned()),
            _ => None,
        };
        add(name, value);
    }
    let can = &e.configurable;
    let values = [
        can.hostname,
        can.port,
        can.path,
        can.username,
        can.password,
        can.anonymous,
        can.token,
        can.oauth,
        can.certificate,
        can.private_key,
        can.role,
        can.multi_factor,
    ];
    for (what, value) in key::SETTABLE.into_iter().zip(values) {
        add(&format!("{what} {}", key::CONFIGURABLE), truth(value));
    }
    let labels = &e.placeholders;
    let labels = [&labels.hostname, &labels.path, &labels.username, &labels.password, &labels.token];
    for (what, label) in key::LABELLED.into_iter().zip(labels) {
        add(&format!("{what} {}", key::PLACEHOLDER), label.clone());
    }
    rows
}

/// Returns the properties of a profile, without what is secret.
pub(crate) fn properties(effective: &Effective) -> Vec<(String, String)> {
    let shown = |(name, value): &(String, String)| {
        let value = if super::config::is_secret(name) && !value.is_empty() { "(not shown)" } else { value };
        (name.clone(), value.to_owned())
    };
    effective.properties.iter().map(shown).collect()
}

/// Returns the keys of a file that have no meaning here.
pub(crate) fn unknown_keys(profile: &Profile) -> Vec<String> {
    profile.entries().map(|(name, _)| name).filter(|name| !key::is_known(name)).map(str::to_owned).collect()
}

/// Returns what a bookmark of the profile has to say, in the order in which a person is asked.
pub(crate) fn asks(effective: &Effective) -> Vec<String> {
    let mut asks: Vec<String> = Vec::new();
    let mut ask = |text: &str| asks.push(text.to_owned());
    if effective.asks_hostname {
        ask("host");
    }
    let said = |name: &str| effective.property(name).is_some_and(|text| !text.is_empty());
    let label = |label: &Option<String>, usual: &str| label.clone().unwrap_or_else(|| usual.to_owned());
    let labels = &effective.placeholders;
    let keys = [label(&labels.username, "Access Key ID"), label(&labels.password, "Secret Access Key")];
    match effective.way() {
        Some(WayName::WebIdentity) => {
            let findings = sign_in_findings(effective);
            if findings.iter().any(|it| matches!(it, Finding::ManyTenants(_))) {
                ask("tenant");
            }
            if findings.iter().any(|it| matches!(it, Finding::NoIssuer)) {
                ask("issuer");
            }
            if effective.oauth_client_id.value().is_none() && !said(property::CLIENT_ID) {
                ask("client ID");
            }
            if effective.oauth_client_secret == Answer::Ask && effective.oauth_client_id.value().is_some() {
                ask("client secret, if the application has one");
            }
            if !said(property::ROLE) {
                ask("role ARN");
            }
        }
        Some(WayName::Keys) => keys.iter().for_each(|label| ask(label)),
        Some(WayName::AssumeRole) => {
            keys.iter().for_each(|label| ask(label));
            if !said(property::ROLE) {
                ask("role ARN");
            }
            ask("MFA device, if the role needs one");
        }
        Some(WayName::SessionToken) => {
            keys.iter().for_each(|label| ask(label));
            ask("MFA device");
        }
        Some(WayName::AwsProfile) => ask("profile of the AWS CLI"),
        Some(WayName::IdentityCenter) => {
            for (name, what) in [
                (property::SSO_START_URL, "start address"),
                (property::SSO_REGION, "region of IAM Identity Center"),
            ] {
                if !said(name) {
                    ask(what);
                }
            }
        }
        Some(WayName::Anonymous | WayName::ContainerMetadata | WayName::InstanceMetadata) | None => {}
    }
    asks
}

fn sign_in_findings(effective: &Effective) -> Vec<Finding> {
    let mut profile = Profile::new(&ProfileId::s3(Some(&effective.vendor)), "");
    for (name, text) in [
        (key::DEFAULT_HOSTNAME, &effective.default_hostname),
        (key::OAUTH_AUTHORIZATION_URL, &effective.oauth_authorization_url),
        (key::OAUTH_TOKEN_URL, &effective.oauth_token_url),
    ] {
        if let Some(text) = text {
            profile.set_text(name, text);
        }
    }
    profile.set_text(key::AUTHORIZATION, effective.authorization.as_str());
    for (name, value) in &effective.properties {
        profile.set_property(name, Some(value));
    }
    check(&profile, &|_| None)
}

/// Reads a file and tells what is wrong with it; the error for a file that is no profile at all.
pub(crate) fn judge(app: &App, path: &Path) -> Result<(ProfileId, Vec<Finding>), Error> {
    let profile = pintail_connect::read_profile(path)?;
    let preferences = app.preferences()?;
    Ok((profile.id(), check(&profile, &|name| preferences.variable(name))))
}

/// A profile that is to be installed.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The profile.
    pub(crate) profile: Profile,
    /// What it means.
    pub(crate) effective: Effective,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
    /// What is there under its name.
    pub(crate) before: Before,
    file: Vec<u8>,
    from: PathBuf,
}

impl Candidate {
    /// Fetches or reads a profile. Nothing is written.
    ///
    /// # Errors
    /// When it cannot be fetched or read, is no profile, or is of another protocol and `any_protocol` is not said.
    pub(crate) async fn take(app: &App, source: &str, any_protocol: bool) -> Result<Self, Error> {
        let file = if source.starts_with("https:") || source.starts_with("http:") {
            fetch(app, source).await?
        } else {
            read(Path::new(source))?
        };
        let from = PathBuf::from(source);
        let profile = Profile::read(&file).map_err(|source| not_a_profile(&from, source))?;
        if let (Protocol::Other(protocol), false) = (profile.protocol(), any_protocol) {
            return Err(ProfilesError::OtherProtocol { from: source.to_owned(), protocol }.into());
        }
        let (profiles, preferences) = (app.profiles()?, app.preferences()?);
        let before = profiles.before(&profile)?;
        Ok(Self {
            effective: profiles.effective(&profile),
            findings: check(&profile, &|name| preferences.variable(name)),
            profile,
            before,
            file,
            from,
        })
    }

    /// Installs it.
    pub(crate) fn install(&self, profiles: &Profiles) -> Result<Installed, Error> {
        Ok(profiles.install(&self.file, &self.from)?)
    }
}

fn not_a_profile(path: &Path, source: ProfileError) -> Error {
    Error::Connect(pintail_connect::Error::Profile { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let limit = u64::try_from(FILE_SIZE_MAX).unwrap_or(u64::MAX) + 1;
    let opened = fs::File::open(path).map_err(|error| Error::local("read", path, error))?;
    opened.take(limit).read_to_end(&mut file).map_err(|error| Error::local("read", path, error))?;
    Ok(file)
}

async fn fetch(app: &App, text: &str) -> Result<Vec<u8>, Error> {
    let refused = || Error::Profiles(ProfilesError::NotFetched(text.to_owned()));
    let url = Url::parse(text).map_err(|_| refused())?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    // What says where to sign in must come from whom it says it comes from.
    if !(url.scheme() == "https" || url.scheme() == "http" && here)
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(refused());
    }
    // A query may carry a token.
    let mut shown = url.clone();
    shown.set_query(None);
    let request = HttpRequest { response_limit_bytes: FILE_SIZE_MAX, ..HttpRequest::get(url) };
    let answer = app.plain_http()?.send(request).await;
    let answer = answer.map_err(|source| ProfilesError::Fetch { url: shown.to_string(), source })?;
    if answer.status != StatusCode::OK {
        return Err(ProfilesError::Status { url: shown.to_string(), status: answer.status }.into());
    }
    Ok(answer.body.to_vec())
}

/// Removes an installed profile, also one whose file was damaged since.
pub(crate) fn remove(app: &App, text: &str) -> Result<ProfileId, Error> {
    let id = match find(app, text) {
        Ok(listed) => listed.profile.id(),
        Err(unknown) => {
            let id = ProfileId::s3(Some(text.strip_prefix("s3/").unwrap_or(text)));
            return if app.profiles()?.remove(&id)? { Ok(id) } else { Err(unknown) };
        }
    };
    if app.profiles()?.remove(&id)? { Ok(id) } else { Err(ProfilesError::Builtin(id.vendor).into()) }
}

/// Offers a profile or does not.
pub(crate) fn enable(app: &App, text: &str, enabled: bool) -> Result<ProfileId, Error> {
    let id = find(app, text)?.profile.id();
    app.profiles()?.enable(&id, enabled)?;
    Ok(id)
}

/// Returns a profile's file as it stands.
pub(crate) fn file(app: &App, text: &str) -> Result<Vec<u8>, Error> {
    let listed = find(app, text)?;
    match &listed.origin {
        Origin::Installed(path) => read(path),
        Origin::Builtin => match builtin::find(&listed.profile.id()) {
            Some(own) => Ok(own.file.to_vec()),
            None => Err(ProfilesError::Unknown { text: text.to_owned(), near: Vec::new() }.into()),
        },
    }
}

/// Writes a file that is not there yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let made = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::TargetTaken(path.display().to_string()),
        _ => Error::local("write", path, error),
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| Error::local("write", path, error))
}
