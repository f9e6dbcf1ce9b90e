//! The environment of a tool that works with a lent sign-in: which variables say so, and which would say otherwise.
//!
//! Pure: a bookmark and a credential in, names and values out. The names are those of the AWS SDKs.

use std::path::Path;

use pintail_core::connection::{Connection, StsEndpoint};
use pintail_core::credential::Credential;
use pintail_core::secret::Secret;
use url::Url;

use super::LendError;
use super::answer::rfc3339;

/// What a tool's environment has to say, and what it may not say.
///
/// Values are secrets here without exception: some are.
#[derive(Debug)]
pub(crate) struct Variables {
    /// Names and values, in the order to show.
    pub(crate) set: Vec<(&'static str, Secret)>,
}

/// Where the credential endpoint is, and how a tool proves that it may ask.
#[derive(Debug)]
pub(super) struct EndpointAt<'a> {
    /// The address for one bookmark.
    pub(super) url: &'a Url,
    /// The file with the token.
    pub(super) token_file: &'a Path,
    /// The token itself, for tools that do not know the file.
    pub(super) token: Option<&'a Secret>,
}

/// Every variable that decides whose credential a tool uses, or where it sends what is signed with it. What is not set is
/// taken away: an inherited profile, key or endpoint wins over the lent credential in one tool or another.
const DECISIVE: [&str; 29] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_EXPIRATION",
    "AWS_SESSION_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "S3_ENDPOINT_URL",
];

/// What [`Variables::keys`] may set, which is what `env --unset` takes away.
const OF_KEYS: [&str; 13] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_CA_BUNDLE",
    "AWS_EC2_METADATA_DISABLED",
    "S3_ENDPOINT_URL",
];

/// A file that is always there and always empty.
const NO_FILE: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

impl Variables {
    /// Names a credential by its plain keys. `ca_bundle` is what is trusted where the bookmark does not say.
    pub(super) fn keys(
        connection: &Connection,
        credential: &Credential,
        ca_bundle: Option<&Path>,
    ) -> Result<Self, LendError> {
        let mut set = vec![
            ("AWS_ACCESS_KEY_ID", Secret::new(credential.access_key_id.as_str())),
            ("AWS_SECRET_ACCESS_KEY", credential.secret_access_key.clone()),
        ];
        set.extend(credential.session_token.clone().map(|token| ("AWS_SESSION_TOKEN", token)));
        set.extend(credential.expires_at.map(|end| ("AWS_CREDENTIAL_EXPIRATION", Secret::new(rfc3339(end)))));
        set.extend(place(connection, ca_bundle)?);
        Ok(Self { set })
    }

    /// Names the endpoint that gives the credential of a bookmark.
    pub(super) fn endpoint(
        connection: &Connection,
        at: &EndpointAt<'_>,
        ca_bundle: Option<&Path>,
    ) -> Result<Self, LendError> {
        let mut set = vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Secret::new(at.url.as_str())),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Secret::new(unicode(at.token_file)?)),
        ];
        set.extend(at.token.map(|token| ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.clone())));
        set.extend(place(connection, ca_bundle)?);
        Ok(Self { set })
    }

    /// Names the endpoint by its path on 169.254.170.2 only, with the token in it. Tools that know the other variables would
    /// ask elsewhere.
    pub(super) fn relative(mut self, path: Secret) -> Self {
        self.set.retain(|(name, _)| !name.starts_with("AWS_CONTAINER_"));
        self.set.insert(0, ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", path));
        self
    }

    /// Hides the person's own AWS files. Nearly every SDK looks there before it asks an endpoint, so that a `[default]`
    /// profile with keys would win.
    pub(super) fn without_files(mut self) -> Self {
        self.set.extend(
            ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].map(|name| (name, Secret::new(NO_FILE))),
        );
        self
    }

    /// Returns what must not be set beside these.
    pub(crate) fn conflicting(&self) -> impl Iterator<Item = &'static str> {
        DECISIVE.into_iter().filter(|name| self.set.iter().all(|(set, _)| set != name))
    }

    /// Returns the names of all that a credential's plain keys may set.
    pub(crate) fn of_keys() -> [&'static str; 13] {
        OF_KEYS
    }
}

/// Returns what says where the bookmark's services are.
fn place(
    connection: &Connection,
    ca_bundle: Option<&Path>,
) -> Result<Vec<(&'static str, Secret)>, LendError> {
    let region = connection.region.as_str();
    let mut set = vec![("AWS_REGION", Secret::new(region)), ("AWS_DEFAULT_REGION", Secret::new(region))];
    if let Some(url) = &connection.s3_endpoint {
        // The second is what s5cmd looks at.
        set.extend([("AWS_ENDPOINT_URL_S3", address(url)), ("S3_ENDPOINT_URL", address(url))]);
    }
    if let StsEndpoint::Custom(url) = &connection.sts_endpoint {
        set.push(("AWS_ENDPOINT_URL_STS", address(url)));
    }
    if connection.dual_stack {
        set.push(("AWS_USE_DUALSTACK_ENDPOINT", Secret::new("true")));
    }
    if connection.fips {
        set.push(("AWS_USE_FIPS_ENDPOINT", Secret::new("true")));
    }
    let own = connection.ca_bundle.as_deref().map(Path::new);
    if let Some(path) = own.or(ca_bundle) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        set.push(("AWS_CA_BUNDLE", Secret::new(unicode(&path)?)));
    }
    // Whatever a machine in the cloud has of its own is not what was asked for.
    set.push(("AWS_EC2_METADATA_DISABLED", Secret::new("true")));
    Ok(set)
}

/// Returns an endpoint without the slash that a parser adds: some tools put paths behind it as they are.
fn address(url: &Url) -> Secret {
    Secret::new(url.as_str().trim_end_matches('/'))
}

fn unicode(path: &Path) -> Result<&str, LendError> {
    path.to_str().ok_or_else(|| LendError::NotUnicode(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lend::connection::tests::connection;

    fn credential() -> Credential {
        Credential {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("the-key"),
            session_token: Some(Secret::new("the-token")),
            expires_at: Some("2026-11-23T13:00:00.5Z".parse().expect("a time")),
        }
    }

    fn lines(variables: &Variables) -> Vec<String> {
        variables.set.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect()
    }

    #[test]
    fn plain_keys_say_who_where_and_until_when() {
        let variables = Variables::keys(&connection(&[]), &credential(), None).unwrap();
        assert_eq!(
            lines(&variables),
            [
                "AWS_ACCESS_KEY_ID=ASIAEXAMPLE",
                "AWS_SECRET_ACCESS_KEY=the-key",
                "AWS_SESSION_TOKEN=the-token",
                "AWS_CREDENTIAL_EXPIRATION=2026-11-23T13:00:00Z",
                "AWS_REGION=us-east-1",
                "AWS_DEFAULT_REGION=us-east-1",
                "AWS_EC2_METADATA_DISABLED=true",
            ]
        );
        let gone: Vec<_> = variables.conflicting().collect();
        for name in ["AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ENDPOINT_URL"] {
            assert!(gone.contains(&name), "{name}");
        }
        assert!(!gone.contains(&"AWS_SESSION_TOKEN"), "what is set is not taken away");
    }

    #[test]
    fn an_endpoint_is_named_with_its_token_and_without_keys() {
        let at = EndpointAt {
            url: &"http://127.0.0.1:4711/work".parse().unwrap(),
            token_file: Path::new("/run/token"),
            token: Some(&Secret::new("the-token")),
        };
        let more = [
            ("pintail.s3.endpoint", "https://s3.example.com:9000"),
            ("pintail.sts.endpoint", "https://sts.example.com/path/"),
            ("s3.location", "garage"),
            ("pintail.ca_bundle", "/etc/own.pem"),
            ("pintail.dualstack", "true"),
        ];
        let variables = Variables::endpoint(&connection(&more), &at, Some(Path::new("/etc/other.pem")));
        let variables = variables.unwrap().without_files();
        assert_eq!(
            lines(&variables),
            [
                "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:4711/work",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/run/token",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN=the-token",
                "AWS_REGION=garage",
                "AWS_DEFAULT_REGION=garage",
                "AWS_ENDPOINT_URL_S3=https://s3.example.com:9000",
                "S3_ENDPOINT_URL=https://s3.example.com:9000",
                "AWS_ENDPOINT_URL_STS=https://sts.example.com/path",
                "AWS_USE_DUALSTACK_ENDPOINT=true",
                "AWS_CA_BUNDLE=/etc/own.pem",
                "AWS_EC2_METADATA_DISABLED=true",
                "AWS_CONFIG_FILE=/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
            ]
        );
        assert!(variables.conflicting().any(|name| name == "AWS_ACCESS_KEY_ID"));
    }

    #[test]
    fn what_is_set_can_be_taken_away_again() {
        let more = [
            ("pintail.s3.endpoint", "https://s3.example.com"),
            ("pintail.sts.endpoint", "https://sts.example.com"),
            ("pintail.ca_bundle", "/etc/own.pem"),
            ("pintail.dualstack", "true"),
            ("pintail.fips", "true"),
        ];
        let all = Variables::keys(&connection(&more), &credential(), None).unwrap();
        let mut names: Vec<_> = all.set.iter().map(|(name, _)| *name).collect();
        let mut of_keys = Variables::of_keys();
        names.sort_unstable();
        of_keys.sort_unstable();
        assert_eq!(names, of_keys);
        for name in of_keys {
            assert!(DECISIVE.contains(&name), "an inherited {name} decides where nothing is said");
        }
    }
}
