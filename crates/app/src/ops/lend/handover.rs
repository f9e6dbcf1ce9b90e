//! Handing a secret address to the browser without showing it to the machine.
//!
//! The address that a browser is started with stands in the list of processes, where every user of a machine can read it. So the
//! browser is started with an address of this machine that works once, and is sent on from there.
//!
//! Who reads that address there and asks before the browser does is sent on in its place: then the browser is told that there is
//! nothing, which is how one notices. Who asked cannot be told for certain; where others work on the machine, `--print` is safer.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use pintail_core::seam::Random;
use pintail_core::secret::Secret;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::endpoint::{accept, converse, is_own_name};
use super::{LendError, token};

/// How long a browser may take to start and ask.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// An address of this machine that leads to a secret one, once.
#[derive(Debug)]
pub(super) struct Handover {
    listener: TcpListener,
    step: Arc<Step>,
    url: Secret,
}

#[derive(Debug)]
struct Step {
    port: u16,
    path: Secret,
    /// Gone once it was given.
    target: Mutex<Option<Secret>>,
    given: Notify,
}

impl Handover {
    /// Listens on a free port of 127.0.0.1.
    pub(super) async fn to(target: Secret, random: &dyn Random) -> Result<Self, LendError> {
        let failed = |source| LendError::Bind { port: 0, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let path = Secret::new(format!("/{}", token::draw(random).expose()));
        let url = Secret::new(format!("http://127.0.0.1:{port}{}", path.expose()));
        let step = Step { port, path, target: Mutex::new(Some(target)), given: Notify::new() };
        Ok(Self { listener, step: Arc::new(step), url })
    }

    /// Returns the address to start the browser with.
    pub(super) fn url(&self) -> &Secret {
        &self.url
    }

    /// Waits until a browser was sent on. Nobody is answered before that.
    pub(super) async fn give(self) -> Result<(), LendError> {
        let serving = accept(&self.listener, |stream| {
            let step = Arc::clone(&self.step);
            async move {
                converse(stream, |request| {
                    let own = is_own_name(request.headers(), step.port);
                    let right =
                        own && request.method() == Method::GET && step.path.matches(request.uri().path());
                    std::future::ready(step.answer(right))
                })
                .await;
                // Only now: the answer has left.
                if step.is_over() {
                    step.given.notify_one();
                }
            }
        });
        tokio::select! {
            never = serving => match never {},
            () = self.step.given.notified() => Ok(()),
            () = tokio::time::sleep(PATIENCE) => Err(LendError::BrowserSilent(PATIENCE.as_secs())),
        }
    }
}

impl Step {
    fn target(&self) -> std::sync::MutexGuard<'_, Option<Secret>> {
        self.target.lock().expect("no holder of this lock panics")
    }

    fn is_over(&self) -> bool {
        self.target().is_none()
    }

    fn answer(&self, right: bool) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(b"There is nothing here.\n")));
        *response.status_mut() = StatusCode::NOT_FOUND;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(
            HeaderName::from_static("content-security-policy"),
            HeaderValue::from_static("default-src 'none'"),
        );
        let target = if right { self.target().take() } else { None };
        if let Some(target) = target.and_then(|target| HeaderValue::from_str(target.expose()).ok()) {
            response.headers_mut().insert(LOCATION, target);
            *response.status_mut() = StatusCode::SEE_OTHER;
            *response.body_mut() = Full::new(Bytes::new());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use pintail_core::seam::SeededRandom;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn ask(port: u16, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_right_address_leads_on_once_and_others_nowhere() {
        let target = Secret::new("https://signin.example/federation?SigninToken=hidden");
        let handover = Handover::to(target, &SeededRandom::new(5)).await.unwrap();
        let (port, path) = (handover.step.port, handover.step.path.clone());
        assert!(handover.url().expose().ends_with(path.expose()));
        let own = format!("127.0.0.1:{port}");
        let visits = async {
            let wrong = ask(port, "/", &own).await;
            assert!(wrong.starts_with("HTTP/1.1 404"), "{wrong}");
            let elsewhere = ask(port, path.expose(), "rebound.example").await;
            assert!(elsewhere.starts_with("HTTP/1.1 404"), "{elsewhere}");
            ask(port, path.expose(), &own).await
        };
        let (given, right) = tokio::join!(handover.give(), visits);
        given.unwrap();
        assert!(right.starts_with("HTTP/1.1 303"), "{right}");
        assert!(right.contains("location: https://signin.example/federation?SigninToken=hidden"), "{right}");
        assert!(right.contains("no-referrer") && right.contains("no-store"), "{right}");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err(), "the door is closed");
    }
}
