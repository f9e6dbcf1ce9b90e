//! The identity side of a bookmark that signs in: issuer, application, role and session joined.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pintail_core::bookmark::{Authentication, Connection, Issuer, SessionLength, StsEndpoint as Sts};
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::BookmarkName;
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, Clock, HttpClient, Random};
use pintail_core::secret::Secret;
use pintail_identity::keychain::{EntryName, Keychain, SecretBytes};
use pintail_identity::oidc::{Authority, Client, ClientAuthentication, ClientCertificate, Scopes};
use pintail_identity::session::config::SERVICE;
use pintail_identity::session::{
    NextRole, RoleConfig, Session, SessionContext, SessionError, SessionOptions, SignInIdentity,
};
use pintail_identity::sts::{self, EndpointChoice, SessionScope, StsEndpoint};
use pintail_store::transport::Transport;

use crate::issuer_tokens::IssuerTokens;
use crate::{Connector, Error, NoCredential};

/// The identity side of a bookmark, before anything is asked of anyone.
#[derive(Debug)]
pub struct Identity {
    /// What the bookmark says.
    pub connection: Connection,
    /// The application at its issuer.
    pub client: Client,
    /// What the sign-in asks for.
    pub scopes: Scopes,
    /// The network, for issuer and STS.
    pub http: Arc<dyn HttpClient>,
    /// The same, for S3.
    pub transport: Transport,
    /// Where sign-in and credentials are kept.
    pub keychain: Arc<dyn Keychain>,
    /// The session of the role.
    pub session: Session,
}

impl Identity {
    /// Returns the session as what signs requests, with errors that name the bookmark.
    pub fn credentials(&self, name: &BookmarkName) -> SessionCredentials {
        SessionCredentials {
            name: name.clone(),
            connection: Arc::new(self.connection.clone()),
            session: self.session.clone(),
        }
    }
}

/// The session of a bookmark as a source of credentials.
#[derive(Debug)]
pub struct SessionCredentials {
    name: BookmarkName,
    connection: Arc<Connection>,
    /// The session of the role.
    pub session: Session,
}

impl SessionCredentials {
    /// Says why there is no credential, and for which bookmark.
    pub fn missing(&self, source: Arc<SessionError>) -> NoCredential {
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

impl Connector {
    /// Prepares the identity side of a bookmark.
    pub async fn identity(&self, name: &BookmarkName) -> Result<Identity, Error> {
        let connection = self.bookmarks().connection(name)?;
        let keychain = self.keychain()?;
        let authentication = self.authentication(&connection, keychain.as_ref()).await?;
        let transport = self.transport(connection.ca_bundle.as_deref())?;
        self.join(name, connection, authentication, transport, keychain)
    }

    /// Prepares only as much as a sign-out needs: it must work without the certificate, the secret or the CA bundle that a
    /// sign-in would need.
    pub fn identity_to_forget(&self, name: &BookmarkName) -> Result<Identity, Error> {
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
    pub async fn keep_client_secret(&self, connection: &Connection, secret: Secret) -> Result<(), Error> {
        let value = SecretBytes::new(secret.expose().as_bytes().to_vec());
        Ok(self.keychain()?.set(&client_secret_entry(connection), &value).await?)
    }

    /// Removes the secret of a confidential application, where the bookmark has one and no other bookmark uses it.
    pub async fn forget_client_secret(&self, name: &BookmarkName) -> Result<(), Error> {
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
