//! TLS as it is met in offices: a CA of their own, wrong certificates, and a proxy in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::net::SocketAddr;
use std::sync::Arc;

use pintail_core::seam::{BoxFuture, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use pintail_store::transport::{ProxyConfig, Resolve, TlsTrust, Transport, TransportOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn server(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    while head(stream).await.is_some() {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await.unwrap();
    }
}

/// Serves TLS until the test's runtime ends.
async fn serve(config: ServerConfig) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                    answer(&mut stream).await;
                }
            });
        }
    });
    port
}

/// Opens tunnels for one user until the test's runtime ends.
async fn tunnel_to(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, port));
        }
    });
    own
}

async fn carry(mut client: TcpStream, port: u16) {
    let head = head(&mut client).await.unwrap();
    assert!(head.starts_with(&format!("CONNECT store.example:{port} HTTP/1.1\r\n")), "{head}");
    if !head.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n") {
        client.write_all(b"HTTP/1.1 407 Who are you\r\n\r\n").await.unwrap();
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[derive(Debug)]
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> BoxFuture<'a, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![([127, 0, 0, 1], port).into()]) })
    }
}

fn transport(trust: TlsTrust, proxy: Option<String>) -> Transport {
    let proxy = ProxyConfig::parse(None, proxy.as_deref(), None).unwrap();
    Transport::new(TransportOptions { trust, proxy, resolver: Arc::new(Here), ..TransportOptions::default() })
        .unwrap()
}

async fn ask(transport: &Transport, port: u16) -> Result<HttpResponse, HttpError> {
    let url = format!("https://store.example:{port}/").parse().unwrap();
    HttpClient::send(transport, HttpRequest::get(url)).await
}

#[tokio::test]
async fn the_bundle_given_is_trusted_and_nothing_else() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let port = serve(ours.server("store.example")).await;
    let trusting = transport(TlsTrust::Bundle(ours.pem.clone().into_bytes()), None);
    for _ in 0..3 {
        assert_eq!(ask(&trusting, port).await.unwrap().body, "secret");
    }
    assert_eq!(trusting.connections_opened(), 1);
    assert_eq!(trusting.sibling().connections_opened(), 0);
    for trust in [TlsTrust::Bundle(theirs.pem.into_bytes()), TlsTrust::System] {
        let error = ask(&transport(trust, None), port).await.unwrap_err();
        assert_eq!(error.kind, HttpErrorKind::Tls);
        assert_eq!(error.host, format!("store.example:{port}"));
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let ours = Authority::new();
    let port = serve(ours.server("other.example")).await;
    let error = ask(&transport(TlsTrust::Bundle(ours.pem.into_bytes()), None), port).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Tls);
}

#[tokio::test]
async fn a_server_without_tls_is_no_trust_question_of_minutes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let error = ask(&transport(TlsTrust::System, None), port).await.unwrap_err();
    assert!(matches!(error.kind, HttpErrorKind::Tls | HttpErrorKind::Connect), "{:?}", error.kind);
}

#[tokio::test]
async fn a_tunnel_carries_tls_end_to_end() {
    let ours = Authority::new();
    let port = serve(ours.server("store.example")).await;
    let proxy = tunnel_to(port).await;
    let trust = || TlsTrust::Bundle(ours.pem.clone().into_bytes());
    let through = transport(trust(), Some(format!("http://user:pass@127.0.0.1:{proxy}")));
    assert_eq!(ask(&through, port).await.unwrap().body, "secret");
    let unknown = transport(trust(), Some(format!("http://127.0.0.1:{proxy}")));
    assert_eq!(ask(&unknown, port).await.unwrap_err().kind, HttpErrorKind::Proxy);
}
