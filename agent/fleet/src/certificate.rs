//! X.509 certificates (RFC 5280, Ed25519 by RFC 8410) for the links of a fleet: the owner's key is their authority, and
//! each device has one for its own key.
//!
//! A certificate says who may open a link at all and keeps what crosses secret; who said what is proved by the
//! signature of each message. None ends: a device without a clock of its own believes that it is 1970, and who is
//! removed from the roster is not believed any more whatever link it opens.

use crate::enrol::EnrolError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::{Digest, Name, PublicKey, Signer, hex};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, PKCS_ED25519,
    PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::path::Path;

/// Largest certificate file.
const FILE_BYTES: u64 = 16 << 10;
/// What stands before the 32 secret bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7).
const PKCS8: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// What a device shows on its links, and whom it lets open one.
pub struct Credentials {
    /// Certificates of the fleet's authorities, DER.
    pub authorities: Vec<Vec<u8>>,
    /// The device's own, DER; behind it, while the owner's key is replaced, the new key's by the old one.
    pub chain: Vec<Vec<u8>>,
    /// Its secret key, PKCS #8 DER.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({} authorities, key secret)", self.authorities.len())
    }
}

impl Credentials {
    /// # Errors
    /// When the file holds no certificate.
    pub fn read(authorities: Vec<Vec<u8>>, certificate: &Path, signer: &Signer) -> Result<Self, EnrolError> {
        let none = |why: String| EnrolError::NoCertificate { path: certificate.to_owned(), why };
        let bytes = std::fs::metadata(certificate).map_err(|e| none(e.to_string()))?.len();
        if bytes > FILE_BYTES {
            return Err(none(format!("{bytes} bytes, at most {FILE_BYTES}")));
        }
        let text = std::fs::read(certificate).map_err(|e| none(e.to_string()))?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .map(|der| der.map(|d| d.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|e| none(e.to_string()))?;
        if chain.is_empty() {
            return Err(none("the file has none".into()));
        }
        Ok(Self { authorities, chain, key: [&PKCS8[..], signer.secret()].concat() })
    }
}

/// A name of DNS that stands for a device in its certificate; a device's own name need not be one, and its capitals
/// count.
#[must_use]
pub fn dns_name(device: &Name) -> String {
    format!("{}.wattline", hex::encode(&Digest::of(device.as_str().as_bytes()).0[..16]))
}

/// Text form (RFC 7468): `what` is `CERTIFICATE` or `PRIVATE KEY`.
#[must_use]
pub fn pem(what: &str, der: &[u8]) -> String {
    let code = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {what}-----\n");
    for (i, c) in code.chars().enumerate() {
        if i > 0 && i % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text + &format!("\n-----END {what}-----\n")
}

/// A signer as `rcgen` sees one.
struct Owner<'a> {
    signer: &'a Signer,
    public: [u8; 32],
}

impl PublicKeyData for Owner<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Owner<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.signer.sign(message).raw().to_vec())
    }
}

fn params(key: &PublicKey, name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(1970, 1, 1);
    // "No well-defined expiration date", RFC 5280, 4.1.2.5.
    params.not_after = date_time_ymd(9999, 12, 31);
    // The same certificate whenever it is made: of a key there is one.
    let digest = Digest::of(format!("{name}\n{key}").as_bytes());
    params.serial_number = Some(SerialNumber::from_slice(&[&[1], &digest.0[..15]].concat()));
    params
}

fn authority_params(fleet: &Name, owner: &PublicKey) -> CertificateParams {
    let mut params = params(owner, &format!("wattline {fleet} {}", owner.id()));
    // Itself, and the key that takes its place.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// The certificate of an owner's key as an authority, DER.
///
/// # Errors
/// None that an Ed25519 key can bring about.
pub fn authority(fleet: &Name, owner: &Signer) -> Result<Vec<u8>, EnrolError> {
    let public = owner.public();
    let key = Owner { signer: owner, public: public.to_bytes() };
    let made = authority_params(fleet, &public).self_signed(&key).map_err(|e| EnrolError::Certificate(e.to_string()))?;
    Ok(made.der().to_vec())
}

/// The certificate of an owner's next key by the present one, DER: who trusts only the present one believes by it what
/// the next one has signed.
///
/// # Errors
/// None that an Ed25519 key can bring about.
pub fn cross(fleet: &Name, owner: &Signer, next: &PublicKey) -> Result<Vec<u8>, EnrolError> {
    let mut params = authority_params(fleet, next);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    signed(&params, fleet, owner, next)
}

/// A device's certificate by that authority, DER.
///
/// # Errors
/// None that an Ed25519 key can bring about.
pub fn issue(fleet: &Name, owner: &Signer, device: &Name, key: &PublicKey) -> Result<Vec<u8>, EnrolError> {
    let failed = |e: rcgen::Error| EnrolError::Certificate(e.to_string());
    let mut params = params(key, device.as_str());
    params.subject_alt_names = vec![SanType::DnsName(dns_name(device).try_into().map_err(failed)?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    signed(&params, fleet, owner, key)
}

fn signed(params: &CertificateParams, fleet: &Name, owner: &Signer, key: &PublicKey) -> Result<Vec<u8>, EnrolError> {
    let public = owner.public();
    let issuer = Issuer::new(authority_params(fleet, &public), Owner { signer: owner, public: public.to_bytes() });
    let made = params.signed_by(&Public(key.to_bytes()), &issuer).map_err(|e| EnrolError::Certificate(e.to_string()))?;
    Ok(made.der().to_vec())
}

/// A public key as `rcgen` sees one.
struct Public([u8; 32]);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

#[cfg(test)]
mod tests;
