//! What can be said of a bookmark on the command line: how to sign in, which role, where S3 is.

use pintail_connect::Settings;
use pintail_core::connection::property;

/// The options that `bookmark add` and its like share.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// The Entra tenant: Directory (tenant) ID or verified domain.
    #[arg(long, help_heading = "Sign-in")]
    tenant: Option<String>,
    /// The address of another OpenID Connect issuer (Keycloak, Okta, Auth0, …).
    #[arg(long, value_name = "URL", conflicts_with = "tenant", help_heading = "Sign-in")]
    issuer: Option<String>,
    /// The address of Entra in a national cloud or a sandbox.
    #[arg(long, value_name = "URL", requires = "tenant", help_heading = "Sign-in")]
    authority: Option<String>,
    /// The Application (client) ID.
    #[arg(long, value_name = "ID", help_heading = "Sign-in")]
    client_id: Option<String>,
    /// The redirect address as registered: `http://localhost/`, `x-cyberduck-action://oauth`, …
    #[arg(long, value_name = "URL", help_heading = "Sign-in")]
    redirect: Option<String>,
    /// A scope beyond `openid profile offline_access`. May be given several times.
    #[arg(long, value_name = "SCOPE", help_heading = "Sign-in")]
    scope: Vec<String>,
    /// The account to offer on the sign-in page.
    #[arg(long, value_name = "NAME", help_heading = "Sign-in")]
    account: Option<String>,
    /// The application is confidential: its secret is asked for, or read from standard input, and kept in the keychain.
    #[arg(long, conflicts_with = "certificate", help_heading = "Sign-in")]
    client_secret: bool,
    /// The application is confidential and proves itself with this certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate_key", help_heading = "Sign-in")]
    certificate: Option<String>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "Sign-in")]
    certificate_key: Option<String>,
    /// The IAM role to exchange the sign-in for. Given several times, --role chooses; not given, the roles that the sign-in offers.
    #[arg(long, value_name = "ARN", help_heading = "Role")]
    role_arn: Vec<String>,
    /// A role to go on to from the first one.
    #[arg(long, value_name = "ARN", help_heading = "Role")]
    second_role_arn: Option<String>,
    /// The external ID that the second role asks for.
    #[arg(long, value_name = "ID", requires = "second_role_arn", help_heading = "Role")]
    external_id: Option<String>,
    /// The session's name, where it is not the person's.
    #[arg(long, value_name = "NAME", help_heading = "Role")]
    session_name: Option<String>,
    /// The session's length: seconds, `longest` (as the role allows, the default) or `service` (what STS gives unasked).
    #[arg(long, value_name = "SECONDS", help_heading = "Role")]
    duration: Option<String>,
    /// The session may only read.
    #[arg(long, help_heading = "Role")]
    read_only: bool,
    /// The session reaches only this bucket and prefix.
    #[arg(long, value_name = "s3://BUCKET/PREFIX", help_heading = "Role")]
    only: Option<String>,
    /// A session policy (JSON) that narrows the role.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["only", "read_only"], help_heading = "Role")]
    policy: Option<String>,
    /// The ARN of a managed policy that narrows the role. May be given several times.
    #[arg(long, value_name = "ARN", help_heading = "Role")]
    policy_arn: Vec<String>,
    /// The region.
    #[arg(long, help_heading = "Where")]
    region: Option<String>,
    /// Another S3 than Amazon's.
    #[arg(long, value_name = "URL", help_heading = "Where")]
    endpoint: Option<String>,
    /// Where STS is: `regional`, `global` or an address.
    #[arg(long, value_name = "URL", help_heading = "Where")]
    sts_endpoint: Option<String>,
    /// Put the bucket in the path (true) or in the host name (false).
    #[arg(long, value_name = "BOOL", help_heading = "Where")]
    path_style: Option<bool>,
    /// Use the endpoints that answer over IPv6 too.
    #[arg(long, help_heading = "Where")]
    dual_stack: bool,
    /// Use the endpoints with validated cryptography (FIPS).
    #[arg(long, help_heading = "Where")]
    fips: bool,
    /// A PEM file of certificates to trust instead of the system's.
    #[arg(long, value_name = "FILE", help_heading = "Where")]
    ca_bundle: Option<String>,
    /// The bucket and folder to start in.
    #[arg(long, value_name = "/BUCKET/PATH", help_heading = "Where")]
    path: Option<String>,
}

impl Options {
    /// The application's secret is to be asked for.
    pub(super) fn wants_client_secret(&self) -> bool {
        self.client_secret
    }

    /// Puts the options into the form that bookmarks take.
    pub(super) fn settings(&self) -> Settings {
        let list = |values: &[String]| (!values.is_empty()).then(|| values.join(" "));
        let flag = |set: bool| set.then(|| "true".to_owned());
        let authentication = if self.client_secret {
            Some("secret".to_owned())
        } else {
            self.certificate.is_some().then(|| "certificate".to_owned())
        };
        let custom = [
            (property::TENANT, self.tenant.clone()),
            (property::ISSUER, self.issuer.clone()),
            (property::AUTHORITY, self.authority.clone()),
            (property::CLIENT_ID, self.client_id.clone()),
            (property::AUTHENTICATION, authentication),
            (property::CERTIFICATE, self.certificate.clone()),
            (property::CERTIFICATE_KEY, self.certificate_key.clone()),
            (property::REDIRECT, self.redirect.clone()),
            (property::SCOPES, list(&self.scope)),
            (property::ROLE, self.role_arn.first().cloned()),
            (property::MORE_ROLES, list(self.role_arn.get(1..).unwrap_or_default())),
            (property::SECOND_ROLE, self.second_role_arn.clone()),
            (property::EXTERNAL_ID, self.external_id.clone()),
            (property::SESSION_NAME, self.session_name.clone()),
            (property::DURATION, self.duration.clone()),
            (property::ONLY, self.only.clone()),
            (property::POLICY, self.policy.clone()),
            (property::POLICY_ARNS, list(&self.policy_arn)),
            (property::REGION, self.region.clone()),
            (property::S3_ENDPOINT, self.endpoint.clone()),
            (property::STS_ENDPOINT, self.sts_endpoint.clone()),
            (property::PATH_STYLE, self.path_style.map(|value| value.to_string())),
            (property::DUAL_STACK, flag(self.dual_stack)),
            (property::FIPS, flag(self.fips)),
            (property::CA_BUNDLE, self.ca_bundle.clone()),
        ];
        Settings {
            custom: custom.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
            username: self.account.clone(),
            path: self.path.clone(),
            read_only: self.read_only,
        }
    }
}
