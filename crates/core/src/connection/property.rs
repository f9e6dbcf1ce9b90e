//! Names of the properties that say how to connect, in a bookmark's `Custom`, a profile's `Properties` or the preferences.
//! Other spellings, which Cyberduck and the AWS CLI use, are in the [catalogue](crate::setting::catalogue) of properties.

/// Every property that [`Connection`](super::Connection) reads.
pub const ALL: [&str; 42] = [
    WAY,
    TENANT,
    AUTHORITY,
    ISSUER,
    CLIENT_ID,
    CLIENT_SECRET,
    AUTHENTICATION,
    CERTIFICATE,
    CERTIFICATE_KEY,
    SCOPES,
    REDIRECT,
    ROLE,
    MORE_ROLES,
    SECOND_ROLE,
    EXTERNAL_ID,
    SESSION_NAME,
    NAMED_BY_SUBJECT,
    DURATION,
    POLICY,
    POLICY_ARNS,
    TAGS,
    MFA_SERIAL,
    ONLY,
    AWS_PROFILE,
    METADATA_ENDPOINT,
    CONTAINER_ENDPOINT,
    CONTAINER_TOKEN_FILE,
    SSO_START_URL,
    SSO_REGION,
    SSO_ACCOUNT,
    SSO_ROLE,
    SSO_OIDC_ENDPOINT,
    SSO_PORTAL_ENDPOINT,
    STS_ENDPOINT,
    S3_ENDPOINT,
    SIGNIN_ENDPOINT,
    REGION,
    PATH_STYLE,
    DUAL_STACK,
    FIPS,
    CA_BUNDLE,
    REQUESTER_PAYS,
];

/// Names files of this machine. A profile is somebody else's: it does not choose what is read here, and perhaps sent.
pub const LOCAL_FILES: [&str; 4] = [CERTIFICATE, CERTIFICATE_KEY, CONTAINER_TOKEN_FILE, CA_BUNDLE];

/// What only the person's own preferences may say: a credential goes there as it is.
pub const OWN: [&str; 1] = [SIGNIN_ENDPOINT];

/// The way in, where nothing else tells it: see [`WayName`](super::WayName).
pub const WAY: &str = "pintail.way";
/// The tenant: GUID, verified domain, `common`, `organizations` or `consumers`.
pub const TENANT: &str = "pintail.tenant";
/// The address of Entra where it is not `https://login.microsoftonline.com`.
pub const AUTHORITY: &str = "pintail.authority";
/// The issuer address of another OpenID Connect issuer.
pub const ISSUER: &str = "pintail.issuer";
/// The client ID; Cyberduck's key.
pub const CLIENT_ID: &str = "OAuth Client ID";
/// The application's secret, where it stands in the file; Cyberduck's key. A secret of ours is in the keychain instead.
pub const CLIENT_SECRET: &str = "OAuth Client Secret";
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
/// Further roles to choose from, separated by spaces.
pub const MORE_ROLES: &str = "pintail.roles";
/// The role to go on to.
pub const SECOND_ROLE: &str = "pintail.role_arn.2";
/// The external ID for it.
pub const EXTERNAL_ID: &str = "pintail.external_id";
/// The session's name; the AWS CLI's key.
pub const SESSION_NAME: &str = "role_session_name";
/// The session is named after the token's subject, as trust policies ask that compare the two.
pub const NAMED_BY_SUBJECT: &str = "pintail.session_name.subject";
/// The session's length in seconds (Cyberduck's key), `longest` or `service`.
pub const DURATION: &str = "s3.assumerole.durationseconds";
/// An inline session policy; Cyberduck's key.
pub const POLICY: &str = "s3.assumerole.policy";
/// ARNs of session policies, separated by spaces.
pub const POLICY_ARNS: &str = "pintail.policy_arns";
/// Session tags for `AssumeRole`, `key=value` separated by spaces.
pub const TAGS: &str = "pintail.tags";
/// The serial number or ARN of the MFA device; Cyberduck's and the AWS CLI's key.
pub const MFA_SERIAL: &str = "mfa_serial";
/// `bucket/prefix` that the session is narrowed to.
pub const ONLY: &str = "pintail.only";
/// The profile of the AWS CLI to take credentials from; else the user name, else `default`.
pub const AWS_PROFILE: &str = "pintail.aws.profile";
/// Where instance metadata is, instead of `http://169.254.169.254`. Bookmarks and profiles can name the link-local addresses only.
pub const METADATA_ENDPOINT: &str = "pintail.metadata.endpoint";
/// Where container credentials are, instead of what the environment says.
pub const CONTAINER_ENDPOINT: &str = "pintail.container.endpoint";
/// The file that holds the token for it.
pub const CONTAINER_TOKEN_FILE: &str = "pintail.container.token_file";
/// The start address of IAM Identity Center.
pub const SSO_START_URL: &str = "pintail.sso.start_url";
/// The region of IAM Identity Center.
pub const SSO_REGION: &str = "pintail.sso.region";
/// The account to take the role in.
pub const SSO_ACCOUNT: &str = "pintail.sso.account";
/// The permission set.
pub const SSO_ROLE: &str = "pintail.sso.role";
/// Another address of IAM Identity Center's sign-in than the region's.
pub const SSO_OIDC_ENDPOINT: &str = "pintail.sso.oidc_endpoint";
/// Another address of its portal than the region's.
pub const SSO_PORTAL_ENDPOINT: &str = "pintail.sso.portal_endpoint";
/// `regional`, `global` or an address.
pub const STS_ENDPOINT: &str = "pintail.sts.endpoint";
/// The S3 endpoint, with scheme and port.
pub const S3_ENDPOINT: &str = "pintail.s3.endpoint";
/// Where the AWS console's federation sign-in is, instead of the partition's; in the preferences only.
pub const SIGNIN_ENDPOINT: &str = "pintail.signin.endpoint";
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
/// `true` or `false`; Cyberduck's key.
pub const REQUESTER_PAYS: &str = "s3.bucket.requesterpays";
