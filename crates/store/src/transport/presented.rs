//! Which certificates a host presents here, for a diagnosis: whether somebody in between reads along.
//!
//! Nothing is sent over such a connection: it ends with the handshake, and what was presented is only looked at. Whether a
//! chain is trusted is for the transport's own connections to decide; here it is held against the public authorities that
//! browsers trust.

use std::sync::{Arc, Mutex};

use pintail_core::seam::{HttpError, HttpErrorKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{Origin, Transport, connect};

/// What a host presented.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The certificates in DER, the host's own first.
    pub chain: Vec<Vec<u8>>,
    /// The chain ends at an authority that browsers trust everywhere.
    pub is_public: bool,
}

impl Transport {
    /// Returns the proxy that requests to an address pass, as `host:port`.
    pub fn proxy_of(&self, url: &Url) -> Option<String> {
        let origin = origin(url)?;
        let proxy = self.settings.proxy.of(&origin)?;
        Some(format!("{}:{}", proxy.host(), proxy.port()))
    }

    /// Greets a host with TLS, by the way that requests take, and returns what it presents. `None` for plain http.
    ///
    /// # Errors
    /// When the host is not reached, or does not speak TLS.
    pub async fn presented(&self, url: &Url) -> Result<Option<Presented>, HttpError> {
        let Some(origin) = origin(url).filter(|origin| origin.https) else { return Ok(None) };
        let settings = &self.settings;
        let stream = timeout(settings.timeouts.connect, connect::reach(settings, &origin))
            .await
            .unwrap_or_else(|_| Err(origin.timeout()))?;
        let tls = |error: Box<dyn std::error::Error + Send + Sync>| origin.error(HttpErrorKind::Tls, error);
        let bare = origin.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|error| tls(error.into()))?;
        let looking = Arc::new(Looking::new().map_err(|error| tls(error.into()))?);
        let config = ClientConfig::builder_with_provider(Arc::clone(&looking.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(error.into()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&looking) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let greeting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        timeout(settings.timeouts.handshake, greeting)
            .await
            .map_err(|_| origin.timeout())?
            .map_err(|error| tls(error.into()))?;
        Ok(looking.seen.lock().expect("no holder of this lock panics").take())
    }
}

fn origin(url: &Url) -> Option<Origin> {
    let https = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    Some(Origin::new(https, url.host_str()?, url.port()))
}

/// Accepts every certificate and remembers it.
#[derive(Debug)]
struct Looking {
    provider: Arc<CryptoProvider>,
    public: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Presented>>,
}

impl Looking {
    fn new() -> Result<Self, rustls::client::VerifierBuilderError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        let public = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Ok(Self { provider, public: public.build()?, seen: Mutex::default() })
    }
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_public = self.public.verify_server_cert(end_entity, intermediates, name, ocsp, now).is_ok();
        let chain = std::iter::once(end_entity).chain(intermediates).map(|one| one.to_vec()).collect();
        *self.seen.lock().expect("no holder of this lock panics") = Some(Presented { chain, is_public });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
