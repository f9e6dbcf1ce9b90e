//! From a bookmark to a live store: transport, keychain, session and S3 joined.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pintail_core::address::Address;
use pintail_core::bookmark::{Authentication, Connection, Issuer, SessionLength, StsEndpoint as Sts};
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::{BookmarkName, Region};
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, Clock, HttpClient, Random};
use pintail_core::secret::Secret;
use pintail_identity::keychain::{
    ChainKeychain, EntryName, FileKeychain, KernelKeychain, Keychain, PlainFileKeychain, Plaintext,
    SecretBytes, SecretServiceKeychain, Unlock,
};
use pintail_identity::oidc::{Authority, Client, ClientAuthentication, ClientCertificate, Scopes};
use pintail_identity::session::config::SERVICE;
use pintail_identity::session::{
    NextRole, RoleConfig, Session, SessionContext, SessionError, SessionOptions, SignInIdentity,
};
use pintail_identity::sts::{self, EndpointChoice, SessionScope, StsEndpoint};
use pintail_store::ObjectStore;
use pintail_store::s3::{AddressingStyle, Endpoint, S3Context, S3Options, S3Store};
use pintail_store::transport::{ProxyConfig, TlsTrust, Transport, TransportOptions};
use pintail_store::wrap::Trace;

use super::error::NoCredential;
use super::sign_in::IssuerTokens;
use super::{App, Error};

/// A bookmark with everything behind it alive.
#[derive(Debug)]
pub(crate) struct Connected {
    /// The store, as operations use it.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The same, for what only S3 can do.
    pub(crate) s3: S3Store,
}

/// The identity side of a bookmark, before anything is asked of anyone.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) connection: Connection,
    pub(super) client: Client,
    pub(super) scopes: Scopes,
    pub(super) http: Arc<dyn HttpClient>,
    pub(super) transport: Transport,
    pub(super) keychain: Arc<dyn Keychain>,
    pub(super) session: Session,
}

impl Identity {
    /// Returns the session as what signs requests, with errors that name the bookmark.
    pub(super) fn credentials(&self, name: &BookmarkName) -> SessionCredentials {
        SessionCredentials {
            name: name.clone(),
            connection: Arc::new(self.connection.clone()),
            session: self.session.clone(),
        }
    }
}

/// The session of a bookmark as a source of credentials.
#[derive(Debug)]
pub(super) struct SessionCredentials {
    name: BookmarkName,
    connection: Arc<Connection>,
    pub(super) session: Session,
}

impl SessionCredentials {
    /// Says why there is no credential, and for which bookmark.
    pub(super) fn missing(&self, source: Arc<SessionError>) -> NoCredential {
        NoCredential { name: self.name.clone(), connection: Arc::clone(&self.connection), source }
    }
}

impl CredentialSource for SessionCredentials {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async {
            match self.session.current_credential().await {
                Ok(credential) => Ok(Some(credential)),
                Err(error) => {
                    // The session has tried what can be tried now; asking again at once would change nothing.
                    let retry = match error.retry() {
                        Retry::AfterRenewal => Retry::Backoff,
                        retry => retry,
                    };
                    Err(CredentialError { retry, source: Arc::new(self.missing(error)) })
                }
            }
        })
    }

    fn refused(&self, credential: &Credential) {
        self.session.refused(credential);
    }
}

impl App {
    /// Connects to what an address names.
    pub(crate) async fn connect(&self, address: &Address) -> Result<Arc<Connected>, Error> {
        self.connect_to(&self.bookmark_of(address)?).await
    }

    /// Connects to what an address names, in another region than the bookmark's.
    pub(crate) async fn connect_in(
        &self,
        address: &Address,
        region: Option<Region>,
    ) -> Result<Arc<Connected>, Error> {
        let name = self.bookmark_of(address)?;
        match region {
            None => self.connect_to(&name).await,
            Some(region) => {
                let identity = self.identity(&name).await?;
                self.live(&name, &identity, region).await.map(Arc::new)
            }
        }
    }

    /// Connects to a bookmark's service; later calls of the run get the same connection.
    pub(crate) async fn connect_to(&self, name: &BookmarkName) -> Result<Arc<Connected>, Error> {
        let cell = {
            let mut all = self.connected.lock().expect("no holder of this lock panics");
            Arc::clone(all.entry(name.clone()).or_default())
        };
        let connected = cell.get_or_try_init(|| async {
            let identity = self.identity(name).await?;
            let region = identity.connection.region.clone();
            Ok::<_, Error>(Arc::new(self.live(name, &identity, region).await?))
        });
        connected.await.cloned()
    }

    async fn live(
        &self,
        name: &BookmarkName,
        identity: &Identity,
        region: Region,
    ) -> Result<Connected, Error> {
        // Asked now, so that "sign in first" is said before anything else and names the bookmark.
        let credentials = identity.credentials(name);
        credentials.session.current_credential().await.map_err(|error| credentials.missing(error))?;
        let context = S3Context {
            transport: identity.transport.clone(),
            endpoint: endpoint(&identity.connection, region)?,
            credentials: Arc::new(credentials),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::clone(&self.random) as Arc<dyn Random>,
        };
        let s3 = S3Store::new(context, S3Options::default());
        let store = Trace::new(Arc::new(s3.clone()));
        Ok(Connected { store: Arc::new(store), s3 })
    }

    /// Prepares the identity side of a bookmark.
    pub(super) async fn identity(&self, name: &BookmarkName) -> Result<Identity, Error> {
        let connection = self.bookmarks().connection(name)?;
        let keychain = self.keychain()?;
        let authentication = self.authentication(&connection, keychain.as_ref()).await?;
        let transport = self.transport(connection.ca_bundle.as_deref())?;
        self.join(name, connection, authentication, transport, keychain)
    }

    /// Prepares only as much as a sign-out needs: it must work without the certificate, the secret or the CA bundle that a
    /// sign-in would need.
    pub(super) fn identity_to_forget(&self, name: &BookmarkName) -> Result<Identity, Error> {
        let connection = self.bookmarks().connection(name)?;
        let transport = self.transport(connection.ca_bundle.as_deref()).or_else(|_| self.transport(None))?;
        self.join(name, connection, ClientAuthentication::Public, transport, self.keychain()?)
    }

    fn join(
        &self,
        name: &BookmarkName,
        connection: Connection,
        authentication: ClientAuthentication,
        transport: Transport,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Identity, Error> {
        let authority =
            authority(&connection).map_err(|source| Error::Authority { name: name.clone(), source })?;
        let http: Arc<dyn HttpClient> = Arc::new(transport.clone());
        let mut client = Client::public(authority.clone(), connection.client_id.clone());
        client.authentication = authentication;
        let scopes = scopes(&connection)?;
        let tokens = IssuerTokens::new(
            client.clone(),
            scopes.clone(),
            Arc::clone(&http),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            Arc::clone(&self.random) as Arc<dyn Random>,
        );
        let context = SessionContext {
            http: Arc::clone(&http),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::clone(&self.random) as Arc<dyn Random>,
            keychain: Arc::clone(&keychain),
            tokens: Arc::new(tokens),
            lock_folder: self.environment.folders.state.join("locks"),
        };
        // By the address that was configured, not by the issuer that tokens name: a domain stands for a tenant whose
        // number is known only after the network was asked.
        let sign_in = SignInIdentity {
            issuer: authority.discovery_url().to_string(),
            client_id: connection.client_id.to_string(),
            label: connection.login_hint.clone().unwrap_or_default(),
        };
        let session = Session::new(sign_in, role(&connection)?, SessionOptions::default(), context).map_err(
            |source| NoCredential {
                name: name.clone(),
                connection: Arc::new(connection.clone()),
                source: Arc::new(source),
            },
        )?;
        Ok(Identity { connection, client, scopes, http, transport, keychain, session })
    }

    /// Keeps the secret of a confidential application.
    pub(crate) async fn keep_client_secret(
        &self,
        connection: &Connection,
        secret: Secret,
    ) -> Result<(), Error> {
        let value = SecretBytes::new(secret.expose().as_bytes().to_vec());
        Ok(self.keychain()?.set(&client_secret_entry(connection), &value).await?)
    }

    /// Removes the secret of a confidential application, where the bookmark has one and no other bookmark uses it.
    pub(crate) async fn forget_client_secret(&self, name: &BookmarkName) -> Result<(), Error> {
        // A bookmark that cannot be read has no secret that could be found, and can still be removed.
        let Ok(connection) = self.bookmarks().connection(name) else { return Ok(()) };
        if connection.authentication != Authentication::Secret {
            return Ok(());
        }
        for other in self.bookmarks().names()? {
            let shares = |other: Connection| client_secret_entry(&other) == client_secret_entry(&connection);
            if other != *name && self.bookmarks().connection(&other).is_ok_and(shares) {
                return Ok(());
            }
        }
        Ok(self.keychain()?.delete(&client_secret_entry(&connection)).await?)
    }

    async fn authentication(
        &self,
        connection: &Connection,
        keychain: &dyn Keychain,
    ) -> Result<ClientAuthentication, Error> {
        match &connection.authentication {
            Authentication::Public => Ok(ClientAuthentication::Public),
            Authentication::Secret => {
                let kept = keychain.get(&client_secret_entry(connection)).await?;
                let secret = kept.and_then(|bytes| std::str::from_utf8(bytes.expose()).ok().map(Secret::new));
                secret.map(ClientAuthentication::Secret).ok_or(Error::NoClientSecret)
            }
            Authentication::Certificate { certificate, key } => {
                let certificate = read(Path::new(certificate))?;
                let key = Secret::new(read(Path::new(key))?);
                let made =
                    ClientCertificate::from_pem(&certificate, &key).map_err(Error::ClientCertificate)?;
                Ok(ClientAuthentication::Certificate(made))
            }
        }
    }

    fn transport(&self, ca_bundle: Option<&str>) -> Result<Transport, Error> {
        let environment = &self.environment;
        let bundle = ca_bundle.map(PathBuf::from).or_else(|| environment.ca_bundle.clone());
        let trust = match bundle {
            Some(path) => TlsTrust::Bundle(fs::read(&path).map_err(|e| Error::local("read", &path, e))?),
            None => TlsTrust::System,
        };
        let proxy = ProxyConfig::parse(
            environment.http_proxy.as_deref(),
            environment.https_proxy.as_deref(),
            environment.no_proxy.as_deref(),
        )?;
        Ok(Transport::new(TransportOptions { trust, proxy, ..TransportOptions::default() })?)
    }

    /// Returns the keychain of this run: the Secret Service, then the kernel's keyring, then an encrypted file, unless one is
    /// named.
    pub(super) fn keychain(&self) -> Result<Arc<dyn Keychain>, Error> {
        let folders = &self.environment.folders;
        let bus = self.environment.session_bus.clone();
        let secret_service =
            || Arc::new(SecretServiceKeychain::new(bus.clone(), Unlock::Ask)) as Arc<dyn Keychain>;
        let kernel = || Arc::new(KernelKeychain::new()) as Arc<dyn Keychain>;
        let file = || {
            let (entries, key) = (folders.state.join("secrets"), folders.data.join("key"));
            Arc::new(FileKeychain::new(entries, key)) as Arc<dyn Keychain>
        };
        match self.environment.keychain.as_deref() {
            None | Some("auto") => {
                let mut stores = Vec::new();
                if bus.is_some() {
                    stores.push(secret_service());
                }
                stores.extend([kernel(), file()]);
                Ok(Arc::new(ChainKeychain::new(stores, Arc::clone(&self.clock) as Arc<dyn Clock>)))
            }
            Some("secret-service") => Ok(secret_service()),
            Some("keyutils") => Ok(kernel()),
            Some("file") => Ok(file()),
            Some("plain") => {
                Ok(Arc::new(PlainFileKeychain::new(folders.state.join("plain"), Plaintext::AskedForByFlag)))
            }
            Some(other) => Err(Error::Usage(format!(
                "PINTAIL_KEYCHAIN is {other:?}; it can be auto, secret-service, keyutils, file or plain"
            ))),
        }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|e| Error::local("read", path, e))
}

fn client_secret_entry(connection: &Connection) -> EntryName {
    // The same client ID may be known to two issuers, each with a secret of its own.
    let issuer = match &connection.issuer {
        Issuer::Entra { tenant, authority } => {
            format!("{}{tenant}", authority.as_ref().map(url::Url::as_str).unwrap_or_default())
        }
        Issuer::Other(url) => url.to_string(),
    };
    EntryName::new(SERVICE, format!("client-secret/{}@{issuer}", connection.client_id))
}

fn authority(connection: &Connection) -> Result<Authority, pintail_identity::oidc::AuthorityError> {
    match &connection.issuer {
        Issuer::Entra { tenant, authority: None } => Ok(Authority::entra(tenant.clone())),
        Issuer::Entra { tenant, authority: Some(url) } => Authority::entra_at(url.as_str(), tenant.clone()),
        Issuer::Other(url) => Authority::issuer(issuer_text(url)),
    }
}

/// Returns an issuer's address as issuers write it: the slash that a parser adds to an empty path is not part of it.
fn issuer_text(url: &url::Url) -> &str {
    let text = url.as_str();
    if url.path() == "/" && url.query().is_none() { text.trim_end_matches('/') } else { text }
}

fn scopes(connection: &Connection) -> Result<Scopes, Error> {
    let usual = ["openid", "profile", "offline_access"];
    let all = usual.into_iter().chain(connection.extra_scopes.iter().map(String::as_str));
    Scopes::new(all).map_err(Error::Scope)
}

fn role(connection: &Connection) -> Result<RoleConfig, Error> {
    let choice = match &connection.sts_endpoint {
        Sts::Regional => match (connection.fips, connection.dual_stack) {
            (false, false) => EndpointChoice::Regional,
            (false, true) => EndpointChoice::DualStack,
            (true, false) => EndpointChoice::Fips,
            (true, true) => EndpointChoice::FipsDualStack,
        },
        Sts::Global => EndpointChoice::LegacyGlobal,
        Sts::Custom(url) => EndpointChoice::Custom(url.clone()),
    };
    let endpoint = StsEndpoint::new(&choice, &connection.region).map_err(Error::StsEndpoint)?;
    let mut role = RoleConfig::new(endpoint, connection.role.clone());
    role.session_name = connection.session_name.clone();
    match connection.duration {
        SessionLength::Longest => {}
        SessionLength::Service => role.duration = None,
        SessionLength::Exactly(duration) => role.duration = Some(duration),
    }
    role.scope = scope(connection);
    role.next = connection
        .second_role
        .clone()
        .map(|role| NextRole { role, external_id: connection.external_id.clone() });
    Ok(role)
}

fn scope(connection: &Connection) -> SessionScope {
    SessionScope {
        access: if connection.read_only { sts::Access::ReadOnly } else { sts::Access::ReadWrite },
        only: connection
            .only
            .iter()
            .map(|(bucket, prefix)| sts::Place { bucket: bucket.clone(), prefix: prefix.clone() })
            .collect(),
        policy: connection.session_policy.clone(),
        policy_arns: connection.policy_arns.clone(),
    }
}

fn endpoint(connection: &Connection, region: Region) -> Result<Endpoint, Error> {
    let mut endpoint = match &connection.s3_endpoint {
        Some(url) => Endpoint::at(url, Some(region)).map_err(Error::S3Endpoint)?,
        None => Endpoint::aws(region),
    };
    if connection.dual_stack {
        endpoint = endpoint.with_dual_stack();
    }
    if connection.fips {
        endpoint = endpoint.with_fips();
    }
    Ok(match connection.path_style {
        Some(true) => endpoint.with_style(AddressingStyle::Path),
        Some(false) => endpoint.with_style(AddressingStyle::VirtualHost),
        None => endpoint,
    })
}
