//! The three listeners, and what every request passes through: naming, scripted faults, the service, the record.
//!
//! The first port is the issuer's and Graph's, the second that of AWS's signed services, the third leads to the
//! other ways in: Identity Center, the metadata services, the console's sign-in. A service sees an [`Inbound`] and gives a
//! response; everything that can break a connection happens here.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::{after, http_date};
use crate::faults::{Effect, Service};
use crate::params::Params;
use crate::recorder::Call;
use crate::s3::Front;
use crate::world::Core;
use crate::{analyzer, doors, issuer, locked, query};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, Broken>;

/// A body that ended before its time.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
pub(crate) struct Broken(#[source] BoxError);

impl Broken {
    pub(crate) fn new(source: impl Into<BoxError>) -> Broken {
        Broken(source.into())
    }
}

/// Forms and query-protocol calls are small; anything larger is not one.
const FORM_LIMIT_BYTES: usize = 1 << 20;

/// A body that is all there.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A request as a service sees it.
pub(crate) struct Inbound {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Empty for S3, which streams.
    pub(crate) body: Bytes,
    /// The service's time for this request, skew included.
    pub(crate) now: Timestamp,
    pub(crate) peer: IpAddr,
    pub(crate) request_id: String,
    caller: Mutex<Option<String>>,
}

impl Inbound {
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn query(&self) -> Params {
        Params::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    pub(crate) fn form(&self) -> Params {
        Params::parse(&self.body)
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.header("cookie")?.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The scheme and host the client used.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.header("host").unwrap_or("127.0.0.1"))
    }

    /// Tells the recorder who this was.
    pub(crate) fn name_caller(&self, caller: &str) {
        *locked(&self.caller) = Some(caller.to_owned());
    }
}

/// Which of the listeners a connection came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Port {
    Aws,
    Doors,
    Issuer,
}

/// Accepts connections until the task is ended; connections end with it.
pub(crate) async fn accept(listener: TcpListener, port: Port, core: Arc<Core>, front: Arc<Front>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else { continue };
                let (core, front) = (Arc::clone(&core), Arc::clone(&front));
                connections.spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let service = service_fn(move |request| {
                        answer(Arc::clone(&core), Arc::clone(&front), port, peer, request)
                    });
                    // A connection that breaks is the client's to notice: often it is the point of the test.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// The connection shall end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection cut by the script")]
struct Severed;

async fn answer(
    core: Arc<Core>,
    front: Arc<Front>,
    port: Port,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    if !is_local(request.headers()) {
        let mut refused = Response::new(full("this sandbox answers to loopback names only\n"));
        *refused.status_mut() = StatusCode::FORBIDDEN;
        return Ok(refused);
    }
    let (parts, body) = request.into_parts();
    let mut inbound = Inbound {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: Bytes::new(),
        now: core.clock.now(),
        peer: peer.ip(),
        request_id: core.ids.hex(8).to_ascii_uppercase(),
        caller: Mutex::new(None),
    };
    let mut body: Body = body.map_err(Broken::new).boxed_unsync();
    let (service, operation) = match port {
        Port::Issuer => {
            let (service, operation) = issuer::operation(&inbound.method, inbound.path());
            (service, operation.to_owned())
        }
        Port::Doors => doors::operation(&inbound),
        Port::Aws if query::is_query(&inbound) => {
            inbound.body = Limited::new(body, FORM_LIMIT_BYTES).collect().await?.to_bytes();
            body = full(inbound.body.clone());
            query::operation(&inbound)
        }
        Port::Aws if analyzer::is_meant(&inbound) => (Service::AccessAnalyzer, "ValidatePolicy".to_owned()),
        Port::Aws => (Service::S3, front.operation(&inbound)),
    };

    let effects = core.faults.strike(service, &operation, inbound.path());
    let mut call = Call {
        service,
        operation,
        method: inbound.method.to_string(),
        path: inbound.path().to_owned(),
        caller: None,
        region: query::signed_region(&inbound),
        user_agent: inbound.header("user-agent").map(str::to_owned),
        status: None,
        faulted: !effects.is_empty(),
        at: inbound.now,
    };
    let mut scripted = None;
    for effect in &effects {
        match effect {
            Effect::Delay(delay) => tokio::time::sleep(*delay).await,
            Effect::SkewClock(seconds) => inbound.now = after(inbound.now, *seconds),
            Effect::ExpireSessions => locked(&core.account).expire_sessions(inbound.now),
            Effect::ForgetSessions => locked(&core.account).sessions.clear(),
            Effect::FlipRequestByte(offset) => {
                body = Bent { inner: body, position: 0, bend: Bend::Flip(*offset) }.boxed_unsync();
            }
            Effect::DropRequest => {
                core.recorder.record(call);
                return Err(Severed.into());
            }
            Effect::Status { .. } => scripted = Some(effect),
            Effect::CutBody(_) | Effect::DropAnswer | Effect::FlipByte(_) | Effect::ReplaceBody(_) => {}
        }
    }

    let mut response = match scripted {
        Some(effect) => scripted_status(effect, service, &inbound),
        None if service == Service::S3 => front.answer(&core, &inbound, body).await,
        None => {
            inbound.body = Limited::new(body, FORM_LIMIT_BYTES).collect().await?.to_bytes();
            match service {
                Service::Iam | Service::Sts => query::answer(&core, &inbound, service, &call.operation).await,
                Service::AccessAnalyzer => analyzer::answer(&core, &inbound),
                Service::Issuer => issuer::answer(&core, &inbound, &call.operation),
                Service::Graph => issuer::answer_graph(&core, &inbound, &call.operation),
                _ => doors::answer(&core, &inbound, service, &call.operation),
            }
        }
    };
    if let Ok(date) = HeaderValue::from_str(&http_date(inbound.now)) {
        response.headers_mut().insert(header::DATE, date);
    }
    call.caller = locked(&inbound.caller).take();
    if effects.iter().any(|effect| matches!(effect, Effect::DropAnswer)) {
        core.recorder.record(call);
        return Err(Severed.into());
    }
    call.status = Some(response.status().as_u16());
    core.recorder.record(call);
    Ok(effects.into_iter().fold(response, bend_response))
}

/// Whether the `Host` header names this machine or one of AWS's hosts that a client was pointed here for.
/// A page on the web that re-binds its own name to loopback is neither.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || name.ends_with(".amazonaws.com")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn scripted_status(effect: &Effect, service: Service, inbound: &Inbound) -> Response<Body> {
    let response = match service {
        Service::Graph | Service::Issuer => issuer::scripted(effect, inbound, service),
        Service::Iam | Service::Sts => query::scripted(effect, inbound, service),
        Service::S3 => crate::s3::scripted(effect, inbound),
        Service::AccessAnalyzer => analyzer::scripted(effect),
        _ => doors::scripted(effect, service),
    };
    let mut response = response.unwrap_or_else(|| Response::new(full("")));
    if let Effect::Status { retry_after_s: Some(seconds), .. } = effect {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

fn bend_response(mut response: Response<Body>, effect: Effect) -> Response<Body> {
    let bend = match effect {
        Effect::CutBody(after) => Bend::Cut(after),
        Effect::FlipByte(offset) => Bend::Flip(offset),
        Effect::ReplaceBody(bytes) => {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            return response.map(|_| full(bytes));
        }
        _ => return response,
    };
    if let Some(length) = response.body().size_hint().exact()
        && !response.headers().contains_key(header::CONTENT_LENGTH)
    {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|inner| Bent { inner, position: 0, bend }.boxed_unsync())
}

/// What is done to a body as it flows.
#[derive(Clone, Copy, Debug)]
enum Bend {
    Cut(u64),
    Flip(u64),
}

/// A body with one defect.
struct Bent {
    inner: Body,
    position: u64,
    bend: Bend,
}

impl http_body::Body for Bent {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if matches!(self.bend, Bend::Cut(after) if self.position >= after) {
            return Poll::Ready(Some(Err(Broken::new(Severed))));
        }
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return other,
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return Poll::Ready(Some(Ok(frame))),
        };
        let start = self.position;
        self.position += data.len() as u64;
        let data = match self.bend {
            Bend::Cut(after) => {
                data.slice(..data.len().min(usize::try_from(after - start).unwrap_or(usize::MAX)))
            }
            Bend::Flip(offset) if (start..self.position).contains(&offset) => {
                let mut bytes = data.to_vec();
                bytes[usize::try_from(offset - start).unwrap_or_default()] ^= 0xff;
                Bytes::from(bytes)
            }
            Bend::Flip(_) => data,
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.bend {
            Bend::Cut(_) => SizeHint::new(),
            Bend::Flip(_) => self.inner.size_hint(),
        }
    }
}
