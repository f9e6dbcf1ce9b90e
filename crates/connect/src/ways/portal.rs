//! IAM Identity Center: the portal of a bookmark, and which account and role there are used.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pintail_core::aws_config::Source;
use pintail_core::connection::{Connection, IdentityCenter as Center, Way};
use pintail_core::name::{AccountId, BookmarkName, Region};
use pintail_core::retry::Retry;
use pintail_core::seam::{Clock, HttpClient, Random};
use pintail_identity::identity_center::{
    CenterContext, CenterError, CenterOptions, CliCache, IdentityCenter, IdentityCenterConfig, StartUrl,
    cli_cache_file,
};
use pintail_identity::keychain::SecretBytes;
use pintail_identity::source::ProviderError;
use url::Url;

use super::{because, refused};
use crate::{Connector, Error, NoCredential};

/// How long a sign-out looks for the roles whose credentials it removes.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// The largest file of the AWS command line's that is read. They have three kilobytes.
const CACHE_BYTES_MAX: u64 = 64 << 10;

/// A permission set in an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CenterRole {
    /// The account.
    pub account: AccountId,
    /// The permission set.
    pub role_name: String,
}

impl fmt::Display for CenterRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.role_name)
    }
}

impl CenterRole {
    /// Reads `ACCOUNT/NAME`.
    fn read(text: &str) -> Option<Self> {
        let (account, role_name) = text.split_once('/')?;
        let role_name = Some(role_name).filter(|name| !name.is_empty() && !name.contains('/'))?;
        Some(Self { account: account.parse().ok()?, role_name: role_name.to_owned() })
    }

    fn fits(&self, wanted: &str) -> bool {
        wanted == self.role_name || wanted == self.account.as_str() || wanted == self.to_string()
    }
}

/// A permission set that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCenterRole {
    /// The account and the permission set.
    pub role: CenterRole,
    /// The account's name at the portal.
    pub account_name: String,
    /// It is the one that is used unless another is asked for.
    pub chosen: bool,
}

/// A file of the AWS command line's, read anew each time: it replaces it whenever it renews its token.
#[derive(Debug)]
struct CliFile(PathBuf);

impl CliCache for CliFile {
    fn read(&self) -> Option<SecretBytes> {
        use std::io::Read as _;
        let file = std::fs::File::open(&self.0).ok()?;
        let mut bytes = Vec::new();
        file.take(CACHE_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        Some(SecretBytes::new(bytes))
    }
}

/// Tells two people apart who use one portal.
pub(super) fn portal_label(connection: &Connection) -> &str {
    match &connection.way {
        Way::IdentityCenter(center) => center.label.as_deref().unwrap_or_default(),
        _ => "",
    }
}

impl Connector {
    /// Returns the portal that a bookmark's way leads through, `None` where it leads through none.
    ///
    /// # Errors
    /// When the bookmark, its AWS profile or the portal's address cannot be used.
    pub fn portal(&self, name: &BookmarkName) -> Result<Option<Arc<IdentityCenter>>, Error> {
        let (connection, resolved) = self.with_aws_profile(name, self.connection(name)?)?;
        let made = match (&connection.way, resolved.as_ref().map(|resolved| &resolved.source)) {
            (Way::IdentityCenter(center), _) => self.portal_of_bookmark(&connection, center),
            (_, Some(source)) => {
                let mut source = source;
                while let Source::AssumeRole { base, .. } = source {
                    source = base;
                }
                let Source::IdentityCenter { session_name, start_url, region, registration_scopes, .. } =
                    source
                else {
                    return Ok(None);
                };
                let named = session_name.as_deref().unwrap_or(start_url.as_str());
                self.portal_of_profile(&connection, start_url, region, registration_scopes, named)
            }
            _ => return Ok(None),
        };
        Ok(Some(made.map_err(|error| self.no_credential(name, &connection, Arc::new(error)))?))
    }

    /// Lists the permission sets of the person who is signed in.
    ///
    /// # Errors
    /// When the way in is another one, nobody is signed in, or the portal does not answer.
    pub async fn center_roles(&self, name: &BookmarkName) -> Result<Vec<OfferedCenterRole>, Error> {
        let connection = self.connection(name)?;
        let Way::IdentityCenter(center) = &connection.way else {
            return Err(Error::OtherWay { name: name.clone(), way: connection.way.name() });
        };
        let mut offered = self.offered(name, &connection, center).await?;
        let chosen = match &self.role {
            Some(_) => {
                let role = self.center_role(name, &connection).await?;
                self.remember_center_role(name, &role)?;
                Some(role)
            }
            None => self.known_role(name, center),
        };
        let only = offered.len() == 1;
        for one in &mut offered {
            one.chosen = only || chosen.as_ref() == Some(&one.role);
        }
        Ok(offered)
    }

    /// Remembers the permission set that a bookmark uses from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember_center_role(&self, name: &BookmarkName, role: &CenterRole) -> Result<(), Error> {
        self.remember_text(name, &role.to_string())
    }

    /// Decides which permission set is used: the one asked for in this run, the bookmark's, the one used last, the only one.
    pub(super) async fn center_role(
        &self,
        name: &BookmarkName,
        connection: &Connection,
    ) -> Result<CenterRole, Error> {
        let Way::IdentityCenter(center) = &connection.way else {
            return Err(Error::OtherWay { name: name.clone(), way: connection.way.name() });
        };
        let Some(wanted) = &self.role else {
            if let Some(known) = self.known_role(name, center) {
                return Ok(known);
            }
            let mut offered = self.offered(name, connection, center).await?;
            return match offered.len() {
                0 => Err(Error::NoRole { name: name.clone() }),
                1 => Ok(offered.remove(0).role),
                _ => Err(Error::WhichCenterRole { name: name.clone(), offered: texts(&offered) }),
            };
        };
        let named = match (CenterRole::read(wanted), &center.account) {
            (Some(role), _) => Some(role),
            (None, Some(account)) if wanted.parse::<AccountId>().is_err() => {
                Some(CenterRole { account: account.clone(), role_name: wanted.clone() })
            }
            _ => None,
        };
        let role = match named {
            Some(role) => role,
            None => {
                let offered = self.offered(name, connection, center).await?;
                let fitting: Vec<_> = offered.iter().filter(|one| one.role.fits(wanted)).collect();
                match fitting.as_slice() {
                    [one] => one.role.clone(),
                    [] => {
                        let (name, wanted) = (name.clone(), wanted.clone());
                        return Err(Error::NoSuchCenterRole { name, wanted, offered: texts(&offered) });
                    }
                    _ => {
                        return Err(Error::WhichCenterRole { name: name.clone(), offered: texts(&offered) });
                    }
                }
            }
        };
        Ok(role)
    }

    /// Finds the permission sets whose credentials may be kept: those on offer, and those that are known without asking.
    pub(super) async fn center_roles_to_forget(
        &self,
        name: &BookmarkName,
        connection: &Connection,
    ) -> Result<Vec<CenterRole>, Error> {
        let Way::IdentityCenter(center) = &connection.way else { return Ok(Vec::new()) };
        let mut found: BTreeSet<CenterRole> = self.known_role(name, center).into_iter().collect();
        found.extend(self.role.as_deref().and_then(CenterRole::read));
        // Nobody waits long to be signed out, and a portal that is away is no obstacle.
        let offered = tokio::time::timeout(LOOK_MAX, self.offered(name, connection, center)).await;
        found.extend(offered.into_iter().flatten().flatten().map(|one| one.role));
        Ok(found.into_iter().collect())
    }

    /// Returns what is known without asking: the bookmark's own, else the one used last if the bookmark allows it.
    fn known_role(&self, name: &BookmarkName, center: &Center) -> Option<CenterRole> {
        if let (Some(account), Some(role_name)) = (&center.account, &center.role_name) {
            return Some(CenterRole { account: account.clone(), role_name: role_name.clone() });
        }
        let last = CenterRole::read(&self.remembered_text(name)?)?;
        let fits = center.account.as_ref().is_none_or(|account| *account == last.account)
            && center.role_name.as_ref().is_none_or(|role| *role == last.role_name);
        fits.then_some(last)
    }

    async fn offered(
        &self,
        name: &BookmarkName,
        connection: &Connection,
        center: &Center,
    ) -> Result<Vec<OfferedCenterRole>, Error> {
        let portal = self.portal_of_bookmark(connection, center);
        let portal = portal.map_err(|error| self.no_credential(name, connection, Arc::new(error)))?;
        let failed = |error: CenterError| self.no_credential(name, connection, Arc::new(error));
        let mut offered = Vec::new();
        for account in portal.list_accounts().await.map_err(failed)? {
            if center.account.as_ref().is_some_and(|only| *only != account.id) {
                continue;
            }
            for role_name in portal.list_roles(&account.id).await.map_err(failed)? {
                if self.role.is_none() && center.role_name.as_ref().is_some_and(|only| *only != role_name) {
                    continue;
                }
                let role = CenterRole { account: account.id.clone(), role_name };
                let account_name = account.name.clone();
                offered.push(OfferedCenterRole { role, account_name, chosen: false });
            }
        }
        Ok(offered)
    }

    fn no_credential(
        &self,
        name: &BookmarkName,
        connection: &Connection,
        source: Arc<dyn std::error::Error + Send + Sync>,
    ) -> Error {
        NoCredential { name: name.clone(), connection: Arc::new(connection.clone()), source }.into()
    }

    /// Makes the portal of a bookmark. The AWS command line's sign-in stands in only at AWS's own hosts: a bookmark that names
    /// other ones may come from a stranger.
    pub(super) fn portal_of_bookmark(
        &self,
        connection: &Connection,
        center: &Center,
    ) -> Result<Arc<IdentityCenter>, ProviderError> {
        let start_url: StartUrl = start_url(&center.start_url)?;
        let mut config = IdentityCenterConfig::new(start_url, center.region.clone());
        config.oidc_endpoint.clone_from(&center.oidc_endpoint);
        config.portal_endpoint.clone_from(&center.portal_endpoint);
        let at_aws = center.oidc_endpoint.is_none() && center.portal_endpoint.is_none();
        let cache = at_aws.then(|| self.cli_file(center.start_url.as_str())).flatten();
        self.make_portal(connection, config, cache)
    }

    /// Makes the portal of an AWS profile. `named` is what the AWS command line names its file after.
    pub(super) fn portal_of_profile(
        &self,
        connection: &Connection,
        start: &Url,
        region: &Region,
        scopes: &[String],
        named: &str,
    ) -> Result<Arc<IdentityCenter>, ProviderError> {
        let mut config = IdentityCenterConfig::new(start_url(start)?, region.clone());
        if !scopes.is_empty() {
            config.scopes = scopes.to_vec();
        }
        // The person's own environment, as the AWS command line reads it.
        let address = |variable: &str, text: &Option<String>| {
            let parsed = text.as_deref().map(Url::parse).transpose();
            parsed.map_err(|_| refused(format!("{variable} is no address"), Retry::Never))
        };
        let aws = &self.environment.aws;
        config.oidc_endpoint = address("AWS_ENDPOINT_URL_SSO_OIDC", &aws.center_address)?;
        config.portal_endpoint = address("AWS_ENDPOINT_URL_SSO", &aws.portal_address)?;
        self.make_portal(connection, config, self.cli_file(named))
    }

    fn cli_file(&self, named: &str) -> Option<PathBuf> {
        self.environment.aws.sso_cache.as_ref().map(|folder| folder.join(cli_cache_file(named)))
    }

    fn make_portal(
        &self,
        connection: &Connection,
        config: IdentityCenterConfig,
        cache: Option<PathBuf>,
    ) -> Result<Arc<IdentityCenter>, ProviderError> {
        let unusable =
            |error: Error| because(refused("the portal cannot be reached so", Retry::Never), error);
        let transport = self.transport(connection.ca_bundle.as_deref()).map_err(unusable)?;
        let context = CenterContext {
            http: Arc::new(transport) as Arc<dyn HttpClient>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::clone(&self.random) as Arc<dyn Random>,
            keychain: self.keychain().map_err(unusable)?,
            lock_folder: self.lock_folder(),
        };
        let options = CenterOptions::default();
        let portal = IdentityCenter::new(config, portal_label(connection), options, context);
        let portal = portal
            .map_err(|error| because(refused("IAM Identity Center cannot be used", Retry::Never), error))?;
        Ok(Arc::new(match cache {
            Some(path) => portal.with_cli_cache(Arc::new(CliFile(path))),
            None => portal,
        }))
    }
}

fn start_url(url: &Url) -> Result<StartUrl, ProviderError> {
    let parsed = url.as_str().parse::<StartUrl>();
    parsed.map_err(|error| because(refused("the start address cannot be used", Retry::Never), error))
}

fn texts(offered: &[OfferedCenterRole]) -> Vec<String> {
    offered.iter().map(|one| one.role.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_an_account_and_a_name() {
        let role = CenterRole::read("123456789012/Admin").unwrap();
        assert_eq!(role.to_string(), "123456789012/Admin");
        for wanted in ["123456789012/Admin", "Admin", "123456789012"] {
            assert!(role.fits(wanted), "{wanted}");
        }
        for other in ["Admin/123456789012", "12/Admin", "123456789012/", "123456789012/a/b", "Admin"] {
            assert_eq!(CenterRole::read(other), None, "{other}");
        }
        assert!(!role.fits("admin"));
    }
}
