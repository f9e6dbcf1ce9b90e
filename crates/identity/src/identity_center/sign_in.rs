//! Signing in at IAM Identity Center: in the browser here, or by a code entered in any browser.
//!
//! Both flows begin with this program's registration, which is kept until its end, and end with a token in the keychain. The
//! person is told by the events of [`oidc`](crate::oidc), and the browser's answer comes by its receivers.

use pintail_core::secret::Secret;

use super::center::IdentityCenter;
use super::error::CenterError;
use super::record::{Client, ClientRecord, TokenRecord};
use super::sign_in_api::{self, Grant, Granted};
use crate::oidc::{
    Answer, AnswerRefusal, Browser, DevicePrompt, Endpoint, Event, Expected, FOREIGN_ANSWERS_MAX,
    LoopbackHost, LoopbackOptions, Outcome, Polled, Polling, RedirectError, RedirectReceiver, Replay,
    Verifier, random_text,
};
use crate::session::record::VERSION;

/// Who is told what happens.
pub type EventSink<'a> = &'a (dyn Fn(Event<'_>) + Send + Sync);

/// How to listen for the browser's answer: `http://127.0.0.1:PORT/oauth/callback`, as the AWS CLI does. The service
/// compares all of it but the port.
pub fn loopback_options() -> LoopbackOptions {
    LoopbackOptions { host: LoopbackHost::Ipv4, port: None, path: "/oauth/callback".to_owned() }
}

/// A registration, and whether it was found in the keychain: one made just now cannot be out of date.
struct Found {
    client: Client,
    was_stored: bool,
}

impl IdentityCenter {
    /// Signs a person in with a browser whose answer `redirect` receives, by authorization code with PKCE.
    ///
    /// # Errors
    /// When the person says no or does not finish in time, a service refuses or cannot be reached, or the sign-in cannot be
    /// stored.
    pub async fn sign_in(
        &self,
        redirect: &mut dyn RedirectReceiver,
        browser: &dyn Browser,
        events: EventSink<'_>,
    ) -> Result<(), CenterError> {
        let redirect_uri = redirect.redirect_uri().to_owned();
        let registered = without_port(&redirect_uri);
        let Found { client, was_stored } = self.client(Some(&registered), events).await?;
        let ended = self.sign_in_as(&client, &redirect_uri, redirect, browser, events).await;
        if ended.is_err() && was_stored {
            // A page that does not know the registration says so in the browser only. The next attempt begins afresh.
            self.forget_client(false).await;
        }
        ended
    }

    async fn sign_in_as(
        &self,
        client: &Client,
        redirect_uri: &str,
        redirect: &mut dyn RedirectReceiver,
        browser: &dyn Browser,
        events: EventSink<'_>,
    ) -> Result<(), CenterError> {
        let random = &*self.context.random;
        let (verifier, state) = (Verifier::new(random), random_text(random));
        let expected = Expected::new(state.clone());
        // From here on the answer has a place to go to.
        redirect.listen(&expected).map_err(CenterError::Redirect)?;
        let url = sign_in_api::authorization_url(
            &self.endpoints,
            &self.config,
            client,
            redirect_uri,
            &state,
            &verifier,
        );
        let time_max = self.options.time_max;
        let mut arrival = None;
        let attempt = async {
            self.driver(events).open(Some(browser), &url).await;
            events(Event::AwaitingAnswer { time_max });
            let mut foreign = 0;
            let code = loop {
                let arrived = redirect.receive(&|notice| events(Event::Ignored(notice))).await;
                let arrived = arrived.map_err(CenterError::Redirect)?;
                let answer = Answer::parse(arrived.address.expose());
                match answer.and_then(|answer| answer.code_of(&expected)) {
                    // Anyone can send one of these; receivers keep them away, and it would not end the wait if not.
                    Err(AnswerRefusal::StateWrong | AnswerRefusal::NoAnswer)
                        if foreign < FOREIGN_ANSWERS_MAX =>
                    {
                        foreign += 1;
                    }
                    Err(AnswerRefusal::StateWrong | AnswerRefusal::NoAnswer) => {
                        let count = foreign;
                        return Err(CenterError::Redirect(RedirectError::TooManyForeign { count }));
                    }
                    Err(AnswerRefusal::Refused(source)) => {
                        arrival = Some(arrived);
                        return Err(CenterError::Issuer { endpoint: Endpoint::Authorization, source });
                    }
                    Err(refusal) => {
                        arrival = Some(arrived);
                        return Err(CenterError::BrowserAnswer(refusal));
                    }
                    Ok(code) => {
                        arrival = Some(arrived);
                        break code;
                    }
                }
            };
            events(Event::Answered);
            let grant = Grant::Code { code: &code, verifier: &verifier, redirect_uri };
            let request = sign_in_api::token(&self.endpoints, client, &grant);
            let granted = self.grant(request, Replay::UnlessSent, events).await?;
            self.signed_in(client, granted).await
        };
        let ended = match tokio::time::timeout(time_max, attempt).await {
            Ok(ended) => ended,
            Err(_) => Err(CenterError::TimedOut { time_max }),
        };
        if let Some(arrival) = arrival {
            arrival.conclude(if ended.is_ok() { Outcome::SignedIn } else { Outcome::Failed }).await;
        }
        ended
    }

    /// Signs a person in by a code that they enter in a browser anywhere; in `browser`, if there is one here. It takes as
    /// long as the code lives.
    ///
    /// # Errors
    /// As [`IdentityCenter::sign_in`].
    pub async fn sign_in_by_device_code(
        &self,
        browser: Option<&dyn Browser>,
        events: EventSink<'_>,
    ) -> Result<(), CenterError> {
        let mut found = self.client(None, events).await?;
        let polling = match self.device_code(&found.client, events).await {
            Err(CenterError::Issuer { source, .. })
                if found.was_stored && sign_in_api::is_client_unknown(&source) =>
            {
                tracing::debug!("the service does not know the stored registration; registering again");
                self.forget_client(true).await;
                found = self.client(None, events).await?;
                self.device_code(&found.client, events).await?
            }
            answer => answer?,
        };
        let ended = self.poll(&found.client, polling, browser, events).await;
        if ended.is_err() && found.was_stored {
            self.forget_client(true).await;
        }
        ended
    }

    async fn device_code(&self, client: &Client, events: EventSink<'_>) -> Result<Polling, CenterError> {
        let endpoint = Endpoint::DeviceAuthorization;
        let request = sign_in_api::device_authorization(&self.endpoints, &self.config, client);
        let response = self.fetch(request, endpoint, Replay::Always, events).await?;
        sign_in_api::read_device_code(&response, self.context.clock.now())
            .map_err(|refused| CenterError::of_sign_in(endpoint, refused))
    }

    async fn poll(
        &self,
        client: &Client,
        mut polling: Polling,
        browser: Option<&dyn Browser>,
        events: EventSink<'_>,
    ) -> Result<(), CenterError> {
        events(Event::DeviceCode(&polling.prompt));
        if let (Some(browser), DevicePrompt { verification_uri_complete: Some(url), .. }) =
            (browser, &polling.prompt)
        {
            self.driver(events).open(Some(browser), &Secret::new(url.as_str())).await;
        }
        let mut wait = polling.wait(self.context.clock.now()).map_err(CenterError::Device)?;
        loop {
            tokio::time::sleep(wait).await;
            let grant = Grant::DeviceCode(&polling.device_code);
            let request = sign_in_api::token(&self.endpoints, client, &grant);
            let source = match self.grant(request, Replay::Always, events).await {
                Ok(granted) => return self.signed_in(client, granted).await,
                Err(CenterError::Issuer { source, .. }) => source,
                Err(error) => return Err(error),
            };
            match polling.judge(&source, self.context.clock.now()) {
                Polled::Wait(longer) => wait = longer,
                Polled::Over(error) => return Err(CenterError::Device(error)),
                Polled::Refused => return Err(CenterError::Issuer { endpoint: Endpoint::Token, source }),
            }
        }
    }

    /// Stores what a sign-in brought.
    async fn signed_in(&self, client: &Client, granted: Granted) -> Result<(), CenterError> {
        let now = self.context.clock.now();
        self.store(&TokenRecord {
            version: VERSION,
            generation: 0,
            access_token: granted.access_token,
            issued_at: now,
            expires_at: granted.expires_at,
            refresh_token: granted.refresh_token,
            client: client.clone(),
            signed_in_at: now,
        })
        .await
    }

    /// Finds a registration that fits, or makes one and keeps it.
    async fn client(&self, redirect_uri: Option<&str>, events: EventSink<'_>) -> Result<Found, CenterError> {
        let name = self.entries.client(redirect_uri.is_none());
        let now = self.context.clock.now();
        match self.records.read::<ClientRecord>(&name).await {
            Ok(Some(record))
                if record.client.works(now)
                    && record.scopes == self.config.scopes
                    && record.redirect_uri.as_deref() == redirect_uri =>
            {
                return Ok(Found { client: record.client, was_stored: true });
            }
            Ok(_) => {}
            Err(error) => {
                // A registration costs one question; it is no reason to give up.
                tracing::warn!(error = %CenterError::of_store(error), "the stored registration is left aside");
            }
        }
        let endpoint = Endpoint::Registration;
        let request = sign_in_api::registration(&self.endpoints, &self.config, redirect_uri);
        let response = self.fetch(request, endpoint, Replay::Always, events).await?;
        let client = sign_in_api::read_registration(&response, self.context.clock.now())
            .map_err(|refused| CenterError::of_sign_in(endpoint, refused))?;
        let record = ClientRecord {
            version: VERSION,
            generation: 0,
            client: client.clone(),
            scopes: self.config.scopes.clone(),
            redirect_uri: redirect_uri.map(str::to_owned),
        };
        if let Err(error) = self.records.write(&name, &record).await {
            tracing::warn!(error = %CenterError::of_store(error), "the registration could not be stored");
        }
        Ok(Found { client, was_stored: false })
    }

    async fn forget_client(&self, by_device_code: bool) {
        let name = self.entries.client(by_device_code);
        if let Err(error) = self.context.keychain.delete(&name).await {
            tracing::warn!(%error, "the stored registration could not be removed");
        }
    }
}

/// Returns a redirect address as it is registered: the service takes any port of a loopback address.
fn without_port(redirect_uri: &str) -> String {
    let Ok(mut url) = url::Url::parse(redirect_uri) else { return redirect_uri.to_owned() };
    if url.scheme() != "http" || url.set_port(None).is_err() {
        return redirect_uri.to_owned();
    }
    url.into()
}
