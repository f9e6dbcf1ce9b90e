//! What is asked: who, which action, on what, and everything around it that conditions can test.
//!
//! Pure: whoever knows the caller and the clock fills it in; `trust.rs` and `session.rs` do it for the two requests that
//! Pintail is about. Names of keys are compared without regard to case, values as they are.

use std::collections::BTreeMap;
use std::fmt;

/// What conditions and variables can read: keys with one value or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// By the key in lower case.
    entries: BTreeMap<String, Entry>,
    /// The identity provider whose keys are known in full, as keys begin: `login.microsoftonline.com/TENANT/v2.0`.
    provider: Option<String>,
}

/// A key with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key as it was set.
    pub key: String,
    /// Its values; never empty.
    pub values: Vec<String>,
    /// Whether it is a key that can have several values, also where it has one. Such a key needs `ForAnyValue:` or
    /// `ForAllValues:`, and is no variable.
    pub several: bool,
}

/// Why a request does not have a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// This request has none; another may.
    NotInRequest,
    /// No request ever has it: AWS fills only `aud`, `sub`, `amr`, `email` and `oaud` for an issuer like this one.
    NeverForIssuer,
    /// The key begins with another identity provider than the one that was asked.
    OtherProvider(String),
}

/// Claims that AWS offers as keys of an OpenID Connect provider that is not one of those it knows by name.
///
/// Source: IAM User Guide, "Available keys for AWS OIDC federation"; that no other claim of such an issuer ever becomes a key
/// was measured.
pub const PROVIDER_KEYS: [&str; 5] = ["aud", "sub", "amr", "email", "oaud"];

/// Keys that can have several values, beside `amr` of a provider.
const SEVERAL: [&str; 6] = [
    "aws:tagkeys",
    "sts:transitivetagkeys",
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "s3:requestobjecttagkeys",
];

/// Whether a key is one of those that can have several values, as far as they are known here.
pub fn can_have_several(key: &str) -> bool {
    let key = key.to_lowercase();
    SEVERAL.contains(&key.as_str()) || key.ends_with(":amr")
}

/// Claims that people write into conditions because other issuers have them.
const CLAIMS_OF_OTHERS: [&str; 9] =
    ["groups", "roles", "tid", "oid", "upn", "azp", "iss", "preferred_username", "name"];

impl Context {
    /// Returns a context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key that has one value.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.insert(key.into(), vec![value.into()], false)
    }

    /// Sets a key that can have several values. Without any value, the key is absent.
    pub fn set_all<V: Into<String>>(
        &mut self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        self.insert(key.into(), values.into_iter().map(Into::into).collect(), true)
    }

    /// Takes the keys of another context over; they win over those of the same name.
    pub fn extend(&mut self, other: &Self) {
        let theirs = other.entries.iter().map(|(name, entry)| (name.clone(), entry.clone()));
        self.entries.extend(theirs);
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) {
        self.entries.remove(&key.to_lowercase());
    }

    /// Names the identity provider all of whose keys are known, as keys begin: without scheme, without a slash at the end.
    pub fn set_provider(&mut self, provider: impl Into<String>) {
        self.provider = Some(provider.into());
    }

    /// Returns a key's entry.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(&key.to_lowercase())
    }

    /// Returns the value of a key that has exactly one and cannot have more.
    pub fn single(&self, key: &str) -> Option<&str> {
        match self.entry(key) {
            Some(Entry { values, several: false, .. }) => values.first().map(String::as_str),
            _ => None,
        }
    }

    /// Returns every entry, in the order of the keys.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Says why a key that is absent is absent.
    pub fn absence(&self, key: &str) -> Absence {
        let Some(provider) = &self.provider else { return Absence::NotInRequest };
        let key = key.to_lowercase();
        let Some((prefix, claim)) = key.rsplit_once(':') else { return Absence::NotInRequest };
        if prefix == provider.to_lowercase() {
            return match PROVIDER_KEYS.contains(&claim) {
                true => Absence::NotInRequest,
                false => Absence::NeverForIssuer,
            };
        }
        let of_a_provider = prefix.contains('.') || prefix.contains('/');
        let known = PROVIDER_KEYS.contains(&claim) || CLAIMS_OF_OTHERS.contains(&claim);
        match of_a_provider && known {
            true => Absence::OtherProvider(prefix.to_owned()),
            false => Absence::NotInRequest,
        }
    }

    fn insert(&mut self, key: String, values: Vec<String>, several: bool) -> &mut Self {
        let name = key.to_lowercase();
        if values.is_empty() {
            self.entries.remove(&name);
        } else {
            self.entries.insert(name, Entry { key, values, several });
        }
        self
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that AWS knows: a request without a signature.
    Anonymous,
    /// The root user of an account.
    Root {
        /// Its ARN, `arn:aws:iam::123456789012:root`.
        arn: String,
    },
    /// A user.
    User {
        /// Its ARN.
        arn: String,
    },
    /// A session of a role.
    Session {
        /// The role's ARN, `arn:aws:iam::123456789012:role/PATH/NAME`.
        role: String,
        /// The name of the session, where it is known.
        name: Option<String>,
    },
    /// Somebody with an ID token, who is about to take a role on.
    WebIdentity {
        /// The ARN of the identity provider.
        provider: String,
    },
    /// A service of AWS.
    Service {
        /// Its name, `ec2.amazonaws.com`.
        name: String,
    },
}

/// Why a text is no caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no ARN of a user, a role, a session of a role, an identity provider or the root user, no service, and not \"*\""
)]
pub struct NoCaller(pub String);

impl Caller {
    /// Reads a caller: the ARN of a user, a role, a session of a role (`arn:aws:sts::…:assumed-role/ROLE/SESSION`), an identity
    /// provider or an account's root user, the name of a service, or `*` for nobody.
    ///
    /// The ARN of a session does not say the path of its role; the role is taken for one without.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, NoCaller> {
        let no = || NoCaller(text.to_owned());
        if text == "*" {
            return Ok(Self::Anonymous);
        }
        if !text.starts_with("arn:") {
            let service = text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn");
            return if service { Ok(Self::Service { name: text.to_owned() }) } else { Err(no()) };
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &[_, partition, service, _, account, resource] = parts.as_slice() else { return Err(no()) };
        let arn = text.to_owned();
        match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => Ok(Self::Root { arn }),
            ("iam", Some(("user", name))) if !name.is_empty() => Ok(Self::User { arn }),
            ("iam", Some(("role", name))) if !name.is_empty() => Ok(Self::Session { role: arn, name: None }),
            ("iam", Some(("oidc-provider" | "saml-provider", name))) if !name.is_empty() => {
                Ok(Self::WebIdentity { provider: arn })
            }
            ("sts", Some(("assumed-role", rest))) => match rest.split_once('/') {
                Some((role, name)) if !role.is_empty() && !name.is_empty() => Ok(Self::Session {
                    role: format!("arn:{partition}:iam::{account}:role/{role}"),
                    name: Some(name.to_owned()),
                }),
                _ => Err(no()),
            },
            _ => Err(no()),
        }
    }

    /// Returns the account the caller belongs to; the provider's for an ID token.
    pub fn account(&self) -> Option<&str> {
        let arn = match self {
            Self::Anonymous | Self::Service { .. } => return None,
            Self::Root { arn } | Self::User { arn } => arn,
            Self::Session { role, .. } => role,
            Self::WebIdentity { provider } => provider,
        };
        account_of(arn)
    }

    /// Returns the ARN of the session, where its name is known: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub fn session_arn(&self) -> Option<String> {
        let Self::Session { role, name: Some(name) } = self else { return None };
        let partition = role.split(':').nth(1)?;
        let account = account_of(role)?;
        let role = role.rsplit('/').next()?;
        Some(format!("arn:{partition}:sts::{account}:assumed-role/{role}/{name}"))
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("nobody (a request without a signature)"),
            Self::Root { arn } | Self::User { arn } => f.write_str(arn),
            Self::Session { role, .. } => match self.session_arn() {
                Some(arn) => f.write_str(&arn),
                None => write!(f, "a session of {role}"),
            },
            Self::WebIdentity { provider } => f.write_str(provider),
            Self::Service { name } => f.write_str(name),
        }
    }
}

/// Returns the account in an ARN, where there is one.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// One question to the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub caller: Caller,
    /// The action, `s3:GetObject`.
    pub action: String,
    /// The ARN of what it is done to; `*` for actions that have no resource.
    pub resource: String,
    /// The account the resource belongs to, where it is another one than the caller's. ARNs of S3 do not say it.
    pub resource_account: Option<String>,
    /// Everything else.
    pub context: Context,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_read() {
        let role = "arn:aws:iam::123456789012:role/Path/Reader";
        assert_eq!(Caller::parse(role), Ok(Caller::Session { role: role.into(), name: None }));
        let session = Caller::parse("arn:aws-cn:sts::123456789012:assumed-role/Reader/ann").unwrap();
        assert_eq!(
            session,
            Caller::Session {
                role: "arn:aws-cn:iam::123456789012:role/Reader".into(),
                name: Some("ann".into())
            }
        );
        assert_eq!(session.session_arn().unwrap(), "arn:aws-cn:sts::123456789012:assumed-role/Reader/ann");
        assert_eq!(session.account(), Some("123456789012"));
        let provider = "arn:aws:iam::1:oidc-provider/login.microsoftonline.com/t/v2.0";
        assert_eq!(Caller::parse(provider), Ok(Caller::WebIdentity { provider: provider.into() }));
        assert_eq!(Caller::parse("*"), Ok(Caller::Anonymous));
        assert_eq!(Caller::parse("ec2.amazonaws.com").unwrap().account(), None);
        for bad in ["", "ann", "arn:aws:s3:::b", "arn:aws:iam::1:group/x", "arn:aws:sts::1:assumed-role/x"] {
            assert!(Caller::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_have_no_case_and_an_absence_has_a_reason() {
        let mut context = Context::new();
        context.set("AWS:SourceIp", "10.0.0.1").set_all("aws:TagKeys", ["a"]);
        context.set_provider("login.microsoftonline.com/T/v2.0");
        assert_eq!(context.single("aws:sourceIP"), Some("10.0.0.1"));
        assert_eq!(context.single("aws:TagKeys"), None, "a key that can have several values");
        assert_eq!(context.absence("aws:username"), Absence::NotInRequest);
        assert_eq!(context.absence("login.microsoftonline.com/t/v2.0:SUB"), Absence::NotInRequest);
        assert_eq!(context.absence("login.microsoftonline.com/t/v2.0:groups"), Absence::NeverForIssuer);
        let other = Absence::OtherProvider("https://login.microsoftonline.com/t/v2.0".into());
        assert_eq!(context.absence("https://login.microsoftonline.com/t/v2.0:aud"), other);
        context.set_all("aws:TagKeys", Vec::<String>::new());
        assert_eq!(context.entry("aws:tagkeys"), None, "no value is no key");
    }
}
