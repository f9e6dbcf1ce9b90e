//! The keys of a profile's dictionary that have a meaning here. All others are kept.

/// The parent protocol's identifier.
pub const PROTOCOL: &str = "Protocol";
/// What a bookmark's `Provider` points to.
pub const VENDOR: &str = "Vendor";
/// The name for people.
pub const DESCRIPTION: &str = "Description";
/// A shorter one.
pub const NAME: &str = "Name";
/// Ships with a program. Cyberduck offers such a profile always; here it can be disabled like any other.
pub const BUNDLED: &str = "Bundled";
/// Replaced by another one, and no longer offered.
pub const DEPRECATED: &str = "Deprecated";
/// A page that helps.
pub const HELP: &str = "Help";
/// A new bookmark's name.
pub const DEFAULT_NICKNAME: &str = "Default Nickname";
/// A new bookmark's host.
pub const DEFAULT_HOSTNAME: &str = "Default Hostname";
/// A new bookmark's port.
pub const DEFAULT_PORT: &str = "Default Port";
/// Where a new bookmark starts.
pub const DEFAULT_PATH: &str = "Default Path";
/// `http` or `https`.
pub const SCHEME: &str = "Scheme";
/// Schemes of addresses that the profile answers to.
pub const SCHEMES: &str = "Schemes";
/// The region to sign for.
pub const REGION: &str = "Region";
/// The regions to choose from.
pub const REGIONS: &str = "Regions";
/// A path before every request's, or the address of instance metadata.
pub const CONTEXT: &str = "Context";
/// A signature version or an OAuth flow.
pub const AUTHORIZATION: &str = "Authorization";
/// The application's ID at the issuer.
pub const OAUTH_CLIENT_ID: &str = "OAuth Client ID";
/// The application's secret at the issuer.
pub const OAUTH_CLIENT_SECRET: &str = "OAuth Client Secret";
/// Where a person signs in.
pub const OAUTH_AUTHORIZATION_URL: &str = "OAuth Authorization Url";
/// Where a code becomes tokens.
pub const OAUTH_TOKEN_URL: &str = "OAuth Token Url";
/// Where the issuer's answer goes.
pub const OAUTH_REDIRECT_URL: &str = "OAuth Redirect Url";
/// Protects the code by PKCE.
pub const OAUTH_PKCE: &str = "OAuth PKCE";
/// The scopes to ask for.
pub const SCOPES: &str = "Scopes";
/// Where STS is.
pub const STS_ENDPOINT: &str = "STS Endpoint";
/// Preferences that hold for this profile.
pub const PROPERTIES: &str = "Properties";
/// The word after what can be set, as in `Hostname Configurable`.
pub const CONFIGURABLE: &str = "Configurable";
/// The word after what has a label, as in `Hostname Placeholder`.
pub const PLACEHOLDER: &str = "Placeholder";
/// The bookmark's picture.
pub const DISK: &str = "Disk";
/// The protocol's picture.
pub const ICON: &str = "Icon";

/// The keys of one value each, in the order in which people are told of them.
pub const PLAIN: [&str; 27] = [
    PROTOCOL,
    VENDOR,
    DESCRIPTION,
    NAME,
    HELP,
    BUNDLED,
    DEPRECATED,
    DEFAULT_NICKNAME,
    SCHEME,
    SCHEMES,
    DEFAULT_HOSTNAME,
    DEFAULT_PORT,
    DEFAULT_PATH,
    REGION,
    REGIONS,
    CONTEXT,
    AUTHORIZATION,
    OAUTH_CLIENT_ID,
    OAUTH_CLIENT_SECRET,
    OAUTH_AUTHORIZATION_URL,
    OAUTH_TOKEN_URL,
    OAUTH_REDIRECT_URL,
    OAUTH_PKCE,
    SCOPES,
    STS_ENDPOINT,
    DISK,
    ICON,
];

/// What can be set, before the word [`CONFIGURABLE`].
pub const SETTABLE: [&str; 12] = [
    "Hostname",
    "Port",
    "Path",
    "Username",
    "Password",
    "Anonymous",
    "Token",
    "OAuth",
    "Certificate",
    "Private Key",
    "Role",
    "Multi Factor",
];

/// What has a label, before the word [`PLACEHOLDER`].
pub const LABELLED: [&str; 5] = ["Hostname", "Path", "Username", "Password", "Token"];

/// Tells whether a key has a meaning in Cyberduck's format.
pub fn is_known(key: &str) -> bool {
    let with = |words: &[&str], last: &str| {
        let first = key.strip_suffix(last).and_then(|first| first.strip_suffix(' '));
        first.is_some_and(|first| words.contains(&first))
    };
    key == PROPERTIES || PLAIN.contains(&key) || with(&SETTABLE, CONFIGURABLE) || with(&LABELLED, PLACEHOLDER)
}
