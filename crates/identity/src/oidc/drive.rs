//! The drivers: they perform the steps of [`flow`](super::flow) over the seams.
//!
//! A [`Driver`] owns what the machine leaves open: sending and sending again, waiting, time-outs, and telling the
//! person by [`Event`]s. It decides nothing about the protocol. Dropping a future ends everything it began; what was
//! learned about the issuer is written back only at the end, so a sign-in that was dropped has changed nothing.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::{AGE, DATE};
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::{Clock, HttpClient, HttpError, HttpErrorKind, HttpResponse, Random};
use pintail_core::secret::Secret;

use super::authority::Authority;
use super::authorize::{Scopes, SignInOptions};
use super::browser::{Browser, BrowserError};
use super::device::DevicePrompt;
use super::discovery::{Endpoint, Metadata};
use super::flow::{Fetch, Input, KnownIssuer, Now, Renewal, Replay, SignIn, SignInError, Step, Tokens};
use super::pkce::RequestId;
use super::redirect::{Arrival, Notice, Outcome, RedirectError, RedirectReceiver};
use super::token::{Client, http_date, passing_fault};

/// Something the person, or a log, may want to know.
#[derive(Debug)]
pub enum Event<'a> {
    /// The browser's answer is here; the tokens are asked for now.
    Answered,
    /// The answer is awaited for this long at most.
    AwaitingAnswer {
        /// How long.
        time_max: Duration,
    },
    /// The browser did not open: the person has to open the address themselves.
    BrowserFailed(&'a BrowserError),
    /// A code has to be entered elsewhere. Show [`device::WARNING`](super::DEVICE_WARNING) with it.
    DeviceCode(&'a DevicePrompt),
    /// Something arrived that is not the answer.
    Ignored(Notice),
    /// The browser is being opened; the address is for those whose browser does not.
    OpeningBrowser {
        /// The address. Show it to the person, do not log it.
        url: &'a Secret,
    },
    /// A request failed in passing and will be sent again.
    Retrying {
        /// Whom it goes to.
        endpoint: Endpoint,
        /// How often it failed so far.
        failed: u32,
        /// When it is sent again.
        wait: Duration,
    },
    /// It begins, under this name in the issuer's logs.
    Started {
        /// The name.
        request_id: &'a RequestId,
    },
}

/// What a sign-in waited for when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The browser's answer.
    Answer,
    /// The issuer.
    Issuer,
}

/// Why a driver gave up.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// No answer came over the network.
    #[error("the {endpoint} could not be reached")]
    Http {
        /// Whom was asked.
        endpoint: Endpoint,
        /// Why.
        source: HttpError,
    },
    /// The browser's answer could not be waited for.
    #[error("the browser's answer could not be received")]
    Redirect(#[from] RedirectError),
    /// The sign-in failed.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The time is over.
    #[error("the sign-in was not finished within {} s", time_max.as_secs())]
    TimedOut {
        /// How long it was given.
        time_max: Duration,
        /// What it waited for.
        awaited: Awaited,
        /// The AADSTS numbers that Entra shows in the browser only, when the answer was awaited there.
        page_only: &'static [u32],
    },
}

impl DriveError {
    /// Tells what would have to change before this can succeed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Http { source, .. } => source.retry(),
            Self::Redirect(_) => Retry::Never,
            Self::SignIn(error) => error.retry(),
            Self::TimedOut { .. } => Retry::AfterSignIn,
        }
    }
}

/// Performs sign-ins over the seams.
#[derive(Clone, Copy)]
pub struct Driver<'a> {
    /// The network.
    pub http: &'a dyn HttpClient,
    /// The time; it learns from the `Date` of answers that the issuer itself has just made.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub random: &'a dyn Random,
    /// Who is told what happens.
    pub events: &'a (dyn Fn(Event<'_>) + Send + Sync),
    /// How patiently requests are repeated.
    pub schedule: Schedule,
    /// How long a sign-in in the browser may take.
    pub time_max: Duration,
}

impl fmt::Debug for Driver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("schedule", &self.schedule)
            .field("time_max", &self.time_max)
            .finish_non_exhaustive()
    }
}

/// AADSTS numbers of faults that Microsoft shows in the browser and never sends back: after them, a sign-in that waits for its
/// answer waits in vain. A time-out has to name them.
pub const PAGE_ONLY: &[u32] = &[50011, 700016, 90002, 50194, 50105, 50020];

/// How long a person has in the browser: a second factor and a slow phone fit in.
pub const TIME_MAX: Duration = Duration::from_secs(300);

impl<'a> Driver<'a> {
    /// Makes a driver with the usual patience.
    pub fn new(
        http: &'a dyn HttpClient,
        clock: &'a dyn Clock,
        random: &'a dyn Random,
        events: &'a (dyn Fn(Event<'_>) + Send + Sync),
    ) -> Self {
        Self { http, clock, random, events, schedule: Schedule::INTERACTIVE, time_max: TIME_MAX }
    }

    /// Signs a person in with a browser whose answer `redirect` receives.
    pub async fn sign_in(
        &self,
        client: &Client,
        options: &SignInOptions,
        redirect: &mut dyn RedirectReceiver,
        browser: &dyn Browser,
        known: &mut KnownIssuer,
    ) -> Result<Tokens, DriveError> {
        let uri = redirect.redirect_uri().to_owned();
        let (sign_in, step) =
            SignIn::with_browser(client.clone(), options.clone(), &uri, known.clone(), self.now());
        if let Some(expected) = sign_in.expected() {
            // From here on the answer has a place to go to; the browser opens later.
            redirect.listen(expected)?;
        }
        let surroundings = Surroundings { redirect: Some(redirect), browser: Some(browser), arrival: None };
        let mut run = Run { sign_in, surroundings };
        let ended = match tokio::time::timeout(self.time_max, self.run(&mut run, step)).await {
            Ok(ended) => ended,
            Err(_) => Err(self.timed_out(client, &run)),
        };
        self.end(run, ended, known).await
    }

    /// Signs a person in with a browser on another machine. It takes as long as the issuer's code lives.
    pub async fn sign_in_by_device_code(
        &self,
        client: &Client,
        scopes: &Scopes,
        known: &mut KnownIssuer,
    ) -> Result<Tokens, DriveError> {
        let (sign_in, step) =
            SignIn::with_device_code(client.clone(), scopes.clone(), known.clone(), self.now());
        let mut run = Run { sign_in, surroundings: Surroundings::default() };
        let ended = self.run(&mut run, step).await;
        self.end(run, ended, known).await
    }

    /// Renews a sign-in without the person.
    pub async fn renew(
        &self,
        client: &Client,
        renewal: &Renewal,
        known: &mut KnownIssuer,
    ) -> Result<Tokens, DriveError> {
        let (sign_in, step) = SignIn::renewing(client.clone(), renewal.clone(), known.clone(), self.now());
        let mut run = Run { sign_in, surroundings: Surroundings::default() };
        let ended = self.run(&mut run, step).await;
        self.end(run, ended, known).await
    }

    /// Returns what an issuer says about itself, for a sign-out address or a diagnosis.
    pub async fn discover<'k>(
        &self,
        authority: &Authority,
        known: &'k mut KnownIssuer,
    ) -> Result<&'k Metadata, DriveError> {
        let mut fresh = known.clone().fresh(authority, self.clock.now());
        if fresh.metadata().is_none() {
            let response = self.fetch(KnownIssuer::question(authority)).await?;
            fresh.learn(authority, &response, self.clock.now())?;
        }
        *known = fresh;
        Ok(known.metadata().expect("it was there or was learned just now"))
    }

    fn timed_out(&self, client: &Client, run: &Run<'_>) -> DriveError {
        let awaited = if run.surroundings.arrival.is_some() { Awaited::Issuer } else { Awaited::Answer };
        let in_browser = awaited == Awaited::Answer && client.authority.tenant().is_some();
        let page_only = if in_browser { PAGE_ONLY } else { &[] };
        DriveError::TimedOut { time_max: self.time_max, awaited, page_only }
    }

    fn now(&self) -> Now<'a> {
        Now { time: self.clock.now(), random: self.random }
    }

    /// Performs steps until tokens or an error come out.
    async fn run(&self, run: &mut Run<'_>, first: Result<Step, SignInError>) -> Result<Tokens, DriveError> {
        (self.events)(Event::Started { request_id: run.sign_in.request_id() });
        let mut step = first?;
        loop {
            let input = match step {
                Step::Done(tokens) => return Ok(*tokens),
                Step::Fetch(fetch) => Input::Response(self.fetch(fetch).await?),
                Step::OpenBrowser { url } => self.open(run.surroundings.browser, &url).await,
                Step::AwaitRedirect => self.await_answer(&mut run.surroundings).await?,
                Step::ShowDeviceCode(prompt) => {
                    (self.events)(Event::DeviceCode(&prompt));
                    Input::Shown
                }
                Step::Wait(wait) => {
                    tokio::time::sleep(wait).await;
                    Input::Waited
                }
            };
            step = run.sign_in.handle(input, self.now())?;
        }
    }

    /// Tells the browser how it ended and keeps what was learned.
    async fn end(
        &self,
        run: Run<'_>,
        ended: Result<Tokens, DriveError>,
        known: &mut KnownIssuer,
    ) -> Result<Tokens, DriveError> {
        *known = run.sign_in.into_known();
        if let Some(arrival) = run.surroundings.arrival {
            let outcome = if ended.is_ok() { Outcome::SignedIn } else { Outcome::Failed };
            arrival.conclude(outcome).await;
        }
        ended
    }

    pub(crate) async fn open(&self, browser: Option<&dyn Browser>, url: &Secret) -> Input {
        (self.events)(Event::OpeningBrowser { url });
        if let Some(browser) = browser
            && let Err(error) = browser.open(url).await
        {
            (self.events)(Event::BrowserFailed(&error));
        }
        Input::Shown
    }

    async fn await_answer(&self, surroundings: &mut Surroundings<'_>) -> Result<Input, DriveError> {
        let Some(redirect) = surroundings.redirect.as_mut() else {
            return Err(SignInError::OutOfOrder.into());
        };
        (self.events)(Event::AwaitingAnswer { time_max: self.time_max });
        let events = self.events;
        let arrival = redirect.receive(&move |notice| events(Event::Ignored(notice))).await?;
        (self.events)(Event::Answered);
        let address = arrival.address.clone();
        surroundings.arrival = Some(arrival);
        Ok(Input::Redirect(address))
    }

    /// Sends a request until it is answered for good or patience ends.
    pub(crate) async fn fetch(&self, fetch: Fetch) -> Result<HttpResponse, DriveError> {
        let Fetch { request, endpoint, replay } = fetch;
        let mut failed = 0;
        loop {
            let answer = self.http.send(request.clone()).await;
            let verdict = match &answer {
                Ok(response) => {
                    self.learn_time(endpoint, response);
                    passing_fault(response, self.clock.now())
                        .filter(|_| replay == Replay::Always || surely_not_done(response))
                }
                Err(error) if replay == Replay::Always || not_sent(error) => Some(error.retry()),
                Err(_) => None,
            };
            failed += 1;
            let wait = verdict.and_then(|verdict| self.schedule.delay(verdict, failed, self.random));
            let Some(wait) = wait else {
                return answer.map_err(|source| DriveError::Http { endpoint, source });
            };
            (self.events)(Event::Retrying { endpoint, failed, wait });
            tokio::time::sleep(wait).await;
        }
    }

    /// Learns the time from an answer made just now. Key sets lie in caches for hours and bear the `Date` of the
    /// original; so may a discovery document, whose cache tells by its `Age`.
    fn learn_time(&self, endpoint: Endpoint, response: &HttpResponse) {
        let asked_itself = matches!(
            endpoint,
            Endpoint::AccessPortal
                | Endpoint::DeviceAuthorization
                | Endpoint::Discovery
                | Endpoint::Registration
                | Endpoint::Token
        );
        if !asked_itself || response.headers.contains_key(AGE) {
            return;
        }
        let date = response.headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(http_date);
        if let Some(server_now) = date {
            self.clock.observe(server_now);
        }
    }
}

/// A sign-in and what it is performed with.
struct Run<'a> {
    sign_in: SignIn,
    surroundings: Surroundings<'a>,
}

#[derive(Default)]
struct Surroundings<'a> {
    redirect: Option<&'a mut dyn RedirectReceiver>,
    browser: Option<&'a dyn Browser>,
    arrival: Option<Arrival>,
}

/// Tells whether a request surely did not reach the other side.
fn not_sent(error: &HttpError) -> bool {
    matches!(error.kind, HttpErrorKind::Resolve | HttpErrorKind::Connect)
}

/// Tells whether an answer says that the request was turned away at the door. After other faults the issuer behind a
/// gateway may have carried it out.
fn surely_not_done(response: &HttpResponse) -> bool {
    matches!(response.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

#[cfg(test)]
mod tests;
