//! What in a profile will not work as its author thinks, found without asking anybody.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use url::{Host, Url};

use super::{Issuer, issuer, property, read};
use crate::profile::{Authorization, Effective, Profile, Protocol, Scheme, WayName, key};
use crate::property_list::Value;
use crate::setting::{self, Honoured, SettingError};

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing to worry about; good to know.
    Note,
    /// It works for some and not for others, or gives away more than it should.
    Warning,
    /// A bookmark of the profile cannot work, or not as the profile says.
    Error,
}

/// Something about a profile that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is of another protocol.
    OtherProtocol(String),
    /// It asks for signatures that are not spoken here.
    Signature2,
    /// `Authorization` has a word without a meaning.
    UnknownAuthorization(String),
    /// A value is not of its kind, and the parent's holds instead.
    OddValue {
        /// The key.
        key: &'static str,
        /// The value.
        text: String,
    },
    /// A property does not take its value.
    Property(SettingError),
    /// A property has no effect here.
    NoEffect(&'static str),
    /// A property is not in the catalogue.
    UnknownProperty(String),
    /// A key has no meaning here, and is kept.
    UnknownKey(String),
    /// A variable has no value.
    Unresolved {
        /// Where it stands.
        key: String,
        /// Its name.
        variable: String,
    },
    /// Requests and answers travel in clear text.
    ClearText {
        /// Where to.
        place: String,
    },
    /// The application's secret can be read by everybody who has the file.
    SecretInside,
    /// The tenant stands for many, each with an issuer of its own.
    ManyTenants(String),
    /// Nothing tells the issuer, and a bookmark has to.
    NoIssuer,
    /// The issuer's answer cannot come back to this program.
    RedirectNotOurs(String),
    /// Where the redirect address is to be registered.
    Register(String),
    /// The global address of STS stands for the region's own here.
    GlobalSts,
}

impl Finding {
    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::OtherProtocol(_) | Self::Signature2 | Self::Property(_) | Self::RedirectNotOurs(_) => {
                Severity::Error
            }
            Self::UnknownAuthorization(_)
            | Self::OddValue { .. }
            | Self::Unresolved { .. }
            | Self::ClearText { .. }
            | Self::SecretInside
            | Self::ManyTenants(_) => Severity::Warning,
            Self::NoEffect(_)
            | Self::UnknownProperty(_)
            | Self::UnknownKey(_)
            | Self::NoIssuer
            | Self::Register(_)
            | Self::GlobalSts => Severity::Note,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProtocol(protocol) => {
                write!(f, "it is a profile for {protocol:?}, and Pintail speaks S3")
            }
            Self::Signature2 => {
                f.write_str("Authorization asks for signature version 2, which Pintail does not speak")
            }
            Self::UnknownAuthorization(text) => {
                write!(f, "Authorization {text:?} has no meaning; requests are signed with version 4")
            }
            Self::OddValue { key, text } => {
                write!(f, "{key} is {text:?}, and the protocol's own value holds instead")
            }
            Self::Property(error) => write!(f, "property {error}"),
            Self::NoEffect(name) => write!(f, "the property {name} has no effect here"),
            Self::UnknownProperty(name) => write!(f, "the property {name:?} is not known"),
            Self::UnknownKey(key) => write!(f, "the key {key:?} is not known, and is kept"),
            Self::Unresolved { key, variable } => {
                write!(f, "{key} has the variable {variable:?}, for which there is no value")
            }
            Self::ClearText { place } => write!(f, "{place} is reached in clear text"),
            Self::SecretInside => {
                f.write_str("OAuth Client Secret is in the file, for everybody who has the file to read")
            }
            Self::ManyTenants(tenant) => write!(
                f,
                "the tenant {tenant:?} stands for many, each with an issuer of its own: Entra refuses it for applications of one \
                 tenant (AADSTS50194), and an IAM identity provider knows one issuer; put the tenant's ID or domain in its place"
            ),
            Self::NoIssuer => f.write_str(
                "nothing tells the issuer; each bookmark has to, with pintail.tenant or pintail.issuer",
            ),
            Self::RedirectNotOurs(url) => write!(
                f,
                "the redirect address {url:?} leads elsewhere; it has to be http://localhost or a scheme of an application's own"
            ),
            Self::Register(url) => write!(
                f,
                "the redirect address {url:?} belongs under the platform \"Mobile and desktop applications\" of the app registration; \
                 under \"Web\" Entra asks for a secret (AADSTS7000218), under \"Single-page application\" it refuses (AADSTS9002327)"
            ),
            Self::GlobalSts => {
                f.write_str("STS Endpoint is the global address; the whole session hangs on one region then")
            }
        }
    }
}

/// Looks through a profile, with the variables that `variable` looks up. The worst findings come first.
pub fn check(profile: &Profile, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    let missing: RefCell<BTreeSet<String>> = RefCell::default();
    let effective = profile.effective(&|name| {
        let found = variable(name);
        if found.is_none() {
            missing.borrow_mut().insert(name.to_owned());
        }
        found
    });
    let mut findings = Vec::new();
    if let Protocol::Other(protocol) = &effective.protocol {
        findings.push(Finding::OtherProtocol(protocol.clone()));
    } else {
        words(profile, &effective, &mut findings);
        properties(&effective, &mut findings);
        if effective.way() == Some(WayName::WebIdentity) {
            sign_in(&effective, &mut findings);
        }
        addresses(&effective, &mut findings);
    }
    for (name, value) in profile.entries() {
        if !key::is_known(name) {
            findings.push(Finding::UnknownKey(name.to_owned()));
        }
        for variable in missing.borrow().iter().filter(|variable| holds(value, variable)) {
            findings.push(Finding::Unresolved { key: name.to_owned(), variable: variable.clone() });
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    findings
}

fn words(profile: &Profile, effective: &Effective, findings: &mut Vec<Finding>) {
    match &effective.authorization {
        Authorization::Signature2 => findings.push(Finding::Signature2),
        Authorization::Other(text) => findings.push(Finding::UnknownAuthorization(text.clone())),
        _ => {}
    }
    let said = |key: &str| profile.text(key).filter(|text| !text.trim().is_empty());
    if let Some(text) = said(key::DEFAULT_PORT).filter(|_| profile.port(key::DEFAULT_PORT).is_none()) {
        findings.push(Finding::OddValue { key: key::DEFAULT_PORT, text });
    }
    let scheme =
        |text: &String| ["http", "https"].iter().any(|known| text.trim().eq_ignore_ascii_case(known));
    if let Some(text) = said(key::SCHEME).filter(|text| !text.contains("${") && !scheme(text)) {
        findings.push(Finding::OddValue { key: key::SCHEME, text });
    }
    if effective.oauth_client_secret.value().is_some()
        || effective.property(property::CLIENT_SECRET).is_some_and(|it| !it.is_empty())
    {
        findings.push(Finding::SecretInside);
    }
}

fn properties(effective: &Effective, findings: &mut Vec<Finding>) {
    for (name, value) in &effective.properties {
        match setting::find(name) {
            None => findings.push(Finding::UnknownProperty(name.clone())),
            Some(setting) if setting.honoured != Honoured::Yes => {
                findings.push(Finding::NoEffect(setting.name));
            }
            // An empty value says nothing: a person is asked.
            Some(setting) if !value.trim().is_empty() => {
                findings.extend(setting.check(value).err().map(Finding::Property));
            }
            Some(_) => {}
        }
    }
}

fn sign_in(effective: &Effective, findings: &mut Vec<Finding>) {
    let host = effective.default_hostname.clone().unwrap_or_default();
    let port = effective.default_port.unwrap_or(443);
    let url =
        effective.oauth_authorization_url.as_ref().and_then(|text| effective.address(text, &host, port));
    let by_url = url.as_ref().and_then(issuer::of_authorization_url);
    let said = |name: &str| effective.property(name).map(str::to_owned).filter(|text| !text.is_empty());
    let tenant = match (&by_url, said(property::ISSUER), said(property::TENANT)) {
        (_, Some(_), _) => None,
        (_, None, Some(tenant)) => Some(tenant),
        (Some(Issuer::Entra { tenant, .. }), ..) => Some(tenant.to_string()),
        (Some(Issuer::Other(_)), ..) => None,
        (None, ..) => {
            findings.push(Finding::NoIssuer);
            None
        }
    };
    let redirect = said(property::REDIRECT).or_else(|| effective.oauth_redirect_url.clone());
    if let Some(text) = redirect.as_ref().filter(|text| !text.contains("${"))
        && read::redirect(Some(text)).is_err()
    {
        findings.push(Finding::RedirectNotOurs(text.clone()));
    }
    if let Some(tenant) = tenant {
        if ["common", "organizations", "consumers"].contains(&tenant.as_str()) {
            findings.push(Finding::ManyTenants(tenant));
        }
        findings.push(Finding::Register(redirect.unwrap_or_else(|| "http://localhost".to_owned())));
    }
}

fn addresses(effective: &Effective, findings: &mut Vec<Finding>) {
    let host = effective.default_hostname.as_deref().unwrap_or_default();
    let here = Url::parse(&format!("http://{host}/")).is_ok_and(|url| is_here(&url));
    if effective.scheme == Some(Scheme::Http) && !here {
        let place = if effective.asks_hostname { "the host that a bookmark names" } else { host };
        findings.push(Finding::ClearText { place: place.to_owned() });
    }
    let addresses = [&effective.oauth_authorization_url, &effective.oauth_token_url, &effective.sts_endpoint];
    for text in addresses.into_iter().flatten() {
        if Url::parse(text).is_ok_and(|url| url.scheme() == "http" && !is_here(&url)) {
            findings.push(Finding::ClearText { place: text.clone() });
        }
    }
    let global = ["https://sts.amazonaws.com", "https://sts.amazonaws.com/", "global"];
    if effective.sts_endpoint.as_deref().is_some_and(|text| global.contains(&text)) {
        findings.push(Finding::GlobalSts);
    }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Tells whether `${variable}` stands in a value or in one inside it. `$${…}` is a text and no variable.
fn holds(value: &Value, variable: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| holds(item, variable)),
        Value::Dictionary(entries) => entries.iter().any(|(_, value)| holds(value, variable)),
        Value::String(text) => {
            let word = format!("${{{variable}}}");
            text.match_indices(&word).any(|(at, _)| !text[..at].ends_with('$'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{ProfileId, builtin};

    fn findings(set: impl Fn(&mut Profile)) -> Vec<Finding> {
        let mut profile = Profile::new(&ProfileId::s3(Some("v")), "d");
        set(&mut profile);
        check(&profile, &|name| (name == "known").then(|| "x-app".to_owned()))
    }

    #[test]
    fn our_own_profiles_have_no_errors() {
        for own in builtin::all() {
            let found = check(&own.profile(), &|_| Some("x-app".into()));
            let worst = found.iter().map(Finding::severity).max();
            assert_ne!(worst, Some(Severity::Error), "{}: {found:?}", own.vendor);
        }
    }

    #[test]
    fn nothing_odd_is_nothing_found() {
        assert_eq!(findings(|_| {}), []);
        let redirect = findings(|profile| {
            profile.set_text(
                key::OAUTH_AUTHORIZATION_URL,
                "https://id.example/realms/x/protocol/openid-connect/auth",
            );
            profile.set_text(key::OAUTH_REDIRECT_URL, "${known}://oauth");
            profile.set_property("role_arn", Some(""));
        });
        assert_eq!(redirect, []);
    }

    #[test]
    fn what_is_odd_is_found_the_worst_first() {
        let entra = findings(|profile| {
            profile.set_text(
                key::OAUTH_AUTHORIZATION_URL,
                "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
            );
            profile.set_text(key::OAUTH_REDIRECT_URL, "https://app.example/oauth");
            profile.set_text(key::OAUTH_CLIENT_SECRET, "hunter2");
            profile.set_text(key::STS_ENDPOINT, "https://sts.amazonaws.com/");
            profile.set_text(key::HELP, "${unknown} $${never} ${default:-x}");
            profile.set_text("Unheard Of", "x");
            profile.set_property("s3.location", Some("not a region"));
            profile.set_property("un.known", Some("x"));
        });
        assert!(entra.is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity())), "{entra:?}");
        for expected in [
            Finding::RedirectNotOurs("https://app.example/oauth".into()),
            Finding::SecretInside,
            Finding::ManyTenants("common".into()),
            Finding::GlobalSts,
            Finding::UnknownKey("Unheard Of".into()),
            Finding::UnknownProperty("un.known".into()),
            Finding::Unresolved { key: "Help".into(), variable: "unknown".into() },
        ] {
            assert!(entra.contains(&expected), "{expected:?} in {entra:?}");
        }
        assert!(entra.iter().any(|finding| matches!(finding, Finding::Property(_))));
        assert!(!entra.iter().any(|finding| finding.to_string().contains("hunter2")));
        let variables = entra.iter().filter(|finding| matches!(finding, Finding::Unresolved { .. }));
        assert_eq!(variables.count(), 1);
    }

    #[test]
    fn odd_words_and_clear_text_are_found() {
        let odd = findings(|profile| {
            profile.set_text(key::AUTHORIZATION, "password");
            profile.set_text(key::DEFAULT_PORT, "many");
            profile.set_text(key::SCHEME, "gopher");
        });
        assert_eq!(odd.len(), 3, "{odd:?}");
        assert_eq!(findings(|profile| profile.set_text(key::AUTHORIZATION, "AWS2")), [Finding::Signature2]);
        let clear = |host: &'static str| {
            findings(move |profile| {
                profile.set_text(key::SCHEME, "http");
                profile.set_text(key::DEFAULT_HOSTNAME, host);
            })
        };
        assert_eq!(clear("s3.example"), [Finding::ClearText { place: "s3.example".into() }]);
        assert_eq!(clear("127.0.0.1"), []);
        let other = findings(|profile| profile.set_text(key::PROTOCOL, "sftp"));
        assert_eq!(other, [Finding::OtherProtocol("sftp".into())]);
        assert!(
            findings(|profile| profile.set_text(key::AUTHORIZATION, "AuthorizationCode"))
                .contains(&Finding::NoIssuer)
        );
    }
}
