//! What can be said of a bookmark on the command line: how to sign in, which role, where S3 is.

use pintail_connect::Settings;
use pintail_core::connection::{WayName, property};

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
    /// The way in, where no other option tells it: `keys`, `anonymous`, `aws-profile`, `instance-metadata`, `container-metadata`,
    /// `assume-role`, `session-token`, `identity-center`, `web-identity`.
    #[arg(long, value_name = "WAY", help_heading = "Other ways in")]
    way: Option<WayName>,
    /// An access key. `pintail login` asks for its secret; with --role-arn it is used to take that role, with --mfa-serial alone to
    /// buy a session.
    #[arg(long, value_name = "ID", conflicts_with = "account", help_heading = "Other ways in")]
    access_key_id: Option<String>,
    /// The ARN or number of the MFA device whose code `pintail login` asks for.
    #[arg(long, value_name = "ARN", requires = "access_key_id", help_heading = "Other ways in")]
    mfa_serial: Option<String>,
    /// Do not sign requests: for buckets that everybody may read.
    #[arg(long, conflicts_with_all = ["way", "access_key_id"], help_heading = "Other ways in")]
    anonymous: bool,
    /// The profile of the AWS command line to take credentials from.
    #[arg(long, value_name = "NAME", help_heading = "Other ways in")]
    aws_profile: Option<String>,
    /// The link-local address of the instance metadata service; with a path, of the credentials themselves.
    #[arg(long, value_name = "URL", help_heading = "Other ways in")]
    metadata_endpoint: Option<String>,
    /// Another address of the container's credentials than the environment names.
    #[arg(long, value_name = "URL", help_heading = "Other ways in")]
    container_endpoint: Option<String>,
    /// The file with the token for it.
    #[arg(long, value_name = "FILE", help_heading = "Other ways in")]
    container_token_file: Option<String>,
    /// The start address of the access portal of IAM Identity Center.
    #[arg(long, value_name = "URL", requires = "sso_region", help_heading = "Other ways in")]
    sso_start_url: Option<String>,
    /// The region of IAM Identity Center.
    #[arg(long, value_name = "REGION", requires = "sso_start_url", help_heading = "Other ways in")]
    sso_region: Option<String>,
    /// The account at the portal; not given, it is chosen at sign-in.
    #[arg(long, value_name = "ACCOUNT", requires = "sso_start_url", help_heading = "Other ways in")]
    sso_account: Option<String>,
    /// The role (permission set) at the portal; not given, it is chosen at sign-in.
    #[arg(long, value_name = "NAME", requires = "sso_start_url", help_heading = "Other ways in")]
    sso_role: Option<String>,
    /// Another address of the portal's sign-in service than the region's.
    #[arg(long, value_name = "URL", requires = "sso_start_url", help_heading = "Other ways in")]
    sso_oidc_endpoint: Option<String>,
    /// Another address of the portal's API than the region's.
    #[arg(long, value_name = "URL", requires = "sso_start_url", help_heading = "Other ways in")]
    sso_portal_endpoint: Option<String>,
    /// The IAM role to exchange the sign-in for. Given several times, --role chooses; not given, the roles that the sign-in offers.
    #[arg(long, value_name = "ARN", help_heading = "Role")]
    role_arn: Vec<String>,
    /// A role to go on to from the first one.
    #[arg(long, value_name = "ARN", help_heading = "Role")]
    second_role_arn: Option<String>,
    /// The external ID that the role asks for: the second one where there are two.
    #[arg(long, value_name = "ID", help_heading = "Role")]
    external_id: Option<String>,
    /// The session's name, where it is not the person's.
    #[arg(long, value_name = "NAME", help_heading = "Role")]
    session_name: Option<String>,
    /// The session's length: seconds, `longest` (as the role allows, the default) or `service` (what STS gives unasked).
    #[arg(long, value_name = "SECONDS", help_heading = "Role")]
    duration: Option<String>,
    /// The session may only read, or (`=false`) may write as well.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        help_heading = "Role"
    )]
    read_only: Option<bool>,
    /// The session reaches only this bucket and prefix.
    #[arg(long, value_name = "s3://BUCKET/PREFIX", help_heading = "Role")]
    only: Option<String>,
    /// A session policy (JSON) that narrows the role.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["only", "read_only"], help_heading = "Role")]
    policy: Option<String>,
    /// The ARN of a managed policy that narrows the role. May be given several times.
    #[arg(long, value_name = "ARN", help_heading = "Role")]
    policy_arn: Vec<String>,
    /// A tag of the session of a role that is taken with another credential. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag, help_heading = "Role")]
    tag: Vec<String>,
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
    /// Pay for requests to buckets whose owner wants that.
    #[arg(long, help_heading = "Where")]
    requester_pays: bool,
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

    /// Tells the way in by what was given; `None` for a web sign-in, which needs no word for it.
    fn way(&self) -> Option<WayName> {
        let (key, mfa) = (self.access_key_id.is_some(), self.mfa_serial.is_some());
        let told = [
            (self.anonymous, WayName::Anonymous),
            (key && !self.role_arn.is_empty(), WayName::AssumeRole),
            (key && mfa, WayName::SessionToken),
            (key, WayName::Keys),
            (self.aws_profile.is_some(), WayName::AwsProfile),
            (self.sso_start_url.is_some(), WayName::IdentityCenter),
            (self.metadata_endpoint.is_some(), WayName::InstanceMetadata),
            (self.container_endpoint.is_some(), WayName::ContainerMetadata),
        ];
        self.way.or_else(|| told.into_iter().find_map(|(given, way)| given.then_some(way)))
    }

    /// Whether the session may only read, where that was said.
    pub(super) fn read_only(&self) -> Option<bool> {
        self.read_only
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
            (property::WAY, self.way().map(|way| way.to_string())),
            (property::MFA_SERIAL, self.mfa_serial.clone()),
            (property::AWS_PROFILE, self.aws_profile.clone()),
            (property::METADATA_ENDPOINT, self.metadata_endpoint.clone()),
            (property::CONTAINER_ENDPOINT, self.container_endpoint.clone()),
            (property::CONTAINER_TOKEN_FILE, self.container_token_file.clone()),
            (property::SSO_START_URL, self.sso_start_url.clone()),
            (property::SSO_REGION, self.sso_region.clone()),
            (property::SSO_ACCOUNT, self.sso_account.clone()),
            (property::SSO_ROLE, self.sso_role.clone()),
            (property::SSO_OIDC_ENDPOINT, self.sso_oidc_endpoint.clone()),
            (property::SSO_PORTAL_ENDPOINT, self.sso_portal_endpoint.clone()),
            (property::TAGS, list(&self.tag)),
            (property::REQUESTER_PAYS, flag(self.requester_pays)),
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
            username: self.access_key_id.clone().or_else(|| self.account.clone()),
            path: self.path.clone(),
            read_only: self.read_only.unwrap_or(false),
        }
    }
}

/// Checks a tag: the bookmark's list of them is separated by spaces.
fn tag(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() && !text.contains(char::is_whitespace) => Ok(text.to_owned()),
        _ => Err("a tag is key=value, without spaces".to_owned()),
    }
}
