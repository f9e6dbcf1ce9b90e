//! The sign-in as a machine: given what happened, here is what to do next.
//!
//! ```text
//!             Response, Shown, Redirect, Waited
//!                          │
//!              ┌───────────▼───────────┐
//!   now, chance│        SignIn         │  browser:  discovery ► open ► redirect ► code for tokens ┐
//!              │  (no socket, no wait) │  device:   discovery ► device code ► show ► poll ────────┼► keys ► check ► Done
//!              └───────────┬───────────┘  renewal:  discovery ► refresh token for tokens ─────────┘
//!                          │
//!      Fetch, OpenBrowser, AwaitRedirect, ShowDeviceCode, Wait, Done
//! ```
//!
//! Pure: time and chance are handed in with each call. Whoever performs the steps ([`drive`](super::drive)) decides
//! about retries, time-outs and how the person is told. What is learned about the issuer is kept in a
//! [`KnownIssuer`], so that a renewal an hour later asks only for tokens.

mod error;
mod known;

use std::fmt;
use std::mem;
use std::time::Duration;

use jiff::Timestamp;
use pintail_core::seam::{HttpRequest, HttpResponse, Random};
use pintail_core::secret::Secret;

use super::authorize::{Attempt, Scopes, SignInOptions, authorize_url};
use super::claims::Claims;
use super::device::{DeviceError, DevicePrompt, Polled, Polling};
use super::discovery::{DiscoveryError, Endpoint};
use super::jwks::{KeyNeed, KeySet};
use super::pkce::{RequestId, Verifier, random_text};
use super::redirect::{Answer, AnswerRefusal, Expected, FOREIGN_ANSWERS_MAX};
use super::token::{Client, Grant, Refused, Sender, TokenAnswer, read_document, read_token_answer};
use super::token_check::{Expectation, Identity, Nonce, Unchecked};
pub use error::SignInError;
use error::refused_by;
pub use known::KnownIssuer;
use known::{get, success};

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Wait for the browser's answer; then [`Input::Redirect`].
    AwaitRedirect,
    /// It is done.
    Done(Box<Tokens>),
    /// Send a request; then [`Input::Response`].
    Fetch(Fetch),
    /// Open this address in the browser; then [`Input::Shown`].
    OpenBrowser {
        /// The address. To be shown to the person, not to be logged.
        url: Secret,
    },
    /// Show the person a code; then [`Input::Shown`].
    ShowDeviceCode(DevicePrompt),
    /// Wait this long; then [`Input::Waited`].
    Wait(Duration),
}

/// A request to send.
#[derive(Debug)]
pub struct Fetch {
    /// The request.
    pub request: HttpRequest,
    /// Whom it goes to.
    pub endpoint: Endpoint,
    /// When it may be sent again.
    pub replay: Replay,
}

/// When a request may be sent again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// After any failure that may pass.
    Always,
    /// Only if it surely was not carried out: it holds a code that works once.
    UnlessSent,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// An address came back from the browser.
    Redirect(Secret),
    /// A request was answered.
    Response(HttpResponse),
    /// The browser was opened, or the code was shown.
    Shown,
    /// The time is over.
    Waited,
}

/// What a sign-in gives, checked.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The ID token, for STS.
    pub id_token: Secret,
    /// What it says.
    pub claims: Claims,
    /// The access token, for the one service whose scopes were asked for. STS never sees it.
    pub access_token: Option<Secret>,
    /// The refresh token to use next, if the issuer gives any: it replaces every older one.
    pub refresh_token: Option<Secret>,
    /// The nonce of the first sign-in, for [`Renewal::nonce`].
    pub nonce: Option<Secret>,
}

impl Tokens {
    /// Returns who signed in, for [`Renewal::identity`].
    pub fn identity(&self) -> Identity {
        Identity { issuer: self.claims.issuer.clone(), subject: self.claims.subject.expose().to_owned() }
    }
}

/// What a renewal needs.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// The newest refresh token.
    pub refresh_token: Secret,
    /// The scopes of the first sign-in.
    pub scopes: Scopes,
    /// Who signed in first: a renewal never changes that.
    pub identity: Identity,
    /// The nonce of the first sign-in, if it is still known.
    pub nonce: Option<Secret>,
}

/// One sign-in, from its first step to its tokens or its error. It is of no use after either.
pub struct SignIn {
    client: Client,
    purpose: Purpose,
    known: KnownIssuer,
    request_id: RequestId,
    state: State,
}

enum Purpose {
    Browser(Box<BrowserAttempt>),
    DeviceCode(Scopes),
    Renewal(Box<Renewal>),
}

struct BrowserAttempt {
    options: SignInOptions,
    redirect_uri: String,
    expected: Expected,
    nonce: Secret,
    verifier: Verifier,
}

enum State {
    AwaitingRedirect { foreign: u32 },
    Discovering,
    FetchingKeys(TokenAnswer),
    Finished,
    OpeningBrowser,
    Polling(Polling),
    Redeeming,
    RequestingDeviceCode,
    ShowingDeviceCode(Polling),
    WaitingToPoll(Polling),
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let purpose = match self.purpose {
            Purpose::Browser(_) => "browser",
            Purpose::DeviceCode(_) => "device code",
            Purpose::Renewal(_) => "renewal",
        };
        f.debug_struct("SignIn")
            .field("purpose", &purpose)
            .field("client", &self.client)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// Time and chance, as they are for one call.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The time.
    pub time: Timestamp,
    /// Chance.
    pub random: &'a dyn Random,
}

impl SignIn {
    /// Starts a sign-in with a browser whose answer comes back to `redirect_uri`.
    pub fn with_browser(
        client: Client,
        options: SignInOptions,
        redirect_uri: &str,
        known: KnownIssuer,
        now: Now<'_>,
    ) -> (Self, Result<Step, SignInError>) {
        let attempt = BrowserAttempt {
            options,
            redirect_uri: redirect_uri.to_owned(),
            expected: Expected::new(random_text(now.random)),
            nonce: random_text(now.random),
            verifier: Verifier::new(now.random),
        };
        Self::start(client, Purpose::Browser(Box::new(attempt)), known, now)
    }

    /// Starts a sign-in with a browser on another machine.
    pub fn with_device_code(
        client: Client,
        scopes: Scopes,
        known: KnownIssuer,
        now: Now<'_>,
    ) -> (Self, Result<Step, SignInError>) {
        Self::start(client, Purpose::DeviceCode(scopes), known, now)
    }

    /// Starts to renew an earlier sign-in without the person.
    pub fn renewing(
        client: Client,
        renewal: Renewal,
        known: KnownIssuer,
        now: Now<'_>,
    ) -> (Self, Result<Step, SignInError>) {
        Self::start(client, Purpose::Renewal(Box::new(renewal)), known, now)
    }

    /// Returns what the browser's answer is known by; `None` when there is no browser.
    pub fn expected(&self) -> Option<&Expected> {
        match &self.purpose {
            Purpose::Browser(attempt) => Some(&attempt.expected),
            _ => None,
        }
    }

    /// Returns the name of this attempt in the issuer's logs.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Returns what was learned about the issuer, for the next sign-in. Useful after an error too.
    pub fn into_known(self) -> KnownIssuer {
        self.known
    }

    /// Takes in what happened and returns what to do next.
    pub fn handle(&mut self, input: Input, now: Now<'_>) -> Result<Step, SignInError> {
        match (mem::replace(&mut self.state, State::Finished), input) {
            (State::Discovering, Input::Response(response)) => {
                self.known.learn(&self.client.authority, &response, now.time)?;
                self.begin(now)
            }
            (State::OpeningBrowser, Input::Shown) => {
                self.go(State::AwaitingRedirect { foreign: 0 }, Step::AwaitRedirect)
            }
            (State::AwaitingRedirect { foreign }, Input::Redirect(address)) => {
                self.redeem_code(&address, foreign, now)
            }
            (State::RequestingDeviceCode, Input::Response(response)) => {
                let document = read_document(&response).map_err(refused_by(Endpoint::DeviceAuthorization))?;
                let polling = Polling::parse(&document, now.time)?;
                let prompt = polling.prompt.clone();
                self.go(State::ShowingDeviceCode(polling), Step::ShowDeviceCode(prompt))
            }
            (State::ShowingDeviceCode(polling), Input::Shown) => {
                let wait = polling.wait(now.time)?;
                self.go(State::WaitingToPoll(polling), Step::Wait(wait))
            }
            (State::WaitingToPoll(polling), Input::Waited) => {
                let request = self.sender(now)?.token_request(&Grant::DeviceCode(&polling.device_code));
                self.go(State::Polling(polling), fetch(request, Endpoint::Token, Replay::Always))
            }
            (State::Polling(polling), Input::Response(response)) => self.polled(polling, &response, now),
            (State::Redeeming, Input::Response(response)) => {
                let answer = read_token_answer(&response).map_err(refused_by(Endpoint::Token))?;
                self.check(answer, false, now)
            }
            (State::FetchingKeys(answer), Input::Response(response)) => {
                let keys = KeySet::parse(success(Endpoint::Keys, &response)?)?;
                self.known.keys.store(keys, now.time);
                self.check(answer, true, now)
            }
            _ => Err(SignInError::OutOfOrder),
        }
    }

    fn start(
        client: Client,
        purpose: Purpose,
        known: KnownIssuer,
        now: Now<'_>,
    ) -> (Self, Result<Step, SignInError>) {
        let known = known.fresh(&client.authority, now.time);
        let request_id = RequestId::new(now.random);
        let mut sign_in = Self { client, purpose, known, request_id, state: State::Finished };
        let step = if sign_in.known.discovered.is_some() {
            sign_in.begin(now)
        } else {
            let question = KnownIssuer::question(&sign_in.client.authority);
            sign_in.go(State::Discovering, Step::Fetch(question))
        };
        (sign_in, step)
    }

    fn go(&mut self, state: State, step: Step) -> Result<Step, SignInError> {
        self.state = state;
        Ok(step)
    }

    /// The first step of each purpose, once the issuer is known.
    fn begin(&mut self, now: Now<'_>) -> Result<Step, SignInError> {
        let sender = self.sender(now)?;
        match &self.purpose {
            Purpose::Browser(attempt) => {
                let endpoint = sender.metadata.authorization_endpoint.as_ref();
                let endpoint = endpoint.ok_or(DiscoveryError::Missing { entry: "authorization_endpoint" })?;
                let values = Attempt {
                    redirect_uri: &attempt.redirect_uri,
                    state: attempt.expected.state(),
                    nonce: &attempt.nonce,
                    verifier: &attempt.verifier,
                };
                let url = authorize_url(endpoint, &self.client.client_id, &attempt.options, &values);
                self.go(State::OpeningBrowser, Step::OpenBrowser { url: Secret::new(url) })
            }
            Purpose::DeviceCode(scopes) => {
                let endpoint = sender.metadata.device_authorization_endpoint.clone();
                let endpoint = endpoint.ok_or(DeviceError::NotOffered)?;
                let request = sender.post(endpoint, vec![("scope", &scopes.to_string())]);
                let step = fetch(request, Endpoint::DeviceAuthorization, Replay::Always);
                self.go(State::RequestingDeviceCode, step)
            }
            Purpose::Renewal(renewal) => {
                let grant = Grant::RefreshToken { token: &renewal.refresh_token, scopes: &renewal.scopes };
                let request = sender.token_request(&grant);
                // An answer that was lost may have replaced the token. Asking again soon is the best chance there
                // is: the old token is all we have, and issuers that rotate forgive a second use for some seconds.
                self.go(State::Redeeming, fetch(request, Endpoint::Token, Replay::Always))
            }
        }
    }

    fn redeem_code(&mut self, address: &Secret, foreign: u32, now: Now<'_>) -> Result<Step, SignInError> {
        let Purpose::Browser(attempt) = &self.purpose else { return Err(SignInError::OutOfOrder) };
        let sender = self.sender(now)?;
        let code = Answer::parse(address.expose()).and_then(|answer| {
            answer.accept(&attempt.expected, &sender.metadata.issuer, sender.metadata.answers_name_issuer)
        });
        match code {
            Ok(code) => {
                let grant = Grant::Code {
                    code: &code,
                    verifier: &attempt.verifier,
                    redirect_uri: &attempt.redirect_uri,
                    scopes: &attempt.options.scopes,
                };
                let request = sender.token_request(&grant);
                self.go(State::Redeeming, fetch(request, Endpoint::Token, Replay::UnlessSent))
            }
            Err(AnswerRefusal::Refused(source)) => {
                Err(SignInError::Issuer { endpoint: Endpoint::Authorization, source })
            }
            // Anyone can send one of these. It must not end the wait of the person whose sign-in this is.
            Err(
                AnswerRefusal::StateWrong
                | AnswerRefusal::NoAnswer
                | AnswerRefusal::Twice { .. }
                | AnswerRefusal::TooLong { .. },
            ) => {
                let foreign = foreign + 1;
                if foreign >= FOREIGN_ANSWERS_MAX {
                    return Err(SignInError::TooManyForeign { count: foreign });
                }
                self.go(State::AwaitingRedirect { foreign }, Step::AwaitRedirect)
            }
            Err(refusal) => Err(SignInError::Answer(refusal)),
        }
    }

    fn polled(
        &mut self,
        mut polling: Polling,
        response: &HttpResponse,
        now: Now<'_>,
    ) -> Result<Step, SignInError> {
        match read_token_answer(response) {
            Ok(answer) => self.check(answer, false, now),
            Err(Refused::Issuer(error)) => match polling.judge(&error, now.time) {
                Polled::Wait(wait) => self.go(State::WaitingToPoll(polling), Step::Wait(wait)),
                Polled::Over(over) => Err(over.into()),
                Polled::Refused => Err(SignInError::Issuer { endpoint: Endpoint::Token, source: error }),
            },
            Err(unreadable) => Err(refused_by(Endpoint::Token)(unreadable)),
        }
    }

    /// Checks the ID token, after fetching the keys if that is needed; `fetched` says that it just happened.
    fn check(&mut self, answer: TokenAnswer, fetched: bool, now: Now<'_>) -> Result<Step, SignInError> {
        let metadata = self.known.metadata().ok_or(SignInError::OutOfOrder)?;
        let renewal = matches!(self.purpose, Purpose::Renewal(_));
        let id_token = answer.id_token.as_ref().ok_or(SignInError::NoIdToken { renewal })?;
        let unchecked = Unchecked::parse(id_token.expose())?;
        if !fetched && self.known.keys.need(unchecked.kid(), now.time) == KeyNeed::Fetch {
            let request = get(metadata.jwks_uri.clone());
            return self.go(State::FetchingKeys(answer), fetch(request, Endpoint::Keys, Replay::Always));
        }
        let (nonce, identity, known_nonce, old_refresh_token) = match &self.purpose {
            Purpose::Browser(attempt) => {
                (Nonce::Required(&attempt.nonce), None, Some(attempt.nonce.clone()), None)
            }
            Purpose::DeviceCode(_) => (Nonce::Unknown, None, None, None),
            Purpose::Renewal(renewal) => (
                renewal.nonce.as_ref().map_or(Nonce::Unknown, Nonce::IfPresent),
                Some(&renewal.identity),
                renewal.nonce.clone(),
                Some(renewal.refresh_token.clone()),
            ),
        };
        let expectation = Expectation {
            issuer: &metadata.issuer,
            client_id: &self.client.client_id,
            nonce,
            identity,
            access_token: answer.access_token.as_ref(),
        };
        let claims = unchecked.check(self.known.keys.keys(), &expectation, now.time)?;
        Ok(Step::Done(Box::new(Tokens {
            id_token: id_token.clone(),
            claims,
            access_token: answer.access_token,
            // RFC 6749 section 6: an issuer that sends no new refresh token lets the old one live on.
            refresh_token: answer.refresh_token.or(old_refresh_token),
            nonce: known_nonce,
        })))
    }

    fn sender<'a>(&'a self, now: Now<'a>) -> Result<Sender<'a>, SignInError> {
        let metadata = self.known.metadata().ok_or(SignInError::OutOfOrder)?;
        Ok(Sender {
            client: &self.client,
            metadata,
            request_id: &self.request_id,
            random: now.random,
            now: now.time,
        })
    }
}

fn fetch(request: HttpRequest, endpoint: Endpoint, replay: Replay) -> Step {
    Step::Fetch(Fetch { request, endpoint, replay })
}

#[cfg(test)]
mod tests;
