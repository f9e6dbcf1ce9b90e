//! The identity side of a bookmark that signs in: issuer, application, role and session joined.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pintail_core::connection::{
    Authentication, Connection, Issuer, SessionLength, StsEndpoint as Sts, Way, WebIdentity,
};
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::{BookmarkName, RoleArn};
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, Clock, HttpClient, Random};
use pintail_core::secret::Secret;
use pintail_identity::keychain::{EntryName, Keychain, SecretBytes};
use pintail_identity::oidc::{Authority, Client, ClientAuthentication, ClientCertificate, Scopes};
use pintail_identity::session::config::SERVICE;
use pintail_identity::session::{
    NextRole, RoleConfig, Session, SessionContext, SessionError, SessionOptions, SignInIdentity,
    offered_roles,
};
use pintail_identity::sts::{self, EndpointChoice, SessionScope, StsEndpoint};
use pintail_store::transport::Transport;

use crate::issuer_tokens::IssuerTokens;
use crate::{Connector, Error, NoCredential};

/// The sign-in side of a bookmark, before anything is asked of anyone.
#[derive(Debug)]
pub struct Identity {
    /// The bookmark.
    pub name: BookmarkName,
    /// What it says.
    pub connection: Connection,
    /// The application at its issuer.
    pub client: Client,
    /// What the sign-in asks for.
    pub scopes: Scopes,
    /// The network, for issuer and STS.
    pub http: Arc<dyn HttpClient>,
    /// Where sign-in and credentials are kept.
    pub keychain: Arc<dyn Keychain>,
    web: WebIdentity,
    key: SignInIdentity,
    context: SessionContext,
}

impl Identity {
    /// Returns what the bookmark says of the sign-in.
    #[must_use]
    pub fn web(&self) -> &WebIdentity {
        &self.web
    }

    /// Returns the roles to choose from: those that the bookmark names, else those that the issuer offers the person who is
    /// signed in.
    ///
    /// # Errors
    /// When the bookmark names none and nobody is signed in, or the keychain fails.
    pub async fn roles(&self) -> Result<Vec<RoleArn>, Error> {
        if !self.web.roles.is_empty() {
            return Ok(self.web.roles.clone());
        }
        let offered = offered_roles(Arc::clone(&self.keychain), &self.key).await;
        match offered.map_err(|error| self.missing(Arc::new(error)))? {
            Some(texts) => Ok(readable(&texts)),
            None => Err(self.missing(Arc::new(SessionError::NotSignedIn)).into()),
        }
    }

    /// Returns the session of a role.
    ///
    /// # Errors
    /// When STS cannot be asked for such a session.
    pub fn session(&self, role: &RoleArn) -> Result<RoleSession, Error> {
        let mut connection = self.connection.clone();
        if let Way::WebIdentity(web) = &mut connection.way {
            web.roles = vec![role.clone()];
        }
        let wish = role_config(&connection, role)?;
        let session = Session::new(self.key.clone(), wish, SessionOptions::default(), self.context.clone());
        let session = session.map_err(|error| self.missing(Arc::new(error)))?;
        Ok(RoleSession { name: self.name.clone(), connection: Arc::new(connection), session })
    }

    /// Returns a session that can only sign out: no role is asked for on the way out.
    ///
    /// # Errors
    /// As [`Identity::session`].
    pub fn any_session(&self) -> Result<RoleSession, Error> {
        let nobody = || "arn:aws:iam::000000000000:role/none".parse().expect("a well-formed ARN");
        self.session(&self.web.roles.first().cloned().unwrap_or_else(nobody))
    }

    fn missing(&self, source: Arc<SessionError>) -> NoCredential {
        NoCredential { name: self.name.clone(), connection: Arc::new(self.connection.clone()), source }
    }
}

/// Reads the roles of a token's claim. What is no role is left out: it could not be asked for.
#[must_use]
pub fn readable(texts: &[String]) -> Vec<RoleArn> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// The session of a role, as a source of credentials whose errors name the bookmark.
#[derive(Clone, Debug)]
pub struct RoleSession {
    name: BookmarkName,
    /// What the bookmark says, with the role chosen.
    pub connection: Arc<Connection>,
    /// The session.
    pub session: Session,
}

impl RoleSession {
    /// Says why there is no credential, and for which bookmark.
    #[must_use]
    pub fn missing(&self, source: Arc<SessionError>) -> NoCredential {
        NoCredential { name: self.name.clone(), connection: Arc::clone(&self.connection), source }
    }

    /// Puts what the session gave into the form of a source, with errors that name the bookmark.
    pub(crate) fn given(
        &self,
        given: Result<Arc<Credential>, Arc<SessionError>>,
    ) -> Result<Option<Arc<Credential>>, CredentialError> {
        given.map(Some).map_err(|error| {
            // The session has tried what can be tried now; asking again at once would change nothing.
            let retry = match error.retry() {
                Retry::AfterRenewal => Retry::Backoff,
                retry => retry,
            };
            CredentialError { retry, source: Arc::new(self.missing(error)) }
        })
    }
}

impl CredentialSource for RoleSession {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async { self.given(self.session.current_credential().await) })
    }

    fn refused(&self, credential: &Credential) {
        self.session.refused(credential);
    }
}

impl Connector {
    /// Prepares the sign-in side of a bookmark.
    ///
    /// # Errors
    /// When the bookmark cannot be used, or has another way in.
    pub async fn identity(&self, name: &BookmarkName) -> Result<Identity, Error> {
        let connection = self.connection(name)?;
        self.hold_to_pin(name, &connection)?;
        let keychain = self.keychain()?;
        let web = web_identity(name, &connection)?;
        let authentication = self.authentication(&web, keychain.as_ref()).await?;
        let transport = self.transport(connection.ca_bundle.as_deref())?;
        self.join(name, connection, web, authentication, &transport, keychain)
    }

    /// Prepares only as much as a sign-out needs: it must work without the certificate, the secret or the CA bundle that a
    /// sign-in would need.
    ///
    /// # Errors
    /// As [`Connector::identity`].
    pub fn identity_to_forget(&self, name: &BookmarkName) -> Result<Identity, Error> {
        let connection = self.connection(name)?;
        let web = web_identity(name, &connection)?;
        let transport = self.transport(connection.ca_bundle.as_deref()).or_else(|_| self.transport(None))?;
        self.join(name, connection, web, ClientAuthentication::Public, &transport, self.keychain()?)
    }

    fn join(
        &self,
        name: &BookmarkName,
        connection: Connection,
        web: WebIdentity,
        authentication: ClientAuthentication,
        transport: &Transport,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Identity, Error> {
        let authority = authority(&web).map_err(|source| Error::Authority { name: name.clone(), source })?;
        let http: Arc<dyn HttpClient> = Arc::new(transport.clone());
        let mut client = Client::public(authority.clone(), web.client_id.clone());
        client.authentication = authentication;
        let scopes = scopes(&web)?;
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
            lock_folder: self.lock_folder(),
        };
        // By the address that was configured, not by the issuer that tokens name: a domain stands for a tenant whose
        // number is known only after the network was asked.
        let key = SignInIdentity {
            issuer: authority.discovery_url().to_string(),
            client_id: web.client_id.to_string(),
            label: web.login_hint.clone().unwrap_or_default(),
        };
        Ok(Identity { name: name.clone(), connection, client, scopes, http, keychain, web, key, context })
    }

    /// Keeps the secret of a confidential application.
    ///
    /// # Errors
    /// When the keychain does not take it.
    pub async fn keep_client_secret(&self, web: &WebIdentity, secret: Secret) -> Result<(), Error> {
        let value = SecretBytes::new(secret.expose().as_bytes().to_vec());
        Ok(self.keychain()?.set(&client_secret_entry(web), &value).await?)
    }

    /// Removes the secret of a confidential application, where the bookmark has one and no other bookmark uses it.
    ///
    /// # Errors
    /// When the keychain fails.
    pub async fn forget_client_secret(&self, name: &BookmarkName) -> Result<(), Error> {
        // A bookmark that cannot be read has no secret that could be found, and can still be removed.
        let Ok(Way::WebIdentity(web)) = self.connection(name).map(|connection| connection.way) else {
            return Ok(());
        };
        if web.authentication != Authentication::Secret {
            return Ok(());
        }
        for other in self.bookmarks().names()? {
            let shares = |other: Connection| {
                let other = other.web_identity().map(client_secret_entry);
                other == Some(client_secret_entry(&web))
            };
            if other != *name && self.connection(&other).is_ok_and(shares) {
                return Ok(());
            }
        }
        Ok(self.keychain()?.delete(&client_secret_entry(&web)).await?)
    }

    async fn authentication(
        &self,
        web: &WebIdentity,
        keychain: &dyn Keychain,
    ) -> Result<ClientAuthentication, Error> {
        match &web.authentication {
            Authentication::SecretInFile(secret) => Ok(ClientAuthentication::Secret(secret.clone())),
            Authentication::Public => Ok(ClientAuthentication::Public),
            Authentication::Secret => {
                let kept = keychain.get(&client_secret_entry(web)).await?;
                let secret = kept.and_then(|bytes| std::str::from_utf8(bytes.expose()).ok().map(Secret::new));
                secret.map(ClientAuthentication::Secret).ok_or(Error::NoClientSecret)
            }
            Authentication::Certificate { certificate, key } => {
                let certificate = read(&self.environment.path(certificate))?;
                let key = Secret::new(read(&self.environment.path(key))?);
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

fn client_secret_entry(web: &WebIdentity) -> EntryName {
    // The same client ID may be known to two issuers, each with a secret of its own.
    let issuer = match &web.issuer {
        Issuer::Entra { tenant, authority } => {
            format!("{}{tenant}", authority.as_ref().map(url::Url::as_str).unwrap_or_default())
        }
        Issuer::Other(address) => address.to_string(),
    };
    EntryName::new(SERVICE, format!("client-secret/{}@{issuer}", web.client_id))
}

fn authority(web: &WebIdentity) -> Result<Authority, pintail_identity::oidc::AuthorityError> {
    match &web.issuer {
        Issuer::Entra { tenant, authority: None } => Ok(Authority::entra(tenant.clone())),
        Issuer::Entra { tenant, authority: Some(url) } => Authority::entra_at(url.as_str(), tenant.clone()),
        Issuer::Other(address) => Authority::issuer(address.as_str()),
    }
}

fn web_identity(name: &BookmarkName, connection: &Connection) -> Result<WebIdentity, Error> {
    match &connection.way {
        Way::WebIdentity(web) => Ok(web.as_ref().clone()),
        other => Err(Error::OtherWay { name: name.clone(), way: other.name() }),
    }
}

fn scopes(web: &WebIdentity) -> Result<Scopes, Error> {
    let usual = ["openid", "profile", "offline_access"];
    let all = usual.into_iter().chain(web.extra_scopes.iter().map(String::as_str));
    Scopes::new(all).map_err(Error::Scope)
}

fn role_config(connection: &Connection, role: &RoleArn) -> Result<RoleConfig, Error> {
    let mut config = RoleConfig::new(sts_endpoint(connection)?, role.clone());
    config.session_name = connection.wish.name.clone();
    config.named_by_subject = connection.wish.named_by_subject;
    match connection.wish.length {
        SessionLength::Longest => {}
        SessionLength::Service => config.duration = None,
        SessionLength::Exactly(duration) => config.duration = Some(duration),
    }
    config.scope = scope(connection);
    config.next = connection
        .wish
        .second_role
        .clone()
        .map(|role| NextRole { role, external_id: connection.wish.external_id.clone() });
    Ok(config)
}

/// Finds the STS that a connection asks.
///
/// # Errors
/// When a custom address cannot be used.
pub fn sts_endpoint(connection: &Connection) -> Result<StsEndpoint, Error> {
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
    StsEndpoint::new(&choice, &connection.region).map_err(Error::StsEndpoint)
}

/// Says how a session is narrowed.
#[must_use]
pub fn scope(connection: &Connection) -> SessionScope {
    let wish = &connection.wish;
    SessionScope {
        access: if connection.read_only { sts::Access::ReadOnly } else { sts::Access::ReadWrite },
        only: wish
            .only
            .iter()
            .map(|(bucket, prefix)| sts::Place { bucket: bucket.clone(), prefix: prefix.clone() })
            .collect(),
        policy: wish.policy.clone(),
        policy_arns: wish.policy_arns.clone(),
    }
}
