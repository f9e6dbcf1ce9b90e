//! Amazon S3 as far as a plan looks at it: a proxy that the binary is sent through, behind which the sandbox answers under Amazon's names.
//!
//! Only questions without a body and without a signature are passed on: dry runs with an anonymous bookmark.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pintail_testkit::environment::Run;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::cloud::Cloud;

/// The region that it answers for.
pub(crate) const REGION: &str = "eu-central-1";

/// The proxy, until it is dropped.
pub(crate) struct Amazon {
    address: SocketAddr,
    authority: PathBuf,
    ends: Arc<AtomicBool>,
}

impl Amazon {
    /// Begins to answer with what a sandbox has.
    pub(crate) fn with(cloud: &Cloud) -> Self {
        let (pem, config) = certificates();
        let authority = cloud.env.folder().join("amazon.pem");
        std::fs::write(&authority, pem).expect("a file");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let sandbox = cloud.summary().s3_endpoint.trim_start_matches("http://").to_owned();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (config, sandbox) = (Arc::clone(&config), sandbox.clone());
                // A connection that breaks is the binary's to notice.
                std::thread::spawn(move || answer(stream, config, &sandbox));
            }
        });
        Self { address, authority, ends }
    }

    /// Sends a run through it.
    pub(crate) fn reached_by<'env>(&self, run: Run<'env>) -> Run<'env> {
        let proxy = format!("http://{}", self.address);
        run.set("HTTPS_PROXY", proxy).set("PINTAIL_CA_BUNDLE", &self.authority)
    }
}

impl Drop for Amazon {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// An authority that is believed for the test, and what it says of Amazon's names.
fn certificates() -> (String, Arc<ServerConfig>) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(params, key);
    let names = [format!("s3.{REGION}.amazonaws.com"), format!("*.s3.{REGION}.amazonaws.com")];
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names.to_vec()).expect("names");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a key of the certificate");
    (pem, Arc::new(config))
}

fn answer(mut stream: TcpStream, config: Arc<ServerConfig>, sandbox: &str) -> std::io::Result<()> {
    let asked = head(&mut stream)?;
    assert!(asked.starts_with("CONNECT "), "{asked}");
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let request = head(&mut stream)?;
    let mut lines = request.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let named = |line: &&str| line.to_ascii_lowercase().starts_with("host:");
    let host = lines.clone().find(named).map(|line| line["host:".len()..].trim()).unwrap_or_default();
    let bucket = host.strip_suffix(&format!(".s3.{REGION}.amazonaws.com"));
    let (method, path) = first.split_once(' ').unwrap_or_default();
    let place = bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
    let kept = lines.filter(|line| !line.is_empty() && !named(line));
    let headers: String = kept.map(|line| format!("{line}\r\n")).collect();
    let mut behind = TcpStream::connect(sandbox)?;
    let passed = format!("{method} {place}{path}\r\nhost: {sandbox}\r\nconnection: close\r\n{headers}\r\n");
    behind.write_all(passed.as_bytes())?;
    let mut answer = Vec::new();
    behind.read_to_end(&mut answer)?;
    // It says that the connection ends with it.
    stream.write_all(&answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Reads up to the end of a head.
fn head(stream: &mut impl Read) -> std::io::Result<String> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        read.push(byte[0]);
    }
    String::from_utf8(read).map_err(std::io::Error::other)
}
