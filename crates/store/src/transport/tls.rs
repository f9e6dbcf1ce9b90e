//! Whom TLS trusts, and the settings made of it once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Whom TLS trusts.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum TlsTrust {
    /// Whom the operating system trusts.
    #[default]
    System,
    /// These certificates alone: the bytes of a PEM file, as `AWS_CA_BUNDLE` names one.
    Bundle(Vec<u8>),
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Bundle(pem) => write!(f, "Bundle({} bytes)", pem.len()),
        }
    }
}

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The bundle is not PEM or holds a broken certificate.
    #[error("could not read the CA bundle")]
    BadBundle(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bundle holds no certificate at all.
    #[error("the CA bundle holds no certificate")]
    EmptyBundle,
}

/// The settings for every TLS connection of a transport and its siblings.
pub(super) struct Tls {
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(trust: TlsTrust) -> Result<Self, TlsError> {
        let config = OnceLock::new();
        if let TlsTrust::Bundle(pem) = trust {
            let _ = config.set(Arc::new(with_bundle(&pem)?));
        }
        Ok(Self { config })
    }

    /// Returns the settings. The system's certificates are read the first time somebody needs them: that is a
    /// hundred files on some systems, and nothing at all for plain http.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(with_system_trust()?);
        Ok(Arc::clone(self.config.get_or_init(|| config)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn with_system_trust() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(with_http1(config))
}

fn with_bundle(pem: &[u8]) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| TlsError::BadBundle(error.into()))?;
        roots.add(certificate).map_err(|error| TlsError::BadBundle(error.into()))?;
    }
    if roots.is_empty() {
        return Err(TlsError::EmptyBundle);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::BadBundle(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(with_http1(config))
}

fn with_http1(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_must_hold_a_certificate() {
        assert!(matches!(Tls::new(TlsTrust::Bundle(Vec::new())), Err(TlsError::EmptyBundle)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        assert!(matches!(Tls::new(TlsTrust::Bundle(broken)), Err(TlsError::BadBundle(_))));
    }
}
