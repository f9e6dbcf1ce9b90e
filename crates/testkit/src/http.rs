//! A plain HTTP/1.1 client for loopback addresses: one connection per request, blocking, no TLS.
//!
//! It exists so that a test can speak to a server without the code it is testing. Addresses outside loopback are
//! refused by a panic: a test must not reach the network.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use url::Url;

/// How long a server may stay silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, chunks put together.
    pub body: Vec<u8>,
}

impl Response {
    /// First header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Body as text, wrong bytes replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Body as JSON.
    ///
    /// # Panics
    /// Where it is something else.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}), status {}: {}", self.status, self.text()))
    }
}

/// Asks for a page.
///
/// # Errors
/// Says what went wrong on the wire.
///
/// # Panics
/// Where the address is not on loopback.
pub fn get(url: &Url, headers: &[(&str, &str)]) -> Result<Response, String> {
    send("GET", url, headers, &[])
}

/// Posts a form.
///
/// # Errors
/// Says what went wrong on the wire.
///
/// # Panics
/// Where the address is not on loopback.
pub fn post_form(url: &Url, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Result<Response, String> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/x-www-form-urlencoded"));
    send("POST", url, &headers, body.as_bytes())
}

/// Sends any request.
///
/// # Errors
/// Says what went wrong on the wire.
///
/// # Panics
/// Where the address is not on loopback.
pub fn send(method: &str, url: &Url, headers: &[(&str, &str)], body: &[u8]) -> Result<Response, String> {
    let failed = |error: std::io::Error| format!("{method} {}: {error}", url.path());
    let mut stream = connect(url)?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut head = format!("{method} {}{query} HTTP/1.1\r\nhost: {host}:{port}\r\n", url.path());
    head.push_str("connection: close\r\nuser-agent: pintail-testkit\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" || !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).map_err(failed)?;
    stream.write_all(body).map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    parse(&answer).ok_or_else(|| format!("{method} {}: not an HTTP answer", url.path()))
}

fn connect(url: &Url) -> Result<TcpStream, String> {
    assert_eq!(url.scheme(), "http", "this client speaks plain HTTP only");
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses: Vec<_> =
        (host.as_str(), port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?.collect();
    let mut problem = format!("{host}: no address");
    for address in addresses {
        assert!(address.ip().is_loopback(), "a test asked for {host}, which is not on loopback");
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                let timeouts = stream
                    .set_read_timeout(Some(PATIENCE))
                    .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
                return timeouts.map(|()| stream).map_err(|error| error.to_string());
            }
            Err(error) => problem = format!("{address}: {error}"),
        }
    }
    Err(problem)
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let raw = &answer[end + 4..];
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value.to_ascii_lowercase().contains("chunked"));
    let body = if chunked { unchunk(raw)? } else { raw.to_vec() };
    Some(Response { status, headers, body })
}

fn unchunk(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = raw.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&raw[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        raw = raw.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(raw.get(..size)?);
        raw = raw.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{get, parse};

    #[test]
    fn chunks_are_put_together() {
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        let response = parse(answer).expect("an answer");
        assert_eq!((response.status, response.text().as_str()), (200, "abcde"));
    }

    #[test]
    #[should_panic(expected = "not on loopback")]
    fn other_hosts_are_refused() {
        let _ = get(&"http://192.0.2.1/".parse().expect("a URL"), &[]);
    }
}
