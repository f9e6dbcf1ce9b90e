//! Puts a way together step by step: each step is a source that the next one may go on from.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::aws_config::{Resolved, Source};
use pintail_core::connection::{Connection, LongTermKey, StsEndpoint, Way};
use pintail_core::credential::CredentialSource;
use pintail_core::name::{RoleArn, SessionName};
use pintail_core::retry::Retry;
use pintail_core::seam::{Clock, HttpClient, Random};
use pintail_identity::identity_center::{IdentityCenter, RoleCredentials};
use pintail_identity::keychain::Keychain;
use pintail_identity::source::{
    AssumeRole, CredentialProcess, Mfa, MfaCode, ProcessLimits, Provider, ProviderContext, ProviderError,
    RenewingSource, SessionToken, WebIdentityFile, entry_name, keys,
};
use pintail_store::transport::Transport;

use super::keys::KeptKeys;
use super::portal::portal_label;
use super::roles::{RoleWish, request, role_duration, session_token_request, token_file_request};
use super::source::Step;
use super::{CenterRole, metadata, refused};
use crate::{Connector, Error};

/// A step of a way, and what the next one has to know of it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) step: Step,
    /// All that makes its credential another one; names the keychain entries of this step and the next.
    marks: Vec<String>,
    /// The bookmark's narrowing is in it.
    pub(super) narrowed: bool,
    /// It comes from this machine, which may be another identity the next time: what is bought with it is not kept.
    of_machine: bool,
    /// It is a session, with which STS gives sessions of an hour at most.
    is_session: bool,
}

impl Link {
    fn fixed(source: Arc<dyn CredentialSource>, marks: Vec<String>) -> Self {
        Self { step: Step::Fixed(source), marks, narrowed: false, of_machine: false, is_session: false }
    }
}

/// A way while it is put together.
pub(super) struct Chain<'a> {
    connector: &'a Connector,
    connection: &'a Connection,
    context: ProviderContext,
    keychain: Arc<dyn Keychain>,
    code: Arc<dyn MfaCode>,
    /// The STS of the AWS configuration, or the region's. A token file that the configuration names goes there alone: bookmark
    /// and profile, which can come from a stranger, do not choose who gets it. (Requests of AssumeRole are signed, and tell
    /// whoever gets them no secret.)
    own_sts: StsEndpoint,
    /// What is kept in the keychain, in the order of the steps.
    pub(super) kept: Vec<RenewingSource>,
    /// The portal that the way leads through.
    pub(super) portal: Option<Arc<IdentityCenter>>,
    /// The role there.
    pub(super) role_at_portal: Option<CenterRole>,
    /// A person has to type the code of a device.
    pub(super) needs_code: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        connector: &'a Connector,
        connection: &'a Connection,
        code: Arc<dyn MfaCode>,
    ) -> Result<Self, Error> {
        let transport = connector.transport(connection.ca_bundle.as_deref())?;
        let keychain = connector.keychain()?;
        let context = connector.provider_context(&transport);
        Ok(Self {
            connector,
            connection,
            context,
            keychain,
            code,
            own_sts: StsEndpoint::Regional,
            kept: Vec::new(),
            portal: None,
            role_at_portal: None,
            needs_code: false,
        })
    }

    /// Goes a bookmark's way.
    pub(super) fn of_way(
        &mut self,
        way: &Way,
        resolved: Option<&Resolved>,
        choice: Option<&CenterRole>,
    ) -> Result<Link, ProviderError> {
        let aws = &self.connector.environment.aws;
        let wish = &self.connection.wish;
        let last = wish.second_role.is_none();
        match way {
            Way::WebIdentity(_) => Err(refused("the bookmark signs in at an issuer", Retry::Never)),
            Way::Keys(key) => Ok(self.kept_keys(key)),
            Way::Anonymous => Ok(Link::fixed(keys::anonymous(), vec!["anonymous".into()])),
            Way::AwsProfile { .. } => {
                let resolved =
                    resolved.ok_or_else(|| refused("the AWS profile was not read", Retry::Never))?;
                self.own_sts =
                    resolved.sts_endpoint.clone().map_or(StsEndpoint::Regional, StsEndpoint::Custom);
                self.of_source(&resolved.source, last)
            }
            Way::InstanceMetadata { endpoint } => {
                let provider = metadata::instance(self.context.clone(), aws, endpoint.as_ref())?;
                let place = endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
                Ok(self.of_machine(provider, vec!["instance".into(), place]))
            }
            Way::ContainerMetadata { endpoint, token_file } => {
                let file = token_file.as_deref().map(|text| self.connector.environment.path(text));
                let provider = metadata::container(self.context.clone(), aws, endpoint.as_ref(), file)?;
                let place = endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
                Ok(self.of_machine(provider, vec!["container".into(), place]))
            }
            Way::AssumeRole { key, role, mfa_serial } => {
                let wish = RoleWish {
                    role: role.clone(),
                    external_id: wish.external_id.clone().filter(|_| last),
                    session_name: wish.name.clone(),
                    duration: role_duration(self.connection, mfa_serial.is_some()),
                };
                let base = self.kept_keys(key);
                self.role(base, wish, mfa_serial.as_deref(), last)
            }
            Way::SessionToken { key, mfa_serial } => self.session_token(key, mfa_serial.as_deref()),
            Way::IdentityCenter(center) => {
                let portal = self.connector.portal_of_bookmark(self.connection, center)?;
                let choice =
                    choice.ok_or_else(|| refused("no role is chosen at the portal", Retry::Never))?;
                Ok(self.of_portal(portal, choice))
            }
        }
    }

    /// Goes on to the second role, where the bookmark names one.
    pub(super) fn second_role(&mut self, link: Link) -> Result<Link, ProviderError> {
        let Some(role) = self.connection.wish.second_role.clone() else { return Ok(link) };
        let wish = RoleWish {
            role,
            external_id: self.connection.wish.external_id.clone(),
            session_name: self.connection.wish.name.clone(),
            duration: role_duration(self.connection, link.is_session),
        };
        self.role(link, wish, None, true)
    }

    /// Follows what a profile of the AWS configuration says.
    fn of_source(&mut self, source: &Source, last: bool) -> Result<Link, ProviderError> {
        let environment = &self.connector.environment;
        match source {
            Source::Keys(credential) => {
                let token = credential.session_token.as_ref();
                let id = &credential.access_key_id;
                let source = keys::keys(id, &credential.secret_access_key, token)?;
                let mut link = Link::fixed(source, vec!["file-keys".into(), id.clone()]);
                link.is_session = token.is_some();
                Ok(link)
            }
            Source::Process { argv } => {
                let inside = environment.aws.credential_process.as_deref();
                let provider = CredentialProcess::new(argv.clone(), inside, ProcessLimits::default())?;
                let marks = std::iter::once("process".to_owned()).chain(argv.iter().cloned()).collect();
                Ok(self.of_machine(Arc::new(provider), marks))
            }
            Source::WebIdentityFile { role, file, session_name } => {
                let wish = self.wish_of_profile(role, session_name.as_ref(), None, None, last);
                let file = environment.path(file);
                let marks = vec!["token-file".into(), role.to_string(), file.display().to_string()];
                let own = Connection { sts_endpoint: self.own_sts.clone(), ..self.connection.clone() };
                let config = token_file_request(&own, wish, file, last)?;
                let provider = WebIdentityFile::new(self.context.clone(), config);
                let mut link = self.of_machine(Arc::new(provider), marks);
                link.narrowed = last;
                Ok(link)
            }
            Source::IdentityCenter {
                session_name,
                start_url,
                region,
                account,
                role_name,
                registration_scopes,
            } => {
                let named = session_name.as_deref().unwrap_or(start_url.as_str());
                let portal = self.connector.portal_of_profile(
                    self.connection,
                    start_url,
                    region,
                    registration_scopes,
                    named,
                )?;
                let role = CenterRole { account: account.clone(), role_name: role_name.clone() };
                Ok(self.of_portal(portal, &role))
            }
            Source::AssumeRole { role, external_id, mfa_serial, duration, session_name, base } => {
                let base = self.of_source(base, false)?;
                let external_id = external_id.clone();
                let wish = self.wish_of_profile(role, session_name.as_ref(), external_id, *duration, last);
                self.role(base, wish, mfa_serial.as_deref(), last)
            }
            Source::InstanceMetadata => {
                let provider = metadata::instance(self.context.clone(), &environment.aws, None)?;
                Ok(self.of_machine(provider, vec!["instance".into()]))
            }
            Source::Container => {
                let provider = metadata::container(self.context.clone(), &environment.aws, None, None)?;
                Ok(self.of_machine(provider, vec!["container".into()]))
            }
            Source::Environment => {
                let id = environment.aws.access_key_id.clone().unwrap_or_default();
                let source = metadata::environment(&environment.aws)?;
                let mut link = Link::fixed(source, vec!["environment".into(), id]);
                link.is_session = environment.aws.session_token.is_some();
                Ok(link)
            }
        }
    }

    /// What a profile says of a role, with what the bookmark says of the last one.
    fn wish_of_profile(
        &self,
        role: &RoleArn,
        session_name: Option<&SessionName>,
        external_id: Option<String>,
        duration: Option<Duration>,
        last: bool,
    ) -> RoleWish {
        let wish = &self.connection.wish;
        let own = match wish.length {
            pintail_core::connection::SessionLength::Exactly(duration) if last => Some(duration),
            _ => None,
        };
        RoleWish {
            role: role.clone(),
            external_id: external_id.or_else(|| wish.external_id.clone().filter(|_| last)),
            session_name: wish.name.clone().filter(|_| last).or_else(|| session_name.cloned()),
            duration: own.or(duration),
        }
    }

    fn kept_keys(&self, key: &LongTermKey) -> Link {
        let place = self.connection.s3_endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
        let source = KeptKeys::new(key, self.connection, Arc::clone(&self.keychain));
        Link::fixed(Arc::new(source), vec!["keys".into(), key.id.clone(), place])
    }

    /// What a machine gives at once: kept in memory alone.
    fn of_machine(&self, provider: Arc<dyn Provider>, marks: Vec<String>) -> Link {
        let source = RenewingSource::new(provider, self.context.clone());
        Link { step: Step::Renewing(source), marks, narrowed: false, of_machine: true, is_session: true }
    }

    fn of_portal(&mut self, portal: Arc<IdentityCenter>, role: &CenterRole) -> Link {
        let provider =
            RoleCredentials::new(Arc::clone(&portal), role.account.clone(), role.role_name.clone());
        let label = portal_label(self.connection);
        let marks = vec![portal.config().key(label), role.to_string()];
        self.portal = Some(portal);
        self.role_at_portal = Some(role.clone());
        self.kept("sso", Arc::new(provider), marks, false)
    }

    fn role(
        &mut self,
        base: Link,
        wish: RoleWish,
        mfa_serial: Option<&str>,
        last: bool,
    ) -> Result<Link, ProviderError> {
        let mut marks = base.marks;
        let said_name = wish.session_name.as_ref().map(ToString::to_string).unwrap_or_default();
        let request = request(self.connection, wish, last, self.connector.now())?;
        marks.extend([
            request.endpoint.url().to_string(),
            request.role.to_string(),
            said_name,
            request.external_id.clone().unwrap_or_default(),
            request.duration.map(|duration| duration.as_secs().to_string()).unwrap_or_default(),
            request.policy.clone().unwrap_or_default(),
            request.policy_arns.join(" "),
            request.tags.iter().map(|(key, value)| format!("{key}={value} ")).collect(),
            mfa_serial.unwrap_or_default().to_owned(),
        ]);
        let mfa = self.device(mfa_serial)?;
        let provider = AssumeRole::new(self.context.clone(), base.step.source(), request, mfa)?;
        // The device belongs to one user, who is in its name.
        if base.of_machine && mfa_serial.is_none() {
            return Ok(Link { narrowed: last, ..self.of_machine(Arc::new(provider), marks) });
        }
        Ok(self.kept("role", Arc::new(provider), marks, last))
    }

    fn session_token(&mut self, key: &LongTermKey, mfa_serial: Option<&str>) -> Result<Link, ProviderError> {
        let base = self.kept_keys(key);
        let request = session_token_request(self.connection)?;
        let mut marks = base.marks;
        marks.extend([
            request.endpoint.url().to_string(),
            request.duration.map(|duration| duration.as_secs().to_string()).unwrap_or_default(),
            mfa_serial.unwrap_or_default().to_owned(),
        ]);
        let mfa = self.device(mfa_serial)?;
        let provider = SessionToken::new(self.context.clone(), base.step.source(), request, mfa)?;
        Ok(self.kept("session", Arc::new(provider), marks, false))
    }

    fn device(&mut self, serial: Option<&str>) -> Result<Option<Mfa>, ProviderError> {
        self.needs_code |= serial.is_some();
        serial.map(|serial| Mfa::new(serial, Arc::clone(&self.code))).transpose()
    }

    /// What a person or a service had to be asked for: kept in the keychain, fetched by one process for all.
    fn kept(&mut self, kind: &str, provider: Arc<dyn Provider>, marks: Vec<String>, narrowed: bool) -> Link {
        let parts: Vec<&str> = marks.iter().map(String::as_str).collect();
        let source = RenewingSource::with_keychain(
            provider,
            self.context.clone(),
            Arc::clone(&self.keychain),
            entry_name(kind, &parts),
            self.connector.lock_folder(),
        );
        self.kept.push(source.clone());
        Link { step: Step::Renewing(source), marks, narrowed, of_machine: false, is_session: true }
    }
}

impl Connector {
    pub(super) fn provider_context(&self, transport: &Transport) -> ProviderContext {
        ProviderContext {
            http: Arc::new(transport.clone()) as Arc<dyn HttpClient>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::clone(&self.random) as Arc<dyn Random>,
        }
    }
}
