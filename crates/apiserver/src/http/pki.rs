//! The server's own certificate authority: made in memory at every start, good for loopback only.
//!
//! Nothing here is written to disk; the caller puts [`Identity::ca_pem`] into the kubeconfig it hands out. The key of
//! the authority is dropped as soon as the one leaf is signed, so nobody can make a second one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why no identity could be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// Making a key or signing a certificate failed.
    #[error("make certificates")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused what was made.
    #[error("configure TLS")]
    Tls(#[from] rustls::Error),
}

/// What the server proves itself with.
pub struct Identity {
    ca_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(redacted)")
    }
}

impl Identity {
    /// Makes an authority and one leaf for 127.0.0.1, ::1 and localhost. Takes about a millisecond.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, PkiError> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::default();
        ca.distinguished_name = named("kubectl-job-ca");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let leaf_key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()])?;
        leaf.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        leaf.subject_alt_names.push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        leaf.distinguished_name = named("kubectl-job-apiserver");
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf_certificate = leaf.signed_by(&leaf_key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
        Ok(Self { ca_pem, chain: vec![leaf_certificate.der().clone()], key })
    }

    /// The certificate of the authority, as a kubeconfig's `certificate-authority-data` holds it in base64.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The TLS settings of a server: HTTP/2 and HTTP/1.1, no session tickets, since every kubectl is a new process.
    pub(super) fn server_config(self) -> Result<ServerConfig, PkiError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Ok(config)
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_its_own_and_never_shown() {
        let (one, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        assert!(one.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
        assert_ne!(one.ca_pem(), other.ca_pem());
        assert_eq!(format!("{one:?}"), "Identity(redacted)");
        let config = one.server_config().unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }
}
