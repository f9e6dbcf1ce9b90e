//! Which proxy stands in between, and how to pass it.
//!
//! The texts are those of the usual variables (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`); reading them is the
//! caller's business. Requests to `https` hosts go through a tunnel (`CONNECT`), so the proxy sees names only;
//! requests to `http` hosts are forwarded (absolute form).

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::Uri;
use http::{HeaderMap, Request};
use percent_encoding::percent_decode_str;
use pintail_core::seam::{HttpError, HttpErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::{Origin, OutgoingBody, is_loopback};

/// The most that a proxy may say before the tunnel is open.
const TUNNEL_ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Which proxies to use. The default is none.
#[derive(Clone, Debug, Default)]
pub struct ProxyConfig {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// A proxy address that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proxy address is not of the form http://HOST:PORT")]
pub struct ProxyError {
    /// The scheme it was meant for, `http` or `https`.
    pub scheme: &'static str,
}

impl ProxyConfig {
    /// Reads the proxies for `http` and `https` requests and the comma-separated list of hosts to reach directly.
    ///
    /// An address is `[http://][USER:PASSWORD@]HOST[:PORT]`, empty for none. The list knows host names (which also
    /// mean the names below them), IP addresses, networks (`10.0.0.0/8`), each with an optional port, and `*`. This
    /// machine (loopback addresses, `localhost` and the names below it) and its link (`169.254.0.0/16`, `fe80::/10` and
    /// `fd00:ec2::/32`, where metadata services are) are always reached directly.
    ///
    /// # Errors
    /// When an address is of another form; `https` and SOCKS proxies are not supported. The address itself is not
    /// repeated, since it may hold a password.
    pub fn parse(
        http: Option<&str>,
        https: Option<&str>,
        no_proxy: Option<&str>,
    ) -> Result<Self, ProxyError> {
        let read = |text: Option<&str>, scheme| match text.map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => Proxy::parse(text).map(Some).ok_or(ProxyError { scheme }),
        };
        Ok(Self {
            http: read(http, "http")?,
            https: read(https, "https")?,
            exceptions: no_proxy
                .unwrap_or_default()
                .split(',')
                .filter_map(|text| Exception::parse(text.trim()))
                .collect(),
        })
    }

    /// Returns the proxy that stands before an origin. None stands before this machine and its link: what is meant to
    /// stay there would leave it, and a proxy's metadata service is another machine's.
    pub(super) fn of(&self, origin: &Origin) -> Option<&Proxy> {
        if is_loopback(&origin.host) || is_of_this_link(&origin.host) {
            return None;
        }
        let proxy = if origin.https { &self.https } else { &self.http }.as_ref()?;
        let direct = self.exceptions.iter().any(|exception| exception.matches(&origin.host, origin.port));
        (!direct).then_some(proxy)
    }

    /// Returns the proxy that must see requests in absolute form.
    pub(super) fn forwarding(&self, origin: &Origin) -> Option<&Proxy> {
        if origin.https { None } else { self.of(origin) }
    }
}

#[derive(Clone)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    fn parse(text: &str) -> Option<Self> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).ok().filter(|url| url.scheme() == "http")?;
        let authorization = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let mut plain: Vec<u8> = percent_decode_str(user).collect();
                plain.push(b':');
                plain.extend(percent_decode_str(password.unwrap_or_default()));
                let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(plain))).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let host = url.host_str()?.to_owned();
        Some(Self { host, port: url.port_or_known_default()?, authorization })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Gives a request the form in which a forwarding proxy wants it.
    pub(super) fn to_absolute_form(
        &self,
        origin: &Origin,
        request: &mut Request<OutgoingBody>,
    ) -> Result<(), HttpError> {
        let target = format!("http://{}{}", origin.authority(), request.uri());
        *request.uri_mut() =
            target.parse::<Uri>().map_err(|error| origin.error(HttpErrorKind::Proxy, error))?;
        self.authorize(request.headers_mut());
        Ok(())
    }

    fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(authorization) = &self.authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
    }

    /// Asks the proxy for a tunnel to an origin.
    pub(super) async fn tunnel(
        &self,
        mut stream: TcpStream,
        origin: &Origin,
    ) -> Result<TcpStream, HttpError> {
        // A proxy that is busy or gone for a moment is like a server that is; what it has decided stays decided.
        let lost =
            |error: io::Error| origin.error(HttpErrorKind::Connect, self.unreached(Some(error.into())));
        let decided = |why: String| origin.error(HttpErrorKind::Proxy, why);
        let target = format!("{}:{}", origin.host, origin.port);
        let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        let mut headers = HeaderMap::new();
        self.authorize(&mut headers);
        for (name, value) in &headers {
            write_header(&mut head, name, value);
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head).await.map_err(lost)?;

        // Byte by byte would be a system call each; anything after the head would be the server speaking first,
        // which TLS servers do not.
        let mut answer = Vec::with_capacity(256);
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            if answer.len() >= TUNNEL_ANSWER_BYTES_MAX {
                return Err(decided("the proxy's answer has no end".into()));
            }
            if stream.read_buf(&mut answer).await.map_err(lost)? == 0 {
                return Err(lost(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        match status_of(&answer) {
            Some(200..=299) => Ok(stream),
            Some(407) => Err(decided("the proxy wants a user name and password".into())),
            Some(status @ (500 | 502..=504)) => {
                Err(origin.error(HttpErrorKind::Connect, format!("the proxy answered with status {status}")))
            }
            Some(status) => Err(decided(format!("the proxy answered with status {status}"))),
            None => Err(decided("the proxy does not speak HTTP".into())),
        }
    }

    /// Makes the cause of a failure on the way to the proxy, so that nobody looks for it at the origin.
    pub(super) fn unreached(&self, source: Option<Box<dyn Error + Send + Sync>>) -> Unreached {
        Unreached { host: self.host.clone(), port: self.port, source }
    }
}

/// The connection to the proxy could not be made, or broke before the tunnel stood.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {host}:{port} was not reached")]
pub(super) struct Unreached {
    host: String,
    port: u16,
    source: Option<Box<dyn Error + Send + Sync>>,
}

fn write_header(head: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    head.extend_from_slice(name.as_str().as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value.as_bytes());
    head.extend_from_slice(b"\r\n");
}

/// Reads the status of an answer's head: `HTTP/1.x NNN …`.
fn status_of(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A host to reach without the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    host: ExceptedHost,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ExceptedHost {
    All,
    /// A name and all names below it, in lower case.
    Name(String),
    Network {
        address: IpAddr,
        prefix_bits: u8,
    },
}

impl Exception {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        // A network or a bare IPv6 address has no port: `::1` would look like one.
        if let Some(host) = network(text) {
            return Some(Self { host, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let host = match (bare, network(bare)) {
            ("*", _) => ExceptedHost::All,
            (_, Some(network)) => network,
            (name, None) => {
                ExceptedHost::Name(name.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase())
            }
        };
        Some(Self { host, port })
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        match &self.host {
            ExceptedHost::All => true,
            ExceptedHost::Name(name) => {
                let host = host.to_ascii_lowercase();
                host.strip_suffix(name.as_str()).is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            ExceptedHost::Network { address, prefix_bits } => {
                host.parse::<IpAddr>().is_ok_and(|ip| shares_prefix(ip, *address, *prefix_bits))
            }
        }
    }
}

/// Tells whether an address is of this machine's link, or of Amazon's services there.
fn is_of_this_link(host: &str) -> bool {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0x0ec2],
        Err(_) => false,
    }
}

fn network(text: &str) -> Option<ExceptedHost> {
    let (address, prefix_bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix_bits = prefix_bits.unwrap_or(whole);
    (prefix_bits <= whole).then_some(ExceptedHost::Network { address, prefix_bits })
}

fn shares_prefix(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let shift = |whole: u8| u32::from(whole - bits);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_chosen_by_scheme_and_exception() {
        let config = ProxyConfig::parse(
            Some("http://u%40x:p%3Aw@proxy.corp:3128"),
            Some("proxy.corp"),
            Some("localhost, .internal,10.0.0.0/8 ,exact.example:8443,::1,*.star.example"),
        )
        .unwrap();
        // (https, host, port, goes through the proxy)
        for (https, host, port, through) in [
            (true, "s3.amazonaws.com", 443, true),
            (false, "s3.amazonaws.com", 80, true),
            (true, "localhost", 443, false),
            (true, "notlocalhost", 443, true),
            (true, "a.b.internal", 443, false),
            (true, "internal", 443, false),
            (true, "INTERNAL", 443, false),
            (true, "10.1.2.3", 443, false),
            (true, "11.1.2.3", 443, true),
            (true, "exact.example", 8443, false),
            (true, "exact.example", 443, true),
            (true, "[::1]", 443, false),
            (true, "x.star.example", 443, false),
        ] {
            let origin = Origin::new(https, host, Some(port));
            assert_eq!(config.of(&origin).is_some(), through, "{host}:{port}");
        }
        assert_eq!(config.http.as_ref().unwrap().port(), 3128);
        assert_eq!(config.https.as_ref().unwrap().port(), 80);
        // "u@x:p:w"
        assert_eq!(config.http.unwrap().authorization.unwrap(), "Basic dUB4OnA6dw==");
        let all = ProxyConfig::parse(Some("proxy:1"), None, Some("*")).unwrap();
        assert!(all.of(&Origin::new(false, "any.example", None)).is_none());
    }

    #[test]
    fn no_proxy_stands_before_this_machine() {
        let config = ProxyConfig::parse(Some("proxy:1"), Some("proxy:1"), None).unwrap();
        for host in ["127.0.0.1", "127.1.2.3", "[::1]", "localhost", "LOCALHOST", "bucket.localhost"] {
            for https in [false, true] {
                let origin = Origin::new(https, host, Some(9000));
                assert!(config.of(&origin).is_none() && config.forwarding(&origin).is_none(), "{host}");
            }
        }
        assert!(config.of(&Origin::new(false, "10.0.0.1", None)).is_some());
    }

    #[test]
    fn no_proxy_stands_before_metadata_services() {
        let config = ProxyConfig::parse(Some("http://proxy:1"), Some("http://proxy:1"), None).unwrap();
        for (host, direct) in [
            ("169.254.169.254", true),
            ("169.254.170.2", true),
            ("[fd00:ec2::254]", true),
            ("[fd00:ec2::23]", true),
            ("[::ffff:169.254.169.254]", true),
            ("[fe80::1]", true),
            ("169.255.0.1", false),
            ("[fd00:ec3::254]", false),
            ("169.254.169.254.example", false),
        ] {
            for https in [false, true] {
                let origin = Origin::new(https, host, None);
                assert_eq!(config.of(&origin).is_none(), direct, "{host}");
            }
        }
    }

    #[test]
    fn an_address_of_another_kind_is_refused_without_repeating_it() {
        for bad in ["socks5://proxy:1080", "https://user:secret@proxy", "http://"] {
            let error = ProxyConfig::parse(None, Some(bad), None).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{bad}");
            assert_eq!(error.scheme, "https");
        }
        assert!(ProxyConfig::parse(Some(" "), None, None).is_ok());
        let config = ProxyConfig::parse(Some("http://user:hidden@proxy:1"), None, None).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn the_status_of_a_tunnel_is_read() {
        assert_eq!(status_of(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status_of(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        assert_eq!(status_of(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
    }
}
