//! The rules of single values: what Entra and IAM would refuse, or take and then not work with.
//!
//! Pure: a text in, a value or the reason in words out.

use pintail_core::name::{BucketName, KeyPrefix, Tenant};
use pintail_core::web_address;
use url::Url;

/// The longest name of an application that Entra's portal takes.
const APP_NAME_CHARS_MAX: usize = 120;
/// The longest redirect address, and the most of them, for applications of one tenant (Entra, "Redirect URI restrictions").
const REDIRECT_CHARS_MAX: usize = 256;
/// See [`REDIRECT_CHARS_MAX`].
pub(super) const REDIRECTS_MAX: usize = 256;

/// Reads a tenant that has one issuer of its own.
pub(super) fn tenant(text: &str) -> Result<Tenant, String> {
    let tenant: Tenant = text.parse().map_err(|error| format!("{error}"))?;
    match tenant {
        Tenant::Guid(_) | Tenant::Domain(_) => Ok(tenant),
        Tenant::Common | Tenant::Organizations => Err(format!(
            "`{tenant}` stands for every tenant, each with an issuer of its own, and IAM trusts one issuer"
        )),
        Tenant::Consumers => {
            Err("`consumers` holds personal accounts, and no application of yours can be kept there".into())
        }
    }
}

/// Reads the name of an application.
pub(super) fn app_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        1..=APP_NAME_CHARS_MAX if !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(format!("an application's name has 1 to {APP_NAME_CHARS_MAX} characters")),
    }
}

/// Returns the address behind a name that stands for one: how each program is called back.
pub(crate) fn named_redirect(name: &str) -> Option<&'static str> {
    Some(match name {
        "loopback" => "http://localhost",
        "pintail" => "pintail://oauth",
        "cyberduck" => "x-cyberduck-action://oauth",
        "mountain-duck" => "x-mountainduck-action://oauth",
        _ => return None,
    })
}

/// Reads a redirect address of the platform "Mobile and desktop applications", or a name for one.
pub(super) fn redirect(text: &str) -> Result<String, String> {
    let text = text.trim();
    if let Some(address) = named_redirect(text) {
        return Ok(address.to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!(
            "{text:?} is neither an address with :// nor one of loopback, pintail, cyberduck, mountain-duck"
        ));
    };
    if !text.is_ascii() || text.contains(|c: char| c.is_ascii_control() || " !$'(),;*".contains(c)) {
        return Err(format!(
            "{text:?} holds a character that Entra refuses: ASCII only, and none of ! $ ' ( ) , ; * or space"
        ));
    }
    if text.len() > REDIRECT_CHARS_MAX {
        return Err(format!("a redirect address has at most {REDIRECT_CHARS_MAX} characters"));
    }
    if text.contains('#') {
        return Err(format!("{text:?} has a fragment, which a redirect address may not have"));
    }
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no address: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "http" if host == "localhost" => Ok(text.to_owned()),
        "http" if host.starts_with('[') => Err("Entra takes no IPv6 address; http://localhost stands for both families".into()),
        "http" if host == "127.0.0.1" && url.port().is_none() => Err(
            "Entra leaves the port open for localhost only, so http://127.0.0.1 would have to name its port; http://localhost is what Pintail uses".into(),
        ),
        "http" if host == "127.0.0.1" => Ok(text.to_owned()),
        "http" => Err(format!("{text:?} is not this machine; http is for localhost alone")),
        _ if rest.is_empty() => Err(format!("{text:?} has nothing after its scheme")),
        _ => Ok(text.to_owned()),
    }
}

/// Tells what two redirect addresses differ in, where Entra cannot tell them apart.
pub(super) fn same_but_for_the_port(one: &str, other: &str) -> bool {
    let parts = |text: &str| {
        let url = Url::parse(text).ok()?;
        (url.host_str() == Some("localhost")).then(|| (url.scheme().to_owned(), url.path().to_owned()))
    };
    one != other && parts(one).is_some_and(|one| Some(one) == parts(other))
}

/// Reads a place: `bucket`, `bucket/prefix` or `s3://bucket/prefix`.
pub(super) fn place(text: &str) -> Result<(BucketName, KeyPrefix), String> {
    let text = text.trim();
    let path = text.strip_prefix("s3://").unwrap_or(text);
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    let bucket = bucket.parse().map_err(|error| format!("{error}"))?;
    // `${…}` is IAM's policy variable, the others are its wildcards.
    if prefix.contains(['*', '?', '$']) || prefix.contains(char::is_control) {
        return Err(format!("the prefix {prefix:?} holds one of * ? $, which IAM reads as a pattern"));
    }
    let prefix = prefix.parse().map_err(|error| format!("{error}"))?;
    Ok((bucket, prefix))
}

/// Reads the ARN of a KMS key; a policy cannot name a key by its alias.
pub(super) fn kms_key(text: &str) -> Result<String, String> {
    let text = text.trim();
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, "kms", region, account, key]
            if partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && key.starts_with("key/")
                && !text.contains(['*', '?', '$', ' ']) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!(
            "{text:?} is no ARN of a KMS key; one looks like arn:aws:kms:eu-central-1:123456789012:key/1234abcd-…"
        )),
    }
}

/// Reads the name of a role.
pub(super) fn role(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no name of a role: 1 to 64 letters, digits and + = , . @ - _"))
    }
}

/// Reads the path of a role.
pub(super) fn role_path(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_graphic();
    let whole = text.starts_with('/') && text.ends_with('/') && !text.contains("//");
    if whole && (1..=512).contains(&text.len()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no path of a role: it begins and ends with / and has at most 512 characters"
        ))
    }
}

/// Reads the address of an issuer, and keeps it letter by letter.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let url = address(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an issuer's address has no query and no fragment".into());
    }
    if text.len() > 255 {
        return Err("IAM takes an issuer's address of at most 255 characters".into());
    }
    if url.host_str() == Some("login.microsoftonline.com") || url.host_str() == Some("sts.windows.net") {
        return Err("this is Entra, which [entra] sets up as a whole".into());
    }
    Ok(text.to_owned())
}

/// Reads an http or https address.
pub(super) fn address(text: &str) -> Result<Url, String> {
    web_address::parse(text).map_err(|error| error.to_string())
}

/// Reads the key of a session tag.
pub(super) fn tag_key(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c);
    if (1..=128).contains(&text.len())
        && text.chars().all(good)
        && !text.to_ascii_lowercase().starts_with("aws:")
    {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no key of a session tag: 1 to 128 letters, digits and _ . : / = + - @, not beginning with aws:"
        ))
    }
}

/// Reads the attribute of a user that a tag is filled from: `department` or `user.department`.
pub(super) fn attribute(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("user.").unwrap_or(text);
    if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is no attribute of a user, such as user.department"))
    }
}
