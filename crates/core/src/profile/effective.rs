//! What a profile means: the parent protocol's defaults, the profile's words over them, variables replaced.
//!
//! Two rules say when the parent's default counts. For most keys a blank text is as good as none. For the client ID,
//! the client secret and truth values only an absent key is none: an empty secret says "there is no secret".

use std::fmt;

use url::Url;

use super::substitute::substitute;
use super::{Authorization, Profile, ProfileId, Protocol, WayName, key};
use crate::name::Region;

/// What a profile says about something that a person may have to be asked for.
///
/// Its `Debug` does not show the value: one of them is a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: a person is asked, if it is needed.
    Ask,
    /// That there is none.
    Empty,
    /// This.
    Value(String),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ask => "Ask",
            Self::Empty => "Empty",
            Self::Value(_) => "Value(…)",
        })
    }
}

impl Answer {
    /// Returns the value, if there is one.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Ask | Self::Empty => None,
            Self::Value(text) => Some(text),
        }
    }
}

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In clear text.
    Http,
    /// Inside TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as an address has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port where none is said.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// What a person can set in a bookmark of this profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configurable {
    /// The host.
    pub hostname: bool,
    /// The port.
    pub port: bool,
    /// Where to start.
    pub path: bool,
    /// A user name, which for S3 is the access key ID.
    pub username: bool,
    /// A password, which for S3 is the secret access key.
    pub password: bool,
    /// To use no credential.
    pub anonymous: bool,
    /// A session token.
    pub token: bool,
    /// A sign-in in the browser.
    pub oauth: bool,
    /// A client certificate.
    pub certificate: bool,
    /// A private key.
    pub private_key: bool,
    /// A role.
    pub role: bool,
    /// A device for a second factor.
    pub multi_factor: bool,
}

/// Labels of what a person is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholders {
    /// Of the host.
    pub hostname: Option<String>,
    /// Of the path.
    pub path: Option<String>,
    /// Of the user name.
    pub username: Option<String>,
    /// Of the password.
    pub password: Option<String>,
    /// Of the session token.
    pub token: Option<String>,
}

/// What makes two profiles the same one in Cyberduck's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Protocol and vendor.
    pub id: ProfileId,
    /// The scheme.
    pub scheme: Option<Scheme>,
    /// The context.
    pub context: Option<String>,
    /// The authorization.
    pub authorization: String,
    /// The default host.
    pub hostname: Option<String>,
}

/// A profile with everything decided. Texts are never blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The protocol.
    pub protocol: Protocol,
    /// The vendor.
    pub vendor: String,
    /// The name for people; the vendor where there is none.
    pub description: String,
    /// A shorter one; the description where there is none.
    pub name: String,
    /// A page that helps.
    pub help: Option<String>,
    /// Ships with a program. Cyberduck offers such a profile always; here it can be disabled like any other.
    pub bundled: bool,
    /// No longer offered.
    pub deprecated: bool,
    /// A new bookmark's name.
    pub default_nickname: Option<String>,
    /// A new bookmark's host.
    pub default_hostname: Option<String>,
    /// The host has to be asked for: the profile names none of its own and has a label for it.
    pub asks_hostname: bool,
    /// A new bookmark's port.
    pub default_port: Option<u16>,
    /// Where a new bookmark starts.
    pub default_path: Option<String>,
    /// How requests travel; `None` only for other protocols.
    pub scheme: Option<Scheme>,
    /// Schemes of addresses that the profile answers to.
    pub schemes: Vec<String>,
    /// The region to sign for.
    pub region: Option<String>,
    /// The regions to choose from; none: the service's own.
    pub regions: Vec<String>,
    /// A path before every request's, or the address of instance metadata.
    pub context: Option<String>,
    /// A signature version or an OAuth flow.
    pub authorization: Authorization,
    /// The application's ID at the issuer.
    pub oauth_client_id: Answer,
    /// The application's secret at the issuer; `Empty` is a public client.
    pub oauth_client_secret: Answer,
    /// Where a person signs in: an address, or a path at the bookmark's host.
    pub oauth_authorization_url: Option<String>,
    /// Where a code becomes tokens: an address, or a path at the bookmark's host.
    pub oauth_token_url: Option<String>,
    /// Where the issuer's answer goes.
    pub oauth_redirect_url: Option<String>,
    /// Protects the code by PKCE.
    pub oauth_pkce: bool,
    /// The scopes to ask for; none: the program's own.
    pub scopes: Vec<String>,
    /// Where STS is; `None` for the program's own choice, which is the region's endpoint.
    pub sts_endpoint: Option<String>,
    /// What a person can set.
    pub configurable: Configurable,
    /// Labels of what a person is asked for.
    pub placeholders: Placeholders,
    /// Preferences that hold for this profile, in their order.
    pub properties: Vec<(String, String)>,
}

impl Effective {
    /// Returns the protocol S3 itself, with nothing of a profile.
    pub fn s3() -> Self {
        Profile::new(&ProfileId::s3(None), "").effective(&|_| None)
    }

    pub(super) fn of(profile: &Profile, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let given = Given { profile, variable };
        let protocol = profile.protocol();
        let parent = Parent::of(&protocol);
        let ProfileId { protocol: identifier, vendor } = profile.id();

        let description = given.text(key::DESCRIPTION).unwrap_or_else(|| vendor.clone());
        let scheme = given.text(key::SCHEME).and_then(|text| scheme(&text)).or(parent.scheme);
        let oauth_client_id = given.answer(key::OAUTH_CLIENT_ID);
        let knows_client_id = oauth_client_id.value().is_some();
        let configurable = |what: &str, default: bool| {
            profile.flag(&format!("{what} {}", key::CONFIGURABLE)).unwrap_or(default)
        };
        let placeholder = |what: &str, default: Option<&str>| {
            given.text(&format!("{what} {}", key::PLACEHOLDER)).or_else(|| default.map(str::to_owned))
        };
        let schemes = given.texts(key::SCHEMES);
        let own = |name: &str| name.to_owned();

        Self {
            name: given.text(key::NAME).unwrap_or_else(|| description.clone()),
            description,
            help: given.text(key::HELP),
            bundled: profile.flag(key::BUNDLED).unwrap_or(false),
            deprecated: profile.flag(key::DEPRECATED).unwrap_or(false),
            default_nickname: given.text(key::DEFAULT_NICKNAME),
            default_hostname: given.text(key::DEFAULT_HOSTNAME).or_else(|| parent.hostname.map(own)),
            asks_hostname: given.text(key::DEFAULT_HOSTNAME).is_none()
                && given.text(&format!("Hostname {}", key::PLACEHOLDER)).is_some(),
            default_port: profile.port(key::DEFAULT_PORT).or_else(|| scheme.map(Scheme::port)),
            default_path: given.text(key::DEFAULT_PATH),
            scheme,
            schemes: if schemes.is_empty() {
                std::iter::once(identifier).chain(parent.scheme.map(|scheme| own(scheme.as_str()))).collect()
            } else {
                schemes
            },
            region: given.text(key::REGION),
            regions: given.texts(key::REGIONS),
            context: given.text(key::CONTEXT),
            authorization: given
                .text(key::AUTHORIZATION)
                .map_or(Authorization::Signature4, |text| Authorization::of(&text)),
            oauth_client_id,
            oauth_client_secret: given.answer(key::OAUTH_CLIENT_SECRET),
            oauth_authorization_url: given.text(key::OAUTH_AUTHORIZATION_URL),
            oauth_token_url: given.text(key::OAUTH_TOKEN_URL),
            oauth_redirect_url: given.text(key::OAUTH_REDIRECT_URL),
            oauth_pkce: profile.flag(key::OAUTH_PKCE).unwrap_or(true),
            scopes: given.texts(key::SCOPES),
            sts_endpoint: given.text(key::STS_ENDPOINT),
            configurable: Configurable {
                hostname: configurable("Hostname", true),
                port: configurable("Port", true),
                path: configurable("Path", true),
                username: configurable("Username", true),
                password: configurable("Password", !knows_client_id),
                anonymous: configurable("Anonymous", true),
                token: configurable("Token", false),
                oauth: configurable("OAuth", knows_client_id),
                certificate: configurable("Certificate", false),
                private_key: configurable("Private Key", false),
                role: configurable("Role", false),
                multi_factor: configurable("Multi Factor", false),
            },
            placeholders: Placeholders {
                hostname: placeholder("Hostname", parent.hostname),
                path: placeholder("Path", None),
                username: placeholder("Username", parent.username),
                password: placeholder("Password", parent.password),
                token: placeholder("Token", None),
            },
            properties: profile
                .properties()
                .into_iter()
                .map(|(name, value)| (name, substitute(&value, variable)))
                .collect(),
            protocol,
            vendor,
        }
    }

    /// Returns what names the profile.
    pub fn id(&self) -> ProfileId {
        ProfileId { protocol: self.protocol.to_string(), vendor: self.vendor.clone() }
    }

    /// Returns what makes two profiles the same one.
    pub fn identity(&self) -> Identity {
        Identity {
            id: self.id(),
            scheme: self.scheme,
            context: self.context.clone(),
            authorization: self.authorization.as_str().to_owned(),
            hostname: self.default_hostname.clone(),
        }
    }

    /// Returns a property as the profile has it. An empty one is not an absent one: with `role_arn` it says "ask".
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the way to a credential: the one that `pintail.way` names, else what vendor, OAuth keys and flags say.
    /// `None` for other protocols.
    pub fn way(&self) -> Option<WayName> {
        (self.protocol == Protocol::S3).then(|| self.way_told().unwrap_or(WayName::Keys))
    }

    /// As [`Effective::way`]; `None` also where the profile is no more than the protocol itself, whose keys are a guess.
    pub fn way_told(&self) -> Option<WayName> {
        if self.protocol != Protocol::S3 {
            return None;
        }
        if let Some(way) = self.property(WayName::PROPERTY).and_then(|word| word.trim().parse().ok()) {
            return Some(way);
        }
        if let Some(way) = WayName::of_vendor(&self.vendor) {
            return Some(way);
        }
        let oauth_urls = self.oauth_authorization_url.is_some() || self.oauth_token_url.is_some();
        let can = &self.configurable;
        let bare = self.vendor == self.protocol.to_string();
        Some(if self.authorization.is_oauth() || oauth_urls {
            WayName::WebIdentity
        } else if self.context.as_deref().is_some_and(is_web_address) {
            WayName::InstanceMetadata
        } else if can.anonymous && !can.username && !can.password && !can.oauth {
            WayName::Anonymous
        } else if bare {
            return None;
        } else {
            WayName::Keys
        })
    }

    /// Returns the host of a region, where the host's label has the word `REGION` in it and needs nothing else filled
    /// in (a part in capital letters, such as an account).
    pub fn hostname_in(&self, region: &str) -> Option<String> {
        let label = self.placeholders.hostname.as_deref()?;
        let host = label.contains("REGION").then(|| label.replace("REGION", region))?;
        (!host.contains(|c: char| c.is_ascii_uppercase())).then_some(host)
    }

    /// Returns the region in a host's name, where the host's label has the word `REGION` in it. Other parts in capital
    /// letters stand for anything.
    pub fn region_of(&self, host: &str) -> Option<Region> {
        let label = self.placeholders.hostname.as_deref()?;
        let host = host.trim().to_ascii_lowercase();
        let (wanted, given): (Vec<_>, Vec<_>) = (label.split('.').collect(), host.split('.').collect());
        if wanted.len() != given.len() {
            return None;
        }
        let mut region = None;
        for (wanted, given) in wanted.into_iter().zip(given) {
            if let Some((before, after)) = wanted.split_once("REGION") {
                region = given.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                region?;
            } else if !wanted.contains(|c: char| c.is_ascii_uppercase()) && wanted != given {
                return None;
            }
        }
        region?.parse().ok()
    }

    /// Returns an OAuth address: as it stands, or where it is a path, at a bookmark's host. `None` if it is neither.
    pub fn address(&self, text: &str, host: &str, port: u16) -> Option<Url> {
        let url = if text.starts_with('/') {
            let scheme = self.scheme.unwrap_or(Scheme::Https);
            let base = Url::parse(&format!("{}://{host}:{port}/", scheme.as_str())).ok()?;
            // A path that begins with two slashes would lead to another host.
            base.join(text).ok().filter(|url| url.origin() == base.origin())?
        } else {
            Url::parse(text).ok()?
        };
        (is_web_address(url.as_str()) && url.has_host()).then_some(url)
    }
}

fn is_web_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

fn scheme(text: &str) -> Option<Scheme> {
    [Scheme::Http, Scheme::Https].into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
}

/// What a protocol says where a profile says nothing.
struct Parent {
    scheme: Option<Scheme>,
    hostname: Option<&'static str>,
    username: Option<&'static str>,
    password: Option<&'static str>,
}

impl Parent {
    fn of(protocol: &Protocol) -> Self {
        match protocol {
            Protocol::S3 => Self {
                scheme: Some(Scheme::Https),
                hostname: Some("s3.amazonaws.com"),
                username: Some("Access Key ID"),
                password: Some("Secret Access Key"),
            },
            // Nothing is known of other protocols, and nothing is made up.
            Protocol::Other(_) => Self { scheme: None, hostname: None, username: None, password: None },
        }
    }
}

/// The profile's words, with variables replaced.
struct Given<'a> {
    profile: &'a Profile,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Given<'_> {
    /// A text that counts as absent when it is blank.
    fn text(&self, key: &str) -> Option<String> {
        let text = substitute(&self.profile.text(key)?, self.variable);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A text that counts as absent only when the key is.
    fn answer(&self, key: &str) -> Answer {
        match self.profile.text(key) {
            None => Answer::Ask,
            Some(text) => match substitute(&text, self.variable).trim() {
                "" => Answer::Empty,
                text => Answer::Value(text.to_owned()),
            },
        }
    }

    fn texts(&self, key: &str) -> Vec<String> {
        let texts = self.profile.texts(key).unwrap_or_default();
        let texts = texts.iter().map(|text| substitute(text, self.variable).trim().to_owned());
        texts.filter(|text| !text.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests;
