//! What a bookmark means: how to sign in, what to exchange for what, and where S3 is.

use std::time::Duration;

use url::Url;

use super::Bookmark;
use crate::name::{ClientId, KeyPrefix, NameError, Region, RoleArn, SessionName, Tenant};

/// Who signs the person in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Microsoft Entra ID, by tenant, at the global cloud or the authority given.
    Entra {
        /// The tenant.
        tenant: Tenant,
        /// Another authority than the global one, such as a national cloud or a sandbox.
        authority: Option<Url>,
    },
    /// Any OpenID Connect issuer, by its issuer address.
    Other(Url),
}

/// How the application proves itself to the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// It does not: a public client, protected by PKCE.
    Public,
    /// By a secret, which the keychain holds.
    Secret,
    /// By a certificate and its key, in PEM files at these paths.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its private key.
        key: String,
    },
}

/// How the issuer's answer comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// To `http://localhost:PORT/`, a port of the moment unless one is fixed; the host and path as registered.
    Loopback(Url),
    /// To an address with a scheme of ours, such as `x-cyberduck-action://oauth`.
    Scheme(Url),
}

/// How long a session is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionLength {
    /// As long as the role allows.
    #[default]
    Longest,
    /// What the service gives to those who do not ask.
    Service,
    /// This long, if the role allows it.
    Exactly(Duration),
}

/// Where STS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StsEndpoint {
    /// The endpoint of the bookmark's region.
    Regional,
    /// The legacy endpoint `sts.amazonaws.com`.
    Global,
    /// Somewhere else.
    Custom(Url),
}

/// Everything that one bookmark says, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Who signs the person in.
    pub issuer: Issuer,
    /// The application's ID at the issuer.
    pub client_id: ClientId,
    /// How the application proves itself.
    pub authentication: Authentication,
    /// Scopes beyond `openid profile offline_access`.
    pub extra_scopes: Vec<String>,
    /// How the issuer's answer comes back.
    pub redirect: Redirect,
    /// The account to offer on the sign-in page.
    pub login_hint: Option<String>,
    /// The role that the ID token is exchanged for.
    pub role: RoleArn,
    /// The role to go on to from the first one.
    pub second_role: Option<RoleArn>,
    /// The external ID that the second role asks for.
    pub external_id: Option<String>,
    /// The name of the session, where it is not the person's.
    pub session_name: Option<SessionName>,
    /// How long a session to ask for.
    pub duration: SessionLength,
    /// An inline session policy (JSON).
    pub session_policy: Option<String>,
    /// Managed policies that narrow the session.
    pub policy_arns: Vec<String>,
    /// The session may only read.
    pub read_only: bool,
    /// The session reaches only this bucket and prefix.
    pub only: Option<(crate::name::BucketName, KeyPrefix)>,
    /// Where STS is.
    pub sts_endpoint: StsEndpoint,
    /// The region to sign for and to reach S3 in when the bucket's is not known.
    pub region: Region,
    /// Another S3 than Amazon's.
    pub s3_endpoint: Option<Url>,
    /// Buckets stand in the path, not in the host name. `None`: as the endpoint suggests.
    pub path_style: Option<bool>,
    /// Use the endpoints that answer over IPv6 too.
    pub dual_stack: bool,
    /// Use the endpoints with validated cryptography.
    pub fips: bool,
    /// The bucket and folder to start in.
    pub default_path: Option<String>,
    /// A PEM file of certificates to trust instead of the system's.
    pub ca_bundle: Option<String>,
}

/// Names of our own properties in the `Custom` dictionary.
pub mod property {
    /// Every property that a [`Connection`](super::Connection) reads.
    pub const ALL: [&str; 24] = [
        TENANT,
        AUTHORITY,
        ISSUER,
        CLIENT_ID,
        AUTHENTICATION,
        CERTIFICATE,
        CERTIFICATE_KEY,
        SCOPES,
        REDIRECT,
        ROLE,
        SECOND_ROLE,
        EXTERNAL_ID,
        SESSION_NAME,
        DURATION,
        POLICY,
        POLICY_ARNS,
        ONLY,
        STS_ENDPOINT,
        S3_ENDPOINT,
        REGION,
        PATH_STYLE,
        DUAL_STACK,
        FIPS,
        CA_BUNDLE,
    ];

    /// The tenant: GUID, verified domain, `common`, `organizations` or `consumers`.
    pub const TENANT: &str = "pintail.tenant";
    /// The address of Entra where it is not `https://login.microsoftonline.com`.
    pub const AUTHORITY: &str = "pintail.authority";
    /// The issuer address of another OpenID Connect issuer.
    pub const ISSUER: &str = "pintail.issuer";
    /// The client ID; Cyberduck's key.
    pub const CLIENT_ID: &str = "OAuth Client ID";
    /// `secret` or `certificate` where the application is confidential.
    pub const AUTHENTICATION: &str = "pintail.authentication";
    /// Path of the certificate.
    pub const CERTIFICATE: &str = "pintail.certificate";
    /// Path of the certificate's key.
    pub const CERTIFICATE_KEY: &str = "pintail.certificate.key";
    /// Further scopes, separated by spaces.
    pub const SCOPES: &str = "pintail.scopes";
    /// The redirect address.
    pub const REDIRECT: &str = "pintail.redirect";
    /// The role; Cyberduck's key.
    pub const ROLE: &str = "role_arn";
    /// The role to go on to.
    pub const SECOND_ROLE: &str = "pintail.role_arn.2";
    /// The external ID for it.
    pub const EXTERNAL_ID: &str = "pintail.external_id";
    /// The session's name; the AWS CLI's key.
    pub const SESSION_NAME: &str = "role_session_name";
    /// The session's length in seconds (Cyberduck's key), `longest` or `service`.
    pub const DURATION: &str = "s3.assumerole.durationseconds";
    /// An inline session policy; Cyberduck's key.
    pub const POLICY: &str = "s3.assumerole.policy";
    /// ARNs of session policies, separated by spaces.
    pub const POLICY_ARNS: &str = "pintail.policy_arns";
    /// `bucket/prefix` that the session is narrowed to.
    pub const ONLY: &str = "pintail.only";
    /// `regional`, `global` or an address.
    pub const STS_ENDPOINT: &str = "pintail.sts.endpoint";
    /// The S3 endpoint, with scheme and port.
    pub const S3_ENDPOINT: &str = "pintail.s3.endpoint";
    /// The region; Cyberduck's key.
    pub const REGION: &str = "s3.location";
    /// `true` or `false`; Cyberduck's key.
    pub const PATH_STYLE: &str = "s3.bucket.virtualhost.disable";
    /// `true` or `false`.
    pub const DUAL_STACK: &str = "pintail.dualstack";
    /// `true` or `false`.
    pub const FIPS: &str = "pintail.fips";
    /// A PEM file.
    pub const CA_BUNDLE: &str = "pintail.ca_bundle";
}

/// A bookmark that does not say enough, or says something impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Something that is needed is missing.
    #[error("the bookmark has no {what}")]
    Missing {
        /// What is missing, in words.
        what: &'static str,
        /// The option of `bookmark add` that sets it.
        option: &'static str,
    },
    /// A value breaks the rule of its kind.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A value cannot be read.
    #[error("the bookmark's {what} cannot be read: {text:?}")]
    Value {
        /// What the value is for, in words.
        what: &'static str,
        /// The value.
        text: String,
    },
}

impl Connection {
    /// Reads what a bookmark says.
    ///
    /// # Errors
    /// When something needed is missing, or a value breaks its rule.
    pub fn of(bookmark: &Bookmark) -> Result<Self, ConnectionError> {
        let custom = |key: &str| bookmark.custom(key);
        let flag = |what, key: &str| match custom(key).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(ConnectionError::Value { what, text: text.to_owned() }),
        };
        let address = |what, key: &str| custom(key).map(|text| address(what, &text)).transpose();
        let missing = |what, option| ConnectionError::Missing { what, option };
        let words = |key: &str| -> Vec<String> {
            custom(key).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };

        let issuer = match (address("issuer", property::ISSUER)?, custom(property::TENANT)) {
            (Some(issuer), _) => Issuer::Other(issuer),
            (None, Some(tenant)) => Issuer::Entra {
                tenant: tenant.parse()?,
                authority: address("authority", property::AUTHORITY)?,
            },
            (None, None) => return Err(missing("tenant or issuer", "--tenant or --issuer")),
        };
        let role: RoleArn =
            custom(property::ROLE).ok_or_else(|| missing("role ARN", "--role-arn"))?.parse()?;
        let region = match custom(property::REGION).or_else(|| bookmark.text("Region")) {
            Some(region) => region.parse()?,
            None => role.partition().default_region(),
        };
        Ok(Self {
            issuer,
            client_id: custom(property::CLIENT_ID)
                .ok_or_else(|| missing("client ID", "--client-id"))?
                .parse()?,
            authentication: authentication(bookmark)?,
            extra_scopes: words(property::SCOPES),
            redirect: redirect(custom(property::REDIRECT))?,
            login_hint: bookmark.text("Username"),
            second_role: custom(property::SECOND_ROLE).map(|text| text.parse()).transpose()?,
            external_id: custom(property::EXTERNAL_ID),
            session_name: custom(property::SESSION_NAME).map(|text| text.parse()).transpose()?,
            duration: custom(property::DURATION)
                .map_or(Ok(SessionLength::Longest), |text| duration(&text))?,
            session_policy: custom(property::POLICY),
            policy_arns: words(property::POLICY_ARNS),
            read_only: bookmark.text("Readonly").as_deref() == Some("true"),
            only: custom(property::ONLY).map(|text| only(&text)).transpose()?,
            sts_endpoint: match custom(property::STS_ENDPOINT).as_deref() {
                None | Some("regional") => StsEndpoint::Regional,
                Some("global") => StsEndpoint::Global,
                Some(text) => StsEndpoint::Custom(self::address("STS endpoint", text)?),
            },
            region,
            s3_endpoint: address("S3 endpoint", property::S3_ENDPOINT)?,
            path_style: flag("path style", property::PATH_STYLE)?,
            dual_stack: flag("dual stack", property::DUAL_STACK)?.unwrap_or(false),
            fips: flag("FIPS", property::FIPS)?.unwrap_or(false),
            default_path: bookmark.text("Path"),
            ca_bundle: custom(property::CA_BUNDLE),
            role,
        })
    }
}

fn address(what: &'static str, text: &str) -> Result<Url, ConnectionError> {
    let error = || ConnectionError::Value { what, text: text.to_owned() };
    let url = Url::parse(text).map_err(|_| error())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() {
        Ok(url)
    } else {
        Err(error())
    }
}

fn authentication(bookmark: &Bookmark) -> Result<Authentication, ConnectionError> {
    let path = |what, key: &str| {
        bookmark
            .custom(key)
            .ok_or(ConnectionError::Missing { what, option: "--certificate and --certificate-key" })
    };
    match bookmark.custom(property::AUTHENTICATION).as_deref() {
        None => Ok(Authentication::Public),
        Some("secret") => Ok(Authentication::Secret),
        Some("certificate") => Ok(Authentication::Certificate {
            certificate: path("certificate", property::CERTIFICATE)?,
            key: path("certificate key", property::CERTIFICATE_KEY)?,
        }),
        Some(text) => Err(ConnectionError::Value { what: "authentication", text: text.to_owned() }),
    }
}

fn redirect(text: Option<String>) -> Result<Redirect, ConnectionError> {
    let text = text.unwrap_or_else(|| "http://localhost/".to_owned());
    let error = || ConnectionError::Value { what: "redirect address", text: text.clone() };
    let url = Url::parse(&text).map_err(|_| error())?;
    match url.scheme() {
        "http" if matches!(url.host_str(), Some("localhost" | "127.0.0.1")) => Ok(Redirect::Loopback(url)),
        "http" | "https" | "file" | "javascript" | "data" => Err(error()),
        _ => Ok(Redirect::Scheme(url)),
    }
}

fn duration(text: &str) -> Result<SessionLength, ConnectionError> {
    match text {
        "longest" => return Ok(SessionLength::Longest),
        "service" => return Ok(SessionLength::Service),
        _ => {}
    }
    // STS API reference, AssumeRoleWithWebIdentity: 900 seconds to 12 hours.
    match text.parse() {
        Ok(seconds @ 900..=43_200) => Ok(SessionLength::Exactly(Duration::from_secs(seconds))),
        _ => Err(ConnectionError::Value {
            what: "session length (900 to 43200 seconds, longest, or service)",
            text: text.to_owned(),
        }),
    }
}

fn only(text: &str) -> Result<(crate::name::BucketName, KeyPrefix), ConnectionError> {
    let path = text.strip_prefix("s3://").unwrap_or(text);
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    Ok((bucket.parse()?, prefix.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bookmark(custom: &[(&str, &str)]) -> Bookmark {
        let mut bookmark = Bookmark::new(&"work".parse().unwrap(), "11111111-2222-4333-8444-555555555555");
        for (key, text) in custom {
            bookmark.set_custom(key, Some(text));
        }
        bookmark
    }

    const ENOUGH: [(&str, &str); 3] = [
        ("pintail.tenant", "contoso.com"),
        ("OAuth Client ID", "11111111-2222-3333-4444-555555555555"),
        ("role_arn", "arn:aws-cn:iam::123456789012:role/R"),
    ];

    #[test]
    fn three_values_are_enough() {
        let connection = Connection::of(&bookmark(&ENOUGH)).unwrap();
        assert_eq!(
            connection.issuer,
            Issuer::Entra { tenant: Tenant::Domain("contoso.com".into()), authority: None }
        );
        assert_eq!(connection.region.as_str(), "cn-north-1");
        assert_eq!(connection.redirect, Redirect::Loopback(Url::parse("http://localhost/").unwrap()));
        assert_eq!(connection.sts_endpoint, StsEndpoint::Regional);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (at, message) in [(0, "no tenant or issuer"), (1, "no client ID"), (2, "no role ARN")] {
            let mut fewer = ENOUGH.to_vec();
            fewer.remove(at);
            assert!(Connection::of(&bookmark(&fewer)).unwrap_err().to_string().contains(message));
        }
        for (key, text, message) in [
            ("pintail.redirect", "https://example.com/", "redirect address"),
            ("pintail.redirect", "javascript:alert(1)", "redirect address"),
            ("s3.assumerole.durationseconds", "60", "session length"),
            ("pintail.s3.endpoint", "localhost:8333", "S3 endpoint"),
            ("pintail.fips", "yes", "FIPS"),
            ("role_arn", "arn:aws:iam::1:user/x", "role ARN"),
            ("pintail.authentication", "certificate", "no certificate"),
        ] {
            let mut more = ENOUGH.to_vec();
            more.push((key, text));
            let error = Connection::of(&bookmark(&more)).unwrap_err().to_string();
            assert!(error.contains(message), "{key}={text}: {error}");
        }
    }
}
